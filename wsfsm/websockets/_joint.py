"""The two machines and their couplings compiled together: what the facade steps through.

The state of a connection is a `JointState`: the nodes of both machines, and the joint state that each
event leads to. With a state for each machine, the couplings would have to be code.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self, TypeAlias

import attrs

from wsfsm.exceptions import ClosedBy, explained
from wsfsm.fsm import AnyEvent, Event, Node
from wsfsm.messages import Close, Disconnect
from wsfsm.tables import (
    AFTER_DISCONNECT,
    AFTER_READ_AHEAD,
    AFTER_TRANSPORT_LOSS,
    APPLICATION,
    CLIENT,
)
from wsfsm.tables.events import LOST, READ_AHEAD
from wsfsm.tables.states import ReadyState, WebSocketState
from wsfsm.types import Message

__all__ = [
    "HOOKED",
    "OPEN",
    "OPEN_HOOKED",
    "PRODUCT",
    "START",
    "End",
    "JointState",
    "ProductMachine",
    "StateNode",
]

StateNode: TypeAlias = Node[WebSocketState]

# the defaults of the two messages that end a connection
_NORMAL: Final = Close().code
_NO_CODE: Final = Disconnect().code
_ABNORMAL: Final = 1006  # RFC 6455 7.1.5: no Close frame

_AFTER_DISCONNECT: Final = APPLICATION.after(AFTER_DISCONNECT)
_AHEAD: Final = CLIENT.after(AFTER_READ_AHEAD)
_LOST: Final = CLIENT.after(AFTER_TRANSPORT_LOSS)
# The disconnect that was read ahead says more than the loss, whichever is first
_AFTER_TRANSPORT_LOSS: Final = {**{node: node for node in _AHEAD.values()}, **_LOST}
_AFTER_READ_AHEAD: Final = {
    **{_LOST[node]: _AHEAD[node] for node in CLIENT.nodes.values()},
    **_AHEAD,
}


@attrs.define  # frozen, it would cost a tenth of all that a connection costs
class End:
    """How a connection ended.

    Attributes:
        code: Close code.
        reason: Close reason.
        closed_by: Who ended the connection.
    """

    code: int
    reason: str
    closed_by: ClosedBy

    @classmethod
    def by_application(cls, message: Message) -> Self:
        """Make the end of a connection whose application sends its last `message`."""
        # the client of a denial response sees no Close frame
        default = _NORMAL if message["type"] == Close.type else _ABNORMAL
        return cls(*code_and_reason(message, default), "application")

    @classmethod
    def by_client(cls, message: Message) -> Self:
        """Make the end that a ``websocket.disconnect`` reports."""
        return cls(*code_and_reason(message), "client")

    @classmethod
    def without_frame(cls, closed_by: ClosedBy) -> Self:
        """Make the end of a connection that had no Close frame."""
        return cls(_ABNORMAL, "", closed_by)


def code_and_reason(message: Message, default: int = _NO_CODE) -> tuple[int, str]:
    """Read the close code and reason of a message that ends the connection."""
    code, reason = message.get("code"), message.get("reason")
    if type(code) is int and type(reason) is str:
        return code, reason
    # some servers leave out a key that has no value, others set it to None
    text = "" if reason is None else str(reason)
    if isinstance(code, int):
        code = int(code)  # of a server that delivers a member of its enumeration
    return default if code is None else code, text


@attrs.frozen(eq=False)
class JointState:
    """A state of both machines.

    Attributes:
        client: Node of the client machine.
        application: Node of the application machine.
        on_receive: Joint state after each event that the client machine takes.
        on_send: Joint state after each message that the application machine takes, by its type.
        on_event: The same for its events that a type alone does not identify. The loss of the
            transport is always among them: it can also meet the application's last message. So is
            the disconnect that a reader has received ahead of the application.
        over: Whether the connection has ended.
        ready_state: State of the connection as a whole.
        product: The product machine that it belongs to.
    """

    client: StateNode
    application: StateNode
    on_receive: Mapping[AnyEvent, "JointState"] = attrs.field(repr=False)
    on_send: Mapping[str, "JointState"] = attrs.field(repr=False)
    on_event: Mapping[AnyEvent, "JointState"] = attrs.field(repr=False)
    over: bool
    ready_state: ReadyState
    product: "ProductMachine" = attrs.field(repr=False)

    def __copy__(self) -> Self:
        return self  # joint states are compared by identity

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return ProductMachine.joint, (self.product, self.client, self.application)


_READY_STATES: Final = {
    WebSocketState.CONNECTING: ReadyState.CONNECTING,
    WebSocketState.CONNECTED: ReadyState.OPEN,
    WebSocketState.RESPONSE: ReadyState.DENYING,
    WebSocketState.DISCONNECTED: ReadyState.CLOSING,
}
"""The state of the connection by that of the application machine, while the client is there."""


def _ready_state(client: StateNode, application: StateNode) -> ReadyState:
    if client.state is not WebSocketState.DISCONNECTED:
        return _READY_STATES[application.state]
    return ReadyState.LOST if client in _LOST.values() and not client.final else ReadyState.CLOSED


class ProductMachine:
    """The joint states of the two machines, compiled once.

    Args:
        name: Name of the variable in this module that holds the machine, for pickle.

    Attributes:
        initial: The joint state in which a connection starts.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._joints: dict[tuple[StateNode, StateNode], JointState] = {}
        self.initial = self.joint(CLIENT.initial, APPLICATION.initial)

    def __reduce__(self) -> str:
        return self._name

    @property
    def joints(self) -> Iterable[JointState]:
        """All joint states that a connection can reach."""
        return self._joints.values()

    def joint(self, client: StateNode, application: StateNode) -> JointState:
        """The joint state of a node of each machine."""
        known = self._joints.get((client, application))
        if known is not None:
            return known
        on_receive: dict[AnyEvent, JointState] = {}
        on_send: dict[str, JointState] = {}
        on_event: dict[AnyEvent, JointState] = {}
        over = WebSocketState.DISCONNECTED in (client.state, application.state)
        ready = _ready_state(client, application)
        joint = JointState(client, application, on_receive, on_send, on_event, over, ready, self)
        self._joints[client, application] = joint
        for event, after in client.moves.items():
            gone = event == AFTER_DISCONNECT.event
            on_receive[event] = self.joint(
                after, _AFTER_DISCONNECT[application] if gone else application
            )
        for event, after in application.moves.items():
            if isinstance(event, Event):
                on_event[event] = self.joint(client, after)
            else:
                on_send[event] = self.joint(client, after)
        lost = application.moves.get(LOST, application)
        on_event[LOST] = self.joint(_AFTER_TRANSPORT_LOSS[client], lost)
        on_event[READ_AHEAD] = self.joint(_AFTER_READ_AHEAD[client], _AFTER_DISCONNECT[application])
        return joint

    def at(self, client: WebSocketState, application: WebSocketState) -> JointState:
        """The joint state of a state of each machine, however it was reached.

        Raises:
            ValueError: One of the machines does not have the state.
        """
        for machine, state in ((CLIENT, client), (APPLICATION, application)):
            if state not in machine.nodes:
                known = ", ".join(map(str, machine.nodes))
                raise explained(
                    ValueError(f"{machine.name}_state must be one of {known}, got {state!r}"),
                    "wrong-argument",
                )
        theirs, ours = CLIENT.nodes[client], APPLICATION.nodes[application]
        return self.joint(theirs, _AFTER_DISCONNECT[ours] if theirs.final else ours)


PRODUCT: Final = ProductMachine("PRODUCT")
"""The joint states of connections."""

HOOKED: Final = ProductMachine("HOOKED")
"""The same joint states, for connections whose data goes through hooks."""

START: Final = PRODUCT.initial
"""The joint state in which a connection starts."""

_DATA: Final = (WebSocketState.CONNECTED, WebSocketState.CONNECTED)
OPEN: Final = PRODUCT.at(*_DATA)
"""The joint state in which data flows."""
OPEN_HOOKED: Final = HOOKED.at(*_DATA)
"""The same, where data goes through hooks."""
