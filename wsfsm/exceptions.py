"""The exceptions of wsfsm.

- `TableError` (`ValueError`): a table that cannot be declared, one class per fault
    - `UnknownState`, `DuplicateRow`, `TransitionFromFinalState`, `UnreachableState`, `DeadEnd`,
      `BadCoupling`, `ConversionError`
- `IllegalTransition` (`RuntimeError`): an event that its table refuses
    - `WebSocketDisconnected`: a use of a WebSocket that is not connected
        - `ConnectionClosed` (also `WebSocketDisconnect`): the connection is over
- `WebSocketDisconnect`: the end of the connection
- `MalformedMessage` (`RuntimeError`, `ValueError`): an ASGI message with a wrong or missing key
- `UnexpectedFrame` (`KeyError`): a text where bytes were expected, or the reverse
- `ClientDisconnected` (`OSError`): raised by a server's ``send()`` once the connection is over

Each of them is `Explained`: it has the name of its section in ``docs/errors.md``, and a traceback says how to read it.

Each ``__init__`` calls the ``__init__`` of its bases by name and not by ``super()``, because some
built-in exceptions have an ``__init__`` of their own only in some versions of Python, so the next class
of the MRO may not be a base of the caller. All of them can be copied and pickled, including subclasses
whose ``__init__`` takes other arguments.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

__all__ = [
    "BadCoupling",
    "ClientDisconnected",
    "ClosedBy",
    "ConnectionClosed",
    "ConversionError",
    "DeadEnd",
    "DuplicateRow",
    "Explained",
    "IllegalTransition",
    "MalformedMessage",
    "TableError",
    "TransitionFromFinalState",
    "UnexpectedFrame",
    "UnknownState",
    "UnreachableState",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "explained",
]

E = TypeVar("E", bound=BaseException)

ClosedBy: TypeAlias = Literal["application", "client", "transport"]
"""The side that ended a connection: the application, by its close or denial response; the client, as
the server's ``websocket.disconnect`` reports; or the transport, which failed during a send."""


def _builtin(kind: type[BaseException]) -> Any:
    """Find the built-in base class that defines the memory layout of an exception."""
    base: Any = kind
    while base.__module__ != "builtins":
        base = base.__base__
    return base


def _rebuild(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Create an exception without calling its own ``__init__``; pickle restores its attributes."""
    builtin = _builtin(kind)
    error: BaseException = builtin.__new__(kind, *args)
    builtin.__init__(error, *args)
    return error


def _reduce(error: BaseException) -> tuple[Any, ...]:
    """Implement ``__reduce__`` for exceptions whose ``__init__`` takes more than their ``args``."""
    args = _builtin(type(error)).__reduce__(error)[1]
    state = object.__getstate__(error)
    if isinstance(state, tuple):  # a subclass with __slots__
        state = {**(state[0] or {}), **state[1]}
    return _rebuild, (type(error), args), state


def _note(topic: str) -> str:
    # not an address, because the documentation comes with the package, for the version that runs
    return f"Run `wsfsm error {topic}` for an explanation."


def explained(error: E, topic: str) -> E:
    """Add the note of a section in the documentation to an error of another class, and return it."""
    error.add_note(_note(topic))
    return error


class Explained:
    """An exception that has a section in the documentation, which its traceback names.

    Attributes:
        topic: Name of the section. ``wsfsm error TOPIC`` shows it.
    """

    __slots__ = ()

    topic: str

    @property
    def __notes__(self) -> list[str]:
        # made when the traceback is printed or a note is added, so that raising costs nothing
        notes: list[str] = vars(self).setdefault("__notes__", [_note(self.topic)])
        return notes

    @__notes__.setter
    def __notes__(self, notes: list[str]) -> None:
        vars(self)["__notes__"] = notes


class TableError(Explained, ValueError):
    """A table is refused when it is declared; the text names the table and the row."""

    topic = "table"


class UnknownState(TableError):
    """A row, the initial state or a final state is not among the table's states."""

    topic = "unknown-state"


class DuplicateRow(TableError):
    """A state, or an event of one state, is declared twice."""

    topic = "duplicate-row"


class TransitionFromFinalState(TableError):
    """A row leaves a state that is declared as final."""

    topic = "transition-from-final-state"


class UnreachableState(TableError):
    """No sequence of events leads from the initial state to this state."""

    topic = "unreachable-state"


class DeadEnd(TableError):
    """No sequence of events leads from this state to a final state, or no event is allowed in it."""

    topic = "dead-end"


class BadCoupling(TableError):
    """A coupling names a machine or an event that does not exist."""

    topic = "bad-coupling"


class ConversionError(TableError):
    """A machine of another package, or a document, cannot become a `Machine`.

    Attributes:
        reasons: Everything that cannot be converted; the text has the first reasons.
    """

    topic = "conversion"

    def __init__(self, text: str = "", *, reasons: tuple[str, ...] = ()) -> None:
        TableError.__init__(self, text)
        self.reasons = reasons

    __reduce__ = _reduce


_REFUSED: Final[Mapping[str, str]] = {
    "websocket.accept": "accept-twice",
    "websocket.close": "close-during-denial",
    "websocket.http.response.body": "body-without-denial",
    "websocket.http.response.start": "denial",
    "websocket.send": "send-without-accept",
}
"""The section about each message of an application that is refused."""


class IllegalTransition(Explained, RuntimeError):
    """The table refuses an event in the current state; nothing has changed.

    Attributes:
        machine: Name of the machine that refused, for example ``"application"``.
        state: Its state, which has not changed.
        event: Name of the refused event.
        allowed: Names of the messages that are allowed now, in the table's order.
    """

    def __init__(
        self,
        text: str = "",
        *,
        machine: str = "",
        state: Hashable = None,
        event: str = "",
        allowed: tuple[str, ...] = (),
    ) -> None:
        RuntimeError.__init__(self, text)
        self.machine = machine
        self.state = state
        self.event = event
        self.allowed = allowed

    __reduce__ = _reduce

    @property
    def topic(self) -> str:  # type: ignore[override]  # it depends on the event
        """Name of the section in the documentation that explains the error."""
        match self.machine:
            case "client":
                return "server-order"
            case "application":
                return _REFUSED.get(self.event.partition(" ")[0], "wrong-message")
            case "server":
                return _REFUSED.get(self.event.partition(" ")[0], "server-event")
        return "refused-event"


class WebSocketDisconnected(IllegalTransition):
    """The WebSocket is not connected yet, or not any more.

    Attributes:
        code: Close code with which the connection ended; None if it has not ended.
        reason: Close reason, an empty string when there is none.
        closed_by: The side that ended the connection; None if it has not ended.
    """

    def __init__(  # noqa: PLR0913 - the attributes of its base, and its own
        self,
        text: str = "",
        *,
        code: int | None = None,
        reason: str = "",
        closed_by: ClosedBy | None = None,
        machine: str = "",
        state: Hashable = None,
        event: str = "",
        allowed: tuple[str, ...] = (),
    ) -> None:
        IllegalTransition.__init__(
            self, text, machine=machine, state=state, event=event, allowed=allowed
        )
        self.code = code
        self.reason = reason
        self.closed_by = closed_by

    @property
    def topic(self) -> str:  # type: ignore[override]  # as in its base
        """Name of the section in the documentation that explains the error."""
        return "receive-before-accept" if self.code is None else "receive-after-end"


class WebSocketDisconnect(Explained, Exception):
    """The connection has ended.

    Attributes:
        code: Close code (RFC 6455 7.4.1); 1005 when the Close frame had none, 1006 when
            there was no Close frame.
        reason: Close reason, an empty string when there is none.
    """

    topic = "disconnect"

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason = reason or ""
        self.args = (code, reason)

    __reduce__ = _reduce


class ConnectionClosed(WebSocketDisconnected, WebSocketDisconnect):
    """The connection is used after its end. You can catch it as either of its bases.

    Attributes:
        code: Close code with which the connection ended.
        reason: Close reason, an empty string when there is none.
        closed_by: The side that ended the connection.
    """

    code: int
    closed_by: ClosedBy

    def __init__(  # noqa: PLR0913 - the attributes of both bases
        self,
        text: str = "",
        *,
        code: int = 1006,
        reason: str = "",
        closed_by: ClosedBy = "transport",
        machine: str = "",
        state: Hashable = None,
        event: str = "",
        allowed: tuple[str, ...] = (),
    ) -> None:
        # this base comes first, or str() of the error would be the code
        WebSocketDisconnect.__init__(self, code, reason)
        WebSocketDisconnected.__init__(
            self,
            text,
            code=code,
            reason=reason,
            closed_by=closed_by,
            machine=machine,
            state=state,
            event=event,
            allowed=allowed,
        )

    @property
    def topic(self) -> str:  # type: ignore[override]  # as in its bases
        """Name of the section in the documentation that explains the error."""
        return "receive-after-end" if self.machine == "client" else "send-after-end"


class MalformedMessage(Explained, RuntimeError, ValueError):
    """An ASGI message lacks a key, or has a value of the wrong type or one that cannot be sent.

    Attributes:
        key: The wrong or missing key.
        message: The message, unchanged.
    """

    topic = "malformed-message"

    def __init__(self, text: str = "", *, key: str = "", message: object = None) -> None:
        RuntimeError.__init__(self, text)
        self.key = key
        self.message = message

    __reduce__ = _reduce


class UnexpectedFrame(Explained, KeyError):
    """The received message does not have the expected kind of data.

    The connection stays usable, and you find the message here.

    Attributes:
        expected: The expected key, ``"text"`` or ``"bytes"``.
        message: The ASGI message, as the server delivered it.
    """

    topic = "unexpected-frame"

    def __init__(
        self,
        text: str = "",
        *,
        expected: str = "",
        message: Mapping[str, Any] | None = None,
    ) -> None:
        KeyError.__init__(self, text)
        self.expected = expected
        self.message = {} if message is None else message

    __reduce__ = _reduce

    @property
    def data(self) -> str | bytes | None:
        """The payload of the message, or None if it does not have exactly one."""
        payloads = [d for k in ("text", "bytes") if (d := self.message.get(k)) is not None]
        return payloads[0] if len(payloads) == 1 else None

    def __str__(self) -> str:
        # KeyError shows the repr of its argument: quotes and escapes around a sentence
        return Exception.__str__(self)


class ClientDisconnected(Explained, OSError):
    """A message is sent after the end of the connection (ASGI 2.5, Disconnected Client).

    Attributes:
        code: Close code with which the connection ended.
        reason: Close reason, an empty string when there is none.
        origin: Identifies the connection that raised this.
    """

    topic = "client-disconnected"

    def __init__(
        self, text: str = "", *, code: int = 1006, reason: str = "", origin: object = None
    ) -> None:
        OSError.__init__(self, text)
        self.code = code
        self.reason = reason
        self.origin = origin

    __reduce__ = _reduce
