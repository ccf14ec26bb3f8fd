"""The plugin."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from html import escape, unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from jinja2 import Environment
from mkdocs.config.base import Config
from mkdocs.config.config_options import Choice, Type
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from wsfsm.diagrams._graphviz import GraphvizError, GraphvizMissing
from wsfsm.diagrams._names import MachineNotFound, SourceNotFound
from wsfsm.diagrams._sources import changeable
from wsfsm.ext._blocks import CSS, Block, read_options
from wsfsm.ext._objects import Objects, definitions, last_part, positions
from wsfsm.ext.mkdocs._fences import Fences, options_of
from wsfsm.ext.mkdocs._html import IMPLICIT, figure, id_of, literal, picture, table_of, words

__all__ = ["WsfsmPlugin"]

_log = get_plugin_logger(__name__)

_STYLES: Final = f"assets/{CSS.name}"
_LINK: Final = re.compile(
    r'<a\b(?P<before>[^>]*?) href="wsfsm:(?P<kind>\w+):(?P<target>[^"]*)"(?P<after>[^>]*)>(?P<text>.*?)</a>',
    re.DOTALL,
)


class _Options(Config):  # type: ignore[no-untyped-call] # of MkDocs
    folder = Type(str, default="")
    diagram_format = Choice(("auto", "svg", "mermaid"), default="auto")


class WsfsmPlugin(BasePlugin[_Options]):  # type: ignore[no-untyped-call] # as above
    """Draws machines, and leads links to the tables of their states and events."""

    def __init__(self) -> None:
        self._stamps: dict[Path, int] = {}
        self._server: LiveReloadServer | None = None
        self._objects = Objects({})
        self._page: Page
        self._source = ""
        self._ids: set[str] = set()
        self._watched: set[Path] = set()
        self._folder = Path()
        self._draws_mermaid = False

    def on_startup(self, **_: Any) -> None:
        """Do nothing: MkDocs keeps a plugin that has this method for all builds of a server."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Add the blocks to Markdown, and the styles to each page."""
        self._folder = Path(config.config_file_path or "").parent / self.config.folder
        self._draws_mermaid = config.theme.name == "material" or "mermaid2" in config.plugins
        config.markdown_extensions.append(Fences(self._render))  # type: ignore[arg-type] # or an instance
        config.extra_css.append(_STYLES)
        return config

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Forget the last build, and modules of which a source has changed since."""
        now = {path: _stamp(path) for path in self._stamps}
        if now != self._stamps:
            for name, path in changeable([*sys.modules]):
                if path in now:
                    del sys.modules[name]
        # those of earlier builds, too: an import that has failed does not show what it needs
        self._stamps = now
        self._objects.places.clear()

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the file with the styles."""
        files.append(File.generated(config, _STYLES, content=CSS.read_text(encoding="utf-8")))
        return files

    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> None:
        """Remember the page whose blocks are rendered next."""
        self._page = page
        self._source = page.file.content_string
        self._ids.clear()

    def _render(self, language: str, text: str, line: str, number: int) -> str:
        """Render a block."""
        before = {*sys.modules}
        try:
            names, given = options_of(text)
            options = read_options(language, given)
            block = Block.of(language, names, options, self._folder)
            try:
                return (
                    self._picture(block)
                    if language == "wsfsm-diagram"
                    else self._tables(block, self._where(line, number))
                )
            finally:
                # a file in which something is wrong is watched, too
                self._remember(block, sys.modules.keys() - before)
        except (ValueError, MachineNotFound, GraphvizError) as error:
            advice = _advice(error, self._folder)
            raise PluginError(f"{self._where(line, number)}: {error}{advice}") from None

    def _remember(self, block: Block, imported: Iterable[str]) -> None:
        paths = {*block.sources(), *(path for _, path in changeable(imported))}
        self._stamps.update({path: _stamp(path) for path in paths})
        if self._server is not None:
            self._watch(self._server)

    def _where(self, line: str, number: int = 0) -> str:
        """Name the page, and the number of its line that is closest to a number, if there is such a line."""
        numbers = [
            found for found, other in enumerate(self._source.splitlines(), 1) if line in other
        ]
        page = self._page.file.src_uri
        closest = min(numbers, key=lambda found: abs(found - number), default=None)
        return page if closest is None else f"{page}, line {closest}"

    def _picture(self, block: Block) -> str:
        form = block.options.get("format") or self.config.diagram_format
        if form == "auto":
            form = "mermaid" if self._draws_mermaid else "svg"
        elif form == "mermaid" and not self._draws_mermaid:
            raise ValueError(
                "the format mermaid needs the theme material or the plugin mermaid2; use one of them, or svg"
            )
        return figure(picture(block.diagram(), form, block.options.get("alt")), block.options)

    def _tables(self, block: Block, where: str) -> str:
        diagram = block.diagram()
        parts = []
        for table in diagram.tables:
            grid = block.grid(diagram, table)
            title = words(block.options.get("caption", ""))
            if len(diagram.tables) > 1:
                title = literal(table.name)
            places = positions(grid)
            inside: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
            for definition in () if block.options.get("no-index") else definitions(diagram, table):
                me = self._id("-".join(definition.words))
                # the first cell is for the machine, and for its only state if the table has no rows
                inside[places.get(definition.cell, (0, 0))].append(me)
                problem = self._objects.note(definition.key, (self._page.file.src_uri, me))
                if problem:
                    _log.warning("%s: %s", where, problem)
            parts.append(table_of(table.name, grid, inside, title))
        return f'<div class="wsfsm-table"{id_of(block.options)}>{"".join(parts)}</div>'

    def _id(self, words: str) -> str:
        """Make an id that is unique on the page."""
        start = re.sub(r"[^\w.]+", "-", words).strip("-")
        me, number = start, 1
        while me in self._ids:
            number += 1
            me = f"{start}-{number}"
        self._ids.add(me)
        return me

    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> None:
        """Lead the links to the tables, now that all pages are known."""
        for page in [file.page for file in files.documentation_pages() if file.page]:
            self._page, self._source = page, page.file.content_string
            page.content = _LINK.sub(lambda link: self._link(link, files), page.content or "")

    def _link(self, link: re.Match[str], files: Files) -> str:
        kind, whole = link["kind"], unquote(unescape(link["target"]))
        target = whole.removeprefix("~")
        found = self._objects.named(kind, target)
        if len(found) != 1:
            if IMPLICIT not in link["before"]:
                problem = self._objects.advice(kind, target)
                where = self._where(f"wsfsm:{kind}:{unescape(link['target'])}")
                _log.warning("%s: %s", where, problem)
            return link["text"]
        place = self._objects.place(kind, *found[0])
        file = files.get_file_from_path(place[0]) if place else None
        assert place is not None  # noqa: S101 - it has just been found
        assert file is not None  # noqa: S101 - this build has rendered it
        there = "" if file is self._page.file else file.url_relative_to(self._page.file)
        before = link["before"].replace(f" {IMPLICIT}", "")
        shown = target if whole == target else last_part(target, *found[0])
        text = link["text"] or f"<code>{escape(shown)}</code>"
        return f'<a{before} href="{there}#{escape(place[1])}"{link["after"]}>{text}</a>'

    def on_serve(
        self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Callable[..., Any]
    ) -> None:
        """Watch the files from which machines come."""
        self._server = server
        self._watch(server)

    def _watch(self, server: LiveReloadServer) -> None:
        for path in self._stamps.keys() - self._watched:
            if path.exists():
                server.watch(str(path))
                self._watched.add(path)


def _advice(error: Exception, folder: Path) -> str:
    """Say which setting of the plugin may help."""
    if isinstance(error, SourceNotFound):
        where = folder.resolve()
        return f" (names are looked for in {where}; to change it, set folder of the plugin in mkdocs.yml)"
    if isinstance(error, GraphvizMissing):
        return ", or use Mermaid (:format: mermaid, or diagram_format of the plugin in mkdocs.yml)"
    return ""


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
