"""Servers on three ports of this machine, for pages of different origins; prints the ports.

The first one has the middleware, the second one has it with a list, and the third one does not have it.
"""

import asyncio
import socket
from typing import Any

import uvicorn

from wsfsm import WebSocket
from wsfsm.origins import OriginMiddleware
from wsfsm.types import Receive, Scope, Send


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a WebSocket with its origin and its cookie, and anything else with a page."""
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.send_json([websocket.headers.get("origin"), websocket.cookies.get("who")])
        await websocket.receive()
        return
    headers = [(b"content-type", b"text/html"), (b"set-cookie", b"who=ann; SameSite=Lax")]
    if scope["path"] == "/sandbox":  # a page without an origin
        headers.append((b"content-security-policy", b"sandbox allow-scripts"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>page</title>"})


async def main() -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [listener.getsockname()[1] for listener in sockets]
    listed = [f"http://*.localhost:{ports[2]}"]
    apps: list[Any] = [
        OriginMiddleware(application),
        OriginMiddleware(application, listed, same_origin=False),
        application,
    ]
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="error",
                lifespan="off",
                ws="wsfsm.integrations.uvicorn:WebSocketProtocol",
            )
        )
        for app in apps
    ]
    print(*ports, flush=True)  # noqa: T201 - for the test
    async with asyncio.TaskGroup() as group:
        for server, listener in zip(servers, sockets, strict=True):
            group.create_task(server.serve(sockets=[listener]))


if __name__ == "__main__":
    asyncio.run(main())
