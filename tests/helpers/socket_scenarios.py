"""Scenarios on sockets: the steps of an application and a client, and the outcome that both see.

A scenario is data. Its application is a list of steps:

- a message: it is sent, and "ok" is seen, or the family of what is raised: "RuntimeError",
  "OSError", or the exception's name;
- `RECEIVE`: a message is seen, or "waits" if there is none for a while;
- `RAISE`: it raises; `RAISE_AGAIN`: it raises what it has seen last; without either, it returns;
- `OVER`: it waits until the server knows that the connection is over; `GONE`: until it is gone;
- a float: it sleeps so many seconds; a str: it waits until the client says that word.

Its client asks for a WebSocket, then does its steps:

- bytes are sent; `FIN` and `RST` too; a float: it sleeps; an int: it waits until the application
  has seen so many things, with 0 until it runs;
- `HEAD`: it waits for the head of the response; a str: it says that word.

In the end it reads until the transport ends. A Close frame is answered unless it is `silent`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import attrs
import h11
import pytest

from helpers.uvicorn_server import in_time, running, until
from helpers.wire import (
    BINARY,
    CLOSE,
    HEADERS,
    PING,
    PONG,
    TEXT,
    Client,
    connecting,
    frame,
    request,
)
from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.server import ServerState
from wsfsm.types import Message, Receive, Scope, Send

RECEIVE: Final = object()
RAISE: Final = object()
RAISE_AGAIN: Final = object()
OVER: Final = object()
GONE: Final = object()
HEAD: Final = object()
FIN: Final = object()
RST: Final = object()

WAITS: Final = 0.15  # seconds after which nothing is expected to come any more
PATIENCE: Final = 5.0  # seconds for what is expected
NAMES: Final = {TEXT: "TEXT", BINARY: "BINARY", PING: "PING", PONG: "PONG"}


class Quick(WebSocketProtocol):
    """The strict class with short timeouts."""

    policies = attrs.evolve(WebSocketProtocol.policies, close_timeout=0.4)


class OnPurpose(Exception):
    """The exception of an application."""


@attrs.frozen(kw_only=True)
class Scenario:
    """A scenario.

    Attributes:
        id: What it is called, the same for ever.
        title: What it is about.
        section: The text that says what is right; "" where there is none.
        app: Steps of the application.
        client: Steps of the client.
        asks: The request; None for a good one that offers the subprotocols a and b.
        saw: What the application has seen, step by step; None if it must not run.
        wire: What the client has seen: status, then frames or body, then how it ended.
        has: Headers that the response must have, with all their values.
        lacks: Headers that it must not have.
        logs: What is logged as an error, or "".
        silent: Whether the client does not answer a Close frame.
        gives: What the application returns.
        options: Options of uvicorn.
    """

    id: str
    title: str
    section: str = ""
    app: Sequence[Any] = ()
    client: Sequence[Any] = ()
    asks: bytes | None = None
    saw: Sequence[Any] | None = ()
    wire: Sequence[Any] = ()
    has: dict[str, list[str]] = attrs.field(factory=dict)
    lacks: Sequence[str] = ()
    logs: str = ""
    silent: bool = False
    gives: Any = None
    options: dict[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        return self.id


class Player:
    """Plays a scenario, as its application and as its client.

    Args:
        scenario: The scenario.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.saw: list[Any] | None = None
        self.wire: list[Any] = []
        self.headers: list[tuple[str, str]] = []
        self.said: dict[str, asyncio.Event] = {}
        self.done = asyncio.Event()
        self.states: list[Any] = []  # of the server

    def word(self, name: str) -> asyncio.Event:
        return self.said.setdefault(name, asyncio.Event())

    def is_over(self, *, gone: bool) -> bool:
        """Whether the server knows that the connection is over, or gone."""
        (state,) = self.states
        connections: set[Any] = state.connections
        return all(
            core.state is ServerState.CLOSED if gone else core.is_over
            for core in (connection._connection for connection in connections)
        )

    def has_seen(self, count: int) -> bool:
        """Whether the application runs, and has seen so many things."""
        return self.saw is not None and len(self.saw) >= count

    async def application(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] == "http":  # it was no request for a WebSocket
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"HTTP"})
            self.done.set()
            return None
        self.saw, last = [], None
        try:
            for step in self.scenario.app:
                if step is RAISE or step is RAISE_AGAIN:
                    raise last if step is RAISE_AGAIN and last else OnPurpose("on purpose")
                if isinstance(step, str):
                    await self.word(step).wait()
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                elif step is OVER or step is GONE:
                    await until(partial(self.is_over, gone=step is GONE))
                else:
                    seen, last = await self.try_step(step, receive, send)
                    self.saw.append(seen)
            return self.scenario.gives
        finally:
            self.done.set()

    async def try_step(
        self, step: Any, receive: Receive, send: Send
    ) -> tuple[Any, Exception | None]:
        right = self.scenario.saw or ()
        nothing = len(self.saw or ()) < len(right) and right[len(self.saw or ())] == "waits"
        try:
            if step is not RECEIVE:
                await send(step)
                return "ok", None
            return await asyncio.wait_for(receive(), WAITS if nothing else PATIENCE), None
        except TimeoutError:
            return "waits", None
        except (RuntimeError, OSError) as error:
            return ("OSError" if isinstance(error, OSError) else "RuntimeError"), error
        except Exception as error:  # noqa: BLE001 - any exception is an outcome
            return type(error).__name__, error

    async def play_client(self, client: Client) -> None:
        offers = (b"sec-websocket-protocol", b"a, b")
        asked = self.scenario.asks
        client.write(request(offers) if asked is None else asked)
        status = 0
        for step in self.scenario.client:
            if isinstance(step, bytes):
                client.write(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, int):
                await until(partial(self.has_seen, step))
            elif isinstance(step, str):
                self.word(step).set()
            elif step is HEAD:
                status, self.headers = await client.head()
                self.wire.append(status)
            elif step is FIN:
                client.half_close()
            else:
                client.reset()
                return
        try:
            await self.watch(client, status)
            self.wire.append("FIN")
        except ConnectionResetError:
            self.wire.append("RST")

    async def watch(self, client: Client, status: int) -> None:
        """Return the rest of the stream."""
        if not status:
            try:
                data = await client.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                self.wire += [error.partial] * bool(error.partial)
                return
            client.reader._buffer[:0] = data  # type: ignore[attr-defined]  # it is read again
            status, self.headers = await client.head()
            self.wire.append(status)
            if status != 101:
                body = response_body(data + await client.rest())
                self.wire += [body] * bool(body)
                return
        elif status != 101:
            self.wire.append(await client.rest())
            return
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await self.watch_frame(client)

    async def watch_frame(self, client: Client) -> None:
        opcode, payload = await client.frame()
        if opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            self.wire.append(f"CLOSE {code} {payload[2:].decode()}".strip())
            if not self.scenario.silent:
                client.write(frame(CLOSE, payload))
        else:
            self.wire.append(f"{NAMES[opcode]} {payload.decode()}".strip())

    async def play(self) -> None:
        defaults = {"ws": Quick, "interface": "asgi3", "log_level": "info", "log_config": None}
        options = defaults | self.scenario.options
        async with running(self.application, **options) as (server, address):
            self.states.append(server.server_state)
            async with connecting(address) as client, asyncio.timeout(10):
                await self.play_client(client)
            if self.saw is not None:
                async with asyncio.timeout(10):
                    await self.done.wait()


def response_body(data: bytes) -> bytes:
    """The body of a response, as a client of HTTP reads it; an incomplete one ends in '...'."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=list(HEADERS)))
    client.receive_data(data)
    client.receive_data(b"")
    client.next_event()
    body = b""
    try:
        while isinstance(event := client.next_event(), h11.Data):
            body += bytes(event.data)
    except h11.RemoteProtocolError:
        body += b"..."
    return body


def play(
    scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Play a scenario; return the outcome, and the right one."""
    player = Player(scenario)
    caplog.clear()
    with caplog.at_level(logging.INFO, "uvicorn.error"):
        in_time(player.play)
    logged = [r.getMessage().strip() for r in caplog.records if r.levelno >= logging.ERROR]
    named = {name for name, _ in player.headers}
    seen = {
        "wire": player.wire,
        "saw": player.saw,
        "headers": {
            name: [value for key, value in player.headers if key == name] for name in scenario.has
        },
        "lacking": sorted(named & set(scenario.lacks)),
        "logs": logged,
    }
    right = {
        "wire": list(scenario.wire),
        "saw": None if scenario.saw is None else list(scenario.saw),
        "headers": scenario.has,
        "lacking": [],
        "logs": [scenario.logs] * bool(scenario.logs),
    }
    return seen, right


def accept(**keys: Any) -> Message:
    """Accept."""
    return {"type": "websocket.accept", **keys}


def send(data: str = "x", /, **keys: Any) -> Message:
    """Send a text, unless other keys are given."""
    return {"type": "websocket.send", **(keys or {"text": data})}


def close(**keys: Any) -> Message:
    """Close."""
    return {"type": "websocket.close", **keys}


def start(status: Any = 404, **keys: Any) -> Message:
    """The start of a denial response."""
    return {"type": "websocket.http.response.start", "status": status, **keys}


def body(part: bytes = b"nope", **keys: Any) -> Message:
    """A part of a denial response, the last one unless the keys say else."""
    return {"type": "websocket.http.response.body", "body": part, **keys}


def left(code: int = 1006, reason: str | None = None) -> Message:
    """The disconnect that an application sees."""
    told = {"type": "websocket.disconnect", "code": code}
    return told if reason is None else {**told, "reason": reason}


CONNECT: Final = {"type": "websocket.connect"}
RETURNED: Final = (
    "ASGI application returned without completing its response to the handshake; "
    "it must send websocket.accept, websocket.close, or a whole denial response"
)
RAISED: Final = "Exception in ASGI application"
FAILED: Final = (500, b"Internal Server Error", "FIN")
