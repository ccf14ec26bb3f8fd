"""The guide to `wsfsm check` says what the code does."""

import argparse
import contextlib
import io
import re

from support import ROOT

from wsfsm import check
from wsfsm.conformance import FACADES, PROFILES, Verdict, load_folder

PATH = ROOT / "docs" / "conformance.md"
GUIDE = PATH.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str, table: int = 0) -> list[str]:
    """What is in the first column of a table, without its heading."""
    found = re.findall(r"(?:^\|.*\n)+", section(title), re.MULTILINE)[table]
    return [line.strip("|").split("|")[0].strip(" `") for line in found.splitlines()[2:]]


def test_its_code_prints_what_it_says() -> None:
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", GUIDE, re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PATH), "exec"), {})  # noqa: S102 - our own

    assert out.getvalue() == printed


def test_every_option_is_there() -> None:
    parser = argparse.ArgumentParser()
    check.declare(parser.add_subparsers())
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        parser.parse_args(["check", "server", "--help"])
    options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", out.getvalue(), re.MULTILINE))

    assert {cell.split()[0] for cell in first_cells("What is told")} == options - {"--help"}


def test_every_verdict_is_there() -> None:
    assert first_cells("Levels and verdicts") == [verdict.value for verdict in Verdict]


def test_all_that_is_known_by_name_is_there() -> None:
    for name in (*PROFILES, *FACADES):
        assert f"`{name}`" in GUIDE, name


def test_the_numbers_of_cases_are_about_right() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind in ("server", "facade"):
        rounded = round(len(load_folder(kind)), -1)
        assert f"some {rounded}" in GUIDE
        assert f"some {rounded}" in readme


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^):#]+)\)", GUIDE):
        assert (PATH.parent / target).exists(), target
