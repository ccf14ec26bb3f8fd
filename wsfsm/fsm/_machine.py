"""Finite state machines as tables: declared, checked and compiled once, then only looked up.

A `Table` is a declaration: states, rows, and nothing that changes. A `Machine` is the same
table compiled to one `Node` a state. An instance of a machine is nothing but a variable that
points at a node::

    node = machine.initial
    node = node.moves["connect"]  # KeyError: the table refuses the event
    node = node.step("connect")  # the same, refusing with IllegalTransition

A row can also say what its event gives out (a Mealy machine); that is data, and whoever steps
the machine acts on it::

    target, outputs = machine.transitions_on("connect")[node]

Two machines that run side by side are tied by a `Coupling`: what an event of one forces on
the other. Nothing here knows about WebSockets.

Nothing here changes, so a copy of anything is the thing itself. A machine is pickled as its
table, a node as its machine and its state: in a process that has a machine of that table they
are that machine and its node again.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Self, SupportsIndex
from weakref import WeakValueDictionary

import attrs
from transitions import Machine as TransitionsMachine

from wsfsm._text import describe, listed, readable, shortened
from wsfsm.exceptions import BadCoupling, IllegalTransition, TableError
from wsfsm.fsm._table import (
    AnyEvent,
    Event,
    Immutable,
    Row,
    S,
    Table,
    among,
    plain_event,
    state_name,
)

__all__ = ["AnyEvent", "Coupling", "Event", "Machine", "Node", "Row", "Table", "Transition"]


class Transition(NamedTuple):
    """The effect of an event in a state.

    Attributes:
        target: The node that it leads to.
        outputs: Its outputs, in order.
    """

    target: "Node[Any]"
    outputs: tuple[Any, ...]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


@attrs.frozen(eq=False)
class Node(Immutable, Generic[S]):
    """A state of a compiled machine, with all that can be asked about it.

    Attributes:
        machine: Name of the machine.
        state: The state.
        moves: Node that each allowed event leads to; an event that is not in it is refused.
        forwards: Whether an event taken here reaches the other side; False only where a
            `Coupling` says so.
        outputs: Outputs of each allowed event.
    """

    machine: str
    state: S
    moves: Mapping[Any, "Node[S]"] = attrs.field(repr=False)
    forwards: bool = True
    outputs: Mapping[Any, tuple[Any, ...]] = attrs.field(factory=dict, repr=False)
    _place: "tuple[Machine[S], Coupling[S] | None, S] | None" = attrs.field(
        default=None, repr=False
    )

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # nodes are compared by identity: the one that is there is to be found again
        if self._place is not None and _node(*self._place) is self:
            return _node, self._place
        return super().__reduce_ex__(protocol)

    @property
    def final(self) -> bool:
        """Whether nothing leads away from here."""
        return all(after is self for after in self.moves.values())

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """The allowed events, in the table's order."""
        return tuple(self.moves)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the allowed events that somebody chooses: the messages among `events`."""
        return tuple(
            str(event)
            for event in self.moves
            if not (isinstance(event, Event) and not event.is_message)
        )

    def step(self, event: AnyEvent) -> "Node[S]":
        """The node that `event` leads to.

        Raises:
            IllegalTransition: The table refuses the event in this state.
        """
        try:
            return self.moves[event]
        except KeyError:
            raise self.refusal(event) from None

    def refusal(self, event: AnyEvent) -> IllegalTransition:
        """The error for an `event` that is refused here."""
        name, allowed = str(plain_event(event)), self.allowed
        return IllegalTransition(
            f"The {readable(self.machine)} machine refuses {shortened(name)!r} in state "
            f"{readable(state_name(self.state))}; allowed now: {listed(allowed) or 'nothing'}",
            machine=self.machine,
            state=self.state,
            event=name,
            allowed=allowed,
        )


def _node(machine: "Machine[S]", coupling: "Coupling[S] | None", state: S) -> Node[S]:
    """The node of a state, or the one that takes its place once `coupling` binds the machine."""
    node = machine.nodes[state]
    return node if coupling is None else machine.after(coupling)[node]


@attrs.frozen
class Coupling(Immutable, Generic[S]):
    """A rule by which an event of one machine binds another machine.

    Attributes:
        machine: Name of the machine that takes the event.
        event: The event.
        target: Name of the machine that is bound by it.
        still_allows: Events that the bound machine still takes, where its table allows them.
        forwards: Whether what it takes still reaches the other side.
        shown_as: State that the bound machine shows from then on; None: its own.
        note: Where the rule comes from.
    """

    machine: str
    event: AnyEvent = attrs.field(converter=plain_event)
    target: str
    still_allows: tuple[AnyEvent, ...]
    forwards: bool
    shown_as: S | None
    note: str = ""


@attrs.frozen(eq=False)
class Machine(Immutable, Generic[S]):
    """A table, compiled. Immutable, and shared by all connections and threads.

    Attributes:
        table: The declaration.
        transitions: The same machine in the package ``transitions``, for introspection and
            as an oracle. It has no model and is never driven by wsfsm: a trigger costs about
            ninety look-ups.
        nodes: The compiled states.
    """

    table: Table[S]
    transitions: TransitionsMachine = attrs.field(init=False, repr=False)
    nodes: Mapping[S, Node[S]] = attrs.field(init=False, repr=False)
    _columns: Mapping[AnyEvent, Mapping[Node[S], Transition]] = attrs.field(init=False, repr=False)
    _bound: dict[Coupling[S], Mapping[Node[S], Node[S]]] = attrs.field(
        init=False, factory=dict, repr=False
    )

    @transitions.default
    def _declare(self) -> TransitionsMachine:
        table = self.table
        final = frozenset(table.final)
        triggers = {str(event) for event in table.events}
        attribute = "state"
        while attribute in triggers:  # transitions refuses an event of that name
            attribute += "_"
        return TransitionsMachine(
            model=None,
            name=table.name,
            states=[{"name": s, "final": s in final} for s in table.states],
            initial=table.initial,
            transitions=[
                {"trigger": str(row.event), "source": row.source, "dest": row.target}
                for row in table.rows
            ],
            auto_transitions=False,
            send_event=False,
            model_attribute=attribute,
        )

    @nodes.default
    def _compile(self) -> Mapping[S, Node[S]]:
        moves: dict[S, dict[Any, Node[S]]] = {state: {} for state in self.table.states}
        outputs: dict[S, dict[Any, tuple[Any, ...]]] = {state: {} for state in moves}
        nodes = {
            state: Node(
                self.name,
                state,
                MappingProxyType(moves[state]),
                outputs=MappingProxyType(outputs[state]),
                place=(self, None, state),
            )
            for state in moves
        }
        declared = self._declared()
        for row in self.table.rows:
            found = declared.get((str(row.event), state_name(row.source)), [])
            if [transition.dest for transition in found] != [state_name(row.target)]:
                raise TableError(
                    f"table {self.name!r}, row {row}: transitions declares it as {found}"
                )
            moves[row.source][row.event] = nodes[row.target]
            outputs[row.source][row.event] = row.outputs
        return MappingProxyType(nodes)

    def _declared(self) -> dict[tuple[str, str], list[Any]]:
        """The transitions of the package ``transitions``, by event and source."""
        declared: dict[tuple[str, str], list[Any]] = {}
        for trigger in map(str, self.table.events):
            for transition in self.transitions.get_transitions(trigger):
                declared.setdefault((trigger, transition.source), []).append(transition)
        return declared

    @_columns.default
    def _turn(self) -> Mapping[AnyEvent, Mapping[Node[S], Transition]]:
        columns: dict[AnyEvent, dict[Node[S], Transition]] = {}
        for node in self.nodes.values():
            for event, after in node.moves.items():
                columns.setdefault(event, {})[node] = Transition(after, node.outputs[event])
        return {event: MappingProxyType(column) for event, column in columns.items()}

    def __attrs_post_init__(self) -> None:
        with suppress(TypeError):  # an output that cannot be hashed
            _LIVING.setdefault(_identity(type(self), self.table), self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _compiled, (type(self), self.table)

    @property
    def name(self) -> str:
        """Name of the machine."""
        return self.table.name

    @property
    def initial(self) -> Node[S]:
        """The node to start from."""
        return self.nodes[self.table.initial]

    def transitions_on(self, event: AnyEvent) -> Mapping[Node[S], Transition]:
        """The transitions of `event`, by node: the fastest way to take an event.

        Keep it in a module or a class: unlike nodes, mappings are neither copied nor pickled.
        """
        return self._columns.get(event, _NOWHERE)

    def after(self, coupling: Coupling[S]) -> Mapping[Node[S], Node[S]]:
        """The node that takes the place of each node once `coupling` binds this machine.

        A node that is bound already is found here too, and stays as it is. Equal couplings bind
        to the same nodes.

        Raises:
            BadCoupling: The coupling binds another machine, or keeps an event or shows a
                state that this machine does not have.
        """
        self._check(coupling)
        known = self._bound.get(coupling)
        if known is None:
            # two threads that are here at once get the nodes of one of them
            known = self._bound.setdefault(coupling, self._bind(coupling))
        return known

    def _bind(self, coupling: Coupling[S]) -> Mapping[Node[S], Node[S]]:
        still_allowed = frozenset(coupling.still_allows)
        moves: dict[S, dict[Any, Node[S]]] = {state: {} for state in self.nodes}
        bound = {
            state: Node(
                self.name,
                state if coupling.shown_as is None else coupling.shown_as,
                MappingProxyType(moves[state]),
                coupling.forwards,
                place=(self, coupling, state),
            )
            for state in moves
        }
        for row in self.table.rows:
            if row.event in still_allowed:
                moves[row.source][row.event] = bound[row.target]
        swap = {node: bound[state] for state, node in self.nodes.items()}
        swap.update({node: node for node in bound.values()})
        return MappingProxyType(swap)

    def _check(self, coupling: Coupling[S]) -> None:
        where = (
            f"coupling of {coupling.machine!r} and {coupling.target!r} "
            f"by {readable(str(coupling.event))}"
        )
        if not isinstance(coupling.still_allows, tuple):
            raise BadCoupling(
                f"{where}: still_allows must be a tuple, got {describe(coupling.still_allows)}"
            )
        if coupling.target != self.name:
            raise BadCoupling(f"{where}: it does not bind the machine {self.name!r}")
        known = {state: state for state in self.table.states}
        if coupling.shown_as is not None and not among(known, coupling.shown_as):
            raise BadCoupling(f"{where}: {self.name!r} has no state {coupling.shown_as!r}")
        for event in coupling.still_allows:
            if event not in self._columns:
                raise BadCoupling(f"{where}: {self.name!r} has no event {str(event)!r}")


_NOWHERE: Final[Mapping[Any, Transition]] = MappingProxyType({})

_LIVING: Final[WeakValueDictionary[tuple[Any, ...], Machine[Any]]] = WeakValueDictionary()
"""The first living machine of each table."""


def _identity(kind: type[Machine[Any]], table: Table[Any]) -> tuple[Any, ...]:
    # tables are equal where a state is an enum member that equals the str of the other
    return kind, table, tuple(map(type, table.states))


def _compiled(kind: type[Machine[S]], table: Table[S]) -> Machine[S]:
    """The living machine of a table, or a new one."""
    with suppress(TypeError):
        known = _LIVING.get(_identity(kind, table))
        if known is not None:
            return known
    return kind(table)
