"""A project that uses the plugin of pytest, for the tests of it."""

from typing import Any, Final

import pytest

FACADES: Final = """
import asyncio
from wsfsm import WebSocket

class Good(WebSocket):
    pass

class Loud(WebSocket):
    async def send_text(self, data):
        await super().send_text(data + "!")

class Trusting(WebSocket):
    async def receive_text(self):
        return (await self.receive()).get("text")

class Stuck(WebSocket):
    async def send_text(self, data):
        await asyncio.Event().wait()

class Deadly(WebSocket):
    async def send_text(self, data):
        raise SystemExit(3)

class Mute(WebSocket):
    send_text = None

class Careless:
    def __init__(self, scope, receive, send):
        self.receive, self.send = receive, send

    async def accept(self, subprotocol=None, headers=()):
        pass

    async def send_text(self, data):
        await self.send({"type": "websocket.send", "text": data})
"""

SERVER: Final = """
import sys
from pathlib import Path
import uvicorn

with Path(__file__).with_name("starts.txt").open("a") as file:
    file.write("started\\n")
    starts = file.tell() // len("started\\n")
host, port, app, ws, most = sys.argv[1:]
if starts > int(most):
    sys.exit("it is not my day\\nand never will be")
uvicorn.run(app, host=host, port=int(port), ws=ws, log_level="error")
"""
"""Counts how often it is started."""

TESTS: Final = {
    "server": "def test_it(wsfsm_server_case): wsfsm_server_case.check()",
    "facade": "def test_it(wsfsm_facade_case): wsfsm_facade_case.check()",
}
_WITHOUT: Final = [f"-pno:{name}" for name in ("anyio", "faker", "hypothesispytest")]
"""Plugins that would be imported anew each time, which takes half a second."""

OURS: Final = "wsfsm.integrations.uvicorn:WebSocketProtocol"


def command(most: int = 99) -> str:
    """Return the configuration of a server that counts its starts.

    Args:
        most: How often it can be started.
    """
    return f"-- {{python}} {{rootdir}}/server.py {{host}} {{port}} {{app}} {OURS} {most}"


class Project:
    """A project in a folder of its own.

    Args:
        pytester: Of pytest.
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        pytester.makeini("[pytest]\npythonpath = .\n")
        pytester.makepyfile(facades=FACADES, server=SERVER)

    def write(self, test: str, **files: str) -> None:
        """Write the file of tests, and others."""
        self.pytester.makepyfile(test_it=test, **files)

    def baseline(self, text: str) -> None:
        """Write a file of known failures."""
        (self.pytester.path / "known.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, apart: bool = False, **options: Any) -> pytest.RunResult:
        """Run the tests, with options of the plugin."""
        told = [f"-owsfsm_{name}={text}" for name, text in options.items()]
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        return run("-rA", *_WITHOUT, *told, *arguments)

    def play(self, kind: str, *arguments: str, **options: Any) -> pytest.RunResult:
        """Run the cases about servers or facades."""
        self.write(TESTS[kind])
        return self.run(*arguments, **options)

    @property
    def starts(self) -> int:
        """How often the server was started."""
        path = self.pytester.path / "starts.txt"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
