"""A machine in words: the way to each state, and the effect of each event."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import attrs

from wsfsm._text import printable
from wsfsm.diagrams._model import Diagram, Style, name_of, output_name
from wsfsm.fsm import Row, Table

__all__ = ["Section", "explain", "sections", "shortest_paths"]


@attrs.frozen
class Section:
    """A part of an explanation.

    Attributes:
        title: Its heading.
        head: The headings of its columns, or empty if it is only a text.
        rows: The cells of each row.
        text: The text below the heading.
    """

    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    text: str = ""


def shortest_paths(table: Table[Any]) -> dict[Any, tuple[Row[Any], ...]]:
    """Return, for every state, the fewest rows that lead to it from the initial one."""
    leaving: dict[Any, list[Row[Any]]] = {}
    for row in table.rows:
        leaving.setdefault(row.source, []).append(row)
    paths: dict[Any, tuple[Row[Any], ...]] = {table.initial: ()}
    ahead = deque([table.initial])
    while ahead:
        here = ahead.popleft()
        for row in leaving.get(here, ()):
            if row.target not in paths:
                paths[row.target] = (*paths[here], row)
                ahead.append(row.target)
    return {state: paths[state] for state in table.states}


def _name(text: str) -> str:
    return printable(text) or '""'


_STYLE: Final = Style(_name, _name, str, " ")


def sections(diagram: Diagram) -> Iterator[Section]:
    """Explain each machine of a diagram, and its couplings."""
    for table in diagram.tables:
        yield from _machine(table)
    if diagram.couplings:
        rows = tuple(
            (
                _name(coupling.machine),
                _STYLE.coupling_text(diagram, coupling),
                printable(coupling.note),
            )
            for coupling in diagram.couplings
        )
        yield Section("Couplings", ("machine", "effect", "note"), rows)


def _machine(table: Table[Any]) -> Iterator[Section]:
    ends = " or ".join(_name(name_of(state)) for state in table.final)
    counts = (
        _counted(len(table.states), "state"),
        _counted(len(table.events), "event"),
        _counted(len(table.rows), "row"),
    )
    course = f"It starts in {_name(name_of(table.initial))} and {f'ends in {ends}' if ends else 'runs for ever'}."
    yield Section(_name(table.name), text=f"{', '.join(counts)}. {course}")
    yield Section(
        "States, all of them reachable",
        ("state", "role", "shortest path"),
        tuple(
            (
                _name(name_of(state)),
                _role(table, state),
                ", ".join(_STYLE.event(row.event) for row in path) or "none is needed",
            )
            for state, path in shortest_paths(table).items()
        ),
    )
    yield Section("Events", ("event", "effect in each state"), tuple(_effects(table)))
    idle = tuple(
        (_name(name_of(row.source)), _STYLE.event(row.event))
        for row in table.rows
        if row.source == row.target and not row.outputs
    )
    title = "Rows that change nothing, neither the state nor by an output"
    yield Section(title, ("state", "event"), idle) if idle else Section(title, text="None.")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _role(table: Table[Any], state: Any) -> str:
    roles = ["initial"] * (state == table.initial) + ["final"] * (state in table.final)
    return ", ".join(roles)


def _effects(table: Table[Any]) -> Iterator[tuple[str, str]]:
    outputs = {(row.source, row.event): row.outputs for row in table.rows}
    matrix = table.matrix()
    for event in table.events:
        effects, refusing = [], []
        for state in table.states:
            target, name = matrix[state, event], _name(name_of(state))
            if target is None:
                refusing.append(name)
                continue
            given = ", ".join(_name(output_name(output)) for output in outputs[state, event])
            stays = f"{name} stays" if target == state else f"{name} -> {_name(name_of(target))}"
            effects.append(f"{stays} / {given}" if given else stays)
        refused = [f"refused in {', '.join(refusing)}"] if refusing else []
        yield _STYLE.event(event), "; ".join([*effects, *refused])


def explain(diagram: Diagram) -> str:
    """Explain machines as plain text: the shortest path to each state, and the effect of each event in each.

    Rows that change nothing are listed too, because they may be left over. A row that can never be taken is not
    possible, because a table with a state that cannot be reached is refused.
    """
    return "\n".join(line for section in sections(diagram) for line in _plain(section))


def _plain(section: Section) -> Iterator[str]:
    yield section.title
    if section.text:
        yield f"  {section.text}"
    if section.head:
        # the last column is as wide as it is
        grid = [section.head, *section.rows]
        widths = [*[max(map(len, column)) for column in zip(*grid, strict=True)][:-1], 0]
        for cells in grid:
            line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            yield f"  {line}".rstrip()
    yield ""
