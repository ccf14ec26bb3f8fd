"""The commands that the core returns, and the work that each asks of the server.

An `Output` is a word of the table ``SERVER``: "send 403". The core turns it into a command, a
record with all that its doing needs: ``SendResponse(403, ...)``. Messages and exceptions for
the application are outputs too, but no commands: the core passes them on by itself.
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
    """A timer of a connection; when it fires, report it to the core with ``timeout()``."""

    HANDSHAKE = "handshake"
    """The application has not answered the handshake."""
    PING = "ping"
    """The next Ping is due."""
    PONG = "pong"
    """The Pong to our Ping is missing."""
    CLOSE = "close"
    """The peer has not answered our Close, or not closed its side of the transport."""
    SHUTDOWN = "shutdown"
    """The server stops, and the connection is not over yet."""


Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]


@attrs.frozen
class StartApplication:
    """Run the application in a task of its own, with the scope of the request.

    Report its end with ``application_returned()`` or ``application_raised()``.
    """


@attrs.frozen
class SendHandshake:
    """Write the head of the HTTP response 101 that completes the handshake (RFC 6455 4.2.2).

    Upgrade, Connection, Sec-WebSocket-Accept, the chosen subprotocol and the extensions are
    the server's to add.

    Attributes:
        subprotocol: The chosen subprotocol, or None.
        headers: More headers, checked: legal names and values, none that the handshake owns.
    """

    subprotocol: str | None
    headers: Pairs


@attrs.frozen
class ReadFrames:
    """Read frames from now on.

    Attributes:
        held: The first bytes: those that were passed to ``receive_early_data()``.
    """

    held: bytes


@attrs.frozen
class SendResponse:
    """Write a whole HTTP response, with Content-Length; the connection is not kept alive.

    Attributes:
        status: Status code.
        headers: Headers, checked: legal names and values, no Transfer-Encoding.
        body: The body; empty where the status forbids one.
    """

    status: int
    headers: Pairs
    body: bytes


@attrs.frozen
class StartResponse:
    """Write the head of an HTTP response whose body follows in parts.

    Attributes:
        status: Status code.
        headers: Headers, checked: legal names and values, no Transfer-Encoding. Without
            a Content-Length the body is chunked.
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


@attrs.define  # one a message: freezing it would cost as much as everything else about it
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
        payload: That of the Ping.
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
    """Write what is still to be written, then FIN; go on reading, to no purpose, until the peer's.

    A socket that is closed with unread data is reset, and the peer may lose what was written
    (RFC 6455 7.1.1).
    """


@attrs.frozen
class AbortTransport:
    """Close the transport at once, whatever is still to be written."""


@attrs.frozen
class StartTimer:
    """Start a timer.

    Attributes:
        timer: Which one.
        seconds: After how many seconds it fires, once.
    """

    timer: Timer
    seconds: float


@attrs.frozen
class StopTimer:
    """Stop a timer, if it runs.

    Attributes:
        timer: Which one.
    """

    timer: Timer


@attrs.frozen
class LogError:
    """Log an error of the application.

    Attributes:
        text: What to log.
    """

    text: str


@attrs.frozen
class LogException:
    """Log an exception of the application or of the server, with its traceback.

    Attributes:
        text: What to log.
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
"""A record of any command; `typing.get_args` lists their classes."""
