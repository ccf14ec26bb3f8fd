"""A chat room, with wsfsm's WebSocket."""

import asyncio
from typing import Annotated

from fastapi import Depends, FastAPI

from wsfsm.integrations.fastapi import WebSocket, WebSocketDisconnect

SLOW = 1.0  # seconds that a client may take for a message
USERS = {"a": "Ann", "b": "Bob", "c": "Cem"}  # by their tokens

app = FastAPI()
members: set[WebSocket] = set()


async def user(token: str = "") -> str | None:
    return USERS.get(token)


async def send(member: WebSocket, text: str) -> None:
    try:
        await member.send_text(text, timeout=SLOW)
    except TimeoutError:
        await member.aclose(1013, "too slow", timeout=SLOW)
    except WebSocketDisconnect:
        pass  # its own handler removes it


async def broadcast(text: str) -> None:
    await asyncio.gather(*(send(member, text) for member in members))


@app.websocket("/chat")
async def chat(websocket: WebSocket, name: Annotated[str | None, Depends(user)]) -> None:
    if name is None:
        await websocket.deny(401, body="Who are you?\n")
        return
    async with websocket:
        await websocket.accept()
        members.add(websocket)
        try:
            await broadcast(f"{name} joins")
            async for text in websocket.iter_text():
                await broadcast(f"{name}: {text}")
        finally:
            members.remove(websocket)
            await broadcast(f"{name} leaves")
