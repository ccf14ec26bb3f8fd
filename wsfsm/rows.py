"""Finite state machines as tables: the declaration, checked when it is made.

`engine` compiles it; what is declared here is found there too.
"""

from collections.abc import Hashable, Iterable, Iterator
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

import attrs

from wsfsm.errors import (
    DeadEnd,
    DuplicateRow,
    RowOutOfTerminalState,
    TableError,
    UnknownState,
    UnreachableState,
    shown,
)

__all__ = ["AnyEvent", "Event", "Row", "S", "Table", "state_name"]

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


def state_name(state: Hashable) -> str:
    """What a state is called: the name of an enum member, or the str."""
    return state.name if isinstance(state, Enum) else str(state)


@attrs.frozen
class Row(Generic[S]):
    """One line of a table: in `source`, `event` leads to `destination`.

    Attributes:
        source: State that the machine is in.
        event: What happens.
        destination: State that follows.
        note: Where the rule comes from.
        emits: What the event gives out, in order.
    """

    source: S
    event: AnyEvent
    destination: S
    note: str = ""
    emits: tuple[Hashable, ...] = ()

    def __str__(self) -> str:
        return f"{state_name(self.source)} --{self.event}--> {state_name(self.destination)}"


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
        terminal: States that nothing leaves; what still happens there does not change them.
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
            if not isinstance(row.emits, tuple):
                raise TableError(
                    f"{where}, row {row}: emits must be a tuple, got {shown(row.emits)}"
                )
            event = row.event.name if isinstance(row.event, Event) else row.event
            if type(event) is not str or not event:
                raise TableError(f"{where}, row {row}: the name of an event is a str, not empty")
        for state in self.states:
            if not isinstance(state, (str, Enum)):
                raise TableError(f"{where}: a state is a str or an enum member, got {shown(state)}")
            # transitions takes these names for "from any state" and "stay"
            if state_name(state) in {"*", "="}:
                raise TableError(f"{where}: {state_name(state)!r} cannot be the name of a state")

    def _check_states(self) -> None:
        names = list(map(state_name, self.states))
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
            if row.source in self.terminal and row.destination != row.source:
                raise RowOutOfTerminalState(
                    f"{where}: {state_name(row.source)} is declared as terminal"
                )
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
                    f"table {self.name!r}: no row leads from {state_name(self.initial)} "
                    f"to state {state_name(state)}"
                )
            if state not in ending:
                ends = ", ".join(map(state_name, self.terminal)) or "there is none"
                raise DeadEnd(
                    f"table {self.name!r}: no row leads from state {state_name(state)} "
                    f"to a terminal state ({ends})"
                )

    def _knows(self, state: object) -> bool:
        # an enum member can equal a str, and is another state
        return any(type(known) is type(state) and known == state for known in self.states)

    def _unknown(self, state: object) -> str:
        return f"{state!r} is not one of the states {', '.join(map(state_name, self.states))}"

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
