"""A compiled machine: its nodes and refusals, `transitions` as an oracle, and couplings."""

from typing import Any, cast

import attrs
import pytest
import transitions
from helpers.traffic_light import FAULT, LIGHT, TIMER, Light, table
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.exceptions import (
    BadCoupling,
    IllegalTransition,
    TableError,
)
from wsfsm.fsm import SAME, AnyEvent, Coupling, Event, Machine, Node, Table, in_state

PAID = Event("pay", guard="enough")
TILL = Machine(
    Table(
        name="till",
        states=("open", "shut"),
        initial="open",
        final=("shut",),
        rows=(
            *in_state(
                "open",
                ((PAID, Event("pay", guard="short")), SAME),
                ((Event("tick", is_message=False), "look"), SAME),
                (tuple(Event("roll", guard=str(number)) for number in range(1, 7)), SAME),
                ("close", "shut"),
            ),
        ),
    )
)


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

    def test_object_that_is_not_a_table_is_refused(self) -> None:
        wrong: Any = {"on": "off"}
        theirs: Any = LIGHT.transitions

        with pytest.raises(
            TableError, match=r"^Machine\(\) needs a Table, got dict {'on': 'off'}\n"
        ):
            Machine(wrong)
        with pytest.raises(TableError, match=r"; use Machine\.from_transitions\(\.\.\.\)\n"):
            Machine(theirs)

    @pytest.mark.parametrize(
        ("event", "hint"),
        [
            ("pay", "its table has Event('pay', guard='enough') and Event('pay', guard='short')"),
            ("pay [short]", "its table has Event('pay', guard='short')"),
            (Event("pay"), "its table has Event('pay', guard='enough') and Event('pay', guard='short')"),
            (Event("pay", guard="sh"), "its table has Event('pay', guard='enough') and "),
            (Event("pay", guard="short", is_message=False), "its table has Event('pay', guard='short')"),
            ("tick", "its table has Event('tick', is_message=False)"),
            (Event("look"), "its table has 'look'"),
            ("roll", "guard='4') and 2 more"),
        ],
    )  # fmt: skip
    def test_refusal_names_the_events_that_may_be_meant(self, event: AnyEvent, hint: str) -> None:
        with pytest.raises(IllegalTransition) as caught:
            TILL.initial.step(event)

        text = str(caught.value)
        assert text.startswith(f"The till machine refuses {str(event)!r} in state open, because ")
        assert hint in text
        assert f" instead; allowed now: {', '.join(TILL.initial.allowed)}" in text

    @pytest.mark.parametrize("event", ["close", "jump", PAID])
    def test_refusal_of_another_event_has_no_hint(self, event: AnyEvent) -> None:
        shut = TILL.initial.step("close")

        assert str(shut.refusal(event)).endswith("in state shut; allowed now: nothing")

    def test_node_without_a_machine_has_no_hint(self) -> None:
        node: Node[Any] = Node("till", "open", {PAID: TILL.initial})

        assert str(node.refusal("pay")).endswith("in state open; allowed now: pay [enough]")

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
        assert set(machine.events) == {"timer", "switch", "tick"}
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
            trigger, _, guard = name.partition(" [")
            if events[name] in node.moves:
                assert machine.events[trigger].trigger(model, guard=guard.rstrip("]"))
                node = node.step(events[name])
            else:
                with pytest.raises(transitions.MachineError):
                    machine.events[trigger].trigger(model, guard=guard.rstrip("]"))
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
