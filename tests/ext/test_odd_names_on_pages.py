"""Names that mean something in HTML, Markdown or reStructuredText, and characters that cannot be printed."""

import re
import zlib
from html import unescape
from pathlib import Path

import pytest
from helpers.sites import Built, mkdocs_site, sphinx, write

from wsfsm._text import printable, readable

NAMES = {
    "HTML": "<script>alert(1)</script>",
    "QUOTES": "\"'`*_|\\",
    "BLANKS": " two  words ",
    "MARKUP": "`x`_ |y| $a$ :ref:`z`",
    "LINES": "one\ntwo\0",
    "SURROGATE": "half \ud83d",
    "LETTERS": "Zustände 状態 😀",
    "OPTION": ":state: --help",
    "EMPTY": "",
    "LONG": "n" * 3000,
}
MACHINES = f"""\
from wsfsm import Machine, Row, Table

for key, name in {NAMES!r}.items():
    rows = (Row("a" + name, "e" + name, "z" + name, name, (name,)),)
    globals()[key] = Machine(Table(name, ("a" + name, "z" + name), "a" + name, ("z" + name,), rows))
"""


@pytest.fixture(scope="module")
def sphinx_site(tmp_path_factory: pytest.TempPathFactory, graphviz: None) -> Built:
    folder = tmp_path_factory.mktemp("sphinx")
    block = """
.. wsfsm-table:: odd.py:{0}

.. wsfsm-table:: odd.py:{0} client
   :no-index:

.. wsfsm-diagram:: odd.py:{0}
"""
    pages = {f"{key}.rst": f"Page\n====\n{block.format(key)}" for key in NAMES}
    index = "Home\n====\n\n.. toctree::\n   :glob:\n\n   *\n"
    conf = 'extensions = ["wsfsm.ext.sphinx"]\nhtml_theme = "basic"\n'
    write(folder, {"conf.py": conf, "odd.py": MACHINES, "index.rst": index, **pages})
    return sphinx(folder)


@pytest.fixture(scope="module")
def mkdocs_pages(tmp_path_factory: pytest.TempPathFactory, graphviz: None) -> Built:
    folder = tmp_path_factory.mktemp("mkdocs")
    block = """
```wsfsm-table odd.py:{0}
```

```wsfsm-table odd.py:{0} client
:no-index:
```

```wsfsm-diagram odd.py:{0}
```
"""
    pages = {f"docs/{key}.md": f"# Page\n{block.format(key)}" for key in NAMES}
    settings = "site_name: odd\ntheme: mkdocs\nplugins: [wsfsm]\nuse_directory_urls: false\n"
    write(folder, {"mkdocs.yml": settings, "odd.py": MACHINES, "docs/index.md": "Home", **pages})
    return mkdocs_site(folder)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def check(page: str, name: str) -> None:
    """Check that a page shows the names literally, and leads to where the states are defined."""
    for start in ("", "a", "e", "z"):
        assert " ".join(printable(f"{start}{name}").split()) in text_of(page)
    assert f"State diagram of {readable(name)}, with" in unescape(page)
    assert name.isprintable() or name not in page
    assert "<script>alert" not in page
    ids = re.findall(r'\sid="([^"]*)"', page)
    links = re.findall(r'<a [^>]*href="#(wsfsm-state-[^"]*)"', page)
    assert len(set(links)) == 2
    assert set(links) <= set(ids)
    assert len(set(ids)) == len(ids)


class TestSphinx:
    @pytest.mark.parametrize("key", NAMES)
    def test_page_shows_names_literally(self, key: str, sphinx_site: Built) -> None:
        check(sphinx_site.page(f"{key}.html"), NAMES[key])

    def test_site_has_no_warnings(self, sphinx_site: Built) -> None:
        assert (sphinx_site.status, sphinx_site.said) == (0, "")

    def test_inventory_has_one_line_for_each_name(self, sphinx_site: Built) -> None:
        content = (sphinx_site.folder / "objects.inv").read_bytes()
        text = zlib.decompress(content.partition(b"zlib.\n")[2]).decode()

        for name in map(printable, NAMES.values()):
            assert f"{name}.a{name} wsfsm:state 1 " in text
        assert text.count(" wsfsm:") == len(NAMES) * 4

    @pytest.mark.parametrize(
        ("target", "page"),
        [(r"one\\ntwo\\x00.aone\\ntwo\\x00", "LINES"), (r"ahalf \\ud83d", "SURROGATE")],
    )
    def test_reference_has_the_name_as_errors_show_it(
        self, target: str, page: str, tmp_path: Path
    ) -> None:
        conf = 'extensions = ["wsfsm.ext.sphinx"]\n'
        text = f"Page\n====\n\n:wsfsm:state:`{target}`\n\n.. wsfsm-table:: odd.py:{page}\n"
        write(tmp_path, {"conf.py": conf, "odd.py": MACHINES, "index.rst": text})

        assert sphinx(tmp_path).said == ""

    @pytest.mark.parametrize("builder", ["text", "man", "latex", "epub", "texinfo"])
    def test_every_format_is_built(self, builder: str, tmp_path: Path) -> None:
        blocks = "".join(
            f".. wsfsm-table:: odd.py:{key}\n\n.. wsfsm-diagram:: odd.py:{key}\n\n" for key in NAMES
        )
        conf = 'extensions = ["wsfsm.ext.sphinx"]\nproject, copyright, version = "it", "us", "1"\n'
        text = f"Page\n====\n\n{blocks}"
        write(tmp_path, {"conf.py": conf, "odd.py": MACHINES, "index.rst": text})

        built = sphinx(tmp_path, builder)

        assert (built.status, built.said) == (0, "")


class TestMkDocs:
    @pytest.mark.parametrize("key", NAMES)
    def test_page_shows_names_literally(self, key: str, mkdocs_pages: Built) -> None:
        check(mkdocs_pages.page(f"{key}.html"), NAMES[key])

    def test_site_has_no_warnings(self, mkdocs_pages: Built) -> None:
        assert (mkdocs_pages.status, mkdocs_pages.said) == (0, "")
