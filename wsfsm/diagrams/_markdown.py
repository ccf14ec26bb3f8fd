"""Markdown: the matrix of a machine, and every row with its note."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wsfsm.diagrams._model import Diagram, Style, lines_of, name_of, output_name
from wsfsm.fsm import Table

__all__ = ["markdown"]


def _text(text: str) -> str:
    # a number sign at the end of a heading would be its closing sequence
    special = r"[\\`*<>|&~$]|\](?=\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|#(?=#*$)"
    return "<br>".join(re.sub(special, r"\\\g<0>", line) for line in lines_of(text))


def _name(name: str) -> str:
    text = _text(name)
    return f"`{name}`" if text == name.strip() else f"<code>{text}</code>"


def _note(note: str) -> str:
    return _text(note.strip()) if note and note.strip() else ""


def _italic(text: str) -> str:
    # beside a space, asterisks do not mean emphasis
    return f"*{text}*" if text == text.strip() else f"<i>{text}</i>"


_WIDTH: Final = 200  # the greatest width to which columns are aligned

_STYLE: Final = Style(_name, _text, _italic, " ")


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table with aligned columns."""
    rows = [head, *rows]
    widths = [min(max(map(len, column)), _WIDTH) for column in zip(*rows, strict=True)]
    grid = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in rows]
    grid.insert(1, ["-" * width for width in widths])
    return (f"| {' | '.join(line)} |" for line in grid)


def _machine(diagram: Diagram, table: Table[Any], italics: str) -> Iterator[str]:
    literal = _STYLE.literal
    meaning = diagram.meaning(table)
    ends = ", ".join(literal(name_of(state)) for state in table.final)
    yield f"## {_text(table.name)}"
    yield ""
    if meaning:
        yield f"Its events are {_text(meaning)}."
    end = f"ends in {ends}" if ends else "runs for ever"
    yield f"It starts in {literal(name_of(table.initial))} and {end}."
    yield f"A dash means that the event is refused.{italics}"
    yield ""
    cells = {
        place: "-" if after is None else literal(name_of(after))
        for place, after in table.matrix().items()
    }
    yield from _grid(
        ["event", *(literal(name_of(state)) for state in table.states)],
        [
            [_STYLE.event(event), *(cells[state, event] for state in table.states)]
            for event in table.events
        ],
    )
    yield ""
    has_outputs = any(row.outputs for row in table.rows)
    yield from _grid(
        ["state", "event", "next state", *["outputs"] * has_outputs, "note"],
        [
            [
                literal(name_of(row.source)),
                _STYLE.event(row.event),
                literal(name_of(row.target)),
                *[", ".join(_text(output_name(output)) for output in row.outputs)] * has_outputs,
                _note(row.note),
            ]
            for row in table.rows
        ],
    )


def markdown(diagram: Diagram) -> str:
    """Write the matrix, every row with its note, and the couplings."""
    parts = [f"# {' and '.join(_text(table.name) for table in diagram.tables)}"]
    italics = " *Italics* mark descriptions." if diagram.has_descriptions else ""
    for table in diagram.tables:
        parts += ["", *_machine(diagram, table, italics)]
    if diagram.couplings:
        rows = [
            [_text(c.machine), _text(c.target), _STYLE.coupling_text(diagram, c), _note(c.note)]
            for c in diagram.couplings
        ]
        parts += ["", "## Couplings", "", *_grid(["machine", "target", "effect", "note"], rows)]
    return "\n".join([*parts, ""])
