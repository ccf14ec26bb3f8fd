"""Timers of connections, many of which share one timer of the event loop.

Timers of the same duration fire in the order in which they were started. So they wait in a queue, and only for
the first in it there is a timer of the loop. One of the loop for each would cost an idle connection 800 bytes.
"""

import asyncio
from collections import deque
from contextvars import Context
from typing import Final, Protocol
from weakref import WeakKeyDictionary, ref

from wsfsm.server.commands import Timer

__all__ = ["Handle", "Timers"]

_EARLY: Final = 0.0005  # seconds, because the clock of uvloop has milliseconds
_BATCH: Final = 100  # timers that fire in one turn of the loop
_FEW: Final = 100  # stopped timers in a queue that are not worth a clean-up


class Owner(Protocol):
    """The object that starts a timer."""

    def expire(self, handle: "Handle") -> None:
        """Handle a timer that fires."""


class Handle:
    """A timer that was started, with the methods of an `asyncio.TimerHandle`.

    Args:
        owner: The object that is told when the timer fires.
        timer: The timer.
        when: Time of the loop at which it fires.
        queue: Its queue.

    Attributes:
        timer: As above.
    """

    __slots__ = ("_owner", "_queue", "_when", "timer")

    def __init__(self, owner: Owner, timer: Timer, when: float, queue: "_Queue") -> None:
        self._owner: Owner | None = owner
        self.timer = timer
        self._when = when
        self._queue = queue

    def when(self) -> float:
        """Return the time of the loop at which the timer fires, in seconds."""
        return self._when

    def cancel(self) -> None:
        """Stop the timer."""
        if self._owner is not None:
            self._owner = None
            self._queue.note_stopped()

    def cancelled(self) -> bool:
        """Return whether the timer was stopped, or has fired."""
        return self._owner is None

    def fire(self) -> None:
        """Tell the owner."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.expire(self)


class Timers:
    """The timers of a loop.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queues: dict[float, _Queue] = {}

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "Timers":
        """Return the timers of a loop, the same for all connections."""
        known = _TIMERS.get(loop)
        timers = None if known is None else known()
        if timers is None:
            timers = cls(loop)
            _TIMERS[loop] = ref(timers)
        return timers

    def start(self, owner: Owner, timer: Timer, seconds: float) -> Handle:
        """Start a timer.

        Args:
            owner: The object that is told when the timer fires.
            timer: The timer.
            seconds: Seconds until then.
        """
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = _Queue()
        handle = Handle(owner, timer, self._loop.time() + seconds, queue)
        queue.append(handle)
        if not queue.is_armed:
            self._arm(seconds, queue)
        return handle

    def _arm(self, seconds: float, queue: "_Queue") -> None:
        """Wait for the first timer in a queue."""
        # not in the context of its connection, because those of others fire with it
        self._loop.call_at(queue[0].when(), self._fire, seconds, queue, context=Context())
        queue.is_armed = True

    def _fire(self, seconds: float, queue: "_Queue") -> None:
        """Fire the timers that are due."""
        due = self._loop.time() + _EARLY
        try:
            for _ in range(_BATCH):
                if not queue or (queue[0].when() > due and not queue[0].cancelled()):
                    break
                queue.take_first().fire()
        finally:
            if queue:
                self._arm(seconds, queue)
            else:
                del self._queues[seconds]


class _Queue(deque[Handle]):
    """The timers of one duration, in their order; those that are stopped are taken out later.

    Attributes:
        is_armed: Whether a timer of the loop waits for the first of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_armed = False
        self._stopped = 0

    def take_first(self) -> Handle:
        """Take the first timer out."""
        handle = self.popleft()
        self._stopped -= handle.cancelled()
        return handle

    def note_stopped(self) -> None:
        """Note that one of the timers was stopped, and take all of these out if they are many."""
        self._stopped += 1
        if self._stopped > max(_FEW, len(self) // 2):
            self._stopped = 0
            running = [handle for handle in self if not handle.cancelled()]
            self.clear()
            self.extend(running)


_TIMERS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Timers]]] = WeakKeyDictionary()
"""The timers of each loop. Connections and the loop keep them, and nothing here keeps the loop."""
