"""Diagrams of machines that give something out, and of those that have too many rows."""

import re
from enum import Enum
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest

from wsfsm.diagrams import DIAGRAMS, Diagram, dot, markdown, mermaid
from wsfsm.diagrams._model import PLAIN
from wsfsm.fsm import Event, Row, Table
from wsfsm.tables import SERVER


class Noise(Enum):
    BANG = "a bang"


DOOR = Table(
    name="door",
    states=("open", "shut", "gone"),
    initial="open",
    final=("gone",),
    rows=(
        Row("open", "push", "shut", "a note", (Noise.BANG, "lock|ed")),
        Row("shut", Event("turn", guard="left"), "gone"),
        Row("shut", Event("turn", guard="right"), "gone", outputs=("creak",)),
        Row("shut", Event("knock", guard="loud"), "shut"),
        Row("shut", Event("knock", guard="soft"), "gone"),
        Row("shut", Event("look", is_message=False), "shut", outputs=("wink",)),
    ),
)
ALL = Diagram([DOOR])
GATHERED = attrs.evolve(ALL, merge_edges=True)


def _shown(rows: list[Row[str]]) -> list[str]:
    """The events of a picture with merged edges that lead from state a to state b."""
    diagram = Diagram([Table("till", ("a", "b"), "a", ("b",), tuple(rows))], merge_edges=True)
    arrow = diagram.arrows(diagram.tables[0])["a", "b"]
    return [PLAIN.row(diagram, row) for row in diagram.shown(diagram.tables[0], arrow)]


class TestOutputs:
    def test_outputs_follow_their_event(self) -> None:
        assert "push&#160;<BR" in dot(ALL)
        assert "&#160;/ a bang, lock|ed&#160;" in dot(ALL)
        assert " : push<br/>#47; a bang, lock#124;ed\n" in mermaid(ALL)
        assert "<i>look</i><br/>#47; wink\n" in mermaid(ALL)

    def test_pictures_leave_outputs_out_on_request(self) -> None:
        without = attrs.evolve(ALL, outputs=False)

        assert "creak" not in dot(without) + mermaid(without)
        assert "creak" in markdown(without)

    def test_markdown_has_a_column_of_outputs(self) -> None:
        drawn = markdown(ALL)

        assert re.search(
            r"^\| state +\| event +\| next state +\| outputs +\| note", drawn, re.MULTILINE
        )
        assert re.search(r"`push` +\| `shut` +\| a bang, lock\\\|ed +\| a note \|", drawn)

    def test_markdown_without_outputs_has_no_column_of_outputs(self) -> None:
        assert "| outputs" not in markdown(DIAGRAMS["both"])


class TestMergedEdges:
    def test_edges_between_two_states_are_merged_into_one_arrow(self) -> None:
        drawn = dot(GATHERED)

        assert re.findall(r'"(door-\w+)" -> "(door-\w+)"', drawn) == [
            ("door-open", "door-shut"),
            ("door-shut", "door-gone"),
        ]
        assert 'id="door-shut:gone", class="event"' in drawn

    def test_merged_events_are_shown_without_guards_that_make_no_difference(self) -> None:
        picture = attrs.evolve(GATHERED, outputs=False)

        assert "--> m0s2 : turn<br/>knock<br/><i>#91;soft#93;</i>\n" in mermaid(picture)
        shown = re.findall(r"&#160;(.*?)&#160;</FONT>", dot(picture))
        assert sorted(shown) == [
            "<I>look</I>", "knock&#160;<I>[loud]</I>", "knock&#160;<I>[soft]</I>", "push", "turn",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("rows", "shown"),
        [
            ([Event("pay", guard="enough")], ["pay [enough]"]),
            ([Event("pay", guard="a"), Event("pay", guard="b")], ["pay"]),
            ([Event("pay", guard="a"), "pay"], ["pay"]),
            ([Event("pay", guard="a"), Event("look", guard="b")], ["pay [a]", "look [b]"]),
            (
                [Event("pay", guard="a"), Event("pay", guard="b", is_message=False)],
                ["pay [a]", "pay [b]"],
            ),
        ],
    )
    def test_guard_stays_unless_each_guard_of_its_event_has_the_same_effect(
        self, rows: list[Any], shown: list[str]
    ) -> None:
        assert _shown([Row("a", event, "b") for event in rows]) == shown

    def test_guard_stays_if_the_outputs_differ_or_a_state_lacks_another_guard(self) -> None:
        a, b = Event("pay", guard="a"), Event("pay", guard="b")

        assert _shown([Row("a", a, "b"), Row("a", b, "b", outputs=("coin",))]) == [
            "pay [a]", "pay [b] / coin",
        ]  # fmt: skip
        assert _shown([Row("a", a, "b", outputs=("x",)), Row("a", b, "b", outputs=("x",))]) == [
            "pay / x"
        ]
        assert _shown([Row("a", a, "b"), Row("b", b, "b")]) == ["pay [a]"]
        assert _shown([Row("a", a, "b"), Row("b", "pay", "b")]) == ["pay [a]"]

    def test_events_that_do_not_change_a_state_are_listed_inside_it(self) -> None:
        label = re.search(r'"door-shut" \[.*label=<(.*)>\];', dot(GATHERED))

        assert label
        text = "".join(ET.fromstring(f"<x>{label[1]}</x>").itertext())  # noqa: S314 - our own
        assert text.startswith("shut\xa0knock\xa0[loud]\xa0")
        # browsers would ignore an ordinary space between what is italic and what is not
        assert "look\xa0/ wink" in text

    def test_server_diagram_has_every_event_and_row(self) -> None:
        picture = DIAGRAMS["server"]
        lines = "".join(re.findall(r"label=<.*>", dot(picture)))

        for event in SERVER.table.events:
            assert (event if isinstance(event, str) else event.name) in lines
        for row in SERVER.table.rows:
            assert f'"server-{row.source.name}"' in dot(picture)
