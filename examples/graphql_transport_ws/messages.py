"""The messages of the client, and the events that they are."""

import json
from collections.abc import Container
from typing import Any, TypeAlias

from graphql_transport_ws.tables import AGAIN, FIRST, INVALID
from wsfsm import Event

Message: TypeAlias = dict[str, Any]


def parse(data: str | bytes) -> Message:
    """Return the message; an empty one if it is not specified in PROTOCOL.md."""
    try:
        message: Any = json.loads(data) if isinstance(data, str) else None
    except ValueError:
        return {}
    match message:
        case {"type": "connection_init" | "ping" | "pong" as kind} if _has(message, payload=dict):
            return {"type": kind, "payload": message.get("payload")}
        case {"type": "complete", "id": str(id_)} if id_:
            return {"type": "complete", "id": id_}
        case {"type": "subscribe", "id": str(id_), "payload": {"query": str()} as payload} if (
            id_ and _has(payload, operationName=str, variables=dict, extensions=dict)
        ):
            return {"type": "subscribe", "id": id_, "payload": payload}
    return {}


def _has(message: Message, **optional: type) -> bool:
    """Whether each optional key is missing, null or of its type."""
    return all(isinstance(message.get(key), (kind, type(None))) for key, kind in optional.items())


def event_of(message: Message, active: Container[str]) -> str | Event:
    """Return the event of a message, if operations with these ids are active."""
    match message:
        case {"type": "subscribe", "id": id_}:
            return AGAIN if id_ in active else FIRST
        case {"type": str(event)}:
            return event
    return INVALID
