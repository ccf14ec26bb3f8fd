"""The guide to other frameworks shows the examples that are tested."""

import re

from helpers.asgi import ROOT
from helpers.guides import Guide

GUIDE = Guide(ROOT / "docs" / "other_frameworks.md")
EXAMPLES = ROOT / "examples" / "frameworks"


def test_its_code_is_that_of_the_examples_which_are_all_there() -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.text, re.DOTALL)

    assert sorted(blocks) == sorted(
        path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")
    )


def test_each_framework_of_its_table_has_a_section() -> None:
    frameworks = [name.split(" (")[0] for name in GUIDE.first_cells("Choose a way")]

    assert len(frameworks) == 8
    for name in frameworks:
        heading = {"Starlette": "Starlette and FastAPI", "FastAPI": "Starlette and FastAPI"}
        section = GUIDE.section(heading.get(name, name[0].upper() + name[1:]))
        assert "**What works.**" in section
        assert "**What does not.**" in section


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE.text)

    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link


def test_its_lines_have_no_more_than_120_characters() -> None:
    assert max(map(len, GUIDE.text.splitlines())) <= 120
