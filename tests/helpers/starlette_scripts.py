"""One script of calls on Starlette's WebSocket and on ours, and the comparison of their outcomes."""

import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import attrs
import starlette.websockets

import wsfsm.websockets
from helpers.asgi import Server, run, scope
from wsfsm.types import Message

STARLETTE: ModuleType = starlette.websockets
WSFSM: ModuleType = wsfsm.websockets


class Nothing(Exception):
    """The server has nothing to deliver."""


class PatientServer(Server):
    """A server whose receive() raises where it would wait forever."""

    async def receive(self) -> Message:
        if not self.incoming:
            raise Nothing
        return await super().receive()


@attrs.frozen
class Seen:
    """The outcome of a call: its result, both states, and the messages that reached the server."""

    result: str
    client: str
    application: str
    sent: tuple[Any, ...]
    left: int
    error: BaseException | None = attrs.field(default=None, eq=False)

    def __str__(self) -> str:
        sent = ", ".join(message["type"] for message in self.sent) or "nothing"
        return f"{self.result} | {self.client}/{self.application} | sent {sent}"


@attrs.frozen
class Call:
    """A call of a method of the WebSocket.

    Attributes:
        method: Name of the method; a name that starts with ``iter`` is iterated once.
        args: Its positional arguments.
        incoming: Messages that the server has to deliver from now on.
        failing: Whether the server's send raises OSError during the call.
    """

    method: str
    args: tuple[Any, ...] = ()
    incoming: tuple[Message, ...] = ()
    failing: bool = False

    def __str__(self) -> str:
        failing = " while send() fails" if self.failing else ""
        return f"{self.method}{self.args!r} with {list(self.incoming)!r}{failing}"


class Session:
    """One connection on the class of one library."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library
        self.server = PatientServer()
        self.websocket = library.WebSocket(scope(), self.server.receive, self.server.send)

    @property
    def states(self) -> tuple[str, str]:
        return self.websocket.client_state.name, self.websocket.application_state.name

    def do(self, call: Call) -> Seen:
        self.server.incoming += [dict(message) for message in call.incoming]
        self.server.failing = OSError("gone") if call.failing else None
        before = len(self.server.sent)
        error: BaseException | None = None
        try:
            result = f"returns {run(self._call(call))!r}"
        except Exception as caught:  # noqa: BLE001 - whatever it is, it is compared
            error = caught
            result = self._told(caught)
        sent = tuple(self.server.sent[before:])
        return Seen(result, *self.states, sent, len(self.server.incoming), error)

    async def _call(self, call: Call) -> Any:
        method = getattr(self.websocket, call.method)
        if call.method.startswith("iter"):
            return await anext(method(*call.args), "the end")
        return await method(*call.args)

    def _told(self, error: Any) -> str:
        if type(error) is self.library.WebSocketDisconnect:
            return f"raises WebSocketDisconnect {error.code!r} {error.reason!r}"
        first = str(error).partition("\n")[0]
        return f"raises {type(error).__name__}: {first}"


def same_family(theirs: BaseException | None, ours: BaseException | None) -> bool:
    """Whether code that catches their error catches ours."""
    if theirs is None or ours is None:
        return theirs is ours
    return isinstance(ours, getattr(WSFSM, type(theirs).__name__, type(theirs)))


def agree(theirs: Seen, ours: Seen) -> bool:
    """Whether two observations are the same for all that a drop-in promises."""
    if not same_family(theirs.error, ours.error):
        return False
    if theirs.error is None:
        return theirs == ours
    # a subclass of the expected family is fine; its sentence is compared, its name is not
    plain = [
        attrs.evolve(s, result=re.sub(r"^raises \w+:", "raises:", s.result)) for s in (theirs, ours)
    ]
    return plain[0] == plain[1]


def first_difference(
    calls: Sequence[Call],
) -> tuple[Call, tuple[str, str], Seen, Seen] | None:
    """Run the calls on both classes in step, up to the first call that shows a difference."""
    theirs, ours = Session(STARLETTE), Session(WSFSM)
    for call in calls:
        states = theirs.states
        seen = theirs.do(call), ours.do(call)
        if not agree(*seen):
            return call, states, *seen
    return None


def explains(
    row: Mapping[str, Any], call: Call, states: tuple[str, str], theirs: Seen, ours: Seen
) -> bool:
    """Whether a row of specs/starlette.toml says that this difference is meant."""
    when = row["when"]
    return (
        re.fullmatch(when.get("call", ".*"), call.method) is not None
        and re.fullmatch(when.get("states", ".*"), "/".join(states)) is not None
        and bool(when.get("failing", call.failing)) == call.failing
        and re.fullmatch(when["starlette"], str(theirs)) is not None
        and re.fullmatch(when["wsfsm"], str(ours)) is not None
    )
