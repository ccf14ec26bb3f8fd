"""The guide for authors of servers says what the code does."""

import re
from typing import get_args

import attrs
import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide

from wsfsm import exceptions
from wsfsm.server import Policies, ServerConnection
from wsfsm.server.commands import Command

GUIDE = Guide(ROOT / "docs" / "servers.md")


def test_guide_code_prints_the_output_shown() -> None:
    assert GUIDE.prints_what_it_says()


def test_guide_lists_every_method_of_the_connection() -> None:
    calls = [cell.split("(")[0] for cell in GUIDE.first_cells("Report events")]
    read = [cell.removesuffix("()") for cell in GUIDE.first_cells("Query the connection")]
    names = [name for name in vars(ServerConnection) if not name.startswith("_")]

    assert calls == [name for name in names if name not in read]
    assert set(calls + read) == {*names}


@pytest.mark.parametrize("cell", GUIDE.first_cells("Report events"))
def test_guide_lists_the_arguments_of_the_method(cell: str) -> None:
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", cell).groups()  # type: ignore[union-attr]
    code = getattr(ServerConnection, name).__code__

    assert ["self", *filter(None, arguments.split(", "))] == [*code.co_varnames[: code.co_argcount]]


def test_guide_lists_every_command() -> None:
    assert GUIDE.first_cells("Execute commands") == [kind.__name__ for kind in get_args(Command)]


def test_guide_names_the_family_of_every_exception() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \|", GUIDE.section("Call the application"), re.MULTILINE
    )

    assert len(rows) == 3
    for name, family in rows:
        assert family in {base.__name__ for base in getattr(exceptions, name).__mro__}


def test_guide_lists_every_policy_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`]+)` \|", GUIDE.section("Choose policies"), re.MULTILINE
    )

    assert rows == [(field.name, repr(field.default)) for field in attrs.fields(Policies)]


def test_guide_links_and_named_tests_exist() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)

    assert len(links) >= 5
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link
    for name in re.findall(r"`(tests/[\w/]+\.py)`", GUIDE.text):
        assert (ROOT / name).exists(), name
