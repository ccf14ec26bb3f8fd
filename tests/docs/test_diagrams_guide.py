"""The guide to diagrams: its files and commands do what it says."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide, in_folder_of
from helpers.sites import mkdocs_site, sphinx

import wsfsm.diagrams
from wsfsm.cli import main
from wsfsm.diagrams import DIAGRAMS, SUFFIXES, Diagram, Form, Kind, scxml, xstate
from wsfsm.ext._blocks import OPTIONS
from wsfsm.fsm import Event, Row, Table

GUIDE = Guide(ROOT / "docs" / "diagrams.md")
TITLED = dict(re.findall(r'```(?:python|yaml) title="(.*?)"\n(.*?)```', GUIDE.text, re.DOTALL))
COMMANDS = [words for words in GUIDE.commands if words[0] == "wsfsm"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the guide, as the current one."""
    with in_folder_of(TITLED, tmp_path, monkeypatch):
        yield tmp_path


@pytest.mark.usefixtures("graphviz")
def test_commands_run_one_after_the_other(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["diagram", "light.py:LIGHT", "-o", "light.mmd"])

    assert len(COMMANDS) >= 6
    for program, *words in COMMANDS:
        assert program == "wsfsm"
        assert main(words) == 0, words
    assert capfd.readouterr().err == ""
    assert {path.name for path in folder.iterdir()} >= {"light.svg", "crossing.svg"}


def test_picture_in_the_guide_is_current(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", GUIDE.text, re.DOTALL)
    path = folder / "picture.mmd"
    path.write_text(picture, encoding="utf-8")

    assert main(["diagram", "light.py:LIGHT", "--check", str(path)]) == 0


def test_test_in_the_guide_passes(folder: Path) -> None:
    main(["diagram", "light.py:LIGHT", "--no-merge-edges", "-o", "light.mmd"])
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "test_light.py", "exec"), names)  # noqa: S102 - our own

    names["test_picture_is_current"]()


def test_explanation_in_the_guide_is_printed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (text,) = re.findall(r"```text\n(.*?)```", GUIDE.section("Ask a machine"), re.DOTALL)

    assert main(["explain", "light.py:LIGHT"]) == 0
    assert capfd.readouterr() == (text, "")


def test_endless_machine_runs_for_ever(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert 'says "runs for ever"' in GUIDE.section("Draw a machine that runs for ever")
    assert main(["diagram", "blinker.py:BLINKER"]) == 0
    assert " and runs for ever.\n" in capfd.readouterr().out


@pytest.mark.parametrize("name", GUIDE.first_cells("Name a machine"))
def test_form_of_every_name_is_valid(name: str) -> None:
    for one in re.split("`, `", name):
        form = r"(light\.py|package\.module):[\w.]+|light\.scxml"
        assert one in DIAGRAMS or re.fullmatch(form, one)


def test_formats_are_all_formats_with_their_suffixes() -> None:
    told = re.findall(
        r"^\| `(\w+)` \| `(\.\w+)` \|", GUIDE.section("Choose a format"), re.MULTILINE
    )

    assert dict(told) == dict(SUFFIXES)
    assert [form for form, _ in told] == [*get_args(Form)]


def test_forms_of_guards_are_the_written_ones() -> None:
    section = GUIDE.section("Take a machine to other tools")
    told = [html.escape(code) for code in re.findall(r"`(_event.*?)`", section)]
    table = Table(
        "t",
        ("a", "b"),
        "a",
        ("b",),
        (Row("a", Event("e", guard="more_body"), "b"), Row("a", "e", "a")),
    )

    assert len(told) == 2
    written = html.escape(html.unescape(scxml(Diagram([table]))))
    assert all(condition in written for condition in told)
    assert all(
        f'"guard": "{guard}"' in xstate(Diagram([table]))
        for guard in ("more_body", "not (more_body)")
    )
    assert 'id="client.CONNECTED"' in scxml(DIAGRAMS["both"])
    assert 'event="transport_x0020_lost"' in scxml(DIAGRAMS["both"])


def test_kinds_exist_with_their_meaning() -> None:
    section = GUIDE.section("Choose colours and couplings")
    told = re.findall(r"^\| `(\w+)` \| (.*) \|", section, re.MULTILINE)

    assert len(told) == 4
    for name, meaning in told:
        kind = getattr(wsfsm.diagrams, name)
        assert isinstance(kind, Kind)
        assert meaning.startswith(kind.meaning)
    assert len(DIAGRAMS["both"].couplings) == 2


@pytest.mark.usefixtures("graphviz")
def test_sphinx_builds_the_page_in_the_guide(folder: Path) -> None:
    (page,) = re.findall(r"```rst\n(.*?)```", GUIDE.section("In Sphinx"), re.DOTALL)
    docs = folder / "docs"
    docs.mkdir()
    (folder / "conf.py").rename(docs / "conf.py")
    (docs / "index.rst").write_text(f"Page\n====\n\n{page}", encoding="utf-8")

    built = sphinx(docs)

    assert (built.status, built.said) == (0, "")
    assert "A traffic light" in built.page("index.html")
    assert built.links("index.html", "light.red") == ["#wsfsm-state-light-red"]
    assert built.links("index.html", "go") == ["#wsfsm-event-light-go"]


def test_markdown_in_the_guide_is_that_of_myst(folder: Path) -> None:
    section = GUIDE.section("In Sphinx")
    (fence,) = re.findall(r"```\{wsfsm-diagram\} \S+", section)
    (role,) = re.findall(r"\{wsfsm:state\}`[^`]*`", section)
    conf = 'extensions = ["wsfsm.ext.sphinx", "myst_parser"]\n'
    (folder / "conf.py").write_text(conf, encoding="utf-8")
    text = f"# Page\n\n{fence}\n```\n\n```{{wsfsm-table}} light.py:LIGHT\n```\n\n{role}\n"
    (folder / "index.md").write_text(text, encoding="utf-8")

    built = sphinx(folder, "text")

    assert (built.status, built.said) == (0, "")


IDLE, FIRST = "#wsfsm-event-server-pong-timeout-idle", "#wsfsm-event-server-pong-timeout-sending"


def test_references_to_guards_in_the_guide_lead_to_their_rows(folder: Path) -> None:
    roles = re.findall(r"`` (:wsfsm:event:`~server.*?`) ``", GUIDE.section("In Sphinx"))
    table = ".. wsfsm-table:: server"
    (folder / "index.rst").write_text(f"Page\n====\n\n{table}\n\n{' '.join(roles)}\n", "utf-8")

    built = sphinx(folder)

    assert built.status == 0, built.said
    assert built.links("index.html", "pong timeout [idle]") == [IDLE]
    assert built.links("index.html", "pong timeout") == [FIRST]


def test_links_in_the_text_of_the_guide_lead_to_their_rows(folder: Path) -> None:
    section = GUIDE.section("In MkDocs")
    links = re.findall(r"`(\[\]\(wsfsm:.*?\))`", section)
    (fence,) = re.findall(r"```` (```wsfsm-table \S+) ````", section)
    docs = folder / "docs"
    docs.mkdir()
    page = f"{fence}\n```\n\n```wsfsm-table server\n```\n\n{' '.join(links)}\n"
    (docs / "index.md").write_text(page, encoding="utf-8")
    settings = f"site_name: lights\n{TITLED['mkdocs.yml']}"
    (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")

    built = mkdocs_site(folder)

    assert (built.status, built.said) == (0, "")
    assert "#wsfsm-state-light-red" in built.links("index.html", "red")
    assert built.links("index.html", "pong timeout [idle]") == [IDLE]


@pytest.mark.usefixtures("graphviz")
def test_mkdocs_builds_the_page_in_the_guide(folder: Path) -> None:
    section = GUIDE.section("In MkDocs")
    (page,) = re.findall(r"````markdown\n(.*?)````", section, re.DOTALL)
    _, settings = re.findall(r"```yaml.*?\n(.*?)```", section, re.DOTALL)
    docs = folder / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(page, encoding="utf-8")
    name = "site_name: lights\n"
    (folder / "mkdocs.yml").write_text(f"{name}{TITLED['mkdocs.yml']}", encoding="utf-8")

    built = mkdocs_site(folder)

    assert (built.status, built.said) == (0, "")
    assert "<figcaption>A traffic light</figcaption>" in built.page("index.html")
    assert built.links("index.html", "go") == ["#wsfsm-event-light-go"]
    (folder / "src").mkdir()
    (folder / "light.py").rename(folder / "src" / "light.py")
    (folder / "mkdocs.yml").write_text(f"{name}{settings}", encoding="utf-8")
    assert mkdocs_site(folder).status == 0


@pytest.mark.parametrize("language", OPTIONS)
def test_options_in_the_guide_are_all_options(language: str) -> None:
    diagram, table = GUIDE.section("In Sphinx").split("`wsfsm-table` shows")
    text = diagram if language == "wsfsm-diagram" else table
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `:")]

    named = re.findall(r"`:([a-z-]+):`", " ".join(cells))
    assert sorted(named) == sorted(OPTIONS[language])


def test_links_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.*)$", GUIDE.text, re.MULTILINE)
    known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    links = re.findall(r"\]\(#([^)]+)\)", GUIDE.text)
    assert links
    assert set(links) <= known
