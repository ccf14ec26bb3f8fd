"""The scope of a WebSocket in uvicorn."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from wsfsm.integrations.uvicorn._http import Request
from wsfsm.types import Scope

__all__ = ["make_scope"]

T = TypeVar("T")


def make_scope(
    request: Request,
    subprotocols: Iterable[str],
    transport: asyncio.Transport,
    config: Config,
    state: dict[str, Any],
) -> Scope:
    """Create the scope (ASGI 2.5, WebSocket Connection Scope).

    Args:
        request: The head of the request. The application gets its list of headers, not a copy.
        subprotocols: Subprotocols that the client offers.
        transport: The transport.
        config: uvicorn's options.
        state: State of the lifespan, of which the scope gets a copy.
    """
    raw_path, _, query_string = request.target.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "websocket",
        "asgi": {"version": config.asgi_version, "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "wss" if is_ssl(transport) else "ws",
        "server": _shared(get_local_addr(transport)),
        "client": get_remote_addr(transport),
        "root_path": config.root_path,
        "path": config.root_path + (unquote(path) if "%" in path else path),
        "raw_path": config.root_path.encode("ascii") + raw_path,
        "query_string": query_string,
        "headers": request.headers,
        "subprotocols": list(subprotocols),
        "state": state.copy(),
        "extensions": {"websocket.http.response": {}},
    }


@lru_cache(16)
def _shared(address: T) -> T:
    """Return an equal address of the server that other connections have already."""
    return address
