"""A client on any kind of transport: TCP, TLS or a Unix socket."""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

import attrs

from wsfsm.conformance.server._client import RawClient

__all__ = ["Address", "Peer"]

_SMALL: Final = 2**15  # bytes that a slow reader reads at a time
_CHUNK: Final = 2**16  # bytes that other readers read ahead


@attrs.frozen
class Address:
    """Where a server listens.

    Args:
        path: Path of the Unix socket, or "".
        port: Port on 127.0.0.1, if there is no path.
        tls: A client's context for TLS, or None without TLS.
    """

    path: str
    port: int
    tls: ssl.SSLContext | None


class Peer(RawClient):
    """A client on any kind of transport that reads bytes, possibly slowly."""

    @classmethod
    async def reach(cls, address: Address, *, slow: bool = False) -> "Peer":
        """Connect.

        Args:
            address: Where the server listens.
            slow: Whether to use small buffers, so that the server notices a slow reader.

        Raises:
            OSError: No server listens there.
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
        """The end of the transport: "FIN", "RST", or "" before the end."""
        return self._ends

    async def data(self) -> bytes:
        """Return the next bytes, or b"" once the transport has ended."""
        if self._buffer or await self._more():
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        return b""

    async def flushed(self) -> None:
        """Wait until there is room for more bytes."""
        await self._writer.drain()

    async def closed(self) -> None:
        """Wait until the transport is closed."""
        await self._writer.wait_closed()

    def close(self) -> None:
        """Close the transport once all data is sent: close_notify for TLS, then FIN."""
        self._writer.close()

    def reset(self) -> None:
        """Send RST, if the transport is not closed yet."""
        if not self.is_closing:
            super().reset()

    def abort(self) -> None:
        """Close the socket, if it is not closed yet."""
        with contextlib.suppress(AttributeError):  # asyncio raises it after a slow close
            super().abort()

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._writer.is_closing()
