"""`Machine.from_scxml`: what `scxml` has written, and documents of others."""

from typing import Any

import pytest
from helpers.diagram_tables import STRANGE
from helpers.scxml_documents import document, refused
from helpers.traffic_light import LIGHT
from hypothesis import given, settings
from hypothesis import strategies as st
from statemachine.io.scxml.processor import SCXMLProcessor

from wsfsm.diagrams import DIAGRAMS, Diagram, scxml
from wsfsm.diagrams._model import key_of, name_of, output_name
from wsfsm.exceptions import DeadEnd, DuplicateRow, TableError, UnreachableState
from wsfsm.fsm import Event, Machine, Row, Table
from wsfsm.tables import APPLICATION, CLIENT, SERVER

PREFIXES: Table[str] = Table(
    name="prefixes",
    states=("a", "a.b", ".", "_x0041_", "end"),
    initial="a",
    final=("end",),
    rows=(
        Row("a", "a", "a.b", "a note", ("first", 'a "quoted" one')),
        Row("a", Event("a.b.c", guard="three"), "a"),
        Row("a", "*", "."),
        Row("a.b", "a", "."),
        Row("a.b", Event("a.b", guard="one"), "a"),
        Row("a.b", Event("a.b", guard="two"), "a.b"),
        Row("a.b", "a.b.c", "a", outputs=("out",)),
        Row("_x0041_", "a.b", "end"),
        Row(".", "a.b.c", "_x0041_"),
        Row("end", "a", "end", outputs=("too late",)),
    ),
)
BLINKER = Table(
    "blinker", ("on", "off"), "on", (), (Row("on", "b", "off"), Row("off", "b", "on")), endless=True
)
LONE: Table[str] = Table("lone", ("a",), "a", ("a",), ())
ENDS: Table[str] = Table(
    "ends",
    ("a", "b", "c"),
    "a",
    ("b", "c"),
    (Row("a", "x", "b"), Row("a", "y", "c"), Row("c", "z", "c")),
)
TABLES: list[Table[Any]] = [
    CLIENT.table, APPLICATION.table, SERVER.table, LIGHT.table, STRANGE, PREFIXES, BLINKER, LONE, ENDS
]  # fmt: skip


def rows(table: Table[Any]) -> dict[Any, Any]:
    """The rows of a table as far as SCXML has them."""
    return {
        (name_of(row.source), *key_of(row)): (
            name_of(row.target),
            [*map(output_name, row.outputs)],
        )
        for row in table.rows
    }


def in_step(text: str, length: int) -> Machine[str]:
    """Let an interpreter and the machine take each sequence of events up to a length."""
    machine = Machine.from_scxml(text)
    interpreter: Any = SCXMLProcessor()
    interpreter.parse_scxml("machine", text)
    events = [*machine.table.events, "other"]
    ahead: list[tuple[Any, ...]] = [()]
    while ahead:
        path = ahead.pop()
        run, node = interpreter.start(), machine.initial
        for event in path:
            name, guard = (event.name, event.guard) if isinstance(event, Event) else (event, "")
            run.send(name, guard=guard)
            node = node.moves.get(event, node)
        assert [state.id for state in run.configuration] == [node.state], path
        if len(path) < length and node.state not in machine.table.final:
            ahead += [(*path, event) for event in events]
    return machine


class TestRoundTrip:
    @pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
    def test_machine_that_was_written_is_read_exactly(self, table: Table[Any]) -> None:
        written = scxml(Diagram([table]))
        read = Machine.from_scxml(written).table

        assert read.name == table.name
        assert read.states == tuple(map(name_of, table.states))
        assert read.initial == name_of(table.initial)
        assert read.final == tuple(map(name_of, table.final))
        assert read.endless is table.endless
        assert rows(read) == rows(table)
        assert scxml(Diagram([read])) == written
        assert Machine.from_scxml(written.encode()).table == read

    @settings(deadline=None)
    @given(
        st.lists(st.text(max_size=3) | st.sampled_from(["a", "a.b", "a.b.c"]), min_size=2, max_size=3, unique=True),
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.text("ab._x0 '\"\\", min_size=1, max_size=4) | st.sampled_from(["a", "a.b", "a.b.c"]),
                st.text("ab'\"\\\n", max_size=2),
                st.integers(0, 2),
                st.text(max_size=3),
            ),
            max_size=8,
        ),
    )  # fmt: skip
    def test_any_machine_is_read_exactly(
        self, names: list[str], lines: list[tuple[int, str, str, int, str]]
    ) -> None:
        states = [f"{name}:" for name in names]
        found = {
            (source, name, guard): Row(
                states[source % len(states)],
                Event(name, guard) if guard else name,
                states[target % len(states)],
                outputs=(output,) * bool(output),
            )
            for source, name, guard, target, output in lines
        }
        try:
            table = Table("t", (*states,), states[0], (states[-1],), (*found.values(),))
        except TableError:
            return
        read = Machine.from_scxml(scxml(Diagram([table]))).table

        assert (read.states, read.initial, read.final) == (table.states, table.initial, table.final)
        assert rows(read) == rows(table)

    def test_messages_and_notes_are_lost(self) -> None:
        read = Machine.from_scxml(scxml(Diagram([LIGHT]))).table

        assert {type(event) for event in read.events} == {str, Event}
        assert "timer" in read.events
        assert {row.note for row in read.rows} == {""}

    def test_several_machines_are_refused(self) -> None:
        assert refused(scxml(DIAGRAMS["both"])) == (
            "line 5, <parallel>, has parallel states, so it cannot be in a table",
            "it has no states",
        )


class TestOtherDocuments:
    def test_door_of_the_w3c_form_is_read(self) -> None:
        machine = in_step(
            document(
                '<state id="open"><transition event="push" target="shut"/></state>',
                '<state id="shut">',
                '  <transition event="pull" target="open" type="external"/>',
                "  <transition event=\"lock\" cond=\"_event.data.guard === 'key'\" target='locked'/>",
                "</state>",
                '<final id="locked"/>',
                head='name="door" initial="shut" datamodel="ecmascript" binding="early"',
            ).replace("===", "=="),
            4,
        )

        assert machine.table == Table(
            "door",
            ("open", "shut", "locked"),
            "shut",
            ("locked",),
            (
                Row("open", "push", "shut"),
                Row("shut", "pull", "open"),
                Row("shut", Event("lock", guard="key"), "locked"),
            ),
        )

    def test_machine_without_a_name_or_initial_state_starts_in_the_first_state(self) -> None:
        text = document('<state id="a"><transition event="x" target="b"/></state><state id="b"/>')

        assert Machine.from_scxml(text).table == Table(
            "machine", ("a", "b"), "a", ("b",), (Row("a", "x", "b"),)
        )
        assert Machine.from_scxml(text, name="door").name == "door"

    def test_notes_of_an_editor_are_ignored(self) -> None:
        text = document(
            "<!-- a comment --><?editor a processing instruction?>",
            '<state id="a" e:x="1"><transition event="x" target="b" e:y="2"/></state><final id="b"/>',
            head='xmlns:e="http://example.com/editor"',
        )

        assert rows(Machine.from_scxml(text).table) == {("a", "x", ""): ("b", [])}

    def test_prefixes_several_events_and_the_order_count_as_in_an_interpreter(self) -> None:
        machine = in_step(
            document(
                '<state id="a">',
                '  <transition event="error.io" target="b"/>',
                '  <transition event="error" target="c"/>',
                '  <transition event="error.io.disk" target="end"/>',
                '  <transition event="go" cond="_event.data.guard == &quot;x&quot;" target="b"/>',
                '  <transition event="go go.on" target="c"/>',
                "</state>",
                '<state id="b">',
                '  <transition event="go.on"/>',
                '  <transition event="go error error.io" target="a"/>',
                "</state>",
                '<state id="c">',
                '  <transition event="go.on" cond="_event.data.guard == &quot;y&quot;" target="end"/>',
                '  <transition event="go" target="b"/>',
                "</state>",
                '<final id="end"/>',
                head='initial="a" datamodel="ecmascript"',
            ),
            3,
        )

        found = rows(machine.table)
        assert found["a", "error.io.disk", ""] == ("b", [])
        assert found["a", "go.on", "x"] == ("b", [])
        assert found["c", "go.on", "y"] == ("end", [])
        assert ("b", "go.on", "") not in found

    def test_guard_of_a_shorter_event_that_makes_no_difference_is_not_one_of_the_longer_event(
        self,
    ) -> None:
        text = document(
            '<state id="a">',
            '  <transition event="x.y" target="b"/>',
            '  <transition event="x" cond="_event.data.guard == &quot;g&quot;" target="b"/>',
            "</state>",
            '<final id="b"/>',
        )

        assert [*rows(Machine.from_scxml(text).table)] == [("a", "x.y", ""), ("a", "x", "g")]

    def test_transition_without_a_target_stays_if_it_logs(self) -> None:
        text = document(
            '<state id="a">',
            '  <transition event="x"><log expr="\'out\'"/><log expr=\'"put"\'/></transition>',
            '  <transition event="y"/>',
            '  <transition event="z" target="a"/>',
            "</state>",
        )

        assert rows(Machine.from_scxml(text).table) == {
            ("a", "x", ""): ("a", ["out", "put"]),
            ("a", "z", ""): ("a", []),
        }

    @pytest.mark.parametrize(
        ("lines", "kind"),
        [
            (['<state id="a"/><state id="b"/>'], UnreachableState),
            (
                [
                    '<state id="a"><transition event="x" target="b"/>',
                    '<transition event="y" target="c"/></state>',
                    '<state id="b"><transition event="x" target="d"/></state><final id="c"/>',
                    '<state id="d"><transition event="x" target="b"/></state>',
                ],
                DeadEnd,
            ),
            (['<state id="_x002A_"/>'], TableError),
            (['<state id="a"/><state id="_x0061_"/>'], DuplicateRow),
        ],
    )
    def test_document_is_checked_like_each_table(
        self, lines: list[str], kind: type[TableError]
    ) -> None:
        with pytest.raises(kind) as caught:
            Machine.from_scxml(document(*lines))

        assert caught.type is kind
