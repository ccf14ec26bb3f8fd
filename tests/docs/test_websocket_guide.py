"""The guide to the WebSocket."""

import inspect
import re

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide

import wsfsm
from wsfsm import ReadyState
from wsfsm._closing import code_fault

GUIDE = Guide(ROOT / "docs" / "websocket.md")


def test_its_code_prints_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    assert GUIDE.prints_what_it_says()
    assert all(record.name == "wsfsm.origins" for record in caplog.records)


def test_every_ready_state_is_there_with_its_value() -> None:
    cells = [cell.strip('"') for cell in GUIDE.first_cells("Know the state of a connection")]
    assert sorted(cells) == sorted(ReadyState)


def test_close_codes_that_can_be_sent_are_those_of_the_rule() -> None:
    rows = re.findall(
        r"^\| (\d+)(?: to (\d+))? \| (yes|no) \|", GUIDE.section("Close codes"), re.MULTILINE
    )
    said = {
        code: sent == "yes"
        for first, last, sent in rows
        for code in range(int(first), int(last or first) + 1)
    }

    sent = {code for code in range(5000) if code_fault(code) is None}
    assert sent == {code for code in said if said[code]}
    assert {*said} - sent == {1005, 1006, 1015}


def test_every_option_of_asgi_is_there() -> None:
    handler, *options = inspect.signature(wsfsm.asgi).parameters
    assert (handler, GUIDE.first_cells("An application from a handler")) == ("handler", options)


def test_the_methods_without_a_timeout_are_named() -> None:
    paragraph = GUIDE.section("Timeouts").split("\n\n")[0]
    methods = {
        name
        for name, value in inspect.getmembers(wsfsm.WebSocket, inspect.isfunction)
        if re.match("accept|a?close|deny|iter_|receive|send", name)
    }
    having = {
        name
        for name in methods
        if "timeout" in inspect.signature(getattr(wsfsm.WebSocket, name)).parameters
    }
    with_, without = (
        {*re.findall(r"`(\w+)\(\)`", part)} for part in paragraph.split("Without one")
    )

    assert with_ == {name for name in having if not re.match("receive|send", name)}
    assert without == methods - having


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)
    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link


def test_its_lines_have_no_more_than_120_characters() -> None:
    prose = re.sub(r"```text\n.*?```|^\|[^\n]*$", "", GUIDE.text, flags=re.DOTALL | re.MULTILINE)
    assert max(map(len, prose.splitlines())) <= 120
