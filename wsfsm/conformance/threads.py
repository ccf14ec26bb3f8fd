"""Threads beside an event loop: whether one of them is at work that may wake it.

What a thread does is seen in its innermost frame. It is idle while it waits, without a limit, for
another thread to notify it, or for the next piece of work of a queue or an executor. As who hands
it something has changed what it waits on before the other wakes up, there is no moment between.
"""

import asyncio
import queue
import sys
import threading
from concurrent.futures import Future
from concurrent.futures.thread import _worker
from types import CodeType, FrameType
from typing import Any, Final

__all__ = ["Threads"]

Place = tuple[tuple[CodeType, int], ...]

_PATIENCE: Final = 30.0
"""Real seconds that are waited for a thread, before it is taken for one that never ends."""
_PATIENCE_AGAIN: Final = 0.1
"""Real seconds for one that waits where another was waited for in vain."""

_WAIT: Final = threading.Condition.wait.__code__
_WORKER: Final = _worker.__code__
_AWAITING: Final = {queue.Queue.get.__code__, Future.result.__code__}
"""Functions that wait for somebody else even where they do so for a limited time."""

_in_vain: set[Place] = set()
"""Where threads were that were waited for in vain, for all loops: each case has its own."""


class Threads:
    """The threads that may wake a loop.

    Those that are at work when this is made have something else to do, until they are seen idle.

    Attributes:
        expected: What executors are to do, be they of threads or not.
    """

    def __init__(self) -> None:
        self.expected: set[asyncio.Future[Any]] = set()
        self._waited = 0.0
        self._others: set[threading.Thread] = set()
        self._others.update(self._look()[0])

    def expect(self, future: asyncio.Future[Any]) -> None:
        """Expect an executor to come to the end of a piece of work."""
        self.expected.add(future)
        future.add_done_callback(self.expected.discard)

    def at_work(self) -> bool:
        """Whether to wait: something is under way, and was not waited for in vain."""
        working, idle = self._look()
        # what is under way may itself wait for the loop, and what is queued waits behind it
        waits = not self.expected or any(map(_is_within_work, idle))
        if waits and not working:
            return False
        if self._waited > _PATIENCE_AGAIN:
            places = {_place(frame) for frame in working.values()} or {()}
            if self._waited > _PATIENCE or places <= _in_vain:
                _in_vain.update(places)
                self._others.update(working)
                self.expected.clear()
                return False
        return True

    def waited(self, seconds: float) -> None:
        """Real seconds were waited."""
        self._waited += seconds

    def be_patient(self) -> None:
        """Forget how long was waited: it has come to an end."""
        self._waited = 0.0

    def _look(self) -> tuple[dict[threading.Thread, FrameType | None], list[FrameType]]:
        """Those at work and where they are, and where the idle ones wait."""
        working: dict[threading.Thread, FrameType | None] = {}
        idle: list[FrameType] = []
        threads = threading.enumerate()
        if len(threads) > 1:
            this = threading.current_thread()
            frames = sys._current_frames()  # noqa: SLF001 - public but for its name
            for thread in threads:
                if thread is this:
                    continue
                if thread.ident is None:  # it is just being started
                    working[thread] = None
                    continue
                frame = frames.get(thread.ident)
                if frame is None:  # it has left Python, and is none of ours
                    continue
                if _is_idle(frame):
                    self._others.discard(thread)
                    idle.append(frame)
                elif thread not in self._others:
                    working[thread] = frame
        return working, idle


def _is_idle(frame: FrameType) -> bool:
    if frame.f_code is _WAIT:
        has = frame.f_locals
        if has.get("waiter") not in has["self"]._waiters:  # noqa: SLF001 - nothing else tells
            return False  # it has been notified
        # a wait that ends by itself is as good as a sleep, but for these
        return has["timeout"] is None or _stack(frame)[1].f_code in _AWAITING
    if frame.f_code is _WORKER:
        has = frame.f_locals
        return "work_item" not in has and has["work_queue"].empty()
    return False


def _is_within_work(frame: FrameType) -> bool:
    return any(caller.f_code is _WORKER for caller in _stack(frame)[1:])


def _stack(innermost: FrameType | None) -> list[FrameType]:
    frames, frame = [], innermost
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _place(innermost: FrameType | None) -> Place:
    return tuple((frame.f_code, frame.f_lineno) for frame in _stack(innermost))
