"""The declaration of a table: its checks, and its matrix, paths and events."""

import itertools
import pickle
from enum import StrEnum
from typing import Any, cast

import attrs
import pytest
from helpers.traffic_light import FAULT, LIGHT, TIMER, Light, table

from wsfsm.exceptions import (
    DeadEnd,
    DuplicateRow,
    IllegalTransition,
    TableError,
    TransitionFromFinalState,
    UnknownState,
    UnreachableState,
)
from wsfsm.fsm import Event, Machine, Row, Table


class Push(StrEnum):
    OPEN = "open"


ROWS = table().rows


def endless(**changes: Any) -> Table[str]:
    """A table that runs for ever, with changes."""
    parts: dict[str, Any] = {
        "name": "blinker",
        "states": ("on", "off"),
        "initial": "on",
        "final": (),
        "endless": True,
        "rows": (Row("on", "blink", "off"), Row("off", "blink", "on")),
    }
    return Table(**(parts | changes))


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
    (
        "no final state at all",
        {"final": ()},
        DeadEnd,
        ["state open", "the table has none; if the machine runs for ever, pass endless=True"],
    ),
    (
        "a final state of an endless table",
        {"endless": True},
        TableError,
        ["must not have final states, got gone; remove them, or endless=True"],
    ),
    (
        "a state of an endless table without an event",
        {"endless": True, "final": ()},
        DeadEnd,
        ["state gone allows no event, although the table is endless"],
    ),
    (
        "an unreachable state of an endless table",
        {
            "endless": True,
            "final": (),
            "rows": (*ROWS[:1], Row("shut", "push", "open"), Row("gone", "knock", "gone")),
        },
        UnreachableState,
        ["from open to state gone"],
    ),
    (
        "an endless table without a state",
        {"endless": True, "final": (), "states": (), "rows": ()},
        UnknownState,
        ["initial state 'open'"],
    ),
    (
        "endless that is not a bool",
        {"endless": 1},
        TableError,
        ["endless must be a bool, got int 1"],
    ),
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
        "a guard that is not a str",
        {"rows": (*ROWS, Row("shut", Event("go", cast("Any", len)), "gone"))},
        TableError,
        [
            "row shut --go [<built-in",
            "the guard of an event must be a str, which names a condition",
            "got builtin_function",
        ],
    ),
    (
        "rows in a tuple",
        {"rows": (ROWS,)},
        TableError,
        ["must be a Row, got tuple (Row(", "; write *in_state(...), with the star"],
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


class TestEndlessTable:
    def test_endless_table_needs_no_final_state(self) -> None:
        blinker = endless()

        assert blinker.endless
        assert blinker.final == ()
        assert not table().endless

    def test_state_of_an_endless_table_may_be_left_never_if_it_allows_an_event(self) -> None:
        assert endless(
            rows=(Row("on", "blink", "off"), Row("off", "blink", "off"))
        ).reachable() == (
            "on",
            "off",
        )

    def test_endless_table_is_another_one(self) -> None:
        rows = (Row("on", "blink", "off"), Row("off", "blink", "off"))

        assert endless(rows=rows) != endless(rows=rows, endless=False, final=("off",))
        assert pickle.loads(pickle.dumps(endless())) == endless()
        assert "endless=True" in repr(endless())

    def test_endless_machine_is_compiled_copied_and_pickled_like_others(self) -> None:
        blinker = Machine(endless())
        on = blinker.initial

        assert on.step("blink").step("blink") is on
        assert not any(node.final for node in blinker.nodes.values())
        assert not any(state.final for state in blinker.transitions.states.values())
        assert pickle.loads(pickle.dumps(on)) is on
        with pytest.raises(
            IllegalTransition, match="refuses 'burn' in state on; allowed now: blink"
        ):
            on.step("burn")

    def test_endless_must_be_passed_by_its_name(self) -> None:
        with pytest.raises(TypeError, match="positional"):
            Table("blinker", ("on",), "on", (), (Row("on", "blink", "on"),), True)  # type: ignore[call-arg]


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
