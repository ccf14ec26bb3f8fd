"""A diagram or a table as a page asks for it: its options, and the machines that it shows."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import attrs

from wsfsm._text import listed, readable
from wsfsm.diagrams._grids import Grid, cells, matrix, rows
from wsfsm.diagrams._model import Diagram
from wsfsm.diagrams._selection import Selection, kinds_of
from wsfsm.diagrams._sources import sources_of
from wsfsm.fsm import Table

__all__ = ["CSS", "OPTIONS", "Block", "PictureForm", "alternative", "read_options"]

CSS: Final = Path(__file__).with_name("wsfsm.css")

PictureForm: TypeAlias = Literal["svg", "mermaid"]


def _flag(value: str | None) -> bool:
    if value and value.strip():
        raise ValueError(f"takes no value, got {value!r}")
    return True


def _text(value: str | None) -> str:
    text = " ".join((value or "").split())
    if not text:
        raise ValueError("needs a value")
    return text


def _form(value: str | None) -> str:
    form = _text(value)
    if form not in get_args(PictureForm):
        raise ValueError(f"must be {' or '.join(get_args(PictureForm))}, got {form!r}")
    return form


def _kinds(value: str | None) -> dict[str, Any]:
    return kinds_of(_text(value))


OPTIONS: Final[Mapping[str, Mapping[str, Callable[[str | None], Any]]]] = {
    "wsfsm-diagram": {
        "alt": _text,
        "caption": _text,
        "format": _form,
        "kinds": _kinds,
        "merge-edges": _flag,
        "name": _text,
        "no-merge-edges": _flag,
        "no-outputs": _flag,
        "outputs": _flag,
        "state": _text,
    },
    "wsfsm-table": {
        "caption": _text,
        "name": _text,
        "no-index": _flag,
        "rows": _flag,
        "state": _text,
    },
}
"""The options of each block, with functions that read their values and raise ValueError."""


def read_options(language: str, given: Mapping[str, str | None]) -> dict[str, Any]:
    """Read the options of a block.

    Raises:
        ValueError: The block or an option does not exist, or a value is wrong.
    """
    if language not in OPTIONS:
        raise ValueError(f"there is no block {readable(language)}; use {' or '.join(OPTIONS)}")
    known, options = OPTIONS[language], {}
    for option, value in given.items():
        if option not in known:
            raise ValueError(f"unknown option {option!r}; {language} has {listed(known)}")
        try:
            options[option] = known[option](value)
        except ValueError as error:
            raise ValueError(f"the option {option} {error}") from None
    return options


@attrs.frozen
class Block:
    """A block.

    Attributes:
        language: Its name, a key of `OPTIONS`.
        names: The names of its machines, as in the command ``wsfsm diagram``.
        options: The values of its options, as `OPTIONS` reads them.
        folder: The folder in which files and modules are looked for.
    """

    language: str
    names: tuple[str, ...]
    options: Mapping[str, Any]
    folder: Path

    @classmethod
    def of(cls, language: str, names: str, options: Mapping[str, Any], folder: Path) -> "Block":
        """Split the names at blanks, as a shell does.

        Raises:
            ValueError: There is no name, or a quotation is not closed.
        """
        given = tuple(shlex.split(names))
        if not given:
            raise ValueError("needs the name of a machine, for example package.module:MACHINE")
        return cls(language, given, options, folder)

    def diagram(self) -> Diagram:
        """Find the machines.

        Raises:
            ValueError: A name, an option or a state is wrong.
            MachineNotFound: A name does not lead to a machine.
        """
        diagram = Selection(
            self.names,
            self._switch("merge-edges"),
            self._switch("outputs"),
            self.options.get("kinds", {}),
            self.options.get("state"),
        ).diagram(self.folder)
        if self.language == "wsfsm-table" and "caption" in self.options and len(diagram.tables) > 1:
            raise ValueError("a caption is for the table of one machine; use a block for each")
        return diagram

    def _switch(self, name: str) -> bool | None:
        on, off = self.options.get(name), self.options.get(f"no-{name}")
        if on and off:
            raise ValueError(f"must have only one of the options {name} and no-{name}")
        return True if on else False if off else None

    def sources(self) -> Iterator[Path]:
        """Yield the files that can change the machines, as far as they are known."""
        for name in self.names:
            with suppress(ValueError):  # the name has another form, which leads nowhere
                yield from sources_of(name, self.folder)

    def grid(self, diagram: Diagram, table: Table[Any]) -> Grid:
        """Return the table of a machine."""
        if self.options.get("rows"):
            return rows(diagram, table)
        return matrix(table) if diagram.state is None else cells(diagram, table)


def alternative(diagram: Diagram) -> str:
    """Describe a picture in words, for readers who cannot see it."""
    names = " and ".join(readable(table.name) for table in diagram.tables)
    if diagram.state is not None:
        state = readable(diagram.state)
        return f"State diagram of {names}, only what can happen in the state {state}"
    counts = " and ".join(f"{len(table.states)}" for table in diagram.tables)
    return f"State diagram of {names}, with {counts} states"
