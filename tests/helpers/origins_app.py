"""Servers on ports of this machine, for pages of different origins; prints the ports as JSON.

Each of the three places that check origins has a server that allows its own origin, and one with a list.
One more server checks nothing.
"""

import asyncio
import json
import socket
from typing import Any, Final

import uvicorn

from wsfsm import WebSocket, WebSocketDisconnect, asgi
from wsfsm.origins import AllowedOrigins, OriginMiddleware
from wsfsm.types import ASGIApp, Receive, Scope, Send

PLACES: Final = ("middleware", "asgi", "accept")


async def talk(websocket: WebSocket, allowed: AllowedOrigins | None = None) -> None:
    """Send the origin and the cookie."""
    try:
        await websocket.accept(allowed_origins=allowed)
    except WebSocketDisconnect:
        return
    await websocket.send_json([websocket.headers.get("origin"), websocket.cookies.get("who")])
    await websocket.receive()


async def page(scope: Scope, send: Send) -> None:
    """Answer with a page, and log the user in."""
    headers = [(b"content-type", b"text/html"), (b"set-cookie", b"who=ann; SameSite=Lax")]
    if scope["path"] == "/sandbox":  # a page without an origin
        headers.append((b"content-security-policy", b"sandbox allow-scripts"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>page</title>"})


def application(place: str, allowed: AllowedOrigins) -> Any:
    """Make an application that checks the origins of WebSockets in one place."""
    websockets: ASGIApp

    async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
        await talk(WebSocket(scope, receive, send), allowed if place == "accept" else None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await websockets(scope, receive, send)
        else:
            await page(scope, send)

    websockets = asgi(talk, allowed_origins=allowed) if place == "asgi" else accepting
    return OriginMiddleware(app, allowed) if place == "middleware" else app


async def main() -> None:
    names = ["open", *(f"{place}, {kind}" for place in PLACES for kind in ("own", "listed"))]
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
    own = AllowedOrigins()
    listed = AllowedOrigins([f"http://*.localhost:{ports['open']}"], same_origin=False)
    async with asyncio.TaskGroup() as group:
        for name, listener in sockets.items():
            place, _, kind = name.partition(", ")
            config = uvicorn.Config(
                application(place, listed if kind == "listed" else own),
                log_level="error",
                lifespan="off",
                ws="wsfsm.integrations.uvicorn:WebSocketProtocol",
            )
            group.create_task(uvicorn.Server(config).serve(sockets=[listener]))
        print(json.dumps(ports), flush=True)  # noqa: T201 - for the test


if __name__ == "__main__":
    asyncio.run(main())
