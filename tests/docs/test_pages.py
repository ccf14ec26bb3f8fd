"""All pages of the site: their examples run, and they begin with one."""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers.asgi import ROOT
from helpers.site import DOCS, GUIDES, OTHERS, blocks

import wsfsm
from tools import differences
from wsfsm.cli import main
from wsfsm.tables import ServerState

# Here every block runs one after the other, and prints the block of text that follows
RUN_HERE = [
    name
    for name in GUIDES
    if name
    in {"architecture.md", "concepts.md", "differences.md", "errors.md", "index.md", "quirks.md"}
    or name.startswith("reference/")
]
# Other tests run the blocks of these pages, each in its own way
RUN_THERE = {
    "chat.md": "test_chat_guide.py",
    "comparison.md": "test_readme.py",
    "conformance.md": "test_conformance_guide.py",
    "diagrams.md": "test_diagrams_guide.py",
    "frameworks.md": "test_frameworks_guide.py",
    "machines.md": "test_machines_guide.py",
    "origins.md": "test_testing_guides.py",
    "other_frameworks.md": "test_other_frameworks_guide.py",
    "pytest.md": "test_pytest_guide.py",
    "servers.md": "test_servers_guide.py",
    "speed.md": "test_readme.py",
    "start.md": "test_start_guide.py",
    "subprotocol.md": "test_subprotocol.py",
    "testing.md": "test_testing_guides.py",
    "tutorial.md": "test_tutorial.py",
    "websocket.md": "test_websocket_guide.py",
    "why.md": "test_why.py",
}
EXAMPLES = {path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.py")}


@pytest.mark.parametrize("name", RUN_HERE)
def test_code_of_the_page_prints_the_text_below_it(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    page = GUIDES[name]

    assert blocks(page.text, "python")
    if blocks(page.text, "text"):
        assert page.prints_what_it_says()
    else:
        for code in blocks(page.text, "python"):
            exec(compile(code, str(page.path), "exec"), {"__name__": "__main__"})  # noqa: S102 - our own


@pytest.mark.parametrize("name", GUIDES)
def test_every_code_block_is_run_by_a_test(name: str) -> None:
    text = GUIDES[name].text
    codes = [
        code for code in blocks(text, "python") if not any(code in example for example in EXAMPLES)
    ]
    test = RUN_THERE.get(name)

    assert "```py\n" not in text
    assert "```pycon" not in text
    if name not in RUN_HERE and codes:
        assert test is not None, "list the test that runs its blocks"
        assert f'{name}"' in (Path(__file__).parent / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GUIDES)
def test_every_block_of_toml_is_one(name: str) -> None:
    for block in blocks(GUIDES[name].text, "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("name", GUIDES)
def test_page_begins_with_an_example(name: str) -> None:
    """A first screen has some 30 lines of text."""
    prose = re.sub(
        r"^```\{toctree\}.*?^```\n", "", GUIDES[name].text, flags=re.DOTALL | re.MULTILINE
    )
    beginning = prose.splitlines()[:32]

    assert [
        line for line in beginning if re.match(r"```(?!\{include)|    \S|!\[|- \*\*\w", line)
    ], name


@pytest.mark.parametrize(
    "name", sorted({*RUN_HERE, "server_table.md", "start.md"} - {"architecture.md"})
)
def test_lines_have_no_more_than_120_characters(name: str) -> None:
    text = GUIDES[name].text
    prose = re.sub(r"^```.*?^```|^ *\|.*?$", "", text, flags=re.DOTALL | re.MULTILINE)

    assert [line for line in prose.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("name", GUIDES)
def test_every_topic_of_an_error_exists(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for topic in re.findall(r"wsfsm error ([a-z-]+)", GUIDES[name].text):
        assert main(["error", topic]) == 0


@pytest.mark.parametrize("name", sorted(GUIDES.keys() - {"architecture.md"}))
def test_link_to_a_page_has_a_title_as_its_text(name: str) -> None:
    """On the site, a page is not known by the name of its file."""
    pages = {(DOCS / page).resolve() for page in GUIDES} | {*OTHERS.values()}
    for text, target in re.findall(r"\[([^\]]*)\]\(([^):#]+)[^)]*\)", GUIDES[name].text):
        if (GUIDES[name].path.parent / target).resolve() in pages:
            assert not re.search(r"\.md\b|/", text), text


@pytest.mark.parametrize("name", OTHERS)
def test_included_file_exists(name: str) -> None:
    assert OTHERS[name].is_file()
    assert not OTHERS[name].is_relative_to(DOCS)


def test_every_page_is_in_the_tree() -> None:
    listed = set()
    for name, guide in GUIDES.items():
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", guide.text, re.DOTALL):
            pages = [line for line in tree.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r".* <(.*)>", r"\1", page) for page in pages]
            listed |= {(Path(name).parent / f"{page}.md").as_posix() for page in names}

    assert listed == {*GUIDES, *OTHERS} - {"index.md"}


def test_page_of_differences_is_made_of_the_specification() -> None:
    written = differences.PAGE.read_text(encoding="utf-8")

    assert written == differences.page(), "run python -m tools.differences"


def test_page_of_the_server_has_a_section_for_each_state() -> None:
    text = GUIDES["server_table.md"].text
    states = [state.name for state in ServerState]

    assert re.findall(r"^## ([A-Z_]+)$", text, re.MULTILINE) == states
    for state in states:
        section = text.split(f"\n## {state}\n")[1].split("\n## ")[0]
        assert f"```{{wsfsm-diagram}} server\n:state: {state}\n" in section
        assert f"```{{wsfsm-table}} server\n:state: {state}\n:rows:\n" in section


class TestReference:
    """docs/reference has every public name once."""

    def public(self) -> Iterator[tuple[str, object]]:
        for module in _modules(wsfsm):
            for name in getattr(module, "__all__", ()):
                yield f"{module.__name__}.{name}", getattr(module, name)

    def documented(self) -> list[str]:
        texts = [guide.text for name, guide in GUIDES.items() if name.startswith("reference/")]
        return re.findall(r"^\.\. auto\w+:: (\S+)$", "\n".join(texts), re.MULTILINE)

    def test_every_public_name_is_there(self) -> None:
        there = {(name.rpartition(".")[2], id(_named(name))) for name in self.documented()}
        missing = [
            name
            for name, value in self.public()
            if (name.rpartition(".")[2], id(value)) not in there
        ]

        assert missing == []

    def test_nothing_else_is_there(self) -> None:
        public = {name for name, _ in self.public()}

        assert [name for name in self.documented() if name not in public] == []

    def test_every_name_is_there_once_and_by_its_shortest_name(self) -> None:
        documented = self.documented()
        public = list(self.public())

        assert len(set(documented)) == len(documented)
        for name in documented:
            last, value = name.rpartition(".")[2], _named(name)
            same = [n for n, v in public if v is value and n.rpartition(".")[2] == last]
            assert name.count(".") == min(n.count(".") for n in same), name


def _named(name: str) -> object:
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        parts = found.name.split(".")
        if not any(part.startswith("_") for part in parts):
            yield importlib.import_module(found.name)
