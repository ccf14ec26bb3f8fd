"""`wsfsm.ext.sphinx`: what a page of a site shows, in each format."""

import re
from collections import Counter
from pathlib import Path

import pytest
from helpers.sites import Built, sphinx, write
from sphinx.util.inventory import InventoryFile

CONF = """\
extensions = ["wsfsm.ext.sphinx"]
project, copyright, version = "lights", "us", "1"
numfig = True
"""
INDEX = """\
Lights
======

.. toctree::

   tables
   server

.. wsfsm-diagram:: light.py:LIGHT
   :caption: The *light*
   :name: picture

.. wsfsm-diagram:: client light.py:LIGHT
   :kinds: client=received, light=sent
   :alt: Two "machines"

.. wsfsm-diagram:: both

.. wsfsm-diagram:: light.py:LIGHT
   :state: green
   :no-merge-edges:
   :no-outputs:
   :name: plain

See :numref:`picture`, :ref:`the plain one <plain>`, :wsfsm:state:`light.red`, :wsfsm:state:`~light.green`,
:wsfsm:event:`~light.switch off`, :wsfsm:machine:`~light`, :wsfsm:event:`stop`, :any:`light.off`,
:wsfsm:event:`~server.pong timeout`, :wsfsm:event:`pong timeout [idle]`, :wsfsm:event:`~server.pong timeout [receiving]` and
:wsfsm:state:`open <server.OPEN>`.
"""
TABLES = """\
Tables
======

.. wsfsm-table:: light.py:LIGHT
   :caption: All *cells*
   :name: cells

.. wsfsm-table:: light.py:LIGHT
   :rows:
   :no-index:

.. wsfsm-table:: client application
   :rows:

See :ref:`cells`.
"""
SERVER = """\
Server
======

.. wsfsm-table:: server

.. wsfsm-diagram:: server
   :state: OPEN
   :outputs:

.. wsfsm-table:: server
   :state: OPEN
"""
FILES = {"conf.py": CONF, "index.rst": INDEX, "tables.rst": TABLES, "server.rst": SERVER}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write(folder, FILES)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path, graphviz: None) -> Built:
    return sphinx(folder)


def text_of(markup: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", markup).split())


class TestHtml:
    def test_build_has_no_warnings(self, html: Built) -> None:
        assert (html.status, html.said) == (0, "")

    def test_picture_is_svg_in_the_page_without_ids(self, html: Built) -> None:
        pictures = re.findall(r"<svg .*?</svg>", html.page("index.html"), re.DOTALL)

        assert len(pictures) == 4
        for picture in pictures:
            assert ' id="' not in picture
            assert "<title>" not in picture
        assert 'data-id="light-green"' in pictures[0]
        assert 'data-id="client-CONNECTED"' in pictures[1]

    def test_picture_has_two_sets_of_colours(self, html: Built) -> None:
        page = html.page("index.html")

        assert '.wsfsm-picture [fill="#24292f"]{fill:light-dark(#24292f,#e6edf3)}' in page
        assert "stroke:light-dark(#116329,color-mix(in srgb,#116329 45%,white))" in page
        assert (html.folder / "_static" / "wsfsm.css").is_file()
        assert "wsfsm.css" in page

    def test_options_choose_what_a_picture_shows(self, html: Built) -> None:
        first, second, _, one = re.findall(r"<svg .*?</svg>", html.page("index.html"), re.DOTALL)

        assert 'aria-label="State diagram of light, with 3 states"' in first
        assert 'aria-label="Two &quot;machines&quot;"' in second
        assert "messages that the application sends" in text_of(second)
        assert "/ honk" in text_of(first)
        assert "switch off" not in text_of(one)
        assert 'class="edge event loop"' in one
        assert "only what can happen in the state green" in one

    def test_caption_and_name_are_those_of_a_figure(self, html: Built) -> None:
        page = html.page("index.html")

        assert re.search(r'<figure[^>]* id="picture">', page)
        assert "The <em>light</em>" in page
        assert html.links("index.html", "Fig. 1") == ["#picture"]
        assert re.search(r'<div class="wsfsm-diagram" id="plain">', page)

    @pytest.mark.parametrize(
        ("text", "there"),
        [
            ("light.red", "tables.html#wsfsm-state-light-red"),
            ("green", "tables.html#wsfsm-state-light-green"),
            ("switch off", "tables.html#wsfsm-event-light-switch-off"),
            ("light", "tables.html#wsfsm-machine-light"),
            ("stop", "tables.html#wsfsm-event-light-stop"),
            ("light.off", "tables.html#wsfsm-state-light-off"),
            ("open", "server.html#wsfsm-moves-server-OPEN"),
            ("pong timeout", "server.html#wsfsm-event-server-pong-timeout-sending"),
            ("pong timeout [idle]", "server.html#wsfsm-event-server-pong-timeout-idle"),
            ("pong timeout [receiving]", "server.html#wsfsm-event-server-pong-timeout-receiving"),
        ],
    )
    def test_reference_leads_to_the_table(self, text: str, there: str, html: Built) -> None:
        assert there in html.links("index.html", text)
        page, me = there.split("#")
        assert html.ids(page).count(me) == 1

    def test_state_in_a_picture_and_in_a_table_is_a_link(self, html: Built) -> None:
        page = html.page("index.html")
        assert re.search(
            r'data-id="light-off">\s*<a href="tables.html#wsfsm-state-light-off">', page
        )
        assert "#wsfsm-state-server-CLOSED" in html.links("server.html", "CLOSED")
        assert {"#wsfsm-moves-server-OPEN"} == set(html.links("server.html", "OPEN"))

    def test_ids_of_a_page_are_unique(self, html: Built) -> None:
        for page in ("index.html", "tables.html", "server.html"):
            repeated = [me for me, number in Counter(html.ids(page)).items() if number > 1]
            assert repeated == []

    def test_theme_that_wraps_tables_does_not_repeat_their_ids(
        self, tmp_path: Path, graphviz: None
    ) -> None:
        write(tmp_path, {**FILES, "conf.py": f'{CONF}html_theme = "furo"\n'})

        built = sphinx(tmp_path)

        ours = [me for me in built.ids("tables.html") if me.startswith("wsfsm-")]
        assert len(set(ours)) == len(ours)
        assert {"wsfsm-machine-light", "wsfsm-machine-client"} < set(ours)

    def test_tables_show_cells_rows_and_titles(self, html: Built) -> None:
        cells, rows, client, _ = re.findall(
            r"<table.*?</table>", html.page("tables.html"), re.DOTALL
        )

        assert text_of(cells).startswith("Table 1 All cells")
        assert "event red green off go green - -" in text_of(cells)
        assert (
            "state event next state outputs note red go green honk red switch off off a note"
            in (text_of(rows))
        )
        assert text_of(client).startswith("Table 2 client")

    def test_table_of_a_state_shows_refused_events_too(self, html: Built) -> None:
        _, moves = re.findall(r"<table.*?</table>", html.page("server.html"), re.DOTALL)

        assert "event next state outputs" in text_of(moves)
        assert "handshake request - " in text_of(moves)
        assert "pong timeout [idle] DRAINING" in text_of(moves)

    def test_inventory_has_every_object(self, html: Built) -> None:
        data = InventoryFile.loads((html.folder / "objects.inv").read_bytes(), uri="").data

        assert set(data) >= {"wsfsm:machine", "wsfsm:state", "wsfsm:event"}
        assert data["wsfsm:event"]["light.switch off"].uri == (
            "tables.html#wsfsm-event-light-switch-off"
        )


@pytest.mark.usefixtures("graphviz")
class TestOtherFormats:
    @pytest.mark.parametrize("builder", ["text", "man"])
    def test_plain_text_has_a_table(self, builder: str, folder: Path) -> None:
        built = sphinx(folder, builder)

        assert built.status == 0, built.said
        texts = "".join(
            path.read_text(encoding="utf-8") for path in built.folder.rglob("*") if path.is_file()
        )
        words = " ".join(re.sub(r"[|+=\"*-]|\\f.|\\|T[{}]", " ", texts).split())
        assert "go" in words
        assert "after websocket.disconnect, application allows only websocket.close" in words
        if builder == "text":
            assert "red switch off off a note" in words
            assert "The light light state event next state" in words

    def test_latex_has_a_pdf_of_each_picture(self, folder: Path) -> None:
        built = sphinx(folder, "latex")

        assert built.status == 0, built.said
        (page,) = built.folder.glob("*.tex")
        names = re.findall(r"sphinxincludegraphics\{\{(wsfsm-\w+)\}\.pdf\}", page.read_text())
        assert len(names) == 5
        for name in names:
            assert (built.folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert r"\caption{The \sphinxstyleemphasis{light}}" in page.read_text()

    def test_book_has_pictures_as_files(self, folder: Path) -> None:
        built = sphinx(folder, "epub")

        assert built.status == 0, built.said
        names = re.findall(r'src="_images/(wsfsm-\w+\.svg)"', built.page("index.xhtml"))
        assert len(names) == 4
        assert all((built.folder / "_images" / name).is_file() for name in names)

    def test_one_page_has_links_inside_of_it(self, folder: Path) -> None:
        built = sphinx(folder, "singlehtml")

        assert built.status == 0, built.said
        assert '<a href="#wsfsm-state-light-off">' in built.page("index.html")
        assert "wsfsm-state-light-off" in built.ids("index.html")
