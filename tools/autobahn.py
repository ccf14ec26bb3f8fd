"""Run Autobahn|Testsuite against the class in uvicorn; `make autobahn` calls this.

The suite is a client for Python 2.7, and runs in a virtual environment of its own. Several clients run at
the same time, each with a part of the cases and with a server of its own.
"""

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wsfsm.types import Receive, Scope, Send

SUITE = "autobahntestsuite==25.10.1"
GROUPS = {
    # RFC 6455
    "frames": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"],
    "sizes": ["9.*"],
    # RFC 7692
    "compressed": ["12.*"],
    "negotiated compression": ["13.*"],
}
"""The cases of each client, which runs them one after the other."""

LONG = [f"{group}.{case}" for group in ("12.*", "13.*") for case in range(5, 19)]
"""Long cases of compression, with a thousand messages of up to 128 KiB each."""

NON_STRICT = 7  # allowed cases, in which the server does not answer data that arrives with an error
PATIENCE = 3600  # seconds


async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
    """Echo every message."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def complaints(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """List the faults in the results of the suite."""
    if not results:
        return ["no case was run"]
    found = []
    for case, result in sorted(results.items()):
        behaviour, closing = result["behavior"], result["behaviorClose"]
        if behaviour not in ("OK", "NON-STRICT", "INFORMATIONAL"):
            found.append(f"case {case}: {behaviour}")
        if closing not in ("OK", "INFORMATIONAL"):
            code = result["remoteCloseCode"]
            found.append(f"case {case}: closing was {closing}, with code {code}")
    strays = [case for case, result in results.items() if result["behavior"] == "NON-STRICT"]
    if len(strays) > NON_STRICT:
        found.append(f"{len(strays)} cases are NON-STRICT: {', '.join(sorted(strays))}")
    return found


def summary(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Count the cases with each result."""
    counted = Counter(result["behavior"] for result in results.values())
    return ", ".join(f"{count} {behaviour}" for behaviour, count in sorted(counted.items()))


def python27(name: str) -> str:
    """Find the interpreter of Python 2.7."""
    path = shutil.which(name)
    check = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
    if path is None or subprocess.run([path, "-c", check], check=False).returncode:
        sys.exit(f"Autobahn|Testsuite needs Python 2.7, not {name}; specify it with PYTHON27=...")
    return path


def install(folder: Path, python: str) -> Path:
    """Install the suite into a folder, and return the path of its program."""
    program = folder / "py27" / "bin" / "wstest"
    if not program.exists():
        tools = str(folder / "tools" / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", str(folder / "tools")],
            # the last version that supports 2.7
            [tools, "-m", "pip", "install", "--quiet", "virtualenv<20.22"],
            [tools, "-m", "virtualenv", "--quiet", "-p", python27(python), str(folder / "py27")],
            [str(folder / "py27" / "bin" / "pip"), "install", "--quiet", SUITE],
        ):
            subprocess.run(command, check=True)
    return program


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run uvicorn with the class in a process of its own, and yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [
            sys.executable, "-m", "uvicorn", "tools.autobahn:app",
            "--app-dir", str(Path(__file__).parents[1]), "--fd", str(listener.fileno()),
            "--ws", "wsfsm.integrations.uvicorn:WebSocketProtocol",
            "--ws-max-size", str(2**25), "--lifespan", "off", "--log-level", "warning",
            "--ws-ping-interval", "0",  # because a client is slow to answer during a long case
        ]  # fmt: skip
        server = subprocess.Popen(command, pass_fds=[listener.fileno()])
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(30)


def start(program: Path, url: str, cases: list[str], excluded: list[str], out: Path) -> Any:
    """Start a client for some cases."""
    out.mkdir()
    spec = {
        "outdir": str(out),
        "servers": [{"agent": "wsfsm", "url": url}],
        "cases": cases,
        "exclude-cases": excluded,
        "exclude-agent-cases": {},
    }
    (out / "spec.json").write_text(json.dumps(spec))
    command = [str(program), "-m", "fuzzingclient", "-s", str(out / "spec.json")]
    with (out / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=out)


def run(program: Path, excluded: list[str], out: Path) -> dict[str, Any]:
    """Run all cases, and return their results."""
    results: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        clients = {
            name: start(program, stack.enter_context(serving()), cases, excluded, out / name)
            for name, cases in GROUPS.items()
        }
        try:
            deadline = time.monotonic() + PATIENCE
            for name, client in clients.items():
                if client.wait(max(deadline - time.monotonic(), 1)):
                    sys.exit(f"wstest failed: {(out / name / 'log').read_text()}")
                index = json.loads((out / name / "index.json").read_text())
                results |= index["wsfsm"]
        finally:
            for client in clients.values():
                client.kill()
                client.wait()
    return results


def main(arguments: list[str] | None = None) -> int:
    """Run the suite; return 1 if there is a fault."""
    parser = argparse.ArgumentParser(description="Run Autobahn|Testsuite against wsfsm in uvicorn.")
    parser.add_argument("--python", default="python2.7", help="an interpreter of Python 2.7")
    parser.add_argument("--install", type=Path, default=Path(".venv/autobahn"), metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="leave out the longest cases")
    options = parser.parse_args(arguments)
    program = install(options.install.absolute(), options.python)
    with tempfile.TemporaryDirectory() as out:
        results = run(program, LONG if options.quick else [], Path(out))
    print(f"{len(results)} cases: {summary(results)}")  # noqa: T201 - a command prints
    found = complaints(results)
    for complaint in found:
        print(complaint)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
