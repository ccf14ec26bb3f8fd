"""Rows of the benchmark of the facade about the ends of a connection that applications meet every day.

Each is a connection from the creation of the object to its end.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import starlette.websockets
from starlette.responses import Response

import wsfsm
from wsfsm.types import Message, Scope

__all__ = ["CLASSES", "ROWS", "Ending"]

Ending: TypeAlias = Callable[[type[Any], type[Exception]], Awaitable[None]]
"""A connection with a class and its exception for a disconnect."""

SCOPE: Final[Scope] = {
    "type": "websocket",
    "path": "/",
    "query_string": b"",
    "headers": [],
    "extensions": {"websocket.http.response": {}},
}
CLASSES: Final[Mapping[str, tuple[type[Any], type[Exception]]]] = {
    "starlette": (starlette.websockets.WebSocket, starlette.websockets.WebSocketDisconnect),
    "wsfsm": (wsfsm.WebSocket, wsfsm.WebSocketDisconnect),
}
DENIAL: Final = Response("denied", 403)
LEFT: Final[Message] = {"type": "websocket.disconnect", "code": 1001, "reason": ""}
CONNECT: Final[Message] = {"type": "websocket.connect"}


class Leaving:
    """A server whose client leaves after the handshake."""

    def __init__(self) -> None:
        self._connected = False

    async def receive(self) -> Message:
        if self._connected:
            return LEFT
        self._connected = True
        return CONNECT

    async def send(self, message: Message) -> None:
        pass

    async def send_after_the_end(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            raise OSError


async def denied(facade: type[Any], _: type[Exception]) -> None:
    server = Leaving()
    await facade(SCOPE, server.receive, server.send).send_denial_response(DENIAL)


async def refused(facade: type[Any], _: type[Exception]) -> None:
    server = Leaving()
    await facade(SCOPE, server.receive, server.send).close(1008)


async def raised(facade: type[Any], disconnect: type[Exception]) -> None:
    server = Leaving()
    websocket = facade(SCOPE, server.receive, server.send)
    await websocket.accept()
    try:
        await websocket.receive_text()
    except disconnect:
        return
    raise AssertionError("the client has left")


async def iterated(facade: type[Any], _: type[Exception]) -> None:
    server = Leaving()
    websocket = facade(SCOPE, server.receive, server.send)
    await websocket.accept()
    async for _ in websocket.iter_text():
        raise AssertionError("nothing is received")


async def unsendable(facade: type[Any], disconnect: type[Exception]) -> None:
    server = Leaving()
    websocket = facade(SCOPE, server.receive, server.send_after_the_end)
    await websocket.accept()
    try:
        await websocket.send_text("too late")
    except disconnect:
        return
    raise AssertionError("the client has left")


ROWS: Final[Mapping[str, Ending]] = {
    "deny: create, send_denial_response": denied,
    "deny: create, close": refused,
    "disconnect, raised by receive_text": raised,
    "disconnect, raised by send_text": unsendable,
    "disconnect, which ends iter_text": iterated,
}
"""A connection, by the name of its row."""
