"""The same chat room, with Starlette's WebSocket."""

import asyncio
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse
from starlette.websockets import WebSocketDisconnected

SLOW = 1.0  # seconds that a client may take for a message
USERS = {"a": "Ann", "b": "Bob", "c": "Cem"}  # by their tokens

app = FastAPI()
members: set[WebSocket] = set()


async def user(token: str = "") -> str | None:
    return USERS.get(token)


async def close(websocket: WebSocket, code: int, reason: str = "") -> None:
    try:
        async with asyncio.timeout(SLOW):
            await websocket.close(code, reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass  # it is closed, or the client does not read


async def send(member: WebSocket, text: str) -> None:
    try:
        async with asyncio.timeout(SLOW):
            await member.send_text(text)
    except TimeoutError:
        await close(member, 1013, "too slow")
    except (WebSocketDisconnect, RuntimeError):  # the second message to it is a RuntimeError
        pass  # its own handler removes it


async def broadcast(text: str) -> None:
    await asyncio.gather(*(send(member, text) for member in members))


@app.websocket("/chat")
async def chat(websocket: WebSocket, name: Annotated[str | None, Depends(user)]) -> None:
    if name is None:
        if "websocket.http.response" in (websocket.scope.get("extensions") or {}):
            await websocket.send_denial_response(PlainTextResponse("Who are you?\n", 401))
        else:
            await websocket.close()
        return
    await websocket.accept()
    members.add(websocket)
    try:
        await broadcast(f"{name} joins")
        async for text in websocket.iter_text():
            await broadcast(f"{name}: {text}")
    except WebSocketDisconnected:
        pass  # a send has noticed before that the client has left
    except Exception:
        await close(websocket, 1011)
        raise
    finally:
        members.remove(websocket)
        await broadcast(f"{name} leaves")
