"""The errors about a connection that is not open, as members of both families."""

from typing import TYPE_CHECKING, Final

import starlette.websockets

import wsfsm.exceptions
from wsfsm.websockets._errors import ErrorFamily

if TYPE_CHECKING:
    from starlette.websockets import WebSocketDisconnected as StarletteDisconnected
else:
    # Starlette below 1.7 raises RuntimeError
    StarletteDisconnected = getattr(starlette.websockets, "WebSocketDisconnected", RuntimeError)

__all__ = ["BOTH", "ConnectionClosed", "StarletteDisconnected"]


class WebSocketDisconnect(
    wsfsm.exceptions.WebSocketDisconnect, starlette.websockets.WebSocketDisconnect
):
    """The connection has ended."""


class WebSocketDisconnected(wsfsm.exceptions.WebSocketDisconnected, StarletteDisconnected):
    """The WebSocket is not connected yet, or not any more."""


class ConnectionClosed(
    wsfsm.exceptions.ConnectionClosed, WebSocketDisconnected, WebSocketDisconnect
):
    """The connection is used after its end. You can catch it as any of its bases."""


BOTH: Final = ErrorFamily(
    WebSocketDisconnect,
    WebSocketDisconnected,
    ConnectionClosed,
    ends=(
        starlette.websockets.WebSocketDisconnect,
        wsfsm.exceptions.WebSocketDisconnect,
        wsfsm.exceptions.WebSocketDisconnected,
    ),
)
"""The classes that the WebSocket of this package raises."""
