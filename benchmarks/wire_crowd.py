"""Many connections of the benchmark's client to one server."""

import asyncio
import itertools
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from wire_client import TIMEOUT, Client, connected
from wire_load import Load, Plain

AT_A_TIME: Final = 10  # connections with a message in flight
BATCH: Final = 50  # connections that are opened at a time: fewer than any server's backlog


class Crowd:
    """Connections, which are aborted at the end of the block.

    Args:
        port: The port of the server.
        path: The path of the requests.
        compressed: Offer permessage-deflate.
    """

    def __init__(self, port: int, path: str = "/", *, compressed: bool = False) -> None:
        self._port, self._path, self._compressed = port, path, compressed
        self._loop = asyncio.get_running_loop()
        self.talk(())
        self._missing = 0
        self._waiter: asyncio.Future[None] | None = None
        self.clients: list[Client] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        __: BaseException | None,
        ___: TracebackType | None,
    ) -> None:
        for client in self.clients:
            client.transport.abort()
        await asyncio.sleep(0)  # transports close their sockets in the next round of the loop

    async def _open(self, load: Load | None) -> None:
        client = await connected(self._port, self._path, compressed=self._compressed)
        self.clients.append(client)
        if load is not None:
            await client.echo(load)
        client.arrived = self._arrived

    async def grow(self, count: int, load: Load | None = None, *, batch: int = BATCH) -> None:
        """Open connections until there are that many, a batch at a time.

        Args:
            count: The number of connections.
            load: A message that each new connection echoes once.
            batch: The number of connections that are opened at a time.
        """
        while (more := min(batch, count - len(self.clients))) > 0:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(more):
                        group.create_task(self._open(load))
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None  # one connection stands for the others
        self.talk(self.clients)

    def talk(self, clients: Iterable[Client]) -> None:
        """Let only these connections send messages."""
        self._next = itertools.cycle(clients)

    def check(self) -> None:
        """Check that the server still holds all connections."""
        if lost := sum(client.lost for client in self.clients):
            raise EOFError(f"{lost} of {len(self.clients)} connections were lost")

    def _arrived(self, size: int) -> None:
        self._missing -= size
        if self._missing <= 0 and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _send(self, senders: list[Client], load: Plain, replies: int) -> None:
        """Send a message on some connections, and wait for the replies on all of them."""
        self._missing = replies * len(load.reply)
        self._waiter = self._loop.create_future()
        for client in senders:
            client.transport.write(load.part(0, 1))
        async with asyncio.timeout(TIMEOUT):
            await self._waiter
        if self._missing:
            raise EOFError(f"{-self._missing} bytes more than the replies came back")

    async def echoes(self, load: Plain, count: int, pause: float = 0.0) -> None:
        """Send messages on the connections in turn, on a few at a time."""
        for _ in range(count // AT_A_TIME):
            senders = [*itertools.islice(self._next, AT_A_TIME)]
            await self._send(senders, load, AT_A_TIME)
            await asyncio.sleep(pause)

    async def broadcast(self, load: Plain, seconds: float) -> int:
        """Send messages one by one that the server sends to all; return the number of replies."""
        deadline, replies = self._loop.time() + seconds, 0
        while not replies or self._loop.time() < deadline:
            await self._send(self.clients[:1], load, len(self.clients))
            replies += len(self.clients)
        return replies
