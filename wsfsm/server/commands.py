"""The commands that the core returns and that the server carries out.

The table ``SERVER`` has an `Output`, for example "send 403". The core turns it into a command, which is
a record with everything that the server needs, for example ``SendResponse(403, ...)``. Messages and
exceptions for the application are outputs too, but not commands, because the core passes them on itself.
"""

from enum import Enum
from typing import TypeAlias

import attrs

__all__ = [
    "AbortTransport",
    "CloseTransport",
    "Command",
    "LogError",
    "LogException",
    "ReadFrames",
    "SendBody",
    "SendBytes",
    "SendClose",
    "SendHandshake",
    "SendPing",
    "SendPong",
    "SendResponse",
    "SendText",
    "StartApplication",
    "StartResponse",
    "StartTimer",
    "StopTimer",
    "Timer",
]


class Timer(Enum):
    """A timer of a connection. When it fires, report it to the core with ``timeout()``."""

    HANDSHAKE = "handshake"
    """The application has not answered the handshake."""
    PING = "ping"
    """The next Ping is due."""
    PONG = "pong"
    """The Pong that answers our Ping is missing."""
    CLOSE = "close"
    """The peer has not answered our Close, or has not closed its side of the transport."""
    SHUTDOWN = "shutdown"
    """The server stops, and the connection has not ended yet."""

    __hash__ = object.__hash__  # faster than that of Enum, which is written in Python


Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]


@attrs.frozen
class StartApplication:
    """Run the application in a task of its own, with the scope of the request.

    Report its end with ``application_returned()`` or ``application_raised()``.
    """


@attrs.frozen
class SendHandshake:
    """Write the head of the 101 response that completes the handshake (RFC 6455 4.2.2).

    Add Upgrade, Connection, Sec-WebSocket-Accept, the chosen subprotocol and the extensions.

    Attributes:
        subprotocol: The chosen subprotocol, or None.
        headers: Further headers. Names and values are valid, and none of them is one that you add.
    """

    subprotocol: str | None
    headers: Pairs


@attrs.frozen
class ReadFrames:
    """Read frames from now on.

    Attributes:
        held: The first bytes, which were passed to ``receive_early_data()``.
    """

    held: bytes


@attrs.frozen
class SendResponse:
    """Write a whole HTTP response with a Content-Length. The connection is not kept alive.

    Attributes:
        status: Status code.
        headers: Headers. Names and values are valid, and there is no Transfer-Encoding.
        body: The body; empty if the status does not allow one.
    """

    status: int
    headers: Pairs
    body: bytes


@attrs.frozen
class StartResponse:
    """Write the head of an HTTP response whose body follows in parts.

    Attributes:
        status: Status code.
        headers: Headers. Names and values are valid, and there is no Transfer-Encoding. If there is
            no Content-Length either, write the body chunked.
    """

    status: int
    headers: Pairs


@attrs.frozen
class SendBody:
    """Write a part of the body of a response that was started.

    Attributes:
        body: The part, possibly empty.
        more_body: Whether another part follows.
    """

    body: bytes
    more_body: bool


@attrs.define  # not frozen: there is one for each message, and freezing would double its cost
class SendText:
    """Write a Text frame.

    Attributes:
        payload: The text in UTF-8.
    """

    payload: bytes


@attrs.define  # as above
class SendBytes:
    """Write a Binary frame.

    Attributes:
        payload: The payload.
    """

    payload: bytes


@attrs.frozen
class SendPing:
    """Write a Ping frame.

    Attributes:
        payload: At most 125 bytes.
    """

    payload: bytes


@attrs.frozen
class SendPong:
    """Write a Pong frame.

    Attributes:
        payload: Payload of the Ping.
    """

    payload: bytes


@attrs.frozen
class SendClose:
    """Write a Close frame.

    Attributes:
        code: Close code; 1005 means a frame with an empty payload (RFC 6455 7.1.5).
        reason: Close reason, at most 123 bytes in UTF-8.
    """

    code: int
    reason: str = ""


@attrs.frozen
class CloseTransport:
    """Write all remaining data, then FIN. Go on reading until the peer's FIN, and discard the data.

    If you close a socket with unread data, it is reset, and the peer may lose data that you have written
    (RFC 6455 7.1.1).
    """


@attrs.frozen
class AbortTransport:
    """Close the transport at once, and discard data that is not written yet."""


@attrs.frozen
class StartTimer:
    """Start a timer.

    Attributes:
        timer: The timer.
        seconds: Seconds until it fires, once.
    """

    timer: Timer
    seconds: float


@attrs.frozen
class StopTimer:
    """Stop a timer, if it runs.

    Attributes:
        timer: The timer.
    """

    timer: Timer


@attrs.frozen
class LogError:
    """Log an error of the application.

    Attributes:
        text: The text of the log line.
    """

    text: str


@attrs.frozen
class LogException:
    """Log an exception of the application or of the server, with its traceback.

    Attributes:
        text: The text of the log line.
        exception: The exception.
    """

    text: str
    exception: BaseException


Command: TypeAlias = (
    StartApplication
    | SendHandshake
    | ReadFrames
    | SendResponse
    | StartResponse
    | SendBody
    | SendText
    | SendBytes
    | SendPing
    | SendPong
    | SendClose
    | CloseTransport
    | AbortTransport
    | StartTimer
    | StopTimer
    | LogError
    | LogException
)
"""A command; `typing.get_args` lists the classes."""
