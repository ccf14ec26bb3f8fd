"""Messages for the client of the benchmark: prepared frames, and what counts their echoes."""

import itertools
import json
import random
import zlib
from typing import Final, Protocol

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
FIN: Final = 0x80
RSV1: Final = 0x40  # the message is compressed (RFC 7692 6)
MASK: Final = b"\x5a\xc3\x96\x0f"  # constant, but not zero, so that servers cannot skip unmasking
TAIL: Final = (
    b"\x00\x00\xff\xff"  # the end of a compressed message, which is not sent (RFC 7692 7.2.1)
)


def frame(opcode: int, payload: bytes, mask: bytes = b"", rsv: int = 0) -> bytes:
    """Encode an unfragmented message (RFC 6455 5.2)."""
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        head = bytes([FIN | rsv | opcode, masked | size])
    elif size < 1 << 16:
        head = bytes([FIN | rsv | opcode, masked | 126]) + size.to_bytes(2)
    else:
        head = bytes([FIN | rsv | opcode, masked | 127]) + size.to_bytes(8)
    if mask:
        pad = (mask * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
    return head + mask + payload


def payload_of(data: bytes | bytearray, start: int = 0) -> slice | None:
    """Find the payload of a frame of at most 64 KiB without a mask; None if it is incomplete."""
    if len(data) < start + 4:  # all frames of the benchmark have a payload of two bytes or more
        return None
    size, begin = data[start + 1], start + 2
    if size == 126:
        size, begin = int.from_bytes(data[begin : begin + 2]), begin + 2
    return slice(begin, begin + size) if len(data) >= begin + size else None


class Counter(Protocol):
    """Count the echoes in the bytes that arrive."""

    def add(self, data: memoryview) -> int:
        """Return the number of all echoes that have arrived."""

    def exact(self, count: int) -> bool:
        """Check that this number of echoes has arrived, and nothing else."""


class Bytes:
    """Count echoes that have the same size, by their bytes."""

    def __init__(self, size: int) -> None:
        self._size, self._bytes = size, 0

    def add(self, data: memoryview) -> int:
        self._bytes += len(data)
        return self._bytes // self._size

    def exact(self, count: int) -> bool:
        return self._bytes == count * self._size

    def __str__(self) -> str:
        return f"{self._bytes} bytes"


class Frames:
    """Count echoes that differ in size, by their frames."""

    def __init__(self) -> None:
        self._rest, self._count = bytearray(), 0

    def add(self, data: memoryview) -> int:
        self._rest += data
        done = 0
        while payload := payload_of(self._rest, done):
            done = payload.stop
            self._count += 1
        del self._rest[:done]
        return self._count

    def exact(self, count: int) -> bool:
        return self._count == count and not self._rest

    def __str__(self) -> str:
        return f"{self._count} frames and {len(self._rest)} bytes"


class Load(Protocol):
    """Messages that are sent in a cycle, and the number of messages in flight."""

    @property
    def window(self) -> int:
        """Return the number of messages in flight."""

    def part(self, first: int, count: int) -> memoryview:
        """Return the frames of a number of messages, from the first one."""

    def counter(self) -> Counter: ...

    def complete(self, reply: bytearray) -> bool:
        """Decide whether this is a whole reply."""

    def is_echo(self, reply: bytes) -> bool:
        """Decide whether this is the echo of the first message, on a new connection if compressed."""


class Plain:
    """A message that is sent again and again.

    Args:
        opcode: Text or binary.
        size: Bytes of payload.
        window: Messages in flight.
    """

    def __init__(self, opcode: int, size: int, window: int = 1) -> None:
        payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        sent = frame(opcode, payload, MASK)
        self.window = window
        self._size = len(sent)
        self._frames = memoryview(sent * window)
        self.reply = frame(opcode, payload)

    def part(self, _: int, count: int) -> memoryview:
        return self._frames[: count * self._size]

    def counter(self) -> Counter:
        return Bytes(len(self.reply))

    def complete(self, reply: bytearray) -> bool:
        return len(reply) >= len(self.reply)

    def is_echo(self, reply: bytes) -> bool:
        return reply == self.reply


class Compressed:
    """Texts of JSON that differ, each compressed on its own, which permessage-deflate allows.

    Args:
        size: Bytes of each text before it is compressed.
        window: Messages in flight.
    """

    # Together they are larger than the window of a server's compressor, which otherwise would find
    # the whole text in it. The window of ours is the smallest that a class of uvicorn asks for
    TEXTS = 64
    BITS = -12

    def __init__(self, size: int, window: int = 1) -> None:
        self.window = window
        texts = [document(seed, size) for seed in range(self.TEXTS)]
        frames = [frame(TEXT, self._deflated(text), MASK, RSV1) for text in texts]
        # the first messages again at the end, so that a part that goes round is in one piece
        again = [*frames, *frames[:window]]
        self._frames = memoryview(b"".join(again))
        self._ends = [0, *itertools.accumulate(map(len, again))]
        self._first = texts[0]

    def _deflated(self, text: bytes) -> bytes:
        deflater = zlib.compressobj(wbits=self.BITS)
        data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return data.removesuffix(TAIL)

    def part(self, first: int, count: int) -> memoryview:
        start = first % self.TEXTS
        return self._frames[self._ends[start] : self._ends[start + count]]

    def counter(self) -> Counter:
        return Frames()

    def complete(self, reply: bytearray) -> bool:
        return payload_of(reply) is not None

    def is_echo(self, reply: bytes) -> bool:
        payload = payload_of(reply)
        if payload is None or payload.stop != len(reply) or reply[0] != FIN | RSV1 | TEXT:
            return False
        return zlib.decompressobj(-15).decompress(reply[payload] + TAIL) == self._first


def document(seed: int, size: int) -> bytes:
    """Write a list of records as JSON of exactly this size."""
    chance = random.Random(seed)  # noqa: S311 - the same texts in every run
    records: list[dict[str, object]] = []
    while len(text := json.dumps(records)) < size:
        name = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        price = round(chance.uniform(1, 500), 2)
        records.append({"id": chance.randrange(10**6), "name": name, "price": price})
    return text[:size].encode()
