"""What the facade raises: Starlette's sentence first, then where the connection stands."""

from typing import Any, Self, TypeAlias, TypeVar

import attrs

from wsfsm.engine import AnyEvent, Event, Node
from wsfsm.errors import (
    ClosedBy,
    ConnectionClosed,
    IllegalTransition,
    UnexpectedFrame,
    WebSocketDisconnected,
)
from wsfsm.states import WebSocketState
from wsfsm.tables import OPEN
from wsfsm.types import Message

__all__ = ["Ending", "Standing", "not_open", "refused", "unexpected"]

StateNode: TypeAlias = Node[WebSocketState]
E = TypeVar("E", bound=IllegalTransition)


@attrs.frozen
class Ending:
    """How a connection ended: with which close code and reason, and by whom."""

    code: int
    reason: str
    closed_by: ClosedBy

    @classmethod
    def by_application(cls, message: Message) -> Self:
        """The ending that the application's last `message` brings."""
        # Close: 1000 by default. The client of a denial response sees no Close frame: 1006
        default = 1000 if message["type"] == "websocket.close" else 1006
        return cls._told(message, default, "application")

    @classmethod
    def by_disconnect(cls, message: Message) -> Self:
        """The ending that a ``websocket.disconnect`` tells."""
        # Disconnect: 1005 stands for a Close frame without a code
        return cls._told(message, 1005, "client")

    @classmethod
    def _told(cls, message: Message, default: int, closed_by: ClosedBy) -> Self:
        # missing and None mean the same: some servers write one, some the other
        code, reason = message.get("code"), message.get("reason")
        return cls(default if code is None else code, reason or "", closed_by)

    def __str__(self) -> str:
        reason = f" {self.reason!r}" if self.reason else ""
        return f"ended by the {self.closed_by} with code {self.code}{reason}"


@attrs.frozen
class Standing:
    """Where a connection stands: the nodes of its two machines, and how it ended if it did."""

    client: StateNode
    application: StateNode
    ending: Ending | None

    def __str__(self) -> str:
        ended = f"; the connection was {self.ending}" if self.ending else ""
        return f"client {self.client.state.name}, application {self.application.state.name}{ended}"


def _error(
    kind: type[E],
    standing: Standing,
    node: StateNode,
    event: AnyEvent,
    sentence: str,
    **ending: Any,
) -> E:
    allowed = ", ".join(node.choices) or "nothing"
    return kind(
        f"{sentence}\nState: {standing}. Allowed now: {allowed}.",
        machine=node.machine,
        state=node.state,
        event=str(event),
        allowed=node.choices,
        **ending,
    )


def _over(node: StateNode) -> bool:
    return node.terminal or not node.delivers


def _closed(
    standing: Standing, node: StateNode, event: AnyEvent, sentence: str
) -> ConnectionClosed:
    ending = {} if standing.ending is None else attrs.asdict(standing.ending)
    return _error(ConnectionClosed, standing, node, event, sentence, **ending)


def refused(standing: Standing, node: StateNode, event: AnyEvent, method: str) -> IllegalTransition:
    """The error for an `event` that `node` refuses in `receive` or `send`, the `method`."""
    if _over(node):
        closed = method == "send" and node.terminal
        done = (
            "a close message has been sent" if closed else "a disconnect message has been received"
        )
        return _closed(standing, node, event, f'Cannot call "{method}" once {done}.')
    *names, last = dict.fromkeys(
        f'"{event.name if isinstance(event, Event) else event}"'
        for event in node.allows
        if not (isinstance(event, Event) and event.informal)
    )
    expected = f"{', '.join(names)} or {last}" if names else last
    came = event.name if isinstance(event, Event) else event
    sentence = f"Expected ASGI message {expected}, but got {came!r}"
    return _error(IllegalTransition, standing, node, event, sentence)


def not_open(standing: Standing) -> WebSocketDisconnected:
    """The error for asking for data while data is not passed."""
    node, event = standing.application, "websocket.receive"
    if not _over(node):
        return _error(
            WebSocketDisconnected,
            standing,
            node,
            event,
            'WebSocket is not connected. Need to call "accept" first.',
        )
    if node.state is OPEN.state:
        sentence = 'Cannot call "receive" once a disconnect message has been received.'
    else:
        sentence = "WebSocket is not connected."
    return _closed(standing, node, event, sentence)


def unexpected(expected: str, message: Message) -> UnexpectedFrame:
    """The error for a `message` that does not hold `expected`, ``"text"`` or ``"bytes"``."""
    payloads = [
        f"{kind} of length {len(data)}"
        for key, kind in (("text", "text"), ("bytes", "binary data"))
        if (data := message.get(key)) is not None
    ]
    came = " and ".join(payloads) or "neither text nor binary data"
    return UnexpectedFrame(
        f"Expected {expected!r} in the message, but {message['type']!r} brought {came}. "
        "The message is kept in this error, and the connection is as usable as before.",
        expected=expected,
        message=message,
    )
