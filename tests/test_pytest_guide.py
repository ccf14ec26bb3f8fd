"""The guide to the plugin of pytest says what it does, and its example runs."""

import re
import subprocess
import sys

import pytest
from guides import Guide
from plugin_project import Project
from support import ROOT

import pytest_wsfsm
from wsfsm.conformance import FACADES, PROFILES, Verdict, load_folder

GUIDE = Guide(ROOT / "docs" / "pytest.md")
EXAMPLE = ROOT / "examples" / "conformance"


def codes(title: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.section(title), re.DOTALL)


class TestTheGuide:
    def test_has_every_option(self) -> None:
        assert sorted(GUIDE.first_cells("Options")) == sorted(
            [*pytest_wsfsm._OPTIONS, "wsfsm_select"]
        )

    def test_has_every_verdict(self) -> None:
        assert sorted(GUIDE.first_cells("How a test ends")) == sorted(Verdict)

    def test_has_what_is_replaced_in_a_command(self) -> None:
        told = re.findall(r"{\w+}", " ".join(GUIDE.first_cells("A server")))

        assert sorted(told) == sorted(re.findall(r"{\w+}", pytest_wsfsm._OPTIONS["wsfsm_server"]))

    @pytest.mark.parametrize(("title", "names"), [("A server", PROFILES), ("Options", FACADES)])
    def test_has_every_name(self, title: str, names: dict[str, object]) -> None:
        for name in names:
            assert f"`{name}`" in GUIDE.section(title)

    @pytest.mark.parametrize(
        ("name", "language"),
        [("pyproject.toml", "toml"), ("test_asgi.py", "python"), ("known_failures.toml", "toml")],
    )
    def test_shows_the_example(self, name: str, language: str) -> None:
        code = (EXAMPLE / name).read_text(encoding="utf-8")

        assert f"```{language}\n{code}```" in GUIDE.text

    def test_names_cases_that_are_there(self) -> None:
        (named, _) = codes("Playing some of the cases")
        ids = {case.id for case in load_folder("server")}

        assert {*re.findall(r'"(\w+\.[\w.-]+)"', named)} <= ids

    @pytest.mark.parametrize(
        "code",
        [*codes("A server"), *codes("Playing some of the cases")],
        ids=["server", "own", "many"],
    )
    def test_has_code_that_pytest_takes(self, pytester: pytest.Pytester, code: str) -> None:
        project = Project(pytester)
        head = """
import sys
import pytest
from wsfsm.conformance import CommandTarget, ServerTarget
from wsfsm.conformance.pytest_cases import PlayedCase

"""
        project.write(f"{head}{code}\n\ndef test_it(wsfsm_server_case): pass")
        result = project.run("--collect-only", select="send.text")

        assert result.ret == 0

    def test_links_to_what_exists(self) -> None:
        links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)

        assert len(links) == 3
        for link in links:
            assert (GUIDE.path.parent / link).exists(), link


def test_the_example_runs() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own
    outcomes = {
        what: int(n) for n, what in re.findall(r"(\d+) (\w+)", done.stdout.splitlines()[-1])
    }

    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes["xfailed"] == 1
    assert outcomes["passed"] > 100
