"""The model of a diagram, shared by all formats."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

import attrs
from attrs.validators import matches_re

from wsfsm._text import listed, printable, readable
from wsfsm.exceptions import BadCoupling
from wsfsm.fsm import AnyEvent, Coupling, Event, Machine, Row, Table
from wsfsm.fsm import state_name as name_of

__all__ = [
    "CHOSEN",
    "COUPLED",
    "OCCURRENCE",
    "PLAIN",
    "RECEIVED",
    "SENT",
    "Diagram",
    "Kind",
    "Style",
    "anchor",
    "combine",
    "key_of",
    "lines_of",
    "moves_of",
    "name_of",
    "output_name",
]


@attrs.frozen
class Kind:
    """A kind of events, for example messages that are sent.

    Attributes:
        name: One word, which is the class of the edges in an SVG.
        meaning: The text in the legend.
        colour: Colour of the edges, ``#rrggbb``. It should be dark enough for a white background.

    Raises:
        ValueError: `name` is not one word, or `colour` is of another form.
    """

    name: str = attrs.field(validator=matches_re(r"[A-Za-z][A-Za-z0-9_-]*"))
    meaning: str
    colour: str = attrs.field(validator=matches_re("#[0-9a-fA-F]{6}"))


CHOSEN: Final = Kind("event", "event", "#0550ae")
SENT: Final = Kind("sent", "messages that the application sends", "#0550ae")
RECEIVED: Final = Kind("received", "messages that the application receives", "#116329")
OCCURRENCE: Final = Kind("occurrence", "events that are not messages", "#a40e26")
COUPLED: Final = Kind("coupling", "coupling of the machines", "#6639ba")


def _tables(machines: Iterable[Machine[Any] | Table[Any]]) -> tuple[Table[Any], ...]:
    return tuple(m.table if isinstance(m, Machine) else m for m in machines)


def _couplings(couplings: Iterable[Coupling[Any]]) -> tuple[Coupling[Any], ...]:
    return tuple(couplings)


@attrs.frozen(eq=False)
class Diagram:
    """Machines and couplings that are drawn together.

    Attributes:
        tables: The machines, as machines or tables, in the order in which they are shown.
        couplings: The couplings of these machines.
        kinds: The kind of a machine's events, by the name of the machine; the default is `CHOSEN`.
            Events that are not messages are always of the kind `OCCURRENCE`.
        merge_edges: Whether pictures have only one arrow from a state to another, and show events that
            do not change the state inside of it. Use this for machines with many rows.
        outputs: Whether pictures show outputs. Markdown always shows them.
        state: Name of a state, if pictures and tables show only the rows that begin in it. SCXML and the
            JSON of XState always have the whole machine.

    Raises:
        ValueError: There is no machine, two machines have the same name, or one does not have `state`.
        BadCoupling: The machine, the target or the event of a coupling is not in the diagram.
    """

    tables: tuple[Table[Any], ...] = attrs.field(converter=_tables)
    couplings: tuple[Coupling[Any], ...] = attrs.field(default=(), converter=_couplings)
    kinds: Mapping[str, Kind] = attrs.field(factory=dict)
    merge_edges: bool = False
    outputs: bool = True
    state: str | None = None
    _guards: Mapping[str, dict[tuple[str, bool], set[str]]] = attrs.field(init=False, repr=False)

    @_guards.default
    def _guards_by_machine(self) -> Mapping[str, dict[tuple[str, bool], set[str]]]:
        return {table.name: _guards(table.events) for table in self.tables}

    def __attrs_post_init__(self) -> None:
        names = [table.name for table in self.tables]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"a diagram must have machines with different names, got {listed(names) or 'none'}"
            )
        for table in self.tables:
            states = [*map(name_of, table.states)]
            if self.state is not None and self.state not in states:
                raise ValueError(
                    f"{readable(table.name)} has no state {self.state!r}; it has {listed(states)}"
                )
        events = {table.name: frozenset(table.events) for table in self.tables}
        for coupling in self.couplings:
            taken = coupling.event in events.get(coupling.machine, ())
            if not taken or coupling.target not in events:
                raise BadCoupling(
                    f"coupling of {coupling.machine!r} and {coupling.target!r} by "
                    f"{readable(str(coupling.event))}: must be in the diagram, which has only "
                    f"{listed(names)}"
                )

    def kind(self, table: Table[Any], event: AnyEvent) -> Kind:
        """Return the kind of `event` in `table`."""
        return (
            OCCURRENCE
            if isinstance(event, Event) and not event.is_message
            else self.kinds.get(table.name, CHOSEN)
        )

    def meaning(self, table: Table[Any]) -> str:
        """Describe the events of `table`; empty if its kind is not given."""
        kinds = {self.kind(table, event): None for event in self.events(table)}
        given = [kind.meaning for kind in kinds if kind == self.kinds.get(table.name)]
        others = [OCCURRENCE.meaning] * (OCCURRENCE in kinds)
        return " and ".join([*given, *others]) if given else ""

    def table(self, name: str) -> Table[Any]:
        """Return the table of a machine by its name."""
        return next(table for table in self.tables if table.name == name)

    def rows(self, table: Table[Any]) -> tuple[Row[Any], ...]:
        """Return the rows of `table` that the diagram shows."""
        if self.state is None:
            return table.rows
        return tuple(row for row in table.rows if name_of(row.source) == self.state)

    def events(self, table: Table[Any]) -> tuple[AnyEvent, ...]:
        """Return the events of these rows."""
        return tuple(dict.fromkeys(row.event for row in self.rows(table)))

    def states(self, table: Table[Any]) -> tuple[Any, ...]:
        """Return the states of `table` that pictures show."""
        if self.state is None:
            return table.states
        shown = {self.state, *(name_of(row.target) for row in self.rows(table))}
        return tuple(state for state in table.states if name_of(state) in shown)

    def arrows(self, table: Table[Any]) -> dict[tuple[Any, Any], list[Row[Any]]]:
        """Return these rows, grouped by source and target."""
        arrows: dict[tuple[Any, Any], list[Row[Any]]] = {}
        for row in self.rows(table):
            arrows.setdefault((row.source, row.target), []).append(row)
        return arrows

    def shown(self, table: Table[Any], rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Return the rows on an arrow, without guards that make no difference if edges are merged.

        An event loses its guards if it has several of them in the table, and the arrow has a row for each,
        all with the same outputs as far as they are shown.
        """
        if not self.merge_edges:
            return list(rows)
        guards = self._guards[table.name]
        here = _guards(row.event for row in rows)
        outputs: dict[tuple[str, bool], set[tuple[Hashable, ...]]] = {}
        for row in rows:
            seen = row.outputs if self.outputs else ()
            outputs.setdefault(_unguarded(row.event), set()).add(seen)
        shown: dict[tuple[object, str], Row[Any]] = {}
        for row in rows:
            event, name = row.event, _unguarded(row.event)
            alike = here[name] == guards[name] and len(outputs[name]) == 1
            if isinstance(event, Event) and alike and len(here[name]) > 1:
                event = attrs.evolve(event, guard="")
            guard = event.guard if isinstance(event, Event) else ""
            shown.setdefault((name, guard), attrs.evolve(row, event=event))
        return list(shown.values())

    @property
    def legend(self) -> tuple[Kind, ...]:
        """The kinds that the diagram has."""
        kinds = [self.kind(table, event) for table in self.tables for event in self.events(table)]
        kinds.sort(key=lambda kind: kind == OCCURRENCE)
        return tuple(dict.fromkeys([*kinds, *(COUPLED for _ in self.couplings)]))

    @property
    def has_descriptions(self) -> bool:
        """Whether the diagram has descriptions, that is, events that are not messages, or guards."""
        return any(
            isinstance(event, Event) and (not event.is_message or event.guard)
            for table in self.tables
            for event in self.events(table)
        )


def moves_of(diagram: Diagram, state: str) -> Diagram:
    """Return a diagram that shows only what can happen in a state: its rows, and where they lead.

    It has the machines of `diagram` that have such a state, and no couplings.

    Raises:
        ValueError: No machine has a state of this name.
    """
    names = [[*map(name_of, table.states)] for table in diagram.tables]
    tables = [t for t, states in zip(diagram.tables, names, strict=True) if state in states]
    if not tables:
        known = "; ".join(
            f"{readable(table.name)} has {listed(states)}"
            for table, states in zip(diagram.tables, names, strict=True)
        )
        raise ValueError(f"there is no state {state!r}; {known}")
    return attrs.evolve(diagram, tables=tables, couplings=(), state=state)


def combine(parts: Iterable[Machine[Any] | Table[Any] | Diagram]) -> Diagram:
    """Put machines, tables and diagrams into one diagram.

    Edges are merged if a part has merged edges, or is a machine of which otherwise labels would overlap:
    an event does not change the state, or several events lead from one state to another. The outputs are
    shown unless a part hides them.

    Raises:
        ValueError: As `Diagram` does.
    """
    given = list(parts)
    if len(given) == 1 and isinstance(given[0], Diagram):
        return given[0]
    diagrams = [part for part in given if isinstance(part, Diagram)]
    tables = [
        table
        for part in given
        for table in (part.tables if isinstance(part, Diagram) else _tables([part]))
    ]
    own = [*_tables(part for part in given if not isinstance(part, Diagram))]
    return Diagram(
        tables,
        [coupling for diagram in diagrams for coupling in diagram.couplings],
        {name: kind for diagram in diagrams for name, kind in diagram.kinds.items()},
        any(diagram.merge_edges for diagram in diagrams) or any(map(_overlaps, own)),
        all(diagram.outputs for diagram in diagrams),
    )


def _overlaps(table: Table[Any]) -> bool:
    """Check whether the labels of separate arrows would overlap."""
    pairs = [(row.source, row.target) for row in table.rows]
    return len(set(pairs)) < len(pairs) or any(source == target for source, target in pairs)


def _unguarded(event: AnyEvent) -> tuple[str, bool]:
    """Return the name of an event, and whether it is a message."""
    return (event.name, event.is_message) if isinstance(event, Event) else (event, True)


def _guards(events: Iterable[AnyEvent]) -> dict[tuple[str, bool], set[str]]:
    guards: dict[tuple[str, bool], set[str]] = {}
    for event in events:
        guard = event.guard if isinstance(event, Event) else ""
        guards.setdefault(_unguarded(event), set()).add(guard)
    return guards


def key_of(row: Row[Any]) -> tuple[str, str]:
    """Return the name and the guard of the event of a row."""
    event = row.event
    return (event.name, event.guard) if isinstance(event, Event) else (event, "")


def output_name(output: Hashable) -> str:
    """Return the name of an output: the value of an enum member, or the str itself."""
    return str(output.value if isinstance(output, Enum) else output)


def anchor(*names: str) -> str:
    """Return the ``id`` of a machine, of a state (machine, state) or of a row (machine, state, event).

    Every name is percent-encoded like JavaScript's ``encodeURIComponent``, and its hyphens too. The names
    are joined by hyphens, so different names never have the same id.
    """
    return "-".join(
        quote(name, "!'()*", errors="surrogatepass").replace("-", "%2D") for name in names
    )


def lines_of(text: str) -> list[str]:
    """Split a text into lines, with escape sequences for characters that cannot be printed.

    Line breaks at the end are escaped too, and all blanks and line breaks in a text that has nothing else.
    """
    if not text.strip():
        return [printable(text).replace(" ", r"\x20") or '""']
    seen = text.rstrip(_BREAKS)
    lines = seen.splitlines()
    lines[-1] += text[len(seen) :]
    return [printable(line) for line in lines]


_BREAKS: Final = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # at which str.splitlines() splits


@attrs.frozen
class Style:
    """The way in which a format writes names.

    Attributes:
        literal: Writes a literal name.
        plain: Writes any other text.
        italic: Makes written text italic.
        separator: A line break, or in Markdown a space.
    """

    literal: Callable[[str], str]
    plain: Callable[[str], str]
    italic: Callable[[str], str]
    separator: str

    def described(self, text: str) -> str:
        """Write a description."""
        return self.italic(self.plain(text))

    def event(self, event: AnyEvent) -> str:
        """Write an event with its guard."""
        if isinstance(event, str):
            return self.literal(event)
        name = self.described(event.name) if not event.is_message else self.literal(event.name)
        if not event.guard:
            return name
        return f"{name}{self.separator}{self.described(f'[{event.guard}]')}"

    def row(self, diagram: Diagram, row: Row[Any]) -> str:
        """Write an event with its outputs."""
        event = self.event(row.event)
        if not (diagram.outputs and row.outputs):
            return event
        outputs = ", ".join(self.plain(output_name(output)) for output in row.outputs)
        return f"{event}{self.separator}{self.plain('/')} {outputs}"

    def coupling_text(self, diagram: Diagram, coupling: Coupling[Any]) -> str:
        """Describe a coupling in words."""
        bound, separator, clauses = diagram.table(coupling.target), self.separator, []
        if set(bound.events) - set(coupling.still_allows):
            allowed = f"{separator}or ".join(map(self.event, coupling.still_allows))
            clauses.append(f"allows only{separator}{allowed}" if allowed else "allows nothing")
        if not coupling.forwards:
            clauses.append("forwards nothing")
        if coupling.shown_as is not None:
            clauses.append(f"shows {self.literal(name_of(coupling.shown_as))}")
        clause = f"{separator}and ".join(clauses) or "is not affected"
        return f"after {self.event(coupling.event)},{separator}{self.plain(bound.name)} {clause}"


PLAIN: Final = Style(str, str, str, " ")
"""The style of a format that has only plain text."""
