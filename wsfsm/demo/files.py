"""The files of the demo's page, which the demo serves, or which you publish without a server."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import attrs

from wsfsm.demo.export import export

__all__ = ["INDEX", "File", "files", "write"]

INDEX: Final = "index.html"
_TABLES: Final = "machines.json"
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@attrs.frozen
class File:
    """A file of the page.

    Attributes:
        content: Its content.
        kind: Its media type.
    """

    content: bytes
    kind: str


@cache
def files(*, live: bool, home: str | None = None) -> Mapping[str, File]:
    """Return the files of the page by their names.

    Args:
        live: Whether the page has a server to connect to. If not, it simulates one from the tables.
        home: The address that the title of the page links to, if it links to one.
    """
    static = resources.files("wsfsm.demo") / "static"
    contents = {entry.name: entry.read_bytes() for entry in static.iterdir()}
    contents[_TABLES] = json.dumps(export(live=live, home=home), separators=(",", ":")).encode()
    return {name: File(body, _KINDS[Path(name).suffix]) for name, body in contents.items()}


def write(folder: Path, *, home: str | None = None) -> None:
    """Write a page that needs no server of its own into a folder, which is created if it does not exist.

    Any web server can publish the folder. The page simulates connections in the browser, with the same
    tables.

    Args:
        folder: The folder.
        home: The address that the title of the page links to, for example ``"../index.html"`` of the
            site that the page belongs to.

    Raises:
        OSError: The folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files(live=False, home=home).items():
        (folder / name).write_bytes(file.content)
