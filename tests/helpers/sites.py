"""Small sites, built by Sphinx and MkDocs in this process."""

import logging
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import mkdocs.exceptions
from mkdocs.commands.build import build
from mkdocs.config import load_config
from sphinx.cmd.build import build_main

LIGHT = """\
from wsfsm import Machine, Table, in_state
from parts import STOP

LIGHT = Machine(
    Table(
        name="light",
        states=("red", "green", "off"),
        initial="red",
        final=("off",),
        rows=(
            *in_state("red", ("go", "green", ("honk",)), ("switch off", "off", "a note")),
            *in_state("green", (STOP, "red"), ("tick", "green")),
        ),
    )
)
NUMBER = 7
"""


@attrs.frozen
class Built:
    """A site.

    Attributes:
        status: The exit status of the build.
        said: Its warnings and errors.
        folder: The folder of the pages.
    """

    status: int
    said: str
    folder: Path

    def page(self, name: str) -> str:
        """The text of a page."""
        return (self.folder / name).read_text(encoding="utf-8")

    def ids(self, name: str) -> list[str]:
        """All ids on a page."""
        return re.findall(r'<[^>]*\sid="([^"]*)"', self.page(name))

    def links(self, name: str, text: str) -> list[str]:
        """The addresses of the links with a text, without markup."""
        links = re.findall(r'<a\b[^>]*?\shref="([^"]*)"[^>]*>(.*?)</a>', self.page(name), re.DOTALL)
        return [there for there, shown in links if re.sub("<[^>]*>", "", shown).strip() == text]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, and the machine of `LIGHT` with a module that it imports."""
    sys.modules.pop("parts", None)  # that of another site
    for name, text in {"light.py": LIGHT, "parts.py": 'STOP = "stop"\n', **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def sphinx(folder: Path, builder: str = "html", *options: str) -> Built:
    """Build a site with Sphinx. A warning is an error."""
    out, said = folder / "_build" / builder, folder / "_build" / f"{builder}.txt"
    out.parent.mkdir(exist_ok=True)
    # the builders share the pages that have been read
    read = folder / "_build" / "doctrees"
    command = [
        "-q",
        "-W",
        "--keep-going",
        "--no-color",
        "-b",
        builder,
        "-d",
        str(read),
        "-w",
        str(said),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of themes
        status = build_main([*command, *options, str(folder), str(out)])
    return Built(status, said.read_text(encoding="utf-8"), out)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def mkdocs_site(folder: Path, **options: Any) -> Built:
    """Build a site with MkDocs. A warning is an error."""
    handler, status = _Lines(), 0
    log = logging.getLogger("mkdocs")
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of themes
            settings = load_config(str(folder / "mkdocs.yml"), strict=True, **options)
            build(settings)
    except mkdocs.exceptions.MkDocsException as error:
        handler.lines.append(str(error))
        status = 1
    finally:
        log.removeHandler(handler)
    return Built(status, "\n".join(handler.lines), folder / "site")
