"""The way out of a connection: what is written to a transport of asyncio, in order."""

import asyncio
from time import perf_counter
from typing import Final, Protocol

from wsfsm.integrations.frames import control_frame
from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, can_half_close, closing, look
from wsfsm.server.commands import SendPong

__all__ = ["FrameWriter"]

_KEPT: Final = 2**16  # bytes that are kept at most
_MANY: Final = 256  # messages that an application sends before it is somebody else's turn
_QUICK: Final = 0.0005  # seconds in which an application answers a message without any work
_STREAK: Final = 32  # messages in a row that are answered so before frames are kept
_LONGEST: Final = 0.002  # seconds for which a frame is kept at most
_PONGS: Final = 16  # that are written of one read
_LOOK: Final = 0.1  # seconds between looks at data that the peer has not taken


class Host(Protocol):
    """The protocol that a way out belongs to."""

    def fail(self, error: Exception) -> None:
        """Take an error of the transport."""


class FrameWriter:
    """Writes to a transport.

    A system call costs more than all the rest of a small message. So while messages that have
    arrived wait for an application that has answered the last 32 without any work in between, the
    first frame after each of them is kept for the next one, until no message waits, 2 ms have passed
    or the turn of the event loop ends. Every other frame is written at once. An application that
    suddenly blocks the loop after so many quick answers delays one frame for as long as it does.

    Args:
        transport: The transport.
        loop: Its loop.
        host: The protocol that it belongs to.

    Attributes:
        written: Bytes that were written to the transport.
        crowded: Whether so much was added since the application has waited for a message that
            it should wait for a turn of the loop.
    """

    __slots__ = (
        "_count",
        "_flushing",
        "_host",
        "_is_closing",
        "_kept",
        "_kept_since",
        "_loop",
        "_may_keep",
        "_pongs",
        "_size",
        "_streak",
        "_taken_at",
        "_transport",
        "crowded",
        "written",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, host: Host
    ) -> None:
        self._transport = transport
        self._is_closing = closing(transport)
        self._loop = loop
        self._host = host
        self._kept: list[bytes] = []
        self._size = 0  # of frames since the last turn
        self._count = 0  # of them
        self._pongs: list[bytes] = []
        self._flushing = False
        self._streak = 0  # of messages that were answered quickly
        self._may_keep = False  # the next frame
        self._taken_at = self._kept_since = 0.0
        self.crowded = False
        self.written = 0

    def asked(self) -> None:
        """The application asks for its next message, and is done with the last one."""
        now = perf_counter()
        self._streak = self._streak + 1 if now - self._taken_at < _QUICK else 0
        self._may_keep = self._streak >= _STREAK
        self._taken_at = now

    def waited(self) -> None:
        """The application has waited for the message that it takes."""
        self._taken_at = perf_counter()
        self._may_keep = False  # how fast it was before says nothing about this one
        self.rested()

    def rested(self) -> None:
        """Others have had their turn."""
        self._size = self._count = 0
        self.crowded = False

    def write(self, data: bytes) -> None:
        """Write at once, behind what is kept."""
        if self._kept:
            self.flush()
        if not self._is_closing():
            self.written += len(data)
            self._transport.write(data)

    def add(self, frame: bytes, *, more: bool) -> None:
        """Write a data frame: at once, or together with the next one.

        Args:
            frame: The frame.
            more: Whether more messages wait for the application.
        """
        self._count += 1
        self._size += len(frame)
        if self._size > _KEPT or self._count > _MANY:
            self.crowded = True
        if more and self._may_keep and not self.crowded:
            self._may_keep = False
            if not self._kept:
                self._kept_since = self._taken_at
            self._kept.append(frame)
            if self._taken_at - self._kept_since > _LONGEST:
                self.flush()
            elif not self._flushing:
                self._flushing = True
                self._loop.call_soon(self._end_turn)
        elif self._kept:
            self._kept.append(frame)
            self.flush()
        elif not self._is_closing():
            self.written += len(frame)
            self._transport.write(frame)

    def add_pong(self, payload: bytes) -> None:
        """Answer a Ping at the next `write_pongs`.

        Of many Pings only some are answered, with the last one among them (RFC 6455 5.5.3).
        """
        if len(self._pongs) == _PONGS:
            del self._pongs[-1]
        self._pongs.append(payload)

    def write_pongs(self) -> None:
        """Write the answers to Pings."""
        if self._pongs:
            frames = [control_frame(SendPong(payload)) for payload in self._pongs]
            self._pongs.clear()
            self.write(b"".join(frames))

    def finish(self) -> None:
        """Write what is kept and the answers to Pings: nothing can be written after them."""
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
        """Write what is kept."""
        if self._kept:
            data = b"".join(self._kept)
            self._kept.clear()
            if not self._is_closing():
                self.written += len(data)
                self._transport.write(data)

    def close(self) -> None:
        """Write nothing more."""
        self.clear()
        self._is_closing = lambda: True

    def clear(self) -> None:
        """Forget what is kept."""
        self._kept.clear()
        self._pongs.clear()

    def _end_turn(self) -> None:
        self._flushing = False
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - of the transport
            self._host.fail(error)
