"""The server of a facade: it gives the messages that a case says, and keeps those it gets."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wsfsm.conformance._judge import States
from wsfsm.types import Message, Scope

__all__ = ["FakeServer", "GoneError", "scope_of", "strip_subclasses"]

_SCOPE: Final[Mapping[str, Any]] = {
    "type": "websocket",
    "http_version": "1.1",
    "scheme": "ws",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"example.org")],
    "client": ["127.0.0.1", 50000],
    "server": ["127.0.0.1", 80],
    "subprotocols": [],
    "state": {},
}


class GoneError(OSError):
    """What send() raises once the client is gone (ASGI WebSocket 2.5, Disconnected Client)."""


def scope_of(
    *,
    scope: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    extensions: Sequence[str] = (),
    spec_version: str = "2.5",
) -> Scope:
    """The scope of a connection.

    Args:
        scope: What is other than usual.
        without: The keys that are left out.
        extensions: Names of the extensions that the server offers.
        spec_version: The version that the server speaks, or "" if it does not say.
    """
    offered: dict[str, Any] = {name: {} for name in extensions}
    asgi = {"version": "3.0"} | ({"spec_version": spec_version} if spec_version else {})
    made = {**_SCOPE, "asgi": asgi, "extensions": offered, **(scope or {})}
    return {key: item for key, item in made.items() if key not in without}


def strip_subclasses(value: Any) -> Any:
    """A value without what Python adds to it: an enum of ints is an int on its way to a server."""
    if isinstance(value, Mapping):
        return {key: strip_subclasses(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strip_subclasses(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes(value)
    return int(value) if isinstance(value, int) and type(value) is not bool else value


class FakeServer:
    """A server without a network.

    Attributes:
        sent: The messages that have come and that no step has looked at.
        all_sent: All that have come.
        states: States of both machines, as far as the messages tell.
        failing: Whether send() raises `GoneError`.
    """

    def __init__(self) -> None:
        self.sent: deque[Message] = deque()
        self.all_sent: list[Message] = []
        self.states = States()
        self.failing = False
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._free = asyncio.Event()
        self._free.set()

    def give(self, message: Message) -> None:
        """Let receive() give a message."""
        self._messages.put_nowait(message)

    def hold(self) -> None:
        """Let send() wait, as it does while a client reads nothing."""
        self._free.clear()

    def release(self) -> None:
        """Let send() go on."""
        self._free.set()

    async def receive(self) -> Message:
        """The callable of ASGI that gives the next message."""
        message = await self._messages.get()
        self.states.received(message)
        return message

    async def send(self, message: Message) -> None:
        """The callable of ASGI that takes a message.

        Raises:
            GoneError: The client is gone.
        """
        await self._free.wait()
        if self.failing:
            self.states.lost()
            raise GoneError("the client is gone")
        kept: Message = strip_subclasses(message)
        headers = kept.get("headers")
        if headers is not None:
            kept["headers"] = strip_subclasses(
                [tuple(pair) for pair in headers]
            )  # any iterable is allowed
        self.sent.append(kept)
        self.all_sent.append(kept)
        self.states.sent(kept)
