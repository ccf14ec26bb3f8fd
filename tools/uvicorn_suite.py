"""Run uvicorn's own WebSocket tests, unedited, on `CompatWebSocketProtocol`.

The tests are those of the source distribution of the uvicorn that is installed here. They run in
a virtual environment of their own, with our class in the place of uvicorn's wsproto class.
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
"""What uvicorn's tests need, whichever of them run."""

LEFT: Final = {
    # it looks at when reading is paused: there after each message, here after 64 KiB of them
    "test_close_resumes_reads_paused_on_an_unconsumed_message",
}
"""Tests that are not expected to pass."""

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
    left = "".join(f" and not {name}" for name in LEFT)
    # the parameters that name uvicorn's other class are left out
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "in_place_of_wsproto",
        "-n2",
        "-k",
        f"not sansio{left}",
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
