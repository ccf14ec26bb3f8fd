"""The folders of the project, its specifications, and an ASGI server that follows a script."""

import tomllib
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from wsfsm.types import Message, Scope

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"

T = TypeVar("T")
Cells: TypeAlias = dict[tuple[str, str], str | None]
"""(state, event) -> the next state, or None for refused."""


def spec(name: str) -> dict[str, Any]:
    """A file of specs/."""
    return tomllib.loads((SPECS / f"{name}.toml").read_text(encoding="utf-8"))


def spec_cells(states: Mapping[str, Mapping[str, Any]]) -> Cells:
    """The matrix out of a specification's tables of cells."""
    return {
        (state, event): cell.get("next")
        for state, cells in states.items()
        for event, cell in cells.items()
    }


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but the fakes of this module."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError("the coroutine waits for something")


class Server:
    """The two callables of a server that delivers a script and keeps what it is sent.

    Args:
        incoming: Messages to deliver, in turn; an exception is raised instead. After the
            last one, receive() fails the test: nobody may ask for more than there is.
        failing: Exception that send() raises from the moment it is set.
    """

    def __init__(
        self, incoming: Iterable[Message | Exception] = (), failing: Exception | None = None
    ) -> None:
        self.incoming = list(incoming)
        self.failing = failing
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        assert self.incoming, "receive() was called though nothing is left to deliver"
        item = self.incoming.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    async def send(self, message: Message) -> None:
        if self.failing is not None:
            raise self.failing
        self.sent.append(message)


def scope(**keys: Any) -> Scope:
    """A websocket scope."""
    return {
        "type": "websocket",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
        "extensions": {"websocket.http.response": {}},
        **keys,
    }


def call(app: Any, connection: Scope, server: Server) -> None:
    """Run an application that waits for nothing but the server."""
    assert run(app(connection, server.receive, server.send)) is None
