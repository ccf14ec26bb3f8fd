"""The inbound side of a connection: from bytes to calls of the core, in order and in slices.

All data is passed on before the end of the stream and the loss of the transport, even if the application
takes it slowly.
"""

import asyncio
from time import monotonic
from typing import Final, Protocol

from wsfsm.integrations.frames import Close, Failure, FrameEvent, FrameReader, Ping, Pong
from wsfsm.integrations.uvicorn._traffic import can_half_close, is_gone, unread
from wsfsm.server import ServerConnection
from wsfsm.server.commands import Command

__all__ = ["Inbound"]

_SLICE: Final = 0.002  # seconds of reading before other tasks get a turn
_WATCH: Final = 1.0  # seconds between checks of a transport that is not read


class Host(Protocol):
    """The protocol that the inbound side belongs to."""

    def perform(self, commands: list[Command]) -> None:
        """Carry out commands of the core."""

    def end_slice(self) -> None:
        """Finish a slice of reading."""

    def fail(self, error: Exception) -> None:
        """Handle an error that the peer has not caused."""


class Inbound:
    """Reads frames from a transport, as long as the queue for the application has room.

    Args:
        connection: The core.
        reader: The frame reader.
        transport: The transport.
        loop: The event loop.
        host: The protocol that the inbound side belongs to.

    Attributes:
        received: Bytes that have arrived.
        events: Number of messages and control frames that were read.
        held: Whether reading waits until the application takes messages.
        at_eof: Whether the peer has ended the stream.
        is_reading: Whether the transport is being read.
    """

    __slots__ = (
        "_connection",
        "_draining",
        "_ended",
        "_failure",
        "_host",
        "_loop",
        "_lost",
        "_reader",
        "_slice",
        "_transport",
        "_watch",
        "at_eof",
        "events",
        "held",
        "is_reading",
        "received",
    )

    def __init__(
        self,
        connection: ServerConnection,
        reader: FrameReader,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        host: Host,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._transport = transport
        self._loop = loop
        self._host = host
        self._draining = False  # the peer is gone, and all of its data is read at once
        self._failure: Failure | None = None  # passed on after a turn of the application
        self._slice: asyncio.Handle | None = None  # the next slice
        self._watch: asyncio.TimerHandle | None = None
        self._lost = False
        self._ended = False  # all data and the end of the stream are passed on
        self.received = self.events = 0
        self.held = self.at_eof = False
        self.is_reading = True

    # Events of the transport, which the protocol passes on

    def feed(self, data: bytes) -> None:
        """Receive bytes of the peer."""
        self.received += len(data)
        if self._slice is None and self._connection.should_read:
            self._read(data)
        else:
            self._reader.feed(data)
            self._set_reading()

    def eof(self) -> bool:
        """Receive the end of the stream.

        Returns:
            Whether to keep the transport open, because not all data is read yet.
        """
        self.at_eof, self._draining = True, False
        self._settle()
        return not self._ended and can_half_close(self._transport)  # TLS closes in any case

    def lost(self) -> None:
        """Handle the loss of the transport."""
        self._lost = True
        if self._watch is not None:
            self._watch.cancel()
        self._reader.feed(unread(self._transport))
        self._fail()
        self._host.perform(self._connection.connection_lost(unread=self._is_behind))
        if not self._ended:
            self._settle()

    def resume(self) -> None:
        """Read on if there is room again, now that the application has taken a message."""
        # this only schedules a slice: the transport is resumed once no data is left
        self._set_reading()

    def watch(self) -> None:
        """Check whether the peer is gone, because a transport that is not read does not report it."""
        if not (self.is_reading or self._is_at_end) and is_gone(self._transport):
            self._draining = True
            self._set_reading()

    # Inside

    @property
    def _is_behind(self) -> bool:
        """Whether data has arrived that is not passed on yet."""
        return self._failure is not None or self._reader.has_more

    @property
    def _is_at_end(self) -> bool:
        """Whether nothing more can be read from the transport."""
        return self.at_eof or self._lost

    def _read(self, data: bytes = b"") -> None:
        """Read a slice, and schedule the next one."""
        self._slice = None
        reader, connection = self._reader, self._connection
        deadline = 0.0
        try:
            if self._failure is not None:  # the application has had its turn
                self._fail()
                return
            events = reader.read(data)
            while True:
                if events:
                    self._pass_on(events)
                if not (reader.has_more and connection.should_read):
                    break
                now = monotonic()
                if not deadline:
                    deadline = now + _SLICE
                elif now > deadline:
                    break
                events = reader.read()
            self._settle()
        except Exception as error:  # noqa: BLE001 - for example an error of the library that inflates
            self._ended = True
            reader.stopped, reader.has_more = True, False
            self._host.fail(error)
            self._set_reading()

    def _pass_on(self, events: list[FrameEvent]) -> None:
        connection = self._connection
        self.events += len(events)
        commands: list[Command] = []
        for event in events:
            kind = type(event)
            if kind is str or kind is bytes:
                commands += connection.receive_message(event)  # type: ignore[arg-type]
            elif kind is Ping:
                commands += connection.receive_ping(event.payload)  # type: ignore[union-attr]
            elif kind is Pong:
                commands += connection.receive_pong(event.payload)  # type: ignore[union-attr]
            elif isinstance(event, Close):
                commands += connection.receive_close(event.code, event.reason)
            else:
                self._failure = event  # type: ignore[assignment]
        self._host.perform(commands)

    def _settle(self) -> None:
        """Pass on the end of the stream once all data is passed on, and read on or wait."""
        if self._failure is not None:
            if self._connection.has_message:
                self._slice = self._slice or self._loop.call_soon(self._read)
            else:
                self._fail()
        if self._is_at_end and not self._ended and not self._is_behind:
            self._ended = True
            self._host.perform(self._connection.receive_eof())
        self._host.end_slice()
        self._set_reading()

    def _fail(self) -> None:
        """Fail the connection, after the application had a turn to answer earlier messages."""
        failure, self._failure = self._failure, None
        if failure is not None:
            if self._slice is not None:
                self._slice.cancel()
                self._slice = None
            self._host.perform(self._connection.receive_error(failure.code, failure.reason))
            self._settle()

    def _set_reading(self) -> None:
        """Read the next slice, read from the transport, or neither."""
        wants = self._connection.should_read
        if wants and self._slice is None and self._reader.has_more:
            self._slice = self._loop.call_soon(self._read)
        # a pause and a resumption are two system calls, so pause only after one read too many
        reading = self._draining or not self._reader.has_more
        self.held = not wants
        if reading is self.is_reading or self._is_at_end or self._transport.is_closing():
            return
        self.is_reading = reading
        if reading:
            # do not pause a TLS transport again if its peer is gone, because it would lose data
            if not can_half_close(self._transport):
                self._draining = self._draining or is_gone(self._transport)
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
            if self._watch is None:
                self._watch = self._loop.call_later(_WATCH, self._look)

    def _look(self) -> None:
        self._watch = None
        try:
            self.watch()
        except Exception as error:  # noqa: BLE001 - the transport may raise anything
            self._host.fail(error)
        if not (self.is_reading or self._is_at_end):
            self._watch = self._loop.call_later(_WATCH, self._look)
