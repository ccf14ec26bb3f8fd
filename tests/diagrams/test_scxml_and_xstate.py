"""SCXML and the JSON of XState: each has every cell of the machine, as their readers read it."""

import json
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from helpers.diagram_tables import ODD, ODDER, STRANGE
from helpers.read_back import SCXML, Scxml, XState, parts
from helpers.traffic_light import LIGHT
from hypothesis import given
from hypothesis import strategies as st
from statemachine.io.scxml.processor import SCXMLProcessor

from wsfsm.diagrams import DIAGRAMS, Diagram, scxml, xstate
from wsfsm.diagrams._model import name_of, output_name
from wsfsm.diagrams._scxml import _EVENT, _PART, _STATE
from wsfsm.fsm import Event, Row, Table
from wsfsm.fsm._codes import decoded, encoded
from wsfsm.tables import APPLICATION, CLIENT, SERVER

# "a" is also the name to which SCXML would match "a.b" and "a.b.c"
PREFIXES = Table(
    name="prefixes",
    states=("a", "a.b", ".", "_x0041_", "#", "1", "end"),
    initial="a",
    final=("end",),
    rows=(
        Row("a", "a", "a.b", "a note", ("first", 'a "quoted" one')),
        Row("a", "a.b.c", "a"),
        Row("a", "*", "."),
        Row("a.b", "a", "."),
        Row("a.b", Event("a.b", guard="one"), "a"),
        Row("a.b", Event("a.b", guard="two"), "a.b"),
        Row("a.b", "a.*", "_x0041_"),
        Row("_x0041_", "a.b", "#"),
        Row("_x0041_", "..a", "_x0041_"),
        Row(".", "a.", "#"),
        Row("#", "_x_", "1"),
        Row("1", "*", "end"),
        Row("end", "*", "end"),
    ),
)
BLINKER = Table(
    "blinker", ("on", "off"), "on", (), (Row("on", "b", "off"), Row("off", "b", "on")), endless=True
)
TABLES = [
    CLIENT.table, APPLICATION.table, SERVER.table, LIGHT.table, STRANGE, PREFIXES, BLINKER
]  # fmt: skip
IDS = ["client", "application", "server", "light", "strange", "prefixes", "blinker"]

every_table = pytest.mark.parametrize("table", TABLES, ids=IDS)


def cells(table: Table[Any]) -> list[tuple[Any, Any, str | None, list[str]]]:
    """State, event, name of the target or None, and outputs, for each cell."""
    outputs = {(row.source, row.event): row.outputs for row in table.rows}
    return [
        (
            state,
            event,
            None if target is None else name_of(target),
            [*map(output_name, outputs.get((state, event), ()))],
        )
        for (state, event), target in table.matrix().items()
    ]


class TestScxml:
    @every_table
    def test_scxml_has_every_cell_of_the_machine(self, table: Table[Any]) -> None:
        document = Scxml(scxml(Diagram([table])))

        assert document.root.tag == f"{SCXML}scxml"
        assert decoded(document.root.attrib["initial"]) == name_of(table.initial)
        assert [*map(decoded, document.states)] == [*map(name_of, table.states)]
        for state, event, target, outputs in cells(table):
            name, guard = parts(event)
            found = document.after(encoded(name_of(state), _STATE), encoded(name, _EVENT), guard)
            after = None if found[0] is None else decoded(found[0])
            assert (after, found[1]) == (target, outputs), (state, event)

    @pytest.mark.long
    @every_table
    def test_interpreter_of_scxml_keeps_step_with_the_machine_in_every_cell(
        self, table: Table[Any]
    ) -> None:
        names = {encoded(name_of(state), _STATE): state for state in table.states}
        ways: dict[Any, tuple[Any, ...]] = {table.initial: ()}
        ahead = [table.initial]
        while ahead:
            here = ahead.pop(0)
            for row in table.rows:
                if row.source == here and row.target not in ways:
                    ways[row.target] = (*ways[here], row.event)
                    ahead.append(row.target)
        interpreter: Any = SCXMLProcessor()
        interpreter.parse_scxml("machine", scxml(Diagram([table])))
        assert set(ways) == set(table.states)

        def state_after(events: tuple[Any, ...]) -> Any:
            run = interpreter.start()
            for name, guard in map(parts, events):
                run.send(encoded(name, _EVENT), guard=guard)
            (state,) = run.configuration
            return names[state.id]

        for (state, event), target in table.matrix().items():
            if state not in table.final:  # an interpreter stops in a final state
                after = state if target is None else target
                assert state_after((*ways[state], event)) == after, (state, event)

    @pytest.mark.parametrize("table", [APPLICATION.table, LIGHT.table, BLINKER])
    def test_interpreter_of_scxml_takes_every_path_up_to_a_length(self, table: Table[Any]) -> None:
        interpreter: Any = SCXMLProcessor()
        interpreter.parse_scxml("machine", scxml(Diagram([table])))

        for path in table.paths(5):
            run = interpreter.start()
            for row in path:
                name, guard = parts(row.event)
                run.send(encoded(name, _EVENT), guard=guard)
                assert [state.id for state in run.configuration] == [name_of(row.target)]

    def test_several_machines_run_side_by_side(self) -> None:
        interpreter: Any = SCXMLProcessor()
        interpreter.parse_scxml("both", scxml(DIAGRAMS["both"]))
        run = interpreter.start()

        def inside() -> set[str]:
            return {state.id for state in run.configuration if "." in state.id}

        assert inside() == {"client.CONNECTING", "application.CONNECTING"}
        run.send("websocket.connect")
        run.send("websocket.accept")
        assert inside() == {"client.CONNECTED", "application.CONNECTED"}
        run.send("transport_x0020_lost")
        assert inside() == {"client.CONNECTED", "application.DISCONNECTED"}

    def test_several_machines_have_ids_that_begin_with_their_machine(self) -> None:
        dotted = attrs.evolve(LIGHT.table, name="a.b")
        document = Scxml(scxml(Diagram([PREFIXES, dotted])))

        assert {
            "prefixes",
            "prefixes.a",
            "prefixes.a_x002E_b",
            "a_x002E_b.RED",
        } <= document.states.keys()
        assert document.after("a_x002E_b.RED", "timer", "") == ("a_x002E_b.GREEN", [])
        regions = document.root.findall(f"{SCXML}parallel/{SCXML}state")
        assert [region.attrib["initial"] for region in regions] == ["prefixes.a", "a_x002E_b.RED"]

    def test_final_states_are_final_elements_unless_they_allow_events(self) -> None:
        assert Scxml(scxml(Diagram([LIGHT]))).states["OFF"].tag == f"{SCXML}final"
        assert Scxml(scxml(Diagram([PREFIXES]))).states["end"].tag == f"{SCXML}state"

    def test_couplings_are_comments(self) -> None:
        drawn = scxml(DIAGRAMS["both"])

        assert drawn.count("<!-- after ") == 2
        assert "<!-- after transport lost, client shows DISCONNECTED -->" in drawn

    def test_coupling_of_any_name_is_a_well_formed_comment(self) -> None:
        for name in ["a--b", "-", "--", "---", ODDER, "\ud800"]:
            table = Table(name, ("a", "b"), "a", ("b",), (Row("a", name, "b"),))
            tie = attrs.evolve(DIAGRAMS["both"].couplings[0], machine=name, event=name, target=name)
            drawn = scxml(Diagram([table], [attrs.evolve(tie, still_allows=())]))

            assert len(ET.fromstring(drawn.encode())) == 2  # noqa: S314 - our own
            assert drawn.count("<!-- ") == 1

    @given(st.text(), st.text(min_size=1), st.text())
    def test_scxml_is_well_formed_for_any_text(self, state: str, event: str, guard: str) -> None:
        end = f"end of {state}"
        state = {"*": "+", "=": "-"}.get(state, state)  # which a table refuses
        row = Row(state, Event(event, guard=guard), end, "a note", (guard,))
        document = Scxml(scxml(Diagram([Table(state, (state, end), state, (end,), (row,))])))

        found = document.after(encoded(state, _STATE), encoded(event, _EVENT), guard)
        assert found == (encoded(end, _STATE), [guard])


class TestXState:
    @every_table
    def test_xstate_has_every_cell_of_the_machine(self, table: Table[Any]) -> None:
        machine = XState(json.loads(xstate(Diagram([table]))))
        guards: dict[str, list[str]] = {}
        for name, guard in map(parts, table.events):
            guards.setdefault(name, []).extend([guard] * bool(guard))

        assert [*map(decoded, machine.states)] == [*map(name_of, table.states)]
        assert decoded(machine.initial) == name_of(table.initial)
        for state, event, target, outputs in cells(table):
            name, guard = parts(event)
            holds = guard or (f"not ({' or '.join(guards[name])})" if guards[name] else None)
            found = machine.after(encoded(name_of(state), "^#"), encoded(name, "[*]$"), holds)
            after = None if found[0] is None else decoded(found[0])
            assert (after, found[1]) == (target, outputs), (state, event)

    def test_final_states_are_final_unless_they_allow_events(self) -> None:
        light, prefixes = (json.loads(xstate(Diagram([table]))) for table in (LIGHT, PREFIXES))

        assert light["states"]["OFF"] == {"type": "final"}
        assert "type" not in prefixes["states"]["end"]

    def test_notes_are_descriptions(self) -> None:
        light = json.loads(xstate(Diagram([LIGHT])))

        (timer,) = light["states"]["RED"]["on"]["timer"]
        assert timer == {"target": "GREEN", "description": "it turns green by itself"}
        assert light["states"]["GREEN"]["on"]["tick"] == [{"target": "GREEN"}]

    def test_several_machines_are_regions_and_couplings_a_description(self) -> None:
        both = json.loads(xstate(DIAGRAMS["both"]))

        assert (both["id"], both["type"]) == ("client+application", "parallel")
        assert [*both["states"]] == ["client", "application"]
        assert both["description"].endswith("; after transport lost, client shows DISCONNECTED")
        assert "description" not in json.loads(xstate(DIAGRAMS["client"]))
        client = XState(both["states"]["client"])
        assert client.after("CONNECTING", "websocket.connect", None) == ("CONNECTED", [])


class TestCodes:
    @pytest.mark.parametrize("forbidden", [_STATE, _PART, _EVENT, "^#", "[*]$"])
    @given(name=st.text() | st.text(alphabet="_x04AF#*. "))
    def test_every_name_can_be_decoded(self, forbidden: str, name: str) -> None:
        code = encoded(name, forbidden)

        assert decoded(code) == name
        assert code
        assert not re.search(forbidden, code)

    def test_usual_names_are_their_own_codes(self) -> None:
        for name in ("CONNECTED", "websocket.http.response.start", "more_body", "a-b", "_x", "x_y"):
            assert encoded(name, _STATE) == encoded(name, _EVENT) == name

    def test_different_names_have_different_codes(self) -> None:
        names = ["", "_x_", "_x:", "_x005F_x_", "*", "_x002A_", ODD, ODDER, "a b", "a_x0020_b"]
        codes = sorted(encoded(name, _STATE) for name in names)

        assert all(one != other for one, other in pairwise(codes))
