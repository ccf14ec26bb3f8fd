"""Fenced blocks of the languages ``wsfsm-diagram`` and ``wsfsm-table``; others of such names are mistakes."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element

import attrs
import markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString, code_escape

__all__ = ["Fences", "options_of"]

Render: TypeAlias = Callable[[str, str, str, int], str]
"""Takes the language of a block, its text, its first line and the number of that, and returns HTML."""

_FENCE: Final = re.compile(r"(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
_INFO: Final = re.compile(r"\{?(?P<language>wsfsm[-_][^\s{}]+)\}?(?:[ \t]+(?P<names>.*))?")

# Before the extensions that make code of each fenced block (25), and after those that insert files (32)
_PRIORITY: Final = 27
# Before the extensions that highlight code (30)
_CODE_PRIORITY: Final = 50


class Fences(Extension):
    """The extension of Python-Markdown that renders these blocks."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def extendMarkdown(self, md: markdown.Markdown) -> None:  # noqa: N802 - the name in Markdown
        """Register the processors."""
        found: dict[str, _Block] = {}
        md.preprocessors.register(_Blocks(md, self._render, found), "wsfsm", _PRIORITY)
        md.treeprocessors.register(_Code(md, found), "wsfsm", _CODE_PRIORITY)


@attrs.define(eq=False)
class _Block:
    """A block, of which Markdown makes a str, its HTML, after it has parsed the page.

    Attributes:
        render: Renders it.
        arguments: The arguments of `render`.
        text: Its text, with the fences.
        added: Whether the preprocessor has added an empty line before and after its place.
        is_code: Whether it is only an example in code.
    """

    render: Render
    arguments: tuple[str, str, str, int]
    text: str
    added: tuple[bool, bool]
    is_code: bool = False

    def __str__(self) -> str:
        return "" if self.is_code else self.render(*self.arguments)


class _Blocks(Preprocessor):
    """Replaces each block by the place of its HTML, and notes it by that."""

    def __init__(self, md: markdown.Markdown, render: Render, found: dict[str, _Block]) -> None:
        super().__init__(md)
        self._render = render
        self._found = found

    def run(self, lines: list[str]) -> list[str]:
        """Replace the blocks, also in lists and admonitions, but not in other fenced blocks."""
        self._found.clear()
        done: list[str] = []
        ahead = enumerate(lines, 1)
        for number, line in ahead:
            start = _FENCE.fullmatch(line)
            if start is None:
                done.append(line)
                if line.lstrip().startswith("<!--"):
                    done += _rest_of_comment(line, ahead)
                continue
            inside: list[str] = []
            end = re.compile(rf"[ \t>]*{start['fence'][0]}{{{len(start['fence'])},}}[ \t]*")
            closed, last = "", number
            for last, other in ahead:  # noqa: B007 - it is used below
                if end.fullmatch(other):
                    closed = other
                    break
                inside.append(other)
            wanted = _INFO.fullmatch(start["info"].strip())
            if wanted is None:
                done += [line, *inside, *[closed] * bool(closed)]
                continue
            text = "\n".join([wanted["names"] or "", *(other.lstrip(" \t>") for other in inside)])
            width = len(start["indent"])
            block = _Block(
                self._render,
                (wanted["language"], text, line, number),
                "\n".join(part[width:] for part in (line, *inside, *[closed] * bool(closed))),
                (_has_text(done[-1:]), _has_text(lines[last : last + 1])),
            )
            place = self.md.htmlStash.store(block)  # type: ignore[arg-type] # str() makes it a str
            self._found[place] = block
            before, after = block.added
            done += [*[""] * before, f"{start['indent']}{place}", *[""] * after]
        return done


def _has_text(lines: list[str]) -> bool:
    return any(map(str.strip, lines))


def _rest_of_comment(line: str, ahead: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield the lines that end a comment, in which nothing is rendered."""
    lines = (other for _, other in ahead)
    while "-->" not in line:
        line = next(lines, "-->")
        yield line


class _Code(Treeprocessor):
    """Gives their text back to the blocks in code that is only indented, which the parser has found."""

    def __init__(self, md: markdown.Markdown, found: dict[str, _Block]) -> None:
        super().__init__(md)
        self._found = found

    def run(self, root: Element) -> None:
        """Replace the places in code."""
        for code in root.iter("code"):
            for place, block in self._found.items():
                if code.text and place in code.text:
                    block.is_code = True
                    code.text = AtomicString(_replaced(code.text, place, block))


def _replaced(code: str, place: str, block: _Block) -> str:
    before, after = block.added
    parts = [r"(?:(?<=\n)\n)?" * before, f"(?P<indent> *){place}", r"\n?(?=\n|$)" * after]
    found = re.compile("".join(parts))
    return found.sub(lambda at: code_escape(re.sub("(?m)^", at["indent"], block.text)), code)


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
