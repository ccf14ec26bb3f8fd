"""What a server may decide for itself, and nothing else."""

from typing import Any

import attrs
import pytest

from wsfsm.server import Policies


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("on_return", ["close", "drop"]),
        ("on_exception", ["close", "drop"]),
        ("denial", ["hold", "flush"]),
        ("shutdown_code", [1001, 1012, 1013]),
        ("shutdown_status", [400, 503, 599]),
        ("handshake_timeout", [None, 0.1, 5]),
        ("close_timeout", [0.1, 5]),
        ("ping_interval", [None, 0.1, 5]),
        ("ping_timeout", [None, 0.1, 5]),
        ("max_message_size", [None, 0, 1]),
        ("max_early_data", [0, 1]),
        ("high_water", [2**14, 2**20]),
        ("low_water", [0, 2**16]),
    ],
)
def test_what_a_policy_can_be(name: str, values: list[Any]) -> None:
    for value in values:
        assert getattr(Policies(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("on_return", ["", "hold", None]),
        ("on_exception", ["", "flush", None]),
        ("denial", ["", "close", None]),
        ("shutdown_code", [1000, 1011, 4000, 1012.0, None]),
        ("shutdown_status", [200, 399, 600, None, "503"]),
        ("handshake_timeout", [0, -1, float("inf"), float("nan"), "5", True]),
        ("close_timeout", [None, 0, -1, float("inf"), "5"]),
        ("ping_interval", [0, -1, float("inf"), "5", True]),
        ("ping_timeout", [0, -1, float("inf"), "5", True]),
        ("max_message_size", [-1, 0.5, "1", True]),
        ("max_early_data", [None, -1, 0.5]),
        ("high_water", [None, -1, 0.5]),
        ("low_water", [None, -1, 0.5]),
    ],
)
def test_what_it_cannot_be(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name):
            Policies(**{name: value})


def test_every_policy_was_tried() -> None:
    assert len(attrs.fields(Policies)) == 13


def test_reading_goes_on_before_it_stops() -> None:
    with pytest.raises(ValueError, match="low_water must not be above high_water, got 2 and 1"):
        Policies(high_water=1, low_water=2)
