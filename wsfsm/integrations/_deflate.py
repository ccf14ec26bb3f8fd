"""permessage-deflate (RFC 7692): the negotiation, and inflating messages piece by piece.

The library ``websockets`` parses offers, answers them and compresses. This module inflates with zlib
directly, because the library inflates a whole frame at once, does not go on after a block with BFINAL=1,
and does not notice a truncated message.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from websockets.exceptions import InvalidHandshake
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

from wsfsm.server import BadHandshake

__all__ = ["Inflater", "negotiate"]

_INPUT: Final = 2**12
"""Bytes passed to zlib at a time, because it copies those that it does not use."""

_OUTPUT: Final = 2**16
"""Bytes taken from zlib at a time."""

_BYTE_COST: Final = 32
"""The cost of a byte of input, in bytes of output, because blocks that have only tables are slow."""

_CALL_COST: Final = 2**8
_STREAM_COST: Final = 2**10

_EMPTY: Final = b"\x00\x00\x00\xff\xff"
_TAIL: Final = _EMPTY[1:] + 64 * _EMPTY
"""The four bytes that a sender removes (RFC 7692 7.2.1), and empty blocks.

Between two blocks, these bytes have no effect. In the middle of a block they give output, an error or the
end of the stream, even in a block that begins with the lengths of 286 codes. So they show whether a
message ends in the middle of a block.
"""

_OFFER_SIZE: Final = 2**12
"""Bytes that the offers may have; browsers send 42."""

_SETTINGS: Final = {"level": 3, "memLevel": 5}
"""Options of zlib: level 3 takes two thirds of the time of level 6, for 4 to 8 % more bytes on the wire."""


class Inflater:
    """Inflates the messages of a peer, in pieces of bounded size (RFC 7692 7.2.2).

    For each message, call `begin`; then `feed`, each time followed by `inflate` while `is_waiting`; then
    `finish`. A block with BFINAL=1 ends a stream, and the next byte begins another one (RFC 7692
    7.2.3.4). If the peer refers back beyond its window, `inflate` raises, unless zlib still has the
    bytes.

    Args:
        extension: The negotiated parameters.

    Attributes:
        is_waiting: Whether `inflate` has more to do: input is left, or zlib has more output.
    """

    __slots__ = (
        "_at",
        "_bits",
        "_data",
        "_is_empty",
        "_is_full",
        "_stream",
        "_takeover",
        "is_waiting",
    )

    def __init__(self, extension: PerMessageDeflate) -> None:
        self._takeover = not extension.remote_no_context_takeover
        self._bits = -extension.remote_max_window_bits
        # reuse the one of the library, which does not need it
        self._stream: zlib._Decompress | None = getattr(extension, "decoder", None)
        self._data = b""
        self._at = 0  # the place in the data
        self._is_full = False  # whether the last piece had the greatest allowed size
        self._is_empty = True  # whether the message has no compressed bytes yet
        self.is_waiting = False

    def begin(self) -> None:
        """Begin a message."""
        self._is_empty = True
        if not self._takeover:
            self._stream = None

    def feed(self, data: bytes) -> None:
        """Add compressed bytes. Do this only if `is_waiting` is False.

        Args:
            data: At least one byte.
        """
        self._data, self._at = data, 0
        self._is_empty = False
        self.is_waiting = True

    def inflate(self, room: int) -> tuple[bytes, int]:
        """Inflate a piece.

        Args:
            room: Bytes of output that are allowed. If it is 0, the first byte of output is returned
                anyway. The input is then read byte by byte, so that an error after that first byte is
                not raised instead.

        Returns:
            The output, possibly empty, and the cost of the work in bytes.

        Raises:
            zlib.error: The input is not DEFLATE (RFC 1951).
        """
        stream, cost = self._stream, _CALL_COST
        if stream is None:
            stream = self._stream = zlib.decompressobj(self._bits)
            cost += _STREAM_COST
        if room:
            limit, size = min(room, _OUTPUT), _INPUT
        else:
            limit, size = 1, 0 if self._is_full else 1
        piece = self._data[self._at : self._at + size]
        output = stream.decompress(piece, limit)
        used = len(piece) - len(stream.unconsumed_tail or stream.unused_data)
        self._at += used
        if stream.eof:
            self._stream, self._is_full = None, False
        else:
            self._is_full = len(output) == limit
        self.is_waiting = self._is_full or self._at < len(self._data)
        return output, cost + _BYTE_COST * used + len(output)

    def finish(self) -> None:
        """End a message.

        Two deviations are accepted, because some senders have them: a message may end with its stream,
        without the byte 00 of RFC 7692 7.2.3.4, and an empty message may have no bytes at all.

        Raises:
            zlib.error: The message is truncated.
        """
        self._data = b""
        stream = self._stream
        if stream is None or self._is_empty:
            return
        if stream.decompress(_TAIL, 1) or stream.eof:
            raise zlib.error("truncated compressed message")


_Answer: TypeAlias = tuple[str | None, tuple[bool, bool, int, int] | None]


def negotiate(offers: Sequence[bytes]) -> tuple[str | None, Sequence[Extension]]:
    """Negotiate extensions: accept the first supported offer of permessage-deflate (RFC 7692 7.1).

    Args:
        offers: Values of Sec-WebSocket-Extensions in the request.

    Returns:
        The value of Sec-WebSocket-Extensions in the response, or None, and the extensions.

    Raises:
        BadHandshake: The offers are not a list of extensions (RFC 6455 9.1), or have more than 4 KiB
            (status 431).
    """
    # empty elements of a list are ignored (RFC 9110 5.6.1)
    made = tuple(offer for offer in offers if offer.strip(b" \t,"))
    if not made:
        return None, ()
    if sum(map(len, made)) > _OFFER_SIZE:
        raise BadHandshake("Sec-WebSocket-Extensions must have at most 4 KiB", status=431)
    header, parameters = _answer(made)
    return header, () if parameters is None else (PerMessageDeflate(*parameters, _SETTINGS),)


@lru_cache(maxsize=64)
def _answer(offers: tuple[bytes, ...]) -> _Answer:
    """Answer offers with the value of a header and the parameters of an extension, or with None."""
    try:
        listed = [
            element
            for offer in offers
            for element in parse_extension(offer.decode("latin-1").strip(" \t"))
        ]
    except InvalidHandshake as error:
        raise BadHandshake(str(error)) from None
    for name, parameters in listed:
        if name != PerMessageDeflate.name:
            continue
        try:
            answer, extension = _factory().process_request_params(parameters, [])
            _try_out(extension)
        except Exception:  # noqa: BLE001, S112 - not supported, but the next offer may be (RFC 7692 5.1)
            continue
        agreed = (
            extension.remote_no_context_takeover,
            extension.local_no_context_takeover,
            extension.remote_max_window_bits,
            extension.local_max_window_bits,
        )
        return build_extension([(name, answer)]), agreed
    return None, None


@lru_cache(maxsize=1)
def _factory() -> ServerPerMessageDeflateFactory:
    # windows of 4 KiB, because memory matters more here than the last percent of compression
    return ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings=_SETTINGS
    )


def _try_out(extension: Extension) -> None:
    """Compress something, because some versions of the library accept windows that zlib refuses."""
    extension.encode(Frame(Opcode.BINARY, b"probe"))
