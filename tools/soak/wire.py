"""The bytes of a client: messages as frames, and violations of the protocol."""

import random
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from wsproto.extensions import PerMessageDeflate

from tools.soak.messages import Payload
from tools.soak.plan import Ping, Pong, Say
from wsfsm.conformance.server._client import CLOSE, OPCODES, frame

__all__ = ["MOST", "Deflater", "close", "control", "message", "pieces", "wrong"]

MOST: Final = 2**21
"""The greatest size of a message for the servers of a soak, in bytes (`--ws-max-size`)."""

_COMPRESSED: Final = 4  # RSV1 (RFC 7692 6)
_TAIL: Final = b"\x00\x00\xff\xff"  # RFC 7692 7.2.1
_SHORT: Final = 300  # the greatest size of a frame that is written byte by byte
_DROPS: Final = 50  # pieces of a frame that is written slowly
_NAMES: Final = {Ping: "ping", Pong: "pong"}


class Deflater:
    """Compresses a client's messages (RFC 7692 7.2.1).

    Args:
        agreed: The negotiated extension.
    """

    def __init__(self, agreed: PerMessageDeflate) -> None:
        self._bits = agreed.client_max_window_bits
        self._no_takeover = agreed.client_no_context_takeover
        self._compressor = self._new()

    def _new(self) -> "zlib._Compress":
        return zlib.compressobj(wbits=-self._bits)

    def deflate(self, data: bytes, *, final: bool) -> bytes:
        """Compress a message.

        Args:
            data: The payload.
            final: Whether the last block has BFINAL=1 (RFC 7692 7.2.3.4).
        """
        start = self._compressor.compress(data)
        if final:
            compressed = start + self._compressor.flush(zlib.Z_FINISH) + b"\x00"
        else:
            whole = start + self._compressor.flush(zlib.Z_SYNC_FLUSH)
            compressed = whole.removesuffix(_TAIL)
        if final or self._no_takeover:
            self._compressor = self._new()
        return compressed


def message(say: Say, payload: Payload, deflater: Deflater | None) -> Iterator[bytes]:
    """Yield the frames of a message, and the control frames between its fragments.

    Args:
        say: The way to send the message.
        payload: The content.
        deflater: The connection's deflater, or None without compression.
    """
    opcode = OPCODES["text" if isinstance(payload, str) else "binary"]
    data = payload.encode() if isinstance(payload, str) else payload
    rsv = 0
    if say.compressed and deflater is not None:
        data, rsv = deflater.deflate(data, final=say.final), _COMPRESSED
    edges = [0, *(int(cut * len(data)) for cut in say.cuts), len(data)]
    between = [control(step) for step in say.between]
    for number, (start, stop) in enumerate(pairwise(edges), 2):
        yield frame(opcode, data[start:stop], fin=number == len(edges), rsv=rsv)
        opcode, rsv = OPCODES["continuation"], 0
        if between:
            yield between.pop(0)
    yield from between


def control(step: Ping | Pong) -> bytes:
    """Encode a Ping or a Pong."""
    return frame(OPCODES[_NAMES[type(step)]], step.payload)


def close(code: int, reason: str = "") -> bytes:
    """Encode a Close frame; its payload is empty if the code is 1005 (RFC 6455 7.1.5)."""
    return frame(CLOSE, b"" if code == 1005 else code.to_bytes(2, "big") + reason.encode())


def wrong(kind: str, deflater: Deflater | None) -> bytes:
    """Return bytes that violate the protocol; `judging` has the close code for each kind.

    Args:
        kind: The way in which the client ends.
        deflater: The connection's deflater, or None without compression.
    """
    if kind == "bomb" and deflater is not None:  # bigger than the limit once it is inflated
        data = deflater.deflate(bytes(MOST + 1), final=False)
        return frame(OPCODES["binary"], data, rsv=_COMPRESSED)
    too_big = frame(OPCODES["binary"], length_bytes=8)[:2] + (MOST + 1).to_bytes(8, "big")
    return {
        "bad opcode": frame(3, b"?"),
        "bad text": frame(OPCODES["text"], b"caf\xe9 au lait"),
        "no mask": frame(OPCODES["text"], b"bare", masked=False),
        "bad close": frame(CLOSE, b"\x03\xed"),  # 1005 must not be sent (RFC 6455 7.4.1)
    }.get(kind, too_big + bytes(4))


def pieces(data: bytes, writes: str, rng: random.Random) -> Iterator[bytes]:
    """Cut bytes into the pieces that a client writes.

    Args:
        data: The bytes.
        writes: `Client.writes`.
        rng: Source of randomness.
    """
    size = len(data)
    if writes in {"whole", "frames"}:
        yield data
    elif writes == "drip" or (writes == "bytes" and size <= _SHORT):
        step = max(size // _DROPS, 1) if writes == "drip" else 1
        yield from (data[at : at + step] for at in range(0, size, step))
    else:
        at = 0
        while at < size:
            step = rng.randint(1, max(size // 3, 1))
            yield data[at : at + step]
            at += step
