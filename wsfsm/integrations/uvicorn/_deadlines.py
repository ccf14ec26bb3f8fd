"""The timers of a connection, and the progress of the peer since they were started."""

import asyncio
from typing import Final, Protocol

from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic
from wsfsm.server.commands import Timer

__all__ = ["Deadlines"]

_PROGRESS: Final = frozenset({Timer.PONG, Timer.CLOSE})
"""Timers that fire when the peer does not make progress."""

_PING: Final = 2**7
"""The greatest size of a Ping in bytes, with encryption. The system of a frozen peer takes it too."""


class Host(Protocol):
    """The protocol that the timers belong to."""

    def fire(self, timer: Timer) -> None:
        """Handle a timer that fires."""

    def look(self) -> tuple[Traffic, int]:
        """Return the counters of the transport, and the number of frames that were read."""


class Deadlines:
    """The timers of a connection.

    Args:
        loop: The event loop.
        host: The protocol that the timers belong to.
    """

    __slots__ = ("_handles", "_host", "_loop", "_seen")

    def __init__(self, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        self._loop = loop
        self._host = host
        self._handles: dict[Timer, asyncio.TimerHandle] = {}
        # the counters when the last timer of _PROGRESS was started; only one of them runs at a time
        self._seen: tuple[Traffic, int] | None = None

    def start(self, timer: Timer, seconds: float) -> None:
        """Start a timer, or restart it if it is running."""
        self.stop(timer)
        if timer in _PROGRESS:
            self._seen = self._host.look()
        self._handles[timer] = self._loop.call_later(seconds, self._end, timer)

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it is running."""
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def stop_all(self) -> None:
        """Stop all timers."""
        for timer in list(self._handles):
            self.stop(timer)

    def get(self, timer: Timer) -> asyncio.TimerHandle | None:
        """Return the handle of a timer, or None if it is not running."""
        return self._handles.get(timer)

    def progress(self, timer: Timer) -> tuple[bool, bool]:
        """Return whether the peer has taken data, and whether its data has arrived.

        Args:
            timer: The timer that fires. Progress counts from its start.
        """
        takes = sends = False
        if timer in _PROGRESS and self._seen is not None:
            (before, frames), (now, frames_now) = self._seen, self._host.look()
            takes = now.taken > before.taken and before.waiting > IN_FLIGHT
            sends = now.received > before.received
            if timer is Timer.CLOSE:
                # after a whole frame it could have sent its Close
                sends &= frames == frames_now
            elif not now.has_room:
                # the peer cannot send, because our application is slow; but it can take data
                takes |= now.taken > before.taken + _PING
        return takes, sends

    def _end(self, timer: Timer) -> None:
        del self._handles[timer]
        self._host.fire(timer)
