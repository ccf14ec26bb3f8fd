"""A traffic light, and the table of a door with one change."""

from enum import Enum
from typing import Any

from wsfsm.fsm import Event, Machine, Row, Table


class Light(Enum):
    RED = 1
    GREEN = 2
    OFF = 3


TIMER = Event("timer", is_message=False)
FAULT = Event("switch", guard="fault")


LIGHT = Machine(
    Table(
        name="light",
        states=(Light.RED, Light.GREEN, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(
            Row(Light.RED, TIMER, Light.GREEN, "it turns green by itself"),
            Row(Light.RED, "switch", Light.OFF),
            Row(Light.GREEN, "tick", Light.GREEN),
            Row(Light.GREEN, TIMER, Light.RED),
            Row(Light.GREEN, FAULT, Light.OFF),
        ),
    )
)


def table(**changes: Any) -> Table[str]:
    """A small valid table with changes."""
    parts: dict[str, Any] = {
        "name": "door",
        "states": ("open", "shut", "gone"),
        "initial": "open",
        "final": ("gone",),
        "rows": (Row("open", "push", "shut"), Row("shut", "remove", "gone")),
    }
    return Table(**(parts | changes))
