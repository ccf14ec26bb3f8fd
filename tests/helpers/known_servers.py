"""The servers of `wsfsm.testing` that are installed, and how the suite starts them."""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Final

import attrs

from helpers.asgi import ROOT
from wsfsm.conformance import PROFILES
from wsfsm.conformance._versions import installed_version
from wsfsm.conformance.server.profiles import profile
from wsfsm.conformance.server.targets import CommandTarget, RunningServer
from wsfsm.testing import SERVERS

COMMANDS: Final = {
    "wsfsm": ["wsfsm"],
    "uvicorn-sansio": ["uvicorn", "--ws", "websockets-sansio"],
    "uvicorn-wsproto": ["uvicorn", "--ws", "wsproto"],
    "uvicorn-websockets": ["uvicorn", "--ws", "websockets"],
    "hypercorn": ["hypercorn"],
    "daphne": ["daphne"],
    "granian": ["granian"],
}
INSTALLED: Final = [
    name for name in SERVERS if installed_version(PROFILES[COMMANDS[name][0]].packages[0])
]


def command(name: str) -> CommandTarget:
    """The server of this name."""
    first, *arguments = COMMANDS[name]
    return profile(first, arguments)


@contextlib.asynccontextmanager
async def serving(target: CommandTarget, app: str) -> AsyncIterator[RunningServer]:
    """Serve an application, for example ``"helpers.leaving_app:app"``, in a process of its own."""
    folders = [str(ROOT), str(ROOT / "tests"), str(ROOT / "examples")]
    path = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
    words = (word.replace("{app}", app) for word in target.command)
    served = attrs.evolve(target, command=("/usr/bin/env", f"PYTHONPATH={path}", *words))
    async with served.running("", "") as server:
        yield server
