"""The page of the server's table: its legends agree with the code."""

import re
from typing import Any, Final, get_args

import attrs
import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide

from wsfsm.exceptions import ClientDisconnected
from wsfsm.fsm import Event
from wsfsm.messages import Accept, Close, ResponseBody, ResponseStart, Send
from wsfsm.server import BadHandshake, Command, Policies
from wsfsm.server._outputs import ConnectionData
from wsfsm.server.commands import Timer
from wsfsm.tables import SERVER
from wsfsm.tables.outputs import Output

PAGE = Guide(ROOT / "docs" / "server_table.md")
COMMANDS = {kind.__name__ for kind in get_args(Command)}
CODE = 4321  # of the Close frames that are not the server's own
POLICIES = Policies(
    shutdown_code=1013,
    shutdown_status=510,
    handshake_timeout=60,
    ping_interval=21,
    ping_timeout=22,
    close_timeout=23,
    shutdown_timeout=24,
)  # all different

ARGUMENTS: Final[dict[Output, Any]] = {
    Output.RECEIVE: "",
    Output.HOLD_DATA: b"",
    Output.SEND_101: Accept(),
    Output.SEND_REFUSAL: BadHandshake("why", status=426),
    Output.HOLD_HEAD: ResponseStart(401),
    Output.SEND_HEAD: ResponseStart(401),
    Output.SEND_BODY: ResponseBody(b""),
    Output.SEND_DENIAL: ResponseBody(b""),
    Output.SEND_PONG: b"",
    Output.CLOSE_AS_ASKED: Close(CODE),
    Output.CLOSE_ECHO: Close(CODE),
    Output.CLOSE_ERROR: Close(CODE),
    Output.TAKE_CLOSE: Close(CODE),
    Output.LOG_RAISED: Exception(),
    Output.LOG_FAILURE: Exception(),
}
"""The data of the outputs that have some; "send data" has two kinds."""


def rows(title: str) -> list[list[str]]:
    lines = re.findall(r"^\| (`.*)\|$", PAGE.section(title), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


OUTPUTS = rows("Outputs")


def test_page_lists_every_guard_of_an_event() -> None:
    events = dict.fromkeys(row.event for row in SERVER.table.rows if isinstance(row.event, Event))
    guards = {(event.name, event.guard) for event in events if event.guard}
    listed = [(event.strip("`"), guard.strip("`[]")) for event, guard, _ in rows("Guards")]

    assert len(listed) == len(guards)
    assert {*listed} == guards


def test_page_names_only_policies_that_exist() -> None:
    text = PAGE.section("Guards") + PAGE.section("Outputs")
    named = re.findall(r"olic(?:y|ies)(?:\]\([^)]*\))? `(\w+)`", text)

    assert len(named) > 10
    for name in named:
        assert hasattr(POLICIES, name), name


def test_page_lists_every_output_in_its_order() -> None:
    assert [name.strip("`") for name, _, _ in OUTPUTS] == [output.value for output in Output]


@pytest.mark.parametrize(("name", "effect", "code"), OUTPUTS, ids=[row[0] for row in OUTPUTS])
def test_output_has_the_listed_command_and_code(name: str, effect: str, code: str) -> None:
    output = Output(name.strip("`"))
    data = ConnectionData(POLICIES)
    handle = ConnectionData.HANDLERS[output]
    if output is Output.RAISE_GONE:
        with pytest.raises(ClientDisconnected):
            handle(data, None)
        made: list[Command | None] = [None]
    elif output is Output.SEND_DATA:
        made = [handle(data, Send(text="")), handle(data, Send(bytes=b""))]
    else:
        made = [handle(data, ARGUMENTS.get(output))]

    commands = [command for command in made if command is not None]
    named = [word for word in re.findall(r"`(\w+)`", effect) if word in COMMANDS]
    assert named == [type(command).__name__ for command in commands]
    values = [value for command in commands for value in attrs.astuple(command)]
    assert [Timer[word] for word in re.findall(r"`Timer\.(\w+)`", effect)] == [
        value for value in values if isinstance(value, Timer)
    ]
    numbers = [int(number) for number in re.findall(r"with (\d+)", effect)]
    numbers += [getattr(POLICIES, name) for name in re.findall(r"policy `(\w+)`", effect)]
    assert {*numbers} <= {*values}
    own = {"": 1006, "the same": values[0] if values else None, "that of the peer": CODE}
    assert data.ending.code == (own[code] if code in own else int(code))
