"""The WebSocket of an ASGI application, with the API of Starlette's class."""

from wsfsm.exceptions import WebSocketDisconnect, WebSocketDisconnected
from wsfsm.tables.states import WebSocketState
from wsfsm.websockets._close import WebSocketClose
from wsfsm.websockets._websocket import WebSocket

__all__ = [
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]
