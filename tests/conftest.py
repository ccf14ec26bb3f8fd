"""Fixtures and hooks of all tests."""

import gc
import os
import shutil
import sys
from collections.abc import Generator, Iterator

import pytest
from coverage import Coverage
from helpers.asgi import ROOT
from helpers.plugin_project import Project
from playwright.sync_api import Browser, expect, sync_playwright

# tools/ is tested too; it comes last, because the folder must not hide an installed package
sys.path.append(str(ROOT))

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run the tests that are marked so without coverage, which would double their time."""
    coverage = item.get_closest_marker("unmeasured") and Coverage.current()
    if not coverage:
        return (yield)
    coverage.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(
                "COVERAGE_PROCESS_CONFIG", raising=False
            )  # processes measure nothing either
            return (yield)
    finally:
        coverage.start()


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
