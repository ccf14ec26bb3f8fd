"""Scenarios of whole connections in uvicorn, played in process, and the conditions at the end of each."""

import asyncio
from typing import Any

import attrs
import h11
import pytest

from helpers.virtual_uvicorn import Application, Link, Transport, in_virtual_time, message, turns
from helpers.wire import BINARY, CLOSE, HEADERS, PING, PONG, TEXT, close_payload, frame, request
from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.server import Policies
from wsfsm.tables.states import ServerState

FAILURE = "Internal error"
ACCEPT = message("accept")
SEND = message("send", text="x")
DATA = message("send", bytes=b"x")
CLOSED = message("close", code=4000)
START = message("http.response.start", status=404)
MORE = message("http.response.body", body=b"a", more_body=True)
LAST = message("http.response.body", body=b"b")
BYE = frame(CLOSE, close_payload(1001))
ASK, RECEIVE, END, LOSE, STOP = "ask", "receive", "end", "lose", "stop"


class Broken(Exception):
    """It is raised on purpose."""


class Strict(WebSocketProtocol):
    """Has a limit for everything, and reads one message ahead."""

    policies = Policies(handshake_timeout=5, high_water=0, low_water=0, max_early_data=10)


class Compat(CompatWebSocketProtocol):
    """The same, with the choices of uvicorn's own classes."""

    policies = attrs.evolve(
        CompatWebSocketProtocol.policies, handshake_timeout=5, high_water=0, low_water=0
    )


# Steps: bytes of the peer; seconds; a message or an exception of the application, RECEIVE or
# "return"; what else happens.
SCENARIOS: dict[str, list[Any]] = {
    "no request": [b"no\r\n\r\n"],
    "a bad request": [request((b"content-length", b"1"))],
    "nothing, and a stop": [STOP],
    "nothing, and FIN": [END],
    "no answer": [ASK, RECEIVE, 6],
    "no answer, and a stop": [ASK, STOP],
    "no answer, and FIN": [ASK, END],
    "no answer, and RST": [ASK, LOSE],
    "no answer, and a return": [ASK, "return"],
    "no answer, and an error": [ASK, Broken()],
    "early data": [ASK, frame(TEXT), ACCEPT, RECEIVE, RECEIVE, BYE],
    "too much early data": [ASK, frame(TEXT, b"x" * 20)],
    "a rejection": [ASK, CLOSED, SEND],
    "a rejection of a silent client": [ASK, CLOSED, 30],
    "a denial": [ASK, START, LAST],
    "a denial in parts": [ASK, START, MORE, LAST],
    "half a denial": [ASK, START, MORE, "return"],
    "the head of a denial, and an error": [ASK, START, Broken()],
    "the head of a denial, and a stop": [ASK, START, STOP, 6],
    "half a denial, and a stop": [ASK, START, MORE, STOP, 6],
    "half a denial, and RST": [ASK, START, MORE, LOSE],
    "messages": [ASK, ACCEPT, SEND, RECEIVE, RECEIVE, frame(TEXT), frame(PING), SEND, DATA, BYE, RECEIVE],
    "a close": [ASK, ACCEPT, CLOSED, frame(PING), frame(TEXT), BYE],
    "a close of a silent client": [ASK, ACCEPT, CLOSED, 30],
    "a close and a stop": [ASK, ACCEPT, CLOSED, STOP, 30],
    "a return": [ASK, ACCEPT, "return", BYE],
    "an error": [ASK, ACCEPT, Broken(), BYE],
    "a stop": [ASK, ACCEPT, STOP, BYE],
    "a stop of a silent client": [ASK, ACCEPT, STOP, 30],
    "a protocol error": [ASK, ACCEPT, RECEIVE, frame(3), 30],
    "an unread protocol error": [ASK, ACCEPT, frame(3), 30, RECEIVE],
    "FIN": [ASK, ACCEPT, END],
    "RST": [ASK, ACCEPT, LOSE, SEND],
    "pings of the server": [ASK, ACCEPT, RECEIVE, 21, frame(PONG), 100],
    "unread data and RST": [
        *[ASK, ACCEPT, RECEIVE, frame(TEXT), frame(BINARY), BYE, LOSE],
        *[SEND, RECEIVE, RECEIVE, RECEIVE],
    ],
    "unread data and FIN": [ASK, ACCEPT, frame(TEXT), frame(BINARY), END, RECEIVE, RECEIVE, RECEIVE],
    "unread data, RST and an error": [ASK, ACCEPT, frame(TEXT), frame(TEXT), LOSE, Broken()],
    "unread data, RST and a stop": [ASK, ACCEPT, frame(TEXT), frame(TEXT), LOSE, STOP],
}  # fmt: skip


async def play(
    steps: list[Any], ws: type[WebSocketProtocol], transport: Transport, **options: Any
) -> Link:
    """Play a scenario, to the end of its connection."""
    app = Application()
    link = Link(app, ws, transport, **options)
    for step in steps:
        if step == ASK:
            link.ask()
        elif step == END:
            link.end()
        elif step == LOSE:
            transport.lose()
        elif step == STOP:
            link.protocol.shutdown()
        elif isinstance(step, bytes):
            link.receive(step)
        elif isinstance(step, int):
            await asyncio.sleep(step)
        else:
            app.steps.put_nowait(step)
        await turns()
    app.steps.put_nowait("return")
    await turns()
    if not transport.closing:
        link.end()
    await asyncio.sleep(1000)
    return link


def check(link: Link, transport: Transport) -> None:
    """Check what is true at the end of every connection."""
    assert transport.lost
    assert not transport.late
    assert link.core.state is ServerState.CLOSED
    assert link.is_clean()
    link.protocol.shutdown()  # it is too late, and nothing happens
    if transport.data:
        check_bytes(transport)


def check_bytes(transport: Transport) -> None:
    """Check that bytes are one response, and frames after a 101 only."""
    data = transport.data
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=list(HEADERS)))
    client.receive_data(data)
    event = client.next_event()
    assert isinstance(event, (h11.Response, h11.InformationalResponse)), data
    if event.status_code == 101:
        check_frames(data.partition(b"\r\n\r\n")[2])
        return
    assert event.status_code >= 400
    while isinstance(event := client.next_event(), h11.Data):
        pass
    if transport.ended:
        assert isinstance(event, h11.EndOfMessage), data
        assert not client.trailing_data[0]


def check_frames(data: bytes) -> None:
    """Check that there are whole frames, of which a Close is followed by Pongs only."""
    closed = False
    while data:
        opcode, length = data[0] & 0xF, data[1]
        assert length < 126
        assert not closed or opcode == PONG
        closed |= opcode == CLOSE
        assert len(data) >= 2 + length
        data = data[2 + length :]


def outcome(
    name: str, ws: type[WebSocketProtocol], transport: Transport | None = None, **options: Any
) -> bytes:
    """The bytes that are written in a scenario, which comes to a valid end."""
    wire = transport or Transport()

    async def main() -> None:
        check(await play(SCENARIOS[name], ws, wire, **options), wire)

    in_virtual_time(main)
    return wire.data


def failures(caplog: pytest.LogCaptureFixture) -> int:
    return sum(FAILURE in record.getMessage() for record in caplog.records)
