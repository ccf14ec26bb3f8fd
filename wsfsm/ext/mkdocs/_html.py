"""Tables and pictures in HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote

import markdown

from wsfsm._text import printable
from wsfsm.diagrams._graphviz import svg
from wsfsm.diagrams._grids import Cell, Grid, State, Words
from wsfsm.diagrams._mermaid import mermaid
from wsfsm.diagrams._model import Diagram, Style, anchor, name_of
from wsfsm.ext._blocks import alternative
from wsfsm.ext._objects import full_name
from wsfsm.ext._picture import inline

__all__ = ["IMPLICIT", "address", "figure", "literal", "picture", "table_of", "words"]

IMPLICIT: Final = "data-wsfsm-implicit"
"""The attribute of a link that may lead nowhere."""


def address(kind: str, target: str) -> str:
    """Return the address of an object, before its page is known."""
    return f"wsfsm:{kind}:{quote(target)}"


def picture(diagram: Diagram, form: str, alt: str | None) -> str:
    """Draw a picture.

    Raises:
        GraphvizError: Graphviz is missing, or has failed.
    """
    if form == "mermaid":
        return f'<pre class="mermaid"><code>{escape(mermaid(diagram))}</code></pre>'
    links = {
        anchor(table.name, name_of(state)): address("state", full_name(table.name, name_of(state)))
        for table in diagram.tables
        for state in diagram.states(table)
    }
    drawn = inline(svg(diagram), alt or alternative(diagram), links)
    # no table may show these states
    return drawn.replace('<a href="wsfsm:', f'<a {IMPLICIT} href="wsfsm:')


def figure(content: str, options: Mapping[str, Any]) -> str:
    """Put a picture into a figure with its caption and its id."""
    if "caption" not in options:
        return f'<div class="wsfsm-diagram"{id_of(options)}>{content}</div>'
    return (
        f'<figure class="wsfsm-figure"{id_of(options)}><div class="wsfsm-diagram">{content}</div>'
        f"<figcaption>{words(options['caption'])}</figcaption></figure>"
    )


def id_of(options: Mapping[str, Any]) -> str:
    """Write the id that a block is given, as an attribute, or nothing."""
    return f' id="{escape(options["name"])}"' if "name" in options else ""


def words(text: str) -> str:
    """Render one line of Markdown."""
    return markdown.markdown(text).removeprefix("<p>").removesuffix("</p>")


def table_of(
    machine: str, grid: Grid, ids: Mapping[tuple[int, int], Sequence[str]], title: str
) -> str:
    """Write a table.

    Args:
        machine: The name of the machine.
        grid: Its contents.
        ids: The ids at a place, by line and column.
        title: Its title in HTML, or nothing.
    """

    def line(number: int, cells: tuple[Cell, ...], tag: str) -> str:
        written = (
            f"<{tag}>{_cell(machine, cell, ids.get((number, column), ()))}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(written)}</tr>"

    caption = f"<caption>{title}</caption>" if title else ""
    body = "".join(line(number, cells, "td") for number, cells in enumerate(grid.rows, 1))
    return f"<table>{caption}<thead>{line(0, grid.head, 'th')}</thead><tbody>{body}</tbody></table>"


def literal(name: str) -> str:
    """Show a name."""
    return f"<code>{escape(printable(name)) or '&quot;&quot;'}</code>"


def _italic(text: str) -> str:
    return f"<em>{text}</em>"


_STYLE: Final = Style(literal, lambda text: escape(printable(text)), _italic, " ")


def _cell(machine: str, cell: Cell, ids: Sequence[str]) -> str:
    match cell:
        case Words(text):
            shown = escape(printable(" ".join(text.split())))
        case State(name) if not ids:
            there = escape(address("state", full_name(machine, name)))
            shown = f'<a {IMPLICIT} href="{there}">{literal(name)}</a>'
        case State(name):
            shown = literal(name)
        case _:
            shown = _STYLE.event(cell)
    for me in ids:
        shown = f'<span id="{escape(me)}">{shown}</span>'
    return shown
