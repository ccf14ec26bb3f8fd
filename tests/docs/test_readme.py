"""The README and its pages agree with the code and the Makefile."""

import contextlib
import io
import re
import tomllib

import pytest
from helpers.asgi import ROOT

PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/comparison.md", "docs/speed.md")
}
README = PAGES["README.md"]
PYTHON = [
    (name, code)
    for name, text in PAGES.items()
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
]


@pytest.mark.parametrize(("name", "code"), PYTHON, ids=range(len(PYTHON)))
def test_python_blocks_print_the_text_block_below_them(name: str, code: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own

    if printed.getvalue():
        assert f"```text\n{printed.getvalue()}```" in PAGES[name]


@pytest.mark.parametrize("name", PAGES)
def test_readme_links_lead_to_files_and_headings(name: str) -> None:
    folder = (ROOT / name).parent
    for target, heading in re.findall(r"\]\(([^):#]+)(?:#([\w-]+))?\)", PAGES[name]):
        path = folder / target
        assert path.exists(), target
        if heading:
            text = path.read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            known = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert heading in known, target


def test_rows_shown_in_the_readme_are_those_of_the_table() -> None:
    (block,) = re.findall(r"```text\n(    \*in_state.*?)```", README, re.DOTALL)
    table = (ROOT / "wsfsm" / "tables" / "application.py").read_text(encoding="utf-8")

    for line in block.splitlines():
        assert line.strip() in table


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"\bmake ([a-z][a-z-]*)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_changelog_begins_with_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(
        r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert versions[0] == project["version"]
