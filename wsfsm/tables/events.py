"""The events of the machines that are more than the type of an ASGI message.

If the meaning of a message depends on a key, each meaning is an event with a guard. Frames, timers and
the end of a task are events that are not messages.
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
    "READ_AHEAD",
    "REQUEST",
    "RETURNED",
    "SHUTDOWN",
    "SHUTDOWN_TIMEOUT",
    "UNSOLICITED_PONG",
    "event_of",
]

_START: Final = "websocket.http.response.start"
_BODY: Final = "websocket.http.response.body"


def _occurrence(name: str, guard: str = "") -> Event:
    return Event(name, guard, is_message=False)


def _by_guard(name: str, *guards: str) -> dict[str, Event]:
    return {guard: _occurrence(name, guard) for guard in guards}


# Messages of the application, and the loss of the transport
BODY_MORE: Final = Event(_BODY, guard="more_body")
BODY_LAST: Final = Event(_BODY, guard="not more_body")
DENIAL: Final = {policy: Event(_START, guard=policy) for policy in ("hold", "flush")}
MALFORMED: Final = _occurrence("malformed message")
LOST: Final = _occurrence("transport lost")
LOST_UNREAD: Final = _occurrence("transport lost", "unread data")
READ_AHEAD: Final = _occurrence("disconnect read ahead")

# The peer: its request and its frames
REQUEST: Final = _occurrence("handshake request")
BAD_REQUEST: Final = _occurrence("bad handshake request")
EARLY_DATA: Final = _occurrence("early data", "within the limit")
EARLY_DATA_OVERFLOW: Final = _occurrence("early data", "beyond the limit")
MESSAGE: Final = _occurrence("data message")
PING: Final = _occurrence("ping frame")
PONG: Final = _occurrence("pong frame", "awaited")
UNSOLICITED_PONG: Final = _occurrence("pong frame", "not awaited")  # RFC 6455 5.5.3
CLOSE_FRAME: Final = _occurrence("close frame")
PROTOCOL_ERROR: Final = _occurrence("protocol error")
EOF: Final = _occurrence("end of stream")

# The end of the application
RETURNED: Final = _by_guard("application returned", "close", "drop")
RAISED: Final = _by_guard("application raised", "close", "drop")
RAISED_CLIENT_DISCONNECTED: Final = _occurrence("application raised", "ClientDisconnected")

# The server itself
SHUTDOWN: Final = _occurrence("shutdown")
FAILED: Final = _by_guard("server failed", "unanswered", "answered")
HANDSHAKE_TIMEOUT: Final = _occurrence("handshake timeout")
PING_DUE: Final = _occurrence("ping due", "pong expected")
PING_DUE_NO_PONG: Final = _occurrence("ping due", "no pong expected")
PONG_TIMEOUT: Final = _by_guard("pong timeout", "idle", "sending", "receiving")
CLOSE_TIMEOUT: Final = _by_guard("close timeout", "idle", "sending", "receiving")
SHUTDOWN_TIMEOUT: Final = _occurrence("shutdown timeout")


def event_of(message: Mapping[str, Any]) -> AnyEvent:
    """Return the event of an ASGI message.

    Args:
        message: A message with a ``type``.

    Returns:
        The type of the message, or `BODY_MORE` or `BODY_LAST` for ``websocket.http.response.body``.

    Raises:
        MalformedMessage: The message is not a mapping, or its ``type`` is missing or not a str.
    """
    known: object = message
    kind = known.get("type") if isinstance(known, Mapping) else None
    if not isinstance(kind, str):
        raise MalformedMessage(
            f"an ASGI message must be a mapping with a str as its 'type', got {describe(message)}",
            key="type",
            message=message,
        )
    if kind == _BODY:
        return BODY_MORE if message.get("more_body", False) else BODY_LAST
    return kind
