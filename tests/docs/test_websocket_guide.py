"""The guide to the WebSocket."""

import inspect
import re

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide

import wsfsm
from wsfsm import ReadyState

GUIDE = Guide(ROOT / "docs" / "websocket.md")


def test_its_code_prints_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    assert GUIDE.prints_what_it_says()
    assert all(record.name == "wsfsm.origins" for record in caplog.records)


def test_every_ready_state_is_there_with_its_value() -> None:
    cells = [cell.strip('"') for cell in GUIDE.first_cells("Know the state of a connection")]
    assert sorted(cells) == sorted(ReadyState)


def test_every_option_of_asgi_is_there() -> None:
    handler, *options = inspect.signature(wsfsm.asgi).parameters
    assert (handler, GUIDE.first_cells("An application from a handler")) == ("handler", options)


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)
    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link


def test_its_lines_have_no_more_than_120_characters() -> None:
    prose = re.sub(r"```text\n.*?```|^\|.*$", "", GUIDE.text, flags=re.DOTALL | re.MULTILINE)
    assert max(map(len, prose.splitlines())) <= 120
