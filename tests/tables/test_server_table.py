"""The server's table against its specification, both ways, and against every mutant."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

import attrs
import pytest
from helpers.asgi import spec

from wsfsm.fsm import Row
from wsfsm.server._outputs import ConnectionData
from wsfsm.tables import SERVER, Output
from wsfsm.tables.states import ServerState

pytestmark = pytest.mark.unmeasured

SECTION = re.compile(
    r"RFC (6455|9110|9112) \d+(\.\d+)*|Connect|Accept|Receive|Send|Disconnect|Disconnected Client"
    r"|Close|Websocket Denial Response|Response Start|Response Body|Error Handling"
)
TABLE = SERVER.table
SPEC = spec("server")

Cells: TypeAlias = dict[tuple[str, str], tuple[str, list[str]] | None]
Rows: TypeAlias = Sequence[Row[ServerState]]


def specified() -> Cells:
    return {
        (state, event): (cell["next"], cell.get("outputs", [])) if "next" in cell else None
        for state in SPEC["states"]
        for event, cell in SPEC[state].items()
    }


NOTHING: Cells = {
    (state.name, str(event)): None for state in TABLE.states for event in TABLE.events
}


@cache
def cell(row: Row[ServerState]) -> tuple[tuple[str, str], tuple[str, list[str]]]:
    gives = [output.value for output in row.outputs if isinstance(output, Output)]
    return (row.source.name, str(row.event)), (row.target.name, gives)


def declared(rows: Rows) -> Cells:
    return NOTHING | dict(map(cell, rows))


def mutated(row: Row[ServerState]) -> Iterator[Row[ServerState]]:
    """The row with another destination, and with its outputs lost, doubled or in another order."""
    for state in TABLE.states:
        if state is not row.target:
            yield attrs.evolve(row, target=state)
    outputs = row.outputs
    for i in range(len(outputs)):
        yield attrs.evolve(row, outputs=outputs[:i] + outputs[i + 1 :])
        yield attrs.evolve(row, outputs=outputs[: i + 1] + outputs[i:])
    for i in range(len(outputs) - 1):
        yield attrs.evolve(
            row, outputs=(*outputs[:i], outputs[i + 1], outputs[i], *outputs[i + 2 :])
        )
    for output in Output:
        if output not in outputs:
            yield attrs.evolve(row, outputs=(*outputs, output))


def mutants() -> Iterator[Rows]:
    """Every table that differs from ours in a single row."""
    rows = TABLE.rows
    for i, row in enumerate(rows):
        yield (*rows[:i], *rows[i + 1 :])
        for changed in mutated(row):
            yield (*rows[:i], changed, *rows[i + 1 :])
    for (source, event), after in TABLE.matrix().items():
        if after is None:
            for state in TABLE.states:
                yield (*rows, Row(source, event, state))


def test_every_cell_agrees_with_the_specification_both_ways() -> None:
    assert declared(TABLE.rows) == specified()


def test_specification_has_every_cell() -> None:
    assert set(specified()) == {(s, e) for s in SPEC["states"] for e in SPEC["events"]}
    assert set(SPEC["events"]) == set(map(str, TABLE.events))
    assert set(SPEC) - set(SPEC["states"]) == {"machine", "states", "initial", "final", "events"}


def test_name_states_initial_and_final_agree_with_the_specification() -> None:
    assert TABLE.name == SPEC["machine"]
    assert [state.name for state in TABLE.states] == SPEC["states"]
    assert TABLE.initial.name == SPEC["initial"]
    assert [state.name for state in TABLE.final] == SPEC["final"]


def test_compiled_rows_agree_with_the_specification() -> None:
    columns = {event: SERVER.transitions_on(event) for event in TABLE.events}
    compiled: Cells = {
        (state.name, str(event)): (
            (step.target.state.name, [output.value for output in step.outputs])
            if (step := column.get(node))
            else None
        )
        for event, column in columns.items()
        for state, node in SERVER.nodes.items()
    }

    assert compiled == specified()


def test_every_cell_cites_a_section() -> None:
    for state in SPEC["states"]:
        for event, cell in SPEC[state].items():
            assert SECTION.fullmatch(cell["section"]), (state, event)
            assert set(cell) <= {"next", "refused", "outputs", "section"}, (state, event)
            assert ("next" in cell) != (cell.get("refused") is True), (state, event)


def test_every_row_notes_the_section_cited_in_the_specification() -> None:
    for row in TABLE.rows:
        assert SPEC[row.source.name][str(row.event)]["section"] in row.note, str(row)


def test_comparison_with_the_specification_notices_every_mutant() -> None:
    right = specified()

    assert all(declared(rows) != right for rows in mutants())


def test_mutants_cover_every_change_of_a_single_row() -> None:
    count, states, rows = Counter(map(len, mutants())), len(TABLE.states), len(TABLE.rows)
    refused = states * len(TABLE.events) - rows
    outputs = [len(row.outputs) for row in TABLE.rows]

    assert count == {
        rows - 1: rows,
        rows: sum(states - 1 + 2 * n + max(n - 1, 0) + len(Output) - n for n in outputs),
        rows + 1: refused * states,
    }


def test_every_output_is_in_a_row_and_has_a_handler() -> None:
    given = {output for row in TABLE.rows for output in row.outputs}

    assert given == set(Output) == set(ConnectionData.HANDLERS)
    assert list(ConnectionData.HANDLERS) == list(Output)


def test_closed_is_the_only_final_state() -> None:
    assert [node.state for node in SERVER.nodes.values() if node.final] == [ServerState.CLOSED]
