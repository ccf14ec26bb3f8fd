"""Connecting a client to an application or a handler."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wsfsm._text import describe
from wsfsm.testing._client import Client
from wsfsm.testing._profiles import SERVERS, ServerProfile
from wsfsm.testing._request import Handler, HeaderTypes, as_asgi, make_scope
from wsfsm.types import ASGIAppLike

__all__ = ["connect"]

_TIMEOUT: Final = 5.0


def connect(  # noqa: PLR0913 - the parts of a request, and the choices of a test
    application: ASGIAppLike | Handler,
    url: str = "/",
    *,
    query: Mapping[str, str] | None = None,
    headers: HeaderTypes = (),
    cookies: Mapping[str, str] | None = None,
    subprotocols: Iterable[str] = (),
    scope: Mapping[str, Any] | None = None,
    server: str | ServerProfile = "wsfsm",
    timeout: float = _TIMEOUT,
    strict: bool = True,
) -> Client:
    """Connect to an application, without a network and in the event loop that runs.

    Use the client as an asynchronous context manager. The application runs in a task beside the block.
    At the end of the block the client leaves, and the application has to end; an exception of it is
    raised there, unless it is the end of the connection itself.

    Args:
        application: An ASGI application, or a handler that takes one argument: a `wsfsm.WebSocket`.
        url: The path, with a query if you like; or a whole URL, of which the scheme and the host are
            used too.
        query: Parameters for the query string.
        headers: Further headers of the request, or other values for those that every request has.
        cookies: Cookies of the request.
        subprotocols: The subprotocols that the client offers, in its order of preference.
        scope: Keys to add to the scope, or to replace in it.
        server: The server to imitate, by its name in `SERVERS` or by its profile.
        timeout: Seconds that each wait may take.
        strict: Whether a message that the application machine does not allow is refused, and a task that
            receives while another one waits for the next message. Otherwise only a message that the
            server cannot send is refused.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The server is unknown, or the URL has a path without a slash at its beginning.
    """
    called = as_asgi(application)
    made = make_scope(url, query=query, headers=headers, cookies=cookies, subprotocols=subprotocols)
    if not isinstance(server, ServerProfile):
        if str(server) not in SERVERS:
            names = ", ".join(SERVERS)
            raise ValueError(
                f"connect(): 'server' must be one of {names}, or a ServerProfile, got {describe(server)}"
            )
        server = SERVERS[str(server)]
    if server.spec_version is None:
        del made["asgi"]["spec_version"]
    else:
        made["asgi"]["spec_version"] = server.spec_version
    if not server.denial:
        del made["extensions"]["websocket.http.response"]
    made |= scope or {}
    return Client(called, made, server, timeout, strict=strict)
