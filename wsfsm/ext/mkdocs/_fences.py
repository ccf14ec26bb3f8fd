"""Fenced blocks of the languages ``wsfsm-diagram`` and ``wsfsm-table``."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

import markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

__all__ = ["Fences", "options_of"]

Render: TypeAlias = Callable[[str, str, str, int], str]
"""Takes the language of a block, its text, its first line and the number of that, and returns HTML."""

_FENCE: Final = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
_INFO: Final = re.compile(r"\{?(?P<language>wsfsm-(?:diagram|table))\}?(?:[ \t]+(?P<names>.*))?")

# Before the extensions that make code of each fenced block (25), and after those that insert files (32)
_PRIORITY: Final = 27


class Fences(Extension):
    """The extension of Python-Markdown that renders these blocks."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def extendMarkdown(self, md: markdown.Markdown) -> None:  # noqa: N802 - the name in Markdown
        """Register the preprocessor."""
        md.preprocessors.register(_Blocks(md, self._render), "wsfsm", _PRIORITY)


class _Blocks(Preprocessor):
    """Replaces each block by the place of its HTML."""

    def __init__(self, md: markdown.Markdown, render: Render) -> None:
        super().__init__(md)
        self._render = render

    def run(self, lines: list[str]) -> list[str]:
        """Replace the blocks, also in lists and admonitions, but not in other fenced blocks."""
        done: list[str] = []
        ahead = enumerate(lines, 1)
        for number, line in ahead:
            start = _FENCE.fullmatch(line)
            if start is None:
                done.append(line)
                continue
            inside: list[str] = []
            end = re.compile(rf"[ \t]*{start['fence'][0]}{{{len(start['fence'])},}}[ \t]*")
            closed = ""
            for _, other in ahead:
                if end.fullmatch(other):
                    closed = other
                    break
                inside.append(other)
            wanted = _INFO.fullmatch(start["info"].strip())
            if wanted is None:
                done += [line, *inside, *[closed] * bool(closed)]
                continue
            text = "\n".join([wanted["names"] or "", *inside])
            place = self.md.htmlStash.store(self._render(wanted["language"], text, line, number))
            done += ["", f"{start['indent']}{place}", ""]
        return done


def options_of(text: str) -> tuple[str, dict[str, str | None]]:
    """Split the text of a block into the names, which come first, and the options.

    Raises:
        ValueError: After the first option there is a line that is not one, or an option is specified twice.
    """
    names: list[str] = []
    options: dict[str, str | None] = {}
    for line in map(str.strip, text.splitlines()):
        option = re.fullmatch(r":([a-z-]+):(?:\s+(.*))?", line)
        if option is not None:
            if option[1] in options:
                raise ValueError(f"the option {option[1]} is specified twice")
            options[option[1]] = option[2]
        elif options and line:
            raise ValueError(f"an option has the form ':name: value', got {line!r}")
        else:
            names.append(line)
    return " ".join(names), options
