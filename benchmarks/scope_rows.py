"""Rows of the benchmark of the facade about values that are read from the scope of a connection."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import starlette.websockets

import wsfsm
from wsfsm.types import Message, Scope

__all__ = ["ROWS", "objects"]

SCOPE: Final[Scope] = {
    "type": "websocket",
    "scheme": "ws",
    "path": "/rooms/tea",
    "query_string": b"token=secret&page=2",
    "headers": [
        (b"host", b"example.org:8000"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)"),
        (b"accept", b"*/*"),
        (b"accept-language", b"en-US,en;q=0.5"),
        (b"origin", b"http://example.org:8000"),
        (b"cookie", b"session=0123456789abcdef; theme=dark; language=en"),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
    ],
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
}
ROWS: Final[Mapping[str, Callable[[Any], object]]] = {
    "a header": lambda websocket: websocket.headers["origin"],
    "a header that is missing": lambda websocket: websocket.headers.get("authorization"),
    "all headers": lambda websocket: websocket.headers.items(),
    "cookies": lambda websocket: websocket.cookies,
    "URL": lambda websocket: websocket.url.path,
    "query parameters": lambda websocket: websocket.query_params["token"],
}
"""A value that is read for the first time, by the name of its row."""
_CLASSES: Final = {"starlette": starlette.websockets.WebSocket, "wsfsm": wsfsm.WebSocket}


async def _receive() -> Message:
    raise AssertionError("nothing is received")


async def _send(_: Message) -> None:
    raise AssertionError("nothing is sent")


def objects(count: int) -> dict[str, list[Any]]:
    """Return new objects of each class, each with a scope of its own."""
    return {
        name: [facade({**SCOPE}, _receive, _send) for _ in range(count)]
        for name, facade in _CLASSES.items()
    }
