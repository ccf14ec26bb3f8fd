"""The records of the ASGI messages: what they become, and what they are made of."""

import asyncio
import runpy
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = ((b"a", b"1"), (b"a", b"2"))


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
