"""The WebSocket of an ASGI application, with the API of Starlette's class."""

from wsfsm.exceptions import WebSocketDisconnect, WebSocketDisconnected
from wsfsm.tables.states import ReadyState, WebSocketState
from wsfsm.websockets._asgi import asgi
from wsfsm.websockets._close import WebSocketClose
from wsfsm.websockets._websocket import WebSocket

__all__ = [
    "ReadyState",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
    "asgi",
]
