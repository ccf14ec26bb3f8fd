"""The trace of a connection: every message in both directions, with the states after it."""

import reprlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from wsfsm._text import describe, printable
from wsfsm.exceptions import MalformedMessage
from wsfsm.tables.events import LOST, event_of
from wsfsm.types import Message
from wsfsm.websockets._joint import PRODUCT, JointState

__all__ = ["Trace"]

_SHOWN: Final = 60  # lines, of which the last ones say most
_repr: Final = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80
_repr.maxlist = _repr.maxtuple = 10


@attrs.frozen
class _Line:
    who: str
    did: str
    states: str = ""


class Trace:
    """What has happened on a connection, in order.

    Attributes:
        joint: The states of both machines, as they follow from the messages.
    """

    def __init__(self) -> None:
        self.joint: JointState = PRODUCT.initial
        self._lines: list[_Line] = []

    def note(self, who: str, did: str) -> None:
        """Add a line about an event that is not a message of ASGI."""
        self._lines.append(_Line(who, did))

    def received(self, message: Message) -> None:
        """Add a message that the application has received."""
        self._enter(self.joint.on_receive, message)
        self._add("application receives", message)

    def sent(self, message: Message) -> None:
        """Add a message that the application has sent, and that the server has taken."""
        self._enter({**self.joint.on_send, **self.joint.on_event}, message)
        self._add("application sends", message)

    def lost(self, message: Any, error: Exception) -> None:
        """Add a message whose send has raised an `OSError`."""
        self.joint = self.joint.on_event[LOST]
        self._add("application sends", message, error)

    def refused(self, message: Any, error: Exception) -> None:
        """Add a message that was refused, which changes nothing."""
        self._add("application sends", message, error)

    def _enter(self, moves: Mapping[Any, JointState], message: Message) -> None:
        # a message that the tables refuse changes nothing; the server reports it
        self.joint = moves.get(event_of(message), self.joint)

    def _add(self, who: str, message: Any, error: Exception | None = None) -> None:
        did = _told(message)
        if error is not None:
            did += f", which raises {type(error).__name__}"
        self._lines.append(_Line(who, did, self.states))

    @property
    def states(self) -> str:
        """The states of the client machine and the application machine."""
        return f"{self.joint.client.state.name}/{self.joint.application.state.name}"

    def __str__(self) -> str:
        left_out = len(self._lines) - _SHOWN
        lines = [f"({left_out} earlier lines)"] if left_out > 0 else []
        shown = [
            (f"{line.who} {line.did}".replace("\n", "\n    "), line.states)
            for line in self._lines[-_SHOWN:]
        ]
        width = max((len(part) for text, _ in shown for part in text.splitlines()), default=0)
        lines += [f"{text:{min(width, 80)}}  {states}".rstrip() for text, states in shown]
        return "\n".join(
            ["Trace (client machine/application machine):", *(f"  {line}" for line in lines)]
        )


def _told(message: Any) -> str:
    try:
        event_of(message)
    except MalformedMessage:
        return describe(message)
    rest = [f"{key}={_repr.repr(value)}" for key, value in message.items() if key != "type"]
    return printable(" ".join([message["type"], *rest]))
