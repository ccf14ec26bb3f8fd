"""The guide to FastAPI and Starlette says what the code does."""

import re
import tomllib

import pytest
import starlette.websockets
from helpers.asgi import ROOT
from helpers.guides import Guide

import wsfsm
import wsfsm.integrations.fastapi
import wsfsm.integrations.starlette

GUIDE = Guide(ROOT / "docs" / "frameworks.md")


# Starlette recommends another HTTP client for its TestClient
@pytest.mark.filterwarnings("ignore:Using `httpx`")
def test_its_code_prints_what_it_says() -> None:
    assert GUIDE.prints_what_it_says()
    assert type(starlette.websockets.WebSocket).__name__ == "_Choosing"


@pytest.fixture(autouse=True)
def uninstalled() -> object:
    yield
    from wsfsm.integrations.starlette import _install  # noqa: PLC0415

    for app in list(_install._installed):
        _install.uninstall(app)


def test_the_names_to_import_exist() -> None:
    names = [name.split("`")[0] for name in GUIDE.first_cells("Catch and compare")]

    assert len(names) == 4
    for name in names:
        assert hasattr(wsfsm.integrations.starlette, name)
        assert hasattr(wsfsm, name)


def test_the_versions_are_those_of_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    starlette_, fastapi = re.search(
        r"are Starlette (\S+) and FastAPI ([\d.]+);", GUIDE.section("Versions")
    ).groups()  # type: ignore[union-attr]

    assert extras["starlette"] == [f"starlette>={starlette_}"]
    assert extras["fastapi"] == [f"fastapi>={fastapi}", "wsfsm[starlette]"]


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^):#]+)\)", GUIDE.text)

    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link
    for name in re.findall(r"`(tests/[\w/]+\.py)`", GUIDE.text):
        assert (ROOT / name).exists(), name
