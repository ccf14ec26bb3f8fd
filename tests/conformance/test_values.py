"""Values of cases, and patterns for them."""

from typing import Any

import pytest

from wsfsm.conformance.patterns import describe_pattern, mismatch
from wsfsm.conformance.values import CaseError, describe_value, from_json, message, to_json, value


class TestValues:
    @pytest.mark.parametrize(
        ("raw", "meant"),
        [
            ("a", "a"),
            (1, 1),
            (True, True),
            ([1, {"none": True}], [1, None]),
            ({"bytes": "a\u00ff"}, b"a\xff"),
            ({"bytes": "ab", "times": 3}, b"ababab"),
            ({"hex": "61ff", "times": 2}, b"a\xffa\xff"),
            ({"text": "é", "times": 2}, "éé"),
            ({"none": True}, None),
            ({"code_points": [0xD800, 97]}, "\ud800a"),
            ({"array": [{"bytes": "x"}]}, [b"x"]),
            ({"bytearray": "a\u00ff"}, bytearray(b"a\xff")),
            ({"memoryview": "a\u00ff"}, memoryview(b"a\xff")),
        ],
    )
    def test_table_is_converted_to_a_value_that_toml_lacks(self, raw: Any, meant: Any) -> None:
        assert value(raw) == meant
        assert type(value(raw)) is type(meant)

    @pytest.mark.parametrize("raw", [{}, {"byte": "a"}, {"bytes": "a", "text": "b"}, {"bytes": 1}])
    def test_table_with_other_keys_is_refused(self, raw: Any) -> None:
        with pytest.raises(CaseError, match="expected a value, for example"):
            value(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            {"bytes": "€"},
            {"hex": "6"},
            {"hex": "xy"},
            {"text": "a", "times": "3"},
            {"text": "a", "times": -1},
            {"text": "a", "times": True},
            {"text": "a", "times": 10**30},
            {"code_points": [-1]},
            {"code_points": [0x110000]},
            {"code_points": [10**30]},
            {"code_points": ["a"]},
            {"bytearray": "€"},
            {"memoryview": 1},
        ],
        ids=repr,
    )
    def test_table_with_wrong_contents_is_refused(self, raw: Any) -> None:
        for table in (raw, {"array": [raw]}):
            with pytest.raises(CaseError) as caught:
                value(table)
            assert (
                str(caught.value)
                == f"expected a value, for example a text, a number or {{ bytes = 'a' }}, not {raw}"
            )

    def test_message_keys_are_not_taken_for_a_value_table(self) -> None:
        raw = {"type": "websocket.send", "bytes": {"bytes": "x"}, "text": {"none": True}}
        assert message(raw) == {"type": "websocket.send", "bytes": b"x", "text": None}

    @pytest.mark.parametrize(
        "plain",
        [
            "\ud800",
            b"\xff",
            bytearray(b"\xff"),
            None,
            1,
            1.5,
            True,
            [b"a", (1,)],
            {"a": {"b": (b"c", None)}},
        ],
    )
    def test_value_survives_the_json_round_trip(self, plain: Any) -> None:
        arrived = from_json(to_json(plain))

        assert arrived == plain
        assert repr(arrived) == repr(plain)

    def test_memoryview_survives_the_json_round_trip(self) -> None:
        arrived = from_json(to_json(memoryview(b"\xff")))

        assert type(arrived) is memoryview
        assert bytes(arrived) == b"\xff"

    def test_object_of_another_type_becomes_text(self) -> None:
        assert from_json(to_json({"state": object()})) == {"state": "<class 'object'>"}

    @pytest.mark.parametrize(
        ("plain", "text"),
        [
            ("a", "'a'"),
            ("a" * 61, "'aaaaaaaaaaaaaaaaaaaaaaaa'... (61 characters)"),
            (b"a" * 61, "b'aaaaaaaaaaaaaaaaaaaaaaaa'... (61 B)"),
            ({"a": [1, (b"x",)]}, "{a: [1, (b'x')]}"),
        ],
    )
    def test_value_is_described(self, plain: Any, text: str) -> None:
        assert describe_value(plain) == text


# pattern, what was seen, what is wrong
MISMATCHES = [
    ({}, {"a": 1}, ""),
    ({"a": 1}, {"a": 1, "b": 2}, ""),
    ({"a": 1}, {"a": True}, "a: expected 1, got True"),
    ({"a": 1}, {}, "a: expected 1, got nothing"),
    ({"a": "x"}, {"a": b"x"}, "a: expected 'x', got b'x'"),
    ({"a": [1, 2]}, {"a": (1, 2)}, ""),
    ({"a": [1, 2]}, {"a": [1, 3]}, "a: expected 2, got 3"),
    ({"a": [1]}, {"a": [1, 2]}, "a: expected [1], got [1, 2]"),
    ({"a": [1]}, {"a": 1}, "a: expected [1], got 1"),
    ({"a": {"bytes": "x"}}, {"a": b"x"}, ""),
    ({"a": {"bytes": "x"}}, {"a": "x"}, "a: expected b'x', got 'x'"),
    ({"a": {"none": True}}, {"a": None}, ""),
    ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}, ""),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, "a: b: expected 1, got 2"),
    ({"a": {"b": 1}}, {"a": 2}, "a: expected b: 1, got 2"),
    ({"a": {"one_of": [1, {"bytes": "x"}]}}, {"a": b"x"}, ""),
    ({"a": {"one_of": [1, 2]}}, {"a": 3}, "a: expected 1 or 2, got 3"),
    ({"a": {"between": [1, 2]}}, {"a": 2}, ""),
    ({"a": {"between": [1, 2]}}, {"a": 3}, "a: expected 1 to 2, got 3"),
    ({"a": {"between": [0, 2]}}, {"a": True}, "a: expected 0 to 2, got True"),
    ({"a": {"is": "int"}}, {"a": 1}, ""),
    ({"a": {"is": "int"}}, {"a": True}, "a: expected any int, got True"),
    ({"a": {"is": "list"}}, {"a": ()}, ""),
    ({"a": {"is": "dict"}}, {"a": {}}, ""),
    ({"a": {"is": "text"}}, {}, "a: expected any text, got nothing"),
    ({"a": {"begins": "HTTP/"}}, {"a": b"HTTP/1.1 403"}, ""),
    ({"a": {"begins": "HTTP/"}}, {"a": "HTTP/1.1 403"}, ""),
    ({"a": {"begins": "HTTP/"}}, {"a": b"x"}, "a: expected something that begins with 'HTTP/', got b'x'"),
    ({"a": {"begins": "HTTP/"}}, {"a": 1}, "a: expected something that begins with 'HTTP/', got 1"),
    ({"a": {"absent": True}}, {}, ""),
    ({"a": {"absent": True}}, {"a": None}, "a: expected nothing, got None"),
    ({"a": {"unset": True}}, {"a": None}, ""),
    ({"a": {"unset": True}}, {}, ""),
    ({"a": {"unset": True}}, {"a": 0}, "a: expected nothing or None, got 0"),
    ({"a": {"has": [1, {"is": "text"}]}}, {"a": ["x", 2, 1]}, ""),
    ({"a": {"has": [1]}}, {"a": [2]}, "a: expected a list with 1, got [2]"),
    ({"a": {"has": [1]}}, {"a": 1}, "a: expected a list with 1, got 1"),
    ({"a": {"lacks": [1]}}, {"a": [2]}, ""),
    ({"a": {"lacks": [1]}}, {}, ""),
    ({"a": {"lacks": [1]}}, {"a": [1]}, "a: expected a list without 1, got [1]"),
    ({"message": {"bytes": {"bytes": "x"}}}, {"message": {"bytes": b"x"}}, ""),
    ({"message": {"bytes": "x"}}, {"message": {"bytes": b"x"}}, "message bytes: expected 'x', got b'x'"),
    ({"message": {"text": "x"}}, {"waits": True}, "message expected some, got nothing"),
    ({"headers": {"has": [[{"bytes": "a"}, {"bytes": "b"}]]}}, {"headers": [(b"a", b"b")]}, ""),
]  # fmt: skip


class TestPatterns:
    @pytest.mark.parametrize(("pattern", "seen", "wrong"), MISMATCHES)
    def test_mismatch_is_described(self, pattern: Any, seen: Any, wrong: str) -> None:
        assert mismatch(pattern, seen) == wrong

    def test_unknown_type_name_is_refused(self) -> None:
        with pytest.raises(
            CaseError, match="expected text or bytes or int or list or dict after is"
        ):
            mismatch({"a": {"is": "str"}}, {"a": 1})

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ({"waits": True}, "waits"),
            ({"opcode": "text", "text": "x"}, "opcode: 'text', text: 'x'"),
            ({"message": {"code": 1000, "reason": {"none": True}}}, "message {code: 1000, reason: None}"),
            ({"headers": {"a": ["1", "2"]}}, "headers {a: ['1', '2']}"),
            ({"text": {"bytes": "x"}}, "text: b'x'"),
        ],
    )  # fmt: skip
    def test_pattern_is_described(self, pattern: Any, text: str) -> None:
        assert describe_pattern(pattern) == text
