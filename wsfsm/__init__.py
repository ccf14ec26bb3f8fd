"""Explicit state machines for ASGI WebSockets."""

from wsfsm.closing import truncate_reason
from wsfsm.datastructures import URL, Address, Headers, QueryParams, State
from wsfsm.engine import Coupling, Event, Machine, Node, Row, Table
from wsfsm.errors import (
    BadCoupling,
    ClientDisconnected,
    ConnectionClosed,
    DeadEnd,
    DuplicateRow,
    IllegalTransition,
    MalformedMessage,
    RowOutOfTerminalState,
    TableError,
    UnexpectedFrame,
    UnknownState,
    UnreachableState,
)
from wsfsm.requests import HTTPConnection
from wsfsm.tables import APPLICATION, CLIENT, CLIENT_GONE, SERVER, TRANSPORT_LOST
from wsfsm.websockets import (
    WebSocket,
    WebSocketClose,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
)

__all__ = [
    "APPLICATION",
    "CLIENT",
    "CLIENT_GONE",
    "SERVER",
    "TRANSPORT_LOST",
    "URL",
    "Address",
    "BadCoupling",
    "ClientDisconnected",
    "ConnectionClosed",
    "Coupling",
    "DeadEnd",
    "DuplicateRow",
    "Event",
    "HTTPConnection",
    "Headers",
    "IllegalTransition",
    "Machine",
    "MalformedMessage",
    "Node",
    "QueryParams",
    "Row",
    "RowOutOfTerminalState",
    "State",
    "Table",
    "TableError",
    "UnexpectedFrame",
    "UnknownState",
    "UnreachableState",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
    "truncate_reason",
]
