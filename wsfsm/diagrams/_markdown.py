"""Markdown: the matrix of a machine, and every row with its note."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wsfsm.diagrams._grids import Cell, State, Words, cells, matrix, rows
from wsfsm.diagrams._model import Diagram, Style, lines_of, name_of
from wsfsm.fsm import Table

__all__ = ["markdown"]


def _text(text: str) -> str:
    # a number sign at the end of a heading would be its closing sequence
    special = r"[\\`*<>|&~$]|\](?=\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|#(?=#*$)"
    return "<br>".join(re.sub(special, r"\\\g<0>", line) for line in lines_of(text))


def _name(name: str) -> str:
    text = _text(name)
    return f"`{name}`" if text == name.strip() else f"<code>{text}</code>"


def _italic(text: str) -> str:
    # beside a space, asterisks do not mean emphasis
    return f"*{text}*" if text == text.strip() else f"<i>{text}</i>"


_WIDTH: Final = 200  # the greatest width to which columns are aligned

_STYLE: Final = Style(_name, _text, _italic, " ")


def _grid(head: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table with aligned columns."""
    lines = [head, *lines]
    widths = [min(max(map(len, column)), _WIDTH) for column in zip(*lines, strict=True)]
    grid = [[cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines]
    grid.insert(1, ["-" * width for width in widths])
    return (f"| {' | '.join(line)} |" for line in grid)


def _cell(cell: Cell) -> str:
    match cell:
        case State(name):
            return _name(name)
        case Words(text):
            return _text(text) if text else ""
    return _STYLE.event(cell)


def _machine(diagram: Diagram, table: Table[Any], italics: str) -> Iterator[str]:
    meaning = diagram.meaning(table)
    yield f"## {_text(table.name)}"
    yield ""
    if meaning:
        yield f"Its events are {_text(meaning)}."
    if diagram.state is None:
        ends = ", ".join(_name(name_of(state)) for state in table.final)
        end = f"ends in {ends}" if ends else "runs for ever"
        yield f"It starts in {_name(name_of(table.initial))} and {end}."
        grids = [matrix(table), rows(diagram, table)]
    else:
        yield f"Only the state {_name(diagram.state)} is shown."
        grids = [cells(diagram, table)]
    yield f"A dash means that the event is refused.{italics}"
    for grid in grids:
        yield ""
        yield from _grid([*map(_cell, grid.head)], [[*map(_cell, line)] for line in grid.rows])


def markdown(diagram: Diagram) -> str:
    """Write the matrix, every row with its note, and the couplings."""
    parts = [f"# {' and '.join(_text(table.name) for table in diagram.tables)}"]
    italics = " *Italics* mark descriptions." if diagram.has_descriptions else ""
    for table in diagram.tables:
        parts += ["", *_machine(diagram, table, italics)]
    if diagram.couplings:
        ties = [
            [
                _text(c.machine),
                _text(c.target),
                _STYLE.coupling_text(diagram, c),
                _text(c.note) if c.note else "",
            ]
            for c in diagram.couplings
        ]
        parts += ["", "## Couplings", "", *_grid(["machine", "target", "effect", "note"], ties)]
    return "\n".join([*parts, ""])
