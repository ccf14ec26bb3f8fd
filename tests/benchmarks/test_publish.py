"""docs/speed.md and docs/speed.svg show the results in benchmarks/results."""

import re
import runpy
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from helpers.asgi import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "speed.svg").read_text(encoding="utf-8")
RERUN = "run `make speed`"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return runpy.run_path(str(ROOT / "benchmarks" / "publish.py"))


def test_figures_in_the_docs_are_the_measured_ones(publish: dict[str, Any]) -> None:
    assert publish["page"](SPEED) == SPEED, RERUN


def test_picture_in_the_docs_is_drawn_from_the_measured_figures(publish: dict[str, Any]) -> None:
    assert publish["picture"](publish["read"]("server")[publish["MAIN"]]) == PICTURE, RERUN


def test_docs_have_every_block_once(publish: dict[str, Any]) -> None:
    assert sorted(re.findall(r"<!-- (\w+) -->", SPEED)) == sorted(publish["BLOCKS"])


def test_page_replaces_only_what_is_in_a_block(publish: dict[str, Any]) -> None:
    text = "before\n<!-- core -->\nold\n<!-- end of core -->\nafter\n"

    assert publish["page"](text) == (
        f"before\n<!-- core -->\n\n{publish['core']()}\n\n<!-- end of core -->\nafter\n"
    )


def test_docs_show_the_results_of_every_file(publish: dict[str, Any]) -> None:
    for kind in ("facade", "server"):
        for results in publish["read"](kind).values():
            first = f"{results['about']['python']}, {results['about'].get('loop', 'Starlette')}"
            assert first in SPEED


def drawn(publish: dict[str, Any], ratios: dict[str, dict[str, float]]) -> ET.Element:
    about = {"python": "CPython 3.11.7", "loop": "uvloop", "versions": {"uvicorn": "1.0"}}
    text = publish["picture"]({"about": about, "ratios": ratios})
    root = ET.fromstring(text)  # noqa: S314 - our own
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
    return root


def bars(root: ET.Element, kind: str) -> list[float]:
    found = [float(bar.attrib["width"]) for bar in root.findall(f"rect[@class='{kind}']")]
    return found[:-1]  # the last one is in the legend


def test_picture_has_a_bar_for_each_row_of_our_class(publish: dict[str, Any]) -> None:
    root = drawn(
        publish,
        {
            "fast & small": {"uvicorn-wsfsm": 0.5, "asgi-floor": 0.25},
            "as fast": {"uvicorn-wsfsm": 1.0},
            "slow": {"uvicorn-wsfsm": 1.5, "asgi-floor": 0.5},
            "not measured": {"picows": 1.0},
        },
    )

    fast, as_fast = bars(root, "ahead")
    (slow,) = bars(root, "behind")
    assert fast == pytest.approx(as_fast / 2, abs=0.1)
    assert slow == pytest.approx(as_fast * 1.5, abs=0.1)
    texts = [text.text for text in root.findall("text")]
    assert {"fast & small", "as fast", "slow"} < set(texts)
    assert "not measured" not in texts
    assert {"0.50", "1.00", "1.50"} < set(texts)
    marks = [float(mark.attrib["x1"]) for mark in root.findall("line[@class='floor']")]
    assert len(marks) == 3  # of two rows, and of the legend
    assert marks[0] < marks[1]


def test_picture_turns_the_rate_round_because_a_shorter_bar_is_better(
    publish: dict[str, Any],
) -> None:
    root = drawn(publish, {"connections a second": {"uvicorn-wsfsm": 2.0}})

    assert "connections a second" not in [text.text for text in root.findall("text")]
    (number,) = root.findall("text[@class='number']")
    assert number.text == "0.50"


def test_picture_fits_the_greatest_ratio(publish: dict[str, Any]) -> None:
    root = drawn(publish, {"slow": {"uvicorn-wsfsm": 9.0, "asgi-floor": 12.0}})

    width = float(root.attrib["viewBox"].split()[2])
    assert max(float(line.attrib["x2"]) for line in root.findall("line")) < width
    assert max(bars(root, "behind")) < width


def test_picture_has_colours_for_light_and_for_dark_pages(publish: dict[str, Any]) -> None:
    assert "@media (prefers-color-scheme: dark)" in PICTURE
    light, dark = PICTURE.split("@media", 1)
    for kind in ("ahead", "behind", "paper", "floor"):
        (before,), (after,) = (
            re.findall(rf"\.{kind} {{ (?:fill|stroke): (#\w+)", part) for part in (light, dark)
        )
        assert before != after
