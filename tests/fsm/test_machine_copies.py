"""What a copy of the engine's objects is, and what they are after a trip through pickle."""

import copy
import gc
import pickle
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.lamp import BLACKOUT, DARK, LAMP, OFF, STEP, Light

from wsfsm.diagrams import DIAGRAMS, Diagram, dot
from wsfsm.fsm import Event, Machine, Node, Row, Table
from wsfsm.tables import APPLICATION, CLIENT, SERVER
from wsfsm.websockets._joint import OPEN, OPEN_HOOKED, PRODUCT, End, JointState, ProductMachine

TESTS = Path(__file__).parents[1]
ROW = LAMP.table.rows[0]
TIMER = Event("timer", guard="red", is_message=False)
SHARED = {
    "machine": LAMP,
    "node": OFF,
    "bound node": DARK,
    "step": STEP,
    "coupling": BLACKOUT,
    "table": LAMP.table,
    "row": ROW,
    "event": TIMER,
    "joint": PRODUCT.initial,
    "pair": PRODUCT,
}
"""By its kind."""
COMPARED_BY_IDENTITY = ("machine", "node", "bound node", "joint", "pair")


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class Door:
    """An object that holds a machine and where it is."""

    def __init__(self, machine: Machine[Any]) -> None:
        self.machine = machine
        self.node = machine.initial


def two_states(name: str, first: Any, last: Any, outputs: tuple[Any, ...] = ()) -> Table[Any]:
    rows = (Row(first, "go", last, outputs=outputs),)
    return Table(name=name, states=(first, last), initial=first, final=(last,), rows=rows)


@pytest.mark.parametrize("kind", SHARED)
class TestCopies:
    def test_copy_is_the_same_object(self, kind: str) -> None:
        assert copy.copy(SHARED[kind]) is SHARED[kind]

    def test_deep_copy_is_the_same_object(self, kind: str) -> None:
        assert copy.deepcopy({"in": [SHARED[kind]]})["in"][0] is SHARED[kind]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
class TestPickling:
    @pytest.mark.parametrize("kind", SHARED)
    def test_unpickled_object_is_equal(self, kind: str, protocol: int) -> None:
        assert pickle.loads(pickle.dumps(SHARED[kind], protocol)) == SHARED[kind]

    @pytest.mark.parametrize("kind", COMPARED_BY_IDENTITY)
    def test_unpickled_machine_or_node_is_the_same_object(self, kind: str, protocol: int) -> None:
        assert pickle.loads(pickle.dumps(SHARED[kind], protocol)) is SHARED[kind]

    @pytest.mark.parametrize("machine", [CLIENT, APPLICATION, SERVER])
    def test_unpickled_nodes_of_our_machines_are_the_same_objects(
        self, machine: Machine[Any], protocol: int
    ) -> None:
        nodes = list(machine.nodes.values())

        for node, before in zip(pickle.loads(pickle.dumps(nodes, protocol)), nodes, strict=True):
            assert node is before

    def test_copied_and_unpickled_diagrams_are_drawn_alike(self, protocol: int) -> None:
        for diagram in (DIAGRAMS["both"], Diagram([LAMP], merge_edges=True)):
            again = pickle.loads(pickle.dumps(diagram, protocol))

            assert dot(again) == dot(copy.deepcopy(diagram)) == dot(diagram)


class TestObjectsWithAMachine:
    def test_deep_copy_of_an_object_with_a_machine_is_independent(self) -> None:
        door = Door(LAMP)
        twin = copy.deepcopy(door)
        twin.node = twin.node.step("off")

        assert (door.node, twin.node) == (LAMP.initial, OFF)

    def test_object_with_a_machine_is_pickled_with_its_machine(self) -> None:
        twin = pickle.loads(pickle.dumps(Door(LAMP)))

        assert twin.machine is LAMP
        assert LAMP.transitions_on("off")[twin.node] is STEP

    def test_unpickling_in_another_process_finds_its_machine_and_nodes(self) -> None:
        code = (
            "import pickle, sys\nfrom helpers import lamp\n"
            "machine, node, dark, step = pickle.load(sys.stdin.buffer)\n"
            "print(machine is lamp.LAMP, node is lamp.OFF, dark is lamp.DARK, step == lamp.STEP)\n"
        )
        done = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", code],
            input=pickle.dumps((LAMP, OFF, DARK, STEP)),
            capture_output=True,
            check=True,
            cwd=TESTS,
            timeout=60,
        )

        assert done.stdout.split() == [b"True"] * 4


class TestUnpickledMachine:
    def test_unpickled_machine_is_compiled_anew_if_the_original_is_gone(self) -> None:
        door = Door(Machine(two_states("gone", "open", "shut")))
        pickled = pickle.dumps(door)
        del door
        gc.collect()
        twin = pickle.loads(pickled)

        assert twin.node is twin.machine.initial
        assert twin.node.step("go").final
        # and it is the one that the next is given
        assert pickle.loads(pickled).machine is twin.machine

    def test_unpickled_node_belongs_to_the_first_machine_of_an_equal_table(self) -> None:
        first, second = (Machine(two_states("twice", "open", "shut")) for _ in range(2))

        assert pickle.loads(pickle.dumps(second.initial)) is first.initial

    def test_enum_members_are_not_unpickled_as_equal_strings(self) -> None:
        strings = Machine(two_states("sides", "left", "right"))
        members = Machine(two_states("sides", Side.LEFT, Side.RIGHT))

        assert strings.table.states == members.table.states
        assert pickle.loads(pickle.dumps(members.initial)) is members.initial
        assert pickle.loads(pickle.dumps(strings.initial)) is strings.initial

    def test_machine_with_unhashable_outputs_is_unpickled_as_another_machine(self) -> None:
        door = Door(Machine(two_states("list", "open", "shut", outputs=([],))))
        twin = pickle.loads(pickle.dumps(door))

        assert twin.machine is not door.machine
        assert twin.node is twin.machine.initial
        assert twin.machine.table == door.machine.table

    def test_equal_couplings_bind_to_the_same_nodes(self) -> None:
        assert LAMP.after(attrs.evolve(BLACKOUT)) is LAMP.after(BLACKOUT)
        other = LAMP.after(attrs.evolve(BLACKOUT, forwards=True))
        assert other[LAMP.initial] is not DARK


class TestChangedCopies:
    def test_evolved_events_rows_and_couplings_are_values(self) -> None:
        assert attrs.evolve(TIMER, guard="") == Event("timer", is_message=False)
        assert attrs.evolve(ROW, note="", outputs=()) == Row(Light.RED, "off", Light.OFF)
        assert attrs.evolve(BLACKOUT, event=Side.LEFT).event == "left"

    def test_evolved_tables_are_checked_and_evolved_machines_compiled_anew(self) -> None:
        table = attrs.evolve(LAMP.table, name="torch")
        machine = attrs.evolve(LAMP, table=table)

        assert (machine.name, LAMP.name) == ("torch", "lamp")
        assert machine.initial is not LAMP.initial
        with pytest.raises(ValueError, match="rows must be a tuple"):
            attrs.evolve(LAMP.table, rows=list[Any]())  # type: ignore[arg-type]

    def test_evolved_node_is_not_pickled_as_a_node_of_the_machine(self) -> None:
        with pytest.raises(TypeError, match="mappingproxy"):
            pickle.dumps(attrs.evolve(OFF, forwards=False))
        alone = pickle.loads(pickle.dumps(Node("lamp", Light.OFF, {})))

        assert alone is not OFF
        assert (alone.machine, alone.state, alone.moves) == ("lamp", Light.OFF, {})


class TestJointStates:
    def test_copies_of_an_end_keep_code_reason_and_side(self) -> None:
        end = End(4000, "enough", "client")
        for twin in (copy.copy(end), copy.deepcopy(end), pickle.loads(pickle.dumps(end))):
            assert (twin.code, twin.reason, twin.closed_by) == (4000, "enough", "client")

    @pytest.mark.parametrize("joint", [PRODUCT.initial, OPEN, OPEN_HOOKED])
    def test_copy_of_a_joint_state_is_the_same_object(self, joint: JointState) -> None:
        for twin in (copy.copy(joint), copy.deepcopy(joint), pickle.loads(pickle.dumps(joint))):
            assert twin is joint

    def test_joint_state_of_another_product_machine_is_not_pickled_as_ours(self) -> None:
        with pytest.raises(pickle.PicklingError, match="PRODUCT"):
            pickle.dumps(ProductMachine("PRODUCT").initial)
