"""The reports of the benchmarks: ratios, noise, growth and tables."""

import runpy
from typing import Any

import pytest
from helpers.asgi import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def report() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARKS / "report.py"))


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / "growth.py"))


def test_ratios_are_relative_to_the_better_of_uvicorns_classes(report: dict[str, Any]) -> None:
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


def test_best_round_is_the_least_one_except_for_a_rate(report: dict[str, Any]) -> None:
    samples = {"a message": {"one": [3.0, 2.0]}, report["RATE"]: {"one": [3.0, 2.0]}}

    assert report["figures"](samples) == {"a message": {"one": 2.0}, report["RATE"]: {"one": 3.0}}


def test_noise_is_that_of_the_ratio_in_each_round(report: dict[str, Any]) -> None:
    samples = {
        # a disturbance that both share does not count
        "shared": {"base": [1.0, 2.0, 3.0], "one": [2.0, 4.0, 6.0]},
        # the ratios are 1, 2, 3, 4 and 5: half of the spread from 2 to 4 is a third of 3
        "own": {"base": [1.0] * 5, "one": [3.0, 1.0, 5.0, 2.0, 4.0]},
        "one round": {"base": [1.0], "one": [2.0]},
        "nothing to compare with": {"one": [2.0, 3.0]},
    }

    assert report["noise"](samples, ["base"]) == {"shared": {"one": 0.0}, "own": {"one": 33.3}}


def test_table_has_the_noise_beside_each_ratio_and_the_columns_that_are_asked_for(
    report: dict[str, Any],
) -> None:
    table = {"row": {"base": 1.0, "one": 0.5}, "other row": {"one": 0.25, "two": 3.0}}

    text = report["markdown"](table, {"row": {"one": 2.6}}, {"base": "Base", "one": "One"})

    assert text.splitlines() == [
        "| | Base | One |",
        "|---|---|---|",
        "| row | 1.00 | 0.50 ±3 % |",
        "| other row |  | 0.25 |",
    ]


@pytest.mark.parametrize("power", [0, 1, 1.5, 2])
def test_exponent_is_the_power_of_the_growth(report: dict[str, Any], power: float) -> None:
    totals = {count: 7 * count**power for count in (10, 100, 1000)}

    assert report["exponent"](totals) == pytest.approx(power)


def test_growth_that_is_in_proportion_is_no_excess(growth: dict[str, Any]) -> None:
    counts = [10, 100, 1000]
    figures = {name: {"uvicorn-wsfsm": 5.0, "other": 6.0} for name in growth["names"](counts)}

    grown = growth["grown"]({**figures, "another row": {"other": 1.0}}, counts)

    assert list(grown) == [*growth["names"](counts), *growth["TOTALS"]]
    for row in growth["TOTALS"]:
        assert grown[row] == {name: pytest.approx(1) for name in ("uvicorn-wsfsm", "other")}
    assert growth["excess"](grown) == []


@pytest.mark.parametrize("ours", [True, False])
def test_only_our_class_must_not_grow_too_fast(growth: dict[str, Any], *, ours: bool) -> None:
    counts = [10, 100, 1000]
    name = "uvicorn-wsfsm" if ours else "other"
    figures = {growth["MESSAGE"].format(count): {name: count**0.25} for count in counts}

    found = growth["excess"](growth["grown"](figures, counts))

    expected = "uvicorn-wsfsm: the exponent of the time of messages is 1.25, the limit is 1.1"
    assert found == [expected] * ours


def test_no_figures_of_growth_are_no_growth(growth: dict[str, Any]) -> None:
    assert growth["grown"]({"another row": {"other": 1.0}}, [10, 100]) == {}
    assert growth["excess"]({}) == []
