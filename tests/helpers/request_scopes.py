"""Scopes of requests, and the classes that read them: ours and Starlette's."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import HTTPConnection as TheirConnection

from wsfsm.requests import HTTPConnection


def scope_of(**changes: Any) -> dict[str, Any]:
    """The scope of a WebSocket as servers send it, with changes."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "scheme": "ws",
        "path": "/chat",
        "query_string": b"room=1",
        "root_path": "",
        "headers": [(b"host", b"example.org"), (b"cookie", b"a=1; b=2")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
    } | changes


# for tests that both classes pass
BOTH = pytest.mark.parametrize("make", [HTTPConnection, TheirConnection])
Make = Callable[[Any], Any]
