"""Mermaid, which GitHub draws in Markdown."""

import re
from collections.abc import Iterator
from typing import Any, Final

from wsfsm.diagrams._model import Diagram, Style, lines_of, name_of
from wsfsm.fsm import Table

__all__ = ["mermaid"]


# Letters, digits and a few other characters need no escape. There are two exceptions: an underscore
# outside a word means emphasis, and "direction TB" is a statement even in a label.
_SPECIAL: Final = re.compile(
    r"[^\w .,()-]|(?<![^\W_])_|_(?![^\W_])|(?<=direction) +(?=TB|BT|RL|LR)", re.IGNORECASE
)


def _text(text: str) -> str:
    """Escape special characters by their numbers."""
    return "<br/>".join(_SPECIAL.sub(_numbers, line) for line in lines_of(text))


def _numbers(found: re.Match[str]) -> str:
    return "".join(f"#{ord(c)};" for c in found[0])


_STYLE: Final = Style(_text, _text, "<i>{}</i>".format, "<br/>")


def _machine(diagram: Diagram, table: Table[Any], me: str) -> Iterator[str]:
    meaning = diagram.meaning(table)
    title = f"{table.name}: {meaning}" if meaning else table.name
    yield f'state "{_text(title)}" as {me} {{'
    yield "    direction TB"
    ids = {state: f"{me}s{number}" for number, state in enumerate(table.states)}
    states = diagram.states(table)
    for state in states:
        yield f'    state "{_text(name_of(state))}" as {ids[state]}'
    if table.initial in states:
        yield f"    [*] --> {ids[table.initial]}"
    # one arrow for all events between two states, because the labels of two arrows would overlap
    for (source, destination), rows in diagram.arrows(table).items():
        events = [_STYLE.row(diagram, row) for row in diagram.shown(table, rows)]
        if source == destination:
            yield from (f"    {ids[source]} : {event}" for event in events)
        else:
            yield f"    {ids[source]} --> {ids[destination]} : {'<br/>'.join(events)}"
    yield from (f"    {ids[state]} --> [*]" for state in table.final if state in states)
    yield "}"


def _legend(diagram: Diagram) -> Iterator[str]:
    keys = []
    if any(row.source == row.target for table in diagram.tables for row in diagram.rows(table)):
        keys.append(_text("in a state: an event that does not change it"))
    if diagram.has_descriptions:
        keys.append(f"{_STYLE.described('italics')}{_text(': a description, not a literal name')}")
    if keys:
        yield 'state "legend" as legend'
        yield from (f"legend : {key}" for key in keys)


def mermaid(diagram: Diagram) -> str:
    """Draw a diagram as a ``stateDiagram-v2`` of Mermaid."""
    ids = {table.name: f"m{number}" for number, table in enumerate(diagram.tables)}
    parts = ["stateDiagram-v2", "    direction TB"]
    for table in diagram.tables:
        parts += [f"    {line}" for line in _machine(diagram, table, ids[table.name])]
    for coupling in diagram.couplings:
        label = _STYLE.coupling_text(diagram, coupling)
        parts.append(f"    {ids[coupling.machine]} --> {ids[coupling.target]} : {label}")
    parts += [f"    {line}" for line in _legend(diagram)]
    return "\n".join([*parts, ""])
