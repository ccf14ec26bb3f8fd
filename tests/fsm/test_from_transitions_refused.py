"""Machines that `Machine.from_transitions` refuses, with all reasons."""

from functools import partial
from typing import Any

import pytest
import transitions
from helpers.flat_machines import ROWS, STATES, Model, light, reasons
from helpers.traffic_light import LIGHT
from transitions.extensions import AsyncMachine, HierarchicalMachine
from transitions.extensions.states import Timeout, add_state_features

from wsfsm.exceptions import (
    ConversionError,
    DeadEnd,
    TableError,
    TransitionFromFinalState,
    UnreachableState,
)
from wsfsm.fsm import Machine


class Logger(Model):
    def on_enter_off(self) -> None:
        raise NotImplementedError


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

    def test_callback_that_only_has_the_name_of_a_method_is_refused(self) -> None:
        states: list[Any] = [*STATES[:2], {"name": "off", "on_enter": "on_enter_off"}]
        model: Any = Model()
        model.on_enter_off = print

        for given in (None, model, Model()):
            assert reasons(light(states=states, model=given)) == (
                "state off has the callback on_enter",
            )

    def test_callback_beside_a_method_of_the_model_is_refused(self) -> None:
        states: list[Any] = [*STATES[:2], {"name": "off", "on_enter": ["f"]}]

        assert reasons(light(states=states, model=Logger())) == (
            "state off has the callback on_enter",
        )

    def test_method_that_must_be_awaited_is_refused(self) -> None:
        class Waiting(Model):
            async def on_enter_off(self) -> None:
                raise NotImplementedError

        assert reasons(light(kind=AsyncMachine, model=Waiting())) == (
            "state off has the callback on_enter",
        )

    def test_callbacks_that_are_methods_of_the_machine_are_refused(self) -> None:
        class Own(Logger, transitions.Machine):
            pass

        assert reasons(light(kind=Own, model="self")) == (
            (
                "state off has the callback on_enter_off, which is a method of the machine itself; "
                "move it to a class of models"
            ),
        )

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
