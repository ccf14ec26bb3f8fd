from typing import Any, TypeAlias

import litestar
from litestar import Litestar, websocket
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from wsfsm import WebSocket

Socket: TypeAlias = litestar.WebSocket[Any, Any, Any]


async def take_over(socket: Socket) -> WebSocket:
    theirs: Any = socket
    return WebSocket(theirs.scope, theirs.receive, theirs.send)


@websocket("/times/{factor:int}")
async def times(
    socket: Socket,  # Litestar wants this parameter
    ours: NamedDependency[WebSocket],
    factor: FromPath[int],
    token: FromQuery[str] = "",
) -> None:
    async with ours:
        if token != "secret":
            await ours.deny(403, body="a token is needed")
            return
        await ours.accept()
        async for text in ours.iter_text():
            await ours.send_text(str(factor * int(text)))


app = Litestar([times], dependencies={"ours": Provide(take_over)})
