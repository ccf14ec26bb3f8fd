"""The scope that the class in uvicorn makes."""

from typing import Any

import uvicorn

from wsfsm.integrations.uvicorn._http import Request
from wsfsm.integrations.uvicorn._scope import make_scope
from wsfsm.types import Scope


class Transport:
    """Has addresses, new objects each time.

    Args:
        server: The address of the server.
    """

    def __init__(self, server: Any) -> None:
        self.server = server

    def get_extra_info(self, name: str) -> Any:
        addresses = {"sockname": self.server, "peername": ["127.0.0.2", 5000]}
        return tuple(addresses[name]) if name in addresses else None


def scope(*server: Any) -> Scope:
    request = Request(b"GET", b"/", [], "1.1")
    transport: Any = Transport(server)
    return make_scope(request, (), transport, uvicorn.Config("main:app", interface="asgi3"), {})


def test_connections_share_the_address_of_the_server_but_not_what_may_be_changed() -> None:
    first, second = scope("127.0.0.1", 8000), scope("127.0.0.1", 8000)

    assert first == second
    assert first["server"] == ("127.0.0.1", 8000)
    assert first["server"] is second["server"]
    assert first["client"] == ("127.0.0.2", 5000)
    for name in ("asgi", "headers", "subprotocols", "state", "extensions"):
        assert first[name] is not second[name]


def test_servers_have_addresses_of_their_own() -> None:
    assert scope("127.0.0.1", 8000)["server"] == ("127.0.0.1", 8000)
    assert scope("127.0.0.1", 8001)["server"] == ("127.0.0.1", 8001)
