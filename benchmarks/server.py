"""Measure the CPU time and memory of ASGI servers for messages, idle connections and new connections.

Every candidate serves the same raw ASGI echo on 127.0.0.1, in a process of its own on one core. The client
runs in this process on another core. All servers keep running. In every round they are measured in turn,
and the best round of each counts, so that other load on the machine affects all of them alike.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import platform
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from server_process import (
    CLIENTS_CORE,
    HERE,
    DidNotStartError,
    ServerProcess,
    files_for,
    pinned,
)
from server_report import BASES, RATE, Table, markdown, ratios
from wire_client import BINARY, TEXT, Client, Load, comings_and_goings, connected


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
    options = "--host 127.0.0.1 --port {port} --loop {loop} --lifespan off --log-level warning"
    return Candidate(
        ["-m", "uvicorn", *options.split(), "--no-access-log", "--ws", websockets, "echo_app:app"],
        ["uvicorn", *needs],
    )


def other(name: str, options: str) -> Candidate:
    return Candidate(["-m", name, *options.split(), "echo_app:app"], [name])


CANDIDATES: Final[dict[str, Candidate]] = {
    "uvicorn-sansio": uvicorn("websockets-sansio", "websockets"),
    "uvicorn-wsproto": uvicorn("wsproto", "wsproto"),
    "uvicorn-wsfsm": uvicorn(
        "wsfsm.integrations.uvicorn:WebSocketProtocol", "wsfsm.integrations.uvicorn"
    ),
    "hypercorn": other(
        "hypercorn", "--bind 127.0.0.1:{port} --worker-class {loop} --log-level warning"
    ),
    # daphne's reactor always uses asyncio
    "daphne": other("daphne", "--bind 127.0.0.1 --port {port} --verbosity 0"),
    # --backpressure is the greatest number of connections that granian serves at a time
    "granian": other(
        "granian",
        "--interface asgi --host 127.0.0.1 --port {port} --loop {loop} --log-level warning"
        " --backpressure 10000",
    ),
    "picows": Candidate([str(HERE / "picows_echo.py"), "{port}", "{loop}"], ["picows"]),
}
DISTRIBUTIONS: Final = (
    *("wsfsm", "uvicorn", "websockets", "wsproto", "httptools"),
    *("hypercorn", "daphne", "granian", "picows", "uvloop"),
)
LOADS: Final = {
    "text of 64 B, 64 in flight": Load(TEXT, 64, 64),
    "text of 64 B, ping-pong": Load(TEXT, 64, 1),
    "binary of 4 KiB, 8 in flight": Load(BINARY, 4096, 8),
    "binary of 1 MiB, 2 in flight": Load(BINARY, 1 << 20, 2),
}
PARALLEL: Final = 8  # connections that are opened and closed at a time
ERRORS: Final = (OSError, EOFError)  # OSError includes TimeoutError


@dataclass
class Run:
    """One run of the benchmark.

    Args:
        candidates: Names of the candidates to measure.
        loop: Event loop of the servers, for those with a choice.
        rounds: Number of rounds.
        seconds: Seconds of each measurement.
        idle: Numbers of idle connections.
    """

    candidates: list[str]
    loop: str
    rounds: int
    seconds: float
    idle: Sequence[int]
    problems: list[str] = field(default_factory=list)

    def problem(self, what: str) -> None:
        self.problems.append(what)
        print(what, file=sys.stderr, flush=True)

    @contextlib.asynccontextmanager
    async def server(self, name: str) -> AsyncIterator[ServerProcess]:
        process = ServerProcess(
            [part.replace("{loop}", self.loop) for part in CANDIDATES[name].arguments]
        )
        try:
            await process.started()
            yield process
        finally:
            process.stop()

    @contextlib.asynccontextmanager
    async def servers(self) -> AsyncIterator[dict[str, ServerProcess]]:
        """Run all servers at once."""
        async with contextlib.AsyncExitStack() as stack:
            running: dict[str, ServerProcess] = {}
            for name in self.candidates:
                try:
                    running[name] = await stack.enter_async_context(self.server(name))
                except DidNotStartError as error:
                    self.problem(f"{name} does not start: {error}")
            yield running

    async def best(
        self,
        row: str,
        servers: dict[str, ServerProcess],
        measure: Callable[[ServerProcess], Awaitable[Sequence[float]]],
    ) -> dict[str, list[float]]:
        """Measure the servers in turn, and return the least of many rounds for each."""
        least: dict[str, list[float]] = {}
        failed: set[str] = set()
        for _ in range(self.rounds):
            for name, server in servers.items():
                if name in failed:
                    continue
                try:
                    figures = await measure(server)
                except ERRORS as error:
                    failed.add(name)
                    least.pop(name, None)
                    self.problem(f"{name}, {row}: {error!r}")
                else:
                    least[name] = [*map(min, figures, least.get(name, figures))]
        return least

    async def echoes(self) -> Table:
        """Measure the microseconds of CPU time for each echoed message."""

        async def echo(server: ServerProcess, load: Load) -> Sequence[float]:
            client = await connected(server.port)
            try:
                await client.echo(load)
                before = server.cpu()
                count = await client.echoes(load, self.seconds)
                used = server.cpu() - before
            finally:
                client.transport.abort()
            return [used / count / 1e3]

        table: Table = {}
        async with self.servers() as servers:
            for row, load in LOADS.items():
                least = await self.best(row, servers, lambda s, load=load: echo(s, load))  # type: ignore[misc]
                table[row] = {name: figure for name, (figure,) in least.items()}
        return table

    async def connections(self) -> Table:
        """Measure the microseconds of CPU time for each connection, and the connections in a second."""
        clock = asyncio.get_running_loop().time

        async def connect(server: ServerProcess) -> Sequence[float]:
            before, start = server.cpu(), clock()
            count = await comings_and_goings(server.port, self.seconds, PARALLEL)
            return [(server.cpu() - before) / count / 1e3, (clock() - start) / count]

        row = "connection: open and close"
        async with self.servers() as servers:
            least = await self.best(row, servers, connect)
        return {
            row: {name: used for name, (used, _) in least.items()},
            RATE: {name: 1 / took for name, (_, took) in least.items()},
        }

    async def memory(self) -> Table:
        """Measure the KiB of resident memory for each idle connection, on a new server of its own."""
        if not files_for(max(self.idle) + 200):
            self.problem(f"memory: the limit of open files is below {max(self.idle) + 200}")
            return {}
        table: Table = {f"memory, {count} idle connections": {} for count in self.idle}
        for name in self.candidates:
            try:
                async with self.server(name) as server:
                    grown = await self.growth(server)
            except (DidNotStartError, *ERRORS) as error:
                self.problem(f"{name}, memory: {error!r}")
            else:
                for row, size in zip(table.values(), grown, strict=True):
                    row[name] = size
        return table

    async def growth(self, server: ServerProcess) -> list[float]:
        """Measure, for each number of idle connections, the KiB for one of them."""
        load = LOADS["text of 64 B, ping-pong"]
        clients: list[Client] = []
        sizes: list[float] = []
        # open and close ten connections first, so that one-time memory of the process does not count
        await asyncio.gather(*(connected_once(server.port, load) for _ in range(10)))
        await asyncio.sleep(0.3)
        before = server.memory()
        try:
            for count in self.idle:
                while len(clients) < count:
                    batch = min(50, count - len(clients))  # fewer than any server's backlog
                    clients += await asyncio.gather(*(connected(server.port) for _ in range(batch)))
                await asyncio.sleep(0.3)
                sizes.append((server.memory() - before) / count / 1024)
                if lost := sum(client.lost for client in clients):
                    raise EOFError(f"{lost} of {count} idle connections were lost")
            await clients[-1].echo(load)  # this shows that the application still waits in receive()
        finally:
            for client in clients:
                client.transport.abort()
        return sizes


async def connected_once(port: int, load: Load) -> None:
    client = await connected(port)
    await client.echo(load)
    await client.close()


# The sections in the order in which they run; each returns the rows that it has measured
SECTIONS: Final[dict[str, Callable[[Run], Awaitable[Table]]]] = {
    "echo": Run.echoes,
    "connections": Run.connections,
    "memory": Run.memory,
}


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


async def measure(run: Run, sections: Sequence[str]) -> Table:
    table: Table = {}
    with pinned(CLIENTS_CORE):
        for name, section in SECTIONS.items():
            if name in sections:
                table |= await section(run)
    return table


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Create the client's event loop: uvloop's if it is installed, because it is faster."""
    name = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    loop: asyncio.AbstractEventLoop = importlib.import_module(name).new_event_loop()
    return loop


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, help="the rounds of each workload (default: 15, with --quick 3)"
    )
    parser.add_argument("--quick", action="store_true", help="only check that the benchmark works")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, help="measure only these servers")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=[*SECTIONS])
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--json", type=Path, help="write the results to this file or folder")
    options = parser.parse_args()
    if not set(BASES) & set(options.only or BASES):
        parser.error(f"--only must include {' or '.join(BASES)}, to which the ratios refer")
    return options


def taking_part(options: argparse.Namespace) -> list[str]:
    """Return the candidates whose modules are installed."""
    names: list[str] = []
    for name in CANDIDATES:
        if options.only and name not in options.only:
            continue
        if module := missing(CANDIDATES[name], options.loop):
            if options.only:
                raise SystemExit(f"{name} needs {module}")
            print(f"{name} is skipped, because {module} is not installed", file=sys.stderr)
        else:
            names.append(name)
    return names


def main() -> int:
    options = arguments()
    run = Run(
        candidates=taking_part(options),
        loop=options.loop,
        rounds=options.rounds or (3 if options.quick else 15),
        seconds=0.1 if options.quick else 0.4,
        idle=(100, 500) if options.quick else (1000, 5000),
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(run, options.sections))
    table = ratios(figures)
    about: dict[str, Any] = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "loop": run.loop,
        "rounds": run.rounds,
        "versions": versions(),
    }
    print(f"Ratios to the best of uvicorn's classes, {about['python']}, best of {run.rounds}")
    print(f"\n{markdown(table)}\n")
    print("Microseconds of the server's CPU time for a message or connection, and KiB of memory")
    print(f"\n{markdown(figures)}")
    if options.json:
        name = f"server-{sys.version_info.major}.{sys.version_info.minor}.json"
        path = options.json / name if options.json.is_dir() else options.json
        figures = {
            row: {n: round(f, 2) for n, f in cells.items()} for row, cells in figures.items()
        }
        text = json.dumps({"about": about, "ratios": table, "figures": figures}, indent=2)
        path.write_text(f"{text}\n", encoding="utf-8")
    return int(bool(run.problems))


if __name__ == "__main__":
    sys.exit(main())
