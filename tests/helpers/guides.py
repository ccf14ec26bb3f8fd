"""Guides in docs/, as tests read them."""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest


@contextlib.contextmanager
def in_folder_of(
    files: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Make a folder with the files of a guide the current one, from which modules are imported."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    try:
        yield folder
    finally:
        for name in files:
            sys.modules.pop(Path(name).stem, None)


@attrs.frozen
class Guide:
    """A guide.

    Attributes:
        path: Its file.
    """

    path: Path

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def commands(self) -> list[list[str]]:
        """The words of each indented command."""
        lines = re.findall(r"^    (\S.*)$", self.text, re.MULTILINE)
        return [shlex.split(line, comments=True) for line in lines]

    def section(self, title: str) -> str:
        """The text below a heading."""
        return self.text.split(f"\n## {title}\n")[1].split("\n## ")[0]

    def files(self, title: str) -> dict[str, str]:
        """Return the names and texts of the Python files in a section."""
        return dict(
            re.findall(r'```python title="(.*?)"\n(.*?)```', self.section(title), re.DOTALL)
        )

    def first_cells(self, title: str) -> list[str]:
        """Return the first column of a section's table, without its heading."""
        table = re.findall(r"(?:^\|.*\n)+", self.section(title), re.MULTILINE)[0]
        return [line.strip("|").split("|")[0].strip(" `") for line in table.splitlines()[2:]]

    def prints_what_it_says(self) -> bool:
        """Whether its code runs, and prints the text that follows it."""
        blocks = re.findall(r"```(python|text)\n(.*?)```", self.text, re.DOTALL)
        out, printed = io.StringIO(), ""
        with contextlib.redirect_stdout(out):
            for kind, block in blocks:
                if kind == "text":
                    printed += block
                else:
                    exec(compile(block, str(self.path), "exec"), {})  # noqa: S102 - our own
        return bool(printed) and out.getvalue() == printed
