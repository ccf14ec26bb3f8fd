"""Rooms with members in several processes, over Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from rooms import Rooms

PAUSE = 1.0  # seconds between two attempts to reach Redis
PATIENCE = 2.0  # seconds that a new member waits for Redis

logger = logging.getLogger(__name__)


class RedisRooms(Rooms):
    def __init__(self, redis: Redis) -> None:
        super().__init__()
        self.redis = redis
        self.subscribed = asyncio.Event()

    async def are_open(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.subscribed.wait()
        except TimeoutError:
            return False

    async def publish(self, room: str, text: str) -> None:
        # in a task of its own, because redis-py may lose a cancellation on Python 3.11
        await asyncio.shield(self.send(room, text))

    async def send(self, room: str, text: str) -> None:
        try:
            await self.redis.publish(f"room:{room}", text)
        except RedisError as error:
            logger.warning("%r is lost: %s", text, error)
            self.close()

    async def listen(self) -> None:
        """Deliver the texts of all processes, for ever."""
        while True:
            try:
                async with self.redis.pubsub() as pubsub:
                    await pubsub.psubscribe("room:*")
                    async for message in pubsub.listen():
                        if message["type"] == "psubscribe":
                            self.subscribed.set()
                        else:
                            self.deliver(message["channel"].removeprefix("room:"), message["data"])
            except RedisError as error:
                logger.warning("The rooms are closed: %s", error)
            self.subscribed.clear()
            self.close()
            await asyncio.sleep(PAUSE)

    def close(self) -> None:
        for members in self.outboxes.values():
            for outbox in members:
                outbox.put_nowait(None)


@asynccontextmanager
async def redis_rooms(url: str) -> AsyncIterator[RedisRooms]:
    once = Retry(NoBackoff(), 0)  # because each failure closes the rooms
    async with Redis.from_url(url, decode_responses=True, retry=once) as redis:
        rooms = RedisRooms(redis)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(rooms.listen())
            yield rooms
            listening.cancel()
