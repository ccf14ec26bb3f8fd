"""`wsfsm.ext.sphinx`: errors with file and line, missing packages, and builds of only a part of a site."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from helpers.sites import Built, sphinx, write

from wsfsm.diagrams import DIAGRAMS, mermaid

CONF = 'extensions = ["wsfsm.ext.sphinx"]\n'
LINE = 4
# events of which each has a guard
TWINS = """\
from wsfsm import Event, Table, in_state

def twin(name):
    rows = in_state("on", *((Event("tick", guard=guard), "off") for guard in ("late", "early")))
    return Table(name, ("on", "off"), "on", ("off",), rows)

TWIN, OTHER = twin("twin"), twin("other")
"""
FORMATS = {".1", ".texi", ".txt"}

PAGES = {
    "conf.py": CONF,
    "index.rst": "Home\n====\n\n.. toctree::\n   :glob:\n\n   *\n\n:wsfsm:event:`light.stop`\n",
    "one.rst": "One\n===\n\n.. wsfsm-table:: light.py:LIGHT\n",
    "two.rst": "Two\n===\n\n.. wsfsm-diagram:: light.py:LIGHT\n",
    "other.rst": "Other\n=====\n\n.. wsfsm-table:: client\n",
}


def build(folder: Path, block: str, conf: str = CONF, builder: str = "html") -> Built:
    """Build a site of one page, on which a block begins at `LINE`."""
    files = {"conf.py": conf, "index.rst": f"Page\n====\n\n{block}\n", "twins.py": TWINS}
    write(folder, files)
    return sphinx(folder, builder)


class TestErrors:
    @pytest.mark.parametrize(
        ("block", "said"),
        [
            (".. wsfsm-diagram:: light.py:LIHGT", "light.py has no 'LIHGT'; it has LIGHT"),
            (".. wsfsm-table:: light.py:NUMBER", "light.py:NUMBER must be a Machine, a Table or a Diagram, got int 7; it has LIGHT"),
            (".. wsfsm-diagram:: lamp.py:LIGHT", "there is no file "),
            (".. wsfsm-diagram:: lamp.py:LIGHT", "; to change it, set wsfsm_folder in conf.py)"),
            (".. wsfsm-diagram:: no_such_module:LIGHT", "there is no module 'no_such_module'"),
            (".. wsfsm-diagram:: light", "invalid name 'light'; use client, application, both, server, or "),
            (".. wsfsm-diagram:: light.py:LIGHT light.py:LIGHT", "a diagram must have machines with different names"),
            (".. wsfsm-table:: light.py:LIGHT\n   :state: blue", "there is no state 'blue'; light has red, green, off"),
            (".. wsfsm-diagram:: light.py:LIGHT\n   :kinds: lamp=sent", "there is no machine 'lamp'; the diagram has light"),
            (".. wsfsm-diagram:: light.py:LIGHT\n   :kinds: told", "must be sent, received, event, or MACHINE=KIND"),
            (".. wsfsm-diagram:: light.py:LIGHT\n   :format: png", "must be svg or mermaid, got 'png'"),
            (".. wsfsm-diagram:: light.py:LIGHT\n   :caption:", "needs a value"),
            (".. wsfsm-diagram:: light.py:LIGHT\n   :outputs: yes", "takes no value, got 'yes'"),
            (".. wsfsm-diagram:: server\n   :outputs:\n   :no-outputs:", "must have only one of the options outputs and no-outputs"),
            (".. wsfsm-table:: client server\n   :caption: Two", "a caption is for the table of one machine"),
            (".. wsfsm-diagram:: 'client", "No closing quotation"),
            (":wsfsm:state:`light.blue`\n\n.. wsfsm-table:: light.py:LIGHT", "no wsfsm-table shows the state light.blue; there is light.red, light.green, light.off"),
            (":wsfsm:event:`go`", "no wsfsm-table shows the event go; add a wsfsm-table of the machine"),
            (":wsfsm:event:`go`\n\n.. wsfsm-table:: light.py:LIGHT\n   :state: red", "there is none (a table with :state: defines only that state)"),
            (":wsfsm:event:`tick`\n\n.. wsfsm-table:: twins.py:TWIN twins.py:OTHER", "tick may be twin.tick [late] or other.tick [late]; specify the machine"),
            (":wsfsm:state:`CONNECTED`\n\n.. wsfsm-table:: client application", "CONNECTED may be client.CONNECTED or application.CONNECTED; specify the machine"),
        ],
    )  # fmt: skip
    def test_error_is_reported_with_file_and_line(
        self, block: str, said: str, tmp_path: Path
    ) -> None:
        built = build(tmp_path, block, builder="dummy")

        assert built.status == 1
        assert f"index.rst:{LINE}: " in built.said
        assert said in built.said

    def test_machine_that_two_tables_define_is_reported(self, tmp_path: Path) -> None:
        built = build(
            tmp_path, ".. wsfsm-table:: client\n\n.. wsfsm-table:: client", builder="dummy"
        )

        assert (
            f"index.rst:{LINE + 2}: WARNING: another table defines the machine client, on the page index; "
            "add :no-index: to one of them [wsfsm.duplicate]"
        ) in built.said
        assert built.said.count("another table") == 1

    def test_unknown_format_of_all_pages_is_reported(self, tmp_path: Path) -> None:
        built = build(tmp_path, "", f'{CONF}wsfsm_diagram_format = "png"\n', "dummy")

        assert built.status == 1
        assert "The config value `wsfsm_diagram_format` has to be a one of" in built.said

    def test_folder_of_a_wrong_type_is_an_error(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path, {"conf.py": f"{CONF}wsfsm_folder = 5\n", "index.rst": "Page\n====\n"})

        assert sphinx(tmp_path, "dummy").status == 2
        said = capsys.readouterr().err
        assert "Configuration error!" in said
        assert "wsfsm_folder must be a str or a Path, got int 5" in said

    def test_static_paths_may_be_a_tuple(self, tmp_path: Path) -> None:
        (tmp_path / "own").mkdir()
        built = build(tmp_path, "", f'{CONF}html_static_path = ("own",)\n')

        assert (built.status, built.said) == (0, "")
        assert "--wsfsm" in built.page("_static/wsfsm.css")

    def test_table_that_defines_nothing_is_not_a_failure(self, tmp_path: Path) -> None:
        built = build(
            tmp_path, ".. wsfsm-table:: client\n   :no-index:", f"{CONF}nitpicky = True\n"
        )

        assert (built.status, built.said) == (0, "")
        assert built.links("index.html", "CONNECTED") == []

    def test_reference_of_another_domain_is_left_to_that(self, tmp_path: Path) -> None:
        built = build(tmp_path, ":any:`client.OPEN`", builder="dummy")

        assert "'any' reference target not found: client.OPEN" in built.said

    def test_names_are_looked_for_in_the_chosen_folder(self, tmp_path: Path) -> None:
        write(tmp_path, {})
        docs = tmp_path / "docs"
        conf = f'{CONF}wsfsm_folder = ".."\n'
        blocks = ".. wsfsm-table:: light.py:LIGHT\n\n.. wsfsm-table:: client"
        write(docs, {"conf.py": conf, "index.rst": f"Page\n====\n\n{blocks}\n"})
        (docs / "light.py").unlink()

        assert sphinx(docs, "dummy").said == ""


class TestGraphvizAndMermaid:
    BLOCK = ".. wsfsm-diagram:: client\n   :caption: The *client*"

    def without_graphviz(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(folder))

    @pytest.mark.parametrize("builder", ["html", "latex", "epub"])
    def test_missing_graphviz_is_reported_and_a_table_is_shown(
        self, builder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.without_graphviz(tmp_path, monkeypatch)
        conf = f'{CONF}project, copyright, version = "it", "us", "1"\n'

        built = build(tmp_path, self.BLOCK, conf, builder)

        assert built.status == 1
        assert f"index.rst:{LINE}: WARNING: " in built.said
        assert "needs Graphviz, but its program 'dot' is not on the PATH" in built.said
        assert "[wsfsm.graphviz]" in built.said
        assert (", or use Mermaid (:format: mermaid, or wsfsm_" in built.said) == (
            builder == "html"
        )
        if builder == "html":
            assert "The <em>client</em>" in built.page("index.html")
            assert "<table" in built.page("index.html")

    @pytest.mark.parametrize(
        ("setting", "option", "graphviz_there", "drawn"),
        [
            ("", "", False, True),
            ("", "   :format: mermaid", True, True),
            ('wsfsm_diagram_format = "mermaid"\n', "", True, True),
            ('wsfsm_diagram_format = "mermaid"\n', "   :format: svg", True, False),
            ("", "", True, False),
        ],
    )
    @pytest.mark.usefixtures("graphviz")
    def test_mermaid_is_drawn_where_it_is_chosen_or_where_graphviz_is_missing(  # noqa: PLR0917 - they are parameters
        self,
        setting: str,
        option: str,
        graphviz_there: bool,
        drawn: bool,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        if not graphviz_there:
            self.without_graphviz(tmp_path, monkeypatch)
        conf = f'extensions = ["wsfsm.ext.sphinx", "sphinxcontrib.mermaid"]\n{setting}'

        built = build(tmp_path, f".. wsfsm-diagram:: client\n{option}\n", conf)

        assert built.status == 0, built.said
        first = mermaid(DIAGRAMS["client"]).splitlines()[0]
        assert (first in built.page("index.html")) == drawn
        assert ("<svg" in built.page("index.html")) != drawn

    @pytest.mark.parametrize("builder", ["text", "man", "texinfo"])
    def test_picture_in_a_cell_is_described_where_tables_cannot_be_nested(
        self, builder: str, tmp_path: Path
    ) -> None:
        cell = self.BLOCK.replace("\n", "\n     ")
        table = f".. list-table::\n\n   * - {cell}\n   * - .. wsfsm-diagram:: client\n\n"

        built = build(tmp_path, table, builder=builder)

        assert (built.status, built.said) == (0, "")
        page = next(path for path in built.folder.iterdir() if path.suffix in FORMATS)
        text = " ".join(page.read_text().split())
        assert text.count("State diagram of client, with 3 states") == 2

    def test_mermaid_without_its_extension_is_reported(self, tmp_path: Path) -> None:
        built = build(tmp_path, f"{self.BLOCK}\n   :format: mermaid")

        assert built.status == 1
        assert f"index.rst:{LINE}: WARNING: the format mermaid needs the extension " in built.said
        assert "install the package sphinxcontrib-mermaid" in built.said
        assert "<table" in built.page("index.html")


@pytest.mark.usefixtures("graphviz")
class TestPartialBuilds:
    def changed(self, path: Path, text: str) -> None:
        """Change a file, at a time that is noticed."""
        path.write_text(text, encoding="utf-8")
        later = path.stat().st_mtime + 10
        os.utime(path, (later, later))

    def test_changed_import_builds_the_pages_of_the_machine(self, tmp_path: Path) -> None:
        write(tmp_path, PAGES)
        assert sphinx(tmp_path).said == ""
        pages = tmp_path / "_build" / "html"
        before = {page.name: page.stat().st_mtime_ns for page in pages.glob("*.html")}
        sys.modules.pop("parts")

        self.changed(tmp_path / "parts.py", 'STOP = "halt"\n')
        built = sphinx(tmp_path)

        assert "no wsfsm-table shows the event light.stop; there is light.go" in built.said
        assert "halt" in built.page("one.html")
        assert "halt" in built.page("two.html")
        assert built.folder.joinpath("other.html").stat().st_mtime_ns == before["other.html"]

    def test_page_with_an_error_is_built_again(self, tmp_path: Path) -> None:
        write(tmp_path, {**PAGES, "light.py": "LIGHT = 1\n"})
        assert "must be a Machine" in sphinx(tmp_path, "dummy").said

        write(tmp_path, {})
        assert sphinx(tmp_path, "dummy").said == ""

    def test_removed_page_takes_its_objects_along(self, tmp_path: Path) -> None:
        write(tmp_path, PAGES)
        assert sphinx(tmp_path, "dummy").said == ""

        (tmp_path / "one.rst").unlink()
        self.changed(tmp_path / "index.rst", PAGES["index.rst"])
        said = sphinx(tmp_path, "dummy").said

        assert "no wsfsm-table shows the event light.stop; there is websocket" not in said
        assert "no wsfsm-table shows the event light.stop; there is client." in said

    # two processes are used for more than five pages
    MORE: Final = {f"p{n}.rst": f"P{n}\n===\n\n:wsfsm:state:`light.red`\n" for n in range(5)}

    def in_a_process(self, folder: Path, files: dict[str, str], jobs: str) -> Built:
        write(folder, files)
        out = folder / "_build"
        options = ["-q", "-W", "--keep-going", "-j", jobs]
        done = subprocess.run(  # noqa: S603 - it is Sphinx
            [sys.executable, "-W", "ignore", "-m", "sphinx", *options, ".", str(out)],
            stderr=subprocess.PIPE,
            check=False,
            cwd=folder,
            timeout=120,
            text=True,
        )
        return Built(done.returncode, done.stderr, out)

    def test_parallel_build_is_the_same_as_a_serial_one(self, tmp_path: Path) -> None:
        pages = []
        for name, jobs in (("serial", "1"), ("parallel", "2")):
            built = self.in_a_process(tmp_path / name, {**PAGES, **self.MORE}, jobs)
            assert built.status == 0, built.said
            pages.append({page.name: page.read_text() for page in built.folder.glob("*.html")})

        serial, parallel = pages
        assert len(serial) > 8
        assert parallel == serial
        assert re.search(r'href="one.html#wsfsm-state-light-red"', parallel["p3.html"])

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_machine_of_two_tables_is_reported_by_each_build(
        self, jobs: str, tmp_path: Path
    ) -> None:
        again = {"p2.rst": "P2\n===\n\n.. wsfsm-table:: light.py:LIGHT\n"}

        built = self.in_a_process(tmp_path, {**PAGES, **self.MORE, **again}, jobs)

        assert built.status == 1
        # on the page that is read last
        assert built.said.count("another table defines the machine light, on the page ") == 1
