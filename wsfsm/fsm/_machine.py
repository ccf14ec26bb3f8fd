"""Finite state machines as tables: declared, checked and compiled once, then only looked up.

A `Table` is a declaration of states and rows. A `Machine` is a table that is compiled to one `Node` for
each state. An instance of a machine is just a variable that refers to a node::

    node = machine.initial
    node = node.moves["connect"]  # raises KeyError if the table refuses the event
    node = node.step("connect")  # the same, but raises IllegalTransition

A row can also have outputs (this makes it a Mealy machine). They are data, and your code acts on them::

    target, outputs = machine.transitions_on("connect")[node]

A `Coupling` ties two machines that run side by side: an event of one restricts the other. Nothing here
knows about WebSockets.

All objects are immutable, so a copy is the object itself. A machine is pickled as its table, and a node
as its machine and its state. If the process that unpickles them has a machine of that table already,
you get that machine and its node.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Self, SupportsIndex
from weakref import WeakValueDictionary

import attrs
from transitions import Machine as TransitionsMachine

from wsfsm._text import describe, readable
from wsfsm.exceptions import BadCoupling, IllegalTransition, TableError
from wsfsm.fsm._live import TableMachine, check
from wsfsm.fsm._refusals import event_hint, refusal_text
from wsfsm.fsm._table import (
    AnyEvent,
    Event,
    Immutable,
    Row,
    S,
    Table,
    among,
    plain_event,
)

__all__ = ["AnyEvent", "Coupling", "Event", "Machine", "Node", "Row", "Table", "Transition"]


class Transition(NamedTuple):
    """The effect of an event in a state.

    Attributes:
        target: The node that the event leads to.
        outputs: The outputs of the event, in order.
    """

    target: "Node[Any]"
    outputs: tuple[Any, ...]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


@attrs.frozen(eq=False)
class Node(Immutable, Generic[S]):
    """A state of a compiled machine, with the events that it allows.

    Attributes:
        machine: Name of the machine.
        state: The state.
        moves: The allowed events, and the node that each leads to. All other events are refused.
        forwards: Whether events in this state are passed on to the other side; False only if a
            `Coupling` says so.
        outputs: Outputs of each allowed event.
    """

    machine: str
    state: S
    moves: Mapping[Any, "Node[S]"] = attrs.field(repr=False)
    forwards: bool = True
    outputs: Mapping[Any, tuple[Any, ...]] = attrs.field(factory=dict, repr=False)
    _origin: "tuple[Machine[S], Coupling[S] | None, S] | None" = attrs.field(
        default=None, repr=False
    )

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # nodes are compared by identity, so unpickling has to find the existing one
        if self._origin is not None and _node(*self._origin) is self:
            return _node, self._origin
        return super().__reduce_ex__(protocol)

    @property
    def final(self) -> bool:
        """Whether no event leads to another state."""
        return all(after is self for after in self.moves.values())

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """The allowed events, in the table's order."""
        return tuple(self.moves)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the allowed messages, which are the `events` that your code can choose."""
        return tuple(
            str(event)
            for event in self.moves
            if not (isinstance(event, Event) and not event.is_message)
        )

    def step(self, event: AnyEvent) -> "Node[S]":
        """Return the node that `event` leads to.

        Raises:
            IllegalTransition: The table refuses the event in this state.
        """
        try:
            return self.moves[event]
        except KeyError:
            raise self.refusal(event) from None

    def refusal(self, event: AnyEvent) -> IllegalTransition:
        """Create the exception for an `event` that this state refuses."""
        given = plain_event(event)
        name, allowed, hint = str(given), self.allowed, ""
        if self._origin is not None and not self._origin[0].transitions_on(given):
            hint = event_hint(self._origin[0].table, given)
        return IllegalTransition(
            refusal_text(self.machine, self.state, name, allowed, hint),
            machine=self.machine,
            state=self.state,
            event=name,
            allowed=allowed,
        )


def _node(machine: "Machine[S]", coupling: "Coupling[S] | None", state: S) -> Node[S]:
    """Find the node of a state, or the one that replaces it once `coupling` binds the machine."""
    node = machine.nodes[state]
    return node if coupling is None else machine.after(coupling)[node]


@attrs.frozen
class Coupling(Immutable, Generic[S]):
    """A rule by which an event of one machine binds another machine.

    Attributes:
        machine: Name of the machine that takes the event.
        event: The event.
        target: Name of the machine that is bound.
        still_allows: Events that the bound machine still takes, if its table allows them.
        forwards: Whether events of the bound machine are still passed on to the other side.
        shown_as: State that the bound machine shows from then on, or None for its own.
        note: Source of the rule.
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
    """A compiled table. It is immutable, so all connections and threads share it.

    Attributes:
        table: The declaration.
        transitions: The same machine in the package ``transitions``, for introspection, as an
            oracle, and for models of yours, which you add with its method ``add_model``. wsfsm never
            triggers it, because a trigger costs about as much as ninety look-ups.
        nodes: The compiled states.

    Raises:
        TableError: `table` is not a `Table`.
    """

    table: Table[S]
    transitions: TableMachine = attrs.field(init=False, repr=False)
    nodes: Mapping[S, Node[S]] = attrs.field(init=False, repr=False)
    _columns: Mapping[AnyEvent, Mapping[Node[S], Transition]] = attrs.field(init=False, repr=False)
    _bound: dict[Coupling[S], Mapping[Node[S], Node[S]]] = attrs.field(
        init=False, factory=dict, repr=False
    )

    @transitions.default
    def _declare(self) -> TableMachine:
        given: object = self.table
        if not isinstance(given, Table):
            theirs = isinstance(given, TransitionsMachine)
            hint = "; use Machine.from_transitions(...)" if theirs else ""
            raise TableError(f"Machine() needs a Table, got {describe(given)}{hint}")
        return TableMachine(self)

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
                origin=(self, None, state),
            )
            for state in moves
        }
        check(self.transitions)
        for row in self.table.rows:
            moves[row.source][row.event] = nodes[row.target]
            outputs[row.source][row.event] = row.outputs
        return MappingProxyType(nodes)

    @_columns.default
    def _compile_columns(self) -> Mapping[AnyEvent, Mapping[Node[S], Transition]]:
        columns: dict[AnyEvent, dict[Node[S], Transition]] = {}
        for node in self.nodes.values():
            for event, after in node.moves.items():
                columns.setdefault(event, {})[node] = Transition(after, node.outputs[event])
        return {event: MappingProxyType(column) for event, column in columns.items()}

    def __attrs_post_init__(self) -> None:
        with suppress(TypeError):  # an output cannot be hashed
            _MACHINES.setdefault(_identity(type(self), self.table), self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _machine, (type(self), self.table)

    @classmethod
    def from_transitions(
        cls, machine: TransitionsMachine, *, name: str | None = None
    ) -> "Machine[Any]":
        """Compile a machine of the package ``transitions``.

        Its states, initial and final states, and transitions become a table. If it declares no final
        states, these are the states that no transition leaves. Automatic transitions (``to_red()``) are
        left out. The only condition of a trigger becomes a guard, and its opposite another one: with
        ``conditions="free"`` these are the events ``go [free]`` and ``go [not free]``.

        Args:
            machine: A flat machine without callbacks other than methods of its models.
            name: Name of the new machine; by default that of the other one.

        Raises:
            ConversionError: Something cannot be converted; its ``reasons`` list everything.
            TableError: One of the checks refuses the table.
        """
        from wsfsm.fsm._from_transitions import table_of  # noqa: PLC0415 - few programs need it

        return cls(table_of(machine, name))

    @classmethod
    def from_scxml(cls, document: str | bytes, *, name: str | None = None) -> "Machine[str]":
        """Compile a document in SCXML, for example one that `wsfsm.diagrams.scxml` has written.

        States that no transition leaves are final. The document need not be from a source that you
        trust; it cannot have a DTD.

        Args:
            document: A flat machine: states, and transitions with an event and a target. A condition
                ``_event.data.guard == "..."`` is a guard, and a ``log`` element an output.
            name: Name of the machine; by default that in the document.

        Raises:
            ConversionError: Something cannot be converted; its ``reasons`` list everything.
            TableError: One of the checks refuses the table.
        """
        from wsfsm.fsm._from_scxml import read  # noqa: PLC0415 - few programs need it

        kind: type[Machine[Any]] = cls
        return kind(read(document, name))

    @property
    def name(self) -> str:
        """Name of the machine."""
        return self.table.name

    @property
    def initial(self) -> Node[S]:
        """The node of the initial state."""
        return self.nodes[self.table.initial]

    def transitions_on(self, event: AnyEvent) -> Mapping[Node[S], Transition]:
        """Return the transitions of `event`, by node. This is the fastest way to take an event.

        Keep the mapping in a module or a class, because unlike nodes it cannot be copied or pickled.
        """
        return self._columns.get(event, _NO_TRANSITIONS)

    def after(self, coupling: Coupling[S]) -> Mapping[Node[S], Node[S]]:
        """Return the node that replaces each node once `coupling` binds this machine.

        Nodes that are bound already are replaced by themselves. Equal couplings give the same nodes.

        Raises:
            BadCoupling: The coupling binds another machine, or it names an event or a state that
                this machine does not have.
        """
        self._check(coupling)
        known = self._bound.get(coupling)
        if known is None:
            # if two threads get here at once, both use the nodes of the first
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
                origin=(self, coupling, state),
            )
            for state in moves
        }
        for row in self.table.rows:
            if row.event in still_allowed:
                moves[row.source][row.event] = bound[row.target]
        replaced = {node: bound[state] for state, node in self.nodes.items()}
        replaced.update({node: node for node in bound.values()})
        return MappingProxyType(replaced)

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
            raise BadCoupling(f"{where} does not bind the machine {self.name!r}")
        known = {state: state for state in self.table.states}
        if coupling.shown_as is not None and not among(known, coupling.shown_as):
            raise BadCoupling(f"{where}: {self.name!r} has no state {coupling.shown_as!r}")
        for event in coupling.still_allows:
            if event not in self._columns:
                raise BadCoupling(f"{where}: {self.name!r} has no event {str(event)!r}")


_NO_TRANSITIONS: Final[Mapping[Any, Transition]] = MappingProxyType({})

_MACHINES: Final[WeakValueDictionary[tuple[Any, ...], Machine[Any]]] = WeakValueDictionary()
"""The first living machine of each table."""


def _identity(kind: type[Machine[Any]], table: Table[Any]) -> tuple[Any, ...]:
    # tables with an enum member and with an equal str as a state are equal, but not the same
    return kind, table, tuple(map(type, table.states))


def _machine(kind: type[Machine[S]], table: Table[S]) -> Machine[S]:
    """Find the machine of a table, or create it."""
    with suppress(TypeError):
        known = _MACHINES.get(_identity(kind, table))
        if known is not None:
            return known
    return kind(table)
