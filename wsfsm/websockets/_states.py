"""The state of a connection: kept in two slots, and shown as attributes that tests may set.

As in Starlette's class, the methods go through `self.send`, `self.receive` and
`self._raise_on_disconnect`, and so through the hooks that an application puts in their place, on
a class or on an instance. Where there is none, data goes past the three: calling them would
cost as much again as all the rest. The class is asked for `send` and `receive` at each message. To ask
about the other hooks costs too much: with one of them, a connection goes on in the joint states of
`HOOKED`, which are the same and yet others.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from wsfsm.exceptions import ClosedBy, explained
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.tables import AFTER_DISCONNECT
from wsfsm.tables.states import ReadyState, WebSocketState
from wsfsm.types import Message
from wsfsm.websockets._errors import WSFSM, ErrorFamily, states
from wsfsm.websockets._joint import (
    HOOKED,
    OPEN,
    OPEN_HOOKED,
    START,
    End,
    JointState,
    code_and_reason,
)

if TYPE_CHECKING:
    from wsfsm.websockets._read_ahead import Reader

__all__ = ["StateAttributes", "set_end", "set_joint"]

_HOOKS: Final = frozenset({"send", "receive", "_raise_on_disconnect", "__class__"})


class StateAttributes(HTTPConnection[StateT]):
    """A connection with the state of both machines, and with the way in which it ended."""

    __slots__ = ("_end", "_joint")
    _joint: JointState
    _end: End | Message  # set when the connection ends; the application's close stands for its end
    _family: ClassVar[ErrorFamily] = WSFSM
    _first: JointState = START  # another one if a hook was set before __init__
    _reader: "Reader | None" = None  # if it receives ahead of the application

    if TYPE_CHECKING:
        pass  # a type checker that sees the method lets any attribute be set
    else:

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name in _HOOKS:
                self.__dict__["_first"] = HOOKED.initial
                joint = self._now()
                self._enter(HOOKED.joint(joint.client, joint.application))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:
        """Explain an annotation with this class in FastAPI, which takes it for data to validate."""
        try:
            return handler(source)
        except Exception as error:
            module = cls.__module__.removesuffix("._websocket")  # where it is public
            raise explained(
                TypeError(
                    f"FastAPI takes the parameter for data, because its annotation is, or contains, {module}.{cls.__name__}. "
                    "Annotate it with the name that `from wsfsm.integrations.fastapi import WebSocket` imports, "
                    "and with nothing else; the annotation must not be optional or a union."
                ),
                "annotation",
            ) from error

    @property
    def client_state(self) -> WebSocketState:
        """State of the client machine, which sees every message that the application receives.

        After the loss of the transport it is DISCONNECTED. Tests may set it, and take back
        what they set with ``del``.
        """
        return self._joint.client.state

    @client_state.setter
    def client_state(self, state: WebSocketState) -> None:
        self._set(state, self._now().application.state)

    @client_state.deleter
    def client_state(self) -> None:
        self._take_back()

    @property
    def application_state(self) -> WebSocketState:
        """State of the application machine, which sees every message that the application sends.

        Tests may set it, and take back what they set with ``del``.
        """
        return self._joint.application.state

    @application_state.setter
    def application_state(self, state: WebSocketState) -> None:
        self._set(self._now().client.state, state)

    @application_state.deleter
    def application_state(self) -> None:
        self._take_back()

    @property
    def ready_state(self) -> ReadyState:
        """State of the connection as a whole; it equals a str, for example ``"open"``."""
        return self._now().ready_state

    @property
    def is_open(self) -> bool:
        """Whether data flows in both directions, as far as this side can know."""
        return self._now().ready_state is ReadyState.OPEN

    @property
    def can_send(self) -> bool:
        """Whether data may be sent now; if not, `send_text` raises."""
        application = self._now().application
        return application.forwards and "websocket.send" in application.moves

    @property
    def can_receive(self) -> bool:
        """Whether data may be received now; if not, `receive_text` raises without waiting."""
        joint = self._now()
        return bool(joint.on_receive) and joint.application.state is WebSocketState.CONNECTED

    @property
    def allowed(self) -> tuple[str, ...]:
        """Types of the messages that may be sent now; one with a guard is written with it."""
        return self._now().application.allowed

    @property
    def close_code(self) -> int | None:
        """Close code with which the connection ended; None if it has not ended."""
        return None if (end := self._ended()) is None else end.code

    @property
    def close_reason(self) -> str | None:
        """Close reason, an empty string when there is none; None if the connection has not ended."""
        return None if (end := self._ended()) is None else end.reason

    @property
    def closed_by(self) -> ClosedBy | None:
        """The side that ended the connection; None if it has not ended."""
        return None if (end := self._ended()) is None else end.closed_by

    def __repr__(self) -> str:
        joint = self._now()
        scope = getattr(self, "scope", {})
        text = f"{scope.get('path', '')!r} {joint.ready_state}"
        if (end := self._ended()) is not None:
            reason = f" {end.reason!r}" if end.reason else ""
            text += f" with code {end.code}{reason}, ended by the {end.closed_by}"
        return f"<{type(self).__name__} {text}; {states(joint)}>"

    def _raise_on_disconnect(self, message: Message) -> None:
        """Raise `WebSocketDisconnect` for a disconnect message.

        The name is Starlette's: applications call it beside `receive`, and override it.
        """
        if message["type"] == AFTER_DISCONNECT.event:
            end = self._ended()
            # some servers forget the application's own code
            if end is not None and end.closed_by == "application":
                code, reason = end.code, end.reason
            else:
                code, reason = code_and_reason(message)
            raise self._family.disconnect(code, reason)

    def _enter(self, joint: JointState) -> None:
        if joint is OPEN and self.__class__._raise_on_disconnect is not _RAISE:  # noqa: SLF001 - its own
            joint = OPEN_HOOKED
        set_joint(self, joint)
        if joint.over and self._reader is not None:
            self._reader.connection_over(last=not joint.on_receive)

    def _now(self) -> JointState:
        # a test double may set its states without the __init__ of this class
        return getattr(self, "_joint", START)

    def _ended(self) -> End | None:
        if not self._now().over:
            return None
        end = self._end
        if not isinstance(end, End):
            end = End.by_application(end)
            set_end(self, end)
        return end

    def _end_by_client(self, message: Message) -> None:
        """Keep the end that a disconnect `message` reports."""
        end = End.by_client(message)
        if self._joint.over:
            # a send may have reported the loss before the real code arrives
            known = self._ended()
            if known is None or known.closed_by != "transport" or known.code == end.code:
                return
        set_end(self, end)

    def _set(self, client: WebSocketState, application: WebSocketState) -> None:
        before = self._now(), self._ended()
        self._start(client, application)
        self.__dict__.setdefault("_before_set", []).append(before)

    def _start(self, client: WebSocketState, application: WebSocketState) -> None:
        """Go on from states that were reached without this object."""
        joint = self._now().product.at(client, application)
        if joint.over:
            set_end(self, End.without_frame("client" if joint.client.final else "application"))
        self._enter(joint)

    def _take_back(self) -> None:
        # unittest.mock.patch.object() ends by deleting the attribute that it has set
        try:
            joint, end = self.__dict__["_before_set"].pop()
        except (KeyError, IndexError):
            raise AttributeError(
                "a state that was not set on this instance cannot be deleted"
            ) from None
        if end is not None:
            set_end(self, end)
        self._enter(joint)


_RAISE: Final = StateAttributes._raise_on_disconnect  # noqa: SLF001 - of this module
# Assignments would go through __setattr__, and cost several times as much
set_joint: Final = vars(StateAttributes)["_joint"].__set__
set_end: Final = vars(StateAttributes)["_end"].__set__
