"""The records of the ASGI messages: what they take, give and refuse."""

import asyncio
import runpy
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfsm import messages
from wsfsm.exceptions import MalformedMessage
from wsfsm.messages import (
    MESSAGES,
    Accept,
    AnyRecord,
    Close,
    Connect,
    Disconnect,
    Receive,
    ResponseBody,
    ResponseStart,
    Send,
    from_message,
)

HEADERS = ((b"a", b"1"), (b"a", b"2"))
WITH_HEADERS = (Accept, lambda **values: ResponseStart(status=403, **values))
WITH_DATA = (Receive, Send)

# record, its message
ROUND_TRIPS: list[tuple[AnyRecord, dict[str, Any]]] = [
    (Connect(), {"type": "websocket.connect"}),
    (Receive(text=""), {"type": "websocket.receive", "text": ""}),
    (Receive(bytes=b""), {"type": "websocket.receive", "bytes": b""}),
    (Disconnect(), {"type": "websocket.disconnect", "code": 1005, "reason": ""}),
    (Disconnect(4000, "x"), {"type": "websocket.disconnect", "code": 4000, "reason": "x"}),
    (Accept(), {"type": "websocket.accept"}),
    (Accept("chat"), {"type": "websocket.accept", "subprotocol": "chat"}),
    (Accept(headers=HEADERS), {"type": "websocket.accept", "headers": list(HEADERS)}),
    (Send(text="é"), {"type": "websocket.send", "text": "é"}),
    (Send(bytes=b"\0"), {"type": "websocket.send", "bytes": b"\0"}),
    (Close(), {"type": "websocket.close", "code": 1000}),
    (Close(4000, "x"), {"type": "websocket.close", "code": 4000, "reason": "x"}),
    (
        ResponseStart(403),
        {"type": "websocket.http.response.start", "status": 403, "headers": []},
    ),
    (
        ResponseStart(403, HEADERS),
        {"type": "websocket.http.response.start", "status": 403, "headers": list(HEADERS)},
    ),
    (
        ResponseBody(),
        {"type": "websocket.http.response.body", "body": b"", "more_body": False},
    ),
    (
        ResponseBody(b"x", more_body=True),
        {"type": "websocket.http.response.body", "body": b"x", "more_body": True},
    ),
]

# message, its record: the optional keys
READINGS: list[tuple[dict[Any, Any], AnyRecord]] = [
    ({"type": "websocket.receive", "text": "x", "bytes": None}, Receive(text="x")),
    ({"type": "websocket.receive", "text": None, "bytes": b"x"}, Receive(bytes=b"x")),
    ({"type": "websocket.send", "text": "x", "bytes": None}, Send(text="x")),
    ({"type": "websocket.send", "text": None, "bytes": b"x"}, Send(bytes=b"x")),
    ({"type": "websocket.disconnect"}, Disconnect(1005, "")),
    ({"type": "websocket.disconnect", "code": None, "reason": None}, Disconnect(1005, "")),
    ({"type": "websocket.accept", "subprotocol": None, "headers": None}, Accept(None, ())),
    ({"type": "websocket.accept", "headers": [[b"a", b"1"], [b"a", b"2"]]}, Accept(None, HEADERS)),
    (
        {"type": "websocket.accept", "headers": (map(bytes, h) for h in HEADERS)},
        Accept(None, HEADERS),
    ),
    ({"type": "websocket.close"}, Close(1000, "")),
    ({"type": "websocket.close", "code": None, "reason": None}, Close(1000, "")),
    ({"type": "websocket.close", "code": 0}, Close(0)),
    ({"type": "websocket.close", "status": "ignored", 1: "ignored"}, Close()),
    ({"type": "websocket.http.response.start", "status": 403}, ResponseStart(403, ())),
    ({"type": "websocket.http.response.start", "status": HTTPStatus(403)}, ResponseStart(403)),
    ({"type": "websocket.http.response.body"}, ResponseBody(b"", more_body=False)),
    (
        {"type": "websocket.http.response.body", "body": None, "more_body": None},
        ResponseBody(b"", more_body=False),
    ),
]

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


class TestMessagesOfARecord:
    @pytest.mark.parametrize(("record", "message"), ROUND_TRIPS, ids=repr)
    def test_record_becomes_its_message(self, record: AnyRecord, message: dict[str, Any]) -> None:
        assert record.to_message() == message
        assert type(record.to_message()) is dict

    @pytest.mark.parametrize(("record", "message"), ROUND_TRIPS, ids=repr)
    def test_message_becomes_its_record(self, record: AnyRecord, message: dict[str, Any]) -> None:
        assert type(record).from_message(message) == from_message(message) == record

    def test_message_of_a_record_is_a_new_dict_each_time(self) -> None:
        record = Accept(headers=HEADERS)
        record.to_message()["headers"].append((b"b", b"3"))  # type: ignore[attr-defined]
        assert record.to_message()["headers"] == list(HEADERS)

    def test_every_record_is_among_the_examples(self) -> None:
        assert {type(record) for record, _ in ROUND_TRIPS} == set(MESSAGES.values())


class TestOptionalKeys:
    @pytest.mark.parametrize(("message", "record"), READINGS)
    def test_missing_and_none_become_the_default(
        self, message: dict[str, Any], record: AnyRecord
    ) -> None:
        assert from_message(message) == record

    def test_message_is_not_changed_by_parsing(self) -> None:
        message = {"type": "websocket.close", "code": None, "more": 1}
        Close.from_message(message)
        assert message == {"type": "websocket.close", "code": None, "more": 1}


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


class TestRecords:
    def test_messages_are_those_of_the_specification(self) -> None:
        assert dict(MESSAGES) == {
            "websocket.connect": Connect,
            "websocket.receive": Receive,
            "websocket.disconnect": Disconnect,
            "websocket.accept": Accept,
            "websocket.send": Send,
            "websocket.close": Close,
            "websocket.http.response.start": ResponseStart,
            "websocket.http.response.body": ResponseBody,
        }
        assert all(record.type == kind for kind, record in MESSAGES.items())

    def test_mapping_of_messages_is_read_only(self) -> None:
        with pytest.raises(TypeError):
            MESSAGES["websocket.ping"] = Connect  # type: ignore[index]

    @pytest.mark.parametrize("record", [record for record, _ in ROUND_TRIPS], ids=repr)
    def test_a_record_is_frozen_and_hashable(self, record: AnyRecord) -> None:
        for name in ("type", *attrs.asdict(record)):
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(record, name, getattr(record, name))
        assert hash(record) == hash(attrs.evolve(record))

    def test_headers_are_kept_as_tuples(self) -> None:
        names: Iterator[list[bytes]] = (list(pair) for pair in HEADERS)
        assert Accept(headers=names).headers == HEADERS
        assert ResponseStart(403, [list(pair) for pair in HEADERS]).headers == HEADERS

    def test_exception_of_an_iterator_of_headers_propagates(self) -> None:
        with pytest.raises(ZeroDivisionError):
            Accept(headers=(pair for pair in HEADERS if 1 // 0))

    def test_equal_values_of_two_types_are_two_messages(self) -> None:
        received: AnyRecord = Receive(text="x")
        sent: AnyRecord = Send(text="x")
        assert received != sent

    def test_every_public_name_is_exported(self) -> None:
        assert set(messages.__all__) == {
            name
            for name, value in vars(messages).items()
            if not name.startswith("_")
            and (getattr(value, "__module__", "") == messages.__name__ or name in messages.__all__)
        }


pairs = st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=3)
data: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, text=st.text()), st.builds(dict, bytes=st.binary())
)
records: st.SearchStrategy[AnyRecord] = st.one_of(
    st.builds(Connect),
    data.map(lambda values: Receive(**values)),
    st.builds(Disconnect, st.integers(), st.text()),
    st.builds(Accept, st.none() | st.text(), pairs),
    data.map(lambda values: Send(**values)),
    st.builds(Close, st.integers(), st.text()),
    st.builds(ResponseStart, st.integers(), pairs),
    st.builds(ResponseBody, st.binary(), more_body=st.booleans()),
)
KEYS = sorted({key.name for kind in MESSAGES.values() for key in attrs.fields(kind)})
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.binary(), inner, max_size=3)
    ),
    max_leaves=5,
)
good = st.none() | st.text() | st.binary() | st.integers() | st.booleans() | pairs
junk_messages = st.builds(
    lambda kind, values: {**kind, **values},
    st.builds(dict, type=st.sampled_from(list(MESSAGES)) | junk) | st.just({}),
    st.dictionaries(
        st.sampled_from(KEYS) | junk.filter(lambda key: isinstance(key, str | int)), junk | good
    ),
)


class TestProperties:
    @given(records)
    def test_a_record_survives_the_round_trip(self, record: AnyRecord) -> None:
        message = record.to_message()
        assert type(record).from_message(message) == from_message(message) == record
        assert from_message(message).to_message() == message

    @given(junk_messages | junk)
    def test_junk_gives_a_record_or_malformed_message(self, message: Any) -> None:
        try:
            record = from_message(message)
        except MalformedMessage as error:
            refused = error
            assert refused.message is message
            assert refused.key in {"type", *KEYS}
        else:
            assert from_message(record.to_message()) == record


def test_typed_example_runs() -> None:
    sent: list[dict[str, Any]] = []
    received = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "hi"},
            {"type": "websocket.receive", "text": "bye"},
        ]
    )

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message)

    example = runpy.run_path(str(Path(__file__).parent / "typed" / "raw_app.py"))
    asyncio.run(example["echo"]({"subprotocols": ["chat"]}, receive, send))
    assert [from_message(message) for message in sent] == [
        Accept("chat", [(b"x-a", b"1")]),
        Send(text="HI"),
        Send(text="bye"),
        Close(),
    ]
