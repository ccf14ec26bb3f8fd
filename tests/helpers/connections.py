"""WebSockets in the states that tests begin with, and the messages that bring them there."""

from collections.abc import Iterable
from typing import Any

from helpers.asgi import Server, run, scope
from wsfsm.types import Message
from wsfsm.websockets import WebSocket

CONNECT = {"type": "websocket.connect"}
TEXT = {"type": "websocket.receive", "text": "hello"}
BINARY = {"type": "websocket.receive", "bytes": b"\x00\xff"}
BYE = {"type": "websocket.disconnect", "code": 4001, "reason": "bye"}
ACCEPT: Message = {"type": "websocket.accept", "subprotocol": None, "headers": []}
START = {"type": "websocket.http.response.start", "status": 401, "headers": []}
BODY = {"type": "websocket.http.response.body", "body": b"no"}
MORE = {**BODY, "more_body": True}
CLOSE: Message = {"type": "websocket.close", "code": 1000, "reason": ""}

LAST = {"type": "websocket.http.response.body", "body": b"", "more_body": False}
FAILED = {**CLOSE, "code": 1011}
PLAIN = (b"content-type", b"text/plain; charset=utf-8")

NEED_ACCEPT = 'WebSocket is not connected. Need to call "accept" first.'
AFTER_DISCONNECT = 'Cannot call "receive" once a disconnect message has been received.'
AFTER_CLOSE = 'Cannot call "send" once a close message has been sent.'


def connection(*incoming: Message | Exception, **keys: Any) -> tuple[WebSocket, Server]:
    server = Server(incoming)
    return WebSocket(scope(**keys), server.receive, server.send), server


def accepted(*incoming: Message | Exception) -> tuple[WebSocket, Server]:
    websocket, server = connection(CONNECT, *incoming)
    run(websocket.accept())
    server.sent.clear()
    return websocket, server


def having_sent(*messages: Message, **keys: Any) -> tuple[WebSocket, Server]:
    """A connection whose application has sent these messages."""
    websocket, server = connection(CONNECT, **keys)
    for message in messages:
        run(websocket.send(message))
    server.sent.clear()
    return websocket, server


def left(*, code: int = 4001, reason: str = "bye") -> tuple[WebSocket, Server]:
    """A connection whose client has left, which the application knows."""
    websocket, server = accepted({"type": "websocket.disconnect", "code": code, "reason": reason})
    run(websocket.receive())
    return websocket, server


def length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def denial(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"") -> list[Message]:
    """The messages of a denial response."""
    return [{**START, "status": status, "headers": [*headers]}, {**LAST, "body": body}]


def states(websocket: WebSocket) -> tuple[str, str]:
    return websocket.client_state.name, websocket.application_state.name


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
