"""The guide to `wsfsm check` agrees with the code."""

import contextlib
import io
import re

from helpers.asgi import ROOT
from helpers.guides import Guide

from wsfsm.conformance import FACADES, PROFILES, Level, Verdict, cli, load_folder

GUIDE = Guide(ROOT / "docs" / "conformance.md")


def test_guide_code_prints_the_output_shown() -> None:
    assert GUIDE.prints_what_it_says()


def test_guide_lists_every_option() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        cli.main(["server", "--help"])
    options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", out.getvalue(), re.MULTILINE))

    assert {cell.split()[0] for cell in GUIDE.first_cells("Options and reports")} == options - {
        "--help"
    }


def test_guide_lists_every_verdict() -> None:
    assert GUIDE.first_cells("Levels and verdicts") == [verdict.value for verdict in Verdict]


def test_guide_lists_the_cases_that_need_plain_http() -> None:
    needy = {
        case.id: case.level
        for case in load_folder("server")
        if any(need.get("body") == "HTTP" for step in case.steps for need in step.need)
    }

    text = GUIDE.section("A server").split("plain HTTP")[1]

    assert re.findall(r"`([a-z]+\.[a-z-]+)`", text) == [*needy]
    assert {*needy.values()} == {Level.MAY}


def test_guide_lists_every_known_server_and_facade() -> None:
    for name in (*PROFILES, *FACADES):
        assert f"`{name}`" in GUIDE.text, name


def test_guide_and_readme_have_the_rounded_numbers_of_cases() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind in ("server", "facade"):
        rounded = round(len(load_folder(kind)), -1)
        assert f"some {rounded}" in GUIDE.text
        assert f"some {rounded}" in readme


def test_guide_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^):#]+)\)", GUIDE.text):
        assert (GUIDE.path.parent / target).exists(), target
