"""The help of the command, as the command prints it: ``.. command-help:: diagram``."""

import os
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, Final
from unittest.mock import patch

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from wsfsm import cli

# as wide as the lines of code on the pages, and without colours
_TERMINAL: Final = {"COLUMNS": "80", "NO_COLOR": "1"}


class _CommandHelp(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        text = _help([*self.arguments[0].split(), "--help"])
        block = nodes.literal_block(text, text, language="text")
        self.set_source_info(block)
        self.env.note_dependency(cli.__file__)
        return [block]


def _help(words: list[str]) -> str:
    printed = StringIO()
    with patch.dict(os.environ, _TERMINAL), redirect_stdout(printed):
        try:
            status = cli.main(words)
        except SystemExit as end:
            status = int(end.code or 0)
    if status:
        raise ValueError(f"`wsfsm {' '.join(words)}` has failed with status {status}")
    return printed.getvalue()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("command-help", _CommandHelp)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
