"""The types of ASGI: its callables, its mappings, and a typed dictionary for each message.

The names are those of Starlette's ``types`` module and of ``asgiref.typing``.

For a type checker, the types of asgiref, of Starlette and of the servers do not fit each other. The
names that end in ``Like`` fit all of them, so wsfsm takes them as parameters, and `ASGIApplication`
may be passed to all of them, so wsfsm returns it. Use them in the same way in middleware of your own.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "ASGIApp",
    "ASGIAppLike",
    "ASGIApplication",
    "Message",
    "MessageLike",
    "Receive",
    "ReceiveLike",
    "Scope",
    "ScopeLike",
    "Send",
    "SendLike",
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

ScopeLike: TypeAlias = Mapping[str, Any]
"""A scope: a `Scope`, or a typed dictionary such as `asgiref.typing.WebSocketScope`."""

MessageLike: TypeAlias = Mapping[str, Any]
"""A message: a `Message`, or a typed dictionary, of this module or of `asgiref.typing`."""

ReceiveLike: TypeAlias = Callable[[], Awaitable[MessageLike]]
"""A server's receive: a `Receive`, or `asgiref.typing.ASGIReceiveCallable`."""

SendLike: TypeAlias = Callable[[Any], Awaitable[None]]
"""A server's send: a `Send`, or `asgiref.typing.ASGISendCallable`."""

ASGIAppLike: TypeAlias = Callable[[Any, Any, Any], Awaitable[object]]
"""An application: an `ASGIApp`, or `asgiref.typing.ASGI3Application`."""

ASGIApplication: TypeAlias = Callable[[ScopeLike, ReceiveLike, SendLike], Coroutine[Any, Any, None]]
"""An application that may be passed wherever one is taken."""

# Another name for `bytes`, because some classes below have a key `bytes`
ByteString: TypeAlias = bytes


class WebSocketConnectEvent(TypedDict):
    """Connect, to the application (ASGI WebSocket 2.5)."""

    type: Literal["websocket.connect"]


class WebSocketReceiveEvent(TypedDict):
    """Receive, to the application (ASGI WebSocket 2.5): one of ``text`` and ``bytes`` is not None."""

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
    """Send, from the application (ASGI WebSocket 2.5): one of ``text`` and ``bytes`` is not None."""

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
