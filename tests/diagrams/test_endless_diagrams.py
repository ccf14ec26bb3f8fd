"""Diagrams of machines that run for ever."""

import attrs
import pytest
from helpers.diagram_tables import elements
from helpers.traffic_light import LIGHT

from wsfsm.diagrams import DIAGRAMS, Diagram, dot, markdown, mermaid, svg
from wsfsm.fsm import Coupling, Row, Table

BLINKER = Table(
    name="blinker",
    states=("on", "off"),
    initial="on",
    final=(),
    rows=(Row("on", "blink", "off"), Row("off", "blink", "on")),
    endless=True,
)


def test_markdown_says_that_an_endless_machine_runs_for_ever() -> None:
    assert "It starts in `on` and runs for ever.\n" in markdown(Diagram([BLINKER]))


@pytest.mark.parametrize("merge_edges", [False, True])
def test_mermaid_has_no_arrow_to_an_end(merge_edges: bool) -> None:
    drawn = mermaid(Diagram([BLINKER], merge_edges=merge_edges))

    assert drawn.count("[*]") == 1
    assert "[*] --> m0s0\n" in drawn


@pytest.mark.parametrize("merge_edges", [False, True])
def test_dot_explains_final_states_only_if_a_machine_has_one(merge_edges: bool) -> None:
    endless = Diagram([BLINKER], merge_edges=merge_edges)

    assert "peripheries" not in dot(endless)
    assert "final state" not in dot(endless)
    assert "initial state" in dot(endless)
    assert "final state" in dot(Diagram([BLINKER, LIGHT]))


@pytest.mark.usefixtures("graphviz")
def test_svg_of_endless_machines_with_a_coupling_has_its_lines() -> None:
    tie: Coupling[str] = Coupling("blinker", "blink", "light", ("switch",), True, None)
    back = attrs.evolve(tie, machine="light", target="blinker", event="switch", still_allows=())
    drawn = elements(svg(Diagram([BLINKER, LIGHT], [tie, back])))

    assert {"blinker:blink:light:from", "light:switch:blinker:to"} <= drawn.keys()


def test_diagrams_of_wsfsm_end() -> None:
    assert all(table.final for diagram in DIAGRAMS.values() for table in diagram.tables)
