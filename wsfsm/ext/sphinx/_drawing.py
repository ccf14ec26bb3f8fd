"""Pictures in the format of each builder."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from wsfsm._text import readable
from wsfsm.diagrams._graphviz import GraphvizError, GraphvizMissing, draw
from wsfsm.ext._picture import inline
from wsfsm.ext.sphinx._domain import domain_of
from wsfsm.ext.sphinx._nodes import picture, table_of

__all__ = ["draw_pictures"]

_logger = logging.getLogger(__name__)

_MERMAID: Final = "sphinxcontrib.mermaid"
# readers of books know neither scripts nor new CSS
_BOOKS: Final = {"epub", "htmlhelp", "qthelp", "applehelp", "devhelp"}


def draw_pictures(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Replace each picture on a page by that of the builder: SVG, Mermaid, PDF, or else a table."""
    drawing = _Drawing(app, page)
    for node in [*doctree.findall(picture)]:
        try:
            drawn = drawing.draw(node)
        except GraphvizError as error:
            text = f"{error}{drawing.advice(error)}"
            _logger.warning(text, location=node, type="wsfsm", subtype="graphviz")
            drawn = None
        if drawn is None:
            _show_tables(node)
        else:
            node.replace_self(drawn)


@attrs.frozen
class _Drawing:
    """The pictures on a page."""

    app: Sphinx
    page: str

    def draw(self, node: picture) -> nodes.Node | None:
        """Draw a picture in the format of the builder, or return None if that has only text."""
        builder = self.app.builder
        names = {"ids": node["ids"], "names": node["names"]}
        if builder.format == "latex":
            uri = _write(Path(builder.outdir), node["dot"], "pdf")
        elif builder.format != "html":
            return None
        elif builder.name in _BOOKS:
            name = _write(Path(builder.outdir, builder.imagedir), node["dot"], "svg")
            page = builder.get_target_uri(self.page)
            uri = f"{relative_uri(page, builder.imagedir)}/{name}"
        elif self._form(node) == "mermaid":
            return self._mermaid(node, names)
        else:
            svg = inline(draw(node["dot"], "svg"), node["alt"], self._links(node))
            return nodes.raw("", svg, format="html", classes=["wsfsm-diagram"], **names)
        image = nodes.image(uri=uri, candidates={"?": ""}, alt=node["alt"])
        return nodes.container("", image, **names)

    def advice(self, error: GraphvizError) -> str:
        """Name the other way to draw, if the builder has one."""
        builder = self.app.builder
        if (
            builder.format != "html"
            or builder.name in _BOOKS
            or not isinstance(error, GraphvizMissing)
        ):
            return ""
        return f", or use Mermaid (:format: mermaid, or wsfsm_diagram_format in conf.py), which needs {_MERMAID}"

    def _form(self, node: picture) -> str:
        form: str = node["form"] or self.app.config.wsfsm_diagram_format
        if form == "auto":
            without_graphviz = shutil.which("dot") is None and _MERMAID in self.app.extensions
            return "mermaid" if without_graphviz else "svg"
        return form

    def _mermaid(self, node: picture, names: dict[str, Any]) -> nodes.Node | None:
        if _MERMAID not in self.app.extensions:
            _logger.warning(
                "the format mermaid needs the extension %s; install the package sphinxcontrib-mermaid, and "
                "add it to the extensions in conf.py",
                _MERMAID,
                location=node,
                type="wsfsm",
                subtype="mermaid",
            )
            return None
        from sphinxcontrib.mermaid import mermaid  # noqa: PLC0415 - only where it is installed

        return nodes.container("", mermaid("", code=node["mermaid"], options={}), **names)

    def _links(self, node: picture) -> dict[str, str]:
        """Return the addresses of the places where the states in a picture are defined."""
        objects = domain_of(self.app.env).objects
        builder, here = self.app.builder, self.page
        links = {}
        for element, machine, state in node["states"]:
            place = objects.place("state", machine, state)
            if place is not None:
                page, node_id = place
                # the pages of this builder are one
                other = page != here and builder.name != "singlehtml"
                links[element] = (
                    f"{builder.get_relative_uri(here, page) if other else ''}#{node_id}"
                )
        return links


def _write(folder: Path, source: str, form: str) -> str:
    """Draw a picture into a file whose name depends on the picture, and return the name."""
    name = f"wsfsm-{hashlib.sha256(source.encode()).hexdigest()[:16]}.{form}"
    if not (folder / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(draw(source, form))
    return name


def _show_tables(node: picture) -> None:
    """Put tables into the place of a picture; a figure cannot have any.

    Nor can a cell of another table in most formats, so only the words are there.
    """
    figure = node.parent if isinstance(node.parent, nodes.figure) else None
    parts = [nodes.paragraph("", node["alt"])] if _in_a_cell(node) else [*_tables_of(node)]
    if figure is None:
        node.replace_self(nodes.container("", *parts, ids=node["ids"], names=node["names"]))
        return
    caption = [part for child in figure.findall(nodes.caption) for part in child.children]
    parts.insert(0, nodes.paragraph("", "", *caption))
    figure.replace_self(nodes.container("", *parts, ids=figure["ids"], names=figure["names"]))


def _in_a_cell(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.entry):
            return True
    return False


def _tables_of(node: picture) -> Iterator[nodes.Node]:
    for machine, grid in node["grids"]:
        yield nodes.paragraph("", "", nodes.strong("", readable(machine)))
        yield table_of(machine, grid, {}, linked=False)
    for text in node["couplings"]:
        yield nodes.paragraph("", f"{text}.")
