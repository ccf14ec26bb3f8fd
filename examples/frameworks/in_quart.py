from typing import Any

from quart import Quart, Response, abort, websocket
from quart.asgi import ASGIWebsocketConnection

from wsfsm import WebSocket, WebSocketDisconnect


class Connection(ASGIWebsocketConnection):
    """Give wsfsm's WebSocket to the handlers, and answer with what they return."""

    async def __call__(self, receive: Any, send: Any) -> None:
        scope: Any = self.scope
        async with WebSocket(scope, receive, send) as ours:
            scope["wsfsm"] = ours
            create: Any = self._create_websocket_from_scope
            response: Any = await self.app.handle_websocket(create(ours.send))
            if response is not None and ours.ready_state == "connecting":
                body = response.get_data()
                await ours.deny(
                    response.status_code,
                    headers=[(key.encode(), value.encode()) for key, value in response.headers],
                    body=await body if isinstance(response, Response) else body,
                )
            elif response is not None:  # Quart has logged the error
                await ours.aclose(1011)


app = Quart(__name__)
app.asgi_websocket_class = Connection


@app.errorhandler(WebSocketDisconnect)
async def left(_: WebSocketDisconnect) -> str:
    return ""  # a client that leaves is not an error to log


@app.before_websocket
async def check() -> None:
    if websocket.args.get("token") != "secret":
        abort(Response("a token is needed", 403))


@app.websocket("/times/<int:factor>")
async def times(factor: int) -> None:
    scope: Any = websocket.scope
    ours: WebSocket = scope["wsfsm"]
    await ours.accept()
    while True:
        await ours.send_text(str(factor * int(await ours.receive_text())))
