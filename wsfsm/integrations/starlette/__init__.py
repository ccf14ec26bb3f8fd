"""wsfsm's WebSocket inside Starlette. ``docs/frameworks.md`` is the guide.

Starlette gives its own class to every handler. Two calls change that:

- `install` does it for a whole application. It patches Starlette: while an application is installed,
  the metaclass of ``starlette.websockets.WebSocket`` is ours. `uninstall` takes that back.
- `WebSocket.over` does it for one connection, and patches nothing.

`WebSocketState`, `WebSocketDisconnect` and `WebSocketDisconnected` are Starlette's own, so that they
also match where an object of Starlette's class, or its TestClient, is at work. Whatever `WebSocket`
raises is caught as Starlette's exceptions and as those of `wsfsm`, and its states are
Starlette's members, which equal those of `wsfsm`.
"""

from starlette.websockets import WebSocketClose, WebSocketDisconnect, WebSocketState

from wsfsm.integrations.starlette._exceptions import ConnectionClosed
from wsfsm.integrations.starlette._exceptions import (
    StarletteDisconnected as WebSocketDisconnected,
)
from wsfsm.integrations.starlette._install import install, uninstall
from wsfsm.integrations.starlette._websocket import WebSocket

__all__ = [
    "ConnectionClosed",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
    "install",
    "uninstall",
]
