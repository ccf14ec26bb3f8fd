"""Threads beside an event loop: whether one of them is at work that may wake it.

What a thread does is seen in its innermost frame. It is idle while it waits, without a limit, for
another thread to notify it, or for the next piece of work of a queue or an executor. Whoever hands
it something changes what it waits on, so that it is at work from then on, and not only once it has
woken up: no look comes in between, and none has to be taken twice.
"""

import asyncio
import queue
import sys
import threading
from collections.abc import Iterable, Mapping
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
_HANDS_OVER: Final = sys.version_info >= (3, 13)
"""Whether a queue hands what is put in to a thread that waits, which then has it before it wakes."""

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
        if threading.active_count() == 1 and not self.expected:
            return False  # most facades never come further
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
        this = threading.current_thread()
        frames = sys._current_frames()  # noqa: SLF001 - public but for its name
        for thread in threading.enumerate():
            if thread is this:
                continue
            if thread.ident is None:  # it is just being started
                working[thread] = None
                continue
            frame = frames.get(thread.ident)
            if frame is None:  # it has left Python, and is none of ours
                continue
            if _is_idle(frame, frames.values()):
                self._others.discard(thread)
                idle.append(frame)
            elif thread not in self._others:
                working[thread] = frame
        return working, idle


def _is_idle(frame: FrameType, frames: Iterable[FrameType]) -> bool:
    if frame.f_code is _WAIT:
        has = frame.f_locals
        # whoever notifies it takes its lock away first
        waits = has.get("waiter") in has["self"]._waiters  # noqa: SLF001 - nothing else tells
        # a wait that ends by itself is as good as a sleep, but for these
        return waits and (has["timeout"] is None or _stack(frame)[1].f_code in _AWAITING)
    return frame.f_code is _WORKER and _has_no_work(frame.f_locals, frames)


def _has_no_work(has: Mapping[str, Any], frames: Iterable[FrameType]) -> bool:
    """Whether a worker of an executor waits for its next piece of work."""
    idle = "work_item" not in has and has["work_queue"].empty()
    return idle and (not _HANDS_OVER or _counts_as_waiting(has, frames))


def _counts_as_waiting(has: Mapping[str, Any], frames: Iterable[FrameType]) -> bool:
    """Whether an executor has handed over nothing to those that seem to wait for it."""
    executor, work = has["executor_reference"](), has["work_queue"]
    workers = (frame.f_locals for frame in frames if frame.f_code is _WORKER)
    seem = sum(one["work_queue"] is work for one in workers)
    return executor is not None and executor._idle_semaphore._value >= seem  # noqa: SLF001


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
