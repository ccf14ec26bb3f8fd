"""The model of a diagram, which all formats share."""

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
    "INFORMAL",
    "RECEIVED",
    "SENT",
    "Diagram",
    "Kind",
    "Style",
    "anchor",
    "lines_of",
    "name_of",
    "output_name",
]


@attrs.frozen
class Kind:
    """The trigger of an event.

    Attributes:
        name: One word, the class of its edges in the SVG.
        meaning: What the legend says.
        colour: Colour of its edges, ``#rrggbb``; dark enough to be read on white.

    Raises:
        ValueError: `name` is not one word, or `colour` is of another form.
    """

    name: str = attrs.field(validator=matches_re(r"[A-Za-z][A-Za-z0-9_-]*"))
    meaning: str
    colour: str = attrs.field(validator=matches_re("#[0-9a-fA-F]{6}"))


CHOSEN: Final = Kind("event", "event", "#0550ae")
SENT: Final = Kind("sent", "what the application sends", "#0550ae")
RECEIVED: Final = Kind("received", "what the application receives", "#116329")
INFORMAL: Final = Kind("informal", "what happens by itself", "#a40e26")
COUPLED: Final = Kind("coupling", "what one machine forces on the other", "#6639ba")


def _tables(machines: Iterable[Machine[Any] | Table[Any]]) -> tuple[Table[Any], ...]:
    return tuple(m.table if isinstance(m, Machine) else m for m in machines)


def _couplings(couplings: Iterable[Coupling[Any]]) -> tuple[Coupling[Any], ...]:
    return tuple(couplings)


@attrs.frozen(eq=False)
class Diagram:
    """Machines and couplings that are drawn together.

    Attributes:
        tables: The machines; given as machines or tables, in the order in which they are shown.
        couplings: What ties them.
        kinds: By the name of a machine, what its events are; `CHOSEN` where it is not named.
            Informal events are `INFORMAL` anyway.
        gathered: Whether pictures have one arrow for all that leads from a state to another, and
            show events that do not change a state inside of it: for machines with many rows.
        outputs: Whether pictures say what events give out; the Markdown always does.

    Raises:
        ValueError: Two machines have one name, or there is none.
        BadCoupling: A coupling ties a machine or has an event that is not in the diagram.
    """

    tables: tuple[Table[Any], ...] = attrs.field(converter=_tables)
    couplings: tuple[Coupling[Any], ...] = attrs.field(default=(), converter=_couplings)
    kinds: Mapping[str, Kind] = attrs.field(factory=dict)
    gathered: bool = False
    outputs: bool = True
    _guards: Mapping[str, dict[str, set[str]]] = attrs.field(init=False, repr=False)

    @_guards.default
    def _guards_by_machine(self) -> Mapping[str, dict[str, set[str]]]:
        return {table.name: _guards(table.events) for table in self.tables}

    def __attrs_post_init__(self) -> None:
        names = [table.name for table in self.tables]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"A diagram has machines with different names, got {listed(names) or 'none'}"
            )
        events = {table.name: frozenset(table.events) for table in self.tables}
        for coupling in self.couplings:
            taken = coupling.event in events.get(coupling.machine, ())
            if not taken or coupling.target not in events:
                raise BadCoupling(
                    f"coupling of {coupling.machine!r} and {coupling.target!r} by "
                    f"{readable(str(coupling.event))}: not in a diagram of {listed(names)}"
                )

    def kind(self, table: Table[Any], event: AnyEvent) -> Kind:
        """The trigger of `event` in `table`."""
        return (
            INFORMAL
            if isinstance(event, Event) and not event.is_message
            else self.kinds.get(table.name, CHOSEN)
        )

    def meaning(self, table: Table[Any]) -> str:
        """The description of the events of `table`, or an empty one."""
        kinds = {self.kind(table, event): None for event in table.events}
        said = [kind.meaning for kind in kinds if kind == self.kinds.get(table.name)]
        return " and ".join([*said, *[INFORMAL.meaning] * (INFORMAL in kinds)]) if said else ""

    def table(self, name: str) -> Table[Any]:
        """The table of that name."""
        return next(table for table in self.tables if table.name == name)

    def arrows(self, table: Table[Any]) -> dict[tuple[Any, Any], list[Row[Any]]]:
        """All rows, by the state that they lead from and the one that they lead to."""
        arrows: dict[tuple[Any, Any], list[Row[Any]]] = {}
        for row in table.rows:
            arrows.setdefault((row.source, row.target), []).append(row)
        return arrows

    def shown(self, table: Table[Any], rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        """The labels of an arrow, without guards that make no difference."""
        if not self.gathered:
            return list(rows)
        guards = self._guards[table.name]
        here = _guards(row.event for row in rows)
        shown: dict[str, Row[Any]] = {}
        for row in rows:
            event = row.event
            if isinstance(event, Event) and here[event.name] == guards[event.name]:
                event = attrs.evolve(event, guard="")
            shown.setdefault(str(event), attrs.evolve(row, event=event))
        return list(shown.values())

    @property
    def legend(self) -> tuple[Kind, ...]:
        """The kinds that there are in it."""
        kinds = [self.kind(table, event) for table in self.tables for event in table.events]
        kinds.sort(key=lambda kind: kind == INFORMAL)
        return tuple(dict.fromkeys([*kinds, *(COUPLED for _ in self.couplings)]))

    @property
    def describes(self) -> bool:
        """Whether anything in it is a description: an informal event, or a guard."""
        return any(
            isinstance(event, Event) and (not event.is_message or event.guard)
            for table in self.tables
            for event in table.events
        )


def _guards(events: Iterable[AnyEvent]) -> dict[str, set[str]]:
    guards: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, Event):
            guards.setdefault(event.name, set()).add(event.guard)
    return guards


def output_name(output: Hashable) -> str:
    """Return the name of an output: the value of an enum member, or the str."""
    return str(output.value if isinstance(output, Enum) else output)


def anchor(*names: str) -> str:
    """The ``id`` of what is named: machine; machine and state; machine, state and event.

    Every name is percent-encoded as by JavaScript's ``encodeURIComponent``, its hyphens too,
    and all are joined by hyphens: different names never have the same id.
    """
    return "-".join(
        quote(name, "!'()*", errors="surrogatepass").replace("-", "%2D") for name in names
    )


def lines_of(text: str) -> list[str]:
    """The lines of a text, with what cannot be seen or drawn written as its escape sequence.

    Blanks and line breaks are written so too where nothing else is in the text, and line breaks
    that nothing follows.
    """
    if not text.strip():
        return [printable(text).replace(" ", r"\x20") or '""']
    seen = text.rstrip(_BREAKS)
    lines = seen.splitlines()
    lines[-1] += text[len(seen) :]
    return [printable(line) for line in lines]


_BREAKS: Final = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # of str.splitlines()


@attrs.frozen
class Style:
    """How a format writes names.

    Attributes:
        literal: Writes a literal name.
        plain: Writes any other text.
        italic: Puts what is written into italics.
        turn: A new line, or in Markdown, where there is room, a space.
    """

    literal: Callable[[str], str]
    plain: Callable[[str], str]
    italic: Callable[[str], str]
    turn: str

    def described(self, text: str) -> str:
        """A description."""
        return self.italic(self.plain(text))

    def event(self, event: AnyEvent) -> str:
        """An event, with its guard."""
        if isinstance(event, str):
            return self.literal(event)
        name = self.described(event.name) if not event.is_message else self.literal(event.name)
        return f"{name}{self.turn}{self.described(f'[{event.guard}]')}" if event.guard else name

    def row(self, diagram: Diagram, row: Row[Any]) -> str:
        """An event, and what it gives out."""
        event = self.event(row.event)
        if not (diagram.outputs and row.outputs):
            return event
        given = ", ".join(self.plain(output_name(output)) for output in row.outputs)
        return f"{event}{self.turn}{self.plain('/')} {given}"

    def terms(self, diagram: Diagram, coupling: Coupling[Any]) -> str:
        """A coupling in words."""
        bound, turn, clauses = diagram.table(coupling.target), self.turn, []
        if set(bound.events) - set(coupling.still_allows):
            kept = f"{turn}or ".join(map(self.event, coupling.still_allows))
            clauses.append(f"takes only{turn}{kept}" if kept else "takes nothing")
        if not coupling.forwards:
            clauses.append("delivers nothing")
        if coupling.shown_as is not None:
            clauses.append(f"reads {self.literal(name_of(coupling.shown_as))}")
        clause = f"{turn}and ".join(clauses) or "goes on as before"
        return f"after {self.event(coupling.event)},{turn}{self.plain(bound.name)} {clause}"
