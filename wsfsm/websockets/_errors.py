"""The errors of the facade: Starlette's sentence first, then the states of the connection."""

from collections.abc import Iterable
from typing import TypeVar

from wsfsm._closing import code_fault, reason_fault
from wsfsm._text import describe
from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    UnexpectedFrame,
    WebSocketDisconnected,
)
from wsfsm.fsm import AnyEvent, Event
from wsfsm.messages import Accept
from wsfsm.types import Message
from wsfsm.websockets._joint import End, JointState, StateNode

__all__ = [
    "header_pairs",
    "no_more",
    "not_open",
    "not_received",
    "not_sent",
    "unexpected",
    "unsendable",
    "wrong_mode",
    "wrong_type",
]

E = TypeVar("E", bound=IllegalTransition)

_NO_MORE = 'Cannot call "receive" once a disconnect message has been received.'


def no_more(state: JointState, end: End | None) -> WebSocketDisconnected:
    """The error for asking for another message after the last one."""
    node, event = state.client, "websocket.receive"
    return _error(WebSocketDisconnected, state, end, node, event, _NO_MORE)


def not_received(state: JointState, end: End | None, event: AnyEvent) -> IllegalTransition:
    """The error for an event that the client machine refuses."""
    node = state.client
    if node.final:  # while this call waited, another one was given the disconnect
        return _error(ConnectionClosed, state, end, node, event, _NO_MORE)
    return _error(IllegalTransition, state, end, node, event, _expected(node, event))


def not_sent(state: JointState, end: End | None, event: AnyEvent) -> IllegalTransition:
    """The error for an event that the application machine refuses."""
    node = state.application
    if _over(node):
        done = "a close message has been sent"
        if not node.final:
            done = "a disconnect message has been received"
        sentence = f'Cannot call "send" once {done}.'
        return _error(ConnectionClosed, state, end, node, event, sentence)
    return _error(IllegalTransition, state, end, node, event, _expected(node, event))


def not_open(state: JointState, end: End | None) -> WebSocketDisconnected:
    """The error for asking for data where none is passed."""
    node, event = state.application, "websocket.receive"
    if not _over(node):
        sentence = 'WebSocket is not connected. Need to call "accept" first.'
        return _error(WebSocketDisconnected, state, end, node, event, sentence)
    sentence = "WebSocket is not connected."
    return _error(WebSocketDisconnected, state, end, node, event, sentence)


def unexpected(expected: str, message: Message) -> UnexpectedFrame:
    """The error for a `message` that does not hold `expected`, ``"text"`` or ``"bytes"``."""
    payloads = [
        f"{kind} of length {len(data)}" if isinstance(data, kinds) else f"{kind}: {describe(data)}"
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


def unsendable(state: JointState, code: object, reason: object) -> Exception | None:
    """The error for closing an open connection with what no Close frame can have, if so."""
    error: Exception
    if code is not None and (type(code) is bool or not isinstance(code, int)):
        error = wrong_type("close", "code", code, "int")
    elif reason is not None and not isinstance(reason, str):
        error = wrong_type("close", "reason", reason, "str or None")
    elif code is not None and (fault := code_fault(code)):
        error = ValueError(f"close(): 'code' {fault}; nothing was sent")
    elif reason and (fault := reason_fault(reason)):
        error = ValueError(f"close(): 'reason' {fault}; nothing was sent")
    else:
        return None
    return type(error)(f"{error}\nState: {_states(state, None)}.")


def _over(node: StateNode) -> bool:
    return node.final or not node.forwards


def _literal(event: AnyEvent) -> str:
    return event.name if isinstance(event, Event) else event


def _expected(node: StateNode, event: AnyEvent) -> str:
    *names, last = dict.fromkeys(
        f'"{_literal(allowed)}"'
        for allowed in node.events
        if not (isinstance(allowed, Event) and not allowed.is_message)
    )
    expected = f"{', '.join(names)} or {last}" if names else last
    return f"Expected ASGI message {expected}, but got {_literal(event)!r}"


def _error(  # noqa: PLR0913 - all that an error shows
    kind: type[E],
    state: JointState,
    end: End | None,
    node: StateNode,
    event: AnyEvent,
    sentence: str,
) -> E:
    ended = {}
    if end is not None and issubclass(kind, WebSocketDisconnected):
        ended = {"code": end.code, "reason": end.reason, "closed_by": end.closed_by}
    return kind(
        f"{sentence}\nState: {_states(state, end)}. Allowed now: {', '.join(node.allowed) or 'nothing'}.",
        machine=node.machine,
        state=node.state,
        event=str(event),
        allowed=node.allowed,
        **ended,
    )


def _states(state: JointState, end: End | None) -> str:
    text = f"client {state.client.state.name}, application {state.application.state.name}"
    if end is None:
        return text
    reason = f" {end.reason!r}" if end.reason else ""
    return f"{text}; the connection was ended by the {end.closed_by} with code {end.code}{reason}"


def wrong_type(call: str, name: str, value: object, expected: str) -> TypeError:
    """The error for a `value` of the wrong type, passed to the method `call` as `name`."""
    return TypeError(
        f"{call}() takes {expected} as {name!r}, got {describe(value)}; nothing was sent"
    )


def header_pairs(call: str, headers: Iterable[Iterable[bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers as a list.

    Raises:
        TypeError: `headers`, passed to the method `call`, are not pairs of bytes.
    """
    try:
        return list(Accept(headers=headers).headers)
    except MalformedMessage:
        raise wrong_type(call, "headers", headers, "pairs of bytes") from None


def wrong_mode(mode: str) -> RuntimeError:
    """The error for a `mode` that is not that of text or binary messages."""
    return RuntimeError(f'The "mode" argument should be "text" or "binary".\nIt is {mode!r}.')
