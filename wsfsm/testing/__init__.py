"""A client for the tests of ASGI applications and handlers, in the event loop of the test.

    async with connect(application, "/chat") as client:
        await client.send_text("hello")
        assert await client.receive_text() == "you said hello"

``docs/testing.md`` is the guide.
"""

from wsfsm.testing._client import Client
from wsfsm.testing._connect import connect
from wsfsm.testing._failures import ClientDenied, ClientFailure, ClientTimeout, ConnectionEnded
from wsfsm.testing._lifespan import lifespan
from wsfsm.testing._profiles import SERVERS, ServerProfile
from wsfsm.testing._request import make_scope
from wsfsm.testing._server import Accepted, Closed, Denied
from wsfsm.testing._websocket_in import websocket_in

__all__ = [
    "SERVERS",
    "Accepted",
    "Client",
    "ClientDenied",
    "ClientFailure",
    "ClientTimeout",
    "Closed",
    "ConnectionEnded",
    "Denied",
    "ServerProfile",
    "connect",
    "lifespan",
    "make_scope",
    "websocket_in",
]
