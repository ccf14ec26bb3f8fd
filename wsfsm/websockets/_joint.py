"""The two machines and their couplings compiled together: what the facade steps through.

A connection is one variable that points at a `JointState`: where the client machine is, where the
application machine is, and where each event leads both. Two variables, one a machine, would say
the same in more memory, and would need the couplings as code. Once a connection is over, the
variable points at an `Ended`, a joint that also knows how it came to it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self, TypeAlias

import attrs

from wsfsm.exceptions import ClosedBy
from wsfsm.fsm import AnyEvent, Event, Node
from wsfsm.messages import Close, Disconnect
from wsfsm.tables import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT
from wsfsm.tables.events import LOST
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message

__all__ = ["PRODUCT", "Ended", "JointState", "Place", "ProductMachine", "StateNode", "flowing_past"]

StateNode: TypeAlias = Node[WebSocketState]

# the defaults of the two messages that end a connection
_NORMAL: Final = Close().code
_NO_CODE: Final = Disconnect().code

_AFTER_DISCONNECT: Final = APPLICATION.after(AFTER_DISCONNECT)
_AFTER_TRANSPORT_LOSS: Final = CLIENT.after(AFTER_TRANSPORT_LOSS)


@attrs.frozen(eq=False)
class JointState:
    """Where both machines are.

    Attributes:
        client: Node of the client machine.
        application: Node of the application machine.
        receives: Where each event that the client machine takes leads both.
        sends: Where each message that the application machine takes leads both, by its type.
        takes: The same for its events that a type alone does not identify. The loss of the
            transport is among them everywhere: it can also meet the application's last message.
        own_send: The `send` of the facade, where data may go past it; else None.
        own_receive: The `receive` of the facade, where data may come past it; else None.
        last: Whether the application machine has taken its last event.
        product: The product machine that it belongs to.
        ending: None; only an `Ended` has one.
    """

    client: StateNode
    application: StateNode
    receives: Mapping[AnyEvent, "JointState"] = attrs.field(repr=False)
    sends: Mapping[str, "JointState"] = attrs.field(repr=False)
    takes: Mapping[AnyEvent, "JointState"] = attrs.field(repr=False)
    own_send: object = attrs.field(default=None, repr=False, kw_only=True)
    own_receive: object = attrs.field(default=None, repr=False, kw_only=True)
    last: bool
    product: "ProductMachine" = attrs.field(repr=False)
    ending: ClassVar[None] = None

    def __copy__(self) -> Self:
        return self  # places are compared by identity

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _joint, (self.product, self.client, self.application)


@attrs.define(eq=False)
class Ended:
    """A joint where a connection is over, and how it ended.

    Attributes:
        joint: Where both machines are.
        code: Close code.
        reason: Close reason.
        closed_by: Who ended the connection.
    """

    joint: JointState
    code: int
    reason: str
    closed_by: ClosedBy
    own_send: ClassVar[None] = None
    own_receive: ClassVar[None] = None

    @classmethod
    def by_application(cls, joint: JointState, message: Message) -> Self:
        """The end that the application's last `message` brings."""
        # the client of a denial response sees no Close frame: 1006
        default = _NORMAL if message["type"] == Close.type else 1006
        return cls._told(joint, message, default, "application")

    @classmethod
    def by_disconnect(cls, joint: JointState, message: Message) -> Self:
        """The end that a ``websocket.disconnect`` reports."""
        return cls._told(joint, message, _NO_CODE, "client")

    @classmethod
    def _told(cls, joint: JointState, message: Message, default: int, closed_by: ClosedBy) -> Self:
        # missing and None mean the same: some servers write one, some the other
        code, reason = message.get("code"), message.get("reason")
        text = "" if reason is None else str(reason)
        return cls(joint, default if code is None else code, text, closed_by)

    @property
    def client(self) -> StateNode:
        """Node of the client machine."""
        return self.joint.client

    @property
    def application(self) -> StateNode:
        """Node of the application machine."""
        return self.joint.application

    @property
    def receives(self) -> Mapping[AnyEvent, JointState]:
        """As those of the joint."""
        return self.joint.receives

    @property
    def sends(self) -> Mapping[str, JointState]:
        """As those of the joint."""
        return self.joint.sends

    @property
    def takes(self) -> Mapping[AnyEvent, JointState]:
        """As those of the joint."""
        return self.joint.takes

    @property
    def ending(self) -> Self:
        """Itself."""
        return self

    def then(self, after: JointState) -> Self:
        """The place that follows where `after` follows: what has ended stays so."""
        return attrs.evolve(self, joint=after)


Place: TypeAlias = JointState | Ended


class ProductMachine:
    """The joints of the two machines, compiled once.

    Attributes:
        initial: The joint in which a connection starts.
    """

    def __init__(self) -> None:
        self._joints: dict[tuple[StateNode, StateNode], JointState] = {}
        self.initial = self._joint(CLIENT.initial, APPLICATION.initial)

    def __reduce__(self) -> str:
        return "PRODUCT"  # a name in this module; pickle refuses any other product for it

    def _joint(self, client: StateNode, application: StateNode) -> JointState:
        known = self._joints.get((client, application))
        if known is not None:
            return known
        receives: dict[AnyEvent, JointState] = {}
        sends: dict[str, JointState] = {}
        takes: dict[AnyEvent, JointState] = {}
        joint = JointState(client, application, receives, sends, takes, application.final, self)
        self._joints[client, application] = joint
        for event, after in client.moves.items():
            gone = event == AFTER_DISCONNECT.event
            receives[event] = self._joint(
                after, _AFTER_DISCONNECT[application] if gone else application
            )
        for event, after in application.moves.items():
            if isinstance(event, Event):
                takes[event] = self._joint(client, after)
            else:
                sends[event] = self._joint(client, after)
        lost = application.moves.get(LOST, application)
        takes[LOST] = self._joint(_AFTER_TRANSPORT_LOSS[client], lost)
        return joint

    def at(self, client: WebSocketState, application: WebSocketState) -> Place:
        """The place where the machines are in these states.

        A connection that is over in it has ended without a Close frame, as far as is known.

        Raises:
            ValueError: One of the machines has no such state.
        """
        for machine, state in ((CLIENT, client), (APPLICATION, application)):
            if state not in machine.nodes:
                known = ", ".join(map(str, machine.nodes))
                raise ValueError(f"{machine.name}_state must be one of {known}, got {state!r}")
        theirs, ours = CLIENT.nodes[client], APPLICATION.nodes[application]
        if theirs.final:
            return Ended(self._joint(theirs, _AFTER_DISCONNECT[ours]), 1006, "", "client")
        joint = self._joint(theirs, ours)
        return Ended(joint, 1006, "", "application") if ours.final else joint


def _joint(product: ProductMachine, client: StateNode, application: StateNode) -> JointState:
    return product._joint(client, application)  # noqa: SLF001 - a part of it


PRODUCT: Final = ProductMachine()
"""The joints of all connections."""


def flowing_past(joint: JointState, *, send: object, receive: object) -> JointState:
    """Copy a joint for connections whose data may go past their own `send` and `receive`.

    Args:
        joint: Where data flows: it leads back to here in both directions.
        send: The method that may be gone past, while it is the one of the connection's class.
        receive: As `send`.
    """
    receives: dict[AnyEvent, JointState] = {}
    sends: dict[str, JointState] = {}
    copy = attrs.evolve(joint, receives=receives, sends=sends, own_send=send, own_receive=receive)
    for event, after in joint.receives.items():
        receives[event] = copy if after is joint else after
    for kind, after in joint.sends.items():
        sends[kind] = copy if after is joint else after
    return copy
