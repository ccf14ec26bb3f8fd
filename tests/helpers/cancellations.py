"""Tasks that are cancelled at each of their steps in turn."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import trio

from helpers.loops import on_trio


async def cancelled_after(run: Callable[[], Awaitable[Any]], step: int, times: int) -> bool:
    """Run a task, cancel it after so many steps of the event loop, and wait for its end.

    Args:
        run: The task.
        step: After how many steps it is cancelled.
        times: How often asyncio cancels it, each time one step later; 0 cancels it by a scope of anyio,
            which goes on as long as it runs.

    Returns:
        Whether it was cancelled, because it did not end before.
    """
    if on_trio():
        return await _on_trio(run, step)
    return await _on_asyncio(run, step, times)


async def _on_asyncio(run: Callable[[], Awaitable[Any]], step: int, times: int) -> bool:
    loop = asyncio.get_running_loop()
    scope = anyio.CancelScope()

    async def main() -> None:
        with scope:
            await run()

    def after(steps: int) -> None:
        if steps <= 0:
            cancel = task.cancel if times else scope.cancel
            cancel()
        if steps > 1 - max(times, 1):
            loop.call_soon(after, steps - 1)

    loop.call_soon(after, step)
    task: asyncio.Task[None] = loop.create_task(main())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled() or scope.cancelled_caught


class _Counting(trio.abc.Instrument):
    def __init__(self, scope: trio.CancelScope, steps: int) -> None:
        self.scope = scope
        self.steps = steps

    def after_task_step(self, task: object) -> None:
        self.steps -= 1
        if self.steps < 0:
            self.scope.cancel()


async def _on_trio(run: Callable[[], Awaitable[Any]], step: int) -> bool:
    async def steps() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with trio.CancelScope() as scope:
        counting = _Counting(scope, step)
        trio.lowlevel.add_instrument(counting)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(steps)  # so that there are steps while all others wait
                await run()
                nursery.cancel_scope.cancel()
        finally:
            trio.lowlevel.remove_instrument(counting)
    return scope.cancelled_caught


def choose_order(patch: pytest.MonkeyPatch, seed: str) -> None:
    """Let trio, which chooses the order of tasks by chance, choose the same one in each run."""
    patch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    patch.setattr("trio._core._run._r", random.Random(seed))  # noqa: S311 - it is for tests
