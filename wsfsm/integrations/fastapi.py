"""wsfsm's WebSocket inside FastAPI. ``docs/frameworks.md`` is the guide.

Annotate a parameter of a handler or of a dependency with `WebSocket` from this module: FastAPI then passes
an object of wsfsm's class, and nothing is patched. Exception handlers, middleware, and endpoints of
Starlette's classes are not called by FastAPI's dependency injection; `install` reaches them too.

`WebSocket` is an annotation. The class itself, for example for ``isinstance()``, is
`wsfsm.integrations.starlette.WebSocket`.
"""

from typing import Annotated

import starlette.websockets
from fastapi import Depends
from starlette.websockets import WebSocketDisconnect, WebSocketState

import wsfsm.integrations.starlette
from wsfsm.integrations.starlette import install, uninstall

__all__ = ["WebSocket", "WebSocketDisconnect", "WebSocketState", "install", "uninstall"]


async def _taken_over(
    # the default is for a dependency that serves HTTP requests too
    websocket: starlette.websockets.WebSocket = None,  # type: ignore[assignment]
) -> wsfsm.integrations.starlette.WebSocket | None:
    if websocket is None:
        return None
    return wsfsm.integrations.starlette.WebSocket.over(websocket)


WebSocket = Annotated[wsfsm.integrations.starlette.WebSocket, Depends(_taken_over)]
