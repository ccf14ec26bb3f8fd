"""The events of the machines that a plain ASGI message type does not name.

A message whose meaning depends on a key is one event for each meaning, with a guard.
Frames, timers and the end of a task are events without a message: they happen to a connection.
"""

from collections.abc import Mapping
from typing import Any, Final

from wsfsm._text import describe
from wsfsm.exceptions import MalformedMessage
from wsfsm.fsm import AnyEvent, Event

__all__ = [
    "BAD_REQUEST",
    "BODY_LAST",
    "BODY_MORE",
    "CLOSE_FRAME",
    "CLOSE_TIMEOUT",
    "DENIAL",
    "EARLY_DATA",
    "EARLY_DATA_OVERFLOW",
    "EOF",
    "FAILED",
    "HANDSHAKE_TIMEOUT",
    "LOST",
    "LOST_UNREAD",
    "MALFORMED",
    "MESSAGE",
    "PING",
    "PING_DUE",
    "PING_DUE_NO_PONG",
    "PONG",
    "PONG_TIMEOUT",
    "PROTOCOL_ERROR",
    "RAISED",
    "RAISED_CLIENT_DISCONNECTED",
    "REQUEST",
    "RETURNED",
    "SHUTDOWN",
    "SHUTDOWN_TIMEOUT",
    "UNSOLICITED_PONG",
    "event_of",
]

_START: Final = "websocket.http.response.start"
_BODY: Final = "websocket.http.response.body"


def _happens(name: str, guard: str = "") -> Event:
    return Event(name, guard, is_message=False)


def _choices(name: str, *guards: str) -> dict[str, Event]:
    return {guard: _happens(name, guard) for guard in guards}


# Messages of the application, and the loss of the transport, which both sides see
BODY_MORE: Final = Event(_BODY, guard="more_body")
BODY_LAST: Final = Event(_BODY, guard="not more_body")
DENIAL: Final = {policy: Event(_START, guard=policy) for policy in ("hold", "flush")}
MALFORMED: Final = _happens("malformed message")
LOST: Final = _happens("transport lost")
LOST_UNREAD: Final = _happens("transport lost", "unread data")

# The peer: its request and its frames
REQUEST: Final = _happens("handshake request")
BAD_REQUEST: Final = _happens("bad handshake request")
EARLY_DATA: Final = _happens("early data", "within the limit")
EARLY_DATA_OVERFLOW: Final = _happens("early data", "beyond the limit")
MESSAGE: Final = _happens("data message")
PING: Final = _happens("ping frame")
PONG: Final = _happens("pong frame", "awaited")
UNSOLICITED_PONG: Final = _happens("pong frame", "not awaited")  # RFC 6455 5.5.3
CLOSE_FRAME: Final = _happens("close frame")
PROTOCOL_ERROR: Final = _happens("protocol error")
EOF: Final = _happens("end of stream")

# The end of the application
RETURNED: Final = _choices("application returned", "close", "drop")
RAISED: Final = _choices("application raised", "close", "drop")
RAISED_CLIENT_DISCONNECTED: Final = _happens("application raised", "ClientDisconnected")

# The server itself
SHUTDOWN: Final = _happens("shutdown")
FAILED: Final = _choices("server failed", "unanswered", "answered")
HANDSHAKE_TIMEOUT: Final = _happens("handshake timeout")
PING_DUE: Final = _happens("ping due", "pong expected")
PING_DUE_NO_PONG: Final = _happens("ping due", "no pong expected")
PONG_TIMEOUT: Final = _choices("pong timeout", "idle", "sending", "receiving")
CLOSE_TIMEOUT: Final = _choices("close timeout", "idle", "sending", "receiving")
SHUTDOWN_TIMEOUT: Final = _happens("shutdown timeout")


def event_of(message: Mapping[str, Any]) -> AnyEvent:
    """Return the event that an ASGI message is.

    Args:
        message: A message with a ``type``.

    Returns:
        Its type, or for ``websocket.http.response.body`` the event of its ``more_body``.

    Raises:
        MalformedMessage: It is not a mapping, or its ``type`` is missing or not a str.
    """
    known: object = message
    kind = known.get("type") if isinstance(known, Mapping) else None
    if not isinstance(kind, str):
        raise MalformedMessage(
            f"An ASGI message is a mapping with a str under 'type', got {describe(message)}",
            key="type",
            message=message,
        )
    if kind == _BODY:
        return BODY_MORE if message.get("more_body", False) else BODY_LAST
    return kind
