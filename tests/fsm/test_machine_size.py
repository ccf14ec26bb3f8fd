"""Large machines: nothing that is done with a table costs more than in proportion to its rows."""

import gc
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from wsfsm.diagrams import Diagram, dot, markdown, mermaid
from wsfsm.fsm import Coupling, Event, Machine, Row, Table

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

SMALL = 250
GROWTH = 8
MOST = 3 * GROWTH
"""How many times as long the larger one may take: the square would be 64 times."""


def chain(size: int) -> Table[str]:
    """Many states and one event."""
    states = tuple(f"s{number}" for number in range(size + 1))
    rows = tuple(Row(states[n], "next", states[n + 1]) for n in range(size))
    return Table("chain", states, states[0], (states[-1],), rows)


def star(size: int) -> Table[str]:
    """Many terminal states, and as many events."""
    ends = tuple(f"end {number}" for number in range(size))
    rows = tuple(Row("start", f"to {end}", end) for end in ends)
    return Table("star", ("start", *ends), "start", ends, rows)


def guarded(size: int) -> Table[str]:
    """Many states, and as many guards of one event."""
    states = tuple(f"s{number}" for number in range(size + 1))
    rows = tuple(Row(states[n], Event("go", guard=f"{n}"), states[n + 1]) for n in range(size))
    return Table("guarded", states, states[0], (states[-1],), rows)


def loops(size: int) -> Table[str]:
    """Many events, nearly all of which change nothing."""
    rows = (*(Row("on", f"event {n}", "on") for n in range(size)), Row("on", "end", "off"))
    return Table("loops", ("on", "off"), "on", ("off",), rows)


def bind(machine: Machine[str]) -> None:
    keeps = machine.table.events
    machine.after(Coupling("other", "event", machine.name, keeps, True, machine.table.states[-1]))


def declare(table: Table[str]) -> None:
    Table(table.name, table.states, table.initial, table.final, table.rows)


def take_columns(machine: Machine[str]) -> None:
    for event in machine.table.events:
        machine.transitions_on(event)


def tie(table: Table[str]) -> None:
    couplings = [Coupling[str](table.name, e, "x", (), True, None) for e in table.events]
    Diagram([table, Table("x", ("a", "b"), "a", ("b",), (Row("a", "e", "b"),))], couplings)


Works: TypeAlias = dict[str, tuple[Callable[[Table[str]], Any], Callable[[Any], object]]]
"""By a name: makes of a table the thing to work with, and the work."""

SHAPES: list[Callable[[int], Table[str]]] = [chain, star, guarded, loops]
WORK: Works = {
    "declaring": (lambda table: table, declare),
    "compiling": (lambda table: table, Machine),
    "columns": (Machine, take_columns),
    "binding": (Machine, bind),
    "reachable states": (lambda table: table, Table.reachable),
    "dot": (lambda table: Diagram([table]), dot),
    "merged dot": (lambda table: Diagram([table], merge_edges=True), dot),
    "mermaid": (lambda table: Diagram([table]), mermaid),
    "merged mermaid": (lambda table: Diagram([table], merge_edges=True), mermaid),
    "couplings of a diagram": (lambda table: table, tie),
}
MATRIX: Works = {
    "matrix": (lambda table: table, Table.matrix),
    "markdown": (lambda table: Diagram([table]), markdown),
}
"""Both have a cell for every state with every event: few of the ones, or few of the others."""
PATHS: Works = {
    "paths": (lambda table: table, lambda table: list(table.paths(2))),
}
"""Of loops there are as many as the square."""

CASES = [
    *((shape, *WORK[name], name) for shape in SHAPES for name in WORK),
    *((shape, *MATRIX[name], name) for shape in (chain, loops) for name in MATRIX),
    *((shape, *PATHS[name], name) for shape in (chain, star, guarded) for name in PATHS),
]


def seconds(work: Callable[[Any], object], given: Any) -> float:
    """Of processor time."""
    start = time.process_time()
    work(given)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("shape", "prepare", "work"),
    [case[:3] for case in CASES],
    ids=[f"{case[3]} of {case[0].__name__}" for case in CASES],
)
def test_cost_grows_in_proportion_to_the_rows(
    shape: Callable[[int], Table[str]],
    prepare: Callable[[Table[str]], Any],
    work: Callable[[Any], object],
) -> None:
    small, large = (prepare(shape(size)) for size in (SMALL, SMALL * GROWTH))
    short = long = float("inf")
    gc.disable()  # it would look through all that pytest has, and more often for the larger one
    try:
        # other processes only ever add to a time, so the least of a few is right in the end
        for number in range(20):
            short = min(short, seconds(work, small))
            long = min(long, seconds(work, large))
            limit = MOST * max(short, 0.001)
            if number >= 2 and long < limit:
                break
    finally:
        gc.enable()

    assert long < limit


def test_chain_of_ten_thousand_states_works_to_its_end() -> None:
    machine = Machine(chain(10_000))
    node = machine.initial
    while not node.final:
        node = node.step("next")

    assert node.state == "s10000"
    assert len(machine.table.reachable("s5000")) == 5001
    assert len(machine.transitions_on("next")) == 10_000
