"""Applications on a real server: uvicorn on a free port of 127.0.0.1, in the test's own loop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn


def in_time(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, for at most twenty seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(bounded())


def comes_true(met: Callable[[], bool], within: float) -> bool:
    """Whether a condition without an event is met in so many seconds."""
    until = time.monotonic() + within
    while not met():
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


async def until(met: Callable[[], bool]) -> None:
    """Wait until a condition without an event is met."""
    while not met():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def started(app: Any, **options: Any) -> AsyncIterator[uvicorn.Server]:
    """Start a server with an ASGI application, and stop it at the end."""
    defaults: dict[str, Any] = {"log_level": "critical", "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(app, **(defaults | options)))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not task.done(), "the server does not start"
            await asyncio.sleep(0.01)
        yield server
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def running(app: Any, **options: Any) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """Serve an ASGI application; gives the server, and its host and port."""
    async with started(app, **({"host": "127.0.0.1", "port": 0} | options)) as server:
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield server, f"{host}:{port}"


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve an ASGI application; gives host and port."""
    async with running(app, **options) as (_, address):
        yield address
