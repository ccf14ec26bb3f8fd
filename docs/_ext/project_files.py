"""Links from the pages to files of the project that are not pages.

The pages are read on GitHub too, so they link to any file by its path. On the site such a link leads to a page
that shows the file, or lists the folder; `PAGES` are the files that have a page of their own.
"""

import posixpath
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

ROOT: Final = Path(__file__).parents[2]

PAGES: Final = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "README.md": "index",
    "SECURITY.md": "security",
    "specs/README.md": "specifications",
    "specs/RESULTS.md": "results",
    "specs/conformance/README.md": "conformance_cases",
}
"""The pages of files outside of this folder."""

REPORT: Final = ROOT / "specs" / "RESULTS.html"
"""The report, which is too big for git. It is published if `make conformance` has written it."""

_REPORT_LINK: Final = f'<a href="{REPORT.name}">The report</a> has every step of every case.'
_LANGUAGES: Final = {
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}
_LINK: Final = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_PICTURE: Final = re.compile(r"^!\[([^\]]*)\]\((?:\.\./)+diagrams/(\w+)\.svg\)$", re.MULTILINE)
_trees: dict[tuple[Any, ...], Any] = {}
_SCHEME: Final = "project-file"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", _configure)
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)
    app.connect("doctree-resolved", _resolve)
    app.connect("html-collect-pages", _collect)
    app.connect("html-page-context", _share_tree, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(_app: Sphinx, config: Any) -> None:
    if REPORT.is_file():
        config.html_extra_path = [str(REPORT)]
    config.myst_url_schemes = {
        "http": None,
        "https": None,
        "mailto": None,
        _SCHEME: {"url": "{{path}}", "classes": [_SCHEME]},
    }


def _read_page(app: Sphinx, docname: str, content: list[str]) -> None:
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md":
        content[0] = _rewritten(app, docname, page.parent, content[0])


def _read_included(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    folder = (Path(app.srcdir) / path).resolve().parent
    if path.suffix == ".md":
        content[0] = _rewritten(app, docname, folder, content[0])
        if docname == PAGES["specs/RESULTS.md"] and REPORT.is_file():
            content[0] = content[0].replace("\n## Targets", f"\n{_REPORT_LINK}\n\n## Targets", 1)


def _rewritten(app: Sphinx, docname: str, folder: Path, text: str) -> str:
    """Return the text of a page of `folder` with links that work on the site in `docname`."""
    site = Path(app.srcdir).resolve()
    here = (site / docname).parent

    def link(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        path = (folder / target).resolve()
        if not path.exists():
            return match[0]  # MyST warns of it
        name = path.relative_to(ROOT).as_posix()
        if name in PAGES:
            path = site / f"{PAGES[name]}.md"
        elif path.suffix == ".svg" or (path.is_file() and path.is_relative_to(site)):
            pass
        else:
            return f"{_SCHEME}:{name}{anchor}"
        return posixpath.relpath(path.as_posix(), here.as_posix()) + anchor

    # GitHub shows the committed picture, and the site draws it
    drawn = _PICTURE.sub(r"```{wsfsm-diagram} \2\n:alt: \1\n```", text)
    return _LINK.sub(link, drawn)


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in doctree.findall(nodes.reference):
        if _SCHEME in node["classes"]:
            target = app.builder.get_relative_uri(docname, f"files/{node['refuri']}")
            node["refuri"] = target
            node["classes"].remove(_SCHEME)


def _linked(app: Sphinx) -> set[str]:
    """The files and folders that any page links to."""
    found = set()
    for docname in app.env.found_docs:
        for node in app.env.get_doctree(docname).findall(nodes.reference):
            if _SCHEME in node["classes"]:
                found.add(node["refuri"])
    return found


def _share_tree(
    _app: Sphinx, name: str, _template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Make the navigation once for all pages of files in equally deep folders, because it takes long."""
    if doctree is None and name.startswith("files/"):
        toctree, depth = context["toctree"], name.count("/")

        def shared(**options: Any) -> Any:
            key = (depth, *sorted(options.items()))
            if key not in _trees:
                _trees[key] = toctree(**options)
            return _trees[key]

        context["toctree"] = shared


def _children(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.name[0] != "." and path.name != "__pycache__" and path.suffix != ".pyc"
    )


def _collect(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    waiting, seen = sorted({*_linked(app), "wsfsm"}), set[str]()  # the reference links to sources
    bridge = PygmentsBridge("html", app.config.pygments_style)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = ROOT / name
        if path.is_dir():
            children = [child.relative_to(ROOT).as_posix() for child in _children(path)]
            waiting += [child for child in children if child not in PAGES]
            body = _folder(app, name, children)
        else:
            language = _LANGUAGES.get(path.suffix, "text")
            text = path.read_text(encoding="utf-8")
            body = bridge.highlight_block(text, language, lineanchors="L")
        title = f"<h1><code>{escape(name)}</code></h1>"
        yield f"files/{name}", {"title": name, "body": title + body}, "page.html"


def _folder(app: Sphinx, name: str, children: list[str]) -> str:
    items = [
        f'<li><a href="{app.builder.get_relative_uri(f"files/{name}", PAGES.get(child) or f"files/{child}")}">'
        f"<code>{escape(Path(child).name)}{'/' * (ROOT / child).is_dir()}</code></a></li>"
        for child in children
    ]
    return f"<ul>{''.join(items)}</ul>"
