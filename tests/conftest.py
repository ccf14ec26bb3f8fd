"""Fixtures and marks that several modules share."""

import gc
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from plugin_project import Project

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
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


ON_ONE_PYTHON = {
    "autobahn_suite",
    "bench_server",
    "conformance_check",
    "conformance_facade_mutants",
    "conformance_facade_mutants_more",
    "conformance_html",
    "conformance_orphans",
    "conformance_server_deaths",
    "conformance_server_mutants",
    "conformance_server_mutants_streams",
    "conformance_server_mutants_wire",
    "conformance_servers",
    "demo_browser",
    "engine_size",
    "newer_pythons",
    "pytest_guide",
    "pytest_options",
    "pytest_servers",
    "server_exploration",
    "soak_conversations",
    "soak_phase",
}
"""Modules that take long and do not depend on the version of Python."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem.removeprefix("test_") in ON_ONE_PYTHON:
            item.add_marker("one_python")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get("WSFSM_REQUIRE_TOOLS"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=30_000)  # for a busy machine
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def graphviz() -> None:
    """Skip a test if Graphviz is missing, or fail it if the tools are required."""
    if shutil.which("dot") is None:
        reason = "needs Graphviz, but its program 'dot' is not on the PATH"
        if os.environ.get("WSFSM_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


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
