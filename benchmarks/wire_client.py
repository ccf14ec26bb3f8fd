"""A very fast WebSocket client: its frames are prepared, and it only counts the bytes of replies.

It runs in the benchmark's own process and not in the server's, and it is faster than every server. It does
not offer extensions, so servers do not compress.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Final, cast

TIMEOUT: Final = 20.0  # seconds that every wait may take
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
MASK: Final = b"\x5a\xc3\x96\x0f"  # constant, but not zero, so that servers cannot skip unmasking
KEY: Final = base64.b64encode(b"0123456789abcdef")
ACCEPT: Final = base64.b64encode(
    hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
)
REQUEST: Final = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)
# All connections share this buffer, because it is filled and emptied within one callback of the loop
BUFFER: Final = memoryview(bytearray(1 << 18))


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """Encode an unfragmented message (RFC 6455 5.2)."""
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        head = bytes([0x80 | opcode, masked | size])
    elif size < 1 << 16:
        head = bytes([0x80 | opcode, masked | 126]) + size.to_bytes(2)
    else:
        head = bytes([0x80 | opcode, masked | 127]) + size.to_bytes(8)
    if mask:
        pad = (mask * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
    return head + mask + payload


GOODBYE: Final = frame(CLOSE, (1000).to_bytes(2), MASK)


class Load:
    """A message, and the number of its copies in flight.

    Args:
        opcode: Text or binary.
        size: Bytes of payload.
        window: Messages in flight.
    """

    def __init__(self, opcode: int, size: int, window: int) -> None:
        payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        sent = frame(opcode, payload, MASK)
        self.window = window
        self.size = len(sent)
        self.frames = memoryview(sent * window)
        self.reply = frame(opcode, payload)


class Client(asyncio.BufferedProtocol):
    """A connection, which sends the handshake as soon as it is connected."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._collected = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._load: Load | None = None
        self._deadline = 0.0
        self._sent = self._received = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(REQUEST)

    def get_buffer(self, _: int) -> memoryview:
        return BUFFER

    def buffer_updated(self, size: int) -> None:
        if self._load is None:
            self._collected += BUFFER[:size]
            self._wake()
            return
        self._received += size
        if self._loop.time() < self._deadline:
            echoed = self._received // len(self._load.reply)
            if more := self._load.window - (self._sent - echoed):
                self._sent += more
                self.transport.write(self._load.frames[: more * self._load.size])
        elif self._received >= self._sent * len(self._load.reply):
            self._wake()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        async with asyncio.timeout(TIMEOUT):
            await self._waiter

    async def _collect(self, done: Callable[[bytearray], bool]) -> bytes:
        """Return the bytes that arrive, once they are complete."""
        while not done(self._collected):
            if self.lost:
                raise EOFError(f"the server closed after {bytes(self._collected[-80:])!r}")
            await self._wait()
        collected = bytes(self._collected)
        self._collected.clear()
        return collected

    async def opened(self) -> None:
        """Wait for the server's handshake."""
        head = await self._collect(lambda collected: collected.endswith(b"\r\n\r\n"))
        if not head.startswith(b"HTTP/1.1 101 ") or ACCEPT not in head:
            raise EOFError(f"the server refused: {head[:80]!r}")

    async def echo(self, load: Load) -> None:
        """Send a message, and check that the reply is exactly the same."""
        self.transport.write(load.frames[: load.size])
        reply = await self._collect(lambda collected: len(collected) >= len(load.reply))
        if reply != load.reply:
            raise EOFError(f"the reply must be an echo in one frame, got {reply[:80]!r}")

    async def echoes(self, load: Load, seconds: float) -> int:
        """Keep messages in flight for a while; return the number of echoes."""
        self._deadline = self._loop.time() + seconds
        self._sent, self._received, self._load = load.window, 0, load
        self.transport.write(load.frames)
        try:
            await self._wait()
        finally:
            self._load = None
        if self._received != self._sent * len(load.reply):
            raise EOFError(f"{self._received} bytes came back for {self._sent} messages")
        return self._sent

    async def close(self) -> None:
        """Close with a closing handshake, and wait until the server closes the TCP connection."""
        self.transport.write(GOODBYE)
        while not self.lost:
            await self._wait()
        if not self._collected or self._collected[0] != 0x80 | CLOSE:
            raise EOFError(f"the reply must be a Close frame, got {bytes(self._collected[:80])!r}")


async def connected(port: int) -> Client:
    """Open a connection, and wait until the application accepts it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT):
        _, client = await loop.create_connection(Client, "127.0.0.1", port)
    try:
        await client.opened()
    except BaseException:
        client.transport.abort()
        raise
    return client


async def comings_and_goings(port: int, seconds: float, parallel: int) -> int:
    """Open and close connections for a while; return their number."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds

    async def one_after_the_other() -> int:
        count = 0
        while loop.time() < deadline:
            await (await connected(port)).close()
            count += 1
        return count

    return sum(await asyncio.gather(*(one_after_the_other() for _ in range(parallel))))
