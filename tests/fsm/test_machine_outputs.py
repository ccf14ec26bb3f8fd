"""Machines that give something out, and what still happens in terminal states."""

import pytest

from wsfsm.exceptions import IllegalTransition, TableError
from wsfsm.fsm import Event, Machine, Row, Table, Transition

NOTICE = Event("notice", is_message=False)
DOOR = Machine(
    Table(
        name="door",
        states=("open", "shut", "gone"),
        initial="open",
        final=("gone",),
        rows=(
            Row("open", "push", "shut", outputs=("bang", "lock")),
            Row("open", NOTICE, "open"),
            Row("shut", "remove", "gone", outputs=("creak",)),
            Row("gone", "push", "gone", outputs=("laugh",)),
            Row("gone", NOTICE, "gone"),
        ),
    )
)


def test_node_has_the_outputs_of_each_event() -> None:
    assert DOOR.nodes["open"].outputs == {"push": ("bang", "lock"), NOTICE: ()}
    assert DOOR.nodes["gone"].outputs == {"push": ("laugh",), NOTICE: ()}


def test_transitions_on_an_event_have_target_and_outputs() -> None:
    nodes = DOOR.nodes

    assert DOOR.transitions_on("push") == {
        nodes["open"]: Transition(nodes["shut"], ("bang", "lock")),
        nodes["gone"]: Transition(nodes["gone"], ("laugh",)),
    }
    assert DOOR.transitions_on("no such event") == {}


def test_outputs_are_immutable() -> None:
    with pytest.raises(TypeError):
        DOOR.nodes["open"].outputs["push"] = ()  # type: ignore[index]
    with pytest.raises(TypeError):
        DOOR.transitions_on("push")[DOOR.initial] = Transition(DOOR.initial, ())  # type: ignore[index]


def test_final_state_can_have_rows_that_stay_in_it() -> None:
    gone = DOOR.nodes["gone"]

    assert gone.final
    assert gone.step("push") is gone
    assert gone.allowed == ("push",)
    assert not DOOR.nodes["shut"].final


def test_refusal_is_available_without_a_step() -> None:
    refusal = DOOR.nodes["shut"].refusal(NOTICE)

    assert isinstance(refusal, IllegalTransition)
    assert str(refusal) == "The door machine refuses 'notice' in state shut; allowed now: remove"


@pytest.mark.parametrize("outputs", [["bang"], "bang", None])
def test_outputs_that_are_not_a_tuple_are_refused(outputs: object) -> None:
    rows = (Row("open", "push", "gone", outputs=outputs),)  # type: ignore[arg-type]

    with pytest.raises(TableError, match=r"open --push--> gone: outputs must be a tuple"):
        Table(name="door", states=("open", "gone"), initial="open", final=("gone",), rows=rows)
