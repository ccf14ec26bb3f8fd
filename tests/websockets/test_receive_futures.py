"""Receiving from a server whose receive returns futures, as granian does, and loses cancelled ones."""

import asyncio
import functools
import threading
from collections import deque
from typing import Any

import pytest
from helpers.asgi import run as run_at_once
from helpers.asgi import scope
from helpers.connections import BYE, CONNECT
from helpers.lines import LONG, text
from helpers.uvicorn_server import in_time

from wsfsm import WebSocket, WebSocketDisconnect
from wsfsm.types import Message
from wsfsm.websockets import _receiving
from wsfsm.websockets._futures import COMPILED, KeptFutures


class Futures:
    """A server that gives each message to the oldest of its futures, even to one that is cancelled."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[Message]] = deque()
        self.ready: deque[Message] = deque([CONNECT])
        self.lost: list[Message] = []

    def receive(self) -> Any:
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        if self.ready:
            future.set_result(self.ready.popleft())
        else:
            self.waiting.append(future)
        return future

    async def send(self, message: Message) -> None: ...

    def deliver(self, message: Message) -> None:
        if not self.waiting:
            self.ready.append(message)
            return
        future = self.waiting.popleft()
        if future.cancelled():
            self.lost.append(message)
        else:
            future.set_result(message)


async def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[WebSocket, Futures]:
    # a test cannot make a function that is not written in Python
    monkeypatch.setattr(_receiving, "COMPILED", functools.partial)
    server = Futures()
    websocket = WebSocket(scope(), functools.partial(server.receive), server.send)
    await websocket.accept()
    return websocket, server


def test_message_is_not_lost_by_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        for number in range(3):
            for _ in range(number):
                with pytest.raises(TimeoutError):
                    await websocket.receive_text(timeout=0)
            server.deliver(text(number))
            assert await websocket.receive_text(timeout=LONG) == str(number)
        assert server.lost == []

    in_time(main)


def test_message_that_arrived_after_a_timeout_is_received_within_no_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        with pytest.raises(TimeoutError):
            await websocket.receive_text(timeout=0)
        server.deliver(text("a"))
        assert await websocket.receive_text(timeout=0) == "a"

    in_time(main)


def test_message_is_not_lost_by_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        task = asyncio.create_task(websocket.receive_text())
        await asyncio.sleep(0)
        server.deliver(text("a"))
        server.deliver(text("b"))
        task.cancel()  # when its message is there already
        await asyncio.wait([task])
        assert task.cancelled()
        assert [await websocket.receive_text() for _ in "ab"] == ["a", "b"]

    in_time(main)


def test_messages_of_receivers_that_are_cancelled_together_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        tasks = [asyncio.create_task(websocket.receive_text()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for number in range(4):
            server.deliver(text(number))
        assert [await websocket.receive_text() for _ in range(4)] == ["0", "1", "2", "3"]

    in_time(main)


def test_message_is_not_lost_at_the_end_of_reading_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        async with websocket.until_disconnect():
            await asyncio.sleep(0)
        server.deliver(text("a"))
        assert await websocket.receive_text() == "a"
        assert server.lost == []

    in_time(main)


def test_exceptions_and_the_disconnect_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        websocket, server = await opened(monkeypatch)
        with pytest.raises(TimeoutError):
            await websocket.receive_text(timeout=0)
        server.waiting.popleft().set_exception(RuntimeError("of the server"))
        with pytest.raises(RuntimeError, match="of the server"):
            await websocket.receive_text()
        server.deliver(BYE)
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive_text()

    in_time(main)


def test_coroutine_of_such_a_server_is_awaited() -> None:
    async def receive() -> Message:
        return CONNECT

    assert run_at_once(KeptFutures(receive)()) is CONNECT


def test_receive_that_is_not_written_in_python_is_recognized() -> None:
    async def send(message: Message) -> None: ...

    server = Futures()
    compiled = threading.Lock().release  # as good as any
    ours = WebSocket(scope(), server.receive, send)

    assert type(compiled) is COMPILED
    assert isinstance(WebSocket(scope(), compiled, send)._receive, KeptFutures)
    assert ours._receive == server.receive
