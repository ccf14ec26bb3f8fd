"""The exceptions of wsfsm.

- `TableError` (`ValueError`): a table that cannot be declared, one class per fault
    - `UnknownState`, `DuplicateRow`, `TransitionFromFinalState`, `UnreachableState`, `DeadEnd`,
      `BadCoupling`
- `IllegalTransition` (`RuntimeError`): an event that its table refuses
    - `WebSocketDisconnected`: a use of a WebSocket that is not connected
        - `ConnectionClosed` (also `WebSocketDisconnect`): the connection is over
- `WebSocketDisconnect`: the connection has just ended
- `MalformedMessage` (`RuntimeError`, `ValueError`): an ASGI message with a wrong or missing key
- `UnexpectedFrame` (`KeyError`): a data message of another kind than the one asked for
- `ClientDisconnected` (`OSError`): raised by a server's ``send()`` once the connection is over

Each class sets up itself and the bases that it names, never the next class of the MRO: a built-in
exception has an ``__init__`` of its own in some versions of Python and in others not, so that
``super().__init__()`` may lead to a class that is not a base of the caller. All of them can be copied
and pickled, a subclass whose ``__init__`` takes other arguments too.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Literal, TypeAlias

__all__ = [
    "BadCoupling",
    "ClientDisconnected",
    "ClosedBy",
    "ConnectionClosed",
    "DeadEnd",
    "DuplicateRow",
    "IllegalTransition",
    "MalformedMessage",
    "TableError",
    "TransitionFromFinalState",
    "UnexpectedFrame",
    "UnknownState",
    "UnreachableState",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
]

ClosedBy: TypeAlias = Literal["application", "client", "transport"]
"""Who ended a connection: the application by its close or denial response, the client
as the server's ``websocket.disconnect`` reported it, or a transport that failed under a send."""


def _builtin(kind: type[BaseException]) -> Any:
    """Find the built-in exception that the memory of an exception is laid out for."""
    base: Any = kind
    while base.__module__ != "builtins":
        base = base.__base__
    return base


def _remade(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Make an exception without calling its own ``__init__``: its state holds the rest."""
    builtin = _builtin(kind)
    error: BaseException = builtin.__new__(kind, *args)
    builtin.__init__(error, *args)
    return error


def _reduce(error: BaseException) -> tuple[Any, ...]:
    """Implement ``__reduce__`` for exceptions whose ``__init__`` takes more than their ``args``."""
    args = _builtin(type(error)).__reduce__(error)[1]
    state = object.__getstate__(error)
    if isinstance(state, tuple):  # of a subclass that has __slots__
        state = {**(state[0] or {}), **state[1]}
    return _remade, (type(error), args), state


class TableError(ValueError):
    """A table that is refused when it is declared; the text names table and row."""


class UnknownState(TableError):
    """A row, the initial state or a terminal state is not among the table's states."""


class DuplicateRow(TableError):
    """A state, or an event of one state, is declared twice."""


class TransitionFromFinalState(TableError):
    """A row leaves a state that is declared as terminal."""


class UnreachableState(TableError):
    """No sequence of events leads from the initial state to this state."""


class DeadEnd(TableError):
    """No sequence of events leads from this state to a terminal state."""


class BadCoupling(TableError):
    """A coupling names a machine or an event that does not exist."""


class IllegalTransition(RuntimeError):
    """An event that the table refuses in the present state; nothing has changed.

    Attributes:
        machine: Name of the machine that refused, such as ``"application"``.
        state: The state that it was in, and still is.
        event: Name of the refused event.
        allowed: Names of the events that may be chosen now, in the table's order.
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


class WebSocketDisconnected(IllegalTransition):
    """A WebSocket was used that is not connected: not yet, or no longer.

    Attributes:
        code: Close code with which the connection ended; None if it has not ended.
        reason: Close reason, an empty string when there is none.
        closed_by: Who ended the connection; None if it has not ended.
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


class WebSocketDisconnect(Exception):
    """The connection has ended.

    Attributes:
        code: Close code (RFC 6455 7.4.1); 1005 when the Close frame had none, 1006 when
            there was no Close frame.
        reason: Close reason, an empty string when there is none.
    """

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        Exception.__init__(self, code, reason or "")
        self.code = code
        self.reason = reason or ""

    __reduce__ = _reduce


class ConnectionClosed(WebSocketDisconnected, WebSocketDisconnect):
    """A use of a connection that is over; caught as either of its bases.

    Attributes:
        code: Close code with which the connection ended.
        reason: Close reason, an empty string when there is none.
        closed_by: Who ended the connection.
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
        # the other way round the error would show the code
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


class MalformedMessage(RuntimeError, ValueError):
    """An ASGI message with a missing key, or a value of the wrong type or that cannot be sent.

    Attributes:
        key: The key that is wrong.
        message: The message as it came.
    """

    def __init__(self, text: str = "", *, key: str = "", message: object = None) -> None:
        RuntimeError.__init__(self, text)
        self.key = key
        self.message = message

    __reduce__ = _reduce


class UnexpectedFrame(KeyError):
    """A message that does not hold the kind of data that was asked for.

    The connection stays usable, and the message is kept here.

    Attributes:
        expected: The key that was asked for, ``"text"`` or ``"bytes"``.
        message: The ASGI message as the server delivered it.
    """

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
        """The payload that did come, or None if there was not exactly one."""
        payloads = [d for k in ("text", "bytes") if (d := self.message.get(k)) is not None]
        return payloads[0] if len(payloads) == 1 else None

    def __str__(self) -> str:
        # KeyError shows the repr of its argument: quotes and escapes around a sentence
        return Exception.__str__(self)


class ClientDisconnected(OSError):
    """A message that was sent after the end of the connection (ASGI 2.5, Disconnected Client).

    Attributes:
        code: Close code with which the connection ended.
        reason: Close reason, an empty string when there is none.
        origin: Identifies the connection that raised this.
    """

    def __init__(
        self, text: str = "", *, code: int = 1006, reason: str = "", origin: object = None
    ) -> None:
        OSError.__init__(self, text)
        self.code = code
        self.reason = reason
        self.origin = origin

    __reduce__ = _reduce
