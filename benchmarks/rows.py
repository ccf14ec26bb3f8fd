"""The rows of the benchmark of servers: each measures a server once, in every round."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, TypeAlias

import growth
from report import RATE
from server_process import ServerProcess
from wire_client import comings_and_goings, connected
from wire_crowd import Crowd
from wire_load import BINARY, TEXT, Compressed, Load, Plain

Measure: TypeAlias = Callable[[], Awaitable[Sequence[float]]]
"""Measure the figures of a row once."""

SMALL: Final = Plain(TEXT, 64)
ZIPPED: Final = Compressed(1024)
PARALLEL: Final = 8  # connections that are opened and closed at a time
TICK: Final = 0.005  # seconds between the messages of 10 of 100 connections
PASSES: Final = 3  # of the messages for the growth; the best one counts
SETTLE: Final = 0.3  # seconds until a server has finished with what it was doing


@dataclass(frozen=True)
class Scale:
    """The size of the rows.

    Args:
        seconds: Seconds of a measurement.
        members: Connections to which a message is broadcast.
        burst: Connections that are opened at once.
        idle: Numbers of idle connections.
        growth: Numbers of connections of which a few have a message in flight.
    """

    seconds: float
    members: int
    burst: int
    idle: Sequence[int]
    growth: Sequence[int]


@dataclass(frozen=True)
class Row:
    """One or more rows of the table, which are measured together.

    Args:
        names: The names of the rows.
        measuring: Prepare a server, and return its `Measure`.
        connections: The connections that are open at a time, about.
        fresh: Start a server for each measurement, instead of one for all rounds.
    """

    names: Callable[[Scale], Sequence[str]]
    measuring: Callable[[ServerProcess, Scale], AbstractAsyncContextManager[Measure]]
    connections: Callable[[Scale], int] = lambda _: 100
    fresh: bool = False


def echo(name: str, load: Load, *, compressed: bool = False) -> Row:
    """Measure the microseconds of CPU time for each echoed message."""

    @contextlib.asynccontextmanager
    async def measuring(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
        async def measure() -> Sequence[float]:
            client = await connected(server.port, compressed=compressed)
            try:
                await client.echo(load)
                before = server.cpu()
                count = await client.echoes(load, scale.seconds)
                return [(server.cpu() - before) / count / 1e3]
            finally:
                client.transport.abort()

        yield measure

    return Row(lambda _: [name], measuring)


@contextlib.asynccontextmanager
async def hundred(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
    """Measure the microseconds for an echo, while many connections send one now and then."""
    async with Crowd(server.port) as crowd:
        await crowd.grow(100)

        async def measure() -> Sequence[float]:
            count = round(scale.seconds / TICK) * 10
            before = server.cpu()
            await crowd.echoes(SMALL, count, TICK)
            return [(server.cpu() - before) / count / 1e3]

        yield measure


@contextlib.asynccontextmanager
async def broadcast(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
    """Measure the microseconds for each connection to which a message is broadcast."""
    async with Crowd(server.port, "/broadcast") as crowd:
        await crowd.grow(scale.members)

        async def measure() -> Sequence[float]:
            before = server.cpu()
            count = await crowd.broadcast(SMALL, scale.seconds)
            return [(server.cpu() - before) / count / 1e3]

        yield measure


@contextlib.asynccontextmanager
async def opening(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
    """Measure the microseconds of CPU time for each connection, and the connections in a second."""
    clock = asyncio.get_running_loop().time

    async def measure() -> Sequence[float]:
        before, start = server.cpu(), clock()
        count = await comings_and_goings(server.port, scale.seconds, PARALLEL)
        return [(server.cpu() - before) / count / 1e3, count / (clock() - start)]

    yield measure


@contextlib.asynccontextmanager
async def burst(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
    """Measure the microseconds for each of many connections that are opened as fast as possible."""

    async def measure() -> Sequence[float]:
        async with Crowd(server.port) as crowd:
            before = server.cpu()
            await crowd.grow(scale.burst, batch=scale.burst)
            used = server.cpu() - before
            await crowd.echoes(SMALL, scale.burst)
            return [used / scale.burst / 1e3]

    yield measure


@contextlib.asynccontextmanager
async def starting(server: ServerProcess, _: Scale) -> AsyncIterator[Measure]:
    """Measure the milliseconds from the start of the process to the first echo."""

    async def measure() -> Sequence[float]:
        return [server.starting * 1e3]

    yield measure


def memory(suffix: str = "", load: Load | None = None) -> Row:
    """Measure the KiB of resident memory for each idle connection, and of the process before.

    Args:
        suffix: The end of the names of the rows.
        load: A compressed message that each connection echoes before it is idle.
    """

    @contextlib.asynccontextmanager
    async def measuring(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
        async def measure() -> Sequence[float]:
            compressed = load is not None
            # some connections first, so that one-time memory of the process does not count
            async with Crowd(server.port, compressed=compressed) as crowd:
                await crowd.grow(10, load or SMALL)
            await asyncio.sleep(SETTLE)
            before = server.memory() / 1024
            sizes = [] if compressed else [before]
            async with Crowd(server.port, compressed=compressed) as crowd:
                for count in scale.idle:
                    await crowd.grow(count, load)
                    await asyncio.sleep(SETTLE)
                    sizes.append((server.memory() / 1024 - before) / count)
                crowd.check()
                if not compressed:  # this shows that the application still waits in receive()
                    await crowd.echoes(SMALL, 10)
            return sizes

        yield measure

    return Row(
        lambda scale: [
            *([] if load else ["memory of the process"]),
            *(f"memory, {count} idle connections{suffix}" for count in scale.idle),
        ],
        measuring,
        lambda scale: max(scale.idle),
        fresh=True,
    )


@contextlib.asynccontextmanager
async def growing(server: ServerProcess, scale: Scale) -> AsyncIterator[Measure]:
    """Measure a message and the memory of a connection, while the number of connections grows.

    In all cases 10 connections have a message in flight, so that only the number of connections
    differs. All of them talk in turn, and in the end only 10 of them.
    """

    async def message(crowd: Crowd, talking: int) -> float:
        count, used = max(talking, scale.growth[-1] // 4), list[int]()
        crowd.talk(crowd.clients[:talking])
        for _ in range(PASSES):
            before = server.cpu()
            await crowd.echoes(SMALL, count)
            used.append(server.cpu() - before)
        return min(used) / count / 1e3

    async def measure() -> Sequence[float]:
        messages, sizes = list[float](), list[float]()
        async with Crowd(server.port) as crowd:
            await crowd.grow(10, SMALL)
        await asyncio.sleep(SETTLE)
        empty = server.memory()
        async with Crowd(server.port) as crowd:
            for connections in scale.growth:
                await crowd.grow(connections, SMALL)
                messages.append(await message(crowd, connections))
                await asyncio.sleep(SETTLE)
                if connections >= growth.LEAST:
                    sizes.append((server.memory() - empty) / connections / 1024)
            messages.append(await message(crowd, 10))
        return [*messages, *sizes]

    yield measure


ROWS: Final[dict[str, Row]] = {
    "flight": echo("text of 64 B, 64 in flight", Plain(TEXT, 64, 64)),
    "ping-pong": echo("text of 64 B, ping-pong", SMALL),
    "4-KiB": echo("binary of 4 KiB, 8 in flight", Plain(BINARY, 4096, 8)),
    "64-KiB": echo("binary of 64 KiB, 4 in flight", Plain(BINARY, 1 << 16, 4)),
    "1-MiB": echo("binary of 1 MiB, 2 in flight", Plain(BINARY, 1 << 20, 2)),
    "compressed": echo("compressed text of 1 KiB, ping-pong", ZIPPED, compressed=True),
    "hundred": Row(lambda _: ["100 connections, 2000 messages a second"], hundred),
    "broadcast": Row(
        lambda scale: [f"broadcast to {scale.members} connections"],
        broadcast,
        lambda scale: scale.members,
    ),
    "open": Row(lambda _: ["connection: open and close", RATE], opening),
    "burst": Row(
        lambda scale: [f"{scale.burst} connections in a burst"],
        burst,
        lambda scale: scale.burst,
        fresh=True,
    ),
    "start": Row(lambda _: ["start of the server to the first echo"], starting, fresh=True),
    "memory": memory(),
    "memory-compressed": memory(", compressed", ZIPPED),
    "growth": Row(
        lambda scale: growth.names(scale.growth),
        growing,
        lambda scale: scale.growth[-1],
        fresh=True,
    ),
}
"""Each row by its name on the command line, in the order in which they are measured."""
