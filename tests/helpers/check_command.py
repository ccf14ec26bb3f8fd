"""Arguments and outputs of the command ``wsfsm check``, for its tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from wsfsm.cli import main
from wsfsm.conformance import Report, load_folder
from wsfsm.conformance.reports.json import from_json

MUST, SHOULD = "accept.message", "accept.connect-with-another-key"
"""Cases of facades of these levels."""

BAD: Final = "builtins:object"  # no facade at all: it fails both
ONE: Final = ("--id", "send.text")
"""The options that ask for one case of servers."""

CASES = [*load_folder("server"), *load_folder("facade")]

Capture: TypeAlias = pytest.CaptureFixture[str]
Patch: TypeAlias = pytest.MonkeyPatch


def facade(*words: str) -> list[str]:
    return ["check", "facade", *words]


def server(*words: str) -> list[str]:
    return ["check", "server", *words]


def failed(arguments: Sequence[str], capsys: Capture) -> str:
    """Return the error of a target that could not be checked, without the name of the command."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("wsfsm: ")
    return err.removeprefix("wsfsm: ").removesuffix("\n")


def written(path: Path) -> tuple[Report, ...]:
    """The reports of a file."""
    return from_json(path.read_text(encoding="utf-8"), CASES)
