"""The timers of a connection, and what the peer has done since they were started."""

import asyncio
from typing import Final, Protocol

from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic
from wsfsm.server.commands import Timer

__all__ = ["Deadlines"]

_PROGRESS: Final = frozenset({Timer.PONG, Timer.CLOSE})
"""Timers that are about a peer that makes no progress."""

_PING: Final = 2**7
"""Bytes of a Ping at most, encrypted too: the system of a frozen peer takes it as well."""


class Host(Protocol):
    """The protocol that timers belong to."""

    def fire(self, timer: Timer) -> None:
        """Take a timer that fires."""

    def look(self) -> tuple[Traffic, int]:
        """Return the counters of the transport, and the number of frames that were read."""


class Deadlines:
    """Timers of a loop.

    Args:
        loop: The loop.
        host: The protocol that they belong to.
    """

    __slots__ = ("_handles", "_host", "_loop", "_seen")

    def __init__(self, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        self._loop = loop
        self._host = host
        self._handles: dict[Timer, asyncio.TimerHandle] = {}
        # when the last one that is about progress was started: there is one at a time
        self._seen: tuple[Traffic, int] | None = None

    def start(self, timer: Timer, seconds: float) -> None:
        """Start a timer, anew if it runs."""
        self.stop(timer)
        if timer in _PROGRESS:
            self._seen = self._host.look()
        self._handles[timer] = self._loop.call_later(seconds, self._end, timer)

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it runs."""
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def stop_all(self) -> None:
        """Stop all timers."""
        for timer in list(self._handles):
            self.stop(timer)

    def get(self, timer: Timer) -> asyncio.TimerHandle | None:
        """The handle of a timer, or None if it does not run."""
        return self._handles.get(timer)

    def progress(self, timer: Timer) -> tuple[bool, bool]:
        """Return whether the peer has taken data, and whether its data has arrived.

        Args:
            timer: The timer that fires; progress counts from its start.
        """
        takes = sends = False
        if timer in _PROGRESS and self._seen is not None:
            (before, frames), (now, frames_now) = self._seen, self._host.look()
            takes = now.taken > before.taken and before.waiting > IN_FLIGHT
            sends = now.received > before.received
            if timer is Timer.CLOSE:
                sends &= frames == frames_now  # it could send its Close between two frames
            elif not now.hears:
                # it cannot answer, since the application is slow: it shows by what it takes
                takes |= now.taken > before.taken + _PING
        return takes, sends

    def _end(self, timer: Timer) -> None:
        del self._handles[timer]
        self._host.fire(timer)
