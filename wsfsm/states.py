"""The states of a WebSocket as an ASGI application sees them."""

from enum import Enum

__all__ = ["WebSocketState"]


class WebSocketState(Enum):
    """A state of the client machine or of the application machine.

    Names and values are Starlette's. RESPONSE belongs to the application machine
    alone: a denial response is being sent (ASGI extension "Websocket Denial Response").
    """

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3
