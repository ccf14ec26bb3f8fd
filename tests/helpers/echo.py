"""Applications that echo."""

from wsfsm import WebSocket
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def answer(websocket: WebSocket) -> str:
    """A handler that answers texts."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"you said {text}")
    return "done"
