"""Pictures of machines, straight from their tables: DOT, Mermaid, Markdown, SVG and PNG.

::

    picture = Diagram([LIGHT])  # machines or tables, one's own as well
    print(markdown(picture))
    Path("light.svg").write_bytes(svg(picture))

`DIAGRAMS` holds wsfsm's own. SVG and PNG are drawn by Graphviz, the package ``graphviz`` of
the operating system; the other formats need nothing.

How to read a picture: a dot marks the start, a double frame (Mermaid: a ring) a state that
nothing leaves, a colour the `Kind` of an event. Italics are descriptions, where upright text
is a literal name. Mermaid cannot colour arrows: there the title of a machine says what its
events are. An event that does not change the state is a loop, in Mermaid and in what is
`Diagram.gathered` a line in the state. What an event gives out follows a slash.

Elements of the SVG can be found by their ``id``, which no two of them share, and ``class``:

====================  ======================================  ===================================
element               id                                      class
====================  ======================================  ===================================
machine               ``client``                              ``cluster machine``
state                 ``client-CONNECTED``                    ``node state``, and ``initial``,
                                                              ``terminal``
row                   ``client-CONNECTED-websocket.receive``  ``edge``, the kind (``sent``,
                                                              ``received``, ``informal``,
                                                              ``event``), and ``loop``
arrow of a gathered   ``server-OPEN:CLOSING``                 ``edge``, and the kinds of what it
diagram                                                       stands for
start mark            ``client:start``                        ``node start``
its arrow             ``client:start:arrow``                  ``edge start``
coupling              ``client:websocket.disconnect:``        ``node coupling``
                      ``application``
its lines             the same and ``:from`` or ``:binds``    ``edge coupling``
====================  ======================================  ===================================

Names go into an id as `anchor` writes them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from wsfsm.diagrams._graphviz import GraphvizError, dot, png, svg
from wsfsm.diagrams._markdown import markdown
from wsfsm.diagrams._mermaid import mermaid
from wsfsm.diagrams._model import CHOSEN, COUPLED, INFORMAL, RECEIVED, SENT, Diagram, Kind, anchor
from wsfsm.tables import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT, SERVER

__all__ = [
    "CHOSEN",
    "COUPLED",
    "DIAGRAMS",
    "INFORMAL",
    "RECEIVED",
    "SENT",
    "SUFFIXES",
    "Diagram",
    "Form",
    "GraphvizError",
    "Kind",
    "anchor",
    "dot",
    "markdown",
    "mermaid",
    "png",
    "render",
    "svg",
]

Form: TypeAlias = Literal["dot", "mermaid", "markdown", "svg", "png"]
"""A format."""

SUFFIXES: Final[Mapping[Form, str]] = MappingProxyType(
    {"dot": ".dot", "mermaid": ".mmd", "markdown": ".md", "svg": ".svg", "png": ".png"}
)
"""The suffix of a file in each format."""


def render(diagram: Diagram, form: Form) -> bytes:
    """The diagram in any format; text is encoded as UTF-8.

    Raises:
        GraphvizError: Graphviz is missing, or failed.
    """
    drawn = _RENDERERS[form](diagram)
    return drawn.encode() if isinstance(drawn, str) else drawn


_RENDERERS: Final[dict[Form, Callable[[Diagram], str | bytes]]] = {
    "dot": dot,
    "mermaid": mermaid,
    "markdown": markdown,
    "svg": svg,
    "png": png,
}

_KINDS: Final = {"client": RECEIVED, "application": SENT, "server": SENT}

DIAGRAMS: Final[Mapping[str, Diagram]] = MappingProxyType(
    {
        "client": Diagram([CLIENT], kinds=_KINDS),
        "application": Diagram([APPLICATION], kinds=_KINDS),
        "both": Diagram([CLIENT, APPLICATION], [AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS], _KINDS),
        "server": Diagram([SERVER], kinds=_KINDS, gathered=True, outputs=False),
    }
)
"""The machines of wsfsm: ``client``, ``application``, ``both`` with what ties them, ``server``."""
