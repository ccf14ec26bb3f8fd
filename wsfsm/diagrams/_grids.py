"""The tables of a machine, before a format writes them."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import attrs

from wsfsm.diagrams._model import Diagram, name_of, output_name
from wsfsm.fsm import Event, Row, Table

__all__ = ["Cell", "Grid", "State", "Words", "cells", "matrix", "rows"]


@attrs.frozen
class State:
    """The name of a state."""

    name: str


@attrs.frozen
class Words:
    """A text that is not a name."""

    text: str


Cell: TypeAlias = State | Words | Event | str
"""The content of a cell; an event needs no type of its own."""


@attrs.frozen
class Grid:
    """A table.

    Attributes:
        head: The headings of the columns.
        rows: The cells of each row.
    """

    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


_REFUSED: Final = Words("-")


def _state(state: Any) -> State:
    return State(name_of(state))


def matrix(table: Table[Any]) -> Grid:
    """Return every event with its target in every state."""
    targets = {
        place: _REFUSED if target is None else _state(target)
        for place, target in table.matrix().items()
    }
    head: tuple[Cell, ...] = (Words("event"), *map(_state, table.states))
    lines: list[tuple[Cell, ...]] = [
        (event, *(targets[state, event] for state in table.states)) for event in table.events
    ]
    return Grid(head, tuple(lines))


def cells(diagram: Diagram, table: Table[Any]) -> Grid:
    """Return every event in the state that the diagram shows, with the refused ones."""
    found = {row.event: row for row in diagram.rows(table)}
    lines: list[tuple[tuple[Cell, ...], Row[Any] | None]] = []
    for event in table.events:
        row = found.get(event)
        lines.append(((event, _REFUSED if row is None else _state(row.target)), row))
    return Grid(*_with_details(["event", "next state"], lines))


def rows(diagram: Diagram, table: Table[Any]) -> Grid:
    """Return the rows that the diagram shows."""
    lines: list[tuple[tuple[Cell, ...], Row[Any] | None]] = [
        ((_state(row.source), row.event, _state(row.target)), row) for row in diagram.rows(table)
    ]
    return Grid(*_with_details(["state", "event", "next state"], lines))


def _with_details(
    head: list[str], lines: Iterable[tuple[tuple[Cell, ...], Row[Any] | None]]
) -> tuple[tuple[Cell, ...], tuple[tuple[Cell, ...], ...]]:
    """Add columns for outputs and notes, if there are any."""
    lines = list(lines)
    given = [row for _, row in lines if row]
    has_outputs = any(row.outputs for row in given)
    has_notes = any(_note(row) for row in given)
    heads = [*head, *["outputs"] * has_outputs, *["note"] * has_notes]
    return tuple(map(Words, heads)), tuple(
        (
            *cells,
            *[Words(", ".join(map(output_name, row.outputs)) if row else "")] * has_outputs,
            *[Words(_note(row) if row else "")] * has_notes,
        )
        for cells, row in lines
    )


def _note(row: Row[Any]) -> str:
    return row.note.strip() if row.note else ""
