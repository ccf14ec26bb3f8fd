"""The demo's session: commands of a page, and the updates that it receives."""

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
from wsfsm.demo.session import ABORT, SERVER_STATE


class Stage:
    """A session with a connection, and all its updates."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.session = Session(self.updates.append)
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.server = Server()
        self.aborted = False

    async def connect(self) -> None:
        """Run the application of a connection."""
        extensions = {
            "websocket.http.response": {},
            ABORT: lambda: setattr(self, "aborted", True),
            SERVER_STATE: lambda: "A STATE",
        }
        await self.session.run(scope(extensions=extensions), self.incoming.get, self.server.send)

    async def settle(self) -> None:
        """Let every task go as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def receive(self, message: Any) -> None:
        self.incoming.put_nowait(message)
        await self.settle()

    async def do(self, what: str, **values: Any) -> None:
        await self.session.perform({"do": what, **values})

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [update["entry"] for update in self.updates if "entry" in update]

    @property
    def now(self) -> dict[str, Any]:
        now: dict[str, Any] = self.updates[-1]["now"]
        return now

    @property
    def errors(self) -> list[str]:
        return [update["error"] for update in self.updates if "error" in update]


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """A stage whose application has received the connect."""
    stage = Stage()
    task = asyncio.create_task(stage.connect())
    await stage.receive(CONNECT)
    try:
        yield stage
    finally:
        await stage.receive(BYE)
        await task


def play(scenario: Callable[[Stage], Any]) -> None:
    async def whole() -> None:
        async with staged() as stage:
            await scenario(stage)

    in_time(whole)


class TestConnection:
    def test_session_receives_by_itself_and_reports_states_and_allowed_messages(self) -> None:
        async def scenario(stage: Stage) -> None:
            assert stage.entries[-1] == {
                "side": "client",
                "event": "websocket.connect",
                "message": {},
                "connection": 1,
                "before": {"client": "CONNECTING", "application": "CONNECTING"},
                "after": {"client": "CONNECTED", "application": "CONNECTING"},
                "edge": "client-CONNECTING-websocket.connect",
                "error": None,
                "echo": False,
            }
            assert stage.now == {
                "connection": 1,
                "client": "CONNECTED",
                "application": "CONNECTING",
                "server": "A STATE",
                "allowed": (
                    "websocket.accept",
                    "websocket.close",
                    "websocket.http.response.start",
                ),
                "waiting": 0,
                "arrived": 0,
                "sent": 0,
                "dropped": False,
                "over": False,
                "reading": True,
                "echo": True,
            }

        play(scenario)

    def test_without_a_connection_there_are_no_states(self) -> None:
        stage = Stage()

        assert stage.session.now == {"connection": 0, "reading": True, "echo": True}

    def test_new_connection_ends_the_old_one_and_replaces_it(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            second = asyncio.create_task(stage.connect())
            await stage.settle()
            assert stage.server.sent[-1] == {"type": "websocket.close", "code": 1001}
            await stage.do("echo", on=True)
            assert (stage.now["connection"], stage.now["application"]) == (2, "CONNECTING")
            before = len(stage.updates)
            await stage.receive(TEXT)  # of the old one, which does not report it
            assert len(stage.updates) == before
            await stage.receive(BYE)
            await stage.receive(BYE)
            await second

        play(scenario)

    @pytest.mark.parametrize(
        ("steps", "messages"),
        [
            ([], ["websocket.close"]),
            (["accept"], ["websocket.accept", "websocket.close"]),
            (["start"], ["websocket.http.response.start", "websocket.http.response.body"]),
            (["close"], ["websocket.close"]),
        ],
    )
    def test_session_ends_a_connection_as_its_state_allows(
        self, steps: list[str], messages: list[str]
    ) -> None:
        async def scenario(stage: Stage) -> None:
            for step in steps:
                await stage.do(step)
            await stage.session.end()
            assert [message["type"] for message in stage.server.sent] == messages

        play(scenario)

    def test_page_can_leave_and_forget_the_connection(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("leave")
            assert stage.now["application"] == "DISCONNECTED"
            await stage.receive(BYE)
            await stage.do("leave")
            assert len(stage.server.sent) == 1
            await stage.do("reading", on=False)
            await stage.do("forget")
            assert stage.now == {"connection": 0, "reading": True, "echo": True}

        play(scenario)


class TestSending:
    @pytest.mark.parametrize(
        ("before", "command", "message"),
        [
            ([], {"do": "accept"}, {"type": "websocket.accept"}),
            (["accept"], {"do": "send", "text": "x"}, {"type": "websocket.send", "text": "x"}),
            (
                ["accept"],
                {"do": "close", "code": 4000, "reason": "r"},
                {"type": "websocket.close", "code": 4000, "reason": "r"},
            ),
            (
                ["start"],
                {"do": "more", "text": "no"},
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
            ),
            (
                ["start"],
                {"do": "body", "text": "no"},
                {"type": "websocket.http.response.body", "body": b"no"},
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
            sent = stage.server.sent[-1]
            assert {key: sent[key] for key in message} == message
            assert stage.entries[-1]["error"] is None
            assert stage.entries[-1]["edge"] is not None

        play(scenario)

    def test_refused_message_is_reported_with_its_error_and_not_sent(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("send", text="too early")
            entry = stage.entries[-1]
            assert entry["error"]["type"] == "IllegalTransition"
            assert entry["error"]["text"].startswith("Expected ASGI message")
            assert entry["before"] == entry["after"]
            assert entry["edge"] is None
            assert entry["message"] == {"text": "too early"}
            assert stage.server.sent == []

        play(scenario)

    def test_transport_loss_is_an_event_of_the_application_machine(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            stage.server.failing = OSError()
            await stage.do("send", text="x")
            entry = stage.entries[-1]
            assert entry["event"] == "transport lost"
            assert entry["edge"] == "application-CONNECTED-transport%20lost"
            assert entry["error"]["type"] == "WebSocketDisconnect"
            assert entry["after"] == {"client": "DISCONNECTED", "application": "DISCONNECTED"}
            assert stage.now["sent"] == 0
            await stage.receive(BYE)
            assert stage.entries[-1]["event"] == "websocket.disconnect"

        play(scenario)

    def test_error_of_the_server_is_reported(self) -> None:
        async def scenario(stage: Stage) -> None:
            stage.server.failing = KeyError("the server's own")
            await stage.do("accept")
            assert stage.entries[-1]["error"] == {"type": "KeyError", "text": '"the server\'s own"'}
            stage.server.failing = None

        play(scenario)

    @pytest.mark.parametrize("command", [{"do": "close", "code": "x"}, {"do": "send", "text": 5}])
    def test_malformed_message_is_reported_and_not_sent(self, command: dict[str, Any]) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.session.perform(command)
            assert stage.entries[-1]["event"] == "malformed message"
            assert stage.entries[-1]["error"]["type"] == "MalformedMessage"
            assert stage.server.sent == []

        play(scenario)

    def test_drop_command_aborts_the_transport(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("drop")
            assert stage.aborted
            entry = {"side": "transport", "event": "aborted", "connection": 1}
            assert stage.entries[-1] == entry
            await stage.receive(BYE)
            await stage.do("drop")
            assert stage.errors == ["There is no connection to drop. Press Connect first."]

        play(scenario)


class TestReceiving:
    def test_session_echoes_while_echo_is_on(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.receive(TEXT)  # not accepted yet: nothing is echoed
            await stage.do("accept")
            await stage.receive(TEXT)
            assert stage.entries[-1]["echo"]
            await stage.receive(BINARY)
            assert stage.entries[-1]["message"] == {"bytes": "00 ff"}
            await stage.receive({"type": "websocket.receive"})
            await stage.do("echo", on=False)
            await stage.receive(TEXT)
            assert stage.server.sent[1:] == [
                {"type": "websocket.send", "text": "hello"},
                {"type": "websocket.send", "bytes": b"\x00\xff"},
            ]
            assert (stage.now["arrived"], stage.now["sent"]) == (5, 2)

        play(scenario)

    def test_messages_wait_until_the_application_receives_them(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            await stage.do("reading", on=False)
            for message in (TEXT, TEXT, BYE):
                await stage.receive(message)
            assert (stage.now["waiting"], stage.now["over"]) == (3, True)
            assert stage.entries[-1]["event"] == "websocket.accept"
            await stage.do("receive")
            assert stage.now["waiting"] == 2
            await stage.do("reading", on=True)
            assert stage.now["waiting"] == 0
            assert stage.now["client"] == "DISCONNECTED"
            await stage.do("receive")
            assert stage.entries[-1]["error"]["type"] == "WebSocketDisconnected"
            assert stage.entries[-1]["edge"] is None

        play(scenario)

    def test_receiving_does_not_wait(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("receive")
            assert stage.errors == ["Nothing has arrived, so receive() would wait."]

        play(scenario)

    def test_illegal_message_of_the_server_is_reported(self) -> None:
        async def whole() -> None:
            stage = Stage()
            stage.incoming.put_nowait(TEXT)
            stage.incoming.put_nowait(BYE)
            await stage.connect()
            assert stage.entries[0]["error"]["type"] == "IllegalTransition"

        in_time(whole)


class TestCommands:
    def test_sync_is_answered_behind_everything_that_was_done_before(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            await stage.do("sync", token=7)
            assert stage.updates[-1]["synced"] == 7
            assert stage.updates[-2]["entry"]["event"] == "websocket.accept"

        play(scenario)

    @pytest.mark.parametrize(
        ("command", "error"),
        [
            ({"do": "drop"}, "no connection to drop"),
            ({"do": "receive"}, "no connection to receive from"),
            ({"do": "send", "text": "x"}, "no connection to send on"),
            ({"do": "dance"}, "unknown command 'dance'"),
            ({}, "unknown command None"),
            ({"do": "send"}, "send: .*missing"),
            ({"do": "send", "text": "x", "loud": True}, "send: .*unexpected"),
        ],
    )
    def test_command_that_cannot_be_carried_out_is_reported(
        self, command: dict[str, Any], error: str
    ) -> None:
        stage = Stage()

        run(stage.session.perform(command))

        assert re.search(error, stage.errors[-1])

    @pytest.mark.parametrize("switch", ["reading", "echo"])
    def test_switches_work_without_a_connection(self, switch: str) -> None:
        stage = Stage()

        run(stage.session.perform({"do": switch, "on": False}))

        assert stage.now[switch] is False
