"""Frames and requests of a client, made by hand so that they can be wrong."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from wsfsm.conformance.server._client import HEADERS, KEY, RawClient, frame, request
from wsfsm.server import Policies, ServerConnection

__all__ = [
    "ACCEPT_KEY",
    "BINARY",
    "CLOSE",
    "CONT",
    "HEADERS",
    "KEY",
    "PING",
    "PONG",
    "TEXT",
    "Client",
    "asking",
    "close_payload",
    "connected",
    "connecting",
    "frame",
    "opened",
    "request",
]

ACCEPT_KEY = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame (RFC 6455 5.5.1)."""
    return struct.pack("!H", code) + reason.encode()


def opened(policies: Policies | None = None) -> ServerConnection:
    """A connection whose handshake is complete, and whose connect was received."""
    connection = ServerConnection(policies or Policies())
    connection.receive_request("GET", HEADERS)
    connection.next_message()
    connection.send({"type": "websocket.accept"})
    return connection


class Client(RawClient):
    """The raw client of the suite, which in tests reads only what is right.

    Attributes:
        reader: Of `asyncio.open_connection`.
        writer: The same.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.reader = reader
        self.writer = writer

    def write(self, *data: bytes) -> None:
        """Send bytes."""
        super().write(b"".join(data))

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        """The head of the response: status, and headers with names in lower case."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:-2])
        return int(lines[0].split()[1]), [(name.lower(), value) for name, value in pairs]

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode, which must be that of a whole message, and payload."""
        first, length = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 0xF, await self.reader.readexactly(length)

    async def close_frame(self) -> tuple[int, str]:
        """Code and reason of the next frame, which must be a Close."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE
        return int.from_bytes(payload[:2] or b"\x03\xed", "big"), payload[2:].decode()

    async def rest(self) -> bytes:
        """All that comes until the server's FIN; ConnectionResetError: there was none."""
        return await self.reader.read()


@contextlib.asynccontextmanager
async def connecting(address: str) -> AsyncIterator[Client]:
    """A client that is connected, and has asked for nothing; it leaves in the end."""
    host, port = address.split(":")
    client = Client(*await asyncio.open_connection(host, int(port)))
    try:
        yield client
    finally:
        client.abort()


@contextlib.asynccontextmanager
async def asking(address: str, *headers: tuple[bytes, bytes]) -> AsyncIterator[Client]:
    """A client that has asked for a WebSocket."""
    async with connecting(address) as client:
        client.write(request(*headers))
        yield client


@contextlib.asynccontextmanager
async def connected(address: str, *headers: tuple[bytes, bytes]) -> AsyncIterator[Client]:
    """A client whose handshake is complete."""
    async with asking(address, *headers) as client:
        status, _ = await client.head()
        assert status == 101
        yield client
