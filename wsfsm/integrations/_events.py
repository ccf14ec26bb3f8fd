"""The events that the frame reader returns."""

from typing import TypeAlias

import attrs

__all__ = ["Close", "Failure", "FrameEvent", "Ping", "Pong"]


@attrs.frozen
class Ping:
    """A Ping frame (RFC 6455 5.5.2).

    Attributes:
        payload: At most 125 bytes.
    """

    payload: bytes


@attrs.frozen
class Pong:
    """A Pong frame (RFC 6455 5.5.3).

    Attributes:
        payload: At most 125 bytes.
    """

    payload: bytes


@attrs.frozen
class Close:
    """A Close frame (RFC 6455 5.5.1), after which nothing is read.

    Attributes:
        code: A close code that is allowed in a frame (RFC 6455 7.4), or 1005 if the frame does not have
            one.
        reason: At most 123 bytes in UTF-8.
    """

    code: int
    reason: str


@attrs.frozen
class Failure:
    """Bytes that break the protocol or a limit, after which nothing is read (RFC 6455 7.1.7).

    Attributes:
        code: Close code for the answer (RFC 6455 7.4.1): 1002 for a protocol error, 1007 for a text
            that is not UTF-8 or a compressed message that is not DEFLATE, 1009 for a message that
            is too big.
        reason: A description, at most 123 bytes in UTF-8.
    """

    code: int
    reason: str


FrameEvent: TypeAlias = str | bytes | Ping | Pong | Close | Failure
"""An event of the frame reader. A str or bytes is a whole message."""
