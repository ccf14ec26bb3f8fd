"""Rooms with members, in one process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from wsfsm.integrations.fastapi import WebSocket

LATE = 5.0  # seconds that a member may be behind the room

Outbox: TypeAlias = asyncio.Queue[tuple[float, str] | None]


class Out(Exception):
    """The member has to go; the arguments are the code and the reason of the Close."""


class Rooms:
    def __init__(self) -> None:
        self.outboxes: dict[str, set[Outbox]] = {}

    async def are_open(self) -> bool:
        return True

    @contextmanager
    def join(self, room: str) -> Iterator[Outbox]:
        outbox: Outbox = asyncio.Queue()
        members = self.outboxes.setdefault(room, set())
        members.add(outbox)
        try:
            yield outbox
        finally:
            members.remove(outbox)
            if not members:
                del self.outboxes[room]

    async def publish(self, room: str, text: str) -> None:
        self.deliver(room, text)

    def deliver(self, room: str, text: str) -> None:
        late = asyncio.get_running_loop().time() + LATE
        for outbox in self.outboxes.get(room, ()):
            outbox.put_nowait((late, text))


async def write(websocket: WebSocket, outbox: Outbox) -> None:
    """Send a member the texts of its outbox, until None says that the rooms close."""
    while (item := await outbox.get()) is not None:
        late, text = item
        try:
            async with asyncio.timeout_at(late):
                await websocket.send_text(text)
        except TimeoutError:
            raise Out(1013, "too slow") from None
    raise Out(1012, "the rooms close")
