"""The servers of the benchmark: how they are started, and the packages that they need."""

import contextlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from report import FLOOR, OURS
from server_process import HERE

NEVER: Final = 100_000  # seconds


@dataclass(frozen=True)
class Candidate:
    """A server.

    Args:
        arguments: Arguments of Python, with `{port}` and `{loop}`.
        needs: Modules that the server needs.
    """

    arguments: Sequence[str]
    needs: Sequence[str]


def uvicorn(websockets: str, *needs: str) -> Candidate:
    # the client does not answer pings, so the first one is due when the benchmark has long ended
    options = (
        "--host 127.0.0.1 --port {port} --loop {loop} --lifespan off --log-level warning"
        f" --no-access-log --ws-ping-interval {NEVER} --ws {websockets}"
    )
    return Candidate(["-m", "uvicorn", *options.split(), "echo_app:app"], ["uvicorn", *needs])


def other(name: str, options: str) -> Candidate:
    return Candidate(["-m", name, *options.split(), "echo_app:app"], [name])


def with_picows(program: str) -> Candidate:
    return Candidate([str(HERE / program), "{port}", "{loop}"], ["picows"])


CANDIDATES: Final[dict[str, Candidate]] = {
    "uvicorn-sansio": uvicorn("websockets-sansio", "websockets"),
    "uvicorn-wsproto": uvicorn("wsproto", "wsproto"),
    OURS: uvicorn("wsfsm.integrations.uvicorn:WebSocketProtocol", "wsfsm.integrations.uvicorn"),
    # all candidates have the backlog that is uvicorn's default
    "hypercorn": other(
        "hypercorn",
        "--bind 127.0.0.1:{port} --worker-class {loop} --log-level warning --backlog 2048",
    ),
    # daphne's reactor always uses asyncio
    "daphne": other(
        "daphne",
        "--endpoint tcp:{port}:interface=127.0.0.1:backlog=2048 --verbosity 0"
        f" --ping-interval {NEVER}",
    ),
    # --backpressure is the greatest number of connections that granian serves at a time
    "granian": other(
        "granian",
        "--interface asgi --host 127.0.0.1 --port {port} --loop {loop} --log-level warning"
        " --backpressure 20000",
    ),
    FLOOR: with_picows("asgi_floor.py"),
    "picows": with_picows("picows_echo.py"),
}
DISTRIBUTIONS: Final = (
    *("wsfsm", "uvicorn", "websockets", "wsproto", "httptools"),
    *("hypercorn", "daphne", "granian", "picows", "uvloop"),
)


def missing(candidate: Candidate, loop: str) -> str | None:
    """Return the first module that a candidate needs and that is not installed, or None."""
    for module in (*candidate.needs, loop):
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # its package is not installed either
            found = False
        if not found:
            return module
    return None


def versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
