"""Machines that give something out, and what still happens in terminal states."""

import pytest

from wsfsm.engine import Event, Machine, Row, Step, Table
from wsfsm.errors import IllegalTransition, TableError

NOTICE = Event("notice", informal=True)
DOOR = Machine(
    Table(
        name="door",
        states=("open", "shut", "gone"),
        initial="open",
        terminal=("gone",),
        rows=(
            Row("open", "push", "shut", emits=("bang", "lock")),
            Row("open", NOTICE, "open"),
            Row("shut", "remove", "gone", emits=("creak",)),
            Row("gone", "push", "gone", emits=("laugh",)),
            Row("gone", NOTICE, "gone"),
        ),
    )
)


def test_a_node_has_what_each_of_its_events_gives_out() -> None:
    assert DOOR.nodes["open"].emits == {"push": ("bang", "lock"), NOTICE: ()}
    assert DOOR.nodes["gone"].emits == {"push": ("laugh",), NOTICE: ()}


def test_a_column_is_what_one_event_does_everywhere() -> None:
    nodes = DOOR.nodes

    assert DOOR.column("push") == {
        nodes["open"]: Step(nodes["shut"], ("bang", "lock")),
        nodes["gone"]: Step(nodes["gone"], ("laugh",)),
    }
    assert DOOR.column("no such event") == {}


def test_what_is_given_out_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DOOR.nodes["open"].emits["push"] = ()  # type: ignore[index]
    with pytest.raises(TypeError):
        DOOR.column("push")[DOOR.initial] = Step(DOOR.initial, ())  # type: ignore[index]


def test_a_terminal_state_may_have_rows_that_stay_in_it() -> None:
    gone = DOOR.nodes["gone"]

    assert gone.terminal
    assert gone.step("push") is gone
    assert gone.choices == ("push",)
    assert not DOOR.nodes["shut"].terminal


def test_a_refusal_can_be_had_without_a_step() -> None:
    refusal = DOOR.nodes["shut"].refusal(NOTICE)

    assert isinstance(refusal, IllegalTransition)
    assert str(refusal) == "The door machine refuses 'notice' in state shut; allowed now: remove"


@pytest.mark.parametrize("emits", [["bang"], "bang", None])
def test_what_a_row_gives_out_is_a_tuple(emits: object) -> None:
    rows = (Row("open", "push", "gone", emits=emits),)  # type: ignore[arg-type]

    with pytest.raises(TableError, match=r"open --push--> gone: emits must be a tuple"):
        Table(name="door", states=("open", "gone"), initial="open", terminal=("gone",), rows=rows)
