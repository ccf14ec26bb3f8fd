"""A very fast WebSocket client: its frames are prepared, and it only counts the bytes of replies.

It runs in the benchmark's own process and not in the server's, and it is faster than every server.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Final, cast

from wire_load import CLOSE, MASK, Load, frame

TIMEOUT: Final = 20.0  # seconds that every wait may take
KEY: Final = base64.b64encode(b"0123456789abcdef")
ACCEPT: Final = base64.b64encode(
    hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
)
# The offer of browsers
OFFER: Final = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
GOODBYE: Final = frame(CLOSE, (1000).to_bytes(2), MASK)
# All connections share this buffer, because it is filled and emptied within one callback of the loop
BUFFER: Final = memoryview(bytearray(1 << 18))


class NotNegotiatedError(Exception):
    """The server has not accepted permessage-deflate."""


def request(path: str, *, compressed: bool) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\n".encode()
        + b"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + (OFFER if compressed else b"")
        + (b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n")
    )


class Client(asyncio.BufferedProtocol):
    """A connection, which sends the handshake as soon as it is connected.

    Args:
        path: The path of the request.
        compressed: Offer permessage-deflate.

    Attributes:
        arrived: Called with the number of bytes that have arrived, in place of collecting them.
    """

    def __init__(self, path: str = "/", *, compressed: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._request, self._compressed = request(path, compressed=compressed), compressed
        self._collected = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self.arrived: Callable[[int], None] = self._collect_bytes
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def get_buffer(self, _: int) -> memoryview:
        return BUFFER

    def buffer_updated(self, size: int) -> None:
        self.arrived(size)

    def _collect_bytes(self, size: int) -> None:
        self._collected += BUFFER[:size]
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
        if self._compressed and b"permessage-deflate" not in head:
            raise NotNegotiatedError

    async def echo(self, load: Load) -> None:
        """Send a message, and check that the reply is the same."""
        self.transport.write(load.part(0, 1))
        reply = await self._collect(load.complete)
        if not load.is_echo(reply):
            raise EOFError(f"the reply must be an echo in one frame, got {reply[:80]!r}")

    async def echoes(self, load: Load, seconds: float) -> int:
        """Keep messages in flight for a while; return the number of echoes."""
        deadline, time = self._loop.time() + seconds, self._loop.time
        sent, window, counter = load.window, load.window, load.counter()

        def arrived(size: int) -> None:
            nonlocal sent
            echoed = counter.add(BUFFER[:size])
            if time() < deadline:
                if more := window - (sent - echoed):
                    self.transport.write(load.part(sent, more))
                    sent += more
            elif echoed >= sent:
                self._wake()

        self.arrived = arrived
        self.transport.write(load.part(0, window))
        try:
            await self._wait()
        finally:
            self.arrived = self._collect_bytes
        if not counter.exact(sent):
            raise EOFError(f"{counter} came back for {sent} messages")
        return sent

    async def close(self) -> None:
        """Close with a closing handshake, and wait until the server closes the TCP connection."""
        self.transport.write(GOODBYE)
        while not self.lost:
            await self._wait()
        if not self._collected or self._collected[0] != 0x80 | CLOSE:
            raise EOFError(f"the reply must be a Close frame, got {bytes(self._collected[:80])!r}")


async def connected(port: int, path: str = "/", *, compressed: bool = False) -> Client:
    """Open a connection, and wait until the application accepts it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT):
        _, client = await loop.create_connection(
            lambda: Client(path, compressed=compressed), "127.0.0.1", port
        )
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
        while not count or loop.time() < deadline:  # one at least, however late this begins
            await (await connected(port)).close()
            count += 1
        return count

    return sum(await asyncio.gather(*(one_after_the_other() for _ in range(parallel))))
