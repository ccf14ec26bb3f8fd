"""A server whose messages come and go while its application waits, on asyncio and trio."""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest

from helpers.asgi import scope
from helpers.connections import CONNECT
from wsfsm import WebSocket
from wsfsm._loops import Bell, current_loop
from wsfsm.types import Message


class Line:
    """A server that delivers a message when there is one, and takes messages unless it is blocked.

    Args:
        incoming: Messages that are there at once.
    """

    def __init__(self, *incoming: Message) -> None:
        self.incoming = deque(incoming)
        self.sent: list[Message] = []
        self.blocked = False
        self.receiving = 0
        self._bell = Bell(current_loop())

    async def receive(self) -> Message:
        self.receiving += 1
        self._bell.ring()
        try:
            await self._bell.until(lambda: bool(self.incoming))
        finally:
            self.receiving -= 1
        return self.incoming.popleft()

    async def send(self, message: Message) -> None:
        await self._bell.until(lambda: not self.blocked)
        self.sent.append(message)

    async def until_asked(self) -> None:
        """Wait until the application waits for a message."""
        await self._bell.until(lambda: bool(self.receiving))

    def deliver(self, message: Message) -> None:
        """Deliver a message now."""
        self.incoming.append(message)
        self._bell.ring()

    def free(self) -> None:
        """Take messages again."""
        self.blocked = False
        self._bell.ring()


def on_a_line(*incoming: Message, **keys: Any) -> tuple[WebSocket, Line]:
    """A connection in its first state."""
    line = Line(*incoming)
    return WebSocket(scope(**keys), line.receive, line.send), line


async def connected(*incoming: Message) -> tuple[WebSocket, Line]:
    """A connection before its accept."""
    websocket, line = on_a_line(CONNECT, *incoming)
    await websocket.receive()
    return websocket, line


async def accepted(*incoming: Message) -> tuple[WebSocket, Line]:
    """An open connection."""
    websocket, line = on_a_line(CONNECT, *incoming)
    await websocket.accept()
    line.sent.clear()
    return websocket, line


def text(data: object) -> Message:
    """A text message of the client."""
    return {"type": "websocket.receive", "text": str(data)}


@attrs.frozen
class Case:
    """A receive or a send.

    Attributes:
        name: Name of the method.
        call: Calls it, with the timeout as a keyword.
        message: The message that it receives or sends.
        value: The value that it returns.
    """

    name: str
    call: Callable[..., Coroutine[Any, Any, Any]]
    message: Message
    value: Any = None


BINARY_DIGIT: Message = {"type": "websocket.receive", "bytes": b"1"}
RECEIVES = [
    Case("receive_text", lambda ws, **keys: ws.receive_text(**keys), text(1), "1"),
    Case("receive_bytes", lambda ws, **keys: ws.receive_bytes(**keys), BINARY_DIGIT, b"1"),
    Case("receive_json", lambda ws, **keys: ws.receive_json(**keys), text(1), 1),
    Case("receive_data", lambda ws, **keys: ws.receive_data(**keys), text(1), "1"),
    Case("receive_as", lambda ws, **keys: ws.receive_as(int, **keys), text(1), 1),
]
SENT: Message = {"type": "websocket.send", "text": "1"}
SENT_BYTES: Message = {"type": "websocket.send", "bytes": b"1"}
SENDS = [
    Case("send_text", lambda ws, **keys: ws.send_text("1", **keys), SENT),
    Case("send_bytes", lambda ws, **keys: ws.send_bytes(b"1", **keys), SENT_BYTES),
    Case("send_json", lambda ws, **keys: ws.send_json(1, **keys), SENT),
    Case("send_as", lambda ws, **keys: ws.send_as(1, str, **keys), SENT),
]


def _cases(name: str, cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, [pytest.param(case, id=case.name) for case in cases])


on_receives = _cases("receive", RECEIVES)
"""Gives a test the argument `receive`."""
on_sends = _cases("send", SENDS)
"""Gives a test the argument `send`."""
LONG = 15.0
"""Seconds of a timeout that no test reaches."""
SHORT = 0.02
"""Seconds of a timeout that is reached."""
