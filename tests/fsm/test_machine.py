"""The engine: what a declaration refuses, and what a compiled machine does."""

import itertools
import pickle
from enum import Enum, StrEnum
from typing import Any, cast

import attrs
import pytest
import transitions
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.exceptions import (
    BadCoupling,
    DeadEnd,
    DuplicateRow,
    IllegalTransition,
    TableError,
    TransitionFromFinalState,
    UnknownState,
    UnreachableState,
)
from wsfsm.fsm import Coupling, Event, Machine, Row, Table


class Light(Enum):
    RED = 1
    GREEN = 2
    OFF = 3


class Push(StrEnum):
    OPEN = "open"


TIMER = Event("timer", is_message=False)
FAULT = Event("switch", guard="fault")

LIGHT = Machine(
    Table(
        name="light",
        states=(Light.RED, Light.GREEN, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(
            Row(Light.RED, TIMER, Light.GREEN, "it turns green by itself"),
            Row(Light.RED, "switch", Light.OFF),
            Row(Light.GREEN, "tick", Light.GREEN),
            Row(Light.GREEN, TIMER, Light.RED),
            Row(Light.GREEN, FAULT, Light.OFF),
        ),
    )
)


def table(**changes: Any) -> Table[str]:
    """A small valid table with changes."""
    parts: dict[str, Any] = {
        "name": "door",
        "states": ("open", "shut", "gone"),
        "initial": "open",
        "final": ("gone",),
        "rows": (Row("open", "push", "shut"), Row("shut", "remove", "gone")),
    }
    return Table(**(parts | changes))


ROWS = table().rows

REFUSED_DECLARATIONS = [
    ("unknown initial", {"initial": "ajar"}, UnknownState, ["initial", "'ajar'"]),
    ("unknown final", {"final": ("gone", "ajar")}, UnknownState, ["final", "'ajar'"]),
    (
        "unknown source",
        {"rows": (*ROWS, Row("ajar", "push", "shut"))},
        UnknownState,
        ["source 'ajar'", "ajar --push--> shut", "open, shut, gone"],
    ),
    (
        "unknown target",
        {"rows": (*ROWS, Row("shut", "pull", "ajar"))},
        UnknownState,
        ["target 'ajar'", "shut --pull--> ajar"],
    ),
    (
        "duplicate row",
        {"rows": (*ROWS, Row("open", "push", "gone"))},
        DuplicateRow,
        ["open --push--> gone", "open --push--> shut"],
    ),
    ("the very same row twice", {"rows": (*ROWS, ROWS[0])}, DuplicateRow, ["open --push--> shut"]),
    (
        "an equal row twice",
        {"rows": (*ROWS, Row("open", "push", "shut"))},
        DuplicateRow,
        ["open --push--> shut"],
    ),
    (
        "one name for two events of a state",
        {"rows": (*ROWS, Row("open", Event("push"), "gone"))},
        DuplicateRow,
        ["open --push--> gone"],
    ),
    (
        "one name for two events",
        {"rows": (*ROWS, Row("shut", Event("push"), "gone"))},
        DuplicateRow,
        ["shut --push--> gone", "open --push--> shut"],
    ),
    ("duplicate state", {"states": ("open", "shut", "gone", "open")}, DuplicateRow, ["open, shut"]),
    (
        "row out of a terminal state",
        {"rows": (*ROWS, Row("gone", "bring", "open"))},
        TransitionFromFinalState,
        ["gone --bring--> open"],
    ),
    (
        "unreachable state",
        {"states": ("open", "shut", "gone", "ajar"), "rows": (*ROWS, Row("ajar", "push", "shut"))},
        UnreachableState,
        ["'door'", "from open to state ajar"],
    ),
    (
        "no way from a state to a final one",
        {
            "states": ("open", "shut", "gone", "ajar"),
            "rows": (*ROWS, Row("shut", "wedge", "ajar"), Row("ajar", "wait", "ajar")),
        },
        DeadEnd,
        ["state ajar", "(gone)"],
    ),
    ("no final state at all", {"final": ()}, DeadEnd, ["state open", "the table has none"]),
    ("an event without a name", {"rows": (*ROWS, Row("shut", "", "gone"))}, TableError, ["name"]),
    (
        "an event that is no str",
        {"rows": (*ROWS, Row("shut", cast("Any", 5), "gone"))},
        TableError,
        ["name"],
    ),
    (
        "an Event whose name is no str",
        {"rows": (*ROWS, Row("shut", Event(cast("Any", 5)), "gone"))},
        TableError,
        ["name"],
    ),
    (
        "a row that is no Row",
        {"rows": (*ROWS, ("open", "go", "gone"))},
        TableError,
        ["must be a Row, got tuple ('open', 'go', 'gone')"],
    ),
    ("a state that is no str", {"states": ("open", 5)}, TableError, ["enum member, got int 5"]),
    (
        "a state that transitions takes for every state",
        {"states": ("open", "shut", "gone", "*")},
        TableError,
        ["must not be '*'"],
    ),
    (
        "a state that transitions takes for staying",
        {"states": ("open", "shut", "gone", "=")},
        TableError,
        ["must not be '='"],
    ),
    (
        "an enum member that equals a state",
        {"rows": (*ROWS, Row(Push.OPEN, "pull", "gone"))},
        UnknownState,
        ["source <Push.OPEN: 'open'>"],
    ),
    (
        "two states that are equal",
        {"states": ("open", Push.OPEN, "shut", "gone")},
        DuplicateRow,
        ["listed twice"],
    ),
]


class TestDeclaration:
    @pytest.mark.parametrize(
        ("changes", "error", "texts"),
        [case[1:] for case in REFUSED_DECLARATIONS],
        ids=[case[0] for case in REFUSED_DECLARATIONS],
    )
    def test_faulty_table_is_refused_with_an_error_that_names_table_and_row(
        self, changes: dict[str, Any], error: type[TableError], texts: list[str]
    ) -> None:
        with pytest.raises(error) as caught:
            table(**changes)

        assert caught.type is error
        assert "'door'" in str(caught.value)
        for text in texts:
            assert text in str(caught.value)

    @pytest.mark.parametrize("field", ["states", "final", "rows"])
    def test_list_instead_of_a_tuple_is_refused(self, field: str) -> None:
        with pytest.raises(TableError, match=f"{field} must be a tuple"):
            table(**{field: list(getattr(table(), field))})

    def test_tables_are_compared_by_value(self) -> None:
        assert table() == table()
        assert table() != table(name="gate")
        assert pickle.loads(pickle.dumps(LIGHT.table)) == LIGHT.table

    def test_table_is_immutable(self) -> None:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            table().initial = "shut"  # type: ignore[misc]


class TestTableIntrospection:
    def test_events_are_in_the_order_of_their_first_row(self) -> None:
        assert LIGHT.table.events == (TIMER, "switch", "tick", FAULT)

    def test_matrix_has_every_state_with_every_event(self) -> None:
        matrix = LIGHT.table.matrix()

        assert list(matrix) == [(s, e) for s in LIGHT.table.states for e in LIGHT.table.events]
        assert {cell for cell, state in matrix.items() if state} == {
            (row.source, row.event) for row in LIGHT.table.rows
        }
        assert matrix[Light.RED, TIMER] is Light.GREEN
        assert matrix[Light.RED, "tick"] is None

    def test_reachable_states_include_the_start(self) -> None:
        assert LIGHT.table.reachable() == (Light.RED, Light.GREEN, Light.OFF)
        assert LIGHT.table.reachable(Light.OFF) == (Light.OFF,)

    def test_paths_are_all_sequences_up_to_the_length_shortest_first(self) -> None:
        paths = [[str(row.event) for row in path] for path in LIGHT.table.paths(2)]

        assert paths == [
            [],
            ["timer"],
            ["switch"],
            ["timer", "tick"],
            ["timer", "timer"],
            ["timer", "switch [fault]"],
        ]

    def test_long_chain_is_reachable_to_its_end(self) -> None:
        states = tuple(f"s{i}" for i in range(400))
        rows = tuple(Row(a, "next", b) for a, b in itertools.pairwise(states))

        assert len(Table("chain", states, "s0", ("s399",), rows).reachable()) == 400

    def test_row_is_shown_as_an_arrow(self) -> None:
        assert [str(row) for row in LIGHT.table.rows[-2:]] == [
            "GREEN --timer--> RED",
            "GREEN --switch [fault]--> OFF",
        ]


class TestCompiledMachine:
    def test_every_cell_of_the_matrix_is_a_move_or_a_refusal(self) -> None:
        for (state, event), after in LIGHT.table.matrix().items():
            node = LIGHT.nodes[state]
            if after is None:
                assert event not in node.moves
                with pytest.raises(IllegalTransition):
                    node.step(event)
            else:
                assert node.moves[event] is node.step(event) is LIGHT.nodes[after]

    def test_node_lists_allowed_events_in_the_order_of_the_table(self) -> None:
        green = LIGHT.nodes[Light.GREEN]

        assert green.events == ("tick", TIMER, FAULT)
        assert green.allowed == ("tick", "switch [fault]")
        assert not green.final
        assert LIGHT.nodes[Light.OFF].final
        assert LIGHT.nodes[Light.OFF].events == ()

    def test_machine_starts_at_the_initial_state(self) -> None:
        assert LIGHT.initial is LIGHT.nodes[Light.RED]
        assert LIGHT.name == "light"

    def test_refusal_names_machine_state_event_and_allowed_events(self) -> None:
        with pytest.raises(IllegalTransition) as caught:
            LIGHT.nodes[Light.GREEN].step("switch")

        error = caught.value
        assert (error.machine, error.state, error.event) == ("light", Light.GREEN, "switch")
        assert error.allowed == ("tick", "switch [fault]")
        assert str(error) == (
            "The light machine refuses 'switch' in state GREEN; allowed now: tick, switch [fault]"
        )
        assert error.__suppress_context__

    def test_refusal_in_a_final_state_says_that_nothing_is_allowed(self) -> None:
        with pytest.raises(IllegalTransition, match="allowed now: nothing"):
            LIGHT.nodes[Light.OFF].step("switch")

    def test_internal_event_is_not_the_message_of_its_name(self) -> None:
        assert "timer" not in LIGHT.nodes[Light.RED].moves
        assert "switch" not in LIGHT.nodes[Light.GREEN].moves

    def test_string_states_work_like_enum_states(self) -> None:
        door = Machine(table())

        assert door.initial.step("push").step("remove").final
        with pytest.raises(IllegalTransition, match="'remove' in state open"):
            door.initial.step("remove")

    @pytest.mark.parametrize(
        "change",
        [
            lambda node: setattr(node, "state", Light.OFF),
            lambda node: node.moves.update(switch=node),
            lambda node: node.moves.__setitem__("switch", node),
            lambda node: cast("Any", LIGHT.nodes).__setitem__(Light.RED, node),
            lambda node: setattr(LIGHT, "nodes", {}),
        ],
    )
    def test_machine_is_immutable(self, change: Any) -> None:
        with pytest.raises((AttributeError, TypeError)):
            change(LIGHT.initial)


class TestTransitionsPackage:
    """The machine of the package `transitions` is the same machine."""

    def test_transitions_machine_has_the_same_states_events_and_final_states(self) -> None:
        machine = LIGHT.transitions

        assert list(machine.states) == [state.name for state in LIGHT.table.states]
        assert set(machine.events) == {str(event) for event in LIGHT.table.events}
        assert [s.name for s in machine.states.values() if s.final] == ["OFF"]
        assert machine.initial == "RED"

    def test_table_that_transitions_reads_differently_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transitions.Machine, "get_transitions", lambda *_: [])

        with pytest.raises(TableError, match=r"row open --push--> shut: transitions declares it"):
            Machine(table())

    def test_transitions_machine_has_no_model_and_no_additional_transitions(self) -> None:
        assert LIGHT.transitions.models == []
        assert len(LIGHT.transitions.get_transitions()) == len(LIGHT.table.rows)

    @given(st.lists(st.sampled_from(["timer", "switch", "tick", "switch [fault]"]), max_size=12))
    def test_transitions_machine_agrees_step_by_step(self, names: list[str]) -> None:
        events = {str(event): event for event in LIGHT.table.events}
        machine, node = LIGHT.transitions, LIGHT.initial
        model = type("Model", (), {"state": Light.RED})()
        for name in names:
            if events[name] in node.moves:
                assert machine.events[name].trigger(model)
                node = node.step(events[name])
            else:
                with pytest.raises(transitions.MachineError):
                    machine.events[name].trigger(model)
            assert model.state is node.state


class TestCoupling:
    BLACKOUT: Coupling[Light] = Coupling(
        machine="grid",
        event="blackout",
        target="light",
        still_allows=(TIMER, "switch"),
        forwards=False,
        shown_as=Light.OFF,
    )

    def test_bound_machine_allows_only_the_events_of_its_coupling(self) -> None:
        bound = LIGHT.after(self.BLACKOUT)

        assert bound[LIGHT.nodes[Light.RED]].events == (TIMER, "switch")
        assert bound[LIGHT.nodes[Light.GREEN]].events == (TIMER,)
        assert bound[LIGHT.nodes[Light.OFF]].events == ()

    def test_bound_machine_stays_bound(self) -> None:
        bound = LIGHT.after(self.BLACKOUT)
        green = bound[LIGHT.initial].step(TIMER)

        assert green is bound[LIGHT.nodes[Light.GREEN]]
        assert bound[green] is green

    def test_bound_node_shows_the_state_of_the_coupling_and_does_not_forward(self) -> None:
        red = LIGHT.after(self.BLACKOUT)[LIGHT.initial]

        assert red.state is Light.OFF
        assert not red.forwards
        assert LIGHT.initial.forwards

    def test_bound_node_without_shown_as_shows_its_own_state(self) -> None:
        own = attrs.evolve(self.BLACKOUT, shown_as=None)

        assert [node.state for node in LIGHT.after(own).values()] == [*Light, *Light]

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"target": "lamp"}, "does not bind the machine 'light'"),
            ({"still_allows": ("blink",)}, "has no event 'blink'"),
            ({"still_allows": ("timer",)}, "has no event 'timer'"),
            ({"shown_as": "OFF"}, "has no state 'OFF'"),
            ({"still_allows": [TIMER]}, "still_allows must be a tuple"),
        ],
    )
    def test_coupling_that_does_not_fit_its_machines_is_refused(
        self, changes: dict[str, Any], text: str
    ) -> None:
        with pytest.raises(BadCoupling, match=text) as caught:
            LIGHT.after(attrs.evolve(self.BLACKOUT, **changes))

        assert "'grid'" in str(caught.value)
        assert "blackout" in str(caught.value)
