"""Explicit state machines for ASGI WebSockets."""

from wsfsm._closing import truncate_reason
from wsfsm.datastructures import URL, Address, Headers, QueryParams, State
from wsfsm.exceptions import (
    BadCoupling,
    ClientDisconnected,
    ConnectionClosed,
    ConversionError,
    DeadEnd,
    DuplicateRow,
    IllegalTransition,
    MalformedMessage,
    TableError,
    TransitionFromFinalState,
    UnexpectedFrame,
    UnknownState,
    UnreachableState,
)
from wsfsm.fsm import SAME, Coupling, Event, Machine, Node, Row, Table, in_state
from wsfsm.origins import AllowedOrigins
from wsfsm.requests import HTTPConnection
from wsfsm.tables import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT, SERVER
from wsfsm.websockets import (
    ReadyState,
    WebSocket,
    WebSocketClose,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
    asgi,
)

__all__ = [
    "AFTER_DISCONNECT",
    "AFTER_TRANSPORT_LOSS",
    "APPLICATION",
    "CLIENT",
    "SAME",
    "SERVER",
    "URL",
    "Address",
    "AllowedOrigins",
    "BadCoupling",
    "ClientDisconnected",
    "ConnectionClosed",
    "ConversionError",
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
    "ReadyState",
    "Row",
    "State",
    "Table",
    "TableError",
    "TransitionFromFinalState",
    "UnexpectedFrame",
    "UnknownState",
    "UnreachableState",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
    "asgi",
    "in_state",
    "truncate_reason",
]
