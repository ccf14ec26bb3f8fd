from typing import Any

import litestar

from wsfsm import WebSocket, asgi


async def double(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(2 * int(text)))


doubling = asgi(double)


@litestar.asgi("/double", is_mount=True, copy_scope=True)
async def mounted(scope: Any, receive: Any, send: Any) -> None:
    await doubling(scope, receive, send)


app = litestar.Litestar([mounted])
