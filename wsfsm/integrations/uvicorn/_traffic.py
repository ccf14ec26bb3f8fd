"""The amount of data that has moved on a transport, as far as the operating system shows it.

The timers need it to see whether the peer makes progress. The write buffer of a transport does not show
that, because megabytes can wait in the buffers of the kernel below it.
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
"""Bytes that can be unacknowledged on any connection. If there are more, they wait for the peer."""

_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)
_COUNTERS: Final = struct.Struct("=QQ")  # tcpi_bytes_acked, tcpi_bytes_received
_COUNTERS_AT: Final = 120
_HANGUP: Final = getattr(select, "POLLRDHUP", 0)


@attrs.frozen
class Traffic:
    """The counters of a transport at one time.

    Attributes:
        taken: Bytes that the peer has taken.
        waiting: Bytes that were written and that the peer has not taken yet.
        received: Bytes that have arrived, read or unread.
        unread: Bytes that have arrived and were not read yet.
        room: The greatest number of unread bytes that the system keeps.
    """

    taken: int
    waiting: int
    received: int
    unread: int
    room: int

    @property
    def has_room(self) -> bool:
        """Whether the peer could send, because the system has room for its bytes."""
        # the system also counts its overhead for each segment, so a quarter can be nearly full
        return self.unread * 4 < self.room


def look(transport: asyncio.Transport, written: int, read: int) -> Traffic:
    """Read the counters of a transport.

    They are exact for TCP on Linux, also for encrypted connections. Elsewhere they are an estimate from
    the queues of the socket.

    Args:
        transport: The transport.
        written: Bytes that were written to the transport.
        read: Bytes that were read from the transport.
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
    """Check whether the peer has closed or reset the connection, even if unread data is left.

    The result is always False if the system does not show it.
    """
    sock = _socket(transport)
    if not _HANGUP or sock is None:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _HANGUP)  # errors and hang-ups are always reported
    return bool(poll.poll(0))


def unread(transport: asyncio.Transport) -> bytes:
    """Return the unread bytes of an encrypted transport after its loss.

    asyncio and uvloop discard them if reading is paused.
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return b""
    pieces = []
    with contextlib.suppress(AttributeError, ssl.SSLError):  # raised when nothing is left
        while piece := tls.read(2**16):
            pieces.append(piece)
    return b"".join(pieces)


def closing(transport: asyncio.Transport) -> Callable[[], bool]:
    """Return a function that checks whether a transport is closing, so that nothing can be written.

    TLS transports do not report it when the peer has reset the connection, and log a warning when data is
    written.
    """
    if transport.get_extra_info("ssl_object") is None or (sock := _socket(transport)) is None:
        return transport.is_closing

    def is_closing() -> bool:
        try:
            sock.getpeername()
        except OSError:
            return True
        return transport.is_closing()

    return is_closing


# Wrappers of a transport, for example in tests, often lack the methods that are used below.


def can_half_close(transport: asyncio.Transport) -> bool:
    """Check whether the transport can write FIN and go on reading, which TLS cannot."""
    return bool(getattr(transport, "can_write_eof", bool)())


def abort(transport: asyncio.Transport) -> None:
    """Abort the transport, or close it if it does not have a method for that."""
    getattr(transport, "abort", transport.close)()


def _socket(transport: asyncio.Transport) -> Any:
    """Return the open socket of a transport, or None if there is none."""
    try:
        sock = transport.get_extra_info("socket")
    except AttributeError:  # asyncio's TLS transport raises this after its end
        return None
    return None if sock is None or sock.fileno() < 0 else sock


def _queue(sock: Any, request: str) -> int:
    """Return the bytes in a queue of a socket, or 0 if the system does not show them."""
    number = getattr(termios, request, None) if sys.platform != "win32" else None
    if number is None or sock is None:
        return 0
    try:
        size: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), number, bytes(4)))[0]
    except OSError:  # the socket does not have such a queue
        return 0
    return size
