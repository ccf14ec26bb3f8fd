"""The directives."""

from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_id

from wsfsm._text import printable
from wsfsm.diagrams._graphviz import dot
from wsfsm.diagrams._grids import rows
from wsfsm.diagrams._mermaid import mermaid
from wsfsm.diagrams._model import PLAIN, Diagram, anchor, name_of
from wsfsm.diagrams._names import MachineNotFound, SourceNotFound
from wsfsm.ext._blocks import OPTIONS, Block, alternative
from wsfsm.ext._objects import Definition, definitions, positions
from wsfsm.ext.sphinx._domain import domain_of
from wsfsm.ext.sphinx._nodes import literal, picture, table_of
from wsfsm.fsm import Table

__all__ = ["DiagramDirective", "TableDirective"]


class _BlockDirective(SphinxDirective):
    """A directive with names of machines as its argument."""

    required_arguments = 1
    final_argument_whitespace = True

    def load(self) -> tuple[Block, Diagram]:
        """Find the machines, and note the files that they come from."""
        folder = Path(self.config.wsfsm_folder)
        try:
            block = Block.of(self.name, self.arguments[0], self.options, folder)
            diagram = block.diagram()
        except (ValueError, MachineNotFound) as error:
            # the cause may be in a file that is not known
            self.env.note_reread()
            advice = ""
            if isinstance(error, SourceNotFound):
                advice = f" (names are looked for in {folder}; to change it, set wsfsm_folder in conf.py)"
            raise self.error(f"{error}{advice}") from None
        for path in block.sources():
            self.env.note_dependency(str(path))
        return block, diagram


class DiagramDirective(_BlockDirective):
    """``wsfsm-diagram``: machines as a picture."""

    option_spec: ClassVar[dict[str, Any]] = dict(OPTIONS["wsfsm-diagram"])

    def run(self) -> list[nodes.Node]:
        """Describe a picture, which a builder draws in its own format."""
        _, diagram = self.load()
        node = picture(
            "",
            alt=self.options.get("alt") or alternative(diagram),
            couplings=[
                printable(PLAIN.coupling_text(diagram, coupling)) for coupling in diagram.couplings
            ],
            dot=dot(diagram),
            form=self.options.get("format"),
            grids=[(table.name, rows(diagram, table)) for table in diagram.tables],
            mermaid=mermaid(diagram),
            states=[
                (anchor(table.name, name_of(state)), table.name, name_of(state))
                for table in diagram.tables
                for state in diagram.states(table)
            ],
        )
        self.set_source_info(node)
        result: nodes.Element = node
        if "caption" in self.options:
            result = nodes.figure("", node, classes=["wsfsm-figure"])
            self.set_source_info(result)
            inline, messages = self.parse_inline(self.options["caption"])
            caption = nodes.caption("", "", *inline, *messages)
            self.set_source_info(caption)
            result += caption
        self.add_name(result)
        return [result]


class TableDirective(_BlockDirective):
    """``wsfsm-table``: every cell of machines, or only the rows."""

    option_spec: ClassVar[dict[str, Any]] = dict(OPTIONS["wsfsm-table"])

    def run(self) -> list[nodes.Node]:
        """Build the tables."""
        block, diagram = self.load()
        result: list[nodes.table] = []
        for table in diagram.tables:
            grid = block.grid(diagram, table)
            inside: defaultdict[tuple[int, int], list[nodes.target]] = defaultdict(list)
            if not self.options.get("no-index"):
                places = positions(grid)
                for definition in definitions(diagram, table):
                    # The first cell is for the machine, because Furo repeats an id of the table itself. It is also
                    # for the only state of a machine if the table has no rows
                    place = places.get(definition.cell, (0, 0))
                    inside[place].append(self._define(definition))
            node = table_of(table.name, grid, inside)
            self.set_source_info(node)
            title = self._title(table, alone=len(diagram.tables) == 1)
            if title:
                node.insert(0, nodes.title("", "", *title))
            result.append(node)
        self.add_name(result[0])
        return [*result]

    def _title(self, table: Table[Any], *, alone: bool) -> list[nodes.Node]:
        if not alone:
            return [literal(table.name)]
        if "caption" not in self.options:
            return []
        inline, messages = self.parse_inline(self.options["caption"])
        return [*inline, *messages]

    def _define(self, definition: Definition) -> nodes.target:
        """Make a place to which references lead."""
        document = self.state.document
        node_id = make_id(self.env, document, *definition.words)
        target = nodes.target("", "", ids=[node_id])
        document.note_explicit_target(target)
        domain_of(self.env).note(definition.key, node_id, self.get_location())
        return target
