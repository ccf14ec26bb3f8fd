"""An application that echoes, for tests of the classes in uvicorn."""

from wsfsm.types import Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
