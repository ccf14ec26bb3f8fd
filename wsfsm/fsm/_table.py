"""The declaration of a finite state machine as a table, which is checked when you create it."""

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
    "event_name",
    "in_state",
    "plain",
    "plain_event",
    "state_name",
]

S = TypeVar("S", bound=Enum | str)


class Immutable:
    """An immutable object, which is its own copy."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def plain(text: str) -> str:
    """Convert a member of a `enum.StrEnum`, or of any other subclass of str, to a plain str."""
    given: object = text  # the table refuses other types
    # str(), because the subclass may override __str__
    return str.__str__(given) if isinstance(given, str) else text


@attrs.frozen
class Event(Immutable):
    """An event that needs more than a literal name.

    Attributes:
        name: Name of the event; if `is_message`, the type of the message.
        guard: The condition under which a message or occurrence is this event. One name with two
            guards makes two events, because guards are part of the key and not code beside the table.
        is_message: Whether the event is a message, which your code chooses to send. Otherwise it is an
            occurrence, for example a timer or a loss, and its name is a description.
    """

    name: str = attrs.field(converter=plain)
    guard: str = attrs.field(default="", converter=plain)
    is_message: bool = True

    def __str__(self) -> str:
        return f"{self.name} [{self.guard}]" if self.guard else f"{self.name}"


AnyEvent: TypeAlias = str | Event
"""A literal name, or an `Event` if it has a guard or is not a message."""


def plain_event(event: AnyEvent) -> AnyEvent:
    """Convert a name with `plain`; return an `Event` unchanged."""
    return plain(event) if isinstance(event, str) else event


def event_name(event: AnyEvent) -> str:
    """Return the name of an event without its guard."""
    return event.name if isinstance(event, Event) else event


def state_name(state: Hashable) -> str:
    """Return the name of a state: the name of an enum member, or the str itself."""
    if isinstance(state, Enum):
        return str(state.name)
    return plain(state) if isinstance(state, str) else str(state)


def among(states: Mapping[S, S], state: object) -> bool:
    """Check whether `states`, a mapping of states to themselves, has a state."""
    try:
        known = states[state]  # type: ignore[index]
    except (KeyError, TypeError):  # TypeError: it cannot be hashed
        return False
    # an enum member that equals a str is another state
    return type(known) is type(state)


@attrs.frozen
class Row(Immutable, Generic[S]):
    """One line of a table: in `source`, `event` leads to `target`.

    Attributes:
        source: State in which the row applies.
        event: The event; a member of a `enum.StrEnum` counts as its value.
        target: State that the event leads to.
        note: Source of the rule.
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
    """The target of a line of `in_state` that does not change the state."""

    SAME = "="


SAME: Final = _Same.SAME
"""As the target in a line of `in_state`: the state does not change."""


def in_state(states: S | tuple[S, ...], *lines: tuple[Any, ...]) -> tuple[Row[S], ...]:
    """Create the rows of a state, or of several states, from lines of a table.

    Args:
        states: The state, or a tuple of states that share these rows.
        lines: Each line is a tuple of an event or a tuple of events, the target or `SAME`, and
            optionally the outputs as a tuple and a note as a str.

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
        "a line of in_state() must be (event or tuple of events, target), optionally with outputs "
        f"as a tuple and a note as a str, got {describe(line)}"
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
    """A machine as a table of rows. Events without a row are refused.

    Attributes:
        name: Name of the machine, used in errors and diagrams.
        states: All states, enum members or strings, in the order in which they are shown.
        initial: State in which the machine starts.
        final: States that no row leaves. Their rows must not change the state.
        rows: The transitions, grouped by source.
        endless: Whether the machine runs for ever. Such a table has no final state, and each of its
            states allows an event.

    Raises:
        UnknownState: A row, `initial` or `final` names a state that is not in `states`.
        DuplicateRow: A state is listed twice, two states are equal or have the same name, a state
            has two rows for one event, or two different events have the same name.
        TransitionFromFinalState: A row leaves a final state.
        UnreachableState: A state cannot be reached from the initial one.
        DeadEnd: No final state can be reached from a state, or a state of an endless table allows no
            event.
        TableError: A value has the wrong type, an endless table has a final state, an event or a state
            does not have a name, or the name of a state has another meaning in `transitions`.
    """

    name: str = attrs.field(converter=plain)
    states: tuple[S, ...]
    initial: S
    final: tuple[S, ...]
    rows: tuple[Row[S], ...]
    endless: bool = attrs.field(default=False, kw_only=True)

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
        if not isinstance(self.endless, bool):
            raise TableError(f"{where}: endless must be a bool, got {describe(self.endless)}")
        for row in self.rows:
            if not isinstance(row, Row):
                several = isinstance(row, tuple) and any(isinstance(one, Row) for one in row)
                hint = "; write *in_state(...), with the star" if several else ""
                raise TableError(f"{where}: a row must be a Row, got {describe(row)}{hint}")
            if not isinstance(row.outputs, tuple):
                raise TableError(
                    f"{where}, row {row}: outputs must be a tuple, got {describe(row.outputs)}"
                )
        self._check_state_types(where)

    def _check_state_types(self, where: str) -> None:
        for state in self.states:
            if not isinstance(state, (str, Enum)):
                raise TableError(
                    f"{where}: a state must be a str or an enum member, got {describe(state)}"
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
                    f"{where}, row {row}: the name of an event must be a str of at least one "
                    f"character, got {describe(event)}"
                )
            guard: object = row.event.guard if isinstance(row.event, Event) else ""
            if not isinstance(guard, str):
                raise TableError(
                    f"{where}, row {row}: the guard of an event must be a str, which names a condition "
                    f"that your code checks, got {describe(guard)}"
                )
        for state in self.states:
            if isinstance(state, Enum) and not isinstance(state.name, str):
                raise TableError(
                    f"{where}: the name of a state must be a str, got {describe(state)}"
                )
            # in transitions, these names mean "from any state" and "stay"
            if state_name(state) in {"*", "="}:
                raise TableError(f"{where}: the name of a state must not be {state_name(state)!r}")

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
                    f"so one state is listed twice"
                )
            if name in names:
                raise DuplicateRow(
                    f"{where}: two states, {names[name]!r} and {state!r}, have the same name, "
                    f"{readable(name)}"
                )
            known[state] = names[name] = state
        named = [("initial", self.initial), *(("final", state) for state in self.final)]
        for role, state in named:
            if not among(known, state):
                raise UnknownState(f"{where}: {role} state {self._unknown(state)}")
        if self.endless and self.final:
            raise TableError(
                f"{where}: an endless table must not have final states, got "
                f"{listed([*map(state_name, self.final)])}; remove them, or endless=True"
            )

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
                    f"{self._where(row)}: the row {namesake} has another event of the same name"
                )

    def _check_paths(self) -> None:
        reachable = _reachable([self.initial], self.rows)
        back = [Row(row.target, row.event, row.source) for row in self.rows]
        # an endless machine never ends, so each state only has to go on
        ending = {row.source for row in self.rows} if self.endless else _reachable(self.final, back)
        for state in self.states:
            if state not in reachable:
                raise UnreachableState(
                    f"{self._where()}: no row leads from {readable(state_name(self.initial))} "
                    f"to state {readable(state_name(state))}"
                )
            if state not in ending:
                raise DeadEnd(f"{self._where()}: {self._dead_end(readable(state_name(state)))}")

    def _dead_end(self, state: str) -> str:
        if self.endless:
            return f"state {state} allows no event, although the table is endless"
        ends = listed([*map(state_name, self.final)])
        hint = ends or "the table has none; if the machine runs for ever, pass endless=True"
        return f"no row leads from state {state} to a final state ({hint})"

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
        """Return, for every state with every event, the target, or None if the event is refused."""
        events = self.events
        cells: dict[tuple[S, AnyEvent], S | None] = {
            (state, event): None for state in self.states for event in events
        }
        cells.update({(row.source, row.event): row.target for row in self.rows})
        return cells

    def reachable(self, start: S | None = None) -> tuple[S, ...]:
        """Return `start` (default: the initial state) and the states that can be reached from it."""
        found = _reachable([self.initial if start is None else start], self.rows)
        return tuple(state for state in self.states if state in found)

    def paths(self, length: int) -> Iterator[tuple[Row[S], ...]]:
        """Yield all sequences of up to `length` rows from the initial state, shortest first."""
        leaving: dict[S, list[Row[S]]] = {}
        for row in self.rows:
            leaving.setdefault(row.source, []).append(row)
        paths: list[tuple[Row[S], ...]] = [()]
        yield from paths
        for _ in range(length):
            ends = [(path, path[-1].target if path else self.initial) for path in paths]
            paths = [(*path, row) for path, end in ends for row in leaving.get(end, ())]
            yield from paths
