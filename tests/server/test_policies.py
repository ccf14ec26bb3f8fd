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
        ("shutdown_timeout", [0.1, 5]),
        ("ping_interval", [None, 0.1, 5]),
        ("ping_timeout", [None, 0.1, 5]),
        ("max_message_size", [None, 0, 1]),
        ("max_head_size", [0, 1]),
        ("max_early_data", [0, 1]),
        ("wrong_accept", ["refuse", "mend"]),
        ("high_water", [2**14, 2**20]),
        ("low_water", [0, 2**16]),
    ],
)
def test_policy_accepts_valid_values(name: str, values: list[Any]) -> None:
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
        ("close_timeout", [None, 0, -1, float("inf"), float("nan"), "5"]),
        ("shutdown_timeout", [None, 0, -1, float("inf"), float("nan"), "5"]),
        ("ping_interval", [0, -1, float("inf"), "5", True]),
        ("ping_timeout", [0, -1, float("inf"), "5", True]),
        ("max_message_size", [-1, 0.5, "1", True]),
        ("max_head_size", [None, -1, 0.5]),
        ("wrong_accept", ["", "send", None]),
        ("max_early_data", [None, -1, 0.5]),
        ("high_water", [None, -1, 0.5]),
        ("low_water", [None, -1, 0.5]),
    ],
)
def test_policy_refuses_invalid_values(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name):
            Policies(**{name: value})


def test_every_policy_has_valid_and_invalid_values_here() -> None:
    assert len(attrs.fields(Policies)) == 16


def test_low_water_above_high_water_is_refused() -> None:
    with pytest.raises(ValueError, match="low_water must not be above high_water, got 2 and 1"):
        Policies(high_water=1, low_water=2)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("CLOSE_TIMEOUT", "5", 5.0),
            ("CLOSE_TIMEOUT", " 0.5 ", 0.5),
            ("HANDSHAKE_TIMEOUT", "1e3", 1000.0),
            ("HANDSHAKE_TIMEOUT", "none", None),
            ("PING_INTERVAL", "Off", None),
            ("MAX_MESSAGE_SIZE", "1024", 1024),
            ("MAX_MESSAGE_SIZE", "NONE", None),
            ("SHUTDOWN_CODE", "1001", 1001),
            ("ON_RETURN", "drop", "drop"),
            ("WRONG_ACCEPT", "mend", "mend"),
        ],
    )
    def test_variable_sets_its_policy(self, name: str, text: str, value: Any) -> None:
        policies = Policies().with_environment({f"WSFSM_SERVER_{name}": text, "HOME": "/"})

        assert policies == attrs.evolve(Policies(), **{name.lower(): value})
        assert type(getattr(policies, name.lower())) is type(value)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("CLOSE_TIMEOUT", "none"),
            ("CLOSE_TIMEOUT", ""),
            ("CLOSE_TIMEOUT", "-1"),
            ("CLOSE_TIMEOUT", "nan"),
            ("CLOSE_TIMEOUT", "5s"),
            ("PING_INTERVAL", "0"),
            ("MAX_MESSAGE_SIZE", "1e6"),
            ("MAX_MESSAGE_SIZE", "-1"),
            ("SHUTDOWN_CODE", "1000"),
            ("SHUTDOWN_CODE", "off"),
            ("ON_RETURN", "none"),
            ("LOW_WATER", "100000"),
        ],
    )
    def test_invalid_value_is_named_with_its_variable(self, name: str, text: str) -> None:
        with pytest.raises(ValueError, match=name.lower()) as caught:
            Policies().with_environment({f"WSFSM_SERVER_{name}": text})
        assert f"(set by WSFSM_SERVER_{name}={text})" in str(caught.value)

    @pytest.mark.parametrize("name", ["CLOSE_TIMEOUTS", "close_timeout", "", "POLICIES"])
    def test_unknown_variable_is_refused_with_the_valid_names(self, name: str) -> None:
        with pytest.raises(ValueError, match=f" WSFSM_SERVER_{name}, must be one of ") as caught:
            Policies().with_environment({f"WSFSM_SERVER_{name}": "5"})
        assert "WSFSM_SERVER_CLOSE_TIMEOUT" in str(caught.value)

    def test_prefix_of_variables_can_be_changed(self) -> None:
        environ = {"X_CLOSE_TIMEOUT": "5", "WSFSM_SERVER_NO": "1"}

        assert Policies().with_environment(environ, prefix="X_").close_timeout == 5

    def test_policies_without_a_variable_are_unchanged(self) -> None:
        policies = Policies(on_return="drop", high_water=2**20)

        assert policies.with_environment({}) == policies
        changed = policies.with_environment({"WSFSM_SERVER_DENIAL": "flush"})
        assert changed == attrs.evolve(policies, denial="flush")
