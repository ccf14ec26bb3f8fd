"""The pages for contributors, and the files of the project, name only what exists."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs
import pytest
from helpers.asgi import ROOT

from wsfsm.conformance import Level, Verdict
from wsfsm.server import Policies
from wsfsm.tables.states import ServerState, WebSocketState

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/glossary.md")
}
CONTRIBUTING, SECURITY, ARCHITECTURE, GLOSSARY = PAGES.values()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*: (.*(?:\n  .*)*)", GLOSSARY, re.MULTILINE)

SUFFIXES = ("cff", "json", "md", "py", "toml", "yaml", "yml")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {".venv"}


def without_comments(name: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def cells(text: str, title: str) -> Iterator[list[str]]:
    """The rows of the first table below a heading, without its own."""
    section = text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    (table, *_) = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def named(text: str) -> set[str]:
    """Return the names in backticks in a text."""
    return set(re.findall(r"`([^`\n]+)`", text))


def is_path(name: str) -> bool:
    """Whether a name is that of a file or folder of the project, complete."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]*)+|[\w.-]+", name):
        return False
    begins = name.split("/", maxsplit=1)[0] in FOLDERS
    return begins if "/" in name else name.endswith(tuple(f".{suffix}" for suffix in SUFFIXES))


def headings(text: str) -> set[str]:
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


class TestPages:
    @pytest.mark.parametrize("name", PAGES)
    def test_page_links_lead_to_files_and_headings(self, name: str) -> None:
        links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)", PAGES[name])

        assert links
        for target, heading in links:
            path = (ROOT / name).parent / target if target else ROOT / name
            assert path.exists(), target
            assert path.resolve().is_relative_to(ROOT), target
            if heading:
                assert heading in headings(path.read_text(encoding="utf-8")), heading

    @pytest.mark.parametrize("name", PAGES)
    def test_link_with_a_path_as_its_text_leads_to_that_path(self, name: str) -> None:
        for text, target in re.findall(r"\[`([^`]+)`\]\((?!https?:)([^)#]+)\)", PAGES[name]):
            assert ((ROOT / name).parent / target).resolve() == (ROOT / text).resolve(), text

    @pytest.mark.parametrize("name", PAGES)
    def test_every_named_path_exists(self, name: str) -> None:
        paths = {path for path in named(PAGES[name]) if is_path(path)} - {"report.html"}
        examples = {"close.toml": "specs/conformance/server/close.toml"}

        assert paths or name == "docs/glossary.md"
        for path in paths:
            assert list(ROOT.glob(examples.get(path, path))), path

    @pytest.mark.parametrize("name", PAGES)
    def test_every_named_make_target_exists(self, name: str) -> None:
        commands = re.findall(r"\bmake((?: -C \w+)? [a-z][a-z-]*)", "\n".join(named(PAGES[name])))
        commands += re.findall(r"^make(.*)$", PAGES[name], re.MULTILINE)

        for command in commands:
            assert shlex.split(command)[-1] in TARGETS | {"help"}, command


class TestContributing:
    def test_contributing_lists_make_targets_in_the_order_of_the_makefile(self) -> None:
        listed = [first for first, *_ in cells(CONTRIBUTING, "Commands")]
        explained = re.findall(r"^([a-z][a-z-]*):.*##", MAKEFILE, re.MULTILINE)

        assert listed == [f"`make {target}`" for target in explained if target != "help"]

    @pytest.mark.parametrize(
        "title", ["Add a row to a table", "Add a conformance case", "Add a server to the suite"]
    )
    def test_recipe_is_numbered_and_names_its_tests(self, title: str) -> None:
        section = CONTRIBUTING.split(f"\n## {title}\n")[1].split("\n## ")[0]
        numbers = [int(n) for n in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]

        assert numbers == [*range(1, len(numbers) + 1)]
        assert len(numbers) >= 7
        assert re.findall(r"`tests/[\w/]+\.py`", section)

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("wsfsm/server/_outputs.py", "HANDLERS"),
            ("wsfsm/conformance/server/profiles.py", "PROFILES"),
            ("tools/publish_results.py", "SERVERS"),
            ("tests/conformance/test_case_coverage.py", "NOT_BROUGHT_ABOUT"),
            ("tests/server/test_server_exploration.py", "CHOICES"),
        ],
    )
    def test_mapping_that_a_recipe_extends_exists(self, path: str, name: str) -> None:
        assert f"`{name}`" in CONTRIBUTING
        assert re.search(rf"^ *{name}\b.* = ", (ROOT / path).read_text("utf-8"), re.MULTILINE)


class TestSecurity:
    def test_security_page_lists_the_default_limits(self) -> None:
        defaults = attrs.asdict(Policies())
        limited = dict[str, str]()
        for _, default, beyond, policies in cells(SECURITY, "Limits by default"):
            for policy in named(policies) & defaults.keys():
                limited[policy] = f"{default} {beyond}"

        assert {policy for policy in defaults if policy.startswith("max_")} <= limited.keys()
        assert {policy for policy in defaults if "time" in policy} <= limited.keys()
        for policy, told in limited.items():
            assert re.search(rf"(^|[ `]){re.escape(str(defaults[policy]))}\b", told), policy

    def test_security_and_contributing_name_no_repository_address(self) -> None:
        assert "github.com" not in SECURITY + CONTRIBUTING


class TestArchitecture:
    def test_architecture_floors_are_the_layers_of_the_import_contract(self) -> None:
        (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
        floors = [re.findall(r"`(\w+)`", first) for first, _ in cells(ARCHITECTURE, "The floors")]

        assert floors == [re.split(r" [|:] ", layer) for layer in contract["layers"]]

    def test_architecture_picture_has_the_same_floors(self) -> None:
        (picture,) = re.findall(r"```mermaid\n(.*?)```", ARCHITECTURE, re.DOTALL)
        drawn = [re.findall(r'\["(\w+)"\]', part) for part in picture.split("subgraph ")[1:]]
        floors = [re.findall(r"`(\w+)`", first) for first, _ in cells(ARCHITECTURE, "The floors")]
        chain = re.findall(r"f\d+", picture.splitlines()[-1])

        assert drawn == floors
        assert chain == [f"f{n}" for n in range(1, len(floors) + 1)]

    def test_architecture_page_says_where_to_make_eighteen_changes(self) -> None:
        rows = list(cells(ARCHITECTURE, "Where to change what"))

        assert len(rows) == 18
        assert all("](" in where for _, where, _ in rows)


class TestGlossary:
    def test_glossary_is_in_alphabetical_order_under_its_letters(self) -> None:
        names = [name for name, _ in ENTRIES]
        letters = re.findall(r"^## (.)$", GLOSSARY, re.MULTILINE)

        assert names == sorted(names, key=lambda name: name.replace("_", " ").casefold())
        assert letters == list(dict.fromkeys(name[0].upper() for name in names))
        assert len({name.casefold() for name in names}) == len(names)

    @pytest.mark.parametrize(("name", "text"), ENTRIES, ids=[name for name, _ in ENTRIES])
    def test_glossary_entry_is_one_or_two_sentences_with_a_source(
        self, name: str, text: str
    ) -> None:
        said = re.fullmatch(r"(.+\.) \((.+)\)", " ".join(text.split()))

        assert said, name
        assert 1 <= len(re.findall(r"\.(?= |$)", said[1])) <= 2

    @pytest.mark.parametrize(
        "member", [*WebSocketState, *ServerState, *Level, *Verdict], ids=lambda member: member.name
    )
    def test_glossary_has_every_state_level_and_verdict(self, member: Enum) -> None:
        told = GLOSSARY.replace("\n  ", " ")
        name = member.name if isinstance(member, (WebSocketState, ServerState)) else member.value

        assert f"**{name}**" in told or f"`{name}`" in told


class TestProjectFiles:
    def test_citation_has_name_version_and_licence_of_the_package(self) -> None:
        text = without_comments("CITATION.cff")
        project: Any = PROJECT["project"]
        told = {
            "title": project["name"],
            "version": project["version"],
            "license": project["license"],
        }

        for key, value in told.items():
            assert f"\n{key}: {value}\n" in text
        assert f"- name: {project['authors'][0]['name']}\n" in text

    def test_workflow_has_read_permission_a_time_limit_and_the_local_commands(self) -> None:
        text = without_comments(".github/workflows/ci.yml")
        jobs = len(re.findall(r"runs-on: ubuntu-latest", text))

        assert "- run: .ci/run\n" in text
        assert "- run: python -m build\n" in text
        assert re.findall(r"permissions:\n((?:  .*\n)+)", text) == ["  contents: read\n"]
        assert text.count("timeout-minutes: 30") == jobs == 2

    def test_pre_commit_hooks_are_local_and_the_same_as_in_make_test(self) -> None:
        text = without_comments(".pre-commit-config.yaml")
        entries = re.findall(r"entry: \.venv/bin/(\S+(?: (?!-)\S+)?)", text)

        assert "http" not in text
        assert re.findall(r"- repo: (\S+)", text) == ["local"]
        assert entries == ["ruff check", "ruff format", "mypy", "lint-imports", "codespell"]
        for entry in entries:
            assert f"\t$(BIN)/{entry}" in MAKEFILE

    @pytest.mark.parametrize("tool", ["codespell", "import-linter", "ruff"])
    def test_linter_is_in_the_lint_dependency_group(self, tool: str) -> None:
        group = PROJECT["dependency-groups"]["lint"]

        assert [requirement for requirement in group if requirement.startswith(f"{tool}>=")]
