"""An endless mistake of one application does not block others, because every call gives turns to the loop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from helpers.uvicorn_server import in_time, running, until
from helpers.virtual_uvicorn import Link, VirtualLoop, in_virtual_time, message, turns
from helpers.wire import CLOSE, TEXT, close_payload, connected, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.one_python

ACCEPT = message("accept")
CLOSED = message("close")
DATA = message("send", text="x")
START = message("http.response.start", status=404)
MORE = message("http.response.body", body=b"", more_body=True)
SECONDS = 5
BYE = frame(CLOSE, close_payload(1001))

Call = Callable[[Receive, Send], Awaitable[Any]]


def sending(sent: Any) -> Call:
    async def call(receive: Receive, send: Send) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            await send(sent)

    return call


async def receiving(receive: Receive, send: Send) -> None:
    await receive()


async def both(receive: Receive, send: Send) -> None:
    await receive()
    await sending(DATA)(receive, send)


# the first messages, then the repeated ones; whether the peer is lost
LOOPS: dict[str, tuple[list[Message], Call, bool]] = {
    "receives after the end": ([ACCEPT], receiving, True),
    "sends after the end": ([ACCEPT], sending(DATA), True),
    "closes after the end": ([ACCEPT], sending(CLOSED), True),
    "does both after the end": ([ACCEPT], both, True),
    "sends nonsense after the end": ([ACCEPT], sending({"type": "no"}), True),
    "closes again and again": ([ACCEPT, CLOSED], sending(CLOSED), False),
    "rejects again and again": ([CLOSED], sending(CLOSED), False),
    "accepts again and again": ([ACCEPT], sending(ACCEPT), False),
    "sends before the accept": ([], sending(DATA), False),
    "sends nonsense before the accept": ([], sending(None), False),
    "sends nonsense": ([ACCEPT], sending({"type": "websocket.send"}), False),
    "sends a wrong type": ([ACCEPT], sending(message("send", text=b"x")), False),
    "never stops sending": ([ACCEPT], sending(DATA), False),
    "never stops sending nothing": ([ACCEPT], sending(message("send", bytes=b"")), False),
    "never ends a denial": ([START], sending(MORE), False),
    "denies after a denial": ([START, message("http.response.body")], sending(START), False),
}
MOST = 500_000
ENDLESS = ["never stops sending", "never stops sending nothing", "never ends a denial"]


@pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])
@pytest.mark.parametrize("name", LOOPS)
class TestEndlessApplication:
    def play(self, name: str, ws: type[WebSocketProtocol]) -> tuple[int, float]:
        """The number of its calls in some seconds, and how long a stop takes."""
        before, call, gone = LOOPS[name]
        loop = VirtualLoop()
        # the virtual clock runs while the loop is idle, and these leave it no idle time
        duration = 0.001 if name in ENDLESS else 0.0
        calls = [0]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            for sent in before:
                await send(sent)
            while True:
                calls[0] += 1
                assert calls[0] < MOST
                loop.now += duration
                await call(receive, send)

        async def main() -> tuple[int, float]:
            link = Link(app, ws, ws_ping_interval=None)
            link.ask()
            await turns()
            if gone:
                link.receive(BYE)
                link.end()
                calls[0] = 0
            if name in ENDLESS:
                await turns(20)
            else:
                await asyncio.sleep(SECONDS)
            made, begin = calls[0], loop.time()
            for connection in list(link.state.connections):
                connection.shutdown()
            while not link.is_clean() and loop.time() < begin + 100:
                if not link.transport.closing and link.transport.finished:
                    link.end()
                await asyncio.sleep(0.1)
            assert link.is_clean()
            assert calls[0] < MOST, "its own error has stopped it"
            return made, loop.time() - begin

        return in_virtual_time(main, loop)

    def test_endless_application_leaves_turns_to_others_and_ends_at_shutdown(
        self, name: str, ws: type[WebSocketProtocol]
    ) -> None:
        calls, seconds = self.play(name, ws)
        if name in ENDLESS:
            assert calls < 257 * 40  # some hundreds a turn
        elif "receives" in name or "both" in name:
            assert calls < 100  # they wait longer and longer
        else:
            assert calls < 1100 * SECONDS  # they wait a millisecond after a hundred
        assert seconds < 12


async def left_and_stopped(app: Any) -> Link:
    """A connection whose client has left, and whose server stops a second later."""
    link = Link(app)
    link.ask()
    await turns()
    link.receive(BYE)
    link.end()
    await asyncio.sleep(1)
    for connection in list(link.state.connections):
        connection.shutdown()
    return link


class TestTasksAtShutdown:
    def test_application_can_clean_up_after_the_disconnect(self) -> None:
        done: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            assert (await receive())["type"] == "websocket.disconnect"
            assert (await receive())["type"] == "websocket.disconnect"
            with contextlib.suppress(OSError):
                await send(DATA)
            await send(CLOSED)
            await asyncio.sleep(30)
            with contextlib.suppress(OSError):
                await send(DATA)
            await send(CLOSED)
            await receive()
            done.append("clean")

        async def main() -> None:
            link = await left_and_stopped(app)
            await asyncio.sleep(60)
            assert link.is_clean()

        in_virtual_time(main)
        assert done == ["clean"]

    def test_application_with_many_refused_sends_can_finish_after_the_shutdown(self) -> None:
        done: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            for _ in range(1000):
                with contextlib.suppress(RuntimeError):
                    await send(ACCEPT)
            await asyncio.sleep(30)
            with contextlib.suppress(OSError):
                await send(DATA)
            await asyncio.sleep(1)
            done.append("clean")

        async def main() -> None:
            link = Link(app)
            link.ask()
            await asyncio.sleep(10)
            link.protocol.shutdown()
            link.end()
            await asyncio.sleep(60)

        in_virtual_time(main)
        assert done == ["clean"]

    def test_task_that_is_left_behind_does_not_delay_the_shutdown(self) -> None:
        async def left(receive: Receive) -> None:
            while True:
                await receive()

        tasks: list[asyncio.Task[None]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            tasks.append(asyncio.create_task(left(receive)))

        async def main() -> None:
            link = Link(app)
            link.ask()
            await turns()
            link.receive(BYE)
            link.end()
            await asyncio.sleep(10)
            assert link.is_clean()
            assert not tasks[0].done()
            tasks[0].cancel()

        in_virtual_time(main)

    def test_application_that_becomes_endless_after_the_shutdown_is_ended(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await asyncio.sleep(5)
            while True:
                await receive()

        async def main() -> None:
            link = await left_and_stopped(app)
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)


@pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])
def test_endless_applications_do_not_stop_neighbours_or_the_shutdown(
    ws: type[WebSocketProtocol],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        if scope["path"] == "/echo":
            while (received := await receive())["type"] == "websocket.receive":
                await send(message("send", text=received["text"]))
            return
        while True:  # it does not look, as some frameworks
            await receive()

    async def main() -> None:
        async with running(app, ws=ws) as (server, address):
            for _ in range(5):
                async with connected(address) as client:
                    client.write(frame(TEXT, b"x"), BYE)
                    await client.rest()
            await asyncio.sleep(0.1)
            async with websockets.connect(f"ws://{address}/echo") as neighbour:
                await neighbour.send("x")
                assert await neighbour.recv() == "x"
            assert len(server.server_state.tasks) == 5
            server.should_exit = True
            await until(lambda: not server.server_state.tasks)

    in_time(main)
