"""A connection at a place of the machines, which it leaves only as the tables say."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from wsfsm.exceptions import WebSocketDisconnect
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.tables import AFTER_DISCONNECT, event_of
from wsfsm.tables.events import LOST
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._errors import not_received
from wsfsm.websockets._joint import PRODUCT, Ended, Place

__all__ = ["Standing", "set_place"]

_START: Final = PRODUCT.initial
_HOOKS: Final = frozenset({"send", "receive", "_raise_on_disconnect"})


class Standing(HTTPConnection[StateT]):
    """A connection that stands at a place, and shows the states of its two machines.

    Args:
        scope: The connection scope, of type ``"websocket"``.
        receive: The server's callable that gives the next message.
        send: The server's callable that takes a message.

    Raises:
        ValueError: The scope is of another type.
    """

    __slots__ = ("_at", "_receive", "_send")
    _at: Place
    _receive: Receive
    _send: Send
    _hooked: bool = False  # whether one of the three has ever been set on this very object

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            kind = scope["type"]
        except KeyError:
            kind = None
        if kind != "websocket":
            raise ValueError(f"WebSocket needs a scope of type 'websocket', got {kind!r}")
        # not by assignments: each would go through __setattr__, and cost as much as all of this
        _set_scope(self, scope)
        _set_receive(self, receive)
        _set_send(self, send)
        set_place(self, _START)

    if TYPE_CHECKING:
        pass  # a type checker that sees the method lets any attribute be set
    else:

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name in _HOOKS:
                self._hooked = True
            if name in _HOOKS or name == "__class__":
                self._move(self._now())

    @property
    def client_state(self) -> WebSocketState:
        """State of the client machine, which sees what the application receives.

        After the loss of the transport it reads DISCONNECTED. Tests may set it, and take back
        what they set with `del`.
        """
        return self._at.client.state

    @client_state.setter
    def client_state(self, state: WebSocketState) -> None:
        self._set(state, self._now().application.state)

    @client_state.deleter
    def client_state(self) -> None:
        self._unset()

    @property
    def application_state(self) -> WebSocketState:
        """State of the application machine, which sees what the application sends.

        Tests may set it, and take back what they set with `del`.
        """
        return self._at.application.state

    @application_state.setter
    def application_state(self, state: WebSocketState) -> None:
        self._set(self._now().client.state, state)

    @application_state.deleter
    def application_state(self) -> None:
        self._unset()

    @property
    def allowed(self) -> tuple[str, ...]:
        """Types of the messages that may be sent now; one with a guard is written with it."""
        return self._at.application.allowed

    @abstractmethod
    def _move(self, place: Place) -> None:
        """Stand at another place from now on."""

    def _take(self, message: Message) -> None:
        """Step the client machine.

        Raises:
            IllegalTransition: The message may not come now.
            MalformedMessage: It is not a message.
        """
        at = self._at
        try:
            after = at.receives[message["type"]]
        except (KeyError, TypeError):
            raise not_received(at, event_of(message)) from None
        if after is at:
            return
        ending: Ended | None = at.ending
        if message["type"] == AFTER_DISCONNECT.event:
            reported = Ended.by_disconnect(after, message)
            # a loss that a send has reported before may get its real code only now
            lost = ending is not None and ending.closed_by == "transport"
            if ending is None or (lost and reported.code != ending.code):
                ending = reported
        self._move(after if ending is None else ending.then(after))

    def _lost(self) -> WebSocketDisconnect:
        """Take the loss of the transport, which an `OSError` out of the server's send reports."""
        after, ending = self._at.takes[LOST], self._at.ending
        self._move(ending.then(after) if ending else Ended(after, 1006, "", "transport"))
        return WebSocketDisconnect(1006)

    def _now(self) -> Place:
        # a test's double may set its states without the __init__ of this class
        return getattr(self, "_at", _START)

    def _set(self, client: WebSocketState, application: WebSocketState) -> None:
        place = PRODUCT.at(client, application)
        self.__dict__.setdefault("_before_set", []).append(self._now())
        self._move(place)

    def _unset(self) -> None:
        # unittest.mock.patch.object() ends by deleting what it has set
        try:
            self._move(self.__dict__["_before_set"].pop())
        except (KeyError, IndexError):
            raise AttributeError("no state has been set that could be taken back") from None


_set_scope: Final = vars(HTTPConnection)["scope"].__set__
_set_receive: Final = vars(Standing)["_receive"].__set__
_set_send: Final = vars(Standing)["_send"].__set__
set_place: Final = vars(Standing)["_at"].__set__
"""Let a connection stand at a place; an assignment would go through `Standing.__setattr__`."""
