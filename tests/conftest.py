"""The browser in which pages are tested, and the terminal to which commands write."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator

import pytest
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get("WSFSM_REQUIRE_TOOLS"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=30_000)  # of a busy machine
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def graphviz() -> None:
    """Graphviz; a test that needs it is skipped where it is missing, unless it must not be."""
    if shutil.which("dot") is None:
        told = "needs Graphviz, whose program 'dot' is not on the PATH"
        if os.environ.get("WSFSM_REQUIRE_TOOLS") == "1":
            pytest.fail(told)
        pytest.skip(told)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that breaks no lines, and that has no colours."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that uses the plugin."""
    monkeypatch.delenv("CI", raising=False)  # pytest shortens less there
    return Project(pytester)


@pytest.fixture
def swept() -> Iterator[None]:
    """Nothing is left behind for the next test."""
    yield
    gc.collect()
