"""A search that finds numbers, because readers look for close codes; the search of Sphinx leaves them out."""

from pathlib import Path
from typing import Any, Final

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.search.en import SearchEnglish

_SCRIPT: Final = Path("_static", "searchtools.js")
_SKIPPED: Final = r" || queryTerm.match(/^\d+$/)"


class _Numbers(SearchEnglish):
    def word_filter(self, word: str) -> bool:
        return word.isdigit() or super().word_filter(word)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_search_language(_Numbers)
    app.connect("build-finished", _look_for_numbers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _look_for_numbers(app: Sphinx, failure: Exception | None) -> None:
    script = Path(app.outdir) / _SCRIPT
    if failure is not None or app.builder.format != "html":
        return
    text = script.read_text(encoding="utf-8")
    if _SKIPPED not in text:
        raise ExtensionError(f"{script.name} no longer has the code that leaves numbers out")
    script.write_text(text.replace(_SKIPPED, ""), encoding="utf-8")
