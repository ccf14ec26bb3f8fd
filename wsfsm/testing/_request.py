"""The request of a client, as the scope that an application receives, and the application itself."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlencode, urlsplit

from wsfsm._text import describe
from wsfsm.types import ASGIAppLike, Receive, Scope, Send
from wsfsm.websockets import WebSocket

__all__ = ["Handler", "HeaderTypes", "as_asgi", "make_scope"]

HeaderTypes: TypeAlias = (
    Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
)
Handler: TypeAlias = Callable[[WebSocket], Awaitable[Any]]

_KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
_VARIABLE: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def make_scope(
    url: str = "/",
    *,
    query: Mapping[str, str] | None = None,
    headers: HeaderTypes = (),
    cookies: Mapping[str, str] | None = None,
    subprotocols: Iterable[str] = (),
) -> dict[str, Any]:
    """Make the scope of a connection; the arguments are those of `connect`.

    Raises:
        TypeError: `url` is not a str, or `query` or `cookies` are not mappings.
        ValueError: The path of `url` does not begin with a slash.
    """
    if not isinstance(url, str):
        raise TypeError(f"connect(): 'url' must be str, got {describe(url)}")
    for argument, pairs_of in (("query", query), ("cookies", cookies)):
        if not isinstance(pairs_of, Mapping | None):
            raise TypeError(f"connect(): {argument!r} must be a mapping, got {describe(pairs_of)}")
    parts = urlsplit(url)
    if parts.path[:1] not in {"", "/"}:
        raise ValueError(
            f"connect(): 'url' must be a path that begins with a slash, or a whole URL, got {url!r}"
        )
    host, secure = parts.netloc or "testserver", parts.scheme in {"wss", "https"}
    offered = list(subprotocols)
    fields: dict[bytes, list[bytes]] = {
        b"host": [host.encode()],
        b"connection": [b"Upgrade"],
        b"upgrade": [b"websocket"],
        b"sec-websocket-key": [_KEY],
        b"sec-websocket-version": [b"13"],
    }
    if offered:
        fields[b"sec-websocket-protocol"] = [", ".join(offered).encode()]
    if cookies:
        pairs = (f"{name}={value}" for name, value in cookies.items())
        fields[b"cookie"] = ["; ".join(pairs).encode()]
    given: dict[bytes, list[bytes]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        given.setdefault(_bytes(name).lower(), []).append(_bytes(value))
    fields |= given
    path = parts.path or "/"
    texts = [parts.query, urlencode(query or {})]
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "wss" if secure else "ws",
        "server": (parts.hostname or "testserver", parts.port or (443 if secure else 80)),
        "client": ("testclient", 50000),
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": "&".join(filter(None, texts)).encode(),
        "headers": [(name, value) for name, values in fields.items() for value in values],
        "subprotocols": offered,
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def as_asgi(application: ASGIAppLike | Handler) -> Callable[..., Awaitable[Any]]:
    """Return an ASGI application that calls a handler, or the application if it is one already."""
    if not callable(application):
        raise TypeError(
            "connect(): 'application' must be an ASGI application or a handler, "
            f"got {describe(application)}"
        )
    try:
        parameters = [*inspect.signature(application).parameters.values()]
    except ValueError:  # a callable without a signature
        parameters = []
    required = [p for p in parameters if p.default is p.empty and p.kind not in _VARIABLE]
    called: Any = application
    if len(required) == 1:

        async def handle(scope: Scope, receive: Receive, send: Send) -> Any:
            return await called(WebSocket(scope, receive, send))

        return handle
    asgi: Callable[..., Awaitable[Any]] = called
    return asgi
