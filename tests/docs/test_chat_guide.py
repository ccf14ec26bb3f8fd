"""The comparison of the chat rooms shows the programs that are tested."""

import asyncio
import re
from typing import Any

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide

from wsfsm.testing import connect

GUIDE = Guide(ROOT / "docs" / "chat.md")
PROGRAMS = {
    name: (ROOT / "examples" / "chat" / f"with_{name.lower()}.py").read_text(encoding="utf-8")
    for name in ("Starlette", "wsfsm")
}


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_shown_as_it_is(name: str) -> None:
    assert blocks(GUIDE.section(f"The program with {name}")) == [PROGRAMS[name]]


@pytest.mark.parametrize(
    "section", ["Reject a client", "Send to other clients", "End a handler"], ids=str
)
def test_a_section_compares_a_part_of_each_program(section: str) -> None:
    theirs, ours = blocks(GUIDE.section(section))

    assert theirs in PROGRAMS["Starlette"]
    assert theirs not in PROGRAMS["wsfsm"]
    assert ours in PROGRAMS["wsfsm"]
    assert ours not in PROGRAMS["Starlette"]


def test_a_message_of_the_wrong_kind_closes_with_its_code() -> None:
    (code,) = blocks(GUIDE.section("Receive the wrong kind"))
    names: dict[str, Any] = {}
    exec(compile(code, "chat.md", "exec"), names)  # noqa: S102 - our own

    async def talk() -> None:
        async with connect(names["chat"]) as client:
            await client.send_bytes(b"data")
            assert (await client.receive_close()).code == 1003

    asyncio.run(talk())


def test_the_numbers_of_lines_are_right() -> None:
    lines = [len(program.splitlines()) for program in PROGRAMS.values()]

    assert f"\n| lines | {lines[0]} | {lines[1]} |\n" in GUIDE.text


def test_each_program_has_the_exceptions_of_the_table() -> None:
    (cells,) = re.findall(r"\| exceptions to know \| (.*) \| (.*) \|", GUIDE.text)

    for program, cell in zip(PROGRAMS.values(), cells, strict=True):
        names = re.findall(r"`(\w+)`", cell)
        caught = re.findall(r"except ([^:]*):", program)
        assert {*names} == {*re.findall(r"\w+", " ".join(caught))} - {"Exception"}


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE.text)

    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link


def test_its_lines_have_no_more_than_120_characters() -> None:
    prose = re.sub(r"^\|.*$", "", GUIDE.text, flags=re.MULTILINE)

    assert max(map(len, prose.splitlines())) <= 120
