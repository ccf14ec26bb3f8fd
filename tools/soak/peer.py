"""A client on any kind of transport: TCP, TLS or a Unix socket."""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

import attrs

from wsfsm.conformance.server._client import RawClient

__all__ = ["Address", "Peer"]

_SMALL: Final = 2**15  # bytes that are read at a time by a slow reader
_CHUNK: Final = 2**16  # bytes that are read ahead by others


@attrs.frozen
class Address:
    """Where a server listens.

    Args:
        path: Path of its Unix socket, or "".
        port: Its port on 127.0.0.1, if there is no path.
        tls: Context of a client for TLS; None: without TLS.
    """

    path: str
    port: int
    tls: ssl.SSLContext | None


class Peer(RawClient):
    """A client on any kind of transport that reads bytes, and can be slow at it."""

    @classmethod
    async def reach(cls, address: Address, *, slow: bool = False) -> "Peer":
        """Connect.

        Args:
            address: Where.
            slow: Whether little is to be on its way to it at any time.

        Raises:
            OSError: Nobody listens there.
        """
        family = socket.AF_UNIX if address.path else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(0)
            if slow:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            where = address.path or ("127.0.0.1", address.port)
            await asyncio.get_running_loop().sock_connect(sock, where)
            reader, writer = await asyncio.open_connection(
                sock=sock,
                ssl=address.tls,
                server_hostname="127.0.0.1" if address.tls else None,
                limit=_SMALL // 2 if slow else _CHUNK,
            )
        except BaseException:
            sock.close()
            raise
        return cls(reader, writer)

    @property
    def ends(self) -> str:
        """How the transport has ended: "FIN", "RST", or "" if it has not."""
        return self._ends

    async def data(self) -> bytes:
        """The bytes that come next; none once the transport has ended."""
        if self._buffer or await self._more():
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        return b""

    async def flushed(self) -> None:
        """Wait until there is room for more bytes to be sent."""
        await self._writer.drain()

    async def closed(self) -> None:
        """Wait until the transport is closed."""
        await self._writer.wait_closed()

    def close(self) -> None:
        """Close the transport once all is sent: close_notify of TLS, then FIN."""
        self._writer.close()

    def reset(self) -> None:
        """Send RST, if the transport is not closed."""
        if not self.is_closing:
            super().reset()

    def abort(self) -> None:
        """Close the socket, if it is not closed."""
        with contextlib.suppress(AttributeError):  # asyncio's, for one that was closed slowly
            super().abort()

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._writer.is_closing()
