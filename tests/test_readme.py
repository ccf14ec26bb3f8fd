"""The README says what is so."""

import contextlib
import io
import json
import re
import runpy
import tomllib

import pytest
from support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_its_code_runs_and_prints_what_stands_below_it(code: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own

    if printed.getvalue():
        assert f"```text\n{printed.getvalue()}```" in README


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^):#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_its_make_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"\bmake ([a-z][a-z-]*)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_figures_are_those_that_were_measured() -> None:
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "facade.py"), run_name="benchmark")
    results = sorted((ROOT / "benchmarks" / "results").glob("facade-*.json"))

    assert results
    for path in results:
        measured = json.loads(path.read_text(encoding="utf-8"))
        assert f"{measured['about']['python']}, Starlette" in README
        assert benchmark["markdown"](measured["ratios"]) in README


def test_its_figures_of_servers_are_those_that_were_measured() -> None:
    report = runpy.run_path(str(ROOT / "benchmarks" / "server_report.py"))
    results = sorted((ROOT / "benchmarks" / "results").glob("server-*.json"))

    assert results
    for path in results:
        measured = json.loads(path.read_text(encoding="utf-8"))
        about = measured["about"]
        assert (
            f"{about['python']}, {about['loop']}, uvicorn {about['versions']['uvicorn']}" in README
        )
        assert report["markdown"](measured["ratios"]) in README
        rows = [row for name, row in measured["figures"].items() if name.startswith("text")]
        ours, theirs = (
            [f"{row[name] / row['picows']:.1f}" for row in rows]
            for name in ("uvicorn-wsfsm", "uvicorn-sansio")
        )
        assert (
            f"{ours[0]} times its time in flight and {ours[1]} times in ping-pong; the best of "
            f"uvicorn's own classes {theirs[0]} and {theirs[1]} times."
        ) in " ".join(README.split())


def test_its_figures_of_the_core_are_those_that_were_measured() -> None:
    report = runpy.run_path(str(ROOT / "benchmarks" / "server_report.py"))
    results = sorted((ROOT / "benchmarks" / "results").glob("core-*.json"))

    assert results
    for path in results:
        assert report["markdown"](json.loads(path.read_text(encoding="utf-8"))["figures"]) in README


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(
        r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert versions[0] == project["version"]
