"""Failures below the class and beside it lead to one valid end, and stay within their connection."""

import asyncio
import logging
from typing import Any

import pytest
from helpers.virtual_scenarios import (
    ACCEPT,
    SCENARIOS,
    SEND,
    Broken,
    Compat,
    Strict,
    failures,
    outcome,
    play,
)
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, turns, with_room
from helpers.wire import CLOSE, TEXT, close_payload, frame

from wsfsm.integrations import frames
from wsfsm.integrations.uvicorn import WebSocketProtocol, _access, _protocol, _writer
from wsfsm.integrations.uvicorn import _http as heads
from wsfsm.integrations.uvicorn import _inbound as inbound
from wsfsm.server import ServerConnection
from wsfsm.server import _outputs as effects

pytestmark = pytest.mark.one_python


@pytest.fixture(autouse=True)
def known_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings have the same payload each time."""
    monkeypatch.setattr(effects, "token_bytes", bytes)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("ws", [Strict, Compat])
class TestFailingLog:
    def test_log_filter_that_raises_does_not_change_the_connection(
        self, name: str, ws: type[WebSocketProtocol], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Raising(logging.Filter):
            def filter(self, record: logging.LogRecord) -> bool:
                raise Broken(record.getMessage())

        right = outcome(name, ws)
        monkeypatch.setattr(_access._logger, "filters", [Raising()])
        assert outcome(name, ws, log_level="trace") == right

    def test_log_handler_that_raises_does_not_change_the_connection(
        self, name: str, ws: type[WebSocketProtocol], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Raising(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise Broken(record.getMessage())

        right = outcome(name, ws)
        monkeypatch.setattr(_access._logger, "handlers", [Raising()])
        monkeypatch.setattr(logging, "lastResort", None)
        assert outcome(name, ws) == right


class TestFailingTransport:
    @pytest.mark.parametrize("half_closes", [True, False])
    @pytest.mark.parametrize("broken", ["write", "write_eof", "close", "resume_reading"])
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_transport_method_that_raises_ends_the_connection(
        self, name: str, broken: str, *, half_closes: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        transport = Transport(half_closes=half_closes)
        transport.broken.add(broken)
        outcome(name, Strict, transport)

        assert failures(caplog) or not transport.broke

    @pytest.mark.parametrize("name", ["unread data and RST", "unread data and FIN"])
    def test_transport_that_cannot_be_paused_ends_the_connection(self, name: str) -> None:
        transport = Transport()
        transport.broken.add("pause_reading")
        outcome(name, Strict, transport)
        assert transport.broke

    def test_transport_that_cannot_be_resumed_ends_the_connection(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        transport = Transport()
        transport.broken.add("resume_reading")
        got: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            while (message := await receive())["type"] != "websocket.disconnect":
                got.append(message["text"])
            got.append(message["code"])

        async def main() -> None:
            link = Link(app, with_room(0, 0), transport, ws_ping_interval=None)
            link.ask()
            await turns()
            for payload in (b"1", b"2", b"3"):
                link.receive(frame(TEXT, payload))
            assert not transport.reading
            await asyncio.sleep(100)
            assert link.is_clean()

        in_virtual_time(main)
        assert transport.broke
        assert failures(caplog)
        assert got[0] == "1"
        assert got[-1] == 1011

    def test_oserror_of_the_half_close_aborts_the_transport(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Gone(Transport):
            def write_eof(self) -> None:
                raise OSError("not connected")

        transport = Gone()
        outcome("messages", Strict, transport)
        assert transport.aborted
        assert not failures(caplog)

    def test_delayed_write_that_fails_ends_the_connection(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        transport = Transport()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            for _ in range(3):
                await receive()
            await receive()
            transport.broken.add("write")
            await send(SEND)  # it is kept, because more messages wait
            assert not transport.broke
            await asyncio.sleep(1)

        async def main() -> None:
            link = Link(app, WebSocketProtocol, transport)
            link.ask()
            await turns()
            link.receive(frame(TEXT) * 10)
            await asyncio.sleep(100)
            assert link.is_clean()

        in_virtual_time(main)
        assert transport.broke
        assert failures(caplog)


def raising(*args: object, **keys: object) -> Any:
    """Raise in place of a function."""
    raise Broken


INTERNALS = {
    "the library of HTTP": (heads.HTTPHandshake, "read"),
    "the key of the response": (heads, "accept_key"),
    "the scope": (_protocol, "make_scope"),
    "the offers of extensions": (_protocol, "negotiate"),
    "the reader of frames": (frames.FrameReader, "read"),
    "the construction of the reader": (frames.FrameReader, "__init__"),
    "control frames": (_protocol, "control_frame"),
    "data frames": (_protocol, "data_frame"),
    "counters": (_protocol, "look"),
    "counters at the end": (_writer, "look"),
    "the look at the peer": (inbound, "is_gone"),
    "half closing": (_writer, "can_half_close"),
}


@pytest.mark.parametrize("place", INTERNALS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_internal_failure_leads_to_a_valid_end(
    name: str, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, attribute = INTERNALS[place]
    called = []

    def failing(*args: object, **keys: object) -> Any:
        called.append(args)
        raise Broken

    monkeypatch.setattr(owner, attribute, failing)
    outcome(name, Strict)
    assert bool(called) is bool(failures(caplog))


@pytest.mark.parametrize("method", ["receive_eof", "connection_lost", "shutdown", "timeout", "send", "failed",
    "application_returned", "application_raised", "receive_message", "receive_close"])  # fmt: skip
@pytest.mark.parametrize("name", SCENARIOS)
def test_error_of_the_core_is_contained(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerConnection, method, raising)
    transport = Transport()

    async def main() -> None:
        link = await play(SCENARIOS[name], Strict, transport)
        transport.lose()
        await asyncio.sleep(1000)
        assert not link.timers
        assert not link.state.tasks
        assert not transport.late

    in_virtual_time(main)


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ("the scope", b"HTTP/1.1 500 "),
        ("the key of the response", b"HTTP/1.1 500 "),
        ("the library of HTTP", b"HTTP/1.1 500 "),
        ("the offers of extensions", b"HTTP/1.1 500 "),
    ],
)
def test_internal_failure_during_the_handshake_is_answered_with_an_error_status(
    place: str, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*INTERNALS[place], raising)
    assert outcome("messages", Strict).startswith(answer)


@pytest.mark.parametrize("place", ["the reader of frames", "data frames"])
def test_internal_failure_after_the_handshake_closes_with_1011(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*INTERNALS[place], raising)
    assert outcome("messages", Strict).endswith(frame(CLOSE, close_payload(1011), masked=False))
