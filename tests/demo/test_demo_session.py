"""The demo's session: commands of a page, and the entries that it receives."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from helpers.asgi import Server, run, scope
from helpers.connections import BINARY, BYE, CONNECT, TEXT
from helpers.uvicorn_server import in_time

from wsfsm.demo import Session
from wsfsm.demo.session import ABORT
from wsfsm.websockets import WebSocket


class Stage:
    """A session with a connection, and all its entries."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.session = Session(self.told.append)
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.server = Server()
        self.aborted = False

    def websocket(self) -> WebSocket:
        extensions = {"websocket.http.response": {}, ABORT: lambda: setattr(self, "aborted", True)}
        return WebSocket(scope(extensions=extensions), self.incoming.get, self.server.send)

    async def settle(self) -> None:
        """Let every task go as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def receive(self, message: Any) -> None:
        self.incoming.put_nowait(message)
        await self.settle()

    async def do(self, what: str, **values: Any) -> None:
        await self.session.perform({"do": what, **values})
        await self.settle()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [told["entry"] for told in self.told if "entry" in told]

    @property
    def state(self) -> dict[str, Any]:
        return next(told["state"] for told in reversed(self.told) if "state" in told)

    @property
    def errors(self) -> list[str]:
        return [told["error"] for told in self.told if "error" in told]


@contextlib.asynccontextmanager
async def staged(*, connected: bool = True) -> AsyncIterator[Stage]:
    stage = Stage()
    task = asyncio.create_task(stage.session.run(stage.websocket()))
    await stage.settle()
    if connected:
        await stage.receive(CONNECT)
    try:
        yield stage
    finally:
        stage.session.end()
        await task


def play(scenario: Callable[[Stage], Any], *, connected: bool = True) -> None:
    async def whole() -> None:
        async with staged(connected=connected) as stage:
            await scenario(stage)

    in_time(whole)


class TestSession:
    def test_session_receives_by_itself_and_reports_states_and_allowed_messages(self) -> None:
        async def scenario(stage: Stage) -> None:
            assert stage.entries[-1] == {
                "side": "client",
                "event": "websocket.connect",
                "detail": "",
                "before": ("CONNECTING", "CONNECTING"),
                "after": ("CONNECTED", "CONNECTING"),
                "edge": "client-CONNECTING-websocket.connect",
                "error": None,
            }
            assert stage.state == {
                "connection": 1,
                "client": "CONNECTED",
                "application": "CONNECTING",
                "allowed": (
                    "websocket.accept",
                    "websocket.close",
                    "websocket.http.response.start",
                ),
            }

        play(scenario)

    def test_a_connection_that_was_replaced_does_not_report_its_state(self) -> None:
        gate = asyncio.Event()

        async def scenario(stage: Stage) -> None:
            async def send(_: Any) -> None:
                await gate.wait()

            slow = stage.session._websocket
            assert slow is not None
            slow._send = send
            sending = asyncio.create_task(stage.do("start"))
            await stage.settle()
            assert slow.application_state.name == "RESPONSE"
            replacing = asyncio.create_task(stage.session.run(stage.websocket()))
            await stage.settle()
            gate.set()
            await sending
            assert (stage.state["connection"], stage.state["application"]) == (2, "CONNECTING")
            assert stage.entries[-1]["event"] == "websocket.http.response.start"
            stage.session.end()
            await replacing

        play(scenario)

    @pytest.mark.parametrize(
        ("before", "command", "message"),
        [
            ([], {"do": "accept"}, {"type": "websocket.accept"}),
            (
                [],
                {"do": "accept", "subprotocol": "chat"},
                {"type": "websocket.accept", "subprotocol": "chat"},
            ),
            (["accept"], {"do": "text", "text": "x"}, {"type": "websocket.send", "text": "x"}),
            (["accept"], {"do": "bytes", "text": "x"}, {"type": "websocket.send", "bytes": b"x"}),
            (
                ["accept"],
                {"do": "close", "code": 4000, "reason": "r"},
                {"type": "websocket.close", "code": 4000, "reason": "r"},
            ),
            (
                ["start"],
                {"do": "body", "text": "no", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
            ),
        ],
    )
    def test_command_sends_its_message(
        self, before: list[str], command: dict[str, Any], message: dict[str, Any]
    ) -> None:
        async def scenario(stage: Stage) -> None:
            for step in before:
                await stage.do(step)
            await stage.do(what=command.pop("do"), **command)
            assert stage.server.sent[-1] == message
            assert stage.entries[-1]["error"] is None
            assert stage.entries[-1]["edge"] is not None

        play(scenario)

    def test_refused_message_is_reported_with_its_error_and_not_sent(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("text", text="too early")
            entry = stage.entries[-1]
            assert entry["error"]["type"] == "IllegalTransition"
            assert entry["error"]["text"].startswith("Expected ASGI message")
            assert entry["before"] == entry["after"] == ("CONNECTED", "CONNECTING")
            assert entry["edge"] is None
            assert stage.server.sent == []

        play(scenario)

    def test_session_echoes_while_echo_is_on(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.receive(TEXT)  # not accepted yet: nothing is echoed
            await stage.do("accept")
            await stage.receive(TEXT)
            await stage.receive(BINARY)
            await stage.receive({"type": "websocket.receive"})
            await stage.do("echo", on=False)
            await stage.receive(TEXT)
            assert stage.server.sent[1:] == [
                {"type": "websocket.send", "text": "hello"},
                {"type": "websocket.send", "bytes": b"\x00\xff"},
            ]

        play(scenario)

    def test_session_ends_with_the_connection(self) -> None:
        async def whole() -> None:
            stage = Stage()
            stage.incoming.put_nowait(CONNECT)
            stage.incoming.put_nowait(BYE)
            await stage.session.run(stage.websocket())
            assert stage.state["client"] == "DISCONNECTED"
            await stage.do("text", text="too late")
            assert stage.entries[-1]["error"]["type"] == "ConnectionClosed"

        in_time(whole)

    def test_illegal_message_of_the_server_is_reported_and_ends_the_session(self) -> None:
        async def whole() -> None:
            stage = Stage()
            stage.incoming.put_nowait(TEXT)
            await stage.session.run(stage.websocket())
            assert stage.entries[-1]["error"]["type"] == "IllegalTransition"

        in_time(whole)

    def test_transport_loss_is_an_event_of_the_application_machine(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            stage.server.failing = OSError()
            await stage.do("text", text="x")
            entry = stage.entries[-1]
            assert entry["event"] == "transport lost"
            assert entry["edge"] == "application-CONNECTED-transport%20lost"
            assert entry["error"]["type"] == "WebSocketDisconnect"
            assert entry["after"] == ("DISCONNECTED", "DISCONNECTED")
            await stage.receive(BYE)
            assert stage.entries[-1]["event"] == "websocket.disconnect"

        play(scenario)

    def test_error_of_the_server_is_reported(self) -> None:
        async def scenario(stage: Stage) -> None:
            stage.server.failing = KeyError("the server's own")
            await stage.do("accept")
            assert stage.entries[-1]["error"] == {"type": "KeyError", "text": '"the server\'s own"'}

        play(scenario)

    def test_session_receives_by_hand(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("receive")
            assert stage.errors == ["the application is receiving already"]
            await stage.do("reading", on=False)
            stage.incoming.put_nowait(CONNECT)
            await stage.settle()
            assert stage.entries == []
            await stage.do("receive")
            assert stage.entries[-1]["event"] == "websocket.connect"
            await stage.do("reading", on=True)
            await stage.do("reading", on=True)
            await stage.receive(TEXT)
            assert stage.entries[-1]["event"] == "websocket.receive"

        play(scenario, connected=False)

    def test_connection_can_start_without_reading(self) -> None:
        async def whole() -> None:
            stage = Stage()
            await stage.do("reading", on=False)
            await stage.do("reading", on=True)
            await stage.do("reading", on=False)
            task = asyncio.create_task(stage.session.run(stage.websocket()))
            await stage.receive(CONNECT)
            assert stage.entries == []
            stage.session.end()
            await task

        in_time(whole)

    def test_new_connection_replaces_the_old_one(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            second = asyncio.create_task(stage.session.run(stage.websocket()))
            await stage.settle()
            assert stage.state["application"] == "CONNECTING"
            stage.session.end()
            await second

        play(scenario)

    def test_drop_command_aborts_the_transport(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("drop")
            assert stage.aborted
            assert stage.entries[-1]["event"] == "aborted"

        play(scenario)

    @pytest.mark.parametrize(
        ("command", "error"),
        [
            ({"do": "drop"}, "no connection to drop"),
            ({"do": "receive"}, "no connection to receive from"),
            ({"do": "text", "text": "x"}, "no connection to send on"),
            ({"do": "dance"}, "unknown command 'dance'"),
            ({}, "unknown command None"),
            ({"do": "text"}, "text: .*missing"),
            ({"do": "text", "text": "x", "loud": True}, "text: .*unexpected"),
        ],
    )
    def test_command_that_cannot_be_carried_out_is_reported(
        self, command: dict[str, Any], error: str
    ) -> None:
        stage = Stage()

        run(stage.session.perform(command))

        assert re.search(error, stage.errors[-1])

    @pytest.mark.parametrize(
        "command",
        [
            {"do": "close", "code": "x"},
            {"do": "text", "text": 5},
            {"do": "accept", "subprotocol": 5},
        ],
    )
    def test_malformed_message_is_reported_and_not_sent(self, command: dict[str, Any]) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.session.perform(command)
            assert stage.entries[-1]["error"]["type"] == "MalformedMessage"
            assert stage.server.sent == []

        play(scenario)
