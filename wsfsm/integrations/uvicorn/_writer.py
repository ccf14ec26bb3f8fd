"""The outbound side of a connection: writes frames to a transport of asyncio, in order."""

import asyncio
from time import perf_counter
from typing import Final, Protocol, cast

from wsfsm.integrations.frames import control_frame
from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, can_half_close, closing, look
from wsfsm.server.commands import SendPong

__all__ = ["FrameWriter"]

_KEPT: Final = 2**16  # bytes that are kept at most
_MANY: Final = 256  # messages that an application sends before other tasks get a turn
_QUICK: Final = 0.0005  # seconds for a quick answer, one without any work
_STREAK: Final = 32  # quick answers in a row before frames are kept
_LONGEST: Final = 0.002  # seconds for which a frame is kept at most
_PONGS: Final = 16  # Pongs that are written after one read
_LOOK: Final = 0.1  # seconds between looks at data that the peer has not taken


class Host(Protocol):
    """The protocol that the writer belongs to."""

    def fail(self, error: Exception) -> None:
        """Handle an error of the transport."""


class FrameWriter:
    """Writes to a transport.

    A system call costs more than the rest of a small message, so frames are sometimes kept and written
    together. This happens only if more messages wait for the application, and if it has answered the last
    32 messages quickly, without any work in between. Then the first frame after each message is kept, until
    no message waits, 2 ms have passed, or the turn of the event loop ends. All other frames are written at
    once. If such an application suddenly blocks the loop, one frame is delayed until it goes on.

    Args:
        transport: The transport.
        loop: The event loop.
        host: The protocol that the writer belongs to.

    Attributes:
        may_keep: Whether the next frame may be kept, if more messages wait for the application.
        written: Bytes that were written to the transport.
        should_yield: Whether the application should give other tasks a turn, because it has sent much
            since it last waited for a message.
    """

    __slots__ = (
        "_count",
        "_flushing",
        "_host",
        "_is_closing",
        "_kept",
        "_kept_since",
        "_loop",
        "_pongs",
        "_size",
        "_streak",
        "_taken_at",
        "_transport",
        "may_keep",
        "should_yield",
        "written",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, host: Host
    ) -> None:
        self._transport = transport
        self._is_closing = closing(transport)
        self._loop = loop
        self._host = host
        self._kept: list[bytes] | None = None
        self._size = 0  # bytes of the frames since the last turn
        self._count = 0  # number of these frames
        self._pongs: list[bytes] | None = None
        self._flushing = False
        self._streak = 0  # number of quick answers in a row
        self.may_keep = False
        self._taken_at = self._kept_since = 0.0
        self.should_yield = False
        self.written = 0

    def receive_called(self) -> None:
        """Note that the application asks for its next message, so it has handled the last one."""
        now = perf_counter()
        self._streak = self._streak + 1 if now - self._taken_at < _QUICK else 0
        self.may_keep = self._streak >= _STREAK
        self._taken_at = now

    def receive_waited(self) -> None:
        """Note that the application had to wait for the message that it takes."""
        self._taken_at = perf_counter()
        self.may_keep = False  # its earlier speed does not show how fast it answers this message
        self.turn_ended()

    def turn_ended(self) -> None:
        """Note that other tasks had a turn."""
        self._size = self._count = 0
        self.should_yield = False

    def write(self, data: bytes) -> None:
        """Write at once, after all kept frames."""
        if self._kept is not None:
            self.flush()
        if not self._is_closing():
            self.written += len(data)
            self._transport.write(data)

    def add(self, frame: bytes, *, more: bool) -> None:
        """Write a data frame, at once or together with the next one.

        Args:
            frame: The frame.
            more: Whether more messages wait for the application.
        """
        self._count += 1
        self._size += len(frame)
        if self._size > _KEPT or self._count > _MANY:
            self.should_yield = True
        if more and self.may_keep and not self.should_yield:
            self.may_keep = False
            if self._kept is None:
                self._kept_since = self._taken_at
                self._kept = []
            self._kept.append(frame)
            if self._taken_at - self._kept_since > _LONGEST:
                self.flush()
            elif not self._flushing:
                self._flushing = True
                self._loop.call_soon(self._end_turn)
        elif self._kept is not None:
            self._kept.append(frame)
            self.flush()
        elif not self._is_closing():
            self.written += len(frame)
            self._transport.write(frame)

    def add_pong(self, payload: bytes) -> None:
        """Answer a Ping at the next `write_pongs`.

        If there are many Pings, only some are answered, always including the last one (RFC 6455 5.5.3).
        """
        if self._pongs is None:
            self._pongs = []
        elif len(self._pongs) == _PONGS:
            del self._pongs[-1]
        self._pongs.append(payload)

    def write_pongs(self) -> None:
        """Write the answers to Pings."""
        if self._pongs is not None:
            frames = [control_frame(SendPong(payload)) for payload in self._pongs]
            self._pongs = None
            self.write(b"".join(frames))

    def finish(self) -> None:
        """Write the Pongs and all kept frames, before the end of the stream."""
        self.write_pongs()
        self.flush()

    def close_transport(self, *, at_eof: bool) -> None:
        """Write all that is left, and close the transport, or this side of it if the peer may send on.

        Args:
            at_eof: Whether the peer has closed its side.
        """
        self.finish()
        if at_eof or not can_half_close(self._transport):
            self._close_when_taken()
        elif not self._transport.is_closing():
            try:
                self._transport.write_eof()
            except OSError:  # the peer is gone already
                self._transport.abort()

    def _close_when_taken(self) -> None:
        """Close both sides, once the peer has taken nearly all: a close of TLS has its own limit."""
        # a transport of TLS cannot be aborted if it is closed twice
        if self._transport.is_closing():
            return
        try:
            if look(self._transport, self.written, read=0).waiting > IN_FLIGHT:
                self._loop.call_later(_LOOK, self._close_when_taken)
            else:
                self._transport.close()
        except Exception as error:  # noqa: BLE001 - of the transport
            self._host.fail(error)

    def flush(self) -> None:
        """Write all kept frames."""
        if self._kept is not None:
            data = b"".join(self._kept)
            self._kept = None
            if not self._is_closing():
                self.written += len(data)
                self._transport.write(data)

    def close(self) -> None:
        """Discard all kept frames, and write nothing more."""
        self.clear()
        self._is_closing = _always

    def release(self) -> None:
        """Release the protocol, which has ended."""
        self.close()
        self._host = cast("Host", None)

    def clear(self) -> None:
        """Discard all kept frames."""
        self._kept = self._pongs = None

    def _end_turn(self) -> None:
        self._flushing = False
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - the transport may raise anything
            self._host.fail(error)


def _always() -> bool:
    return True
