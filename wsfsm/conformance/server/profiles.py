"""The servers that have a name, with the commands that start them."""

import importlib
import itertools
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from wsfsm.conformance._versions import installed_version
from wsfsm.conformance.server.targets import CommandTarget, TargetError

__all__ = ["PROFILES", "profile"]


@attrs.frozen(kw_only=True)
class _UvicornTarget(CommandTarget):
    """uvicorn, which chooses an implementation of WebSockets by what is installed."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of its packages, and the implementation that ``--ws auto`` means."""
        words = " ".join(self.command).replace("--ws=", "--ws ").split()
        chosen = [word for option, word in itertools.pairwise(words) if option == "--ws"]
        if chosen[-1] != "auto":
            return super().versions
        return {**super().versions, "--ws": f"{_automatic_implementation()} (auto)"}


def _automatic_implementation() -> str:
    known = importlib.import_module("uvicorn.config").WS_PROTOCOLS
    found = importlib.import_module("uvicorn.protocols.websockets.auto").AutoWebSocketsProtocol
    place = None if found is None else f"{found.__module__}:{found.__name__}"
    return next((name for name, where in known.items() if where == place), str(place))


def _uvicorn(name: str, ws: str) -> CommandTarget:
    return _UvicornTarget(
        name=name,
        command=(
            *_module("uvicorn", "{app}", "--interface", "asgi3", "--log-level", "warning"),
            *("--host", "{host}", "--port", "{port}", "--ws", ws),
        ),
        variants={
            "keepalive": ("--ws-ping-interval", "1", "--ws-ping-timeout", "1"),
            "limit": ("--ws-max-size", "65536"),
            "tls": ("--ssl-certfile", "{cert}", "--ssl-keyfile", "{key}"),
        },
        packages=("uvicorn", "websockets", "wsproto", "h11", "httptools", "uvloop", "wsfsm"),
    )


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


PROFILES: Final[Mapping[str, CommandTarget]] = {
    "uvicorn": _uvicorn("uvicorn", "auto"),
    "wsfsm": _uvicorn("wsfsm in uvicorn", "wsfsm.integrations.uvicorn:WebSocketProtocol"),
    "wsfsm-compat": _uvicorn(
        "wsfsm-compat in uvicorn", "wsfsm.integrations.uvicorn:CompatWebSocketProtocol"
    ),
    "hypercorn": CommandTarget(
        name="hypercorn",
        command=_module("hypercorn", "{app}", "--bind", "{host}:{port}"),
        variants={
            "keepalive": ("--websocket-ping-interval", "1"),
            "tls": ("--certfile", "{cert}", "--keyfile", "{key}"),
        },
        packages=("hypercorn", "wsproto"),
    ),
    "daphne": CommandTarget(
        name="daphne",
        command=_module("daphne", "-b", "{host}", "-p", "{port}", "{app}"),
        variants={
            "keepalive": ("--ping-interval", "1", "--ping-timeout", "1"),
            "limit": ("--websocket-max-message-size", "65536"),
        },
        packages=("daphne", "autobahn", "twisted"),
    ),
    "granian": CommandTarget(
        name="granian",
        command=_module(
            "granian", "--interface", "asgi", "--host", "{host}", "--port", "{port}", "{app}"
        ),
        variants={"tls": ("--ssl-certificate", "{cert}", "--ssl-keyfile", "{key}")},
        packages=("granian",),
    ),
}
"""The servers by their names."""


def profile(name: str, arguments: Sequence[str] = ()) -> CommandTarget:
    """Return the server of this name, with more arguments.

    Raises:
        TargetError: No server has this name, or it is not installed.
    """
    if name not in PROFILES:
        raise TargetError(
            f"unknown server {name!r}; choose one of {', '.join(PROFILES)}, "
            "or pass a command after --"
        )
    target = PROFILES[name]
    package = target.packages[0]
    if not installed_version(package):
        raise TargetError(f"{package} is not installed; install it in this environment")
    full_name = " ".join((target.name, *arguments))
    return attrs.evolve(target, name=full_name, command=(*target.command, *arguments))
