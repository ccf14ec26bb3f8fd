"""Diagrams of machines, drawn from their tables, and their descriptions for other tools.

::

    diagram = Diagram([LIGHT])  # your own machine or table
    print(markdown(diagram))
    Path("light.svg").write_bytes(svg(diagram))

On the command line, ``wsfsm diagram light.py:LIGHT`` does the same; `find` looks such a name up, and
`combine` puts several machines into one diagram. `DIAGRAMS` has the diagrams of wsfsm's own machines. SVG
and PNG need Graphviz, that is, the package ``graphviz`` of your operating system; DOT, Mermaid, PlantUML and
Markdown need nothing else, nor do SCXML and the JSON of XState, which tools for state machines read.

How to read a diagram: a dot marks the initial state, and a double frame (in Mermaid a ring) a final state.
The colour of an event is that of its `Kind`. Text in italics is a description, and other text a literal
name. Mermaid cannot colour arrows, so there the title of a machine names the kinds of its events. An event
that does not change the state is a loop; in Mermaid, and if `Diagram.merge_edges` is set, it is a line
inside the state. The outputs of an event follow a slash.

You can find the elements of an SVG by their unique ``id`` and by their ``class``:

====================  ======================================  ===================================
element               id                                      class
====================  ======================================  ===================================
machine               ``client``                              ``cluster machine``
state                 ``client-CONNECTED``                    ``node state``, and ``initial``,
                                                              ``final``
row                   ``client-CONNECTED-websocket.receive``  ``edge``, the kind (``sent``,
                                                              ``received``, ``occurrence``,
                                                              ``event``), and ``loop``
merged edge           ``server-OPEN:CLOSING``                 ``edge``, and the kinds of its
                                                              events
start mark            ``client:start``                        ``node start``
its arrow             ``client:start:arrow``                  ``edge start``
coupling              ``client:websocket.disconnect:``        ``node coupling``
                      ``application``
its lines             the same and ``:from`` or ``:to``       ``edge coupling``
====================  ======================================  ===================================

`anchor` encodes the names in an id.

A machine may be too large for one picture. `moves_of` returns a diagram that shows only one of its states, with
what can happen in it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from wsfsm.diagrams._explanation import explain
from wsfsm.diagrams._graphviz import GraphvizError, dot, png, svg
from wsfsm.diagrams._markdown import markdown
from wsfsm.diagrams._mermaid import mermaid
from wsfsm.diagrams._model import (
    CHOSEN,
    COUPLED,
    OCCURRENCE,
    RECEIVED,
    SENT,
    Diagram,
    Kind,
    anchor,
    combine,
    moves_of,
)
from wsfsm.diagrams._names import MachineNotFound, Named, find
from wsfsm.diagrams._own import DIAGRAMS
from wsfsm.diagrams._plantuml import plantuml
from wsfsm.diagrams._scxml import scxml
from wsfsm.diagrams._stale import is_current
from wsfsm.diagrams._xstate import xstate

__all__ = [
    "CHOSEN",
    "COUPLED",
    "DIAGRAMS",
    "OCCURRENCE",
    "RECEIVED",
    "SENT",
    "SUFFIXES",
    "Diagram",
    "Form",
    "GraphvizError",
    "Kind",
    "MachineNotFound",
    "Named",
    "anchor",
    "combine",
    "dot",
    "explain",
    "find",
    "is_current",
    "markdown",
    "mermaid",
    "moves_of",
    "plantuml",
    "png",
    "render",
    "scxml",
    "svg",
    "xstate",
]

Form: TypeAlias = Literal["dot", "mermaid", "plantuml", "markdown", "svg", "png", "scxml", "xstate"]
"""The name of a format."""

SUFFIXES: Final[Mapping[Form, str]] = MappingProxyType(
    {
        "dot": ".dot",
        "mermaid": ".mmd",
        "plantuml": ".puml",
        "markdown": ".md",
        "svg": ".svg",
        "png": ".png",
        "scxml": ".scxml",
        "xstate": ".json",
    }
)
"""The suffix of a file in each format."""


def render(diagram: Diagram, form: Form) -> bytes:
    """Render a diagram in any format. Text is encoded as UTF-8.

    Raises:
        GraphvizError: Graphviz is missing, or has failed.
    """
    drawn = _RENDERERS[form](diagram)
    return drawn.encode() if isinstance(drawn, str) else drawn


_RENDERERS: Final[dict[Form, Callable[[Diagram], str | bytes]]] = {
    "dot": dot,
    "mermaid": mermaid,
    "plantuml": plantuml,
    "markdown": markdown,
    "svg": svg,
    "png": png,
    "scxml": scxml,
    "xstate": xstate,
}
