"""Servers' applications that are wrong on purpose: around the right one, or in its place."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from helpers.soak_conversations import right

_KEPT: list[Any] = []


class Wrong:
    """The right application on a connection that does wrong.

    Args:
        outgoing: Makes the messages that are sent next, of all that the application has sent.
        incoming: The same for those that it receives.
    """

    def __init__(
        self,
        outgoing: Callable[[list[Any]], list[Any]] = lambda sent: sent[-1:],
        incoming: Callable[[Any], Any] = lambda message: message,
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await right(scope, receive, send)
            return
        sent: list[Any] = []

        async def wrong_send(message: Any) -> None:
            if message["type"] != "websocket.send":
                await send(self._outgoing([message])[-1])
                return
            sent.append(message)
            for one in self._outgoing(sent):
                await send(one)

        async def wrong_receive() -> Any:
            while (message := self._incoming(await receive())) is None:
                pass
            return message

        await right(scope, wrong_receive, wrong_send)


def lost(sent: list[Any]) -> list[Any]:
    """The third message is not sent."""
    return [] if len(sent) == 3 else sent[-1:]


def reordered(sent: list[Any]) -> list[Any]:
    """The third message is sent after the fourth."""
    return {3: [], 4: [sent[-1], *sent[2:3]]}.get(len(sent), sent[-1:])


def overtaken(sent: list[Any]) -> list[Any]:
    """The third message is sent after the fifth."""
    return {3: [], 5: [sent[-1], *sent[2:3]]}.get(len(sent), sent[-1:])


def duplicated(sent: list[Any]) -> list[Any]:
    """The third message is sent twice."""
    return sent[-1:] * (2 if len(sent) == 3 else 1)


def changed(sent: list[Any]) -> list[Any]:
    """A byte of each message that has some is another one."""
    message = dict(sent[-1])
    if message.get("bytes"):
        message["bytes"] = message["bytes"][:-1] + bytes([message["bytes"][-1] ^ 1])
    elif message.get("text"):
        message["text"] = message["text"][:-1] + ("y" if message["text"][-1] == "x" else "x")
    return [message]


def retyped(sent: list[Any]) -> list[Any]:
    """Texts are sent as bytes."""
    text = sent[-1].get("text")
    return sent[-1:] if text is None else [{"type": "websocket.send", "bytes": text.encode()}]


def recoded(sent: list[Any]) -> list[Any]:
    """Each Close has another code."""
    return [sent[-1] | {"code": 3999}] if sent[-1]["type"] == "websocket.close" else sent[-1:]


def another_reason(sent: list[Any]) -> list[Any]:
    """Each Close has another reason."""
    return [sent[-1] | {"reason": "?"}] if sent[-1]["type"] == "websocket.close" else sent[-1:]


def deafened(message: Any) -> Any:
    """No message with a text arrives."""
    return None if message.get("text") else message


def miscoded(message: Any) -> Any:
    """Each disconnect has another code."""
    return message | {"code": 3999} if message["type"] == "websocket.disconnect" else message


async def leaking(scope: Any, receive: Any, send: Any) -> None:
    """Each connection leaves a task, a timer, a descriptor and memory, and blocks the loop."""
    if scope["type"] == "websocket":
        loop = asyncio.get_running_loop()
        _KEPT.append(loop.create_task(asyncio.Event().wait()))
        _KEPT.append(loop.call_later(3600, print))
        _KEPT.append(socket.socket())
        _KEPT.append(os.urandom(2**24))
    await right(scope, receive, send)


async def blocking(scope: Any, receive: Any, send: Any) -> None:
    """One conversation keeps the loop busy."""
    if b"name=asyncio-tcp.0&" in scope.get("query_string", b""):
        until = time.thread_time() + 1
        while time.thread_time() < until:
            pass
    await right(scope, receive, send)


async def complaining(scope: Any, receive: Any, send: Any) -> None:
    """Each connection logs an exception, and the lifespan never ends as it should."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "no"})
        return
    if scope["type"] == "websocket":
        error = ValueError("nobody has planned this")
        logging.getLogger("uvicorn.error").error("Something is wrong", exc_info=error)
    await right(scope, receive, send)


async def dying(scope: Any, receive: Any, send: Any) -> None:
    """The first connection ends the server."""
    if scope["type"] == "websocket":
        os._exit(3)
    await right(scope, receive, send)


async def lingering(scope: Any, receive: Any, send: Any) -> None:
    """The lifespan takes long to end."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(60)
    else:
        await right(scope, receive, send)


async def undenied(scope: Any, receive: Any, send: Any) -> None:
    """Each handshake is denied with a status of its own."""
    if scope["type"] == "websocket" and b"name=asyncio" in scope["query_string"]:
        await receive()
        start = {"type": "websocket.http.response.start", "status": 418, "headers": []}
        await send(start)
        await send({"type": "websocket.http.response.body"})
    else:
        await right(scope, receive, send)
