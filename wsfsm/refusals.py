"""What the facade raises: Starlette's sentence first, then where the connection stands."""

from typing import Any, TypeVar

from wsfsm.engine import AnyEvent, Event
from wsfsm.errors import (
    ConnectionClosed,
    IllegalTransition,
    UnexpectedFrame,
    WebSocketDisconnected,
    shown,
)
from wsfsm.joint import Place, StateNode
from wsfsm.types import Message

__all__ = ["not_open", "not_received", "not_sent", "unexpected"]

E = TypeVar("E", bound=IllegalTransition)


def not_received(place: Place, event: AnyEvent) -> IllegalTransition:
    """The error for an event that the client machine refuses."""
    node = place.client
    if node.terminal:
        sentence = 'Cannot call "receive" once a disconnect message has been received.'
        return _closed(place, node, event, sentence)
    return _error(IllegalTransition, place, node, event, _expected(node, event))


def not_sent(place: Place, event: AnyEvent) -> IllegalTransition:
    """The error for an event that the application machine refuses."""
    node = place.application
    if _over(node):
        done = "a close message has been sent"
        if not node.terminal:
            done = "a disconnect message has been received"
        return _closed(place, node, event, f'Cannot call "send" once {done}.')
    return _error(IllegalTransition, place, node, event, _expected(node, event))


def not_open(place: Place) -> WebSocketDisconnected:
    """The error for asking for data where none is passed."""
    node, event = place.application, "websocket.receive"
    if not _over(node):
        sentence = 'WebSocket is not connected. Need to call "accept" first.'
        return _error(WebSocketDisconnected, place, node, event, sentence)
    return _closed(place, node, event, "WebSocket is not connected.")


def unexpected(expected: str, message: Message) -> UnexpectedFrame:
    """The error for a `message` that does not hold `expected`, ``"text"`` or ``"bytes"``."""
    payloads = [
        f"{kind} of length {len(data)}" if isinstance(data, kinds) else f"{kind}: {shown(data)}"
        for key, kind, kinds in (
            ("text", "text", str),
            ("bytes", "binary data", (bytes, bytearray, memoryview)),
        )
        if (data := message.get(key)) is not None
    ]
    came = " and ".join(payloads) or "neither text nor binary data"
    return UnexpectedFrame(
        f"Expected {expected!r} in the message, but {message['type']!r} brought {came}. "
        "The message is kept in this error, and the connection is as usable as before.",
        expected=expected,
        message=message,
    )


def _over(node: StateNode) -> bool:
    return node.terminal or not node.delivers


def _literal(event: AnyEvent) -> str:
    return event.name if isinstance(event, Event) else event


def _expected(node: StateNode, event: AnyEvent) -> str:
    *names, last = dict.fromkeys(
        f'"{_literal(allowed)}"'
        for allowed in node.allows
        if not (isinstance(allowed, Event) and allowed.informal)
    )
    expected = f"{', '.join(names)} or {last}" if names else last
    return f"Expected ASGI message {expected}, but got {_literal(event)!r}"


def _closed(place: Place, node: StateNode, event: AnyEvent, sentence: str) -> ConnectionClosed:
    end = place.ending
    told = (
        {} if end is None else {"code": end.code, "reason": end.reason, "closed_by": end.closed_by}
    )
    return _error(ConnectionClosed, place, node, event, sentence, **told)


def _error(
    kind: type[E], place: Place, node: StateNode, event: AnyEvent, sentence: str, **told: Any
) -> E:
    state = f"client {place.client.state.name}, application {place.application.state.name}"
    end = place.ending
    if end is not None:
        reason = f" {end.reason!r}" if end.reason else ""
        state += f"; the connection was ended by the {end.closed_by} with code {end.code}{reason}"
    return kind(
        f"{sentence}\nState: {state}. Allowed now: {', '.join(node.choices) or 'nothing'}.",
        machine=node.machine,
        state=node.state,
        event=str(event),
        allowed=node.choices,
        **told,
    )
