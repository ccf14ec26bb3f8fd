"""The guide to the pytest plugin agrees with the code, and its example runs."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.plugin_project import Project

import pytest_wsfsm
from wsfsm.conformance import FACADES, PROFILES, Verdict, load_folder

pytestmark = pytest.mark.one_python

GUIDE = Guide(ROOT / "docs" / "pytest.md")
EXAMPLE = ROOT / "examples" / "conformance"
COMMANDS = Guide(EXAMPLE / "README.md").commands


def codes(title: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.section(title), re.DOTALL)


def failures(folder: Path) -> list[tuple[str, str, str]]:
    """Those that are known in a folder, without the reasons."""
    told = tomllib.loads((folder / "known_failures.toml").read_text(encoding="utf-8"))
    return [(known["case"], known["target"], known["verdict"]) for known in told["known"]]


class TestGuide:
    def test_guide_lists_every_option(self) -> None:
        assert sorted(GUIDE.first_cells("Options")) == sorted(
            [*pytest_wsfsm._OPTIONS, "wsfsm_select"]
        )

    def test_guide_lists_every_verdict(self) -> None:
        assert sorted(GUIDE.first_cells("How a test ends")) == sorted(Verdict)

    def test_guide_lists_the_placeholders_of_a_command(self) -> None:
        told = re.findall(r"{\w+}", " ".join(GUIDE.first_cells("A server")))

        assert sorted(told) == sorted(re.findall(r"{\w+}", pytest_wsfsm._OPTIONS["wsfsm_server"]))

    @pytest.mark.parametrize(("title", "names"), [("A server", PROFILES), ("Options", FACADES)])
    def test_guide_section_lists_every_name(self, title: str, names: dict[str, object]) -> None:
        for name in names:
            assert f"`{name}`" in GUIDE.section(title)

    @pytest.mark.parametrize(
        ("name", "language"),
        [("pyproject.toml", "toml"), ("test_asgi.py", "python"), ("known_failures.toml", "toml")],
    )
    def test_guide_shows_the_files_of_the_example(self, name: str, language: str) -> None:
        code = (EXAMPLE / name).read_text(encoding="utf-8")

        assert f"```{language}\n{code}```" in GUIDE.text

    def test_guide_command_writes_the_known_failures_of_the_example(self, tmp_path: Path) -> None:
        (command,) = [words for words in GUIDE.commands if words[1:3] == ["check", "facade"]]
        shutil.copy(EXAMPLE / "tiny.py", tmp_path)
        subprocess.run([sys.executable, "-P", "-m", *command], cwd=tmp_path, check=False)  # noqa: S603 - our own

        assert failures(tmp_path) == failures(EXAMPLE)

    def test_guide_names_cases_that_exist(self) -> None:
        (named, _) = codes("Run some of the cases")
        ids = {case.id for case in load_folder("server")}

        assert {*re.findall(r'"(\w+\.[\w.-]+)"', named)} <= ids

    @pytest.mark.parametrize(
        "code",
        [*codes("A server"), *codes("Run some of the cases")],
        ids=["server", "own", "many"],
    )
    def test_guide_code_is_collected_by_pytest(self, pytester: pytest.Pytester, code: str) -> None:
        project = Project(pytester)
        head = """
import sys
import pytest
from wsfsm.conformance import CommandTarget, ServerTarget
from wsfsm.conformance.pytest.collect import PlayedCase

"""
        project.write(f"{head}{code}\n\ndef test_it(wsfsm_server_case): pass")
        result = project.run("--collect-only", select="send.text")

        assert result.ret == 0

    def test_guide_links_lead_to_files(self) -> None:
        links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)

        assert len(links) == 4
        for link in links:
            assert (GUIDE.path.parent / link.partition("#")[0]).exists(), link


@pytest.mark.long
class TestExample:
    """Its commands are for one folder: the one that they stand in."""

    def test_example_has_two_commands(self) -> None:
        assert [command[0] for command in COMMANDS] == ["pip", "pytest"]

    def test_example_installs_extras_that_exist(self) -> None:
        *words, package = COMMANDS[0]
        folder, extras = re.fullmatch(r"([./]+)\[([\w,]+)\]", package).groups()  # type: ignore[union-attr]
        project = (EXAMPLE / folder / "pyproject.toml").read_text(encoding="utf-8")

        assert words == ["pip", "install"]
        assert {*extras.split(",")} <= tomllib.loads(project)["project"][
            "optional-dependencies"
        ].keys()

    def test_example_passes_with_one_expected_failure(self) -> None:
        command = [sys.executable, "-m", *COMMANDS[1], "-q", "-pno:cacheprovider"]
        done = subprocess.run(  # noqa: S603 - our own
            command, cwd=EXAMPLE, capture_output=True, text=True, timeout=120, check=False
        )
        outcomes = {
            what: int(n) for n, what in re.findall(r"(\d+) (\w+)", done.stdout.splitlines()[-1])
        }

        assert done.returncode == 0, done.stdout + done.stderr
        assert outcomes["xfailed"] == 1
        assert outcomes["passed"] > 100
