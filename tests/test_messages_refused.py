"""The records of the ASGI messages: the values and types that they refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from wsfsm.exceptions import MalformedMessage
from wsfsm.messages import (
    MESSAGES,
    Accept,
    AnyRecord,
    Close,
    Disconnect,
    Receive,
    ResponseBody,
    ResponseStart,
    Send,
    from_message,
)

WITH_HEADERS = (Accept, lambda **values: ResponseStart(status=403, **values))
WITH_DATA = (Receive, Send)


# record class, other keys, the key that is wrong, its value, what it must be
REFUSALS: list[tuple[type[AnyRecord], dict[str, Any], str, Any, str]] = [
    *(
        (kind, others, "text", value, "a str or None")
        for kind in WITH_DATA
        for others in ({}, {"bytes": b"x"})
        for value in (b"x", 1, True, ["x"])
    ),
    *(
        (kind, others, "bytes", value, "bytes or None")
        for kind in WITH_DATA
        for others in ({}, {"text": "x"})
        for value in ("x", 1, False, bytearray(b"x"), memoryview(b"x"))
    ),
    *(
        (kind, others, key, value, "an int")
        for kind, others, key in (
            (Disconnect, {}, "code"),
            (Close, {"reason": "x"}, "code"),
            (ResponseStart, {}, "status"),
        )
        for value in ("1000", 1000.0, True, False, b"", ())
    ),
    *((kind, {}, "reason", v, "a str") for kind in (Disconnect, Close) for v in (b"x", 0, ["x"])),
    *((Accept, {}, "subprotocol", value, "a str or None") for value in (b"chat", ["chat"], 0)),
    *(
        (ResponseBody, {"more_body": True}, "body", value, "bytes")
        for value in ("", 0, [b""], bytearray(), memoryview(b""))
    ),
    *((ResponseBody, {}, "more_body", value, "a bool") for value in (0, 1, "", "true", b"")),
]


# headers, what the error shows of them
BAD_HEADERS = [
    (5, "int 5"),
    (b"a", "bytes b'a'"),
    ("ab", "tuple ('a',)"),
    ([1], "list [1]"),
    ([None], "list [None]"),
    ({b"a": b"1"}, "tuple (97,)"),
    ([(b"a",)], "tuple (b'a',)"),
    ([()], "tuple ()"),
    ([(b"a", b"1", b"2")], "tuple (b'a', b'1', b'2')"),
    ([(b"a", b"1"), ("a", b"1")], "tuple ('a', b'1')"),
    ([(b"a", "1")], "tuple (b'a', '1')"),
    ([(b"a", bytearray(b"1"))], "tuple (b'a', bytearray(b'1'))"),
    ([b"ab"], "tuple (97, 98)"),
]


def refusal(call: Callable[..., object], *args: Any, **values: Any) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        call(*args, **values)
    return caught.value


class TestRefusedValues:
    @pytest.mark.parametrize(("kind", "others", "key", "value", "expected"), REFUSALS)
    def test_a_record_refuses_a_wrong_type(
        self, kind: type[AnyRecord], others: dict[str, Any], key: str, value: Any, expected: str
    ) -> None:
        error = refusal(kind, **others, **{key: value})
        text = f'{kind.type}: "{key}" must be {expected}, got {type(value).__name__} '
        assert str(error).startswith(text)
        assert error.key == key
        assert error.message is None

    @pytest.mark.parametrize(("kind", "others", "key", "value", "expected"), REFUSALS)
    def test_message_is_refused_with_the_same_text_as_its_record(
        self, kind: type[AnyRecord], others: dict[str, Any], key: str, value: Any, expected: str
    ) -> None:
        message = {"type": kind.type, **others, key: value}
        for read in (kind.from_message, from_message):
            error = refusal(read, message)
            assert str(error) == str(refusal(kind, **others, **{key: value}))
            assert error.key == key
            assert error.message is message

    def test_refusal_names_type_key_and_value(self) -> None:
        error = refusal(from_message, {"type": "websocket.close", "code": "1000"})
        assert str(error) == "websocket.close: \"code\" must be an int, got str '1000'"

    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            (Disconnect, "code"),
            (Disconnect, "reason"),
            (Accept, "headers"),
            (Close, "code"),
            (Close, "reason"),
            (ResponseStart, "status"),
            (ResponseBody, "body"),
            (ResponseBody, "more_body"),
        ],
    )
    def test_none_is_refused_by_a_record(self, kind: type[AnyRecord], key: str) -> None:
        assert refusal(kind, **{key: None}).key == key

    @pytest.mark.parametrize("kind", WITH_DATA)
    @pytest.mark.parametrize(
        ("values", "came"),
        [
            ({}, "neither"),
            ({"text": None, "bytes": None}, "neither"),
            ({"text": "", "bytes": b""}, "both"),
        ],
    )
    def test_exactly_one_payload_is_needed(
        self, kind: type[Receive | Send], values: dict[str, Any], came: str
    ) -> None:
        message = {"type": kind.type, **values}
        error = refusal(kind.from_message, message)
        assert str(error) == (
            f'{kind.type}: exactly one of "bytes" and "text" must be given, got {came}'
        )
        assert str(error) == str(refusal(kind, **values))
        assert error.key == "bytes"
        assert error.message is message

    @pytest.mark.parametrize("kind", WITH_HEADERS)
    @pytest.mark.parametrize(("headers", "shown"), BAD_HEADERS)
    def test_headers_must_be_pairs_of_bytes(
        self, kind: Callable[..., AnyRecord], headers: Any, shown: str
    ) -> None:
        error = refusal(kind, headers=headers)
        assert str(error).endswith(f': "headers" must be pairs of bytes, got {shown}')
        assert error.key == "headers"

    @pytest.mark.parametrize("message", [{}, {"status": None}])
    def test_a_response_needs_a_status(self, message: dict[str, Any]) -> None:
        message |= {"type": "websocket.http.response.start"}
        error = refusal(from_message, message)
        assert str(error) == 'websocket.http.response.start: "status" is missing or None'
        assert error.key == "status"
        assert error.message is message

    @pytest.mark.parametrize("value", ["x" * 5000, b"\xff" * 5000, [b"x"] * 5000], ids=type)
    def test_a_long_value_is_shown_shortened(self, value: Any) -> None:
        assert len(str(refusal(ResponseStart, status=value))) < 150

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (10**600, "int 100000000000000000...0000000000000000000"),
            # Python refuses to write an int of more than 4300 digits
            (10**5000, "int (16610 bits)"),
            ([-(10**5000)], "list [(16610 bits)]"),
            # reprlib takes it for a list
            (type("list", (), {"__module__": "builtins"})(), "list (without a repr)"),
        ],
        ids=["long", "longer", "nested", "without"],
    )
    def test_value_that_is_hard_to_show_is_refused(self, value: Any, shown: str) -> None:
        assert str(refusal(Send, text=value)) == (
            f'websocket.send: "text" must be a str or None, got {shown}'
        )


class TestRefusedTypes:
    @pytest.mark.parametrize("read", [from_message, *(k.from_message for k in MESSAGES.values())])
    @pytest.mark.parametrize(
        ("message", "text"),
        [
            (None, "must be a mapping, got NoneType None"),
            (["type"], "must be a mapping, got list ['type']"),
            (Close(), "must be a mapping, got Close Close(code=1000, reason='')"),
            ({}, '"type" is missing'),
            ({"Type": "websocket.close"}, '"type" is missing'),
        ],
    )
    def test_a_message_is_a_mapping_with_a_type(
        self, read: Callable[[Any], AnyRecord], message: Any, text: str
    ) -> None:
        error = refusal(read, message)
        assert str(error) == f"ASGI message: {text}"
        assert error.key == "type"
        assert error.message is message

    @pytest.mark.parametrize("kind", [None, 1, b"websocket.close", [], "", "http.request"])
    def test_an_unknown_type_is_refused(self, kind: Any) -> None:
        message = {"type": kind}
        error = refusal(from_message, message)
        assert str(error) == (
            f'ASGI message: "type" must be {" or ".join(MESSAGES)}, '
            f"got {type(kind).__name__} {kind!r}"
        )
        assert error.key == "type"
        assert error.message is message

    @pytest.mark.parametrize("kind", MESSAGES)
    @pytest.mark.parametrize("other", MESSAGES)
    def test_a_record_refuses_the_message_of_another(self, kind: str, other: str) -> None:
        if kind == other:
            return
        error = refusal(MESSAGES[kind].from_message, {"type": other})
        assert str(error).startswith(f'ASGI message: "type" must be {kind}, got str ')
        assert error.key == "type"
