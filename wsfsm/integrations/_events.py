"""The events of a reader of frames."""

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
    """A Close frame (RFC 6455 5.5.1); nothing is read after it.

    Attributes:
        code: A close code that may be in a frame (RFC 6455 7.4), or 1005 where the frame has none.
        reason: At most 123 bytes of UTF-8.
    """

    code: int
    reason: str


@attrs.frozen
class Failure:
    """Bytes that break the protocol or a limit; nothing is read after them (RFC 6455 7.1.7).

    Attributes:
        code: Close code to answer with (RFC 6455 7.4.1): 1002 for a protocol error, 1007 for a text
            that is not UTF-8 or a compressed message that is not DEFLATE, 1009 for a message that
            is too big.
        reason: A description, in at most 123 bytes of UTF-8.
    """

    code: int
    reason: str


FrameEvent: TypeAlias = str | bytes | Ping | Pong | Close | Failure
"""An event of a reader; a str or bytes is a whole message."""
