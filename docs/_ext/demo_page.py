"""The demo, written into the site, where a page shows it."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from wsfsm.demo import write


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        write(Path(app.outdir, "demo"), home="../demo.html")
