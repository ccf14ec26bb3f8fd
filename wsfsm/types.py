"""The types of ASGI: its callables, its mappings, and a typed dictionary for each message.

The names are those of Starlette's ``types`` module and of ``asgiref.typing``.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "ASGIApp",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "WebSocketAcceptEvent",
    "WebSocketCloseEvent",
    "WebSocketConnectEvent",
    "WebSocketDisconnectEvent",
    "WebSocketReceivable",
    "WebSocketReceiveEvent",
    "WebSocketResponseBodyEvent",
    "WebSocketResponseStartEvent",
    "WebSocketSendEvent",
    "WebSocketSendable",
]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Another name for `bytes`, because some classes below have a key `bytes`
ByteString: TypeAlias = bytes


class WebSocketConnectEvent(TypedDict):
    """Connect, to the application (ASGI WebSocket 2.5)."""

    type: Literal["websocket.connect"]


class WebSocketReceiveEvent(TypedDict):
    """Receive, to the application (ASGI WebSocket 2.5): one of `text` and `bytes` is not None."""

    type: Literal["websocket.receive"]
    text: NotRequired[str | None]
    bytes: NotRequired[ByteString | None]


class WebSocketDisconnectEvent(TypedDict):
    """Disconnect, to the application (ASGI WebSocket 2.5)."""

    type: Literal["websocket.disconnect"]
    code: int
    reason: NotRequired[str | None]


class WebSocketAcceptEvent(TypedDict):
    """Accept, from the application (ASGI WebSocket 2.5)."""

    type: Literal["websocket.accept"]
    subprotocol: NotRequired[str | None]
    headers: NotRequired[Iterable[Iterable[bytes]]]


class WebSocketSendEvent(TypedDict):
    """Send, from the application (ASGI WebSocket 2.5): one of `text` and `bytes` is not None."""

    type: Literal["websocket.send"]
    text: NotRequired[str | None]
    bytes: NotRequired[ByteString | None]


class WebSocketCloseEvent(TypedDict):
    """Close, from the application (ASGI WebSocket 2.5)."""

    type: Literal["websocket.close"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


class WebSocketResponseStartEvent(TypedDict):
    """Response start, from the application (ASGI extension "Websocket Denial Response")."""

    type: Literal["websocket.http.response.start"]
    status: int
    headers: NotRequired[Iterable[Iterable[bytes]]]


class WebSocketResponseBodyEvent(TypedDict):
    """Response body, from the application (ASGI extension "Websocket Denial Response")."""

    type: Literal["websocket.http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


WebSocketReceivable: TypeAlias = (
    WebSocketConnectEvent | WebSocketReceiveEvent | WebSocketDisconnectEvent
)
"""A message that an application receives."""

WebSocketSendable: TypeAlias = (
    WebSocketAcceptEvent
    | WebSocketSendEvent
    | WebSocketCloseEvent
    | WebSocketResponseStartEvent
    | WebSocketResponseBodyEvent
)
"""A message that an application sends."""
