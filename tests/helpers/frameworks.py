"""Applications of Starlette and FastAPI, played without a network."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import starlette.applications

from helpers.asgi import Server, scope
from wsfsm.integrations.starlette import install, uninstall
from wsfsm.types import Message

CONNECT: Message = {"type": "websocket.connect"}
LEFT: Message = {"type": "websocket.disconnect", "code": 1001, "reason": "away"}


def text(data: str) -> Message:
    return {"type": "websocket.receive", "text": data}


class FailingServer(Server):
    """A server whose client is gone as soon as the connection is accepted."""

    async def send(self, message: Message) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.failing = OSError("gone")


def play(app: Any, path: str = "/", *incoming: Message, server: Server | None = None) -> Any:
    """Connect to an application, deliver messages, and return what it sent."""
    server = server or Server()
    server.incoming += [CONNECT, *incoming]
    connected = scope(path=path, scheme="ws", root_path="", subprotocols=[])
    asyncio.run(asyncio.wait_for(app(connected, server.receive, server.send), 10))
    return server.sent


@contextmanager
def installed(app: starlette.applications.Starlette) -> Iterator[None]:
    """Install an application for a while."""
    install(app)
    try:
        yield
    finally:
        uninstall(app)
