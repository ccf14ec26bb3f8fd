"""Frames by the library ``websockets``: bytes in, calls of a `ServerConnection` out, and back.

The library reads and writes every frame but the plainest, a whole data message in one frame
without extensions: such a frame takes six bytes to read and two to write, and is nearly every
frame there is. Looking for everything else that it could have been costs six times as much.
"""

from codecs import getincrementaldecoder
from collections.abc import Generator, Sequence
from functools import lru_cache
from io import BytesIO, StringIO
from typing import Any, Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import (  # type: ignore[attr-defined]  # apply_mask: in C if it can be
    Close,
    Frame,
    Opcode,
    apply_mask,
)
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from wsfsm.commands import Command, SendClose, SendPing, SendPong
from wsfsm.server import BadHandshake, ServerConnection

__all__ = ["FrameReader", "control_frame", "data_frame", "negotiate"]

_TEXT: Final = 0x81  # FIN, no extension, opcode Text
_BINARY: Final = 0x82
_PLAIN: Final = frozenset({_TEXT, _BINARY})
_MASKED: Final = 0x80
_MASK_SIZE: Final = 4
_RESERVED: Final = 0x70
_TWO_BYTES: Final = 126  # the length is in the next two bytes, or ...
_EIGHT_BYTES: Final = 127
_CONTROL_SIZE: Final = 125  # bytes that a control frame may have (RFC 6455 5.5)
_REASON: Final = 123  # bytes that a Close frame may have beside its code

_Utf8: Final = getincrementaldecoder("utf-8")


@lru_cache(maxsize=1)
def _negotiator() -> ServerProtocol:
    # windows of 4 KiB: what a connection takes matters more here than the last percent
    deflate = ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    )
    return ServerProtocol(extensions=[deflate])


def negotiate(offers: Sequence[bytes]) -> tuple[str | None, Sequence[Extension]]:
    """Agree on extensions: permessage-deflate (RFC 7692), if it is offered.

    Args:
        offers: Values of Sec-WebSocket-Extensions.

    Returns:
        The value of the header that answers, and the extensions.

    Raises:
        BadHandshake: An offer has no meaning.
    """
    # empty elements of a list do not count (RFC 9110 5.6.1)
    made = [offer.decode("latin-1") for offer in offers if offer.strip(b" \t,")]
    if not made:
        return None, []
    headers = Headers(("Sec-WebSocket-Extensions", offer) for offer in made)
    try:
        return _negotiator().process_extensions(headers)
    except InvalidHandshake as error:
        raise BadHandshake(str(error)) from None


class FrameReader:
    """Reads the frames of a client, and tells a connection of them.

    After a Close frame, and after what is no WebSocket, nothing more is read (RFC 6455 1.4,
    7.1.7). The latter is not told: the application may want to answer what came before it.

    Args:
        connection: Whom to tell.
        extensions: What was agreed on.
        max_size: Bytes that a message may have, or None.

    Attributes:
        error: Code and reason to tell the connection of, or None: what has come is no WebSocket.
    """

    __slots__ = (
        "_between",
        "_connection",
        "_decoder",
        "_extensions",
        "_head",
        "_is_text",
        "_mask",
        "_max_size",
        "_parser",
        "_parts",
        "_size",
        "_stopped",
        "_stream",
        "_told",
        "error",
    )

    def __init__(
        self,
        connection: ServerConnection,
        extensions: Sequence[Extension] = (),
        max_size: int | None = None,
    ) -> None:
        self._connection = connection
        self._extensions = extensions
        self._max_size = max_size
        self._between = True  # frames, outside of a message, with nothing left over
        self._stopped = False  # what follows a Close is not even looked at
        self.error: tuple[int, str] | None = None
        self._told: list[Command] = []
        self._parser: Generator[None] | None = None  # plain frames never need it
        self._stream: Any = None
        self._head = self._mask = b""  # of the present frame
        self._is_text = False
        self._parts: Any = None  # of the present message, if it has several frames
        self._size = 0  # of them
        self._decoder: Any = None  # if it is a text

    def feed(self, data: bytes) -> list[Command]:
        """Take bytes from the peer.

        Returns:
            The commands that follow.
        """
        commands = self._told = []
        if self._stopped:
            return commands
        if self._between:
            data = self._plain(data)
        if data and not self._stopped:
            if self._parser is None:
                self._stream = StreamReader()
                self._parser = self._parse()
                next(self._parser)
            self._between = False
            self._stream.feed_data(data)
            next(self._parser)
        return commands

    def resume(self) -> list[Command]:
        """Read on what has come already, now that the connection wants data again.

        Returns:
            The commands that follow.
        """
        self._told = []
        if self._parser is not None and not self._between and not self._stopped:
            next(self._parser)
        return self._told

    def _plain(self, data: bytes) -> bytes:
        """Read plain frames off the beginning of `data`, and return the rest."""
        receive, commands = self._connection.receive_data, self._told
        limit = 0xFFFF if self._max_size is None else self._max_size
        at, end = 0, len(data)
        while end - at >= 6:
            first, length = data[at], data[at + 1] - _MASKED
            start = at + 2
            if first not in _PLAIN or not 0 <= length < _EIGHT_BYTES:
                break
            if length == _TWO_BYTES:
                length = data[start] << 8 | data[start + 1]
                start += 2
                if length < _TWO_BYTES:
                    break
            stop = start + 4 + length
            if stop > end or length > limit:
                break
            payload = apply_mask(data[start + 4 : stop], data[start : start + 4])
            at = stop
            if first == _BINARY:
                commands += receive(payload)
                continue
            try:
                text = payload.decode()
            except UnicodeDecodeError as error:
                self._fail(1007, str(error.reason))
                break
            commands += receive(text)
        return data[at:] if at else data

    def _parse(self) -> Generator[None]:
        """Read frames of all kinds: a coroutine that yields when it needs more bytes."""
        try:
            while not self._stopped:
                # a compressed message takes more room here than on its way
                while not self._connection.wants_data:
                    yield
                self._between = self._parts is None and not self._stream.buffer
                self._head = self._mask = b""
                # a Ping inside of a message that is nearly too big is not too big
                limit = self._max_size
                if limit is not None:
                    limit = max(limit - self._size, _CONTROL_SIZE)
                frame = yield from Frame.parse(
                    self._read_exact, mask=True, max_size=limit, extensions=self._extensions
                )
                self._check_decoders()
                self._receive(frame)
        except ProtocolError as error:
            self._fail(1002, str(error))
        except PayloadTooBig:
            self._fail(1009, f"a message has at most {self._max_size} bytes")
        except UnicodeDecodeError as error:
            self._fail(1007, str(error.reason))
        yield

    def _read_exact(self, size: int) -> Generator[None, None, bytes]:
        """Read a piece of a frame: head, longer length if there is one, mask, payload."""
        if self._mask and self._is_text:
            yield from self._watch(size)
        data: bytes = yield from self._stream.read_exact(size)
        if not self._head:
            self._head = data
            plain = not data[0] & _RESERVED
            opcode = data[0] & 0xF
            continues = opcode == Opcode.CONT and self._decoder is not None
            self._is_text = plain and (opcode == Opcode.TEXT or continues)
        elif not self._mask and size == _MASK_SIZE:
            self._mask = data
        elif not self._mask:
            length = int.from_bytes(data, "big")
            if not (_TWO_BYTES if size == 2 else 2**16) <= length < 2**63:
                raise ProtocolError("a length is not in the fewest bytes")  # RFC 6455 5.2
        return data

    def _watch(self, size: int) -> Generator[None]:
        """Wait for the payload of a text, and tell what is none before all of it is there."""
        buffer, mask, seen = self._stream.buffer, self._mask, 0
        decoder = _Utf8()
        if self._decoder is not None:
            decoder.setstate(self._decoder.getstate())
        while len(buffer) < size:
            turn = seen % _MASK_SIZE
            decoder.decode(apply_mask(bytes(buffer[seen:]), mask[turn:] + mask[:turn]))
            seen = len(buffer)
            yield

    def _check_decoders(self) -> None:
        # RFC 7692 7.2.3.4 allows it, but the library would read nothing more, without a word
        for extension in self._extensions:
            decoder: Any = getattr(extension, "decoder", None)
            if getattr(decoder, "eof", False):
                raise ProtocolError("a final block within a compressed stream")

    def _receive(self, frame: Frame) -> None:
        connection, data = self._connection, bytes(frame.data)
        match frame.opcode:
            case Opcode.CLOSE:
                # legal in the middle of a message, as every control frame (RFC 6455 5.4)
                close = Close.parse(data)
                self._stopped = True
                self._told += connection.receive_close(int(close.code), close.reason)
            case Opcode.PING:
                self._told += connection.receive_ping(data)
            case Opcode.PONG:
                self._told += connection.receive_pong(data)
            case opcode:
                self._receive_part(opcode, data, last=frame.fin)

    def _receive_part(self, opcode: Opcode, data: bytes, *, last: bool) -> None:
        if (opcode is Opcode.CONT) != (self._parts is not None):
            wanted = "a new message" if opcode is Opcode.CONT else "a continuation"
            raise ProtocolError(f"{wanted} is expected")
        if self._parts is None:
            text = opcode is Opcode.TEXT
            if last:
                self._check_size(len(data))
                self._told += self._connection.receive_data(data.decode() if text else data)
                return
            self._decoder = _Utf8() if text else None
            self._parts = StringIO() if text else BytesIO()
        # a text is decoded part by part: what is no text is told before the rest has come
        self._parts.write(self._decoder.decode(data, last) if self._decoder else data)
        self._size += len(data)
        self._check_size(self._size)
        if last:
            whole = self._parts.getvalue()
            self._parts, self._decoder, self._size = None, None, 0
            self._told += self._connection.receive_data(whole)

    def _check_size(self, size: int) -> None:
        if self._max_size is not None and size > self._max_size:
            raise PayloadTooBig(size, self._max_size)

    def _fail(self, code: int, reason: str) -> None:
        self._stopped = True
        self.error = (code, reason.encode()[:_REASON].decode(errors="ignore"))


def data_frame(payload: bytes, text: bool, extensions: Sequence[Extension] = ()) -> bytes:  # noqa: FBT001 - twice as fast as by name
    """A data message in one frame, ready to be written.

    Args:
        payload: The payload; a text in UTF-8.
        text: Whether it is a text.
        extensions: What was agreed on.
    """
    if extensions:
        opcode = Opcode.TEXT if text else Opcode.BINARY
        return Frame(opcode, payload).serialize(mask=False, extensions=extensions)
    first, length = _TEXT if text else _BINARY, len(payload)
    if length < _TWO_BYTES:
        return bytes((first, length)) + payload
    if length < 2**16:
        return bytes((first, _TWO_BYTES, length >> 8, length & 0xFF)) + payload
    return bytes((first, _EIGHT_BYTES)) + length.to_bytes(8, "big") + payload


def control_frame(command: SendPing | SendPong | SendClose) -> bytes:
    """A control frame, ready to be written."""
    match command:
        case SendPing(payload):
            frame = Frame(Opcode.PING, payload)
        case SendPong(payload):
            frame = Frame(Opcode.PONG, payload)
        case SendClose(1005):  # no code at all
            frame = Frame(Opcode.CLOSE, b"")
        case _:
            frame = Frame(Opcode.CLOSE, Close(command.code, command.reason).serialize())
    return frame.serialize(mask=False)
