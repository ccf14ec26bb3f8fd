"""The event loop under a test: tasks, events and timeouts of asyncio or of trio.

anyio is not a dependency of wsfsm, and a client needs three things of a loop only. trio is never
imported here: if it runs the test, it has been imported already.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

__all__ = ["Bell", "Event", "Loop", "current_loop"]


class Event(Protocol):
    """The part that the events of both libraries have in common."""

    def set(self) -> object:
        """Wake all tasks that wait."""

    async def wait(self) -> object:
        """Wait until the event is set."""


class Loop(Protocol):
    """What a client needs of an event loop."""

    def event(self) -> Event:
        """Make an event that is not set."""

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        """Call `wait`, and return whether it has returned in time; it is cancelled otherwise."""

    def beside(self, run: Callable[[], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
        """Run a task beside the block, and cancel it at the end of the block."""


class _Asyncio:
    def event(self) -> Event:
        return asyncio.Event()

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await wait()
        except TimeoutError:
            return False
        return True

    @contextlib.asynccontextmanager
    async def beside(self, run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        async def main() -> None:
            await run()

        task = asyncio.create_task(main())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


class _Trio:
    def __init__(self, trio: Any) -> None:
        self._trio = trio

    def event(self) -> Event:
        event: Event = self._trio.Event()
        return event

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        with self._trio.move_on_after(seconds) as scope:
            await wait()
        return not scope.cancelled_caught

    @contextlib.asynccontextmanager
    async def beside(self, run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        failure: BaseException | None = None
        async with self._trio.open_nursery() as nursery:
            nursery.start_soon(run)
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - raised below, because a nursery would wrap it in a group
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure


class Bell:
    """Wakes the tasks that wait for a condition.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._event = loop.event()

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait until a condition is met; it is checked whenever the bell rings."""
        while not met():
            await self._event.wait()

    def ring(self) -> None:
        """Let all tasks check their conditions."""
        event, self._event = self._event, self._loop.event()
        event.set()


def current_loop() -> Loop:
    """Return the loop that runs the calling task.

    Raises:
        RuntimeError: Neither asyncio nor trio runs it.
    """
    trio = sys.modules.get("trio")
    with contextlib.suppress(AttributeError, RuntimeError):  # trio is not imported, or does not run
        trio.lowlevel.current_task()  # type: ignore[union-attr]  # the error of None is suppressed
        return _Trio(trio)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("wsfsm.testing needs a running loop of asyncio or trio") from None
    return _Asyncio()
