"""How much of the data on a transport has moved, as far as the operating system shows it.

A timer of a connection is about a peer that makes no progress. The write buffer of a transport says
little about that: megabytes can wait in the buffers of the kernel below it.
"""

import asyncio
import contextlib
import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

import attrs

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = [
    "IN_FLIGHT",
    "Traffic",
    "abort",
    "can_half_close",
    "closing",
    "is_gone",
    "look",
    "unread",
]

IN_FLIGHT: Final = 2**16
"""Bytes that may be unacknowledged on any connection; more of them wait for the peer."""

_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)
_COUNTERS: Final = struct.Struct("=QQ")  # tcpi_bytes_acked, tcpi_bytes_received
_COUNTERS_AT: Final = 120
_HANGUP: Final = getattr(select, "POLLRDHUP", 0)


@attrs.frozen
class Traffic:
    """The counters of a transport at one time.

    Attributes:
        taken: Bytes that the peer has taken.
        waiting: Bytes that were written and that the peer has not taken.
        received: Bytes that have arrived, whether they were read or not.
        unread: Bytes that have arrived and were not read.
        room: Bytes that the system keeps at most of what was not read.
    """

    taken: int
    waiting: int
    received: int
    unread: int
    room: int

    @property
    def hears(self) -> bool:
        """Whether the peer could send: there is room for its bytes."""
        # the system counts what it needs for a segment, too: a quarter is nearly full
        return self.unread * 4 < self.room


def look(transport: asyncio.Transport, written: int, read: int) -> Traffic:
    """Look at the counters of a transport.

    The counters are exact for TCP on Linux, of encrypted connections as well. Elsewhere they are as
    good as the system's own.

    Args:
        transport: The transport.
        written: Bytes that were written to it.
        read: Bytes that were read from it.
    """
    sock = _socket(transport)
    waiting = _queue(sock, "TIOCOUTQ")
    with contextlib.suppress(AttributeError):
        waiting += transport.get_write_buffer_size()
    unread = _queue(sock, "FIONREAD")
    taken, received = written - waiting, read + unread
    room = 0
    with contextlib.suppress(OSError, AttributeError):
        room = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if _TCP_INFO is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            size = _COUNTERS_AT + _COUNTERS.size
            info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, size)
            if len(info) == size:
                taken, received = _COUNTERS.unpack_from(info, _COUNTERS_AT)
    return Traffic(taken, waiting, received, unread, room)


def is_gone(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed or reset the connection, though not all that it sent is read.

    Always False where the system does not show that.
    """
    sock = _socket(transport)
    if not _HANGUP or sock is None:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _HANGUP)  # errors and hang-ups are reported in any case
    return bool(poll.poll(0))


def unread(transport: asyncio.Transport) -> bytes:
    """Bytes that have arrived on an encrypted transport and were not read before it was lost.

    asyncio and uvloop forget them where reading is paused.
    """
    pieces = []
    tls = transport.get_extra_info("ssl_object")
    with contextlib.suppress(AttributeError, ssl.SSLError):  # there is nothing more
        while piece := tls.read(2**16):
            pieces.append(piece)
    return b"".join(pieces)


def closing(transport: asyncio.Transport) -> Callable[[], bool]:
    """Return a function that says whether a transport is closing, and nothing can be written.

    Those of TLS do not say it when the peer has reset the connection, and log what is written.
    """
    sock = _socket(transport)
    if sock is None or transport.get_extra_info("ssl_object") is None:
        return transport.is_closing

    def is_closing() -> bool:
        try:
            sock.getpeername()
        except OSError:
            return True
        return transport.is_closing()

    return is_closing


# Wrappers of a transport, for a test or to count bytes, often lack the rarer methods.


def can_half_close(transport: asyncio.Transport) -> bool:
    """Whether the transport can write FIN and go on reading, which TLS cannot."""
    return bool(getattr(transport, "can_write_eof", bool)())


def abort(transport: asyncio.Transport) -> None:
    """Abort the transport, or close it if it has no way to do that."""
    getattr(transport, "abort", transport.close)()


def _socket(transport: asyncio.Transport) -> Any:
    """The socket of a transport, or None where there is none, or none any more."""
    try:
        sock = transport.get_extra_info("socket")
    except AttributeError:  # of asyncio's TLS, after its end
        return None
    return None if sock is None or sock.fileno() < 0 else sock


def _queue(sock: Any, request: str) -> int:
    """Bytes in one of the queues of a socket, or 0 where the system does not say."""
    number = getattr(termios, request, None) if sys.platform != "win32" else None
    if number is None or sock is None:
        return 0
    try:
        size: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), number, bytes(4)))[0]
    except OSError:  # it has none
        return 0
    return size
