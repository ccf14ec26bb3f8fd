"""Virtual time: an event loop on which nobody waits for a clock.

Its time stands still as long as anything can run. When nothing can, it jumps to the next timer;
an hour costs as much as a millisecond, and every run takes the same course. When there is no
timer either, nothing will ever happen again, and that is said at once instead of waiting for it.

Work that is done by other threads takes real time: as long as one of them is at it, the clock does
not jump. It does not matter how they were started: by `run_in_executor` (as asgiref's
``sync_to_async`` does, and so Django Channels), by anyio (and so Starlette) or by hand.
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple

from wsfsm.conformance.facade._threads import Threads

__all__ = ["Standstill", "Stopped", "VirtualLoop", "run", "settle"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INSTANT: Final = 1e-6
"""Virtual seconds that are no time: less than any timer of a case."""
_TURNS: Final = 1_000
"""Turns without a jump after which somebody is taken to spin."""
_TURN: Final = 0.01
"""Virtual seconds that a turn costs from then on, so that a deadline ends the spinning."""
_LAST_TURNS: Final = 10_000
"""Turns and jumps that what was cancelled may take to end, before it is left where it is."""

_PAUSES: Final = (2e-5, 1e-2)
"""Real seconds from one look at the threads to the next, at first and in the long run."""
_FINEST: Final = 1e-3
"""Real seconds below which a selector knows no time."""


class Standstill(RuntimeError):
    """Nothing can run, no timer is set and no thread is at work: nothing will ever happen."""


class Stopped(RuntimeError):
    """Somebody has stopped the event loop before its work was done."""


class _Selector(selectors.DefaultSelector):
    """A selector that lets a clock jump instead of waiting."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        at_once = timeout is not None and timeout <= 0
        if at_once and self.loop.spins() and self.loop.threads.at_work():
            return self._pause(_FINEST)  # whoever spins waits for it
        events = super().select(0) if at_once else self._await()
        if events or at_once:
            self.loop.turn()
        elif timeout is None:
            raise Standstill("nothing will ever happen: all tasks wait for each other")
        else:
            self.loop.jump(timeout)
        return events

    def _await(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What happens, now or as long as a thread is at work."""
        # the end of what an executor does is an event; another thread may just be falling idle
        pause = _PAUSES[-1] if self.loop.threads.expected else _PAUSES[0]
        while self.loop.threads.at_work():
            events = self._pause(pause)
            if events:
                return events
            pause = min(2 * pause, _PAUSES[-1])
        return super().select(0)  # after the look: what a thread did last is seen

    def _pause(self, seconds: float) -> list[tuple[selectors.SelectorKey, int]]:
        begun = time.monotonic()
        if seconds < _FINEST:
            time.sleep(seconds)
            seconds = 0
        events = super().select(seconds)
        self.loop.threads.waited(time.monotonic() - begun)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a virtual clock, which begins at zero.

    Attributes:
        threads: The threads beside it.
    """

    def __init__(self) -> None:
        self.threads = Threads()
        self._now = 0.0
        self._turns = 0
        self._left: int | None = None
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
        self.threads.be_patient()
        self._pay()

    def turn(self) -> None:
        """Count a turn in which no time has passed; who spins pays for it."""
        self._turns += 1
        if self._turns > _TURNS:
            self._now += _TURN
        self._pay()

    def spins(self) -> bool:
        """Whether so many turns were taken that the next one costs time."""
        return self._turns >= _TURNS

    def end_soon(self) -> None:
        """Let what is left go on for a while, and no longer."""
        self._left = _LAST_TURNS

    def _pay(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Standstill("what was cancelled does not end")

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call a function in a thread, or wherever; the clock waits for it."""
        future = super().run_in_executor(executor, func, *args)
        self.threads.expect(future)
        return future

    async def shutdown_default_executor(self, *_: Any) -> None:
        """Let threads end what they are at before the loop is closed, but do not join them.

        That would wait for ever for one that never ends; closing the loop lets go of the others.
        """
        if self.threads.at_work():
            await settle()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, in virtual time.

    Other tasks are cancelled in the end; those that do not end by it are left where they are.

    Raises:
        Standstill: It waits for what will never happen.
        Stopped: The loop was stopped before it ended.
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
        if under_way:  # asyncio has no exception of its own for it
            raise Stopped(str(error)) from None
        raise
    finally:
        loop.end_soon()
        with contextlib.suppress(Standstill):
            runner.close()


async def settle() -> None:
    """Wait until nothing but timers can go on: what can be done now, is."""
    # the clock does not jump to this timer as long as anything else can run
    await asyncio.sleep(_INSTANT)
