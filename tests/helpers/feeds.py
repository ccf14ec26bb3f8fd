"""A server whose messages arrive while the application runs, on asyncio and on trio."""

from collections import deque
from typing import Any

from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.loops import all_wait, forever, group, turn
from wsfsm._loops import Bell, current_loop
from wsfsm.types import Message
from wsfsm.websockets import WebSocket


def text(data: str) -> Message:
    return {"type": "websocket.receive", "text": data}


def texts(*data: str) -> list[Message]:
    return [text(each) for each in data]


def bye(code: int = 4001, reason: str = "bye") -> Message:
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


class Feed:
    """The two callables of a server; `receive` waits, and can be cancelled without a loss.

    Attributes:
        sent: Messages of the application.
        asked: How often `receive` was called.
        most: How many of them have waited at once.
    """

    def __init__(self, *incoming: Message | BaseException) -> None:
        self._incoming = deque(incoming)
        self._bell = Bell(current_loop())
        self.sent: list[Message] = []
        self.asked = self.most = 0
        self._calls: deque[object] = deque()

    def put(self, *incoming: Message | BaseException) -> None:
        """Let messages arrive; an exception is raised in place of one."""
        self._incoming.extend(incoming)
        self._bell.ring()

    @property
    def waiting(self) -> int:
        """How many calls of `receive` wait."""
        return len(self._calls)

    @property
    def left(self) -> int:
        """How many messages were not received."""
        return len(self._incoming)

    async def receive(self) -> Message:
        self.asked += 1
        call = object()
        self._calls.append(call)
        self.most = max(self.most, self.waiting)
        try:
            # a queue serves those that wait in their order
            await self._bell.until(lambda: bool(self._incoming) and self._calls[0] is call)
            item = self._incoming.popleft()
        finally:
            self._calls.remove(call)
            self._bell.ring()
        if isinstance(item, BaseException):
            raise item
        return item

    async def send(self, message: Message) -> None:
        await turn()
        self.sent.append(message)


async def opened(
    *incoming: Message | BaseException, websocket_class: Any = WebSocket
) -> tuple[Any, Feed]:
    """An accepted connection whose next messages are given."""
    feed = Feed(CONNECT, *incoming)
    websocket = websocket_class(scope(), feed.receive, feed.send)
    await websocket.accept()
    return websocket, feed


async def rest(websocket: WebSocket) -> str:
    """Everything that is still to be received, up to the end of the connection."""
    return "".join([data async for data in websocket.iter_text()])


def is_direct(websocket: WebSocket, feed: Feed) -> bool:
    """Whether the application receives from the server again."""
    return websocket._receive == feed.receive and "_reader" not in vars(websocket)


async def end_body(websocket: WebSocket, feed: Feed, *messages: Message | BaseException) -> None:
    """Let messages arrive while the body of a block waits; the last of them ends it."""
    async with group() as start:

        async def arrive() -> None:
            await all_wait()
            feed.put(*messages)

        start(arrive)
        async with websocket.until_disconnect():
            await forever()
