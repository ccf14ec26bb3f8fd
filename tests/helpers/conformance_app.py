"""Applications that break their server, each in one way, for targets that are processes."""

import asyncio
import os
import sys
import time
from typing import Any

from helpers.broken_servers.building import Leaky
from wsfsm.conformance.server.app import app
from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send


async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
    """The process dies of a second accept."""
    accepted = False

    async def deadly(message: Message) -> None:
        nonlocal accepted
        if message.get("type") == "websocket.accept":
            if accepted:
                print("it is deadly", flush=True)  # noqa: T201 - a server talks
                os._exit(3)
            accepted = True
        await send(message)

    await app(scope, receive, deadly)


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """After a second accept no request reaches the application any more."""
    accepted = False

    async def deafening(message: Message) -> None:
        nonlocal accepted
        if message.get("type") == "websocket.accept":
            if accepted:
                globals()["IS_DEAF"] = True
            accepted = True
        await send(message)

    if globals().get("IS_DEAF"):
        return
    await app(scope, receive, deafening)


async def dies_late(scope: Scope, receive: Receive, send: Send) -> None:
    """The process dies some time after a close with code 4000."""

    async def deadly(message: Message) -> None:
        await send(message)
        if message.get("code") == 4000:
            asyncio.get_running_loop().call_later(0.7, os._exit, 5)

    await app(scope, receive, deadly)


async def hesitates(scope: Scope, receive: Receive, send: Send) -> None:
    """A close is refused, after a while."""

    async def hesitating(message: Message) -> None:
        if message["type"] == "websocket.close":
            await asyncio.sleep(0.5)
            raise ValueError("no")
        await send(message)

    await app(scope, receive, hesitating)


async def sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    """At the eighth connection the whole server sleeps for some seconds, once."""
    globals()["NAPS"] = globals().get("NAPS", 0) + (scope["type"] == "websocket")
    if globals()["NAPS"] == 8:
        time.sleep(6)  # noqa: ASYNC251 - that is the fault
    await app(scope, receive, send)


async def talks(scope: Scope, receive: Receive, send: Send) -> None:
    """It prints what it is given, and sends no text."""

    async def silent(message: Message) -> None:
        print("asked for", message["type"], file=sys.stderr)  # noqa: T201 - a server talks
        if "text" not in message:
            await send(message)

    await app(scope, receive, silent)


async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """A connection beside others does not receive the connect."""
    if scope["type"] != "websocket":
        return await app(scope, receive, send)
    globals()["CROWD"] = globals().get("CROWD", 0) + 1
    try:
        if globals()["CROWD"] > 1:
            await receive()
        await app(scope, receive, send)
    finally:
        globals()["CROWD"] -= 1


async def other(_scope: Scope, _receive: Receive, _send: Send) -> Any:
    """It does not play."""


async def called_twice(scope: Scope, receive: Receive, send: Send) -> None:
    """The application is called twice for a request."""
    await asyncio.gather(app(scope, receive, send), app(scope, receive, send))


async def without_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """The scope does not say what it is."""
    await app({**scope, "asgi": None}, receive, send)


async def odd_extensions(scope: Scope, receive: Receive, send: Send) -> None:
    """The extensions are not a table."""
    await app({**scope, "extensions": 5}, receive, send)


async def odd_headers(scope: Scope, receive: Receive, send: Send) -> None:
    """One of the headers is of texts."""
    await app({**scope, "headers": [*scope["headers"], ("a", "b")]}, receive, send)


async def no_messages(scope: Scope, _receive: Receive, send: Send) -> None:
    """The received values are not messages."""

    async def receive() -> Any:
        return None

    await app(scope, receive, send)


async def tires(scope: Scope, receive: Receive, send: Send) -> None:
    """The process dies of the fourth connection."""
    globals()["CALLS"] = globals().get("CALLS", 0) + (scope["type"] == "websocket")
    if globals()["CALLS"] > 3:
        os._exit(4)
    await app(scope, receive, send)


async def forgets_messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Of more than a hundred messages, the rest is lost."""
    count = 0

    async def forgetting() -> Message:
        nonlocal count
        while (message := await receive())["type"] == "websocket.receive" and count >= 100:
            pass
        count += 1
        return message

    await app(scope, forgetting, send)


async def forgets_codes(scope: Scope, receive: Receive, send: Send) -> None:
    """The code of the client's Close is lost."""

    async def forgetting() -> Message:
        message = await receive()
        return {**message, "code": 1006} if message.get("code") == 4001 else message

    await app(scope, forgetting, send)


async def sends_little(scope: Scope, receive: Receive, send: Send) -> None:
    """Messages that are long are not sent."""

    async def sparing(message: Message) -> None:
        if len(message.get("bytes") or b"") < 100_000:
            await send(message)

    await app(scope, receive, sparing)


async def never_connects(scope: Scope, receive: Receive, send: Send) -> None:
    """The application waits for its first message in vain, where the server speaks TLS."""

    async def silent() -> Message:
        while True:
            await receive()

    await app(scope, silent if scope.get("scheme") == "wss" else receive, send)


class StaysOpen(WebSocketProtocol):
    """Transports are never closed."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Leaky(transport, bytes, closes=False))  # type: ignore[arg-type]
