"""The pages of the site, as tests read them."""

import re
from pathlib import Path

from helpers.asgi import ROOT
from helpers.guides import Guide

__all__ = ["DOCS", "GUIDES", "OTHERS", "blocks"]

DOCS = ROOT / "docs"
_INCLUDE = re.compile(r"```\{include\} (\S+)\n```\n")


def _name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


_PAGES = {_name(path): Guide(path) for path in sorted(DOCS.rglob("*.md"))}

OTHERS = {
    name: (guide.path.parent / found[1]).resolve()
    for name, guide in _PAGES.items()
    if (found := _INCLUDE.fullmatch(guide.text))
}
"""The pages that show a file of another folder, and the file."""

GUIDES = {name: guide for name, guide in _PAGES.items() if name not in OTHERS}
"""The other pages, by their name."""


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, also those with a title."""
    return re.findall(rf"^```{language}(?: [^\n]*)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
