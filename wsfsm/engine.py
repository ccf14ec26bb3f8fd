"""Finite state machines as tables: declared, checked and compiled once, then only looked up.

A `Table` is a declaration: states, rows, and nothing that changes. A `Machine` is the same
table compiled to one `Node` a state. An instance of a machine is nothing but a variable that
points at a node::

    node = machine.initial
    node = node.moves["connect"]  # KeyError: the table refuses the event
    node = node.step("connect")  # the same, refusing with IllegalTransition

A row can also say what its event gives out (a Mealy machine); that is data, and whoever steps
the machine acts on it::

    after, emits = machine.column("connect")[node]

Two machines that run side by side are tied by a `Coupling`: what an event of one forces on
the other. Nothing here knows about WebSockets.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, Self

import attrs
from transitions import Machine as TransitionsMachine

from wsfsm.errors import BadCoupling, IllegalTransition, TableError, shown
from wsfsm.rows import AnyEvent, Event, Row, S, Table, state_name

__all__ = ["AnyEvent", "Coupling", "Event", "Machine", "Node", "Row", "Step", "Table"]


class Step(NamedTuple):
    """What an event does in a state.

    Attributes:
        after: The node that it leads to.
        emits: What it gives out, in order.
    """

    after: "Node[Any]"
    emits: tuple[Any, ...]


@attrs.frozen(eq=False)
class Node(Generic[S]):
    """A state of a compiled machine, with all that can be asked about it.

    Attributes:
        machine: Name of the machine.
        state: The state.
        moves: Node that each allowed event leads to; an event that is not in it is refused.
        delivers: Whether an event taken here reaches the other side; False only where a
            `Coupling` says so.
        emits: What each allowed event gives out.
    """

    machine: str
    state: S
    moves: Mapping[Any, "Node[S]"] = attrs.field(repr=False)
    delivers: bool = True
    emits: Mapping[Any, tuple[Any, ...]] = attrs.field(factory=dict, repr=False)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # nodes are compared by identity

    @property
    def terminal(self) -> bool:
        """Whether nothing leads away from here."""
        return all(after is self for after in self.moves.values())

    @property
    def allows(self) -> tuple[AnyEvent, ...]:
        """The allowed events, in the table's order."""
        return tuple(self.moves)

    @property
    def choices(self) -> tuple[str, ...]:
        """Names of the allowed events that somebody chooses: `allows` without informal ones."""
        return tuple(
            str(event) for event in self.moves if not (isinstance(event, Event) and event.informal)
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
        return IllegalTransition(
            f"The {self.machine} machine refuses {str(event)!r} in state "
            f"{state_name(self.state)}; allowed now: {', '.join(self.choices) or 'nothing'}",
            machine=self.machine,
            state=self.state,
            event=str(event),
            allowed=self.choices,
        )


@attrs.frozen
class Coupling(Generic[S]):
    """What an event of one machine forces on another: from then on it is bound.

    Attributes:
        machine: Name of the machine that takes the event.
        event: The event.
        binds: Name of the machine that is bound by it.
        keeps: Events that the bound machine still takes, where its table allows them.
        delivers: Whether what it takes still reaches the other side.
        reads: State that the bound machine shows from then on; None: its own.
        note: Where the rule comes from.
    """

    machine: str
    event: AnyEvent
    binds: str
    keeps: tuple[AnyEvent, ...]
    delivers: bool
    reads: S | None
    note: str = ""


@attrs.frozen(eq=False)
class Machine(Generic[S]):
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

    @transitions.default
    def _declare(self) -> TransitionsMachine:
        table = self.table
        return TransitionsMachine(
            model=None,
            name=table.name,
            states=[{"name": s, "final": s in table.terminal} for s in table.states],
            initial=table.initial,
            transitions=[
                {"trigger": str(row.event), "source": row.source, "dest": row.destination}
                for row in table.rows
            ],
            auto_transitions=False,
            send_event=False,
        )

    @nodes.default
    def _compile(self) -> Mapping[S, Node[S]]:
        moves: dict[S, dict[Any, Node[S]]] = {state: {} for state in self.table.states}
        emits: dict[S, dict[Any, tuple[Any, ...]]] = {state: {} for state in moves}
        nodes = {
            state: Node(
                self.table.name,
                state,
                MappingProxyType(moves[state]),
                emits=MappingProxyType(emits[state]),
            )
            for state in moves
        }
        for row in self.table.rows:
            declared = self.transitions.get_transitions(str(row.event), row.source)
            if [transition.dest for transition in declared] != [state_name(row.destination)]:
                raise TableError(
                    f"table {self.table.name!r}, row {row}: transitions declares it as {declared}"
                )
            moves[row.source][row.event] = nodes[row.destination]
            emits[row.source][row.event] = row.emits
        return MappingProxyType(nodes)

    @property
    def name(self) -> str:
        """Name of the machine."""
        return self.table.name

    @property
    def initial(self) -> Node[S]:
        """The node to start from."""
        return self.nodes[self.table.initial]

    def column(self, event: AnyEvent) -> Mapping[Node[S], Step]:
        """What `event` does in each state that allows it: the fastest way to take an event."""
        return MappingProxyType(
            {
                node: Step(node.moves[event], node.emits[event])
                for node in self.nodes.values()
                if event in node.moves
            }
        )

    def bound(self, coupling: Coupling[S]) -> Mapping[Node[S], Node[S]]:
        """The node that takes the place of each node once `coupling` binds this machine.

        A node that is bound already is found here too, and stays as it is.

        Raises:
            BadCoupling: The coupling binds another machine, or keeps an event or shows a
                state that this machine does not have.
        """
        self._check(coupling)
        moves: dict[S, dict[Any, Node[S]]] = {state: {} for state in self.nodes}
        bound = {
            state: Node(
                self.name,
                state if coupling.reads is None else coupling.reads,
                MappingProxyType(moves[state]),
                coupling.delivers,
            )
            for state in moves
        }
        for row in self.table.rows:
            if row.event in coupling.keeps:
                moves[row.source][row.event] = bound[row.destination]
        swap = {node: bound[state] for state, node in self.nodes.items()}
        swap.update({node: node for node in bound.values()})
        return MappingProxyType(swap)

    def _check(self, coupling: Coupling[S]) -> None:
        where = f"coupling of {coupling.machine!r} and {coupling.binds!r} by {coupling.event}"
        if not isinstance(coupling.keeps, tuple):
            raise BadCoupling(f"{where}: keeps must be a tuple, got {shown(coupling.keeps)}")
        if coupling.binds != self.name:
            raise BadCoupling(f"{where}: it does not bind the machine {self.name!r}")
        if coupling.reads is not None and coupling.reads not in self.table.states:
            raise BadCoupling(f"{where}: {self.name!r} has no state {coupling.reads!r}")
        for event in coupling.keeps:
            if event not in self.table.events:
                raise BadCoupling(f"{where}: {self.name!r} has no event {str(event)!r}")
