"""The timers of a connection, and the progress of the peer since they were started."""

import asyncio
from typing import Final, Protocol

from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic
from wsfsm.server.commands import Timer

__all__ = ["Deadlines"]

_GRACE: Final = 0.01
"""The part of a timeout for which the timer of a Close waits before it looks at the counters.

Nearly all peers answer a Close within it, so that there is nothing to look at.
"""

_PING: Final = 2**7
"""The greatest size of a Ping in bytes, with encryption. The system of a frozen peer takes it too."""


class Host(Protocol):
    """The protocol that the timers belong to."""

    def fire(self, timer: Timer) -> None:
        """Handle a timer that fires."""

    def look(self) -> tuple[Traffic, int]:
        """Return the counters of the transport, and the number of frames that were read."""

    def fail(self, error: Exception) -> None:
        """Handle an error of the transport."""


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
        # the counters when the last timer for progress was started; only one of them runs at a time
        self._seen: tuple[Traffic, int] | None = None

    def start(self, timer: Timer, seconds: float) -> None:
        """Start a timer, or restart it if it is running."""
        self.stop(timer)
        if timer is Timer.CLOSE:
            handle = self._loop.call_later(seconds * _GRACE, self._look, seconds)
        else:
            if timer is Timer.PONG:
                self._seen = self._host.look()
            handle = self._loop.call_later(seconds, self._end, timer)
        self._handles[timer] = handle

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it is running."""
        if timer in self._handles:
            self._handles.pop(timer).cancel()

    def stop_all(self) -> None:
        """Stop all timers."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def get(self, timer: Timer) -> asyncio.TimerHandle | None:
        """Return the handle of a timer, or None if it is not running."""
        return self._handles.get(timer)

    def progress(self, timer: Timer) -> tuple[bool, bool]:
        """Return whether the peer has taken data, and whether its data has arrived.

        Args:
            timer: The timer that fires. Progress counts from its start, or from shortly after that.
        """
        takes = sends = False
        if (timer is Timer.CLOSE or timer is Timer.PONG) and self._seen is not None:
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

    def _look(self, seconds: float) -> None:
        """Look at the counters, and let the timer of a Close run from now on."""
        del self._handles[Timer.CLOSE]
        try:
            self._seen = self._host.look()
        except Exception as error:  # noqa: BLE001 - the transport may raise anything
            self._host.fail(error)
        else:
            self._handles[Timer.CLOSE] = self._loop.call_later(seconds, self._end, Timer.CLOSE)

    def _end(self, timer: Timer) -> None:
        del self._handles[timer]
        self._host.fire(timer)
