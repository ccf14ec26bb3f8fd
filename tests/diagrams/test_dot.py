"""Diagrams in the language of Graphviz."""

import re
from xml.etree import ElementTree as ET

import pytest
from helpers.diagram_tables import LIGHT, ODD, ODDER, STRANGE, coupling, elements, table_of
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.diagrams import (
    DIAGRAMS,
    OCCURRENCE,
    SENT,
    Diagram,
    anchor,
    dot,
    svg,
)
from wsfsm.fsm import Event

# the two that a table refuses
STATES = st.text().filter(lambda name: name not in {"*", "="})


def markup(text: str) -> str:
    """Return the text between its first bracket and the counterpart of that, as DOT reads it."""
    depth, end = 1, 0
    while depth:
        end += 1
        depth += {"<": 1, ">": -1}.get(text[end], 0)
    return text[1:end]


class TestDot:
    @pytest.mark.parametrize(
        ("me", "holds"),
        [
            ("application-CONNECTING", 'class="state initial"'),
            ("application-CONNECTED", 'class="state"'),
            ("application-DISCONNECTED", 'class="state final"'),
            ("application-DISCONNECTED", 'peripheries="2"'),
            ("application:start", 'shape="point"'),
            ("application-CONNECTING-websocket.accept", 'class="sent"'),
            ("application-CONNECTING-websocket.accept", f'color="{SENT.colour}"'),
            ("application-CONNECTED-websocket.send", 'class="sent loop"'),
            ("application-CONNECTED-transport%20lost", "<I>transport lost</I>"),
            ("application-CONNECTED-transport%20lost", f'color="{OCCURRENCE.colour}"'),
            ("application-RESPONSE-websocket.http.response.body%20%5Bmore_body%5D", "<I>[more_"),
        ],
    )
    def test_dot_marks_start_ends_kinds_and_loops(self, me: str, holds: str) -> None:
        [line] = [ln for ln in dot(DIAGRAMS["application"]).splitlines() if f'id="{me}"' in ln]

        assert holds in line

    def test_dot_doubles_only_final_states(self) -> None:
        assert dot(DIAGRAMS["both"]).count("peripheries") == 2

    def test_dot_legend_explains_italics_only_if_they_occur(self) -> None:
        assert "not a literal name" in dot(DIAGRAMS["application"])
        assert "not a literal name" not in dot(DIAGRAMS["client"])

    @pytest.mark.parametrize(
        ("me", "above", "below"),
        [
            ("client:websocket.disconnect:application", "none", "forward"),
            ("application:transport%20lost:client", "back", "none"),
        ],
    )
    def test_dot_draws_couplings_as_dashed_lines_to_the_bound_machine(
        self, me: str, above: str, below: str
    ) -> None:
        drawn = dot(DIAGRAMS["both"])

        [upper] = re.findall(rf'"client-DISCONNECTED" -> "{me}" \[(.*)\];', drawn)
        [lower] = re.findall(rf'"{me}" -> "application:start" \[(.*)\];', drawn)
        for line, direction in ((upper, above), (lower, below)):
            assert f'dir="{direction}"' in line
            assert 'style="dashed"' in line

    @pytest.mark.usefixtures("graphviz")
    def test_dot_escapes_names(self) -> None:
        ties = [
            coupling(),
            coupling(machine=STRANGE.name, event=ODD, still_allows=(), shown_as=ODD),
        ]
        found = elements(svg(Diagram([STRANGE, LIGHT], ties)))

        assert found[anchor(STRANGE.name, ODD)][2] == "".join(ODD.split())
        assert found[anchor(STRANGE.name, ODDER)][2] == r"twolines\t\x00</script>"
        assert found[anchor(STRANGE.name, "")][2] == '""'
        machines, states, rows = 2, 4 + 2, 5 + 1
        assert len(found) == 1 + 3 * machines + states + rows + 3 * len(ties)

    @given(st.text(), STATES, st.text(min_size=1), st.text())
    def test_dot_labels_are_well_formed_for_any_text(
        self, name: str, state: str, event: str, guard: str
    ) -> None:
        drawn = dot(Diagram([table_of(state, Event(event, guard=guard), name)]))

        assert drawn.replace("\n", "").isprintable()
        labels = [markup(rest) for rest in drawn.split(" label=")[1:]]
        assert len(labels) == 5
        for label in labels:
            ET.fromstring(f"<x>{label}</x>")  # noqa: S314 - written by ourselves
