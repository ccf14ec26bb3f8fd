"""The application that every ASGI server serves in the benchmark: an echo, or a broadcast on `/broadcast`.

It does not have a facade, and imports nothing but types, so that only the server takes time and memory.
"""

from typing import Any

members: set[Any] = set()
"""The `send` of each connection on `/broadcast`."""


async def lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": f"{message['type']}.complete"})


async def broadcast(receive: Any, send: Any) -> None:
    members.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            for member in [*members]:
                await member({"type": "websocket.send", "text": message["text"]})
    finally:
        members.discard(send)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/broadcast":
        await broadcast(receive, send)
        return
    while (message := await receive())["type"] == "websocket.receive":
        # either key may be missing or None
        if (text := message.get("text")) is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
