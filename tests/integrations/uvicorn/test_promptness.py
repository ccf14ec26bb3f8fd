"""A message that `send()` has taken is sent: it waits for no other message and for no work."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers.transports import KINDS, LOOPS, in_loop, served
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, message, turns
from helpers.wire import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.integrations.uvicorn import _writer as outbox
from wsfsm.types import Receive, Scope, Send

ACCEPT = message("accept")
WORK = 0.002  # seconds, four times as long as an answer without work takes at most


def out(text: str) -> bytes:
    """A frame of the server."""
    return frame(TEXT, text.encode(), masked=False)


def work() -> None:
    """Block the loop, as a model does that makes tokens."""
    time.sleep(WORK)


@pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])
class TestBusyHandler:
    """It blocks between its sends, so that the loop has no turn."""

    def check(self, ws: type[WebSocketProtocol], data: bytes, handler: Callable[..., Any]) -> None:
        async def main() -> None:
            transport = Transport()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)

                async def prompt(text: str) -> None:
                    before = len(transport.data)
                    await send(message("send", text=text))
                    assert transport.data[before:] == out(text)

                await handler(receive, prompt)

            link = Link(app, ws, transport)
            link.ask()
            await turns()
            link.receive(data)
            await turns()
            link.end()
            await asyncio.sleep(100)
            assert b"\x03\xf3" not in transport.data  # 1011: an assertion has failed

        in_virtual_time(main)

    def test_sends_for_one_message_are_written_while_the_handler_works(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def handler(receive: Receive, prompt: Any) -> None:
            await receive()
            for token in range(5):
                await prompt(f"token {token}")
                work()

        self.check(ws, frame(TEXT, b"go"), handler)

    def test_sends_for_several_waiting_messages_are_written_while_the_handler_works(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def handler(receive: Receive, prompt: Any) -> None:
            for _ in range(4):
                await receive()
                await prompt("started")
                work()
                await prompt("done")

        self.check(ws, frame(TEXT, b"go") * 6, handler)

    def test_sends_after_unanswered_messages_are_written_while_the_handler_works(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def handler(receive: Receive, prompt: Any) -> None:
            for _ in range(4):
                await receive()
            work()
            for token in range(5):
                if token:
                    await prompt(f"token {token}")
                else:
                    await receive()
                work()

        self.check(ws, frame(TEXT, b"go") * 10, handler)

    def test_sends_without_waiting_messages_are_written_at_once(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def handler(receive: Receive, prompt: Any) -> None:
            for _ in range(3):
                await receive()
            for token in range(5):
                await prompt(f"token {token}")

        self.check(ws, frame(TEXT, b"go") * 3, handler)

    def test_sends_before_the_first_message_are_written_while_the_handler_works(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def handler(receive: Receive, prompt: Any) -> None:
            for token in range(5):
                await prompt(f"token {token}")
                work()

        self.check(ws, b"", handler)


@pytest.mark.usefixtures("no_time")
class TestGathering:
    @pytest.fixture
    def no_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing takes any time, however busy the machine is."""
        monkeypatch.setattr(outbox, "perf_counter", lambda: 1.0)

    def test_echo_of_many_messages_takes_few_writes(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while (received := await receive())["type"] == "websocket.receive":
                await send(message("send", text=received["text"]))

        async def main() -> Transport:
            link = Link(app)
            link.ask()
            await turns()
            link.receive(*(frame(TEXT, b"%d" % number) for number in range(128)))
            await turns()
            link.receive(frame(CLOSE))
            await asyncio.sleep(100)
            return link.transport

        transport = in_virtual_time(main)
        frames = b"".join(out(str(number)) for number in range(128))
        assert frames in transport.data
        assert len(transport.written) < 64  # the first ones go out one by one

    def test_delayed_answer_is_written_with_the_next_send(self) -> None:
        written: list[bytes] = []

        async def main() -> None:
            transport = Transport()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                for _ in range(40):  # quick answers, so that the next one may be kept
                    await receive()
                    await send(message("send", text="quick"))
                await receive()
                await send(message("send", text="first"))
                await send(message("send", text="second"))
                written.append(transport.data)
                await asyncio.sleep(1)

            link = Link(app, WebSocketProtocol, transport)
            link.ask()
            await turns()
            link.receive(frame(TEXT, b"go") * 60)
            await asyncio.sleep(100)

        in_virtual_time(main)
        assert written[0].endswith(out("first") + out("second"))

    @pytest.mark.parametrize("control", ["a ping", "a close", "an end"])
    def test_delayed_answers_are_written_before_frames_of_the_server(self, control: str) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            for number in range(10):
                await receive()
                await send(message("send", text=str(number)))
            if control == "a close":
                await send(message("close", code=4000))
            elif control == "a ping":
                await receive()

        async def main() -> bytes:
            link = Link(app)
            link.ask()
            await turns()
            rest = frame(PING, b"p") if control == "a ping" else frame(TEXT)
            link.receive(frame(TEXT) * 10, rest)
            await turns()
            if control != "an end":
                link.receive(frame(CLOSE))
            else:
                link.end()
            await asyncio.sleep(100)
            return link.transport.data

        data = in_virtual_time(main)
        answers = b"".join(out(str(number)) for number in range(10))
        assert answers in data
        assert data.index(answers) < data.rindex(bytes((0x80 | CLOSE,)))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
def test_socket_receives_progress_while_the_handler_works(kind: str, loop: str) -> None:
    """The client is another thread: the loop has no turn until the handler is done."""
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await receive()
        for step in range(4):
            await send(message("send", bytes=b"%d" % step))
            time.sleep(0.1)  # noqa: ASYNC251 - the loop has no turn
        await send(message("send", bytes=b"end"))
        await receive()

    async def main() -> None:
        async with served(kind, app, ws=WebSocketProtocol) as server:

            async def client() -> None:
                async with server.client() as connected:
                    connected.write(frame(TEXT, b"go") * 3)
                    while (received := await connected.frame()) != (BINARY, b"end"):
                        assert received[0] == BINARY
                        seen.append(time.monotonic())
                    connected.write(frame(CLOSE, close_payload(1000)))
                    await connected.rest()

            await asyncio.to_thread(in_loop, "asyncio", client)

    in_loop(loop, main)
    # if they came together, the difference would be a hundredth of this
    assert len(seen) == 4
    assert seen[-1] - seen[0] > 0.05


def test_pong_is_not_delayed_by_a_handler_that_waits() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await asyncio.sleep(100)

    async def main() -> bytes:
        link = Link(app)
        link.ask()
        await turns()
        link.receive(frame(TEXT), frame(PING, b"p"))
        return link.transport.data

    assert in_virtual_time(main).endswith(frame(PONG, b"p", masked=False))
