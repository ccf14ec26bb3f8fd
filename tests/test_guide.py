"""The guide for authors of servers says what the code does."""

import contextlib
import io
import re
from typing import get_args

import attrs
import pytest
from support import ROOT

from wsfsm import errors
from wsfsm.commands import Command
from wsfsm.server import Policies, ServerConnection

PATH = ROOT / "docs" / "servers.md"
GUIDE = PATH.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """What is in the first column of a section's table, without its heading."""
    table = re.findall(r"(?:^\|.*\n)+", section(title), re.MULTILINE)[0]
    return [line.strip("|").split("|")[0].strip(" `") for line in table.splitlines()[2:]]


def test_its_code_prints_what_it_says() -> None:
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", GUIDE, re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PATH), "exec"), {})  # noqa: S102 - our own

    assert out.getvalue() == printed


def test_every_call_is_there() -> None:
    told = [cell.split("(")[0] for cell in first_cells("What you tell")]
    second = section("What you tell").split("What can be read from it:")[1]
    read = re.findall(r"^\| `(\w+)(?:\(\))?` \|", second, re.MULTILINE)
    names = [name for name in vars(ServerConnection) if not name.startswith("_")]

    assert told == [name for name in names if name not in read]
    assert set(told + read) == {*names}


@pytest.mark.parametrize("cell", first_cells("What you tell"))
def test_a_call_has_these_arguments(cell: str) -> None:
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", cell).groups()  # type: ignore[union-attr]
    code = getattr(ServerConnection, name).__code__

    assert ["self", *filter(None, arguments.split(", "))] == [*code.co_varnames[: code.co_argcount]]


def test_every_command_is_there() -> None:
    assert first_cells("What you do") == [kind.__name__ for kind in get_args(Command)]


def test_every_exception_is_of_its_family() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \|", section("The application's two callables"), re.MULTILINE
    )

    assert len(rows) == 3
    for name, family in rows:
        assert family in {base.__name__ for base in getattr(errors, name).__mro__}


def test_every_policy_is_there_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section("What you may decide"), re.MULTILINE)

    assert rows == [(field.name, repr(field.default)) for field in attrs.fields(Policies)]


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE)

    assert len(links) >= 5
    for link in links:
        assert (PATH.parent / link).exists(), link
    for name in re.findall(r"`(tests/\w+\.py)`", GUIDE):
        assert (ROOT / name).exists(), name
