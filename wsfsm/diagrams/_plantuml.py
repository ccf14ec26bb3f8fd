"""PlantUML's diagrams of states: https://plantuml.com/state-diagram."""

import re
from collections.abc import Iterator
from typing import Any, Final

from wsfsm.diagrams._model import COUPLED, Diagram, Kind, Style, lines_of, name_of
from wsfsm.fsm import Row, Table

__all__ = ["plantuml"]

# Letters, digits and characters outside of ASCII need no escape, nor do a few others beside one of them: two
# hyphens, for example, begin a text that is struck through.
_SPECIAL: Final = re.compile(
    r"[!-~](?<![\w.,()-])|(?<![^\W_])_|_(?![^\W_])|(?<!\w)[-.]|[-.](?!\w)|^ | $|  +"
)


def _text(text: str) -> str:
    """Escape special characters by their numbers."""
    return r"\n".join(_SPECIAL.sub(_numbers, line) for line in lines_of(text))


def _numbers(found: re.Match[str]) -> str:
    # PlantUML fails at the usual form of a backslash and of a dollar sign
    return "".join(f"<U+{ord(c):04X}>" if c in r"\$" else f"&#{ord(c)};" for c in found[0])


def _lines(text: str, form: str) -> str:
    """Give each line a form, which ends with the line."""
    return r"\n".join(form.format(line) for line in text.split(r"\n"))


def _italic(text: str) -> str:
    return _lines(text, "<i>{}</i>")


_STYLE: Final = Style(_text, _text, _italic, r"\n")


def _coloured(kind: Kind, text: str) -> str:
    return _lines(text, f"<color:{kind.colour}>{{}}</color>")


def _events(diagram: Diagram, table: Table[Any], rows: list[Row[Any]]) -> list[str]:
    return [
        _coloured(diagram.kind(table, row.event), _STYLE.row(diagram, row))
        for row in diagram.shown(table, rows)
    ]


def _machine(diagram: Diagram, table: Table[Any], me: str) -> Iterator[str]:
    yield f'state "{_text(table.name)}" as {me} {{'
    ids = {state: f"{me}s{number}" for number, state in enumerate(table.states)}
    states = diagram.states(table)
    for state in states:
        yield f'  state "{_text(name_of(state))}" as {ids[state]}'
    if table.initial in states:
        yield f"  [*] --> {ids[table.initial]}"
    # one arrow for all events between two states, because the labels of two arrows would overlap
    for (source, destination), rows in diagram.arrows(table).items():
        events = _events(diagram, table, rows)
        if source == destination:
            yield from (f"  {ids[source]} : {event}" for event in events)
        else:
            label = r"\n".join(events)
            yield f"  {ids[source]} --> {ids[destination]} : {label}"
    yield from (f"  {ids[state]} --> [*]" for state in table.final if state in states)
    yield "}"


def _legend(diagram: Diagram) -> Iterator[str]:
    for kind in diagram.legend:
        yield _coloured(kind, _text(kind.meaning))
    if any(row.source == row.target for table in diagram.tables for row in diagram.rows(table)):
        yield _text("in a state: an event that does not change it")
    if diagram.has_descriptions:
        yield f"{_STYLE.described('italics')}{_text(': a description, not a literal name')}"


def plantuml(diagram: Diagram) -> str:
    """Draw a diagram in PlantUML."""
    ids = {table.name: f"m{number}" for number, table in enumerate(diagram.tables)}
    parts = ["@startuml", "hide empty description"]
    for table in diagram.tables:
        parts += _machine(diagram, table, ids[table.name])
    for coupling in diagram.couplings:
        label = _coloured(COUPLED, _STYLE.coupling_text(diagram, coupling))
        arrow = f"-[{COUPLED.colour},dashed]->"
        parts.append(f"{ids[coupling.machine]} {arrow} {ids[coupling.target]} : {label}")
    parts += ["legend", *(f"  {line}" for line in _legend(diagram)), "endlegend", "@enduml", ""]
    return "\n".join(parts)
