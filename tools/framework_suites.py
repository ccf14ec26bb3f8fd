"""Run Starlette's and FastAPI's own WebSocket tests, unedited, on wsfsm's classes.

The tests are taken from the source distributions of the installed versions. They run in a virtual
environment of their own, once for each way in which our classes get into the place of Starlette's.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).parents[1]
SUITES: Final = {
    "starlette": [
        "tests/test_authentication.py",
        "tests/test_endpoints.py",
        "tests/test_exceptions.py",
        "tests/test_routing.py",
        "tests/test_testclient.py",
        "tests/test_websockets.py",
    ],
    "fastapi": [
        "tests/test_dependency_after_yield_websockets.py",
        "tests/test_dependency_yield_scope_websockets.py",
        "tests/test_security_websockets.py",
        "tests/test_tutorial/test_websockets",
        "tests/test_ws_dependencies.py",
        "tests/test_ws_router.py",
    ],
}
"""The tests about WebSockets of each framework."""

KNOWN: Final = {"starlette": 353, "fastapi": 73}
"""The number of tests that have run at least: with fewer, a file has lost its tests."""

EXTRAS: Final = {"starlette": "starlette[full]", "fastapi": "fastapi[all]"}
"""The requirement with which each framework is installed."""

NEEDS: Final = [
    "anyio[trio]",
    "blockbuster",
    "dirty-equals",
    "httpx",
    "httpx2[zstd]",
    "inline-snapshot",
    "pyjwt",
    "pytest",
    "pytest-codspeed",
    "pytest-timeout",
    "pytest-xdist",
    "sqlmodel",
]
"""Packages that the tests need."""

BY_ANNOTATION: Final = "the annotation of wsfsm.integrations.fastapi"

WAYS: Final = {
    "the classes of wsfsm.websockets": """
import starlette.websockets

import wsfsm.websockets

# before any module of the frameworks imports them
for name in wsfsm.websockets.__all__:
    setattr(starlette.websockets, name, getattr(wsfsm.websockets, name))
""",
    "the class of wsfsm.integrations.starlette": """
import sys

import starlette.websockets

from wsfsm.integrations.starlette import WebSocket

theirs = starlette.websockets.WebSocket
for name, module in list(sys.modules.items()):
    if name.startswith("starlette.") and getattr(module, "WebSocket", None) is theirs:
        module.WebSocket = WebSocket
""",
    "every application installed": """
from fastapi import FastAPI
from starlette.applications import Starlette

from wsfsm.integrations.starlette import install


def installing(original):
    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        install(self)

    return __init__


for kind in (FastAPI, Starlette):
    kind.__init__ = installing(kind.__init__)
""",
    BY_ANNOTATION: """
import fastapi
import fastapi.websockets

from wsfsm.integrations.fastapi import WebSocket

# FastAPI itself imports the class from Starlette
fastapi.WebSocket = fastapi.websockets.WebSocket = WebSocket
""",
}
"""Plugins of pytest that bring our classes in."""


def unpacked(name: str, folder: Path) -> Path:
    """Unpack the source distribution of the installed version of a package."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = f"{name}=={version(name)}"
    download = ["download", "--no-deps", "--no-binary", name, "--dest", str(folder), wanted]
    subprocess.run([*pip, *download], check=True, stdout=subprocess.DEVNULL)
    [archive] = folder.glob(f"{name}-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))


def too_few(name: str, report: Path) -> bool:
    """Say so if fewer of a framework's tests ran than are known; return whether that is so."""
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own
    ran = sum(int(suite.attrib["tests"]) - int(suite.attrib["skipped"]) for suite in suites)
    if ran < KNOWN[name]:
        sys.stdout.write(f"only {ran} of {name}'s tests ran; {KNOWN[name]} are known\n")
    return ran < KNOWN[name]


def runs() -> Iterator[tuple[int, str]]:
    """Give each way by its number, with each framework whose tests it is for."""
    for number, way in enumerate(WAYS):
        for name in SUITES:
            if way != BY_ANNOTATION or name == "fastapi":  # Starlette does not read annotations
                yield number, name


def run(folder: Path) -> int:
    """Run the tests in an empty folder; return 0 if all pass, otherwise a status of pytest."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    frameworks = [f"{extra}=={version(name)}" for name, extra in EXTRAS.items()]
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
    ]
    subprocess.run([*pip, *NEEDS, *frameworks, str(ROOT)], check=True)
    sources = {name: unpacked(name, folder) for name in SUITES}
    ways = list(WAYS)
    for number, plugin in enumerate(WAYS.values()):
        (folder / f"way_{number}.py").write_text(plugin)
    statuses = []
    for number, name in runs():
        sys.stdout.write(f"\n{name}'s tests, {ways[number]}\n")
        sys.stdout.flush()
        report = folder / f"{name}_{number}.xml"
        options = ["-q", "-p", f"way_{number}", f"--junitxml={report}"]
        done = subprocess.run(
            [python, "-m", "pytest", *options, *SUITES[name]],
            cwd=sources[name],
            env=os.environ | {"PYTHONPATH": str(folder)},
            check=False,
            timeout=600,
        )
        statuses.append(done.returncode or int(too_few(name, report)))
    return max(statuses)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        sys.exit(run(Path(name)))
