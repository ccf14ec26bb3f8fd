"""`Machine.from_transitions`: the same machine, cell by cell and path by path."""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import product
from typing import Any

import pytest
import transitions
from helpers.flat_machines import ROWS, STATES, Model, light, reasons
from helpers.traffic_light import LIGHT
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions.extensions import (
    AsyncGraphMachine,
    AsyncMachine,
    LockedMachine,
)

from wsfsm.exceptions import (
    ConversionError,
    DeadEnd,
    UnreachableState,
)
from wsfsm.fsm import Event, IllegalTrigger, Machine
from wsfsm.tables import SERVER


class Color(Enum):
    RED = 1
    GREEN = 2


Word = Sequence[tuple[str, bool]]
"""Triggers, and whether the condition of the model holds."""


def in_step(theirs: transitions.Machine, ours: Machine[Any], words: Iterable[Word]) -> int:
    """Take sequences of triggers from each state, and return the number of steps."""
    model: Any = Model()
    theirs.add_model(model)
    guarded = {event.name for event in ours.table.events if isinstance(event, Event)}
    steps = 0
    for state, word in product(ours.table.states, words):
        theirs.set_state(state, model)
        node = ours.nodes[state]
        for name, model.free in word:
            try:
                taken = model.trigger(name)
            except transitions.MachineError:
                taken = False
            event = Event(name, "free" if model.free else "not free") if name in guarded else name
            assert taken is (event in node.moves), (node, event)
            node = node.moves.get(event, node)
            assert getattr(model, theirs.model_attribute) is node.state
            steps += 1
    return steps


def every_path(theirs: transitions.Machine, length: int) -> list[Word]:
    """All sequences of a length of their own triggers."""
    names = [name for name in theirs.events if not name.startswith("to_")]
    return [*product([*product(names, (True, False))], repeat=length)]


class TestFlatMachines:
    def test_states_triggers_and_wildcards_become_rows(self) -> None:
        machine = Machine.from_transitions(light())
        table = machine.table

        assert (table.name, table.states, table.initial) == ("light", (*STATES,), "red")
        assert table.final == ("off",)
        assert [str(row) for row in table.rows] == [
            "red --go--> green",
            "red --switch off--> off",
            "red --tick--> red",
            "green --stop--> red",
            "green --switch off--> off",
            "green --tick--> green",
            "green --wink--> green",
            "off --switch off--> off",
        ]
        assert in_step(light(), machine, every_path(light(), 3)) == 3 * 10**3 * 3

    @pytest.mark.parametrize(
        "changes",
        [
            {"auto_transitions": False},
            {"model": "self"},
            {"model": Model(), "model_attribute": "status"},
            {"send_event": True},
            {"kind": LockedMachine},
            {"states": [*STATES[:2], {"name": "off", "final": True}]},
            {"transitions": [["go", "red", "green"]], "ordered_transitions": True},
            {"states": STATES[:2], "transitions": [["go", "red", "green"], ["go", "green", "red"]]},
            {
                "transitions": [
                    ["switch", "red", "green", "free"],
                    ["switch", "red", "off", None, "free"],
                    ["switch", "green", "off"],
                ]
            },
            {
                "transitions": [
                    ["switch", "red", "green", ["free"]],
                    ["switch", "red", "off"],
                    ["switch", "green", "red", None, "free"],
                ]
            },
        ],
    )
    def test_flat_machine_keeps_step_on_every_path(self, changes: dict[str, Any]) -> None:
        theirs = light(**changes)

        assert in_step(theirs, Machine.from_transitions(theirs), every_path(theirs, 3)) > 0

    def test_members_of_an_enum_stay_states(self) -> None:
        theirs = light(
            states=Color,
            initial=Color.GREEN,
            transitions=[["go", "*", "="], ["stop", "GREEN", "RED"]],
        )
        machine = Machine.from_transitions(theirs, name="traffic")

        assert machine.name == "traffic"
        assert machine.initial.step("stop").state is Color.RED
        assert in_step(theirs, machine, every_path(theirs, 5)) > 0

    def test_machine_without_a_name_is_named_machine(self) -> None:
        assert Machine.from_transitions(light(name=None)).name == "machine"

    def test_machine_without_final_states_is_endless(self) -> None:
        theirs = light(
            states=["a", "b"], initial="a", transitions=[["go", "a", "b"], ["go", "b", "a"]]
        )

        assert Machine.from_transitions(theirs).table.endless

    @pytest.mark.parametrize("kind", [AsyncMachine, AsyncGraphMachine])
    def test_flat_machines_of_asyncio_and_graphs_are_converted(self, kind: Any) -> None:
        options = {"graph_engine": "mermaid"} if kind is AsyncGraphMachine else {}
        theirs = light(kind=kind, **options)

        assert Machine.from_transitions(theirs).table == Machine.from_transitions(light()).table

    @pytest.mark.parametrize("machine", [SERVER, LIGHT])
    def test_machine_of_a_table_becomes_the_same_table(self, machine: Machine[Any]) -> None:
        assert Machine.from_transitions(machine.transitions).table is machine.table
        assert Machine.from_transitions(machine.transitions, name="other").name == "other"

    @pytest.mark.parametrize("condition", ["free", callable, "package.free"])
    def test_condition_becomes_a_guard_of_its_name(self, condition: Any) -> None:
        theirs = light(
            transitions=[["go", "red", "green", condition], ["go", "*", "off", None, condition]]
        )
        name = condition if isinstance(condition, str) else condition.__name__
        machine = Machine.from_transitions(theirs)

        assert machine.initial.events == (Event("go", name), Event("go", f"not {name}"))
        assert machine.nodes["green"].events == (Event("go", f"not {name}"),)

    def test_trigger_of_the_form_of_an_automatic_one_is_converted(self) -> None:
        rows = [["to_green", "red", "green"], ["to_off", "*", "off"], ["to_", "green", "off"]]
        plain = light(transitions=rows, auto_transitions=False)
        other = light(
            states=[*STATES, "last"],
            transitions=[*rows, ["stop", "off", "last"]],
            auto_transitions=False,
        )

        assert set(Machine.from_transitions(plain).table.events) == {"to_green", "to_off", "to_"}
        assert set(Machine.from_transitions(other).table.events) == {
            "to_green", "to_off", "to_", "stop"
        }  # fmt: skip

    def test_other_transition_of_an_automatic_trigger_is_not_left_out(self) -> None:
        assert reasons(light(transitions=[*ROWS, ["to_off", "red", "green"]])) == (
            "trigger to_off from red has a transition that is never taken",
        )
        theirs = light()
        theirs.before_to_off("f")
        assert reasons(theirs) == tuple(
            f"trigger to_off from {state} has the callback before" for state in STATES
        )
        theirs = light()
        theirs.remove_transition("to_off", source="red")
        assert "to_off" in Machine.from_transitions(theirs).table.events


names = st.sampled_from(["a", "b", "c", "d"])
triggers = st.sampled_from(["go", "stop", "jump"])
rows = st.fixed_dictionaries(
    {
        "trigger": triggers,
        "source": st.just("*") | names | st.lists(names, min_size=1, max_size=3, unique=True),
        "dest": st.just("=") | st.none() | names,
    },
    optional={"conditions": st.just("free"), "unless": st.just("free")},
)


@settings(deadline=None)
@given(
    st.lists(names, min_size=1, unique=True),
    st.lists(rows, max_size=8),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(triggers | st.just("next_state"), st.booleans()), max_size=8),
)
def test_any_flat_machine_keeps_step_or_is_refused(
    states: list[str], rows: list[dict[str, Any]], automatic: bool, ordered: bool, word: Word
) -> None:
    options = {"auto_transitions": automatic, "ordered_transitions": ordered and len(states) > 1}
    theirs = light(states=states, initial=states[0], transitions=rows, **options)
    found = [
        (source, one.dest, len(several))
        for event in theirs.events.values()
        for source, several in event.transitions.items()
        for one in several
    ]
    strange = any(not {source, dest or source} <= {*states} for source, dest, _ in found)
    never = any(number > 1 for _, _, number in found) or any(len(row) == 5 for row in rows)
    try:
        ours = Machine.from_transitions(theirs)
    except ConversionError:
        assert strange or never
    except (UnreachableState, DeadEnd):
        assert not strange
    else:
        assert not strange
        known = [step for step in word if step[0] in theirs.events]
        in_step(theirs, ours, [known, *every_path(theirs, 1)])


def test_round_trip_through_a_live_model_keeps_the_refusal() -> None:
    machine = Machine.from_transitions(light())
    model: Any = Model()
    machine.transitions.add_model(model)

    model.go()
    with pytest.raises(IllegalTrigger, match="The light machine refuses 'go' in state green"):
        model.go()


@pytest.mark.parametrize("kind", [transitions.Machine, LockedMachine])
def test_methods_of_models_come_back_with_a_model_of_the_new_machine(
    kind: type[transitions.Machine],
) -> None:
    class Logger(Model):
        def __init__(self) -> None:
            self.log: list[str] = []

        def on_exit_red(self) -> None:
            self.log.append("not red")

        def on_enter_green(self) -> None:
            self.log.append("green")

    ours = Machine.from_transitions(light(kind=kind, model=[Logger(), Model()]))
    model: Any = Logger()
    ours.transitions.add_model(model)

    model.go()
    assert model.log == ["not red", "green"]
