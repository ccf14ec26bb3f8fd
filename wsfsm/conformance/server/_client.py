"""A client over a real socket that does what it is told, right or wrong."""

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
from wsfsm.conformance.server._received import CLOSE, OPCODES, Frames, extensions_of
from wsfsm.conformance.values import CaseError, value

__all__ = ["CLOSE", "HEADERS", "KEY", "OPCODES", "Client", "frame", "frames", "request"]

KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
HEADERS: Final = (
    (b"host", b"127.0.0.1"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
)
_CHUNK: Final = 65_536  # bytes that are read at a time
_MOST: Final = 2**26  # bytes that are read at all: more than any case asks for
_CONNECTING: Final = 3.0  # seconds that it may take to connect
_STATUS: Final = re.compile("[0-9]{3}")
_GAP: Final = 0.005  # seconds between pieces: each is a read of its own for the server


def request(
    *more: tuple[bytes, bytes],
    without: Iterable[bytes] = (),
    method: bytes = b"GET",
    target: bytes = b"/",
    version: bytes = b"1.1",
) -> bytes:
    """The bytes of a request for a WebSocket.

    Args:
        more: Headers; those of the same name take the place of ours.
        without: Names of headers that are left out, in lower case.
        method: Its method.
        target: Its target.
        version: Its version of HTTP.
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
    """The bytes of a frame (RFC 6455 5.2).

    Args:
        opcode: Opcode, or what is none.
        payload: Payload.
        fin: Whether it is the last of its message.
        rsv: The three reserved bits.
        masked: Whether it is masked, as a client's must be.
        length_bytes: How many bytes the extended length takes: 0, 2 or 8; None: the fewest.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 2**16 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head = struct.pack("!BB", fin << 7 | rsv << 4 | opcode, masked << 7 | short)
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return head + payload
    # the same case writes the same bytes each time
    mask = hashlib.blake2s(payload, digest_size=4).digest()
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frames(tables: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of the frames that tables of a case stand for.

    Raises:
        CaseError: A table is no frame.
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
        raise CaseError(f"no frame is written like this: {table}")
    return frame(OPCODES[name], _payload(table.pop(name)), **table)


def _payload(raw: Any) -> bytes:
    payload: str | bytes = value(raw)
    return payload.encode() if isinstance(payload, str) else payload


class _Protocol(asyncio.StreamReaderProtocol):
    """Closes its side once the server has closed its own, as clients do (RFC 6455 7.1.1)."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class Client:
    """A client that is connected, and has asked for nothing.

    What is seen is given as observations: `{"waits": True}` if nothing came in time,
    `{"ends": "FIN"}` or `{"ends": "RST"}` if the transport has ended.

    Args:
        reader: Of `asyncio.open_connection`.
        writer: The same.

    Attributes:
        seen: All bytes that came.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._frames = Frames()
        self._ends = ""
        self.seen = bytearray()

    @classmethod
    async def connect(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> Self:
        """Connect.

        Args:
            host: Host of the server.
            port: Its port.
            tls: Whom to trust, or None if the server speaks no TLS.

        Raises:
            OSError: Nobody listens there, or nobody accepts it in time.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = _Protocol(reader)
        async with asyncio.timeout(_CONNECTING):
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls)
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def write(self, data: bytes) -> None:
        """Send bytes, as long as there is a connection."""
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def write_pieces(self, data: bytes, size: int) -> None:
        """Send bytes in pieces, a moment apart.

        Args:
            data: The bytes.
            size: Bytes of a piece.
        """
        for start in range(0, len(data), size):
            self.write(data[start : start + size])
            await asyncio.sleep(_GAP)

    def half_close(self) -> None:
        """Send FIN, and go on reading; over TLS send close_notify, and read no more."""
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

    def leave(self) -> None:
        """Close the socket, if it is not closed."""
        self._writer.transport.abort()

    def pause(self) -> None:
        """Read no more."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def response(self, within: float) -> dict[str, Any]:
        """The response: status, headers (all values of each name), and, but for 101, the body.

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
                seen["extensions"] = extensions_of(headers["sec-websocket-extensions"])
                self._frames.agree(seen["extensions"])
            return seen
        return seen | self._unless_reset(await self._read_body())

    def _unless_reset(self, body: dict[str, Any]) -> dict[str, Any]:
        # without a length only a FIN says that nothing is missing
        return {**body, "complete": False, "ends": "RST"} if self._ends == "RST" else body

    async def _read_body(self) -> dict[str, Any]:
        """The body, as a client of HTTP reads it."""
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
                elif event is h11.PAUSED:  # it is a 101 after another status
                    return {"body": "", "complete": False, "after": http.trailing_data[0]}
        except h11.RemoteProtocolError as error:
            return {"body": body.decode("latin-1"), "complete": False, "error": str(error)}

    async def frame(
        self, within: float, *, pings: bool = False, until: Pattern | None = None
    ) -> dict[str, Any]:
        """The next frame.

        Args:
            within: Seconds that it may take.
            pings: Whether a Ping is given too; if not, it is answered.
            until: Pattern of the frame that is looked for. Others are passed over, and what is
                seen says how many bytes of payload they had (`passed`).
        """
        passed = {"passed": 0} if until is not None else {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    seen = await self._read_frame()
                    if seen.get("opcode") == "ping" and not pings:
                        self.write(frame(OPCODES["pong"], seen["payload"]))
                    elif until is None or "ends" in seen or not mismatch(until, seen):
                        return seen | passed
                    else:
                        passed["passed"] += len(_payload(seen.get("text", seen.get("payload", ""))))
        return {"waits": True} | passed

    async def _read_frame(self) -> dict[str, Any]:
        # nothing is taken before all of it is there: who waits can be interrupted
        while (seen := self._frames.take(self._buffer)) is None:
            if not await self._more():
                return self._ended()
        return seen

    async def find(self, data: bytes, within: float) -> dict[str, Any]:
        """Bytes, anywhere in what comes next; nothing is taken.

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
        """How the transport ends; what comes before that is thrown away.

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
        """That nothing comes.

        Args:
            within: Seconds in which nothing must come.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                if self._buffer or await self._more():
                    return {"bytes": bytes(self._buffer)}
                return {"ends": self._ends}
        return {"waits": True}

    async def _more(self) -> bool:
        """Read what is there; False if the transport has ended.

        Of a server that never stops to write, no more is read at some time.
        """
        if len(self.seen) > _MOST:
            self.pause()
            await asyncio.Event().wait()
        try:
            data = await self._reader.read(_CHUNK)
        except OSError:
            self._ends = "RST"
            return False
        self._buffer += data
        self.seen += data
        if not data:
            self._ends = "FIN"
        return bool(data)
