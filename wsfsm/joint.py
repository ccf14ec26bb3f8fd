"""The two machines and their couplings compiled together: what the facade steps through.

A connection is one variable that points at a `Joint`: where the client machine is, where the
application machine is, and where each event leads both. Two variables, one a machine, would say
the same in more memory, and would need the couplings as code. Once a connection is over, the
variable points at an `Ended`, a joint that also knows how it came to it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self, TypeAlias

import attrs

from wsfsm.engine import Node
from wsfsm.errors import ClosedBy
from wsfsm.messages import Close, Disconnect
from wsfsm.states import WebSocketState
from wsfsm.tables import APPLICATION, CLIENT, CLIENT_GONE, LOST, TRANSPORT_LOST
from wsfsm.types import Message

__all__ = ["Ended", "Joint", "Pair", "Place", "StateNode"]

StateNode: TypeAlias = Node[WebSocketState]

# the defaults of the two messages that end a connection
_NORMAL: Final = Close().code
_NO_CODE: Final = Disconnect().code

_CLIENT_GONE: Final = APPLICATION.bound(CLIENT_GONE)
_TRANSPORT_LOST: Final = CLIENT.bound(TRANSPORT_LOST)


@attrs.frozen(eq=False)
class Joint:
    """Where both machines are.

    Attributes:
        client: Node of the client machine.
        application: Node of the application machine.
        receives: Where each event that the client machine takes leads both.
        sends: Where each event that the application machine takes leads both. The loss of the
            transport is among them everywhere: it can also meet the application's last message.
        last: Whether the application machine has taken its last event.
        ending: None; only an `Ended` has one.
    """

    client: StateNode
    application: StateNode
    receives: Mapping[Any, "Joint"] = attrs.field(repr=False)
    sends: Mapping[Any, "Joint"] = attrs.field(repr=False)
    last: bool
    ending: ClassVar[None] = None


@attrs.define(eq=False)
class Ended:
    """A joint where a connection is over, and how it ended.

    Attributes:
        joint: Where both machines are.
        code: Close code.
        reason: Close reason.
        closed_by: Who ended the connection.
    """

    joint: Joint
    code: int
    reason: str
    closed_by: ClosedBy

    @classmethod
    def by_application(cls, joint: Joint, message: Message) -> Self:
        """The end that the application's last `message` brings."""
        # the client of a denial response sees no Close frame: 1006
        default = _NORMAL if message["type"] == Close.type else 1006
        return cls._told(joint, message, default, "application")

    @classmethod
    def by_disconnect(cls, joint: Joint, message: Message) -> Self:
        """The end that a ``websocket.disconnect`` tells."""
        return cls._told(joint, message, _NO_CODE, "client")

    @classmethod
    def _told(cls, joint: Joint, message: Message, default: int, closed_by: ClosedBy) -> Self:
        # missing and None mean the same: some servers write one, some the other
        code, reason = message.get("code"), message.get("reason")
        return cls(joint, default if code is None else code, reason or "", closed_by)

    @property
    def client(self) -> StateNode:
        """Node of the client machine."""
        return self.joint.client

    @property
    def application(self) -> StateNode:
        """Node of the application machine."""
        return self.joint.application

    @property
    def receives(self) -> Mapping[Any, Joint]:
        """Where each event that the client machine takes leads both."""
        return self.joint.receives

    @property
    def sends(self) -> Mapping[Any, Joint]:
        """Where each event that the application machine takes leads both."""
        return self.joint.sends

    @property
    def ending(self) -> Self:
        """Itself."""
        return self

    def then(self, after: Joint) -> Self:
        """The place that follows where `after` follows: what has ended stays so."""
        return attrs.evolve(self, joint=after)


Place: TypeAlias = Joint | Ended


class Pair:
    """The joints of the two machines, compiled once.

    Attributes:
        initial: The joint in which a connection starts.
    """

    def __init__(self) -> None:
        self._joints: dict[tuple[StateNode, StateNode], Joint] = {}
        self.initial = self._joint(CLIENT.initial, APPLICATION.initial)

    def _joint(self, client: StateNode, application: StateNode) -> Joint:
        known = self._joints.get((client, application))
        if known is not None:
            return known
        receives: dict[Any, Joint] = {}
        sends: dict[Any, Joint] = {}
        joint = Joint(
            client,
            application,
            receives,
            sends,
            last=application.terminal,
        )
        self._joints[client, application] = joint
        for event, after in client.moves.items():
            gone = event == CLIENT_GONE.event
            receives[event] = self._joint(after, _CLIENT_GONE[application] if gone else application)
        for event, after in application.moves.items():
            sends[event] = self._joint(client, after)
        lost = application.moves.get(LOST, application)
        sends[LOST] = self._joint(_TRANSPORT_LOST[client], lost)
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
        if theirs.terminal:
            return Ended(self._joint(theirs, _CLIENT_GONE[ours]), 1006, "", "client")
        joint = self._joint(theirs, ours)
        return Ended(joint, 1006, "", "application") if ours.terminal else joint
