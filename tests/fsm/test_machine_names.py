"""Names that are not plain: of enum members, of other kinds of str, and in the text of errors."""

from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, StrEnum
from typing import Any, cast

import pytest

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


class Push(StrEnum):
    PUSH = "push"
    PULL = "pull"


class Mixed(str, Enum):  # noqa: UP042 - it is still written so
    """Whose str() and format() are not its value."""

    PUSH = "push"
    PULL = "pull"


class Loud(str):
    """A str that is written otherwise than it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


class Door(Enum):
    OPEN = 1
    SHUT = 2


class Gate(Enum):
    OPEN = 1


class One(IntEnum):
    FIRST = 1


class Another(IntEnum):
    START = 1


class Alike(Enum):
    """Whose members are all written alike, and one of which is named as an attribute of all."""

    name = 1  # type: ignore[assignment]
    value = 2

    def __str__(self) -> str:
        return "alike"

    __repr__ = __str__


class Bits(Flag):
    LEFT = 1


@dataclass
class Size:
    metres: int


class Unhashable(Size, Enum):
    SMALL = 1
    LARGE = 2


def table(first: Any, event: Any, last: Any, **changes: Any) -> Table[Any]:
    parts: dict[str, Any] = {
        "name": "door",
        "states": (first, last),
        "initial": first,
        "final": (last,),
        "rows": (Row(first, event, last),),
    }
    return Table(**(parts | changes))


@pytest.mark.parametrize("push", [Push.PUSH, Mixed.PUSH, Loud("push")])
class TestEventsOfStrSubclasses:
    def test_events_of_a_str_subclass_become_str(self, push: str) -> None:
        row = Row("open", push, "shut")
        tie: Coupling[str] = Coupling("wind", push, "door", (push,), True, None)
        event = Event(push, guard=push)

        for text in (row.event, tie.event, event.name, event.guard):
            assert (type(text), text) == (str, "push")
        assert str(row) == "open --push--> shut"
        assert str(event) == "push [push]"

    def test_machine_accepts_events_of_a_str_subclass(self, push: str) -> None:
        machine = Machine(table("open", push, "shut"))

        assert machine.table.events == ("push",)
        assert machine.initial.step(push) is machine.initial.step("push")
        assert machine.transitions_on(push) is machine.transitions_on("push")
        assert list(machine.transitions.events) == ["push"]

    def test_refusal_names_an_event_of_a_str_subclass_by_its_value(self, push: str) -> None:
        last = Machine(table("open", "pull", "shut")).nodes["shut"]

        with pytest.raises(IllegalTransition, match="refuses 'push' in state shut") as caught:
            last.step(push)
        assert type(caught.value.event) is str

    def test_str_and_an_equal_str_subclass_are_one_event(self, push: str) -> None:
        rows = (Row("open", "push", "open"), Row("open", push, "shut"))

        with pytest.raises(DuplicateRow, match="has the same state and event"):
            table("open", push, "shut", rows=rows)


@pytest.mark.parametrize("event", [5, One.FIRST, Door.OPEN, "", Event(""), None, b"push", Push])
def test_event_that_is_not_a_non_empty_str_is_refused(event: Any) -> None:
    with pytest.raises(TableError, match="a str of at least one character, got ") as caught:
        table("open", event, "shut")

    assert caught.type is TableError


class TestStates:
    def test_states_with_the_same_name_are_both_shown(self) -> None:
        with pytest.raises(DuplicateRow) as caught:
            table(Door.OPEN, "push", Gate.OPEN)

        assert str(caught.value) == (
            "table 'door': two states, <Door.OPEN: 1> and <Gate.OPEN: 1>, have the same name, OPEN"
        )

    def test_str_and_enum_member_with_the_same_name_are_refused(self) -> None:
        with pytest.raises(
            DuplicateRow, match=r"'OPEN' and <Door\.OPEN: 1>, have the same name, OPEN"
        ):
            table("OPEN", "push", Door.OPEN)

    @pytest.mark.parametrize(
        ("first", "last"), [("push", Push.PUSH), (One.FIRST, Another.START), (Push.PULL, "pull")]
    )
    def test_equal_states_are_both_shown(self, first: Any, last: Any) -> None:
        with pytest.raises(DuplicateRow) as caught:
            table(first, "go", last)

        assert f"the states {first!r} and {last!r} are equal" in str(caught.value)

    def test_state_listed_twice_is_reported_as_listed_twice(self) -> None:
        with pytest.raises(
            DuplicateRow, match=r"(?m)state OPEN is listed twice in OPEN, SHUT, OPEN$"
        ):
            table(Door.OPEN, "push", Door.SHUT, states=(Door.OPEN, Door.SHUT, Door.OPEN))

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (Alike.name, Alike.value),
            (Loud("open"), Loud("shut")),
            (One.FIRST, Push.PULL),
            (Bits.LEFT, "LEFT|RIGHT"),
            ("", "end"),
            ("open", ""),
            ("state", "trigger"),
        ],
    )
    @pytest.mark.parametrize("event", ["state", "trigger", "to", "may_state", "name", "\n"])
    def test_unusual_states_and_events_are_compiled(
        self, first: Any, last: Any, event: str
    ) -> None:
        machine = Machine(table(first, event, last))

        assert machine.initial.step(event).state is last
        assert [t.dest for t in machine.transitions.get_transitions(event)] == [
            last.name if isinstance(last, Enum) else last
        ]

    def test_model_attribute_of_transitions_differs_from_every_event(self) -> None:
        rows = (Row("open", "state", "open"), Row("open", "state_", "shut"))

        assert Machine(table("open", "x", "shut")).transitions.model_attribute == "state"
        machine = Machine(table("open", "x", "shut", rows=rows))
        assert machine.transitions.model_attribute == "state__"

    @pytest.mark.parametrize(
        ("state", "text"),
        [
            (Bits(0), "the name of a state must be a str, got Bits"),
            (Unhashable.SMALL, "hashable, got Unhashable"),
        ],
    )
    def test_state_without_a_name_or_a_hash_is_refused(self, state: Any, text: str) -> None:
        with pytest.raises(TableError, match=text) as caught:
            table(state, "go", "end")

        assert caught.type is TableError

    def test_unhashable_source_is_an_unknown_state(self) -> None:
        with pytest.raises(UnknownState, match=r"source \['open'\] is not one of"):
            table("open", "go", "shut", rows=(Row(cast("Any", ["open"]), "go", "shut"),))

    def test_coupling_cannot_show_a_state_that_is_only_equal(self) -> None:
        machine = Machine(table("push", "go", "end"))
        tie: Coupling[Any] = Coupling("wind", "blows", "door", (), True, Push.PUSH)

        with pytest.raises(BadCoupling, match=r"has no state <Push\.PUSH: 'push'>"):
            machine.after(tie)

    @pytest.mark.parametrize("name", [5, None, b"door", Door.OPEN])
    def test_table_name_that_is_not_a_str_is_refused(self, name: Any) -> None:
        with pytest.raises(TableError, match="the name of a table must be a str, got "):
            table("open", "go", "shut", name=name)

    def test_table_name_of_a_str_subclass_becomes_str(self) -> None:
        assert type(table("open", "go", "shut", name=Mixed.PUSH).name) is str


class TestTextOfErrors:
    """One line, and not of any length, whatever the names are."""

    ODD = "a\nb\x1b[31m\u202e"
    SHOWN = r"a\nb\x1b[31m\u202e"

    def texts(self) -> list[str]:
        odd, out = self.ODD, "out"
        stay = Row(odd, odd, odd)
        cases: list[tuple[type[TableError], dict[str, Any]]] = [
            (UnknownState, {"rows": (Row(odd, odd, "nowhere"),)}),
            (DuplicateRow, {"rows": (stay, Row(odd, odd, out))}),
            (DuplicateRow, {"rows": (stay, Row(odd, Event(odd), out))}),
            (DuplicateRow, {"states": (odd, out, odd)}),
            (TransitionFromFinalState, {"final": (odd,)}),
            (UnreachableState, {"states": (odd, out, "far")}),
            (DeadEnd, {"states": (odd,), "final": (), "rows": (stay,)}),
        ]
        found = []
        for error, changes in cases:
            with pytest.raises(error) as caught:
                table(odd, odd, out, **changes)
            found.append(str(caught.value))
        machine = Machine(table(odd, odd, out, name=odd))
        found += [str(machine.initial.refusal(odd)), str(machine.nodes[out].refusal(odd))]
        tie: Coupling[str] = Coupling(odd, odd, odd, (f"{odd}!",), True, None)
        with pytest.raises(BadCoupling) as refused:
            machine.after(tie)
        return [*found, str(refused.value)]

    def test_error_shows_unprintable_characters_as_escape_sequences(self) -> None:
        for text in self.texts():
            assert self.SHOWN in text
            assert text.isprintable()

    def test_refusal_shows_empty_names_in_quotes(self) -> None:
        assert str(Machine(table("", "x", "shut", name="")).initial.refusal("y")) == (
            'The "" machine refuses \'y\' in state ""; allowed now: x'
        )

    def test_error_shortens_long_names_and_long_lists(self) -> None:
        events = [f"{number}{'x' * 1000}" for number in range(1000)]
        rows = tuple(Row("open", event, "shut") for event in events)
        refusal = Machine(table("open", "go", "shut", rows=rows)).initial.refusal("y" * 10**6)

        assert len(str(refusal)) < 10_000
        assert "999xxx" not in str(refusal)
        assert str(refusal).endswith("... and 960 more")
        assert refusal.event == "y" * 10**6
        assert refusal.allowed == tuple(events)

    def test_error_shows_the_first_of_many_states(self) -> None:
        states = tuple(map(str, range(1000)))
        with pytest.raises(UnknownState, match=r"(?m) 0, 1, .* 38, 39 and 960 more$"):
            table("0", "go", "nowhere", states=states)
