"""Models in `Machine.transitions`: in step with the compiled machine, with callbacks, and nothing else."""

import copy
import pickle
from typing import Any

import pytest
import transitions
from helpers.diagram_tables import STRANGE
from helpers.traffic_light import FAULT, LIGHT, TIMER, Light

from wsfsm.exceptions import IllegalTransition, TableError
from wsfsm.fsm import AnyEvent, Event, IllegalTrigger, Machine, Row, Table, TableMachine
from wsfsm.tables import APPLICATION, CLIENT, SERVER
from wsfsm.tables.events import BODY_LAST, BODY_MORE, LOST

GUARDS: Table[str] = Table(
    name="guards",
    states=("a", "b", "end"),
    initial="a",
    final=("end",),
    rows=(
        Row("a", "go", "a"),
        Row("a", Event("go", guard="one"), "b"),
        Row("a", Event("go", guard="two"), "end"),
        Row("b", Event("go", guard="two"), "a"),
        Row("b", "state", "b"),
        Row("b", "stay or go", "end"),
        Row("end", Event("go", guard="one"), "end"),
    ),
)
LENGTHS = [
    (CLIENT.table, 7), (APPLICATION.table, 7), (SERVER.table, 3), (LIGHT.table, 7), (GUARDS, 6), (STRANGE, 6)
]  # fmt: skip
IDS = ["client", "application", "server", "light", "guards", "strange"]


class Model:
    """An object of a user."""

    state: Any
    trigger: Any
    may_trigger: Any


def bound(table: Table[Any], model: Any) -> TableMachine:
    """The live machine of a table, which no other test uses, with a model."""
    machine = Machine(table).transitions
    machine.add_model(model)
    return machine


def parts(event: AnyEvent) -> tuple[str, dict[str, str]]:
    """Name and arguments of a trigger, as a user writes them."""
    if isinstance(event, str):
        return event, {}
    return event.name, {"guard": event.guard} if event.guard else {}


class Equal(Model):
    """A model that equals each other one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    __hash__ = None  # type: ignore[assignment] # as in a dataclass


class TestInStep:
    @pytest.mark.parametrize(("table", "length"), LENGTHS, ids=IDS)
    def test_model_keeps_step_on_every_path(self, table: Table[Any], length: int) -> None:
        model, compiled = Model(), Machine(table)
        machine = bound(table, model)
        attribute = machine.model_attribute
        paths = [*table.paths(length)]
        for path in paths:
            machine.set_state(table.initial, model)
            node = compiled.initial
            for row in path:
                assert model.trigger(row.event) is True
                node = node.step(row.event)
                assert getattr(model, attribute) is node.state is row.target
        assert len(paths) > length

    @pytest.mark.parametrize("table", [table for table, _ in LENGTHS], ids=IDS)
    def test_model_takes_or_refuses_every_cell_like_the_compiled_machine(
        self, table: Table[Any]
    ) -> None:
        model, compiled = Model(), Machine(table)
        machine = bound(table, model)
        attribute = machine.model_attribute
        for (state, event), after in table.matrix().items():
            name, arguments = parts(event)
            for given, guard in ((event, {}), (name, arguments)):
                machine.set_state(state, model)
                assert model.may_trigger(given, **guard) is (after is not None)
                if after is None:
                    with pytest.raises(IllegalTrigger) as caught:
                        model.trigger(given, **guard)
                    expected = compiled.nodes[state].refusal(event)
                    error = caught.value
                    assert str(error) == error.value == str(expected)
                    assert (error.machine, error.state) == (expected.machine, expected.state)
                    assert (error.event, error.allowed) == (expected.event, expected.allowed)
                else:
                    assert model.trigger(given, **guard) is True
                assert getattr(model, attribute) is (state if after is None else after)

    @pytest.mark.parametrize("event", [TIMER, FAULT, Event("timer", guard="x"), "switch"])
    def test_guard_that_the_table_does_not_have_is_refused(self, event: AnyEvent) -> None:
        model = Model()
        bound(LIGHT.table, model)

        assert model.may_trigger(event) is (event in LIGHT.initial.moves)
        name, guard = parts(event)
        assert model.may_trigger(name, **guard) is (event in LIGHT.initial.moves)
        if event not in LIGHT.initial.moves:
            with pytest.raises(transitions.MachineError, match=r"machine refuses '\w+ \[\w+\]'"):
                model.trigger(event)

    @pytest.mark.parametrize(
        ("trigger", "arguments", "hint"),
        [
            ("pay", {}, "'pay' in state a, because the trigger takes guard='x' or guard='y'; allowed"),
            ("pay", {"guard": None}, "'pay' in state a, because the trigger takes guard='x' or "),
            ("pay", {"guard": "z"}, "'pay [z]' in state a, because the trigger takes guard='x' or "),
            ("pay", {"guard": [5]}, "'pay [list [5]]' in state a, because the trigger takes guard="),
            ("look", {"guard": "z"}, "'look [z]' in state a, because the trigger takes no guard; "),
            ("roll", {"guard": "z"}, "'roll [z]' in state a, because the trigger takes no guard or guard='x'"),
            ("tick", {}, "'tick' in state a; allowed now: pay [x], look, roll, "),
        ],
    )  # fmt: skip
    def test_refusal_says_which_guards_a_trigger_takes(
        self, trigger: str, arguments: dict[str, Any], hint: str
    ) -> None:
        x, y = (Event("pay", guard=guard) for guard in "xy")
        rows = [Row("a", x, "a"), Row("a", "look", "a"), Row("a", "roll", "a"), Row("a", Event("roll", guard="x"), "b"),
                Row("b", y, "b"), Row("b", Event("tick", is_message=False), "b")]  # fmt: skip
        model = Model()
        bound(Table("till", ("a", "b"), "a", ("b",), tuple(rows)), model)

        with pytest.raises(IllegalTrigger) as caught:
            model.trigger(trigger, **arguments)
        assert f"refuses {hint}" in str(caught.value)
        assert model.may_trigger(trigger, **arguments) is False

    def test_guard_of_none_is_no_guard(self) -> None:
        model = Model()
        bound(LIGHT.table, model)

        assert model.may_trigger("switch", guard=None)
        assert model.trigger("switch", guard=None)

    def test_unknown_trigger_is_an_attribute_error_as_in_transitions(self) -> None:
        model = Model()
        bound(LIGHT.table, model)

        for event in ("jump", Event("jump", guard="x")):
            with pytest.raises(AttributeError, match="Do not know event named 'jump'"):
                model.trigger(event)
            assert model.may_trigger(event) is False


class TestMethods:
    def test_each_trigger_is_a_method(self) -> None:
        model: Any = Model()
        bound(LIGHT.table, model)

        assert model.is_RED()
        assert model.may_timer()
        assert model.timer()
        assert model.state is Light.GREEN
        assert not model.may_switch()
        assert model.switch(guard="fault")
        assert model.is_OFF()

    def test_trigger_that_cannot_be_a_method_has_one_with_underscores(self) -> None:
        model: Any = Model()
        bound(APPLICATION.table, model)

        assert model.may_websocket_http_response_start()
        assert model.websocket_http_response_start()
        assert model.websocket_http_response_body(guard="more_body")
        assert model.trigger(BODY_MORE)
        assert model.may_transport_lost()
        assert model.transport_lost()
        with pytest.raises(IllegalTrigger, match="refuses 'transport lost' in state DISCONNECTED"):
            model.trigger(LOST)
        with pytest.raises(
            IllegalTrigger, match=r"'websocket.http.response.body \[not more_body\]'"
        ):
            model.trigger(BODY_LAST)

    def test_method_with_underscores_never_means_two_triggers(self) -> None:
        rows = [Row("a", event, "a") for event in ("x.y", "x y", "b.c", "b_c", "1.2", "is.", "...")]
        model: Any = Model()
        names = {name for name in vars(self.bind(model, rows)) if not name.startswith("may_")}

        assert names >= {"x.y", "x y", "b.c", "b_c", "1.2", "is.", "...", "is_", "___"}
        assert not names & {"x_y", "_2", "1_2"}
        assert model.b_c.func.__self__.name == "b_c"

    def bind(self, model: Any, rows: list[Row[str]]) -> Any:
        bound(Table("t", ("a",), "a", ("a",), (*rows,)), model)
        return model

    def test_event_named_state_has_another_attribute_for_the_state(self) -> None:
        model: Any = Model()
        machine = bound(GUARDS, model)

        assert machine.model_attribute == "state_"
        model.go(guard="one")
        assert model.state()
        assert model.state_ == "b"

    def test_model_may_start_in_another_state(self) -> None:
        model = Model()
        Machine(LIGHT.table).transitions.add_model(model, initial=Light.GREEN)

        assert model.state is Light.GREEN

    def test_model_cannot_be_in_a_machine_with_a_state_that_is_never_entered(self) -> None:
        rows = (Row("a", "go", ""), Row("", "back", "a"))
        machine = Machine(Table("t", ("a", ""), "a", (), rows, endless=True))

        assert machine.initial.step("go").state == ""
        with pytest.raises(TableError, match="a state with an empty name; rename the state"):
            machine.transitions.add_model(Model())

    def test_removed_model_is_forgotten(self) -> None:
        model = Model()
        machine = bound(LIGHT.table, model)
        machine.remove_model(model)

        assert machine.models == []

    def test_equal_models_are_different_models(self) -> None:
        one, other, never = Equal(), Equal(), Equal()
        machine = Machine(LIGHT.table).transitions
        machine.add_model([one, other, other])
        other.trigger("timer")

        assert (one.state, other.state) == (Light.RED, Light.GREEN)
        for model in (never, one):
            machine.remove_model(model)
        assert len(machine.models) == 1
        assert machine.models[0] is other

    @pytest.mark.parametrize(
        "change", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
    )
    def test_model_can_be_copied_and_pickled(self, change: Any) -> None:
        model: Any = Model()
        bound(LIGHT.table, model)
        model.timer()
        other = change(model)
        other.switch(guard="fault")

        assert (model.state, other.state) == (Light.GREEN, Light.OFF)
        with pytest.raises(IllegalTrigger):
            other.timer()


class Logger(Model):
    """A model with callbacks."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def on_enter_GREEN(self, *_: Any, **arguments: Any) -> None:  # noqa: N802 - the name of the state
        self.log.append(f"enter GREEN {arguments}")

    def on_exit_GREEN(self, *_: Any, **arguments: Any) -> None:  # noqa: N802 - the name of the state
        self.log.append(f"exit GREEN {arguments}")


class TestCallbacks:
    def test_methods_of_the_model_are_called_when_the_state_changes(self) -> None:
        model: Any = Logger()
        bound(LIGHT.table, model)
        model.timer(at=1)
        model.tick()
        model.switch(guard="fault")

        assert model.log == ["enter GREEN {'at': 1}", "exit GREEN {'guard': 'fault'}"]

    def test_callbacks_of_machine_states_and_triggers_are_called(self) -> None:
        model: Any = Logger()
        machine = bound(LIGHT.table, model)
        log: list[str] = []
        machine.before_state_change = [lambda: log.append("before")]
        machine.after_state_change = [lambda: log.append("after")]
        machine.before_timer(lambda: log.append("timer"))
        machine.on_enter_GREEN(lambda: log.append("green"))
        machine.on_final = [lambda **_: log.append("final")]  # type: ignore[attr-defined]
        model.timer()
        model.state = Light.RED
        machine.before_state_change = machine.after_state_change = None
        model.switch()

        assert log == ["before", "timer", "green", "after", "final"]

    def test_refused_trigger_calls_only_callbacks_for_errors(self) -> None:
        model: Any = Logger()
        machine = bound(LIGHT.table, model)
        errors: list[Any] = []
        machine.send_event = True
        machine.after_state_change = [errors.append]
        machine.on_exception = [lambda data: errors.append(data.error)]

        assert model.tick() is False
        assert [type(error) for error in errors] == [IllegalTrigger]

    def test_model_without_a_callback_of_another_model_is_not_asked_for_it(self) -> None:
        first: Any = Logger()
        second: Any = Model()
        machine = bound(LIGHT.table, first)
        machine.add_model(second)
        second.timer()

        assert second.state is Light.GREEN
        assert (first.state, first.log) == (Light.RED, [])

    def test_callback_that_nobody_has_is_an_error(self) -> None:
        model: Any = Model()
        machine = bound(LIGHT.table, model)
        machine.on_enter_GREEN("on_enter_BLUE")

        with pytest.raises(AttributeError, match="on_enter_BLUE"):
            model.timer()

    def test_ignored_triggers_return_false(self, caplog: pytest.LogCaptureFixture) -> None:
        model: Any = Model()
        machine = bound(LIGHT.table, model)
        machine.ignore_invalid_triggers = True

        assert model.tick() is False
        assert caplog.messages == ["light: Can't trigger event tick from state RED!"]
        model.timer()
        assert model.switch() is False  # another guard is allowed
        machine.get_state(Light.GREEN).ignore_invalid_triggers = False
        with pytest.raises(IllegalTrigger):
            model.switch()
        assert model.state is Light.GREEN


class TestErrors:
    def test_refusal_can_be_caught_as_either_error_and_pickled(self) -> None:
        model: Any = Model()
        bound(LIGHT.table, model)
        for kind in (transitions.MachineError, IllegalTransition):
            with pytest.raises(kind) as caught:
                model.tick()
            copied = pickle.loads(pickle.dumps(caught.value))
            assert (
                str(copied)
                == copied.value
                == ("The light machine refuses 'tick' in state RED; allowed now: switch")
            )
            assert (copied.state, copied.allowed) == (Light.RED, ("switch",))
        assert isinstance(IllegalTrigger("text"), transitions.MachineError)

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (lambda m: m.add_transition("jump", "RED", "OFF"), "transitions and conditions"),
            (lambda m: m.add_transition("timer", "RED", "OFF", conditions="c"), "and conditions"),
            (lambda m: m.add_transitions([["timer", "RED", "OFF"]]), "transitions and conditions"),
            (lambda m: m.add_ordered_transitions(), "transitions and conditions"),
            (lambda m: m.remove_transition("timer"), "transitions and conditions"),
            (lambda m: m.add_states("BLUE"), "states"),
            (lambda m: m.add_state("BLUE"), "states"),
        ],
    )
    def test_states_transitions_and_conditions_are_those_of_the_table(
        self, change: Any, what: str
    ) -> None:
        machine = Machine(LIGHT.table).transitions
        rows = len(machine.get_transitions())

        with pytest.raises(
            TableError, match=rf"{what} of the 'light' machine are those of its table"
        ):
            change(machine)
        assert len(machine.get_transitions()) == rows
        assert [*machine.states] == ["RED", "GREEN", "OFF"]

    def test_guards_are_conditions_and_rows_that_stay_are_internal(self) -> None:
        machine = Machine(LIGHT.table).transitions
        (fault,) = machine.get_transitions("switch", "GREEN")
        (tick,) = machine.get_transitions("tick")
        (timer,) = machine.get_transitions("timer", "RED")

        assert [condition.func for condition in fault.conditions] == ["fault"]
        assert tick.dest is None
        assert tick.conditions == timer.conditions == []
        assert machine.compiled.table is LIGHT.table
