"""The states of a WebSocket, for an ASGI application and for a server."""

from enum import Enum, StrEnum
from typing import Final

__all__ = ["ReadyState", "ServerState", "WebSocketState"]

_STARLETTE: Final = ("starlette.websockets", "WebSocketState")  # it may not be installed


class WebSocketState(Enum):
    """A state of the client machine or of the application machine.

    Names and values are Starlette's, and a member equals Starlette's member of the same name, whichever
    library you import it from. Only the application machine has RESPONSE, in which a denial response
    is being sent (ASGI extension "Websocket Denial Response").
    """

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        kind = type(other)
        if isinstance(other, Enum) and (kind.__module__, kind.__name__) == _STARLETTE:
            return self.name == other.name
        return NotImplemented

    __hash__ = Enum.__hash__  # of the name, so that of Starlette's member too


class ReadyState(StrEnum):
    """The state of a connection as a whole, as an application sees it.

    The name is that of the attribute in browsers; a member equals its value, for example ``"open"``.
    """

    CONNECTING = "connecting"
    """The application has not answered the handshake."""
    OPEN = "open"
    """The connection is accepted, and data flows in both directions."""
    DENYING = "denying"
    """A denial response has been started, and is not complete."""
    CLOSING = "closing"
    """The application has closed or denied the connection, and the disconnect has not arrived."""
    CLOSED = "closed"
    """The disconnect has arrived: the client has left, or has answered the close."""
    LOST = "lost"
    """A send has failed because the transport is gone, and the disconnect has not arrived."""


class ServerState(Enum):
    """A state of the server machine."""

    IDLE = "idle"
    """No request has arrived."""
    CONNECTING = "connecting"
    """The application runs and has not answered the handshake."""
    DENIAL_HELD = "denial held"
    """The application denies the handshake, and nothing of its response is on the wire."""
    DENIAL_STREAMING = "denial streaming"
    """The application denies the handshake: the head is sent, the body is not complete."""
    OPEN = "open"
    """The handshake is complete, and no Close frame was sent or received yet."""
    UNREAD = "unread"
    """The transport is gone, and data that arrived before is not delivered yet."""
    CLOSING = "closing"
    """Our Close is sent, and the peer's is awaited."""
    DRAINING = "draining"
    """Everything is sent, and the transport is being closed."""
    CLOSED = "closed"
    """The transport is gone."""
