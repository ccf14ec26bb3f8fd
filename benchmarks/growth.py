"""The growth of cost with the number of connections to a server."""

import asyncio
from collections.abc import Sequence
from typing import Final

from report import LIMIT, OURS, Table, exponent
from rows import SETTLE, SMALL
from server_process import ServerProcess
from wire_crowd import Crowd

PASSES: Final = 3  # the best one counts
MESSAGES: Final = "exponent of the CPU time of messages"
MEMORY: Final = "exponent of the memory"
LEAST: Final = 100  # connections, because the memory of fewer is lost in the pages of the process


async def grow(server: ServerProcess, counts: Sequence[int]) -> dict[str, float]:
    """Measure a message and the memory of a connection, while the number of connections grows.

    In all cases 10 connections have a message in flight, so that only the number of connections
    differs. Every connection echoes a message, and as many messages as the greatest number of
    connections are measured.
    """
    messages, sizes = dict[int, float](), dict[int, float]()
    async with Crowd(server.port) as crowd:
        await crowd.grow(10, SMALL)
    await asyncio.sleep(SETTLE)
    empty = server.memory()
    async with Crowd(server.port) as crowd:
        for count in counts:
            await crowd.grow(count, SMALL)
            used = []
            for _ in range(PASSES):
                before = server.cpu()
                await crowd.echoes(SMALL, counts[-1])
                used.append(server.cpu() - before)
            messages[count] = min(used) / counts[-1] / 1e3
            await asyncio.sleep(SETTLE)
            sizes[count] = (server.memory() - empty) / count / 1024
    many = {count: size for count, size in sizes.items() if count >= LEAST}
    return {
        **{f"microseconds of a message, {count} connections": messages[count] for count in counts},
        **{f"KiB of a connection, {count} connections": size for count, size in many.items()},
        MESSAGES: exponent({count: cost * count for count, cost in messages.items()}),
        MEMORY: exponent({count: size * count for count, size in many.items()}),
    }


def excess(table: Table) -> list[str]:
    """List what grows too fast with our class."""
    return [
        f"{OURS}: the {row} is {table[row][OURS]:.2f}, the limit is {LIMIT}"
        for row in (MESSAGES, MEMORY)
        if table.get(row, {}).get(OURS, 0.0) > LIMIT
    ]
