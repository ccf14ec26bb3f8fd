from typing import Any

import falcon.asgi

from wsfsm import WebSocket, asgi


async def double(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(2 * int(text)))


api = falcon.asgi.App()
websockets = {"/double": asgi(double)}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await websockets.get(scope["path"], api)(scope, receive, send)
    else:
        await api(scope, receive, send)
