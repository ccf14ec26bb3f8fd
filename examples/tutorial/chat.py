"""A chat with rooms."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from redis_rooms import redis_rooms
from rooms import LATE, Out, Rooms, write
from users import guest

from wsfsm.integrations.fastapi import WebSocket


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Rooms]]:
    async with redis_rooms(os.environ.get("REDIS_URL", "redis://127.0.0.1")) as rooms:
        yield {"rooms": rooms}


app = FastAPI(lifespan=lifespan)


@app.websocket("/rooms/{room}")
async def chat(websocket: WebSocket, room: str, name: Annotated[str, Depends(guest)]) -> None:
    rooms: Rooms = websocket.state.rooms
    async with websocket:
        if not await rooms.are_open():
            await websocket.deny(503, headers={"Retry-After": "5"}, body="The rooms are closed.")
            return
        with rooms.join(room) as outbox:
            await websocket.accept()
            try:
                async with asyncio.TaskGroup() as tasks:
                    writing = tasks.create_task(write(websocket, outbox))
                    await rooms.publish(room, f"{name} joins")
                    async for text in websocket.iter_text():
                        await rooms.publish(room, f"{name}: {text}")
                    writing.cancel()
            except* Out as group:
                code, reason = group.exceptions[0].args
                await websocket.aclose(code, reason, timeout=LATE)
            finally:
                await rooms.publish(room, f"{name} leaves")
