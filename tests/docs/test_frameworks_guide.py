"""The guide to FastAPI and Starlette says what the code does."""

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from helpers.asgi import ROOT
from helpers.guides import Guide

import wsfsm
import wsfsm.integrations.fastapi
import wsfsm.integrations.starlette
from wsfsm.integrations.starlette import uninstall
from wsfsm.integrations.starlette._install import _installed
from wsfsm.integrations.uvicorn import WebSocketProtocol

GUIDE = Guide(ROOT / "docs" / "frameworks.md")


@pytest.fixture
def _uninstalled() -> Iterator[None]:
    yield
    for app in list(_installed):
        uninstall(app)


@pytest.mark.usefixtures("_uninstalled")
@pytest.mark.filterwarnings("ignore:Using `httpx`")  # Starlette recommends another client
def test_its_code_prints_what_it_says() -> None:
    assert GUIDE.prints_what_it_says()


def test_its_commands_and_its_program_run_uvicorn_with_the_protocol_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[Any] = []

    def run(_app: object, **options: Any) -> None:
        runs.append((options["reload"], uvicorn.Config(FastAPI(), ws=options["ws"])))

    monkeypatch.setattr(uvicorn, "run", run)
    monkeypatch.setattr(import_module("uvicorn.main"), "run", run)
    for command, *words in GUIDE.commands:
        if command == "uvicorn":
            uvicorn.main(words, standalone_mode=False)
    (program,) = GUIDE.files("Run it").values()
    exec(program, {"__name__": "__main__"})  # noqa: S102 - our own

    assert [reload for reload, _ in runs] == [False, True, True]
    for _, config in runs:
        config.load()
        assert config.ws_protocol_class is WebSocketProtocol


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
    ).groups()  # type: ignore[union-attr]  # the cell has this form

    assert extras["starlette"] == [f"starlette>={starlette_}"]
    assert extras["fastapi"] == [f"fastapi>={fastapi}", "wsfsm[starlette]"]


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^):#]+)\)", GUIDE.text)

    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link
    for name in re.findall(r"`(tests/[\w/]+\.py)`", GUIDE.text):
        assert (ROOT / name).exists(), name


def test_the_names_that_the_readme_says_are_missing_are_missing_here_and_not_in_starlette() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (said,) = re.findall(
        r"They have the names that a WebSocket needs, so (.*?), for example, are not there", readme
    )
    names = re.findall(r"`(\w+)\.(\w+)`", said)

    assert names
    for module, name in names:
        assert hasattr(import_module(f"starlette.{module}"), name)
        assert not hasattr(import_module(f"wsfsm.{module}"), name)
