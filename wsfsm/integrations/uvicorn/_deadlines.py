"""The timers of a connection, and the progress of the peer since they were started."""

import asyncio
from typing import Final, Protocol, cast

from wsfsm.integrations.uvicorn._timers import Handle, Timers
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

    __slots__ = ("_close", "_handles", "_host", "_seen", "_timers")

    def __init__(self, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        self._timers = Timers.of(loop)
        self._host = host
        self._handles: list[Handle] = []  # those that run, mostly one
        self._close: float | None = None  # the seconds after the look at the counters
        # the counters when the last timer for progress was started; only one of them runs at a time
        self._seen: tuple[Traffic, int] | None = None

    def start(self, timer: Timer, seconds: float) -> None:
        """Start a timer, or restart it if it is running."""
        self.stop(timer)
        if timer is Timer.CLOSE:
            self._close = seconds
            seconds *= _GRACE
        elif timer is Timer.PONG:
            self._seen = self._host.look()
        self._handles.append(self._timers.start(self, timer, seconds))

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it is running."""
        if self._handles and (handle := self.get(timer)) is not None:  # mostly none runs
            self._handles.remove(handle)
            handle.cancel()

    def stop_all(self) -> None:
        """Stop all timers."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()

    def release(self) -> None:
        """Release the protocol, which has ended."""
        self.stop_all()
        self._host = cast("Host", None)

    def get(self, timer: Timer) -> Handle | None:
        """Return the handle of a timer, or None if it is not running."""
        for handle in self._handles:
            if handle.timer is timer:
                return handle
        return None

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

    def expire(self, handle: Handle) -> None:
        """Called with a timer that fires."""
        self._handles.remove(handle)
        if handle.timer is Timer.CLOSE and self._close is not None:
            self._look(self._close)
        else:
            self._host.fire(handle.timer)

    def _look(self, seconds: float) -> None:
        """Look at the counters, and let the timer of a Close run from now on."""
        self._close = None
        try:
            self._seen = self._host.look()
        except Exception as error:  # noqa: BLE001 - the transport may raise anything
            self._host.fail(error)
        else:
            self._handles.append(self._timers.start(self, Timer.CLOSE, seconds))
