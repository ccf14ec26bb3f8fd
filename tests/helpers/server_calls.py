"""Messages, commands and connections for tests of the core, call by call."""

from typing import Any

from helpers.wire import HEADERS
from wsfsm.server import Policies, ServerConnection
from wsfsm.server.commands import (
    CloseTransport,
    StartTimer,
    StopTimer,
    Timer,
)

ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": "x"}
CLOSE = {"type": "websocket.close"}
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"
QUIET = [StopTimer(Timer.PING), StopTimer(Timer.PONG)]
LINGER = [CloseTransport(), StartTimer(Timer.CLOSE, 10.0)]


def asked(**choices: Any) -> ServerConnection:
    """Make a connection that has received its request."""
    connection = ServerConnection(Policies(**choices))
    connection.receive_request("GET", HEADERS)
    return connection


def left(connection: ServerConnection) -> Any:
    """Return the disconnect, the last message for the application."""
    while (message := connection.next_message()) is not None:
        if message["type"] == "websocket.disconnect":
            return message
    return None


def start(status: int = 404, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": START, "status": status, "headers": headers}


def body(part: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": BODY, "body": part, "more_body": more}
