"""Whatever fails below the class or beside it, there is one valid end, and nobody else notices."""

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
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, turns
from helpers.wire import CLOSE, TEXT, close_payload, frame

from wsfsm.integrations import frames
from wsfsm.integrations.uvicorn import WebSocketProtocol, _access, _protocol, _writer
from wsfsm.integrations.uvicorn import _http as heads
from wsfsm.integrations.uvicorn import _inbound as inbound
from wsfsm.server import ServerConnection
from wsfsm.server import _outputs as effects


@pytest.fixture(autouse=True)
def known_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings have the same payload each time."""
    monkeypatch.setattr(effects, "token_bytes", bytes)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("ws", [Strict, Compat])
class TestTheLog:
    def test_a_filter_that_raises_changes_nothing(
        self, name: str, ws: type[WebSocketProtocol], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Raising(logging.Filter):
            def filter(self, record: logging.LogRecord) -> bool:
                raise Broken(record.getMessage())

        right = outcome(name, ws)
        monkeypatch.setattr(_access._logger, "filters", [Raising()])
        assert outcome(name, ws, log_level="trace") == right

    def test_a_handler_that_raises_changes_nothing(
        self, name: str, ws: type[WebSocketProtocol], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Raising(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise Broken(record.getMessage())

        right = outcome(name, ws)
        monkeypatch.setattr(_access._logger, "handlers", [Raising()])
        monkeypatch.setattr(logging, "lastResort", None)
        assert outcome(name, ws) == right


class TestTheTransport:
    @pytest.mark.parametrize("half_closes", [True, False])
    @pytest.mark.parametrize("broken", ["write", "write_eof", "close", "resume_reading"])
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_a_method_that_raises_leads_to_an_end(
        self, name: str, broken: str, *, half_closes: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        transport = Transport(half_closes=half_closes)
        transport.broken.add(broken)
        outcome(name, Strict, transport)

        assert failures(caplog) or not transport.broke

    @pytest.mark.parametrize("name", ["unread data and RST", "unread data and FIN"])
    def test_so_does_one_that_cannot_be_paused(self, name: str) -> None:
        transport = Transport()
        transport.broken.add("pause_reading")
        outcome(name, Strict, transport)
        assert transport.broke

    def test_an_os_error_at_the_end_is_a_peer_that_is_gone(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Gone(Transport):
            def write_eof(self) -> None:
                raise OSError("not connected")

        transport = Gone()
        outcome("messages", Strict, transport)
        assert transport.aborted
        assert not failures(caplog)

    def test_frames_that_are_kept_are_written_by_a_turn_of_the_loop_which_may_fail(
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
    """Stands in for what fails."""
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
def test_whatever_fails_there_is_a_valid_end(
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
def test_errors_of_the_core_reach_nobody_else(
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
def test_before_the_handshake_is_complete_that_is_a_response(
    place: str, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*INTERNALS[place], raising)
    assert outcome("messages", Strict).startswith(answer)


@pytest.mark.parametrize("place", ["the reader of frames", "data frames"])
def test_after_it_that_is_a_close_with_1011(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*INTERNALS[place], raising)
    assert outcome("messages", Strict).endswith(frame(CLOSE, close_payload(1011), masked=False))
