"""The extension of Sphinx: state machines in documentation, drawn from their tables when it is built.

::

    extensions = ["wsfsm.ext.sphinx"]

The directive ``wsfsm-diagram`` draws machines, and ``wsfsm-table`` shows their cells or rows. The roles
``wsfsm:machine``, ``wsfsm:state`` and ``wsfsm:event`` lead to what such a table shows.
"""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import ENUM, Config
from sphinx.errors import ConfigError

from wsfsm._text import describe
from wsfsm.ext._blocks import CSS
from wsfsm.ext.sphinx._directives import DiagramDirective, TableDirective
from wsfsm.ext.sphinx._domain import WsfsmDomain, report_missing
from wsfsm.ext.sphinx._drawing import draw_pictures
from wsfsm.ext.sphinx._nodes import picture

__all__ = ["setup"]

_FORMATS = ENUM("auto", "svg", "mermaid")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_config_value("wsfsm_folder", "", "env", [str])
    app.add_config_value("wsfsm_diagram_format", "auto", "html", _FORMATS)
    app.add_node(picture)
    app.add_directive("wsfsm-diagram", DiagramDirective)
    app.add_directive("wsfsm-table", TableDirective)
    app.add_domain(WsfsmDomain)
    app.connect("config-inited", _find_folder)
    app.connect("doctree-resolved", draw_pictures)
    app.connect("warn-missing-reference", report_missing)
    app.connect("builder-inited", _add_styles)
    app.add_css_file(CSS.name)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}


def _find_folder(app: Sphinx, config: Config) -> None:
    folder: object = config.wsfsm_folder
    if not isinstance(folder, (str, Path)):
        raise ConfigError(f"wsfsm_folder must be a str or a Path, got {describe(folder)}")
    config["wsfsm_folder"] = str(Path(app.confdir, folder).resolve())


def _add_styles(app: Sphinx) -> None:
    # it may be a tuple
    app.config["html_static_path"] = [*app.config.html_static_path, str(CSS)]
