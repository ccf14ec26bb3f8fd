"""Streams of frames for tests of the reader: compressed, cut, and read to their end."""

import random
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from helpers.wire import BINARY, CONT, frame
from wsfsm.integrations.frames import Failure, FrameEvent, FrameReader, negotiate

__all__ = [
    "Deflater",
    "agreed",
    "compressed",
    "cuts",
    "deflate",
    "in_frames",
    "outcome",
    "read",
    "slices",
]

TAIL = b"\x00\x00\xff\xff"


def slices(reader: FrameReader, data: bytes = b"") -> Iterator[list[FrameEvent]]:
    """The events of each call that reads bytes, to the last one that makes progress."""
    yield reader.read(data)
    for _ in range(1_000_000):
        if not reader.has_more:
            return
        yield reader.read()
    raise AssertionError("the reader never ends")


def read(*chunks: bytes, **options: Any) -> list[FrameEvent]:
    """The events of bytes that arrive in chunks, each one read to its end."""
    reader = FrameReader(**options)
    return [event for chunk in chunks for events in slices(reader, chunk) for event in events]


def outcome(events: Iterable[FrameEvent]) -> list[FrameEvent]:
    """The events, a failure without its reason: two of them are the same if their codes are."""
    return [Failure(event.code, "") if isinstance(event, Failure) else event for event in events]


def cuts(
    data: bytes, chance: random.Random, sizes: tuple[int, ...] = (1, 2, 3, 7, 64)
) -> list[bytes]:
    """The same bytes in pieces of some sizes, by chance."""
    pieces = []
    while data:
        size = chance.choice(sizes)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def agreed(offer: bytes = b"permessage-deflate") -> dict[str, Any]:
    """Options of a reader after an offer was accepted."""
    _, extensions = negotiate([offer])
    assert extensions
    return {"extensions": extensions}


class Deflater:
    """Compresses the messages of a client (RFC 7692 7.2.1).

    Args:
        takeover: Whether the context of a message is the one before it.
        bits: Bits of the window.
        options: More options of `zlib.compressobj`.
    """

    def __init__(self, *, takeover: bool = True, bits: int = 12, **options: Any) -> None:
        self.takeover = takeover
        self.options = {"wbits": -bits, **options}
        self.stream: Any = None

    def message(self, payload: bytes, *, final: bool = False) -> bytes:
        """Compress a message, whose last block may have BFINAL=1."""
        if self.stream is None or not self.takeover:
            self.stream = zlib.compressobj(**self.options)
        data: bytes = self.stream.compress(payload)
        if final:
            data += self.stream.flush(zlib.Z_FINISH) + b"\x00"
            self.stream = None
            return data
        data += self.stream.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        return data[:-4]


def deflate(payload: bytes) -> bytes:
    """Compress a message for itself."""
    return Deflater().message(payload)


def in_frames(opcode: int, payload: bytes, ends: Iterable[int], *, rsv: int = 0) -> list[bytes]:
    """The frames of a message that is cut at places of its payload, in order."""
    places = [0, *ends, len(payload)]
    parts = [payload[begin:end] for begin, end in pairwise(places)]
    last = len(parts) - 1
    return [
        frame(CONT if number else opcode, part, fin=number == last, rsv=0 if number else rsv)
        for number, part in enumerate(parts)
    ]


def compressed(*messages: bytes, opcode: int = BINARY, **options: Any) -> bytes:
    """The frames of compressed messages, one a message, with context takeover."""
    deflater = Deflater(**options)
    return b"".join(frame(opcode, deflater.message(message), rsv=4) for message in messages)


def bits(*fields: tuple[int, int]) -> bytes:
    """Values of so many bits each, as DEFLATE packs them."""
    number = size = 0
    for value, width in fields:
        number |= value << size
        size += width
    return number.to_bytes(-(-size // 8), "little")
