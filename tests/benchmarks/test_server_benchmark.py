"""The benchmark of servers measures what it says."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.asgi import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

BENCHMARKS = ROOT / "benchmarks"
ECHOES = {
    "text of 64 B, 64 in flight",
    "text of 64 B, ping-pong",
    "binary of 4 KiB, 8 in flight",
    "binary of 1 MiB, 2 in flight",
}
CONNECTIONS = {"connection: open and close", "connections a second"}
MEMORY = {"memory, 100 idle connections", "memory, 500 idle connections"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


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
    assert set(written) == {"about", "ratios", "figures"}
    assert written["about"]["loop"] == "asyncio"
    assert written["about"]["rounds"] == 1
    assert {"uvicorn", "websockets"} <= set(written["about"]["versions"])
    assert set(written["figures"]) == ECHOES | CONNECTIONS | MEMORY
    assert written["ratios"] == {row: {"uvicorn-sansio": 1} for row in written["figures"]}
    figures = {row: cells["uvicorn-sansio"] for row, cells in written["figures"].items()}
    assert all(figure > 0 for figure in figures.values())
    # a mebibyte is unmasked and copied: it cannot cost less than 64 bytes
    assert figures["binary of 1 MiB, 2 in flight"] > figures["text of 64 B, 64 in flight"]
    report = runpy.run_path(str(BENCHMARKS / "server_report.py"))
    assert report["markdown"](written["ratios"]) in done.stdout


@linux
def test_benchmark_without_a_class_of_uvicorn_names_the_missing_class() -> None:
    done = bench("--only", "picows")

    assert done.returncode == 2
    assert "uvicorn-sansio" in done.stderr.splitlines()[-1]


def test_ratios_are_relative_to_the_better_of_uvicorns_classes() -> None:
    report = runpy.run_path(str(BENCHMARKS / "server_report.py"))
    figures = {
        "memory": {"uvicorn-sansio": 20.0, "uvicorn-wsproto": 10.0, "other": 5.0},
        report["RATE"]: {"uvicorn-sansio": 200.0, "uvicorn-wsproto": 100.0, "other": 400.0},
        "nothing to compare with": {"other": 1.0},
    }

    table = report["ratios"](figures)

    assert table == {
        "memory": {"uvicorn-sansio": 2.0, "uvicorn-wsproto": 1.0, "other": 0.5},
        report["RATE"]: {"uvicorn-sansio": 1.0, "uvicorn-wsproto": 0.5, "other": 2.0},
    }
    assert report["markdown"](table).splitlines() == [
        "| | uvicorn-sansio | uvicorn-wsproto | other |",
        "|---|---|---|---|",
        "| memory | 2.00 | 1.00 | 0.50 |",
        "| connections a second | 1.00 | 0.50 | 2.00 |",
    ]


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
    report = runpy.run_path(str(BENCHMARKS / "server_report.py"))
    assert report["markdown"](written["figures"]) in done.stdout
    figures = written["figures"]
    assert list(figures.pop("one step of the machine")) == ["core", "h11"]
    for row in figures.values():
        assert list(row) == ["core", "core and frames", "wsproto", "h11"]
        assert all(figure > 0 for figure in row.values())
