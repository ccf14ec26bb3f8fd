"""Applications with the types of asgiref, and wsfsm in them, as `mypy --strict` takes it.

An ignore that ignored nothing would be an error, so each of them shows that something is refused.
"""

from collections.abc import Awaitable, Callable

import asgiref.typing as asgiref
import httpx
import hypercorn.typing
import litestar.types
import starlette.routing
import starlette.types
import uvicorn

import wsfsm
from wsfsm.datastructures import URL, Headers
from wsfsm.messages import (
    Close,
    Connect,
    ResponseBody,
    ResponseStart,
    Send,
    WebSocketReceivable,
    from_message,
)
from wsfsm.origins import AllowedOrigins, OriginMiddleware
from wsfsm.testing import connect, lifespan
from wsfsm.types import ASGIApp, ASGIApplication, ASGIAppLike, ReceiveLike, ScopeLike, SendLike
from wsfsm.websockets import WebSocketClose

# --- an application of asgiref's types, with wsfsm's classes in it


async def application(
    scope: asgiref.Scope,
    receive: asgiref.ASGIReceiveCallable,
    send: asgiref.ASGISendCallable,
) -> None:
    if scope["type"] != "websocket":
        return
    await inside(scope, receive, send)


async def inside(
    scope: asgiref.WebSocketScope,
    receive: asgiref.ASGIReceiveCallable,
    send: asgiref.ASGISendCallable,
) -> None:
    websocket = wsfsm.WebSocket(scope, receive, send)
    await websocket.accept()
    await websocket.send_bytes(memoryview(b"a"))
    await websocket.send_bytes(bytearray(b"a"))
    print(URL(scope=scope), Headers(scope=scope), AllowedOrigins().refusal(scope))  # noqa: T201 - they take it
    event: asgiref.WebSocketSendEvent = {"type": "websocket.send", "text": "a", "bytes": None}
    await websocket.send(event)
    await websocket.send(Send(text="a").to_message())
    await websocket.send_denial_response(application)
    await wsfsm.asgi(handler)(scope, receive, send)
    await WebSocketClose()(scope, receive, send)


async def handler(websocket: wsfsm.WebSocket) -> None:
    await websocket.accept()


async def messages(receive: asgiref.ASGIReceiveCallable, send: asgiref.ASGISendCallable) -> None:
    from_message(await receive())
    connect: asgiref.ASGIReceiveEvent = Connect().to_message()
    from_message(connect)
    # asgiref requires all keys, the specification does not, and records leave some out
    await send(Send(text="a").to_message())  # type: ignore[arg-type]
    await send(Close().to_message())  # type: ignore[arg-type]
    await send(ResponseStart(404).to_message())  # type: ignore[arg-type]
    await send(ResponseBody(b"").to_message())  # type: ignore[arg-type]


async def raw(scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
    """An application that fits all, and sends records."""
    assert scope["type"] == "websocket"
    from_message(await receive())
    await send(Close().to_message())


raw_for_asgiref: asgiref.ASGI3Application = raw
raw_for_starlette: starlette.types.ASGIApp = raw


# --- wsfsm's applications where others are expected

ours = wsfsm.asgi(handler)
for_asgiref: asgiref.ASGI3Application = ours
for_asgiref_in_general: asgiref.ASGIApplication = OriginMiddleware(ours)
for_starlette: starlette.types.ASGIApp = ours
for_hypercorn: hypercorn.typing.ASGIFramework = ours
for_litestar: litestar.types.ASGIApp = ours
for_us: ASGIApp = ours
closing: asgiref.ASGI3Application = WebSocketClose()
config = uvicorn.Config(ours)
transport = httpx.ASGITransport(ours)
mount = starlette.routing.Mount("/chat", ours)

# --- any application where wsfsm expects one


async def others(starlettes: starlette.types.ASGIApp, litestars: litestar.types.ASGIApp) -> None:
    for one in (application, starlettes, litestars, ours):
        OriginMiddleware(one)
        async with lifespan(one), connect(one):
            pass


# --- middleware that fits between any two


def middleware(app: ASGIAppLike) -> ASGIApplication:
    async def wrapped(scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
        await app(scope, receive, send)

    return wrapped


between: asgiref.ASGI3Application = middleware(application)
between_starlettes: starlette.types.ASGIApp = middleware(between)

# --- refused


async def mistakes(receive: Callable[[], Awaitable[WebSocketReceivable]]) -> None:
    def without_send(scope: ScopeLike, receive: ReceiveLike) -> None: ...

    OriginMiddleware(without_send)  # type: ignore[arg-type]
    OriginMiddleware(lambda _scope, _receive, _send: None)  # type: ignore[arg-type,return-value]
    wsfsm.WebSocket("/", receive, ours)  # type: ignore[arg-type]
    await ours({"type": "websocket"}, receive)  # type: ignore[call-arg]
