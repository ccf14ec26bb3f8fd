"""`Machine.from_transitions`: the same machine, cell by cell and path by path, or a refusal with all reasons."""

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import partial
from itertools import product
from typing import Any

import pytest
import transitions
from helpers.traffic_light import LIGHT
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions.extensions import (
    AsyncGraphMachine,
    AsyncMachine,
    HierarchicalMachine,
    LockedMachine,
)
from transitions.extensions.states import Timeout, add_state_features

from wsfsm.exceptions import (
    ConversionError,
    DeadEnd,
    TableError,
    TransitionFromFinalState,
    UnreachableState,
)
from wsfsm.fsm import Event, IllegalTrigger, Machine
from wsfsm.tables import SERVER

STATES = ["red", "green", "off"]
ROWS: list[Any] = [
    ["go", "red", "green"],
    ["stop", "green", "red"],
    {"trigger": "switch off", "source": "*", "dest": "off"},
    ["tick", ["red", "green"], "="],
    ["wink", "green", None],
]


class Model:
    """A model with a condition, and a state."""

    state: Any
    trigger: Any
    free = True


class Color(Enum):
    RED = 1
    GREEN = 2


def light(**changes: Any) -> transitions.Machine:
    """A flat machine without callbacks, with changes."""
    parts: dict[str, Any] = {
        "model": None,
        "states": STATES,
        "transitions": ROWS,
        "initial": "red",
        "name": "light",
    }
    kind = changes.pop("kind", transitions.Machine)
    return kind(**(parts | changes))  # type: ignore[no-any-return]


def reasons(machine: transitions.Machine) -> tuple[str, ...]:
    """Why a machine is refused."""
    with pytest.raises(
        ConversionError, match=r"machine cannot become a Machine, because"
    ) as caught:
        Machine.from_transitions(machine)
    assert all(reason in str(caught.value) for reason in caught.value.reasons)
    return caught.value.reasons


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


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"queued": True}, "it has a queue (queued=True)"),
            ({"initial": None}, "it has no initial state"),
            (
                {"ignore_invalid_triggers": True},
                "it ignores invalid triggers (ignore_invalid_triggers=True)",
            ),
            ({"prepare_event": "f"}, "it has the callback prepare_event"),
            ({"before_state_change": "f"}, "it has the callback before_state_change"),
            ({"after_state_change": "f"}, "it has the callback after_state_change"),
            ({"finalize_event": "f"}, "it has the callback finalize_event"),
            ({"on_exception": "f"}, "it has the callback on_exception"),
            ({"on_final": "f"}, "it has the callback on_final"),
            (
                {"states": [*STATES[:2], {"name": "off", "on_enter": "f"}]},
                "state off has the callback on_enter",
            ),
            (
                {"states": [*STATES[:2], {"name": "off", "on_exit": "f"}]},
                "state off has the callback on_exit",
            ),
            (
                {"states": [*STATES[:2], {"name": "off", "ignore_invalid_triggers": True}]},
                "state off ignores invalid triggers",
            ),
            (
                {"kind": HierarchicalMachine},
                "it is a HierarchicalMachine, whose states may be nested or parallel",
            ),
        ],
    )
    def test_feature_that_a_table_lacks_is_refused(
        self, changes: dict[str, Any], reason: str
    ) -> None:
        assert reasons(light(**changes)) == (reason,)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"before": "f"}, "trigger t from red has the callback before"),
            ({"after": "f"}, "trigger t from red has the callback after"),
            ({"prepare": "f"}, "trigger t from red has the callback prepare"),
            ({"dest": "blue"}, "trigger t from red leads to blue, which does not exist"),
            ({"source": "blue"}, "trigger t from blue leaves a state that does not exist"),
            (
                {"conditions": ["a", "b"]},
                "trigger t has several conditions (a and b), of which only one could be a guard",
            ),
            (
                {"conditions": "a", "unless": "b"},
                "trigger t has several conditions (a and b), of which only one could be a guard",
            ),
            (
                {"conditions": [lambda: True]},
                "trigger t has a condition without a name, which cannot be a guard",
            ),
            (
                {"conditions": [partial(bool)]},
                "trigger t has a condition without a name, which cannot be a guard",
            ),
        ],
    )
    def test_transition_that_a_table_lacks_is_refused(
        self, row: dict[str, Any], reason: str
    ) -> None:
        odd = {"trigger": "t", "source": "red", "dest": "off"} | row

        assert reasons(light(transitions=[*ROWS, odd])) == (reason,)

    def test_two_conditions_of_the_same_name_are_refused(self) -> None:
        def condition(value: bool) -> Any:
            def free() -> bool:
                return value

            return free

        rows = [["go", "red", "green", condition(True)], ["go", "red", "off", condition(False)]]
        (reason,) = reasons(light(transitions=rows))

        assert reason.startswith("trigger go has several conditions (free)")

    @pytest.mark.parametrize("last", [["go", "red", "off"], ["go", "red", "off", "free"]])
    def test_several_transitions_of_which_one_is_never_taken_are_refused(self, last: Any) -> None:
        first = ["go", "red", "green", *last[3:]]

        (reason,) = reasons(light(transitions=[first, last, ["go", "green", "off"]]))
        assert reason == ("trigger go from red has a transition that is never taken")

    def test_all_reasons_are_listed(self) -> None:
        states = [{"name": f"s{number}", "on_enter": "f", "on_exit": "f"} for number in range(15)]
        theirs = light(states=states, initial="s0", queued=True, transitions=[])

        with pytest.raises(ConversionError) as caught:
            Machine.from_transitions(theirs)
        assert len(caught.value.reasons) == 31
        assert str(caught.value).startswith(
            "the light machine cannot become a Machine, because it has a queue (queued=True); state "
        )
        assert str(caught.value).endswith("s9 has the callback on_enter; and 11 more reasons")

    def test_classes_that_may_have_effects_are_refused(self) -> None:
        @add_state_features(Timeout)
        class WithTimeouts(transitions.Machine):
            pass

        class Loud(transitions.Transition):
            pass

        class Odd(transitions.Event):
            pass

        class Strange(transitions.Machine):
            transition_cls = Loud
            event_cls = Odd

        rows = [["go", "red", "green"], ["stop", "green", "off"]]
        assert reasons(light(kind=WithTimeouts, transitions=rows)) == tuple(
            f"state {name} has the class CustomState, which may add effects" for name in STATES
        )
        assert reasons(light(kind=Strange, transitions=rows, auto_transitions=False)) == (
            "trigger go has the class Odd, which may add effects",
            "trigger go from red has the class Loud, which may add effects",
            "trigger stop has the class Odd, which may add effects",
            "trigger stop from green has the class Loud, which may add effects",
        )

    def test_methods_of_the_model_that_are_callbacks_are_refused(self) -> None:
        class Logger(Model):
            def on_enter_off(self) -> None:
                raise NotImplementedError

        assert reasons(light(model=Logger())) == ("state off has the callback on_enter",)

    @pytest.mark.parametrize("given", [None, 5, LIGHT, transitions.Machine])
    def test_object_that_is_not_such_a_machine_is_refused(self, given: Any) -> None:
        with pytest.raises(
            ConversionError, match="needs a Machine of the package transitions, got"
        ):
            Machine.from_transitions(given)


class TestChecks:
    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({"states": [*STATES, "blue"]}, UnreachableState),
            ({"states": [{"name": "red", "final": True}, *STATES[1:]]}, TransitionFromFinalState),
            ({"states": ["red", "green", "off", {"name": "end", "final": True}],
              "transitions": [*ROWS[:3], ["end", "red", "end"], ["on", "end", None]]}, TransitionFromFinalState),
            ({"states": [*STATES, {"name": "end", "final": True}],
              "transitions": [["a", "red", "green"], ["b", "green", "off"], ["c", "red", "end"]]}, DeadEnd),
            ({"transitions": [["", "red", "green"], ["", "green", "off"]]}, TableError),
            ({"name": "light", "states": ["red", "*"], "transitions": [["go", "red", "*"]]}, TableError),
        ],
    )  # fmt: skip
    def test_table_is_checked(self, changes: dict[str, Any], kind: type[TableError]) -> None:
        with pytest.raises(kind) as caught:
            Machine.from_transitions(light(**changes))

        assert caught.type is kind

    def test_name_that_is_not_a_str_is_refused_by_the_table(self) -> None:
        wrong: Any = 5
        with pytest.raises(TableError, match="the name of a table must be a str, got int 5"):
            Machine.from_transitions(light(), name=wrong)

    def test_trigger_that_is_not_a_str_is_refused_by_the_table(self) -> None:
        rows: Any = [[5, "red", "green"], ["go", "green", "off"]]
        with pytest.raises(TableError, match="the name of an event must be a str"):
            Machine.from_transitions(light(transitions=rows))

    def test_empty_destination_is_internal_if_no_state_has_an_empty_name(self) -> None:
        rows = [*ROWS, {"trigger": "t", "source": "red", "dest": ""}]

        assert Machine.from_transitions(light(transitions=rows)).initial.step("t").state == "red"
        assert reasons(
            light(states=["", *STATES], transitions=[*rows, ["u", "", "red"]], initial="")
        ) == (
            "trigger t from red leads to a state with an empty name, which in transitions means to stay",
        )


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
