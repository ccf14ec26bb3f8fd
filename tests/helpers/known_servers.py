"""The servers of `wsfsm.testing` that are installed, and how the suite starts them."""

from typing import Final

from wsfsm.conformance import PROFILES
from wsfsm.conformance._versions import installed_version
from wsfsm.conformance.server.profiles import profile
from wsfsm.conformance.server.targets import CommandTarget
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
