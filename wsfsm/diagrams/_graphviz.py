"""DOT, and the SVG and PNG that Graphviz draws from it."""

import html
import shutil
import subprocess
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from wsfsm.diagrams._model import COUPLED, Diagram, Style, anchor, lines_of, name_of
from wsfsm.exceptions import Explained
from wsfsm.fsm import Coupling, Row, Table

__all__ = ["GraphvizError", "GraphvizMissing", "dot", "draw", "png", "svg"]

# A background of its own, because otherwise you could not read the picture on a dark page
_PAPER: Final = "#ffffff"
_PANEL: Final = "#f6f8fa"
_FRAME: Final = "#d0d7de"
_INK: Final = "#24292f"

_PATIENCE: Final = 60  # seconds
_PIECE: Final = 1000  # characters


class GraphvizError(Explained, RuntimeError):
    """Graphviz is missing or has failed; the text says which."""

    topic = "graphviz"


class GraphvizMissing(GraphvizError):
    """Graphviz is missing; another format may do."""


def _text(text: str) -> str:
    return "<BR/>".join(map(_line, lines_of(text)))


def _line(text: str) -> str:
    # a backslash starts an escape sequence in labels (escString), also in HTML-like ones
    parts = (html.escape(part).replace("\\", r"\\") for part in _cut(text))
    return '<BR ALIGN="LEFT"/>'.join(parts)


def _quoted(text: str) -> str:
    pieces = "\\\n".join(_cut(text))
    return f'"{pieces}"'


def _cut(text: str) -> Iterator[str]:
    """Cut a text into pieces, because Graphviz limits tokens to 16 KiB, and the width of a line."""
    return (text[i : i + _PIECE] for i in range(0, max(len(text), 1), _PIECE))


_STYLE: Final = Style(_text, _text, "<I>{}</I>".format, "<BR/>")

_FONT: Final = f'fontname="Helvetica,Arial,sans-serif", fontcolor="{_INK}"'
_HEAD: Final = f"""\
  compound=true; bgcolor="{_PAPER}"; pad=0.1; nodesep=0.2; ranksep=0.45;
  graph [{_FONT}, fontsize=11];
  node [{_FONT}, fontsize=11, shape=box, style="rounded,filled", color="{_INK}",
        fillcolor="{_PAPER}", margin="0.12,0.06", height=0.38];
  edge [{_FONT}, fontsize=9.5, color="{_INK}", penwidth=1.3, arrowsize=0.8];"""

_FRAMES: Final = (
    '<TABLE BORDER="1" CELLBORDER="1" CELLSPACING="1" CELLPADDING="3"><TR><TD></TD></TR></TABLE>'
)


def _attributes(me: str, classes: str, **more: str) -> str:
    """Write attributes in DOT. A value in angle brackets is an HTML-like label, which is not quoted."""
    values = {"id": me, "class": classes, **more}
    listed = (f"{k}={v if v.startswith('<') else _quoted(v)}" for k, v in values.items())
    return f"[{', '.join(listed)}]"


def _machine(diagram: Diagram, table: Table[Any]) -> Iterator[str]:
    me, initial = anchor(table.name), anchor(table.name, name_of(table.initial))
    start = _attributes(f"{me}:start", "start", shape="point", width="0.13", fillcolor=_INK)
    final = frozenset(table.final)
    yield f"subgraph {_quoted(f'cluster_{me}')} {{"
    yield f'  id={_quoted(me)}; class="machine"; label=<<B>{_text(table.name)}</B>>;'
    yield f'  style="rounded,filled"; color="{_FRAME}"; fillcolor="{_PANEL}"; margin=8;'
    arrows = diagram.arrows(table)
    states = diagram.states(table)
    if table.initial in states:
        yield f"  {_quoted(f'{me}:start')} {start};"
    for state in states:
        inside = arrows.pop((state, state), []) if diagram.merge_edges else []
        yield f"  {_state(diagram, table, state, inside, final=state in final)}"
    if table.initial in states:
        yield f"  {_edge(f'{me}:start', initial)} {_attributes(f'{me}:start:arrow', 'start')};"
    if diagram.merge_edges:
        for (source, destination), rows in arrows.items():
            yield f"  {_arrow(diagram, table, source, destination, rows)}"
    else:
        for row in diagram.rows(table):
            yield f"  {_row(diagram, table, row)}"
    yield "}"


def _edge(first: str, last: str) -> str:
    return f"{_quoted(first)} -> {_quoted(last)}"


def _state(
    diagram: Diagram, table: Table[Any], state: Any, inside: list[Row[Any]], *, final: bool
) -> str:
    me = anchor(table.name, name_of(state))
    label = _text(name_of(state))
    if inside:
        label = f"<B>{label}</B><BR/>{_lines(diagram, table, inside)}"
    classes = {"state": True, "initial": state == table.initial, "final": final}
    node = _attributes(
        me,
        " ".join(role for role, has in classes.items() if has),
        label=f"<{label}>",
        **({"peripheries": "2"} if final else {}),
        # the other states are only where its rows lead
        **({"penwidth": "2.2"} if name_of(state) == diagram.state else {}),
    )
    return f"{_quoted(me)} {node};"


def _lines(diagram: Diagram, table: Table[Any], rows: list[Row[Any]]) -> str:
    """Write events below each other, each in the colour of its kind."""
    lines = []
    for row in diagram.shown(table, rows):
        # browsers ignore an ordinary space at the end of what is italic
        text = _STYLE.row(diagram, row).replace("<BR/>", "&#160;")
        colour = diagram.kind(table, row.event).colour
        lines.append(
            f'<FONT COLOR="{colour}" POINT-SIZE="9.5">&#160;{text}&#160;</FONT><BR ALIGN="LEFT"/>'
        )
    return "".join(lines)


def _arrow(
    diagram: Diagram, table: Table[Any], source: Any, destination: Any, rows: list[Row[Any]]
) -> str:
    """Draw one arrow for all events that lead from a state to another."""
    first, last = anchor(table.name, name_of(source)), anchor(table.name, name_of(destination))
    kinds = dict.fromkeys(diagram.kind(table, row.event).name for row in rows)
    label = f"<{_lines(diagram, table, rows)}>"
    me = f"{first}:{anchor(name_of(destination))}"
    return f"{_edge(first, last)} {_attributes(me, ' '.join(kinds), label=label)};"


def _row(diagram: Diagram, table: Table[Any], row: Row[Any]) -> str:
    kind = diagram.kind(table, row.event)
    loop = row.source == row.target
    source, destination = name_of(row.source), name_of(row.target)
    # spaces separate the text from the line, and empty lines separate the text of a loop from others
    lines = _STYLE.row(diagram, row).split("<BR/>")
    lines += [""] * (len(lines) - 1) * loop
    text = "".join(f'&#160;{line}&#160;<BR ALIGN="LEFT"/>' for line in lines)
    edge = _attributes(
        anchor(table.name, source, str(row.event)),
        f"{kind.name} loop" if loop else kind.name,
        label=f"<{text}>",
        color=kind.colour,
        fontcolor=kind.colour,
        # a loop is thinner, because it does not change the state
        **({"penwidth": "0.8", "arrowsize": "0.6"} if loop else {}),
    )
    return f"{_edge(anchor(table.name, source), anchor(table.name, destination))} {edge};"


def _coupling(diagram: Diagram, coupling: Coupling[Any]) -> Iterator[str]:
    """Draw a note between two machines, and a dashed line from one to the other through the note."""
    me = ":".join(map(anchor, (coupling.machine, str(coupling.event), coupling.target)))
    ink = {"color": COUPLED.colour, "fontcolor": COUPLED.colour}
    label = f"<{_STYLE.coupling_text(diagram, coupling)}>"
    note = _attributes(me, "coupling", label=label, shape="note", fontsize="10", **ink)
    yield f"{_quoted(me)} {note};"
    order = [table.name for table in diagram.tables]
    down = order.index(coupling.machine) <= order.index(coupling.target)
    lines = {
        "from": (coupling.machine, {"dir": "none"}),
        "to": (coupling.target, {"dir": "forward" if down else "back"}),
    }
    # both edges lead down, even if the arrow points up, so that the machines are stacked
    (above, (upper, ahead)), (below, (lower, behind)) = [*lines.items()][:: 1 if down else -1]
    table = diagram.table(upper)
    last = anchor(upper, name_of((table.final or table.states)[-1]))
    ahead |= {"style": "dashed", "ltail": f"cluster_{anchor(upper)}"} | ink
    behind |= {"style": "dashed", "lhead": f"cluster_{anchor(lower)}"} | ink
    upper_line = _attributes(f"{me}:{above}", "coupling", **ahead)
    lower_line = _attributes(f"{me}:{below}", "coupling", **behind)
    yield f"{_edge(last, me)} {upper_line};"
    yield f"{_edge(me, f'{anchor(lower)}:start')} {lower_line};"


def _legend(diagram: Diagram) -> str:
    kinds = [
        (
            f'<FONT COLOR="{kind.colour}">{"- -" if kind == COUPLED else "&#8594;"}</FONT>',
            f'<FONT COLOR="{kind.colour}">{_text(kind.meaning)}</FONT>',
        )
        for kind in diagram.legend
    ]
    shown = [(table, diagram.states(table)) for table in diagram.tables]
    marks = []
    if any(table.initial in states for table, states in shown):
        marks.append(("&#9679;", "initial state"))
    if any(state in table.final for table, states in shown for state in states):
        marks.append((_FRAMES, "final state"))
    if diagram.has_descriptions:
        marks.append(("<I>a</I>", "<I>a description, not a literal name</I>"))
    cells = '<TD>{}</TD><TD ALIGN="LEFT">{}&#160;&#160;&#160;</TD>'.format
    rows = (
        f"<TR>{cells(*kind)}{cells(*mark)}</TR>"
        for kind, mark in zip_longest(kinds, marks, fillvalue=("", ""))
    )
    return f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>'


def dot(diagram: Diagram) -> str:
    """Draw a diagram in DOT, the language of Graphviz."""
    title = "+".join(anchor(table.name) for table in diagram.tables)
    parts = [f"digraph {_quoted(title)} {{", f"  id={_quoted(f'diagram:{title}')};", _HEAD]
    for table in diagram.tables:
        parts += ["", *(f"  {line}" for line in _machine(diagram, table))]
    for coupling in diagram.couplings:
        parts += ["", *(f"  {line}" for line in _coupling(diagram, coupling))]
    # at the end, because otherwise the machines would inherit the position of the label
    parts += ["", f"  labelloc=b; labeljust=l; label=<{_legend(diagram)}>;", "}", ""]
    return "\n".join(parts)


def draw(source: str, form: str) -> bytes:
    """Let Graphviz draw a picture from DOT, in any format that it knows.

    Raises:
        GraphvizError: Graphviz is missing, or has failed.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphvizMissing(
            f"{form} needs Graphviz, but its program 'dot' is not on the PATH; "
            f"install the package 'graphviz' (apt install graphviz, brew install graphviz)"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the program is dot, and the input is our own
            [program, f"-T{form}"],
            input=source.encode(),
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise GraphvizError(
            f"{program} failed with status {error.returncode}: {reason or 'no reason given'}"
        ) from None
    except subprocess.TimeoutExpired:
        raise GraphvizError(f"{program} has not finished within {_PATIENCE} seconds") from None
    except OSError as error:
        raise GraphvizError(f"{program} cannot be run: {error.strerror}") from None
    return done.stdout


def svg(diagram: Diagram) -> bytes:
    """Draw a diagram as SVG.

    Raises:
        GraphvizError: Graphviz is missing, or has failed.
    """
    return draw(dot(diagram), "svg")


def png(diagram: Diagram) -> bytes:
    """Draw a diagram as PNG.

    Raises:
        GraphvizError: Graphviz is missing, or has failed.
    """
    return draw(dot(diagram), "png")
