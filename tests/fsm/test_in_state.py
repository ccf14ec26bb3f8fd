"""Rows that are written state by state, with `in_state`."""

from typing import Any

import pytest

from wsfsm import SAME, Event, Row, TableError, in_state

TIMER = Event("timer", is_message=False)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (("push", "shut"), Row("open", "push", "shut")),
        (("push", "shut", "by hand"), Row("open", "push", "shut", "by hand")),
        (("push", "shut", ("bang",)), Row("open", "push", "shut", "", ("bang",))),
        (("push", "shut", ("bang",), "by hand"), Row("open", "push", "shut", "by hand", ("bang",))),
        ((TIMER, "shut", (), ""), Row("open", TIMER, "shut")),
        (("push", SAME), Row("open", "push", "open")),
    ],
)
def test_line_becomes_a_row_of_the_state(line: tuple[Any, ...], row: Row[str]) -> None:
    assert in_state("open", line) == (row,)


def test_line_is_repeated_for_each_state_and_event() -> None:
    rows = in_state(("open", "shut"), (("look", TIMER), SAME), ("remove", "gone"))

    assert rows == (
        Row("open", "look", "open"),
        Row("open", TIMER, "open"),
        Row("open", "remove", "gone"),
        Row("shut", "look", "shut"),
        Row("shut", TIMER, "shut"),
        Row("shut", "remove", "gone"),
    )


def test_state_without_lines_has_no_rows() -> None:
    assert in_state("gone") == ()


@pytest.mark.parametrize(
    "line",
    [
        (),
        ("push",),
        "push",
        ("push", "shut", None),
        ("push", "shut", "by hand", ("bang",)),
        ("push", "shut", ["bang"]),
        ("push", "shut", ("bang",), "by hand", "again"),
        None,
    ],
)
def test_malformed_line_is_refused(line: Any) -> None:
    with pytest.raises(TableError, match=r"^a line of in_state\(\) must be .*, got "):
        in_state("open", line)
