from typing import Any

import litestar
from litestar import Litestar, websocket
from litestar.params import FromPath, FromQuery

from wsfsm import WebSocket


class Socket(litestar.WebSocket[Any, Any, Any]):
    """Litestar's WebSocket, with wsfsm's as an attribute."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        super().__init__(scope, receive, send)
        theirs: Any = self
        self.ours: WebSocket = WebSocket(scope, theirs.receive, theirs.send)


@websocket("/times/{factor:int}")
async def times(socket: Socket, factor: FromPath[int], token: FromQuery[str] = "") -> None:
    async with socket.ours as ours:
        if token != "secret":
            await ours.deny(403, body="a token is needed")
            return
        await ours.accept()
        async for text in ours.iter_text():
            await ours.send_text(str(factor * int(text)))


app = Litestar([times], websocket_class=Socket)
