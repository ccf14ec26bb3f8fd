"""The benchmark of servers: its sections, rows and errors."""

import json
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from helpers.asgi import ROOT

pytestmark = [pytest.mark.long, pytest.mark.one_python]

BENCHMARKS = ROOT / "benchmarks"
RATIOS = {
    "text of 64 B, 64 in flight",
    "text of 64 B, ping-pong",
    "binary of 4 KiB, 8 in flight",
    "binary of 64 KiB, 4 in flight",
    "binary of 1 MiB, 2 in flight",
    "compressed text of 1 KiB, ping-pong",
    "100 connections, 2000 messages a second",
    "broadcast to 20 connections",
    "connection: open and close",
    "connections a second",
    "200 connections in a burst",
    "start of the server to the first echo",
    "memory of the process",
    "memory, 100 idle connections",
    "memory, 500 idle connections",
    "memory, 100 idle connections, compressed",
    "memory, 500 idle connections, compressed",
}
GROWTH = [
    "microseconds of a message, 10 connections",
    "microseconds of a message, 100 connections",
    "microseconds of a message, 200 connections",
    "microseconds of a message, 200 connections, of which 10 talk",
    "KiB of a connection, 100 connections",
    "KiB of a connection, 200 connections",
    "exponent of the time of messages",
    "exponent of the memory",
]

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
# the oldest Python, on which the tests run with all groups, has it
picows = pytest.mark.skipif(find_spec("picows") is None, reason="the floor needs picows")


def markdown(*tables: Any) -> str:
    text: str = runpy.run_path(str(BENCHMARKS / "report.py"))["markdown"](*tables)
    return text


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, BENCHMARKS / "server.py", "--quick", "--loop", "asyncio", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@linux
def test_benchmark_writes_the_rows_that_every_section_prints(tmp_path: Path) -> None:
    path = tmp_path / "server.json"

    done = bench("--rounds", "1", "--only", "uvicorn-sansio", "--json", str(path))

    assert (done.returncode, done.stderr) == (0, "")
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert set(written) == {"about", "ratios", "noise", "floor", "figures", "growth"}
    assert written["about"]["loop"] == "asyncio"
    assert written["about"]["rounds"] == 1
    assert {"uvicorn", "websockets"} <= set(written["about"]["versions"])
    assert set(written["figures"]) == RATIOS
    assert list(written["growth"]) == GROWTH
    assert written["ratios"] == {row: {"uvicorn-sansio": 1} for row in written["figures"]}
    figures = {row: cells["uvicorn-sansio"] for row, cells in written["figures"].items()}
    assert all(figure > 0 for figure in figures.values())
    # a mebibyte is unmasked and copied: it cannot cost less than 64 bytes
    assert figures["binary of 1 MiB, 2 in flight"] > figures["text of 64 B, 64 in flight"]
    # a compressor has its own window
    assert (
        figures["memory, 500 idle connections, compressed"]
        > figures["memory, 500 idle connections"]
    )
    assert markdown(written["ratios"]) in done.stdout
    assert markdown(written["growth"]) in done.stdout


@linux
@picows
def test_benchmark_measures_the_rows_that_are_selected_beside_the_floor(tmp_path: Path) -> None:
    path = tmp_path / "server.json"

    done = bench(
        *("--rows", "compressed", "broadcast", "open", "--rounds", "2", "--json", str(path)),
        *("--only", "uvicorn-wsproto", "uvicorn-wsfsm", "asgi-floor", "picows"),
    )

    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads(path.read_text(encoding="utf-8"))
    all_of_them = ["uvicorn-wsproto", "uvicorn-wsfsm", "asgi-floor", "picows"]
    assert {row: [*cells] for row, cells in written["ratios"].items()} == {
        "compressed text of 1 KiB, ping-pong": ["uvicorn-wsproto", "uvicorn-wsfsm"],
        "broadcast to 20 connections": all_of_them,
        "connection: open and close": all_of_them,
        "connections a second": all_of_them,
    }
    assert {row: [*cells] for row, cells in written["noise"].items()} == {
        row: [name for name in cells if name != "uvicorn-wsproto"]
        for row, cells in written["ratios"].items()
    }
    assert set(written["floor"]) == set(written["ratios"]) - {"compressed text of 1 KiB, ping-pong"}
    assert {cells["asgi-floor"] for cells in written["floor"].values()} == {1}
    assert markdown(written["ratios"], written["noise"]) in done.stdout


@linux
def test_benchmark_without_a_class_of_uvicorn_names_the_missing_class() -> None:
    done = bench("--only", "picows")

    assert done.returncode == 2
    assert "uvicorn-sansio" in done.stderr.splitlines()[-1]


def test_core_benchmark_measures_the_core_and_its_peers(tmp_path: Path) -> None:
    path = tmp_path / "core.json"
    program = str(BENCHMARKS / "core.py")

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, program, "--rounds", "2", "--json", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert written["about"]["rounds"] == 2
    assert markdown(written["figures"]) in done.stdout
    figures = written["figures"]
    assert list(figures.pop("one step of the machine")) == ["core", "h11"]
    for row in figures.values():
        assert list(row) == ["core", "core and frames", "wsproto", "h11"]
        assert all(figure > 0 for figure in row.values())
