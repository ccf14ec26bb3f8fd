"""permessage-deflate (RFC 7692): agreeing on it, and inflating messages piece by piece.

The library ``websockets`` parses offers, answers them and compresses. Inflating is done by zlib
directly, because the library inflates a frame at once, does not read on after a block with BFINAL=1,
and does not notice that a message is cut off.
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
"""Bytes given to zlib at a time: it copies those that it leaves."""

_OUTPUT: Final = 2**16
"""Bytes taken from zlib at a time."""

_BYTE_COST: Final = 32
"""The cost of a byte of input, in bytes of output: blocks that are nothing but tables are slow."""

_CALL_COST: Final = 2**8
_STREAM_COST: Final = 2**10

_EMPTY: Final = b"\x00\x00\x00\xff\xff"
_TAIL: Final = _EMPTY[1:] + 64 * _EMPTY
"""The four bytes that a sender removes (RFC 7692 7.2.1), and empty blocks.

The blocks change nothing where a block could begin. In the middle of one, even of one that begins
with 286 lengths of codes, so many zeros and ones are output, an error or the end of the stream.
"""

_OFFER_SIZE: Final = 2**12
"""Bytes of offers that are looked at; browsers send 42."""

_SETTINGS: Final = {"memLevel": 5}


class Inflater:
    """Inflates the messages of a peer, in pieces of bounded size (RFC 7692 7.2.2).

    For each message, call `begin`, then `feed` and, while `is_waiting`, `inflate` in turn, then
    `finish`. A block with BFINAL=1 ends a stream (RFC 7692 7.2.3.4): the next byte begins another.
    A peer that refers back beyond its window is refused, unless zlib happens to have the bytes.

    Args:
        extension: The parameters that were agreed on.

    Attributes:
        is_waiting: Whether there is input left, or output within zlib.
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
        # the library has made one, and does not need it
        self._stream: zlib._Decompress | None = getattr(extension, "decoder", None)
        self._data = b""
        self._at = 0  # in the data
        self._is_full = False  # the last piece was as long as it could be
        self._is_empty = True  # the message, compressed
        self.is_waiting = False

    def begin(self) -> None:
        """Begin a message."""
        self._is_empty = True
        if not self._takeover:
            self._stream = None

    def feed(self, data: bytes) -> None:
        """Take compressed bytes, while not `is_waiting`.

        Args:
            data: At least one byte.
        """
        self._data, self._at = data, 0
        self._is_empty = False
        self.is_waiting = True

    def inflate(self, room: int) -> tuple[bytes, int]:
        """Inflate a piece.

        Args:
            room: How many bytes of output are allowed. Output without room for it is one byte: it
                is looked for byte by byte of the input, so that an error behind it does not count.

        Returns:
            The output, possibly empty, and its cost in bytes.

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

        A message may end with its stream, without the byte 00 of RFC 7692 7.2.3.4, and an empty
        one may be without any byte: some senders make them so, and nothing is left open.

        Raises:
            zlib.error: The message is cut off.
        """
        self._data = b""
        stream = self._stream
        if stream is None or self._is_empty:
            return
        if stream.decompress(_TAIL, 1) or stream.eof:
            raise zlib.error("a compressed message is cut off")


_Answer: TypeAlias = tuple[str | None, tuple[bool, bool, int, int] | None]


def negotiate(offers: Sequence[bytes]) -> tuple[str | None, Sequence[Extension]]:
    """Agree on extensions: the first offer of permessage-deflate that can be served (RFC 7692 7.1).

    Args:
        offers: Values of Sec-WebSocket-Extensions.

    Returns:
        The value of the header that answers, or None, and the extensions.

    Raises:
        BadHandshake: The offers are not a list of extensions (RFC 6455 9.1), or are of more than
            4 KiB (status 431).
    """
    # empty elements of a list do not count (RFC 9110 5.6.1)
    made = tuple(offer for offer in offers if offer.strip(b" \t,"))
    if not made:
        return None, []
    if sum(map(len, made)) > _OFFER_SIZE:
        raise BadHandshake("Sec-WebSocket-Extensions is too long", status=431)
    header, parameters = _answer(made)
    return header, [] if parameters is None else [PerMessageDeflate(*parameters, _SETTINGS)]


@lru_cache(maxsize=64)
def _answer(offers: tuple[bytes, ...]) -> _Answer:
    """Answer offers: a header, and the parameters of an extension."""
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
            _prove(extension)
        except Exception:  # noqa: BLE001, S112 - it cannot be served: the next one may be (RFC 7692 5.1)
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
    # windows of 4 KiB: what a connection takes matters more here than the last percent
    return ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings=_SETTINGS
    )


def _prove(extension: Extension) -> None:
    """Compress something: versions of the library agree on windows that zlib refuses."""
    extension.encode(Frame(Opcode.BINARY, b"proof"))
