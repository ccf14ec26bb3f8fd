"""Machines of the package `transitions`, and why they are refused."""

from typing import Any

import pytest
import transitions

from wsfsm.exceptions import ConversionError
from wsfsm.fsm import Machine

STATES = ["red", "green", "off"]
ROWS: list[Any] = [
    ["go", "red", "green"],
    ["stop", "green", "red"],
    {"trigger": "switch off", "source": "*", "dest": "off"},
    ["tick", ["red", "green"], "="],
    ["wink", "green", None],
]


class Model:
    """A model with a condition, and a state."""

    state: Any
    trigger: Any
    free = True


def light(**changes: Any) -> transitions.Machine:
    """A flat machine without callbacks, with changes."""
    parts: dict[str, Any] = {
        "model": None,
        "states": STATES,
        "transitions": ROWS,
        "initial": "red",
        "name": "light",
    }
    kind = changes.pop("kind", transitions.Machine)
    return kind(**(parts | changes))  # type: ignore[no-any-return]


def reasons(machine: transitions.Machine) -> tuple[str, ...]:
    """Why a machine is refused."""
    with pytest.raises(
        ConversionError, match=r"machine cannot become a Machine, because"
    ) as caught:
        Machine.from_transitions(machine)
    assert all(reason in str(caught.value) for reason in caught.value.reasons)
    return caught.value.reasons
