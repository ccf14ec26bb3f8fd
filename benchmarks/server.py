"""Measure the CPU time and memory of ASGI servers for messages, idle connections and new connections.

Every candidate serves the same raw ASGI application on 127.0.0.1, in a process of its own on one core. The
client runs in this process on another core. In every round the servers are measured in turn, and the best
round of each counts, so that other load on the machine affects all of them alike. The servers are started
several times.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import platform
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import growth
from candidates import CANDIDATES, missing, versions
from report import BASES, FLOOR, Samples, Table, figures, markdown, noise, ratios
from rows import ROWS, Measure, Row, Scale
from server_process import CLIENTS_CORE, DidNotStartError, ServerProcess, files_for, pinned
from wire_client import NotNegotiatedError

ERRORS: Final = (OSError, EOFError)  # OSError includes TimeoutError
SPARE: Final = 1000  # open files beside the connections
FEWER: Final = 5  # times fewer rounds of the rows that start servers, because those take long
STARTS: Final = 3  # of each server, because a process may have luck with the layout of its memory
FULL: Final = Scale(
    seconds=0.3, members=1000, burst=5000, idle=(1000, 10000), growth=(10, 100, 1000, 10000)
)
QUICK: Final = Scale(seconds=0.1, members=20, burst=200, idle=(100, 500), growth=(10, 100, 200))


@dataclass
class Run:
    """One run of the benchmark.

    Args:
        candidates: Names of the candidates to measure.
        loop: Event loop of the servers, for those with a choice.
        rounds: Number of rounds.
        scale: The size of the rows.
    """

    candidates: list[str]
    loop: str
    rounds: int
    scale: Scale
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
        async with AsyncExitStack() as stack:
            running: dict[str, ServerProcess] = {}
            for name in self.candidates:
                try:
                    running[name] = await stack.enter_async_context(self.server(name))
                except DidNotStartError as error:
                    self.problem(f"{name} does not start: {error}")
            yield running

    async def measure(self, rows: Sequence[str]) -> Samples:
        """Measure rows, each in all rounds."""
        attempts = {key: Attempts(self, ROWS[key].names(self.scale)) for key in rows}
        starts = min(STARTS, self.rounds)
        for start in range(starts):
            rounds = (self.rounds + start) // starts  # together they are all
            async with self.servers() as servers:
                for key in rows:
                    if not ROWS[key].fresh:
                        await self.steady(ROWS[key], servers, attempts[key], rounds)
        for key in rows:
            if ROWS[key].fresh:
                await self.fresh(ROWS[key], attempts[key])
        return {name: each for key in rows for name, each in attempts[key].samples().items()}

    async def steady(
        self, row: Row, servers: dict[str, ServerProcess], attempts: "Attempts", rounds: int
    ) -> None:
        """Measure a row on servers that keep running."""
        async with AsyncExitStack() as stack:
            measures: dict[str, Measure] = {}
            for name, server in servers.items():
                if name not in attempts.failed:
                    with attempts.of(name):
                        measuring = row.measuring(server, self.scale)
                        measures[name] = await stack.enter_async_context(measuring)
            for _ in range(rounds):
                for name, measure in measures.items():
                    if name not in attempts.failed:
                        with attempts.of(name):
                            attempts.add(name, await measure())

    async def fresh(self, row: Row, attempts: "Attempts") -> None:
        """Measure a row on a new server each time."""
        for _ in range(max(1, self.rounds // FEWER)):
            for name in self.candidates:
                if name not in attempts.failed:
                    with attempts.of(name):
                        async with (
                            self.server(name) as server,
                            row.measuring(server, self.scale) as measure,
                        ):
                            attempts.add(name, await measure())


class Attempts:
    """The samples of one or more rows, without the candidates that have failed.

    Args:
        run: The run, to which problems are reported.
        names: The names of what is measured.
    """

    def __init__(self, run: Run, names: Sequence[str]) -> None:
        self._run, self._names = run, names
        self._rounds: defaultdict[str, list[Sequence[float]]] = defaultdict(list)
        self.failed: set[str] = set()

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Leave a candidate out if the block fails."""
        try:
            yield
        except NotNegotiatedError:  # the row stays empty, which is a result
            self.failed.add(name)
        except (DidNotStartError, *ERRORS) as error:
            self.failed.add(name)
            self._run.problem(f"{name}, {self._names[0]}: {error!r}")

    def add(self, name: str, measured: Sequence[float]) -> None:
        self._rounds[name].append(measured)

    def samples(self) -> Samples:
        kept = {name: each for name, each in self._rounds.items() if name not in self.failed}
        return {
            row: {name: [one[index] for one in each] for name, each in kept.items()}
            for index, row in enumerate(self._names)
        }


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Create the client's event loop: uvloop's if it is installed, because it is faster."""
    name = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    loop: asyncio.AbstractEventLoop = importlib.import_module(name).new_event_loop()
    return loop


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, help="the rounds of each row (default: 15, with --quick 3)"
    )
    parser.add_argument("--quick", action="store_true", help="only check that the benchmark works")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, help="measure only these servers")
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=[*ROWS], help="measure only these rows"
    )
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


def open_files(run: Run, rows: Sequence[str]) -> None:
    """Raise the limit of open files to what the rows need, or exit."""
    needed = SPARE + max(
        row.connections(run.scale) * (1 if row.fresh else len(run.candidates))
        for row in map(ROWS.__getitem__, rows)
    )
    if not files_for(needed):
        raise SystemExit(
            f"the rows need {needed} open files, and the hard limit is lower; "
            "raise it with ulimit -Hn, or select other rows with --rows"
        )


async def measure(run: Run, rows: Sequence[str]) -> Samples:
    with pinned(CLIENTS_CORE):
        return await run.measure(rows)


def write(path: Path, loop: str, results: dict[str, Any]) -> None:
    if path.is_dir():
        suffix = "" if loop == "uvloop" else f"-{loop}"
        path /= f"server-{sys.version_info.major}.{sys.version_info.minor}{suffix}.json"
    path.write_text(f"{json.dumps(results, indent=2)}\n", encoding="utf-8")


def rounded(table: Table) -> Table:
    return {row: {n: round(f, 2) for n, f in cells.items()} for row, cells in table.items()}


def print_table(heading: str, table: Table, noise: Table | None = None) -> None:
    if table:
        print(f"\n{heading}\n\n{markdown(table, noise)}", flush=True)


def main() -> int:
    options = arguments()
    run = Run(
        candidates=taking_part(options),
        loop=options.loop,
        rounds=options.rounds or (3 if options.quick else 15),
        scale=QUICK if options.quick else FULL,
    )
    open_files(run, options.rows)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        samples = runner.run(measure(run, options.rows))
    grown = growth.grown(figures(samples), run.scale.growth)
    for row in grown.keys() & samples.keys():
        del samples[row]  # these are not ratios
    table = figures(samples)
    results: dict[str, Any] = {
        "about": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "loop": run.loop,
            "rounds": run.rounds,
            "versions": versions(),
        },
        "ratios": ratios(table),
        "noise": noise(samples),
        "floor": ratios(table, [FLOOR]),
        "figures": rounded(table),
        "growth": rounded(grown),
    }
    print(f"{results['about']['python']}, {run.loop}, best of {run.rounds} rounds")
    print_table("Ratios to the best of uvicorn's classes", results["ratios"], results["noise"])
    print_table("Ratios to the ASGI floor", results["floor"], noise(samples, [FLOOR]))
    print_table(
        "Microseconds of CPU time of a message or connection, connections a second, KiB of memory of "
        "a connection, milliseconds of the start",
        results["figures"],
    )
    print_table("Growth with the number of connections", grown)
    if options.json:
        write(options.json, run.loop, results)
    if not options.quick:  # the figures of few connections are too rough
        for line in growth.excess(grown):
            run.problem(line)
    return int(bool(run.problems))


if __name__ == "__main__":
    sys.exit(main())
