"""Virtual time: an event loop whose clock jumps to the next timer when nothing can run.

The clock stands still as long as anything can run. An hour costs as much as a millisecond, and
every run takes the same course. When nothing can run and there is no timer either, nothing will
ever happen again, and the loop raises `Standstill` instead of waiting.

Threads take real time. Before it jumps, the clock waits for work that was handed to an executor,
which is known exactly: `run_in_executor` is the way of `asyncio.to_thread` and of asgiref's
``sync_to_async``, and so of Django Channels. Whether other threads have work (those of anyio, and so of
Starlette, or your own) cannot be known. While a thread lives that was started under this loop, the
clock jumps only after a tenth of a real second in which no thread has called into the loop.
"""

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple

__all__ = ["Standstill", "Stopped", "VirtualLoop", "run", "settle"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INSTANT: Final = 1e-6
"""Virtual seconds that are shorter than any timer of a case."""
_TURNS: Final = 1_000
"""Turns without a jump after which a task is assumed to spin."""
_TURN: Final = 0.01
"""Virtual seconds that a turn costs from then on, so that a deadline ends the spinning."""
_LAST_TURNS: Final = 10_000
"""Turns and jumps that cancelled tasks may take to end, before they are abandoned."""

_PATIENCE: Final = 10.0
"""Real seconds to wait for threads before a jump, even if they still work."""
_QUIET: Final = 0.1
"""Real seconds without a call from a thread, before a jump."""
_PAUSE: Final = 1e-3
"""Real seconds that a turn of a spinning task waits for threads."""


class Standstill(RuntimeError):
    """Nothing can run, no timer is set and no thread works: nothing will ever happen."""


class Stopped(RuntimeError):
    """The event loop was stopped before its work was done."""


class _Selector(selectors.DefaultSelector):
    """A selector that lets the clock jump instead of waiting for a timer."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        at_once = timeout is not None and timeout <= 0
        spins = at_once and self.loop.spins()
        patience = self.loop.patience() if spins or not at_once else 0
        begun = time.monotonic()
        # a thread that calls into the loop is an event
        events = super().select(min(patience, _PAUSE) if spins else patience)
        if patience:
            self.loop.waited(time.monotonic() - begun)
            if spins:
                return events
        if events or at_once:
            self.loop.turn()
        elif timeout is None:
            raise Standstill("nothing will ever happen, because all tasks wait for each other")
        else:
            self.loop.jump(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a virtual clock, which begins at zero."""

    def __init__(self) -> None:
        self._now = 0.0
        self._turns = 0
        self._left: int | None = None
        self._waited = 0.0
        self._expected: set[asyncio.Future[Any]] = set()
        self._slow: set[asyncio.Future[Any]] = set()
        self._ignored = set(threading.enumerate())
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._turns = 0
        self._waited = 0.0
        self._pay()

    def turn(self) -> None:
        """Count a turn in which no time has passed; a spinning task pays for it."""
        self._turns += 1
        if self._turns > _TURNS:
            self._now += _TURN
        self._pay()

    def spins(self) -> bool:
        """Whether there were so many turns that the next one costs time."""
        return self._turns >= _TURNS

    def end_soon(self) -> None:
        """Allow the remaining tasks a limited number of turns."""
        self._left = _LAST_TURNS

    def _pay(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Standstill("cancelled tasks do not end")

    def patience(self) -> float:
        """Real seconds to wait for a call from a thread, before time passes."""
        left = max(0.0, _PATIENCE - self._waited)
        if self._expected - self._slow:
            return left
        threads = set(threading.enumerate()) - self._ignored
        return min(left, _QUIET) if self._expected or threads else 0.0

    def waited(self, seconds: float) -> None:
        """Count real seconds in which the loop waited for threads."""
        self._waited += seconds
        if self._waited >= _PATIENCE:  # their work may itself wait for the clock
            self._slow |= self._expected
            self._ignored.update(threading.enumerate())

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call a function in an executor; the clock waits for it."""
        before = set(threading.enumerate())
        future = super().run_in_executor(executor, func, *args)
        self._ignored |= set(threading.enumerate()) - before  # the future represents them
        self._expected.add(future)
        future.add_done_callback(self._expected.discard)
        return future

    async def shutdown_default_executor(self, *_: Any) -> None:
        """Let threads end their work before the loop is closed, but do not join them.

        Joining would wait for ever for a thread that never ends; closing the loop abandons it.
        """
        if self.patience():
            await settle()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, in virtual time.

    At the end, other tasks are cancelled, and abandoned if they do not end.

    Raises:
        Standstill: The coroutine waits for something that will never happen.
        Stopped: The loop was stopped before the coroutine ended.
    """
    loop, under_way = VirtualLoop(), False

    async def watched() -> T:
        nonlocal under_way
        under_way = True
        try:
            return await main
        finally:
            under_way = False

    runner = asyncio.Runner(loop_factory=lambda: loop)
    try:
        return runner.run(watched())
    except Standstill:
        raise
    except RuntimeError as error:
        if under_way:  # asyncio does not have an exception of its own for it
            raise Stopped(str(error)) from None
        raise
    finally:
        loop.end_soon()
        with contextlib.suppress(Standstill):
            runner.close()


async def settle() -> None:
    """Wait until everything has run that can run without time passing."""
    # the clock jumps to this timer only when nothing else can run
    await asyncio.sleep(_INSTANT)
