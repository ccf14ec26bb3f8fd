"""The frame reader: bytes in, events out.

It returns events in order, and each call does a bounded slice of work. A payload is unmasked, inflated
and decoded once, piece by piece, as it arrives. The result does not depend on how the bytes are cut. There
is a fast path for uncompressed messages of one frame that have arrived completely, because nearly all
frames are of that kind.
"""

import zlib
from collections.abc import Sequence
from sys import maxsize
from typing import Final, cast

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C if available

from wsfsm._closing import REASON_SIZE
from wsfsm.integrations._deflate import Inflater
from wsfsm.integrations._events import Close, Failure, FrameEvent, Ping, Pong
from wsfsm.integrations._frame_rules import (
    BINARY,
    CLOSE,
    FIN,
    MASKED,
    PING,
    PONG,
    RSV1,
    TEXT,
    TWO_BYTES,
    Broken,
    check_head,
    long_length,
    read_close,
)
from wsfsm.integrations._payload import Payload

__all__ = ["FrameReader"]

_WHOLE_TEXT: Final = FIN | TEXT
_WHOLE_BINARY: Final = FIN | BINARY
_WHOLE_COMPRESSED: Final = frozenset({_WHOLE_TEXT | RSV1, _WHOLE_BINARY | RSV1})

_SLICE: Final = 2**18
"""The work of a call, in bytes to unmask, inflate and decode."""

_FRAMES: Final = 64
"""The number of frames that make a slice of work."""

_DELIVERED: Final = 2**14
"""Bytes of returned messages that make a slice of work, because an application has to take them."""

_FRAME_COST: Final = _SLICE // _FRAMES
_DELIVERY_COST: Final = _SLICE // _DELIVERED
_SHORTEST: Final = 6  # bytes of the shortest frame
_LONG: Final = _DELIVERED + _SHORTEST
_TURNS: Final = (None,) * _FRAMES
_SHORT: Final = 2**12  # bytes of a compressed message that is inflated at once
_PIECE: Final = 2**18  # bytes to unmask at a time


class FrameReader:
    """Reads the frames of a client.

    Args:
        extensions: The negotiated extensions: none, or permessage-deflate.
        max_size: Bytes that a message may have, all frames together and decompressed, or None.

    Attributes:
        has_more: Whether another `read` would make progress without more bytes.
        stopped: Whether a `Close` or a `Failure` was returned. Further bytes are discarded (RFC 6455
            1.4, 7.1.7).
    """

    __slots__ = (
        "_at",
        "_in_frame",
        "_inflater",
        "_is_last",
        "_later",
        "_left",
        "_mask",
        "_max_size",
        "_message",
        "_rest",
        "_short_size",
        "_work",
        "has_more",
        "stopped",
    )

    def __init__(self, extensions: Sequence[Extension] = (), max_size: int | None = None) -> None:
        self.has_more = False
        self.stopped = False
        self._inflater = _make_inflater(extensions)
        self._max_size = maxsize if max_size is None else max_size
        self._short_size = min(self._max_size, 2**16 - 1)
        self._work = 0  # the rest of the slice
        # bytes of which those from _at on are not read yet, and bytes that have arrived since
        self._rest = b""
        self._at = 0
        self._later: bytes | bytearray = b""
        self._message: Payload | None = None
        # the current data frame
        self._in_frame = False
        self._is_last = False  # whether it is the last frame of the message
        self._left = 0  # bytes of its payload that are not read yet
        self._mask = b""  # the mask, rotated to the next byte

    def read(self, data: bytes = b"") -> list[FrameEvent]:  # noqa: C901, PLR0912 - calls would be slower
        """Take bytes from the peer, and return the next events, in order.

        A call does a slice of work: about 64 frames, or 16 KiB of messages, or 256 KiB to unmask,
        inflate and decode. If there is more to do, `has_more` is True.

        Args:
            data: The bytes, possibly none.
        """
        events: list[FrameEvent] = []
        if self.stopped:
            return events
        at, work = 0, _SLICE
        if self._rest or self._later:
            data, at = self._join(data)
        try:
            while True:
                if self._message is None:
                    # the fast path, for as many frames as possible; _read_on does the rest, errors too
                    start, count, end = at, len(events), len(data)
                    most = self._short_size
                    stop = at + _DELIVERED if end - at > _LONG else end - _SHORTEST
                    for _ in _TURNS:
                        if at > stop:
                            break
                        first, length = data[at], data[at + 1] - MASKED
                        begin = at + 6
                        if length >= TWO_BYTES:
                            length = data[at + 2] << 8 | data[at + 3] if length == TWO_BYTES else 0
                            begin = at + 8
                            if length < TWO_BYTES:
                                break
                        after = begin + length
                        if after > end or length < 0 or length > most:
                            break
                        if first == _WHOLE_TEXT:
                            events.append(
                                apply_mask(data[begin:after], data[begin - 4 : begin]).decode()
                            )
                        elif first == _WHOLE_BINARY:
                            events.append(apply_mask(data[begin:after], data[begin - 4 : begin]))
                        else:
                            break
                        at = after
                        if at == end and not self._later:
                            self._rest = b""
                            self.has_more = False
                            return events
                    work -= (len(events) - count) * _FRAME_COST + (at - start) * _DELIVERY_COST
                self._rest, self._at, self._work = data, at, work
                if not self._read_on(events):
                    return events
                data, at, work = self._rest, self._at, self._work
        except Broken as error:
            self._stop(events, Failure(*error.args))
        except UnicodeDecodeError as error:
            self._stop(events, Failure(1007, error.reason))
        except zlib.error as error:
            # the same code as for text that is not UTF-8, so that the order of the checks does not matter
            self._stop(events, Failure(1007, str(error)[:REASON_SIZE]))
        return events

    def feed(self, data: bytes) -> None:
        """Keep bytes from the peer for later calls of `read`."""
        if data and not self.stopped:
            self._keep(data)
            self.has_more = True

    def _keep(self, data: bytes) -> None:
        if not self._later:
            self._later = bytearray(data)
        else:
            self._later += data

    def _join(self, data: bytes) -> tuple[bytes, int]:
        """Join the bytes that were not read yet with new ones; return them, and the place to read from."""
        if self.has_more:  # there may be megabytes, which _has copies only once
            self._keep(data)
            return self._rest, self._at
        return self._rest[self._at :] + data, 0

    def _stop(self, events: list[FrameEvent], event: Close | Failure) -> None:
        events.append(event)
        self.stopped, self.has_more = True, False
        self._rest = self._later = b""
        self._message = self._inflater = None

    def _read_on(self, events: list[FrameEvent]) -> bool:
        """Read frames of all kinds.

        Returns:
            Whether the fast path may go on, because the reader is between messages; otherwise the call
            is over.
        """
        while self._step(events):
            if self.stopped:
                return False
            if self._message is None and self._work > 0:
                return True
        return False

    def _step(self, events: list[FrameEvent]) -> bool:
        """Do the next piece of work, if its bytes have arrived and the slice is not used up."""
        message = self._message
        if message is None or not self._in_frame:
            if self._inflater is not None and message is None and self._read_short(events):
                return True
            return self._read_head(events)
        if message.inflater is not None and message.inflater.is_waiting:
            if self._is_out_of_work():
                return False
            self._inflate(message, message.inflater)
        elif self._left:
            if not self._has(1) or self._is_out_of_work():
                return False
            self._unmask(message)
        else:
            self._end_frame(message, events)
        return True

    def _is_out_of_work(self) -> bool:
        self.has_more = self._work <= 0
        return self.has_more

    def _has(self, size: int) -> bool:
        """Check whether at least this many bytes are unread."""
        if len(self._rest) - self._at >= size:
            return True
        # copy the short rest, to free the memory of the bytes before it
        self._rest = self._rest[self._at :] + self._later
        self._at, self._later = 0, b""
        self.has_more = False
        return len(self._rest) >= size

    def _read_short(self, events: list[FrameEvent]) -> bool:
        """Read a short compressed message of one frame that has arrived, as nearly all are."""
        data, at = self._rest, self._at
        if len(data) - at < _SHORTEST or data[at] not in _WHOLE_COMPRESSED or self._work <= 0:
            return False
        length, begin = data[at + 1] - MASKED, at + 6
        if length >= TWO_BYTES:
            begin = at + 8
            length = data[at + 2] << 8 | data[at + 3] if length == TWO_BYTES else 0
            if length < TWO_BYTES:  # wrong, or longer
                return False
        after = begin + length
        if after > len(data) or not 0 < length <= _SHORT or not self._max_size:
            return False
        inflater = cast("Inflater", self._inflater)
        inflater.begin()
        inflater.feed(apply_mask(data[begin:after], data[begin - 4 : begin]))
        payload, cost = inflater.inflate(self._max_size)
        self._at = after
        self._work -= _FRAME_COST + cost
        is_text = data[at] == _WHOLE_TEXT | RSV1
        if inflater.is_waiting:
            message = self._message = Payload(is_text=is_text, inflater=inflater)
            message.size = len(payload)
            if payload:
                message.add(payload)
            self._in_frame, self._is_last, self._left = True, True, 0
        else:
            inflater.finish()
            self._work -= len(payload) * _DELIVERY_COST
            events.append(payload.decode() if is_text else payload)
        return True

    def _read_head(self, events: list[FrameEvent]) -> bool:
        """Read the head of a data frame, or a whole control frame."""
        if not self._has(2):
            return False
        first, second = self._rest[self._at], self._rest[self._at + 1]
        opcode, length, size = first & 0xF, second & 0x7F, 6
        check_head(
            first,
            second,
            compresses=self._inflater is not None,
            continues=self._message is not None,
        )
        if length >= TWO_BYTES:
            size = 8 if length == TWO_BYTES else 14
            if not self._has(size - 4):
                return False
            length = long_length(self._rest[self._at + 2 : self._at + size - 4])
        if opcode < CLOSE:
            whole = size
            self._check_size(first, length)
        else:
            whole = size + length
        if not self._has(whole) or self._is_out_of_work():
            return False
        begin = self._at + size
        self._mask = self._rest[begin - 4 : begin]
        self._at += whole
        self._work -= _FRAME_COST
        if opcode < CLOSE:
            self._begin_frame(first, length)
        else:
            self._end_control(opcode, self._rest[begin : self._at], events)
        return True

    def _check_size(self, first: int, length: int) -> None:
        """Check the size of a message after this frame, as far as the head shows it."""
        message = self._message
        if message is None:
            known = 0 if first & RSV1 else length
        else:
            known = message.size + (length if message.inflater is None else 0)
        if known > self._max_size:
            raise self._too_big()

    def _begin_frame(self, first: int, length: int) -> None:
        message = self._message
        if message is None:
            inflater = self._inflater if first & RSV1 else None
            if inflater is not None:
                inflater.begin()
            message = self._message = Payload(is_text=first & 0xF == TEXT, inflater=inflater)
        if message.inflater is None:
            message.size += length
        self._in_frame, self._is_last, self._left = True, first >= FIN, length

    def _end_frame(self, message: Payload, events: list[FrameEvent]) -> None:
        self._in_frame = False
        if self._is_last:
            events.append(message.whole())
            self._work -= message.size * _DELIVERY_COST
            self._message = None

    def _end_control(self, opcode: int, masked: bytes, events: list[FrameEvent]) -> None:
        payload = apply_mask(masked, self._mask)
        if opcode == PING:
            events.append(Ping(payload))
        elif opcode == PONG:
            events.append(Pong(payload))
        else:
            # allowed in the middle of a message, like every control frame (RFC 6455 5.4)
            self._stop(events, read_close(payload))

    def _unmask(self, message: Payload) -> None:
        """Read a piece of the payload of a frame."""
        begin = self._at
        size = min(self._left, len(self._rest) - begin, _PIECE)
        with memoryview(self._rest) as rest:  # a slice of bytes would be a copy
            piece = apply_mask(rest[begin : begin + size], self._mask)
        turn = size % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        self._at += size
        self._left -= size
        self._work -= size
        if message.inflater is None:
            message.add(piece)
        else:
            message.inflater.feed(piece)

    def _inflate(self, message: Payload, inflater: Inflater) -> None:
        """Inflate a piece of the unmasked payload."""
        room = self._max_size - message.size
        piece, cost = inflater.inflate(room)
        self._work -= cost
        if piece:
            if not room:
                raise self._too_big()
            message.size += len(piece)
            message.add(piece)

    def _too_big(self) -> Broken:
        return Broken(1009, f"message too big, the limit is {self._max_size} bytes")


def _make_inflater(extensions: Sequence[Extension]) -> Inflater | None:
    if not extensions:
        return None
    [extension] = extensions
    if not isinstance(extension, PerMessageDeflate):
        raise TypeError(f"an extension must be permessage-deflate, got {extension!r}")
    return Inflater(extension)
