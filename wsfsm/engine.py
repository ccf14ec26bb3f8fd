"""Finite state machines as tables: declared, checked and compiled once, then only looked up.

A `Table` is a declaration: states, rows, and nothing that changes. A `Machine` is the same
table compiled to one `Node` a state. An instance of a machine is nothing but a variable that
points at a node::

    node = machine.initial
    node = node.moves["connect"]  # KeyError: the table refuses the event
    node = node.step("connect")  # the same, refusing with IllegalTransition

Two machines that run side by side are tied by a `Coupling`: what an event of one forces on
the other. Nothing here knows about WebSockets.
"""

from collections.abc import Hashable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
from attrs.validators import instance_of
from transitions import Machine as TransitionsMachine

from wsfsm.errors import (
    BadCoupling,
    DeadEnd,
    DuplicateRow,
    IllegalTransition,
    RowOutOfTerminalState,
    TableError,
    UnknownState,
    UnreachableState,
)

__all__ = ["AnyEvent", "Coupling", "Event", "Machine", "Node", "Row", "Table"]

S = TypeVar("S", bound=Enum | str)


@attrs.frozen
class Event:
    """An event that takes more than a literal name to tell.

    Attributes:
        name: Name of the event; the literal name of a message unless `informal`.
        guard: The condition on the message under which the event is this one. A message
            name with two guards is two events: guards are keys, not code beside the table.
        informal: Whether the event merely happens (a timer, a loss) instead of being chosen
            and sent by somebody; its name is a description.
    """

    name: str
    guard: str = ""
    informal: bool = False

    def __str__(self) -> str:
        return f"{self.name} [{self.guard}]" if self.guard else self.name


AnyEvent: TypeAlias = str | Event
"""A literal name, or an `Event` where that is not enough."""


def _name(state: Hashable) -> str:
    return state.name if isinstance(state, Enum) else str(state)


@attrs.frozen
class Row(Generic[S]):
    """One line of a table: in `source`, `event` leads to `destination`.

    Attributes:
        source: State that the machine is in.
        event: What happens.
        destination: State that follows.
        note: Where the rule comes from.
    """

    source: S
    event: AnyEvent
    destination: S
    note: str = ""

    def __str__(self) -> str:
        return f"{_name(self.source)} --{self.event}--> {_name(self.destination)}"


@attrs.frozen
class Table(Generic[S]):
    """A machine as a table of rows. What no row allows is refused.

    Attributes:
        name: Name of the machine, used in every error and diagram.
        states: All states, in the order in which they are shown; enum members or strings.
        initial: State in which the machine starts.
        terminal: States that nothing leaves.
        rows: The transitions, grouped by source.

    Raises:
        UnknownState: A row, `initial` or `terminal` names a state that is not in `states`.
        DuplicateRow: A state is listed twice, a state has two rows for one event, or two
            different events have one name.
        RowOutOfTerminalState: A row leaves a terminal state.
        UnreachableState: A state cannot be reached from the initial one.
        DeadEnd: From a state, no terminal state can be reached.
        TableError: An event has no name.
    """

    name: str
    states: tuple[S, ...] = attrs.field(validator=instance_of(tuple))
    initial: S
    terminal: tuple[S, ...] = attrs.field(validator=instance_of(tuple))
    rows: tuple[Row[S], ...] = attrs.field(validator=instance_of(tuple))

    def __attrs_post_init__(self) -> None:
        self._check_states()
        self._check_rows()
        self._check_paths()

    def _check_states(self) -> None:
        if len({_name(state) for state in self.states}) != len(self.states):
            listed = ", ".join(map(_name, self.states))
            raise DuplicateRow(f"table {self.name!r}: a state is listed twice in {listed}")
        named = [("initial", self.initial), *(("terminal", state) for state in self.terminal)]
        for role, state in named:
            if state not in self.states:
                raise UnknownState(
                    f"table {self.name!r}: {role} state {self._unknown(state)}",
                )

    def _check_rows(self) -> None:
        seen: dict[tuple[S, str], Row[S]] = {}
        events: dict[str, Row[S]] = {}
        for row in self.rows:
            for role, state in (("source", row.source), ("destination", row.destination)):
                if state not in self.states:
                    raise UnknownState(
                        f"table {self.name!r}, row {row}: {role} {self._unknown(state)}",
                    )
            if not str(row.event):
                raise TableError(f"table {self.name!r}, row {row}: the event has no name")
            if row.source in self.terminal:
                raise RowOutOfTerminalState(
                    f"table {self.name!r}, row {row}: {_name(row.source)} is declared as terminal",
                )
            first = seen.get((row.source, str(row.event)))
            if first is not None:
                raise DuplicateRow(
                    f"table {self.name!r}, row {row}: the row {first} has the same state and event",
                )
            seen[row.source, str(row.event)] = row
            namesake = events.setdefault(str(row.event), row)
            if namesake.event != row.event:
                raise DuplicateRow(
                    f"table {self.name!r}, row {row}: the row {namesake} gives the same name "
                    f"to another event",
                )

    def _check_paths(self) -> None:
        reachable = self.reachable()
        for state in self.states:
            if state not in reachable:
                raise UnreachableState(
                    f"table {self.name!r}: no row leads from {_name(self.initial)} "
                    f"to state {_name(state)}",
                )
            if not set(self.terminal) & set(self.reachable(state)):
                ends = ", ".join(map(_name, self.terminal)) or "there is none"
                raise DeadEnd(
                    f"table {self.name!r}: no row leads from state {_name(state)} "
                    f"to a terminal state ({ends})",
                )

    def _unknown(self, state: object) -> str:
        return f"{state!r} is not one of the states {', '.join(map(_name, self.states))}"

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """All events, in the order of their first row."""
        return tuple(dict.fromkeys(row.event for row in self.rows))

    def matrix(self) -> dict[tuple[S, AnyEvent], S | None]:
        """Every state with every event: the state that follows, or None where it is refused."""
        cells: dict[tuple[S, AnyEvent], S | None] = {
            (state, event): None for state in self.states for event in self.events
        }
        cells.update({(row.source, row.event): row.destination for row in self.rows})
        return cells

    def reachable(self, start: S | None = None) -> tuple[S, ...]:
        """The states that can be reached from `start` (default: the initial state), and itself."""
        found = {self.initial if start is None else start}
        while more := {r.destination for r in self.rows if r.source in found} - found:
            found |= more
        return tuple(state for state in self.states if state in found)

    def paths(self, length: int) -> Iterator[tuple[Row[S], ...]]:
        """All sequences of up to `length` rows out of the initial state, shortest first."""
        paths: list[tuple[Row[S], ...]] = [()]
        for _ in range(length + 1):
            yield from paths
            ends = [(path, path[-1].destination if path else self.initial) for path in paths]
            paths = [(*path, r) for path, end in ends for r in self.rows if r.source == end]


@attrs.frozen(eq=False)
class Node(Generic[S]):
    """A state of a compiled machine, with all that can be asked about it.

    Attributes:
        machine: Name of the machine.
        state: The state.
        moves: Node that each allowed event leads to; an event that is not in it is refused.
        delivers: Whether an event taken here reaches the other side; False only where a
            `Coupling` says so.
    """

    machine: str
    state: S
    moves: Mapping[Any, "Node[S]"] = attrs.field(repr=False)
    delivers: bool = True

    @property
    def terminal(self) -> bool:
        """Whether nothing is allowed any more."""
        return not self.moves

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
            raise IllegalTransition(
                f"The {self.machine} machine refuses {str(event)!r} in state {_name(self.state)}; "
                f"allowed now: {', '.join(self.choices) or 'nothing'}",
                machine=self.machine,
                state=self.state,
                event=str(event),
                allowed=self.choices,
            ) from None


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
        nodes = {
            state: Node(self.table.name, state, MappingProxyType(moves[state])) for state in moves
        }
        named = {_name(state): node for state, node in nodes.items()}
        for row in self.table.rows:
            # exactly one, or the two declarations are not the same machine
            [declared] = self.transitions.get_transitions(str(row.event), row.source)
            moves[row.source][row.event] = named[str(declared.dest)]
        return MappingProxyType(nodes)

    @property
    def name(self) -> str:
        """Name of the machine."""
        return self.table.name

    @property
    def initial(self) -> Node[S]:
        """The node to start from."""
        return self.nodes[self.table.initial]

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
        if coupling.binds != self.name:
            raise BadCoupling(f"{where}: it does not bind the machine {self.name!r}")
        if coupling.reads is not None and coupling.reads not in self.nodes:
            raise BadCoupling(f"{where}: {self.name!r} has no state {coupling.reads!r}")
        for event in coupling.keeps:
            if event not in self.table.events:
                raise BadCoupling(f"{where}: {self.name!r} has no event {str(event)!r}")
