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

from collections.abc import Hashable, Iterable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Generic, Self, TypeAlias, TypeVar

import attrs
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
    shown,
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
        return f"{self.name} [{self.guard}]" if self.guard else f"{self.name}"


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


def _reachable(starts: Iterable[S], rows: Iterable[Row[S]]) -> set[S]:
    after: dict[S, list[S]] = {}
    for row in rows:
        after.setdefault(row.source, []).append(row.destination)
    found: set[S] = set()
    ahead = list(starts)
    while ahead:
        state = ahead.pop()
        if state not in found:
            found.add(state)
            ahead += after.get(state, [])
    return found


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
        TableError: Something is of the wrong type, an event has no name, or a state has a name
            that `transitions` takes for something else.
    """

    name: str
    states: tuple[S, ...]
    initial: S
    terminal: tuple[S, ...]
    rows: tuple[Row[S], ...]

    def __attrs_post_init__(self) -> None:
        self._check_types()
        self._check_states()
        self._check_rows()
        self._check_paths()

    def _check_types(self) -> None:
        where = f"table {self.name!r}"
        for name in ("states", "terminal", "rows"):
            if not isinstance(getattr(self, name), tuple):
                raise TableError(
                    f"{where}: {name} must be a tuple, got {shown(getattr(self, name))}"
                )
        for row in self.rows:
            if not isinstance(row, Row):
                raise TableError(f"{where}: a row must be a Row, got {shown(row)}")
            event = row.event.name if isinstance(row.event, Event) else row.event
            if type(event) is not str or not event:
                raise TableError(f"{where}, row {row}: the name of an event is a str, not empty")
        for state in self.states:
            if not isinstance(state, (str, Enum)):
                raise TableError(f"{where}: a state is a str or an enum member, got {shown(state)}")
            # transitions takes these names for "from any state" and "stay"
            if _name(state) in {"*", "="}:
                raise TableError(f"{where}: {_name(state)!r} cannot be the name of a state")

    def _check_states(self) -> None:
        names = list(map(_name, self.states))
        if min(len(set(names)), len(set(self.states))) < len(names):
            raise DuplicateRow(
                f"table {self.name!r}: a state is listed twice in {', '.join(names)}"
            )
        named = [("initial", self.initial), *(("terminal", state) for state in self.terminal)]
        for role, state in named:
            if not self._knows(state):
                raise UnknownState(f"table {self.name!r}: {role} state {self._unknown(state)}")

    def _check_rows(self) -> None:
        seen: dict[tuple[S, str], Row[S]] = {}
        events: dict[str, Row[S]] = {}
        for row in self.rows:
            where = f"table {self.name!r}, row {row}"
            for role, state in (("source", row.source), ("destination", row.destination)):
                if not self._knows(state):
                    raise UnknownState(f"{where}: {role} {self._unknown(state)}")
            if row.source in self.terminal:
                raise RowOutOfTerminalState(f"{where}: {_name(row.source)} is declared as terminal")
            first = seen.get((row.source, str(row.event)))
            if first is not None:
                raise DuplicateRow(f"{where}: the row {first} has the same state and event")
            seen[row.source, str(row.event)] = row
            namesake = events.setdefault(str(row.event), row)
            if namesake.event != row.event:
                raise DuplicateRow(f"{where}: the row {namesake} gives its name to another event")

    def _check_paths(self) -> None:
        reachable = self.reachable()
        back = [Row(row.destination, row.event, row.source) for row in self.rows]
        ending = _reachable(self.terminal, back)
        for state in self.states:
            if state not in reachable:
                raise UnreachableState(
                    f"table {self.name!r}: no row leads from {_name(self.initial)} "
                    f"to state {_name(state)}"
                )
            if state not in ending:
                ends = ", ".join(map(_name, self.terminal)) or "there is none"
                raise DeadEnd(
                    f"table {self.name!r}: no row leads from state {_name(state)} "
                    f"to a terminal state ({ends})"
                )

    def _knows(self, state: object) -> bool:
        # an enum member can equal a str, and is another state
        return any(type(known) is type(state) and known == state for known in self.states)

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
        found = _reachable([self.initial if start is None else start], self.rows)
        return tuple(state for state in self.states if state in found)

    def paths(self, length: int) -> Iterator[tuple[Row[S], ...]]:
        """All sequences of up to `length` rows out of the initial state, shortest first."""
        paths: list[tuple[Row[S], ...]] = [()]
        yield from paths
        for _ in range(length):
            ends = [(path, path[-1].destination if path else self.initial) for path in paths]
            paths = [(*path, r) for path, end in ends for r in self.rows if r.source == end]
            yield from paths


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

    def __deepcopy__(self, memo: object) -> Self:
        return self  # nodes are compared by identity

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
        for row in self.table.rows:
            declared = self.transitions.get_transitions(str(row.event), row.source)
            if [transition.dest for transition in declared] != [_name(row.destination)]:
                raise TableError(
                    f"table {self.table.name!r}, row {row}: transitions declares it as {declared}"
                )
            moves[row.source][row.event] = nodes[row.destination]
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
        if not isinstance(coupling.keeps, tuple):
            raise BadCoupling(f"{where}: keeps must be a tuple, got {shown(coupling.keeps)}")
        if coupling.binds != self.name:
            raise BadCoupling(f"{where}: it does not bind the machine {self.name!r}")
        if coupling.reads is not None and coupling.reads not in self.table.states:
            raise BadCoupling(f"{where}: {self.name!r} has no state {coupling.reads!r}")
        for event in coupling.keeps:
            if event not in self.table.events:
                raise BadCoupling(f"{where}: {self.name!r} has no event {str(event)!r}")
