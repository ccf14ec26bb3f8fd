"""The event loop that runs the caller: tasks, events and timeouts of asyncio or of trio.

anyio is not a dependency of wsfsm, which needs few things of a loop. trio is never imported here: if
it runs the caller, it has been imported already.
"""

import asyncio
import contextlib
import contextvars
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

__all__ = ["Bell", "Event", "Interruption", "Loop", "current_loop"]


class Event(Protocol):
    """The part that the events of both libraries have in common."""

    def set(self) -> object:
        """Wake all tasks that wait."""

    async def wait(self) -> object:
        """Wait until the event is set."""


class Interruption(Protocol):
    """A block that can be ended from outside."""

    def interrupt(self) -> None:
        """Cancel the block, which then ends without an error; it may be called again."""


class Loop(Protocol):
    """The functions of an event loop that wsfsm needs."""

    def event(self) -> Event:
        """Make an event that is not set."""

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        """Call `wait`, and return whether it has returned in time; it is cancelled otherwise.

        If no time is left, it is cancelled where it first waits.
        """

    def beside(self, run: Callable[[], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
        """Run a task beside the block, and cancel it at the end of the block."""

    def interruptible(self) -> AbstractAsyncContextManager[Interruption]:
        """Run a block that can be ended from outside."""

    def spawn(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Start a task without a parent, with the context variables of the caller.

        Args:
            run: The task; it must not raise, except that it is cancelled.

        Returns:
            A function that cancels the task and waits for its end, even in a block that is cancelled.
        """

    def is_cancellation(self, error: BaseException) -> bool:
        """Whether an exception is the cancellation of a task."""

    def task(self) -> object:
        """Return the calling task, to compare it with others by identity."""

    def task_name(self) -> str:
        """Return the name of the calling task."""


class _Asyncio:
    def event(self) -> Event:
        return asyncio.Event()

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds) as timeout:
                await wait()
        except TimeoutError:
            if not timeout.expired():
                raise
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

    @contextlib.asynccontextmanager
    async def interruptible(self) -> AsyncIterator[Interruption]:
        interruption = _AsyncioInterruption()
        try:
            yield interruption
        except asyncio.CancelledError:
            if not interruption.is_the_only_one():
                raise
        finally:
            interruption.end()

    def spawn(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def main() -> None:
            await run()

        task, stopped = asyncio.create_task(main()), False

        async def stop() -> None:
            nonlocal stopped
            if not stopped:  # else its cleanup would be cancelled
                task.cancel()
            stopped = True
            cancelled: asyncio.CancelledError | None = None
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError as error:
                    cancelled = error
            if cancelled is not None:
                raise cancelled

        return stop

    def is_cancellation(self, error: BaseException) -> bool:
        return isinstance(error, asyncio.CancelledError)

    def task(self) -> object:
        return asyncio.current_task()

    def task_name(self) -> str:
        task = asyncio.current_task()
        return task.get_name() if task is not None else "?"


class _AsyncioInterruption:
    """Cancels a block as `asyncio.timeout` does, but takes no exception of the block for its own."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("wsfsm needs a running task of asyncio or trio for this")
        self._task = task
        self._before = task.cancelling()
        self._handle: asyncio.Handle | None = None
        self._has_cancelled = False

    def interrupt(self) -> None:
        if self._handle is None:
            # a task that cancels itself would be cancelled after the block, if that waits for nothing
            self._handle = self._task.get_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        self._has_cancelled = True
        self._task.cancel()

    def is_the_only_one(self) -> bool:
        """Whether no other party has cancelled the task since the beginning of the block."""
        return self._has_cancelled and self._task.cancelling() - 1 <= self._before

    def end(self) -> None:
        """Take back the request to cancel, whether the block has followed it or not."""
        if self._handle is not None:
            self._handle.cancel()
        if self._has_cancelled:
            self._task.uncancel()


class _Trio:
    def __init__(self, trio: Any) -> None:
        self._trio = trio

    def event(self) -> Event:
        event: Event = self._trio.Event()
        return event

    async def finishes(self, wait: Callable[[], Awaitable[None]], seconds: float) -> bool:
        with self._trio.CancelScope() as scope:
            # set in the block, a time that has passed does not cancel the first step either
            scope.deadline = self._trio.current_time() + seconds
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

    @contextlib.asynccontextmanager
    async def interruptible(self) -> AsyncIterator[Interruption]:
        with self._trio.CancelScope() as scope:
            yield _TrioInterruption(scope)

    def spawn(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        scope, ended = self._trio.CancelScope(), self._trio.Event()

        async def main() -> None:
            try:
                with scope:
                    await run()
            finally:
                ended.set()

        # the task of a nursery would wrap the errors of the block in a group
        self._trio.lowlevel.spawn_system_task(main, context=contextvars.copy_context())

        async def stop() -> None:
            scope.cancel()
            with self._trio.CancelScope(shield=True):
                await ended.wait()

        return stop

    def is_cancellation(self, error: BaseException) -> bool:
        return isinstance(error, self._trio.Cancelled)

    def task(self) -> object:
        task: object = self._trio.lowlevel.current_task()
        return task

    def task_name(self) -> str:
        name: str = self._trio.lowlevel.current_task().name
        return name


class _TrioInterruption:
    def __init__(self, scope: Any) -> None:
        self._scope = scope

    def interrupt(self) -> None:
        self._scope.cancel()


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
        raise RuntimeError("wsfsm needs a running event loop of asyncio or trio for this") from None
    return _Asyncio()
