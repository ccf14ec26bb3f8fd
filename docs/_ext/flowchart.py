"""Flowcharts of Mermaid, which GitHub draws, drawn by Graphviz: the few forms that the pages use.

A flowchart consists of ``subgraph id [title]``, nodes ``id["text"]`` and one line of arrows between subgraphs. Other
blocks of Mermaid are shown as their text.
"""

import re
from itertools import pairwise
from typing import Any, ClassVar, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from wsfsm.diagrams._graphviz import GraphvizError, draw
from wsfsm.ext._picture import inline

_STYLE: Final = """
    bgcolor="white"; compound=true; ranksep=0.25;
    node [shape=box, style="rounded,filled", fillcolor="white", color="#24292f", fontname="Helvetica", fontsize=11, fontcolor="#24292f"];
    edge [color="#24292f"]; graph [fontname="Helvetica", fontsize=11, fontcolor="#24292f", style="rounded,filled", fillcolor="#f6f8fa", color="#d0d7de"];
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("mermaid", _Mermaid)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class _Mermaid(SphinxDirective):
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Draw a flowchart, or show the text of another block."""
        head, *lines = [line.strip() for line in self.content if line.strip()]
        if head != "flowchart TB":
            text = "\n".join(self.content)
            return [nodes.literal_block(text, text, language="text")]
        try:
            drawn = draw(_dot(lines), "svg")
        except GraphvizError as error:
            raise ExtensionError(f"a flowchart cannot be drawn: {error}") from None
        picture = inline(drawn, "Flowchart", {})
        return [nodes.raw("", f'<div class="wsfsm-diagram">{picture}</div>', format="html")]


def _dot(lines: list[str]) -> str:
    written, groups, group = [f"digraph {{{_STYLE}"], dict[str, list[str]](), ""
    for line in lines:
        if found := re.fullmatch(r"subgraph (\w+) \[(.+)\]", line):
            group = found[1]
            written.append(f'subgraph cluster_{group} {{ label="{found[2]}";')
        elif found := re.fullmatch(r'(\w+)\["(.+)"\]', line):
            groups.setdefault(group, []).append(found[1])
            written.append(f'{found[1]} [label="{found[2]}"];')
        elif line == "end":
            row = groups[group]
            order = [f"{a} -> {b} [style=invis];" for a, b in pairwise(row)]
            written.append(f"{{rank=same; {'; '.join(row)}; {' '.join(order)}}}}}")  # as written
        elif re.fullmatch(r"\w+( --> \w+)+", line):
            chain = line.split(" --> ")
            written += [
                f"{groups[a][0]} -> {groups[b][0]} [ltail=cluster_{a}, lhead=cluster_{b}];"
                for a, b in pairwise(chain)
            ]
        else:
            raise ExtensionError(f"a flowchart has a line that is not supported: {line}")
    return "\n".join([*written, "}"])
