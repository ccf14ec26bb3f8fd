"""The errors about a connection that is not open, as members of both families."""

from typing import Any, Final

import starlette.websockets

import wsfsm.exceptions
from wsfsm.websockets._errors import ErrorFamily

__all__ = ["BOTH", "STARLETTE_DISCONNECTED", "ConnectionClosed"]

# a type checker takes a class of this type as a base
STARLETTE_DISCONNECTED: Final[Any] = getattr(
    starlette.websockets, "WebSocketDisconnected", RuntimeError
)
"""Starlette's class of this name, or what versions without it raise."""


class WebSocketDisconnect(
    wsfsm.exceptions.WebSocketDisconnect, starlette.websockets.WebSocketDisconnect
):
    """The connection has ended."""


class WebSocketDisconnected(wsfsm.exceptions.WebSocketDisconnected, STARLETTE_DISCONNECTED):
    """The WebSocket is not connected yet, or not any more."""


class ConnectionClosed(
    wsfsm.exceptions.ConnectionClosed, WebSocketDisconnected, WebSocketDisconnect
):
    """The connection is used after its end. You can catch it as any of its bases."""


BOTH: Final = ErrorFamily(WebSocketDisconnect, WebSocketDisconnected, ConnectionClosed)
"""The classes that the WebSocket of this package raises."""
