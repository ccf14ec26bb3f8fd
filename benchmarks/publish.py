"""Write the results of the benchmarks into docs/speed.md, and draw docs/speed.svg."""

import json
import math
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from facade import LABELS
from growth import MESSAGE
from picture import picture
from report import BASES, FLOOR, OURS, RATE, Table, best_of, markdown, ratios

Results: TypeAlias = dict[str, Any]

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "speed.md"
PICTURE: Final = ROOT / "docs" / "speed.svg"
FOLDER: Final = ROOT / "benchmarks" / "results"
MAIN: Final = "server-3.11"
"""The results of the picture, of the growth and of the example."""
BEST: Final = "best"  # the better of uvicorn's own classes in a row
GIB: Final = 10**6 / 2**20  # of a million connections, for each KiB of one
EVERY: Final = 30  # seconds between the messages of a connection in the example
SERVER_GOALS: Final = {
    "text of 64 B, 64 in flight": 0.55,
    "text of 64 B, ping-pong": 0.70,
    "binary of 1 MiB, 2 in flight": 0.75,
    "compressed text of 1 KiB, ping-pong": 0.80,
    "broadcast to 1000 connections": 0.60,
    "connection: open and close": 0.70,
    RATE: 1.40,
    "memory, 10000 idle connections": 0.40,
}
"""Ratios to the better of uvicorn's own classes."""
FACADE_GOALS: Final = {
    "echo, text": 0.45,
    "connect: create, accept, close": 0.80,
    "read all headers": 1.0,
    "read cookies": 1.0,
    "read URL": 1.0,
}
"""Ratios to Starlette's class."""
CORE_GOAL: Final = 1.0  # microseconds of a message each way
MESSAGE_ROWS: Final = ("receive a message", "send a message")
CORES: Final = 8  # of a machine in the example
MEMORY: Final = 16  # GiB of a machine in the example


def read(kind: str) -> dict[str, Results]:
    """Read the results of a benchmark, by the name of their file."""
    paths = sorted(FOLDER.glob(f"{kind}-*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def captioned(parts: list[str], table: str) -> str:
    return f"{textwrap.fill(', '.join(parts), 118, break_on_hyphens=False)}:\n\n{table}"


def facade() -> str:
    """Write the ratios of the facade."""
    return "\n\n".join(
        captioned(
            [
                about["python"],
                f"Starlette {about['starlette']}",
                "`make bench`",
                f"best of {about['rounds']} rounds",
            ],
            markdown(results["ratios"], results["noise"], LABELS),
        )
        for results in read("facade").values()
        for about in [results["about"]]
    )


def versions(results: Results, *names: str) -> list[str]:
    about = results["about"]
    return [about["python"], about["loop"], *(f"{n} {about['versions'][n]}" for n in names)]


def server() -> str:
    """Write the ratios of the servers."""
    return "\n\n".join(
        captioned(
            [
                *versions(results, "uvicorn", "hypercorn", "daphne", "granian", "picows"),
                "`make bench-server`",
                f"best of {results['about']['rounds']} rounds",
            ],
            markdown(results["ratios"], results["noise"]),
        )
        for results in read("server").values()
    )


def floor() -> str:
    """Write the ratios to the ASGI floor."""
    labels = {
        OURS: "wsfsm in uvicorn",
        BEST: "the better of uvicorn's own classes",
        "picows": "picows, without ASGI",
    }
    return "\n\n".join(
        captioned(
            versions(results, "uvicorn", "picows"),
            markdown(ratios(with_best(results["figures"]), [FLOOR]), labels=labels),
        )
        for results in read("server").values()
    )


def with_best(figures: Table) -> Table:
    """Add the better of uvicorn's own classes in each row as a candidate."""
    return {
        row: cells | ({BEST: cells[base]} if (base := best_of(row, cells, BASES)) else {})
        for row, cells in figures.items()
    }


def growth() -> str:
    """Write the growth of cost with the number of connections."""
    results = read("server")[MAIN]
    return captioned(versions(results, "uvicorn"), markdown(results["growth"]))


def million() -> str:
    """Write the cost of a million connections."""
    results = read("server")[MAIN]
    figures, grown = with_best(results["figures"]), with_best(results["growth"])
    zipped = figures["memory, 10000 idle connections, compressed"]
    message = grown[MESSAGE.format(10000)]
    member = figures["broadcast to 1000 connections"]
    lines = ["| | one, wsfsm | a million, wsfsm | a million, uvicorn |", "|---|---|---|---|"]
    for row, cells, unit, factor, total in (
        ("an idle connection", figures["memory, 10000 idle connections"], "KiB", GIB, "GiB"),
        ("an idle connection, compressed", zipped, "KiB", GIB, "GiB"),
        (f"an echo every {EVERY} seconds", message, "µs", 1 / EVERY, "cores"),
        ("a message to everyone", member, "µs", 1, "s of a core"),
        ("opening a connection", figures["5000 connections in a burst"], "µs", 1, "s of a core"),
    ):
        ours, theirs = cells[OURS] * factor, cells[BEST] * factor
        lines.append(
            f"| {row} | {cells[OURS]:.1f} {unit} | {ours:.1f} {total} | {theirs:.1f} {total} |"
        )
    memory = 2 * zipped[OURS] * GIB
    cores = 2 * (message[OURS] + member[OURS]) / EVERY
    machines = max(math.ceil(cores / CORES), math.ceil(memory / MEMORY))
    text = (
        f"For example, let each connection send a message every {EVERY} seconds, and let a message "
        f"go to everyone as often. If half of each machine stays free for your application and for "
        f"peaks, you need {cores:.1f} cores and, with compression, {memory:.0f} GiB: {machines} "
        f"machines of {CORES} cores and {MEMORY} GiB."
    )
    return "\n".join(lines) + "\n\n" + textwrap.fill(text, 118, break_on_hyphens=False)


def redis() -> str:
    """Write the cost of a message that goes through Redis."""
    results = json.loads((FOLDER / "fan-out.json").read_text(encoding="utf-8"))
    return captioned([f"Redis {results['about']['redis']}"], markdown(results["figures"]))


def core() -> str:
    """Write the figures of the core."""
    return "\n\n".join(
        captioned([results["about"]["python"], "microseconds"], markdown(results["figures"]))
        for results in read("core").values()
    )


def goals() -> str:
    """Write the figures that have a goal beside it; those that reach it are bold."""
    servers, facades = read("server"), read("facade")
    (cost,) = read("core").values()
    message = sum(cost["figures"][row]["core"] for row in MESSAGE_ROWS)
    tables = [
        goal_table(SERVER_GOALS, {heading(r): r["ratios"] for r in servers.values()}, OURS),
        goal_table(FACADE_GOALS, {heading(r): r["ratios"] for r in facades.values()}, "wsfsm"),
    ]
    return (
        f"The class in uvicorn, `make bench-server`:\n\n{tables[0]}\n\n"
        f"The class for applications, `make bench`:\n\n{tables[1]}\n\n"
        f"The core needs {message:.2f} µs for a message each way (`python benchmarks/core.py`); the goal is "
        f"{CORE_GOAL:.1f} µs."
    )


def heading(results: Results) -> str:
    """Write the version of Python, and the event loop if it matters."""
    about = results["about"]
    return ", ".join(about[key] for key in ("python", "loop") if key in about)


def goal_table(goals: Mapping[str, float], runs: Mapping[str, Table], ours: str) -> str:
    """Write the ratios of some rows in all runs, and the goal of each."""
    lines = [f"| | goal | {' | '.join(runs)} |", "|---" * (len(runs) + 2) + "|"]
    for row, goal in goals.items():
        cells = []
        for ratios_of_run in runs.values():
            ratio = ratios_of_run[row][ours]
            reached = ratio >= goal if row == RATE else ratio <= goal
            cells.append(f"**{ratio:.2f}**" if reached else f"{ratio:.2f}")
        lines.append(f"| {row} | {goal:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    block.__name__: block for block in (facade, server, floor, growth, million, redis, core, goals)
}


def page(text: str) -> str:
    """Replace what is between `<!-- NAME -->` and `<!-- end of NAME -->` by the block of that name."""

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- {name} -->\n\n{BLOCKS[name]()}\n\n<!-- end of {name} -->"

    pattern = r"<!-- (?P<name>\w+) -->\n.*?<!-- end of (?P=name) -->"
    return re.sub(pattern, replaced, text, flags=re.DOTALL)


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(picture(read("server")[MAIN]), encoding="utf-8")


if __name__ == "__main__":
    main()
