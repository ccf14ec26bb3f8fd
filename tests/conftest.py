"""Fixtures and hooks of all tests."""

import gc
import importlib
import os
import pkgutil
import random
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn, cast

import pytest
from coverage import Coverage
from helpers.asgi import ROOT
from helpers.plugin_project import Project
from hypothesis import given, settings, strategies
from playwright.sync_api import Browser, expect, sync_playwright

import wsfsm

# tools/ and a package in examples/ are tested too; these folders come last, because they must not hide
# an installed package
sys.path += [str(ROOT), str(ROOT / "examples")]

# The headless shell takes a third of the time of a whole browser
CHROMIUM = next(
    filter(
        None,
        map(
            shutil.which,
            ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"),
        ),
    ),
    None,
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _plain(value: object, depth: int = 3) -> bool:
    """Whether the repr of a value is short to make, and the same in every process."""
    if type(value) is dict:
        return _plain([*value, *value.values()], depth)
    if type(value) in {list, tuple}:
        return depth > 0 and all(_plain(item, depth - 1) for item in cast("list[object]", value))
    if type(value) is int:
        return value.bit_length() < 64
    return value is None or type(value) in {bool, float, str, bytes}


def pytest_make_parametrize_id(val: object) -> str | None:
    """Show short collections in the names of tests, instead of the argument and a number."""
    if type(val) in {dict, list, tuple} and _plain(val):
        text = ascii(val)
        return text if len(text) <= 60 else None
    return None


# A busy machine may take long for an example
settings.register_profile(
    "wsfsm", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("wsfsm")


@settings(max_examples=1, database=None)
@given(strategies.none())
def _first_example(_: None) -> None:
    """Let hypothesis look for the referrers of its random numbers while nothing is frozen."""


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Run without coverage, if the tests run with it."""
    coverage = Coverage.current()
    if not coverage:
        yield
        return
    coverage.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            # processes that are started here measure nothing either
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            yield
    finally:
        coverage.start()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without garbage collections and coverage, which take two thirds of the time."""
    if Coverage.current():
        for module in pkgutil.walk_packages(wsfsm.__path__, "wsfsm."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
    gc.disable()
    with _unmeasured():
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let all tests in a browser be long ones, because each start of it takes seconds.

    Workers of pytest-xdist begin with equal parts of the list. The files are mixed, the same in each
    worker, because files that wait for processes are neighbours and would be the last to end.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker("long")
    if hasattr(config, "workerinput"):
        paths = sorted({item.path for item in items})
        random.Random(0).shuffle(paths)  # noqa: S311 - it is for tests
        places = {path: place for place, path in enumerate(paths)}
        items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Leave the collected tests out of all collections of garbage, which then take milliseconds."""
    _first_example()
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run the tests that are marked so without coverage, which would double their time."""
    with _unmeasured() if item.get_closest_marker("unmeasured") else nullcontext():
        return (yield)


def _missing(reason: str) -> NoReturn:
    """Skip a test whose tool is missing, or fail it if the tools are required."""
    if os.environ.get("WSFSM_REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        _missing("no Chromium is installed (Debian: apt-get install chromium-headless-shell)")
    expect.set_options(timeout=30_000)  # for a busy machine
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def graphviz() -> None:
    """Graphviz, on the PATH."""
    if shutil.which("dot") is None:
        _missing("needs Graphviz, but its program 'dot' is not on the PATH")


@pytest.fixture(scope="module")
def redis() -> None:
    """The program of Redis, on the PATH."""
    if shutil.which("redis-server") is None:
        _missing("no Redis is installed (Debian: apt-get install redis-server)")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a terminal without line breaks and colours."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that uses the plugin."""
    monkeypatch.delenv("CI", raising=False)  # because pytest shortens less in CI
    return Project(pytester)


@pytest.fixture
def swept() -> Iterator[None]:
    """Collect garbage, so that it does not affect the next test."""
    yield
    gc.collect()
