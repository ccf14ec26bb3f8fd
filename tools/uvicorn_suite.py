"""Run uvicorn's own WebSocket tests, unedited, on `CompatWebSocketProtocol`.

The tests are taken from the source distribution of the installed uvicorn. They run in a virtual
environment of their own, in which our class replaces uvicorn's wsproto class.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tools.framework_suites import unpacked

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = "tests/protocols/test_websocket.py"
NEEDS: Final = [
    "a2wsgi",
    "anyio",
    "cryptography",
    "httptools",
    "httpx2",
    "pytest",
    "pytest-mock",
    "pytest-xdist",
    "python-dotenv",
    "PyYAML",
    "trustme",
    "uvloop",
    "watchfiles",
    "wsproto",
    "zttp",
]
"""Packages that uvicorn's tests need, also those for tests that are not run."""

EXPECTED_FAILURES: Final = {
    # it checks that reading pauses after each message; our class pauses it after 64 KiB of messages
    "test_close_resumes_reads_paused_on_an_unconsumed_message",
}
"""Tests that our class is not expected to pass; they are not run."""

PLUGIN: Final = """
from uvicorn.protocols.websockets import wsproto_impl
from wsfsm.integrations.uvicorn import CompatWebSocketProtocol

wsproto_impl.WSProtocol = CompatWebSocketProtocol
"""


def run(folder: Path) -> int:
    """Run the tests in an empty folder, and return the status of pytest."""
    pip = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
    uvicorn = f"uvicorn=={version('uvicorn')}"
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    wanted = [*NEEDS, uvicorn, f"websockets=={version('websockets')}", f"{ROOT}[uvicorn]"]
    subprocess.run([python, *pip, "install", *wanted], check=True)
    (folder / "in_place_of_wsproto.py").write_text(PLUGIN)
    skipped = "".join(f" and not {name}" for name in EXPECTED_FAILURES)
    # the parameters for uvicorn's other class are skipped too
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "in_place_of_wsproto",
        "-n2",
        "-k",
        f"not sansio{skipped}",
    ]
    return subprocess.run(
        [*command, TESTS],
        cwd=unpacked("uvicorn", folder),
        env=os.environ | {"PYTHONPATH": str(folder)},
        check=False,
        timeout=600,
    ).returncode


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        sys.exit(run(Path(name)))
