"""Diagrams that show only what can happen in a state."""

import re
from typing import Any

import pytest
from helpers.traffic_light import LIGHT

from wsfsm.diagrams import (
    DIAGRAMS,
    Diagram,
    dot,
    markdown,
    mermaid,
    moves_of,
    plantuml,
    scxml,
    xstate,
)
from wsfsm.tables import ServerState


@pytest.fixture
def green() -> Diagram:
    return moves_of(Diagram([LIGHT]), "GREEN")


def test_other_states_are_only_where_the_rows_lead(green: Diagram) -> None:
    final = moves_of(Diagram([LIGHT]), "OFF")

    assert [state.name for state in green.states(LIGHT.table)] == ["RED", "GREEN", "OFF"]
    assert [state.name for state in final.states(LIGHT.table)] == ["OFF"]
    assert [str(row.event) for row in green.rows(LIGHT.table)] == [
        "tick",
        "timer",
        "switch [fault]",
    ]
    assert final.rows(LIGHT.table) == ()


@pytest.mark.parametrize("draw", [dot, mermaid, plantuml])
def test_pictures_show_the_rows_of_the_state(draw: Any) -> None:
    red = draw(moves_of(Diagram([LIGHT]), "RED"))
    off = draw(moves_of(Diagram([LIGHT]), "OFF"))

    assert "timer" in red
    assert "tick" not in red
    assert "RED" not in off
    assert "timer" not in off


@pytest.mark.parametrize(("state", "starts", "ends"), [("RED", 1, 1), ("OFF", 0, 1)])
@pytest.mark.parametrize(
    ("draw", "start", "end"),
    [
        (mermaid, r"\[\*\] -->", r"--> \[\*\]"),
        (plantuml, r"\[\*\] -->", r"--> \[\*\]"),
        (dot, "light:start:arrow", "peripheries"),
    ],
)
def test_marks_are_those_of_the_states_that_are_shown(  # noqa: PLR0917 - they are parameters
    draw: Any, start: str, end: str, state: str, starts: int, ends: int
) -> None:
    drawn = draw(moves_of(Diagram([LIGHT]), state))

    assert len(re.findall(start, drawn)) == starts
    assert len(re.findall(end, drawn)) == ends


@pytest.mark.parametrize(
    ("state", "explained", "not_explained"),
    [
        ("RED", ("initial state", "final state", "events that are not messages"), ()),
        ("OFF", ("final state",), ("initial state", "events that are not messages")),
    ],
)
def test_legend_explains_only_the_marks_that_are_shown(
    state: str, explained: tuple[str, ...], not_explained: tuple[str, ...]
) -> None:
    drawn = dot(moves_of(Diagram([LIGHT]), state))

    assert all(text in drawn for text in explained)
    assert not any(text in drawn for text in not_explained)


def test_chosen_state_has_a_bold_frame_in_dot(green: Diagram) -> None:
    bold = [line for line in dot(green).splitlines() if "penwidth" in line and "state" in line]

    assert len(bold) == 1
    assert 'id="light-GREEN"' in bold[0]


def test_markdown_lists_each_event_in_the_state(green: Diagram) -> None:
    written = re.sub(" +", " ", markdown(green))

    assert "Only the state `GREEN` is shown.\n" in written
    assert "| event | next state |\n" in written
    assert "| *timer* | `RED` |\n" in written
    assert "| `switch` | - |\n" in written


def test_markdown_of_a_state_has_notes_and_outputs() -> None:
    opened = markdown(moves_of(DIAGRAMS["server"], ServerState.OPEN.name))

    assert re.search(r"\| event +\| next state +\| outputs +\| note +\|", opened)
    assert re.search(r"\| `websocket.send` +\| `OPEN` +\| send data +\|", opened)


@pytest.mark.parametrize("write", [scxml, xstate])
def test_descriptions_for_other_tools_have_the_whole_machine(write: Any, green: Diagram) -> None:
    assert write(green) == write(Diagram([LIGHT]))


def test_machines_without_the_state_and_couplings_are_left_out() -> None:
    both = moves_of(DIAGRAMS["both"], "CONNECTED")
    one = moves_of(DIAGRAMS["both"], "RESPONSE")

    assert [table.name for table in both.tables] == ["client", "application"]
    assert [table.name for table in one.tables] == ["application"]
    assert both.couplings == one.couplings == ()


def test_unknown_state_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"^there is no state 'BLUE'; light has RED, GREEN, OFF$"):
        moves_of(Diagram([LIGHT]), "BLUE")
    with pytest.raises(ValueError, match=r"^light has no state 'BLUE'; it has RED, GREEN, OFF$"):
        Diagram([LIGHT], state="BLUE")
