"""The extension of Sphinx: state machines in documentation, drawn from their tables when it is built.

::

    extensions = ["wsfsm.ext.sphinx"]

The directive ``wsfsm-diagram`` draws machines, and ``wsfsm-table`` shows their cells or rows. The roles
``wsfsm:machine``, ``wsfsm:state`` and ``wsfsm:event`` lead to what such a table shows.
"""

from typing import Any

from sphinx.application import Sphinx

from wsfsm.ext._blocks import CSS
from wsfsm.ext.sphinx._directives import DiagramDirective, TableDirective
from wsfsm.ext.sphinx._domain import WsfsmDomain, report_missing
from wsfsm.ext.sphinx._drawing import Draw
from wsfsm.ext.sphinx._nodes import picture

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_config_value("wsfsm_folder", "", "env", [str])
    app.add_config_value("wsfsm_diagram_format", "auto", "html", [str])
    app.add_node(picture)
    app.add_directive("wsfsm-diagram", DiagramDirective)
    app.add_directive("wsfsm-table", TableDirective)
    app.add_domain(WsfsmDomain)
    app.add_post_transform(Draw)
    app.connect("warn-missing-reference", report_missing)
    app.connect("builder-inited", _add_styles)
    app.add_css_file(CSS.name)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}


def _add_styles(app: Sphinx) -> None:
    app.config.html_static_path.append(str(CSS))
