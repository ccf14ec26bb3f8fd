"""Applications for servers of their own: what stands between them and the server breaks it."""

import os
from typing import Any

from wsfsm.conformance.player import app
from wsfsm.types import Message, Receive, Scope, Send


async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
    """The process dies of a second accept."""
    accepted = False

    async def deadly(message: Message) -> None:
        nonlocal accepted
        if message.get("type") == "websocket.accept":
            if accepted:
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


async def other(_scope: Scope, _receive: Receive, _send: Send) -> Any:
    """It does not play."""
