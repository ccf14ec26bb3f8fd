"""A fake server for facades: it passes the messages of a case, and records those it gets."""

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
    """The exception that send() raises after the client is gone (ASGI WebSocket 2.5)."""


def scope_of(
    *,
    scope: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    extensions: Sequence[str] = (),
    spec_version: str = "2.5",
) -> Scope:
    """Make the scope of a connection.

    Args:
        scope: Keys that replace the usual ones.
        without: Keys to leave out.
        extensions: Names of the extensions that the server offers.
        spec_version: The version of the specification, or "" to leave it out.
    """
    offered: dict[str, Any] = {name: {} for name in extensions}
    asgi = {"version": "3.0"} | ({"spec_version": spec_version} if spec_version else {})
    made = {**_SCOPE, "asgi": asgi, "extensions": offered, **(scope or {})}
    return {key: item for key, item in made.items() if key not in without}


def strip_subclasses(value: Any) -> Any:
    """Reduce a value to the types of ASGI: for example, a member of an IntEnum becomes an int."""
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
        sent: The sent messages that no step has observed.
        all_sent: All sent messages.
        states: States of both machines, as they follow from the messages.
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
        """Let receive() return a message."""
        self._messages.put_nowait(message)

    def hold(self) -> None:
        """Let send() wait, as it does while a client does not read."""
        self._free.clear()

    def release(self) -> None:
        """Let send() go on."""
        self._free.set()

    async def receive(self) -> Message:
        """Return the next message, as the ASGI callable."""
        message = await self._messages.get()
        self.states.received(message)
        return message

    async def send(self, message: Message) -> None:
        """Take a message, as the ASGI callable.

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
