"""A raw client over a real socket, which can also break the protocol."""

import asyncio
import contextlib
import hashlib
import re
import socket
import ssl
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import h11

from wsfsm.conformance.patterns import Pattern, mismatch
from wsfsm.conformance.server._received import CLOSE, OPCODES, FrameParser, parse_extensions
from wsfsm.conformance.values import CaseError, value

__all__ = ["CLOSE", "HEADERS", "KEY", "OPCODES", "RawClient", "frame", "frames", "request"]

KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
HEADERS: Final = (
    (b"host", b"127.0.0.1"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
)
_CHUNK: Final = 65_536  # bytes that are read at a time
_MOST: Final = 2**26  # bytes that are read in total, more than any case needs
_CONNECTING: Final = 3.0  # seconds that connecting may take
_STATUS: Final = re.compile("[0-9]{3}")
_GAP: Final = 0.005  # seconds between pieces, so that the server reads each by itself


def request(
    *more: tuple[bytes, bytes],
    without: Iterable[bytes] = (),
    method: bytes = b"GET",
    target: bytes = b"/",
    version: bytes = b"1.1",
) -> bytes:
    """Make the bytes of a request for a WebSocket.

    Args:
        more: Headers, which replace the default ones of the same name.
        without: Names of headers to leave out, in lower case.
        method: Method of the request.
        target: Request target.
        version: Version of HTTP.
    """
    named = {name.lower() for name, _ in more} | set(without)
    headers = [*(pair for pair in HEADERS if pair[0] not in named), *more]
    lines = [b"%s %s HTTP/%s" % (method, target, version)]
    lines += [b"%s: %s" % pair for pair in headers]
    return b"\r\n".join([*lines, b"", b""])


def frame(  # noqa: PLR0913 - a frame has as many parts
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length_bytes: int | None = None,
) -> bytes:
    """Make the bytes of a frame (RFC 6455 5.2).

    Args:
        opcode: Opcode, valid or not.
        payload: Payload.
        fin: Whether it is the last frame of its message.
        rsv: The three reserved bits.
        masked: Whether it is masked, as the frames of a client have to be.
        length_bytes: Size of the extended length, 0, 2 or 8 bytes; None is the smallest.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 2**16 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head = struct.pack("!BB", fin << 7 | rsv << 4 | opcode, masked << 7 | short)
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return head + payload
    # the mask depends on the payload, so that a case writes the same bytes each time
    mask = hashlib.blake2s(payload, digest_size=4).digest()
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frames(tables: Iterable[Mapping[str, Any]]) -> bytes:
    """Make the bytes of the frames in a case.

    Raises:
        CaseError: A table is not a frame.
    """
    return b"".join(_frame_of(dict(table)) for table in tables)


def _frame_of(table: dict[str, Any]) -> bytes:
    if "close" in table:
        code, reason = table.pop("close"), table.pop("reason", "")
        payload = struct.pack("!H", code) + reason.encode() if code else b""
        return frame(CLOSE, payload, **table)
    if "opcode" in table:
        return frame(table.pop("opcode"), _payload(table.pop("payload", "")), **table)
    name = next(iter(OPCODES.keys() & table.keys()), None)
    if name is None:
        kinds = ", ".join([*OPCODES, "opcode"])
        raise CaseError(f"a frame has one of the keys {kinds}, not only {', '.join(table)}")
    return frame(OPCODES[name], _payload(table.pop(name)), **table)


def _payload(raw: Any) -> bytes:
    payload: str | bytes = value(raw)
    return payload.encode() if isinstance(payload, str) else payload


class _Protocol(asyncio.StreamReaderProtocol):
    """Closes its side after the server has closed its own, as clients do (RFC 6455 7.1.1)."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class RawClient:
    """A client that is connected, and has not sent a request yet.

    Its methods return observations: `{"waits": True}` if nothing arrived in time,
    `{"ends": "FIN"}` or `{"ends": "RST"}` if the transport has ended.

    Args:
        reader: The reader of `asyncio.open_connection`.
        writer: The writer of `asyncio.open_connection`.

    Attributes:
        received: All bytes that were received.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._parser = FrameParser()
        self._ends = ""
        self.received = bytearray()

    @classmethod
    async def connect(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> Self:
        """Connect to a server.

        Args:
            host: Host of the server.
            port: Port of the server.
            tls: Context for TLS, or None if the server does not speak TLS.

        Raises:
            OSError: The connection is refused, or not accepted in time.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = _Protocol(reader)
        async with asyncio.timeout(_CONNECTING):
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls)
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closed."""
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def write_pieces(self, data: bytes, size: int) -> None:
        """Send bytes in pieces, a moment apart.

        Args:
            data: The bytes.
            size: Number of bytes in a piece.
        """
        for start in range(0, len(data), size):
            self.write(data[start : start + size])
            await asyncio.sleep(_GAP)

    def half_close(self) -> None:
        """Send FIN, and go on reading; over TLS, send close_notify and stop reading."""
        if not self._writer.can_write_eof():
            self._writer.close()
            return
        with contextlib.suppress(OSError):  # the server may have reset the connection already
            self._writer.write_eof()

    def reset(self) -> None:
        """Send RST."""
        sock = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the connection may be closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def abort(self) -> None:
        """Close the socket, unless it is closed."""
        self._writer.transport.abort()

    def pause(self) -> None:
        """Stop reading."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def response(self, within: float) -> dict[str, Any]:
        """Read the response: status, headers (all values by name) and, unless it is 101, the body.

        Args:
            within: Seconds that it may take.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while b"\r\n\r\n" not in self._buffer:
                    if not await self._more():
                        return self._ended()
                return await self._read_response()
        return {"waits": True}

    async def _read_response(self) -> dict[str, Any]:
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if not words[0].startswith("HTTP/") or not _STATUS.fullmatch("".join(words[1:2])):
            return {"no response": bytes(self._buffer)}
        headers: dict[str, list[str]] = {}
        for line in lines[1:]:
            name, _, item = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(item.strip())
        seen: dict[str, Any] = {"status": int(words[1]), "headers": headers}
        if seen["status"] == 101:
            self._buffer[:] = rest
            if "sec-websocket-extensions" in headers:
                seen["extensions"] = parse_extensions(headers["sec-websocket-extensions"])
                self._parser.use_extensions(seen["extensions"])
            return seen
        return seen | self._unless_reset(await self._read_body())

    def _unless_reset(self, body: dict[str, Any]) -> dict[str, Any]:
        # without a Content-Length, only a FIN shows that nothing is missing
        return {**body, "complete": False, "ends": "RST"} if self._ends == "RST" else body

    async def _read_body(self) -> dict[str, Any]:
        """Read the body, as an HTTP client does."""
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method="GET", target="/", headers=list(HEADERS)))
        http.receive_data(bytes(self._buffer))
        self._buffer.clear()
        body = bytearray()
        try:
            while True:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    await self._more()
                    http.receive_data(bytes(self._buffer))
                    self._buffer.clear()
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    after = http.trailing_data[0]
                    return {"body": body.decode("latin-1"), "complete": True, "after": after}
                elif event is h11.PAUSED:  # a 101 after another status
                    return {"body": "", "complete": False, "after": http.trailing_data[0]}
        except h11.RemoteProtocolError as error:
            return {"body": body.decode("latin-1"), "complete": False, "error": str(error)}

    async def read_frame(
        self, within: float, *, pings: bool = False, until: Pattern | None = None
    ) -> dict[str, Any]:
        """Read the next frame.

        Args:
            within: Seconds that it may take.
            pings: Whether to return a Ping; if not, it is answered and skipped.
            until: Pattern of a frame. Frames that do not match are skipped, and `passed` in the
                observation is the number of bytes in their payloads.
        """
        passed = {"passed": 0} if until is not None else {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    seen = await self._take_frame()
                    if seen.get("opcode") == "ping" and not pings:
                        self.write(frame(OPCODES["pong"], seen["payload"]))
                    elif until is None or "ends" in seen or not mismatch(until, seen):
                        return seen | passed
                    else:
                        passed["passed"] += len(_payload(seen.get("text", seen.get("payload", ""))))
        return {"waits": True} | passed

    async def _take_frame(self) -> dict[str, Any]:
        # the buffer is unchanged until a frame is complete, so that a timeout loses nothing
        while (seen := self._parser.next_frame(self._buffer)) is None:
            if not await self._more():
                return self._ended()
        return seen

    async def find(self, data: bytes, within: float) -> dict[str, Any]:
        """Wait for these bytes anywhere in the received ones, and consume nothing.

        Args:
            data: The bytes.
            within: Seconds that it may take.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while data not in self._buffer:
                    if not await self._more():
                        return self._ended()
                return {"found": True}
        return {"waits": True}

    def _ended(self) -> dict[str, Any]:
        seen: dict[str, Any] = {"ends": self._ends}
        if self._buffer:
            seen["bytes"] = bytes(self._buffer)
        return seen

    async def end(self, within: float) -> dict[str, Any]:
        """Wait for the end of the transport, and discard everything before it.

        Args:
            within: Seconds that it may take.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while await self._more():
                    self._buffer.clear()
                return {"ends": self._ends}
        return {"waits": True}

    async def nothing(self, within: float) -> dict[str, Any]:
        """Wait, and observe whether nothing arrives.

        Args:
            within: Seconds to wait.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                if self._buffer or await self._more():
                    return {"bytes": bytes(self._buffer)}
                return {"ends": self._ends}
        return {"waits": True}

    async def _more(self) -> bool:
        """Read the available bytes; return False if the transport has ended.

        After a limit it waits for ever, because a server may never stop writing.
        """
        if len(self.received) > _MOST:
            self.pause()
            await asyncio.Event().wait()
        try:
            data = await self._reader.read(_CHUNK)
        except OSError:
            self._ends = "RST"
            return False
        self._buffer += data
        self.received += data
        if not data:
            self._ends = "FIN"
        return bool(data)
