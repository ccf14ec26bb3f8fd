"""Tests that run on asyncio and on trio."""

import asyncio
import contextlib
import gc
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing

Run: TypeAlias = Callable[[Callable[[], Awaitable[Any]]], Any]


def _on_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(bounded())


def _on_uvloop(main: Callable[[], Awaitable[Any]]) -> Any:
    import uvloop  # noqa: PLC0415 - where it is installed

    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())


def _eagerly(main: Callable[[], Awaitable[Any]]) -> Any:
    async def eager() -> Any:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        return await asyncio.create_task(_awaited(main))

    return _on_asyncio(eager)


async def _awaited(main: Callable[[], Awaitable[Any]]) -> Any:
    return await main()


def _on_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        with trio.fail_after(20):
            return await main()

    return trio.run(bounded)


on_both = pytest.mark.parametrize("run", [_on_asyncio, _on_trio], ids=["asyncio", "trio"])
"""Gives a test the argument `run`, which runs a coroutine function for at most twenty seconds."""

_RUNS: dict[str, Run] = {
    "asyncio": _on_asyncio,
    **({"uvloop": _on_uvloop} if importlib.util.find_spec("uvloop") else {}),
    # since Python 3.12
    **({"eager asyncio": _eagerly} if hasattr(asyncio, "eager_task_factory") else {}),
    "trio": _on_trio,
}

on_each_loop = pytest.mark.parametrize("run", list(_RUNS.values()), ids=list(_RUNS))
"""The same with each event loop that is installed, and with eager tasks."""


def on_trio() -> bool:
    """Whether trio runs the calling task."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


async def turn() -> None:
    """Let the other tasks run once."""
    if on_trio():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


async def all_wait() -> None:
    """Let the other tasks run until all of them wait."""
    if on_trio():
        await trio.testing.wait_all_tasks_blocked()
    else:
        for _ in range(20):
            await asyncio.sleep(0)


async def forever() -> None:
    """Wait until the task is cancelled."""
    if on_trio():
        await trio.sleep_forever()
    else:
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def group() -> AsyncIterator[Callable[[Callable[[], Awaitable[Any]]], Any]]:
    """Run tasks beside the block, which are started by the function that this gives."""
    if on_trio():
        async with trio.open_nursery() as nursery:
            yield nursery.start_soon
    else:
        async with asyncio.TaskGroup() as started:
            yield lambda run: started.create_task(_awaited(run))


def tasks() -> int:
    """How many tasks there are."""
    return (
        trio.lowlevel.current_statistics().tasks_living if on_trio() else len(asyncio.all_tasks())
    )


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Check that a block leaves no task behind, and no error that nobody retrieves."""
    problems: list[Any] = []
    if not on_trio():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))
    before = tasks()
    yield
    assert tasks() == before
    gc.collect()  # asyncio reports an error when its task is deleted
    assert problems == []
