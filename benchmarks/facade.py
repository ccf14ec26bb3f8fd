"""Measure the time for a message with the facade, compared with Starlette's, an unchecked one and raw ASGI.

All candidates run in one process, on a server that does nothing. In every round they run in turn, and the
best round of each counts, so that other load on the machine affects all of them alike. Only CPU time
counts.
"""

import argparse
import gc
import json
import platform
import sys
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from time import process_time_ns
from typing import Any, Final

import ending_rows
import fastapi
import scope_rows
import starlette.applications
import starlette.routing
import starlette.websockets
from report import Samples, Table, figures, markdown, noise, ratios

import wsfsm
import wsfsm.integrations.fastapi
import wsfsm.integrations.starlette
from wsfsm.types import Message, Receive, Scope, Send

BASES: Final = ("starlette",)
LABELS: Final = {
    "starlette": "Starlette",
    "wsfsm": "wsfsm",
    "unchecked": "unchecked facade",
    "raw": "raw ASGI",
}
"""The candidates, with the headings of their columns."""
MESSAGES: Final = 1000  # enough to measure, and few enough for a round without a disturbance
SCOPE: Final[Scope] = {"type": "websocket", "path": "/", "query_string": b"", "headers": []}
TARGETS: Final = {(3, 11): 0.50, (3, 13): 0.70}  # parts of Starlette's time for an echoed text
ROUTE_TARGETS: Final = {(3, 11): 0.55}  # the same, through a route of a framework
INCOMING: Final[dict[str, Message]] = {
    "text": {"type": "websocket.receive", "text": "x" * 64},
    "bytes": {"type": "websocket.receive", "bytes": b"x" * 64},
    "JSON": {"type": "websocket.receive", "text": '{"id":1,"method":"echo","params":["x"]}'},
    "iteration": {"type": "websocket.receive", "text": "x" * 64},
}


class Unchecked:
    """A facade with one coroutine for each call and without any check."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send

    async def accept(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def receive_text(self) -> Any:
        return (await self._receive())["text"]

    async def receive_bytes(self) -> Any:
        return (await self._receive())["bytes"]

    async def receive_json(self) -> Any:
        return json.loads((await self._receive())["text"])

    async def iter_text(self) -> AsyncIterator[Any]:
        while True:
            yield await self.receive_text()

    async def send_text(self, data: str) -> None:
        await self._send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any) -> None:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        await self._send({"type": "websocket.send", "text": text})

    async def close(self) -> None:
        await self._send({"type": "websocket.close", "code": 1000, "reason": ""})


class Idle:
    """A server that delivers a connect, then the same message for ever, and ignores sent messages."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._connect: Message | None = {"type": "websocket.connect"}

    async def receive(self) -> Message:
        if self._connect is None:
            return self._message
        message, self._connect = self._connect, None
        return message

    async def send(self, message: Message) -> None:
        pass


async def echo_text(websocket: Any) -> None:
    for _ in range(MESSAGES):
        await websocket.send_text(await websocket.receive_text())


async def echo_bytes(websocket: Any) -> None:
    for _ in range(MESSAGES):
        await websocket.send_bytes(await websocket.receive_bytes())


async def echo_json(websocket: Any) -> None:
    for _ in range(MESSAGES):
        await websocket.send_json(await websocket.receive_json())


async def echo_iterated(websocket: Any) -> None:
    left = MESSAGES
    async for text in websocket.iter_text():
        await websocket.send_text(text)
        left -= 1
        if not left:
            return


async def raw_text(server: Idle) -> None:
    receive, send = server.receive, server.send
    for _ in range(MESSAGES):
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})


async def raw_bytes(server: Idle) -> None:
    receive, send = server.receive, server.send
    for _ in range(MESSAGES):
        message = await receive()
        await send({"type": "websocket.send", "bytes": message["bytes"]})


async def raw_json(server: Idle) -> None:
    receive, send = server.receive, server.send
    for _ in range(MESSAGES):
        data = json.loads((await receive())["text"])
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        await send({"type": "websocket.send", "text": text})


Candidate = Callable[[Scope, Receive, Send], Any]
FACADES: Final[dict[str, Candidate]] = {
    "starlette": starlette.websockets.WebSocket,
    "wsfsm": wsfsm.WebSocket,
    "unchecked": Unchecked,
}
ECHOES: Final[dict[str, tuple[Callable[[Any], Awaitable[None]], Callable[[Idle], Any]]]] = {
    "text": (echo_text, raw_text),
    "bytes": (echo_bytes, raw_bytes),
    "JSON": (echo_json, raw_json),
    "iteration": (echo_iterated, raw_text),
}


def drive(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that never waits, without the noise of an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the coroutine waits for something")


def timed(action: Callable[[], Any]) -> float:
    """Return the nanoseconds of CPU time for each message."""
    start = process_time_ns()
    action()
    return (process_time_ns() - start) / MESSAGES


def accepted(facade: Candidate, message: Message) -> tuple[Any, Idle]:
    server = Idle(message)
    websocket = facade(SCOPE, server.receive, server.send)
    drive(websocket.accept())
    return websocket, server


def echoing(name: str) -> dict[str, Callable[[], float]]:
    """Return a round of echoes for each candidate."""
    echo, raw = ECHOES[name]
    message = INCOMING[name]
    rounds: dict[str, Callable[[], float]] = {}
    for candidate, facade in FACADES.items():
        websocket, _ = accepted(facade, message)
        rounds[candidate] = lambda w=websocket: timed(lambda: drive(echo(w)))  # type: ignore[misc, arg-type]
    server = Idle(message)
    drive(server.receive())
    rounds["raw"] = lambda: timed(lambda: drive(raw(server)))
    return rounds


def in_starlette() -> dict[str, Callable[[], float]]:
    """Return a round of echoes for each candidate, through a route of Starlette."""
    times: list[float] = []

    async def handler(websocket: starlette.websockets.WebSocket) -> None:
        times.append(await timed_echo(websocket))

    apps = [
        starlette.applications.Starlette(routes=[starlette.routing.WebSocketRoute("/", handler)])
        for _ in range(2)
    ]

    def installed() -> float:
        wsfsm.integrations.starlette.install(apps[1])
        try:
            return routed(apps[1], "/", times)
        finally:
            wsfsm.integrations.starlette.uninstall(apps[1])

    return {"starlette": lambda: routed(apps[0], "/", times), "wsfsm": installed}


def in_fastapi() -> dict[str, Callable[[], float]]:
    """Return a round of echoes for each candidate, through a route of FastAPI."""
    app, times = fastapi.FastAPI(), list[float]()

    @app.websocket("/starlette")
    async def theirs(websocket: fastapi.WebSocket) -> None:
        times.append(await timed_echo(websocket))

    @app.websocket("/wsfsm")
    async def ours(websocket: wsfsm.integrations.fastapi.WebSocket) -> None:
        times.append(await timed_echo(websocket))

    return {
        name: lambda n=name: routed(app, f"/{n}", times)  # type: ignore[misc]
        for name in ("starlette", "wsfsm")
    }


async def timed_echo(websocket: Any) -> float:
    """Echo in a handler, and return the nanoseconds of CPU time for each message."""
    await websocket.accept()
    start = process_time_ns()
    await echo_text(websocket)
    return (process_time_ns() - start) / MESSAGES


def routed(app: Any, path: str, times: list[float]) -> float:
    """Connect to an application whose handler adds a time."""
    server = Idle(INCOMING["text"])
    drive(
        app({**SCOPE, "path": path, "root_path": "", "scheme": "ws"}, server.receive, server.send)
    )
    return times.pop()


def creating() -> dict[str, Callable[[], float]]:
    """Return a round of creating objects for each facade."""
    server = Idle({})

    def create(facade: Candidate) -> None:
        for _ in range(MESSAGES):
            facade(SCOPE, server.receive, server.send)

    return {name: lambda f=f: timed(lambda: create(f)) for name, f in FACADES.items()}  # type: ignore[misc]


def connecting() -> dict[str, Callable[[], float]]:
    """Return a round of connections (create, accept, close) for each facade."""

    async def connect(facade: Candidate) -> None:
        for _ in range(MESSAGES):
            server = Idle({})
            websocket = facade(SCOPE, server.receive, server.send)
            await websocket.accept()
            await websocket.close()

    return {name: lambda f=f: timed(lambda: drive(connect(f))) for name, f in FACADES.items()}  # type: ignore[misc]


def reading(read: Callable[[Any], object]) -> dict[str, Callable[[], float]]:
    """Return a round of reading a value from the scope, for each facade."""

    def round_of(name: str) -> float:
        websockets = scope_rows.objects(MESSAGES)[name]
        return timed(lambda: [read(websocket) for websocket in websockets])

    return {name: lambda n=name: round_of(n) for name in ("starlette", "wsfsm")}  # type: ignore[misc]


def ending(end: ending_rows.Ending) -> dict[str, Callable[[], float]]:
    """Return a round of connections that end in the same way, for each facade."""

    async def connect(name: str) -> None:
        for _ in range(MESSAGES):
            await end(*ending_rows.CLASSES[name])

    return {name: lambda n=name: timed(lambda: drive(connect(n))) for name in ending_rows.CLASSES}  # type: ignore[misc]


def in_turn(rounds: dict[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """Run the candidates in turn, and return their times in each round."""
    times: dict[str, list[float]] = {candidate: [] for candidate in rounds}
    gc.collect()
    gc.disable()
    for _ in range(count):
        for candidate, action in rounds.items():
            times[candidate].append(action())
    gc.enable()
    return times


def memory(facade: Candidate) -> float:
    """Return the bytes that an object takes, without the server's side."""
    server = Idle({})
    held: list[Any] = [None] * MESSAGES
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    receive, send = server.receive, server.send
    for i in range(MESSAGES):
        held[i] = facade(SCOPE, receive, send)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / MESSAGES


def measure(count: int) -> Samples:
    """Measure every candidate in every workload: nanoseconds, and bytes in the last row."""
    table = {f"echo, {name}": in_turn(echoing(name), count) for name in ECHOES}
    table["echo, text, in a route of Starlette"] = in_turn(in_starlette(), count)
    table["echo, text, in a route of FastAPI"] = in_turn(in_fastapi(), count)
    table["create an object"] = in_turn(creating(), count)
    table["connect: create, accept, close"] = in_turn(connecting(), count)
    for name, end in ending_rows.ROWS.items():
        table[name] = in_turn(ending(end), count)
    for name, read in scope_rows.ROWS.items():
        table[f"read {name}"] = in_turn(reading(read), count)
    table["memory of an object"] = {name: [memory(facade)] for name, facade in FACADES.items()}
    return table


def missed(table: Table) -> list[str]:
    """List the goals that these ratios miss."""
    text, create, size = (
        table[name] for name in ("echo, text", "create an object", "memory of an object")
    )
    goals = [
        *(
            (f"{name} to Starlette's", row["wsfsm"], ROUTE_TARGETS.get(sys.version_info[:2]))
            for name, row in table.items()
            if "in a route" in name
        ),
        ("echoed text to Starlette's", text["wsfsm"], TARGETS.get(sys.version_info[:2])),
        ("echoed text to the unchecked facade's", text["wsfsm"] / text["unchecked"], 1.5),
        ("creating an object to Starlette's", create["wsfsm"], 1.0),
        ("memory of an object to Starlette's", size["wsfsm"], 1.0),
    ]
    return [
        f"the ratio of {what} is {ratio:.2f}, the goal is {goal:.2f}"
        for what, ratio, goal in goals
        if goal is not None and ratio > goal
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200, help="the rounds of each workload")
    parser.add_argument("--output", type=Path, help="write the ratios as JSON into this folder")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    options = parser.parse_args()

    samples = measure(options.rounds)
    times = figures(samples)
    table, spread = ratios(times, BASES), noise(samples, BASES)
    about = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "starlette": version("starlette"),
        "fastapi": version("fastapi"),
        "wsfsm": version("wsfsm"),
        "rounds": options.rounds,
    }
    print(f"Ratios to Starlette {about['starlette']}, {about['python']}, best of {options.rounds}")
    print()
    print(markdown(table, spread, LABELS))
    print()
    print(f"Starlette's echo of a text: {times['echo, text']['starlette']:.0f} ns of CPU time")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / f"facade-{sys.version_info.major}.{sys.version_info.minor}.json"
        text = json.dumps({"about": about, "ratios": table, "noise": spread}, indent=2)
        path.write_text(f"{text}\n", encoding="utf-8")
    for line in (goals := missed(table)):
        print(f"missed: {line}", file=sys.stderr)
    return int(options.check and bool(goals))


if __name__ == "__main__":
    sys.exit(main())
