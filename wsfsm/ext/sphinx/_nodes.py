"""What directives put into a page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from docutils import nodes
from sphinx import addnodes

from wsfsm._text import printable
from wsfsm.diagrams._grids import Cell, Grid, State, Words
from wsfsm.ext._objects import full_name
from wsfsm.fsm import Event

__all__ = ["literal", "picture", "table_of"]

_WIDEST: Final = 40


class picture(nodes.General, nodes.Element):  # noqa: N801 - nodes have such names
    """A picture that is not drawn yet.

    Its attributes have everything that a builder may need, but no machines, because a page is pickled, and
    read again in a process that has not imported them.
    """


def table_of(
    machine: str,
    grid: Grid,
    targets: Mapping[tuple[int, int], Sequence[nodes.target]],
    *,
    linked: bool = True,
) -> nodes.table:
    """Build a table.

    Args:
        machine: The name of the machine.
        grid: Its contents.
        targets: The targets at a place, by line and column.
        linked: Whether states are references.
    """
    table = nodes.table(classes=["wsfsm-table", "colwidths-auto"])
    group = nodes.tgroup(cols=len(grid.head))
    table += group
    columns = zip(grid.head, *grid.rows, strict=True)
    group.extend(nodes.colspec(colwidth=_width(column)) for column in columns)
    head, body = nodes.thead(), nodes.tbody()
    for number, line in enumerate([grid.head, *grid.rows]):
        row = nodes.row()
        for column, cell in enumerate(line):
            row += _entry(machine, cell, targets.get((number, column), ()), linked=linked)
        (body if number else head).append(row)
    group += [head, body]
    return table


def _entry(
    machine: str, cell: Cell, targets: Sequence[nodes.target], *, linked: bool
) -> nodes.entry:
    shown = _parts(machine, cell, linked=linked and not targets)
    return nodes.entry("", nodes.paragraph("", "", *targets, *shown))


def _width(column: Iterable[Cell]) -> int:
    """Return the width of a column in formats of plain text, in which longer cells are wrapped."""
    texts = (" ".join(part.astext() for part in _parts("", cell, linked=False)) for cell in column)
    return min(max(map(len, texts)), _WIDEST) + 2


def _parts(machine: str, cell: Cell, *, linked: bool) -> Iterator[nodes.Node]:
    match cell:
        case Words(text):
            yield nodes.Text(printable(" ".join(text.split())))
        case State(name) if linked:
            yield _reference("state", full_name(machine, name), literal(name))
        case State(name):
            yield literal(name)
        case Event(name, guard, is_message):
            yield literal(name) if is_message else nodes.emphasis("", printable(name))
            if guard:
                yield nodes.Text(" ")
                yield nodes.emphasis("", f"[{printable(guard)}]")
        case _:
            yield literal(cell)


def literal(name: str) -> nodes.literal:
    """Show a name."""
    return nodes.literal("", printable(name) or '""')


def _reference(kind: str, target: str, shown: nodes.Node) -> addnodes.pending_xref:
    options: dict[str, Any] = {"refdomain": "wsfsm", "reftype": kind, "reftarget": target}
    return addnodes.pending_xref(
        "", shown, **options, refexplicit=True, refwarn=False, implicit=True
    )
