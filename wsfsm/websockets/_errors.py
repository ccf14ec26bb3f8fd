"""The errors of the facade: Starlette's sentence first, then the states and what is allowed."""

from collections.abc import Iterable
from typing import Final, TypeVar

import attrs

from wsfsm._closing import code_fault, reason_fault
from wsfsm._text import describe
from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    UnexpectedFrame,
    WebSocketDisconnect,
    WebSocketDisconnected,
    explained,
)
from wsfsm.fsm import AnyEvent, Event
from wsfsm.messages import Accept
from wsfsm.types import Message
from wsfsm.websockets._joint import End, JointState, StateNode

__all__ = [
    "WSFSM",
    "ErrorFamily",
    "accept_headers",
    "header_pairs",
    "states",
    "unexpected",
    "unsendable",
    "wrong_mode",
    "wrong_type",
]

E = TypeVar("E", bound=IllegalTransition)

_NO_MORE = 'Cannot call "receive" once a disconnect message has been received.'


@attrs.frozen
class ErrorFamily:
    """The classes of the errors about a connection that is not open.

    An integration replaces them by subclasses that a framework's ``except`` clauses catch too.

    Attributes:
        disconnect: The end of the connection.
        disconnected: A use of a WebSocket that is not connected.
        closed: A use of the connection after its end.
        ends: All that may report the end, also the classes of the framework.
    """

    disconnect: type[WebSocketDisconnect]
    disconnected: type[WebSocketDisconnected]
    closed: type[ConnectionClosed]
    ends: tuple[type[Exception], ...] = (WebSocketDisconnect, WebSocketDisconnected)

    def no_more(self, joint: JointState, end: End | None) -> WebSocketDisconnected:
        """Make the error for asking for another message after the disconnect."""
        return _refusal(
            self.disconnected, joint, end, joint.client, "websocket.receive", sentence=_NO_MORE
        )

    def not_received(
        self, joint: JointState, end: End | None, event: AnyEvent
    ) -> IllegalTransition:
        """Make the error for an event that the client machine refuses."""
        node = joint.client
        if node.final:  # while this call waited, another one received the disconnect
            return _refusal(self.closed, joint, end, node, event, sentence=_NO_MORE)
        return _refusal(IllegalTransition, joint, end, node, event)

    def not_sent(self, joint: JointState, end: End | None, event: AnyEvent) -> IllegalTransition:
        """Make the error for an event that the application machine refuses."""
        node = joint.application
        if not _is_over(node):
            return _refusal(IllegalTransition, joint, end, node, event)
        done = (
            "close message has been sent" if node.final else "disconnect message has been received"
        )
        sentence = f'Cannot call "send" once a {done}.'
        return _refusal(self.closed, joint, end, node, event, sentence=sentence)

    def not_open(self, joint: JointState, end: End | None) -> WebSocketDisconnected:
        """Make the error for asking for data before the accept, or after the close."""
        node = joint.application
        sentence = "WebSocket is not connected."
        if not _is_over(node):
            sentence += ' Need to call "accept" first.'
        return _refusal(self.disconnected, joint, end, node, "websocket.receive", sentence=sentence)


WSFSM: Final = ErrorFamily(WebSocketDisconnect, WebSocketDisconnected, ConnectionClosed)
"""The classes of `wsfsm.exceptions`."""


def unexpected(expected: str, message: Message) -> UnexpectedFrame:
    """Make the error for a `message` that does not hold `expected`, ``"text"`` or ``"bytes"``."""
    payloads = [
        f"{kind} of length {len(data)}"
        if isinstance(data, types)
        else f"{kind} of the wrong type, {describe(data)}"
        for key, kind, types in (
            ("text", "text", str),
            ("bytes", "binary data", (bytes, bytearray, memoryview)),
        )
        if (data := message.get(key)) is not None
    ]
    found = " and ".join(payloads) or "neither text nor binary data"
    return UnexpectedFrame(
        f"Expected {expected!r} in the message, but {message['type']!r} has {found}. "
        "The connection is still usable, and the message is in the attribute 'message' of this error.",
        expected=expected,
        message=message,
    )


def unsendable(
    joint: JointState, code: object, reason: object, *, call: str = "close"
) -> Exception | None:
    """Make the error for closing with a code or a reason that no Close frame can have, if so."""
    error: Exception
    if code is not None and (type(code) is bool or not isinstance(code, int)):
        error = wrong_type(call, "code", code, "int")
    elif reason is not None and not isinstance(reason, str):
        error = wrong_type(call, "reason", reason, "str or None")
    elif code is not None and (fault := code_fault(code)):
        error = ValueError(f"{call}(): 'code' {fault}; nothing was sent")
    elif reason and (fault := reason_fault(reason)):
        error = ValueError(f"{call}(): 'reason' {fault}; nothing was sent")
    else:
        return None
    return explained(type(error)(f"{error}\n{states(joint)}."), "close-code")


def _is_over(node: StateNode) -> bool:
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


def _refusal(  # noqa: PLR0913 - all that the error shows
    kind: type[E],
    joint: JointState,
    end: End | None,
    node: StateNode,
    event: AnyEvent,
    *,
    sentence: str | None = None,
) -> E:
    allowed = (
        f"allowed now: {', '.join(node.allowed)}" if node.allowed else "nothing is allowed now"
    )
    text = f"{sentence or _expected(node, event)}\n{states(joint)}; {allowed}."
    keys = {}
    if end is not None:
        reason = f" {end.reason!r}" if end.reason else ""
        text += f" The connection was ended by the {end.closed_by} with code {end.code}{reason}."
        if issubclass(kind, WebSocketDisconnected):
            keys = {"code": end.code, "reason": end.reason, "closed_by": end.closed_by}
    return kind(
        text,
        machine=node.machine,
        state=node.state,
        event=str(event),
        allowed=node.allowed,
        **keys,
    )


def states(joint: JointState) -> str:
    """Write the states of both machines, without a full stop."""
    client, application = joint.client.state.name, joint.application.state.name
    return f"The client is {client} and the application is {application}"


def wrong_type(call: str, name: str, value: object, expected: str) -> TypeError:
    """Make the error for a `value` of the wrong type, passed to the method `call` as `name`."""
    return explained(
        TypeError(
            f"{call}(): {name!r} must be {expected}, got {describe(value)}; nothing was sent"
        ),
        "wrong-argument",
    )


def header_pairs(call: str, headers: Iterable[Iterable[bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers as a list.

    Raises:
        TypeError: `headers`, passed to the method `call`, are not pairs of bytes.
    """
    try:
        return list(Accept(headers=headers).headers)
    except MalformedMessage:
        raise wrong_type(call, "headers", headers, "pairs of bytes") from None


def accept_headers(
    subprotocol: object, headers: Iterable[Iterable[bytes]] | None
) -> list[tuple[bytes, bytes]]:
    """Check the arguments of `accept`, and return its headers as a list.

    Raises:
        TypeError: One of them is of the wrong type.
    """
    if subprotocol is not None and not isinstance(subprotocol, str):
        raise wrong_type("accept", "subprotocol", subprotocol, "str or None")
    return [] if headers is None else header_pairs("accept", headers)


def wrong_mode(mode: str) -> RuntimeError:
    """Make the error for a `mode` that is not that of text or binary messages."""
    return explained(
        RuntimeError(f'The "mode" argument should be "text" or "binary".\nGot {mode!r}.'),
        "wrong-argument",
    )
