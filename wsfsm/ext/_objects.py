"""Machines, states and events as the targets of references, and the places where tables define them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

import attrs

from wsfsm._text import listed, printable, readable
from wsfsm.diagrams._grids import Cell, Grid, State
from wsfsm.diagrams._model import Diagram, name_of
from wsfsm.fsm import Table

__all__ = [
    "KINDS",
    "Definition",
    "Key",
    "Objects",
    "Place",
    "definitions",
    "full_name",
    "last_part",
    "positions",
]

KINDS: Final = ("machine", "state", "event")
"""The kinds of objects."""

Key: TypeAlias = tuple[str, str, str, int]
"""A kind, the name of a machine, a name inside of it, and a rank."""

Place: TypeAlias = tuple[str, str]
"""A page, and an id on it."""


def full_name(machine: str, name: str) -> str:
    """Return the name by which references find a state or an event; a machine has no name inside of itself.

    It is printable, as in errors: inventories are lines of text, and pages are encoded.
    """
    return printable(f"{machine}.{name}" if name else machine)


def last_part(target: str, machine: str, name: str) -> str:
    """Return a target without its machine: the name to which it leads, with the guard only if it has that."""
    exact = target in {full_name(machine, name), printable(name)}
    return printable((name if exact else _bare(name)) or machine)


def _bare(event: str) -> str:
    """Return the name of an event without its guard."""
    return event.partition(" [")[0] if event.endswith("]") else event


@attrs.frozen
class Definition:
    """An object that a table defines.

    Attributes:
        key: Its key.
        cell: The cell in which it is defined, or None for the table as a whole.
    """

    key: Key
    cell: Cell | None = None

    @property
    def words(self) -> tuple[str, str]:
        """Words for an id. The moves of a state may be on the page of the whole machine."""
        kind, machine, name, rank = self.key
        return f"wsfsm-{'moves' if rank else kind}", f"{machine}-{name}" if name else machine


def definitions(diagram: Diagram, table: Table[Any]) -> Iterator[Definition]:
    """Return all that the table of a machine defines; that of one state only defines this, with a higher rank."""
    if diagram.state is not None:
        yield Definition(("state", table.name, diagram.state, 1))
        return
    yield Definition(("machine", table.name, "", 0))
    for state in map(name_of, table.states):
        yield Definition(("state", table.name, state, 0), State(state))
    for event in table.events:
        yield Definition(("event", table.name, str(event), 0), event)


def positions(grid: Grid) -> dict[Cell | None, tuple[int, int]]:
    """Return line and column of each cell in which something may be defined; the head is the first line.

    A state is defined in the head or by the rows that begin in it, even if an earlier row leads to it.
    """
    lines = [grid.head, *grid.rows]
    places = [(number, column) for number, line in enumerate(lines) for column in range(len(line))]
    places.sort(key=lambda place: place[0] > 0 and place[1] > 0)
    found: dict[Cell | None, tuple[int, int]] = {}
    for number, column in places:
        found.setdefault(lines[number][column], (number, column))
    return found


@attrs.frozen
class Objects:
    """All objects of a site.

    Attributes:
        places: The place of each.
    """

    places: dict[Key, Place]

    def note(self, key: Key, place: Place) -> str | None:
        """Remember the place of an object.

        Returns:
            If another table defines it, what is wrong.
        """
        other = self.places.get(key)
        self.places[key] = place
        kind, machine, name, rank = key
        # once for a table, and not for each of its states and events
        if other is None or (kind != "machine" and not rank):
            return None
        return (
            f"another table defines the {kind} {readable(full_name(machine, name))}, on the page {other[0]}; "
            "add :no-index: to one of them"
        )

    def place(self, kind: str, machine: str, name: str) -> Place | None:
        """Return the place of an object; references lead to that of the highest rank."""
        ranks = [key for key in self.places if key[:3] == (kind, machine, name)]
        return self.places[max(ranks)] if ranks else None

    def named(self, kind: str, target: str) -> list[tuple[str, str]]:
        """Return the machines and names to which a target may lead.

        It may lack its machine. If it lacks the guard of an event, it leads to the first one of this name.
        """
        known = dict.fromkeys((key[1], key[2]) for key in self.places if key[0] == kind)
        exact = [parts for parts in known if full_name(*parts) == target] or [
            parts for parts in known if printable(parts[1]) == target
        ]
        if exact or kind != "event":
            return exact
        first: dict[str, tuple[str, str]] = {}
        for machine, name in known:
            if target in {full_name(machine, _bare(name)), printable(_bare(name))}:
                first.setdefault(machine, (machine, name))
        return [*first.values()]

    def names(self) -> Iterable[tuple[str, str, str]]:
        """Return kind, machine and name of each."""
        return dict.fromkeys(key[:3] for key in self.places)

    def advice(self, kind: str, target: str) -> str:
        """Say why a target leads nowhere, and what there is instead."""
        if kind not in KINDS:
            return f"a reference has the kind {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {kind}"
        found = [full_name(*parts) for parts in self.named(kind, target)]
        if found:
            return f"{readable(target)} may be {' or '.join(map(readable, found))}; specify the machine"
        missing = f"no wsfsm-table shows the {kind} {readable(target)}"
        if not self.places:
            return f"{missing}; add a wsfsm-table of the machine"
        known = [(machine, name) for other, machine, name in self.names() if other == kind]
        same = [
            parts for parts in known if target.startswith(f"{full_name(parts[0], '')}.")
        ] or known
        names = listed([full_name(*parts) for parts in same])
        whole = {key[1] for key in self.places if not key[3]}
        partial = any(key[1] not in whole for key in self.places)
        hint = " (a table with :state: defines only that state)" * partial
        return f"{missing}; there is {names or 'none'}{hint}"
