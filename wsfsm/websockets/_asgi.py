"""ASGI applications of handlers."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, overload

import attrs

from wsfsm._text import describe
from wsfsm.exceptions import explained
from wsfsm.origins import AllowedOrigins
from wsfsm.types import ASGIApplication, ReceiveLike, ScopeLike, SendLike
from wsfsm.websockets._denial import Origins, check_origin
from wsfsm.websockets._websocket import WebSocket

__all__ = ["asgi"]

W = TypeVar("W", bound=WebSocket[Any])

_UPGRADE: Final = b"This address is for WebSockets only.\n"


def _allowed(origins: Origins | None) -> AllowedOrigins | None:
    if origins is None or isinstance(origins, AllowedOrigins):
        return origins
    return AllowedOrigins(origins)


@attrs.frozen
class _Application:
    """The ASGI application of a handler."""

    handler: Callable[[Any], Awaitable[object]] = attrs.field()
    allowed_origins: AllowedOrigins | None = attrs.field(converter=_allowed)
    websocket_class: type[WebSocket[Any]]

    @handler.validator
    def _is_callable(self, _: object, handler: object) -> None:
        if not callable(handler):
            raise explained(
                TypeError(f"asgi() takes an async function, got {describe(handler)}"), "handler"
            )
        if not _takes_one_argument(handler):
            raise explained(
                TypeError(
                    f"asgi() takes an async function of one argument, the WebSocket, got {handler!r}"
                ),
                "handler",
            )

    async def __call__(self, scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
        match scope["type"]:
            case "websocket":
                await self._serve(self.websocket_class(scope, receive, send))
            case "http":
                await _require_upgrade(scope, send)
            case "lifespan":
                await _live(receive, send)
            case other:
                raise explained(
                    ValueError(
                        f"asgi() serves scopes of type 'websocket', 'http' and 'lifespan', got {other!r}"
                    ),
                    "scope",
                )

    async def _serve(self, websocket: WebSocket[Any]) -> None:
        async with websocket:
            if self.allowed_origins is not None:
                await check_origin(websocket, self.allowed_origins)
            running = self.handler(websocket)
            if not inspect.isawaitable(running):
                raise explained(
                    TypeError(
                        f"the handler {self.handler!r} must be an async function, but it returned "
                        f"{describe(running)}"
                    ),
                    "handler",
                )
            await running


def _takes_one_argument(handler: Callable[..., object]) -> bool:
    try:
        inspect.signature(handler).bind(None)
    except TypeError:
        return False
    except ValueError:  # a callable without a signature
        return True
    return True


async def _require_upgrade(scope: ScopeLike, send: SendLike) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_UPGRADE)),
    ]
    status = 400  # HTTP/2 has no upgrade, and forbids its headers (RFC 9113 8.2.2, 8.6)
    if str(scope.get("http_version") or "1.1").startswith("1."):
        status = 426  # RFC 9110 15.5.22
        headers += [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": _UPGRADE})


async def _live(receive: ReceiveLike, send: SendLike) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


@overload
def asgi(
    handler: Callable[[WebSocket[Any]], Awaitable[object]],
    *,
    allowed_origins: Origins | None = None,
) -> ASGIApplication: ...


@overload
def asgi(
    handler: Callable[[W], Awaitable[object]],
    *,
    allowed_origins: Origins | None = None,
    websocket_class: type[W],
) -> ASGIApplication: ...


def asgi(
    handler: Callable[[Any], Awaitable[object]],
    *,
    allowed_origins: Origins | None = None,
    websocket_class: type[WebSocket[Any]] = WebSocket,
) -> ASGIApplication:
    """Make an ASGI application of a function that handles a WebSocket.

    You can give it to a server, or mount it in any framework. The handler runs in ``async with websocket:``,
    so its end closes the connection: 1000 when it returns, 1011 when it raises, 403 or 500 before the accept.
    A client that leaves ends it quietly. A plain HTTP request is answered with 426 (400 from HTTP/2 on,
    which has no upgrade), and the lifespan succeeds.

    Args:
        handler: An async function that takes the WebSocket.
        allowed_origins: An `AllowedOrigins`, or origins for it: pages of other origins are denied with
            HTTP 403 before the handler runs. An empty list allows pages of the server's own origin only; by
            default, all are allowed.
        websocket_class: The class of the WebSocket, for example a subclass of yours.

    Raises:
        TypeError: `handler` is not callable, or not with one argument.
        ValueError: An origin is malformed.
    """
    return _Application(handler, allowed_origins, websocket_class)
