"""Finite state machines as tables: the declaration, checked when it is made.

`engine` compiles it; what is declared here is found there too.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

import attrs

from wsfsm._text import describe, listed, readable
from wsfsm.exceptions import (
    DeadEnd,
    DuplicateRow,
    TableError,
    TransitionFromFinalState,
    UnknownState,
    UnreachableState,
)

__all__ = [
    "SAME",
    "AnyEvent",
    "Event",
    "Immutable",
    "Row",
    "S",
    "Table",
    "among",
    "in_state",
    "plain",
    "plain_event",
    "state_name",
]

S = TypeVar("S", bound=Enum | str)


class Immutable:
    """A declaration, or what is compiled from one: nothing of it changes, so it is its own copy."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def plain(text: str) -> str:
    """A member of a `StrEnum`, or of any other subclass of str, as the str that it is."""
    given: object = text  # a wrong type is refused by the table
    # whatever the subclass makes of __str__
    return str.__str__(given) if isinstance(given, str) else text


@attrs.frozen
class Event(Immutable):
    """An event that needs more than a literal name.

    Attributes:
        name: Name of the event; the literal name of a message if `is_message`.
        guard: The condition on the message under which the event is this one. A message
            name with two guards is two events: guards are keys, not code beside the table.
        is_message: Whether the event is a message that somebody chooses to send; otherwise it happens,
            as a timer or a loss does, and its name is a description.
    """

    name: str = attrs.field(converter=plain)
    guard: str = attrs.field(default="", converter=plain)
    is_message: bool = True

    def __str__(self) -> str:
        return f"{self.name} [{self.guard}]" if self.guard else f"{self.name}"


AnyEvent: TypeAlias = str | Event
"""A literal name, or an `Event` where that is not enough."""


def plain_event(event: AnyEvent) -> AnyEvent:
    """A name as `plain` has it, or the `Event`."""
    return plain(event) if isinstance(event, str) else event


def state_name(state: Hashable) -> str:
    """Return the name of a state: that of an enum member, or the str."""
    if isinstance(state, Enum):
        return str(state.name)
    return plain(state) if isinstance(state, str) else str(state)


def among(states: Mapping[S, S], state: object) -> bool:
    """Whether a state is one of `states`, which are given as their own keys."""
    try:
        known = states[state]  # type: ignore[index]
    except (KeyError, TypeError):  # or it cannot be hashed
        return False
    # an enum member can equal a str, and is another state
    return type(known) is type(state)


@attrs.frozen
class Row(Immutable, Generic[S]):
    """One line of a table: in `source`, `event` leads to `target`.

    Attributes:
        source: State that the machine is in.
        event: What happens; a member of a `StrEnum` is taken as its value.
        target: State that follows.
        note: Where the rule comes from.
        outputs: Outputs of the event, in order.
    """

    source: S
    event: AnyEvent = attrs.field(converter=plain_event)
    target: S
    note: str = ""
    outputs: tuple[Hashable, ...] = ()

    def __str__(self) -> str:
        source, target = map(state_name, (self.source, self.target))
        return f"{readable(source)} --{readable(str(self.event))}--> {readable(target)}"


class _Same(Enum):
    """The state that a line of `in_state` does not change."""

    SAME = "="


SAME: Final = _Same.SAME
"""In a line of `in_state`: the state stays as it is."""


def in_state(states: S | tuple[S, ...], *lines: tuple[Any, ...]) -> tuple[Row[S], ...]:
    """Write the rows of a state, or of several states, as a table of their own.

    Args:
        states: The state, or several that share these rows.
        lines: Each has an event or a tuple of events, the state that follows or `SAME`, and then,
            if there are any, the outputs as a tuple and the note as a str.

    Raises:
        TableError: A line has another form.
    """
    rows: list[Row[S]] = []
    for state in states if isinstance(states, tuple) else (states,):
        for line in lines:
            events, target, outputs, note = _line(line)
            rows += [
                Row(state, event, state if target is SAME else target, note, outputs)
                for event in (events if isinstance(events, tuple) else (events,))
            ]
    return tuple(rows)


def _line(line: Any) -> tuple[Any, Any, tuple[Any, ...], str]:
    match line:
        case (events, target, *more) if len(more) <= 2:
            match more:
                case [] | [tuple()] | [str()] | [tuple(), str()]:
                    outputs = next((part for part in more if isinstance(part, tuple)), ())
                    note = next((part for part in more if isinstance(part, str)), "")
                    return events, target, outputs, note
    raise TableError(
        "a line of in_state() is (event or events, state that follows), then outputs as a tuple "
        f"and a note as a str if there are any, got {describe(line)}"
    )


def _reachable(starts: Iterable[S], rows: Iterable[Row[S]]) -> set[S]:
    after: dict[S, list[S]] = {}
    for row in rows:
        after.setdefault(row.source, []).append(row.target)
    found: set[S] = set()
    ahead = list(starts)
    while ahead:
        state = ahead.pop()
        if state not in found:
            found.add(state)
            ahead += after.get(state, [])
    return found


@attrs.frozen
class Table(Immutable, Generic[S]):
    """A machine as a table of rows. What no row allows is refused.

    Attributes:
        name: Name of the machine, used in every error and diagram.
        states: All states, in the order in which they are shown; enum members or strings.
        initial: State in which the machine starts.
        final: States that nothing leaves; what still happens there does not change them.
        rows: The transitions, grouped by source.

    Raises:
        UnknownState: A row, `initial` or `final` names a state that is not in `states`.
        DuplicateRow: A state is listed twice, two states are equal or have one name, a state has
            two rows for one event, or two different events have one name.
        TransitionFromFinalState: A row leaves a final state.
        UnreachableState: A state cannot be reached from the initial one.
        DeadEnd: From a state, no final state can be reached.
        TableError: Something is of the wrong type, an event or a state has no name, or a state
            has a name that `transitions` takes for something else.
    """

    name: str = attrs.field(converter=plain)
    states: tuple[S, ...]
    initial: S
    final: tuple[S, ...]
    rows: tuple[Row[S], ...]

    def __attrs_post_init__(self) -> None:
        self._check_types()
        self._check_names()
        self._check_states()
        self._check_rows()
        self._check_paths()

    def _check_types(self) -> None:
        if not isinstance(self.name, str):
            raise TableError(f"the name of a table must be a str, got {describe(self.name)}")
        where = self._where()
        for name in ("states", "final", "rows"):
            if not isinstance(getattr(self, name), tuple):
                raise TableError(
                    f"{where}: {name} must be a tuple, got {describe(getattr(self, name))}"
                )
        for row in self.rows:
            if not isinstance(row, Row):
                raise TableError(f"{where}: a row must be a Row, got {describe(row)}")
            if not isinstance(row.outputs, tuple):
                raise TableError(
                    f"{where}, row {row}: outputs must be a tuple, got {describe(row.outputs)}"
                )
        for state in self.states:
            if not isinstance(state, (str, Enum)):
                raise TableError(
                    f"{where}: a state is a str or an enum member, got {describe(state)}"
                )
            try:
                hash(state)
            except TypeError:
                raise TableError(
                    f"{where}: a state must be hashable, got {describe(state)}"
                ) from None

    def _check_names(self) -> None:
        where = self._where()
        for row in self.rows:
            event: object = row.event.name if isinstance(row.event, Event) else row.event
            if not isinstance(event, str) or not event:
                raise TableError(
                    f"{where}, row {row}: the name of an event is a str of at least one "
                    f"character, got {describe(event)}"
                )
        for state in self.states:
            if isinstance(state, Enum) and not isinstance(state.name, str):
                raise TableError(f"{where}: a state has a str as its name, got {describe(state)}")
            # transitions takes these names for "from any state" and "stay"
            if state_name(state) in {"*", "="}:
                raise TableError(f"{where}: {state_name(state)!r} cannot be the name of a state")

    def _check_states(self) -> None:
        where = self._where()
        names: dict[str, S] = {}
        known: dict[S, S] = {}
        for state in self.states:
            name = state_name(state)
            if among(known, state):
                raise DuplicateRow(
                    f"{where}: state {readable(name)} is listed twice in {self._listed()}"
                )
            if state in known:
                raise DuplicateRow(
                    f"{where}: the states {known[state]!r} and {state!r} are equal, "
                    f"so that one state is listed twice"
                )
            if name in names:
                raise DuplicateRow(
                    f"{where}: two states, {names[name]!r} and {state!r}, have one name, "
                    f"{readable(name)}"
                )
            known[state] = names[name] = state
        named = [("initial", self.initial), *(("final", state) for state in self.final)]
        for role, state in named:
            if not among(known, state):
                raise UnknownState(f"{where}: {role} state {self._unknown(state)}")

    def _check_rows(self) -> None:
        known = {state: state for state in self.states}
        final = frozenset(self.final)
        seen: dict[tuple[S, str], Row[S]] = {}
        events: dict[str, Row[S]] = {}
        for row in self.rows:
            for role, state in (("source", row.source), ("target", row.target)):
                if not among(known, state):
                    raise UnknownState(f"{self._where(row)}: {role} {self._unknown(state)}")
            if row.source in final and row.target != row.source:
                raise TransitionFromFinalState(
                    f"{self._where(row)}: {readable(state_name(row.source))} is declared as final"
                )
            name = str(row.event)
            first = seen.get((row.source, name))
            if first is not None:
                raise DuplicateRow(
                    f"{self._where(row)}: the row {first} has the same state and event"
                )
            seen[row.source, name] = row
            namesake = events.setdefault(name, row)
            if namesake.event != row.event:
                raise DuplicateRow(
                    f"{self._where(row)}: the row {namesake} gives its name to another event"
                )

    def _check_paths(self) -> None:
        reachable = _reachable([self.initial], self.rows)
        back = [Row(row.target, row.event, row.source) for row in self.rows]
        ending = _reachable(self.final, back)
        for state in self.states:
            if state not in reachable:
                raise UnreachableState(
                    f"{self._where()}: no row leads from {readable(state_name(self.initial))} "
                    f"to state {readable(state_name(state))}"
                )
            if state not in ending:
                ends = listed([*map(state_name, self.final)]) or "there is none"
                raise DeadEnd(
                    f"{self._where()}: no row leads from state {readable(state_name(state))} "
                    f"to a final state ({ends})"
                )

    def _where(self, row: Row[S] | None = None) -> str:
        return f"table {self.name!r}" if row is None else f"table {self.name!r}, row {row}"

    def _listed(self) -> str:
        return listed([*map(state_name, self.states)])

    def _unknown(self, state: object) -> str:
        return f"{state!r} is not one of the states {self._listed()}"

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """All events, in the order of their first row."""
        return tuple(dict.fromkeys(row.event for row in self.rows))

    def matrix(self) -> dict[tuple[S, AnyEvent], S | None]:
        """Every state with every event: the state that follows, or None where it is refused."""
        events = self.events
        cells: dict[tuple[S, AnyEvent], S | None] = {
            (state, event): None for state in self.states for event in events
        }
        cells.update({(row.source, row.event): row.target for row in self.rows})
        return cells

    def reachable(self, start: S | None = None) -> tuple[S, ...]:
        """The states that can be reached from `start` (default: the initial state), and itself."""
        found = _reachable([self.initial if start is None else start], self.rows)
        return tuple(state for state in self.states if state in found)

    def paths(self, length: int) -> Iterator[tuple[Row[S], ...]]:
        """All sequences of up to `length` rows out of the initial state, shortest first."""
        leaving: dict[S, list[Row[S]]] = {}
        for row in self.rows:
            leaving.setdefault(row.source, []).append(row)
        paths: list[tuple[Row[S], ...]] = [()]
        yield from paths
        for _ in range(length):
            ends = [(path, path[-1].target if path else self.initial) for path in paths]
            paths = [(*path, row) for path, end in ends for row in leaving.get(end, ())]
            yield from paths
