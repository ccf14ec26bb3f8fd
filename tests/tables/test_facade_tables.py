"""The tables against their specifications, both ways, and against every mutant."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from helpers.asgi import Cells, spec, spec_cells

from wsfsm.exceptions import MalformedMessage
from wsfsm.fsm import AnyEvent, Coupling, Event, Machine, Row
from wsfsm.tables import (
    AFTER_DISCONNECT,
    AFTER_READ_AHEAD,
    AFTER_TRANSPORT_LOSS,
    APPLICATION,
    CLIENT,
    event_of,
)
from wsfsm.tables.events import BODY_LAST, BODY_MORE, LOST, READ_AHEAD
from wsfsm.tables.states import WebSocketState

pytestmark = pytest.mark.unmeasured

MACHINES = {machine.name: machine for machine in (CLIENT, APPLICATION)}
COUPLINGS = {
    "after_disconnect": AFTER_DISCONNECT,
    "after_transport_loss": AFTER_TRANSPORT_LOSS,
    "after_read_ahead": AFTER_READ_AHEAD,
}
SECTIONS = {
    "Connect",
    "Accept",
    "Receive",
    "Send",
    "Disconnect",
    "Disconnected Client",
    "Close",
    "Websocket Denial Response",
    "Response Start",
    "Response Body",
}

Rows = Sequence[Row[WebSocketState]]


def specified(name: str) -> Cells:
    text = spec(name)
    return spec_cells({state: text[state] for state in text["states"]})


def declared(machine: Machine[WebSocketState], rows: Rows) -> Cells:
    """The matrix of some rows, over the states and events of a machine."""
    cells: Cells = {
        (state.name, str(event)): None
        for state in machine.table.states
        for event in machine.table.events
    }
    return cells | {(r.source.name, str(r.event)): r.target.name for r in rows}


def mutants(machine: Machine[WebSocketState]) -> Iterator[tuple[str, Rows]]:
    """Every table that differs from the machine's in a single row."""
    rows = machine.table.rows
    for i, row in enumerate(rows):
        yield f"without {row}", (*rows[:i], *rows[i + 1 :])
        for state in machine.table.states:
            if state is not row.target:
                changed = Row(row.source, row.event, state)
                yield f"{row} becomes {changed}", (*rows[:i], changed, *rows[i + 1 :])
    for (source, event), after in machine.table.matrix().items():
        if after is None:
            for state in machine.table.states:
                yield f"with {Row(source, event, state)}", (*rows, Row(source, event, state))


MUTANTS = [
    pytest.param(machine, rows, id=f"{machine.name}: {text}")
    for machine in MACHINES.values()
    for text, rows in mutants(machine)
]


@pytest.mark.parametrize("name", MACHINES)
class TestAgainstTheSpecification:
    def test_every_cell_agrees_with_the_specification_both_ways(self, name: str) -> None:
        assert declared(MACHINES[name], MACHINES[name].table.rows) == specified(name)

    def test_specification_has_every_cell(self, name: str) -> None:
        text = spec(name)

        assert set(specified(name)) == {(s, e) for s in text["states"] for e in text["events"]}

    def test_specification_has_nothing_but_machine_events_and_cells(self, name: str) -> None:
        text = spec(name)
        rest = set(text) - set(text["states"])

        assert rest == {"machine", "states", "initial", "final", "events"}

    def test_name_states_initial_and_final_agree_with_the_specification(self, name: str) -> None:
        text, table = spec(name), MACHINES[name].table

        assert table.name == text["machine"]
        assert [state.name for state in table.states] == text["states"]
        assert table.initial.name == text["initial"]
        assert [state.name for state in table.final] == text["final"]

    def test_compiled_rows_agree_with_the_table(self, name: str) -> None:
        machine = MACHINES[name]
        compiled = {
            (state.name, str(event)): after.state.name if (after := node.moves.get(event)) else None
            for state, node in machine.nodes.items()
            for event in machine.table.events
        }

        assert compiled == specified(name)

    def test_transitions_machine_agrees_with_the_specification(self, name: str) -> None:
        machine = MACHINES[name].transitions
        cells: Cells = dict.fromkeys(specified(name))
        for trigger in machine.events:
            for transition in machine.get_transitions(trigger):
                guards = [str(condition.func) for condition in transition.conditions]
                event = str(Event(trigger, guard="".join(guards)))
                cells[transition.source, event] = transition.dest or transition.source

        assert cells == specified(name)

    def test_every_cell_cites_a_section(self, name: str) -> None:
        text = spec(name)

        for state in text["states"]:
            for event, cell in text[state].items():
                assert cell["section"] in SECTIONS, (state, event)
                assert ("next" in cell) != (cell.get("refused") is True), (state, event)

    def test_every_row_notes_the_section_cited_in_the_specification(self, name: str) -> None:
        text = spec(name)

        for row in MACHINES[name].table.rows:
            assert text[row.source.name][str(row.event)]["section"] in row.note


@pytest.mark.parametrize(("machine", "rows"), MUTANTS)
def test_comparison_with_the_specification_notices_the_mutant(
    machine: Machine[WebSocketState], rows: Rows
) -> None:
    assert declared(machine, rows) != specified(machine.name)


def test_mutants_cover_every_change_of_a_single_row() -> None:
    for machine in MACHINES.values():
        states, rows = len(machine.table.states), len(machine.table.rows)
        refused = states * len(machine.table.events) - rows

        assert len(list(mutants(machine))) == rows + rows * (states - 1) + refused * states


@pytest.mark.parametrize("name", COUPLINGS)
class TestCouplings:
    def bound(self, name: str) -> tuple[Coupling[WebSocketState], dict[str, Any], Any]:
        coupling = COUPLINGS[name]
        return coupling, spec("couplings")[name], MACHINES[coupling.target].after(coupling)

    def test_every_coupled_cell_agrees_with_the_specification_both_ways(self, name: str) -> None:
        coupling, text, swap = self.bound(name)
        machine = MACHINES[coupling.target]
        names = {swap[node]: state.name for state, node in machine.nodes.items()}
        states = {state.name: text[state.name] for state in machine.table.states}
        cells = {
            (state.name, str(event)): names.get(swap[node].moves.get(event))
            for state, node in machine.nodes.items()
            for event in machine.table.events
        }

        assert cells == spec_cells(states)

    def test_target_state_shown_and_forwarding_agree_with_the_specification(
        self, name: str
    ) -> None:
        coupling, text, swap = self.bound(name)

        assert coupling.machine == text["machine"]
        assert str(coupling.event) == text["event"]
        assert coupling.target == text["target"]
        for state, node in MACHINES[coupling.target].nodes.items():
            assert swap[node].state.name == text.get("shown_as", state.name)
            assert swap[node].forwards is text["forwards"]

    def test_event_of_the_coupling_is_in_its_machine(self, name: str) -> None:
        coupling = COUPLINGS[name]

        if coupling.event is READ_AHEAD:  # of the reader, which is not a machine
            assert coupling.machine not in MACHINES
        else:
            assert coupling.event in MACHINES[coupling.machine].table.events

    def test_specification_has_no_other_coupling(self, name: str) -> None:
        assert name in spec("couplings").keys() == COUPLINGS.keys()

    def test_coupling_allows_nothing_that_its_machine_refuses(self, name: str) -> None:
        coupling, _, swap = self.bound(name)

        for node in MACHINES[coupling.target].nodes.values():
            assert set(swap[node].moves) <= set(node.moves)


class TestEvents:
    @pytest.mark.parametrize(
        ("message", "event"),
        [
            ({"type": "websocket.send", "text": "x"}, "websocket.send"),
            ({"type": "websocket.http.response.body"}, BODY_LAST),
            ({"type": "websocket.http.response.body", "more_body": False}, BODY_LAST),
            ({"type": "websocket.http.response.body", "more_body": None}, BODY_LAST),
            ({"type": "websocket.http.response.body", "more_body": True}, BODY_MORE),
            ({"type": "no.such.message"}, "no.such.message"),
            ({"type": "transport lost"}, "transport lost"),
        ],
    )
    def test_message_is_classified_as_an_event(
        self, message: dict[str, Any], event: AnyEvent
    ) -> None:
        assert event_of(message) == event

    def test_transport_loss_is_not_a_message_that_can_be_sent(self) -> None:
        connected = APPLICATION.nodes[WebSocketState.CONNECTED]
        assert event_of({"type": str(LOST)}) not in connected.moves
        assert LOST in connected.moves
        assert str(LOST) not in connected.allowed

    @pytest.mark.parametrize(
        "junk", [{}, {"type": None}, {"type": 5}, {"type": ["websocket.send"]}, None, "text", 5]
    )
    def test_value_that_is_not_a_message_is_refused(self, junk: Any) -> None:
        with pytest.raises(MalformedMessage, match="a str as its 'type'") as caught:
            event_of(junk)

        assert caught.value.key == "type"
        assert caught.value.message is junk


def test_data_is_allowed_only_in_the_connected_state() -> None:
    passing = [node for node in APPLICATION.nodes.values() if "websocket.send" in node.moves]

    assert passing == [APPLICATION.nodes[WebSocketState.CONNECTED]]
