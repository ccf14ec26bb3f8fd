"""The facade: messages of either kind, and typed messages."""

from collections.abc import Callable
from typing import Any

import msgspec
import pydantic
import pytest
from helpers.asgi import run
from helpers.connections import (
    BINARY,
    BYE,
    CONNECT,
    NEED_ACCEPT,
    TEXT,
    accepted,
    connection,
    first_line,
    left,
    states,
)

from wsfsm import WebSocket
from wsfsm.exceptions import UnexpectedFrame, WebSocketDisconnect, WebSocketDisconnected
from wsfsm.types import Message


class Move(pydantic.BaseModel):
    to: str


class Step(msgspec.Struct):
    to: str


DECODERS = [
    pytest.param(Move.model_validate_json, Move(to="e4"), id="pydantic"),
    pytest.param(msgspec.json.Decoder(Step).decode, Step("e4"), id="msgspec"),
]
ENCODERS = [
    pytest.param(Move(to="e4"), Move.model_dump_json, {"text": '{"to":"e4"}'}, id="pydantic"),
    pytest.param(Step("e4"), msgspec.json.encode, {"bytes": b'{"to":"e4"}'}, id="msgspec"),
    pytest.param(b"e4", bytearray, {"bytes": b"e4"}, id="bytearray"),
]


class TestReceiveData:
    @pytest.mark.parametrize(
        ("keys", "data"),
        [
            ({"text": "a"}, "a"),
            ({"text": ""}, ""),
            ({"text": "a", "bytes": None}, "a"),
            ({"bytes": b"a"}, b"a"),
            ({"bytes": b""}, b""),
            ({"bytes": b"a", "text": None}, b"a"),
            ({"bytes": bytearray(b"a")}, b"a"),
            ({"bytes": memoryview(b"a")}, b"a"),
        ],
        ids=[
            "text",
            "empty text",
            "text and None",
            "bytes",
            "empty bytes",
            "bytes and None",
            "bytearray",
            "memoryview",
        ],
    )
    def test_either_kind_is_received_as_str_or_bytes(self, keys: Message, data: Any) -> None:
        websocket, _ = accepted({"type": "websocket.receive", **keys})

        received = run(websocket.receive_data())

        assert received == data
        assert type(received) is type(data)

    @pytest.mark.parametrize(
        "keys",
        [
            {},
            {"text": None},
            {"bytes": None},
            {"text": None, "bytes": None},
            {"text": "a", "bytes": b"a"},
            {"text": b"a"},
            {"bytes": "a"},
            {"text": 5},
            {"bytes": [97]},
        ],
        ids=str,
    )
    def test_message_of_neither_kind_is_refused_and_the_next_one_received(
        self, keys: Message
    ) -> None:
        message = {"type": "websocket.receive", **keys}
        websocket, _ = accepted(message, TEXT)

        with pytest.raises(UnexpectedFrame, match=r"^['\"]?Expected 'text or bytes'") as caught:
            run(websocket.receive_data())

        assert caught.value.message is message
        assert run(websocket.receive_data()) == "hello"

    def test_before_the_accept_nothing_is_received(self) -> None:
        websocket, server = connection(CONNECT)

        with pytest.raises(WebSocketDisconnected) as caught:
            run(websocket.receive_data())

        assert first_line(caught.value) == NEED_ACCEPT
        assert server.incoming == [CONNECT]

    def test_the_disconnect_is_raised_with_its_code(self) -> None:
        websocket, _ = accepted(BYE)

        with pytest.raises(WebSocketDisconnect) as caught:
            run(websocket.receive_data())
        assert (caught.value.code, caught.value.reason) == (4001, "bye")
        with pytest.raises(WebSocketDisconnected) as after:
            run(websocket.receive_data())
        assert after.value.code == 4001

    def test_an_override_of_receive_is_used(self) -> None:
        class Capital(WebSocket):
            async def receive(self) -> Message:
                message = await super().receive()
                return (
                    {**message, "text": message["text"].upper()} if "text" in message else message
                )

        plain, server = accepted(TEXT)
        websocket = Capital(plain.scope, server.receive, server.send)
        server.incoming.insert(0, CONNECT)
        run(websocket.accept())

        assert run(websocket.receive_data()) == "HELLO"


class TestIterationOverMessages:
    def test_either_kind_is_iterated_over_until_the_connection_ends(self) -> None:
        websocket, _ = accepted(TEXT, BINARY, TEXT, BYE)

        async def collect() -> list[str | bytes]:
            return [message async for message in websocket]

        assert run(collect()) == ["hello", b"\x00\xff", "hello"]
        with pytest.raises(WebSocketDisconnected):
            run(collect())


class TestReceiveAs:
    @pytest.mark.parametrize("kind", ["text", "bytes"])
    @pytest.mark.parametrize(("decode", "value"), DECODERS)
    def test_message_of_either_kind_is_decoded(
        self, decode: Callable[[str | bytes], Any], value: Any, kind: str
    ) -> None:
        data = '{"to": "e4"}' if kind == "text" else b'{"to": "e4"}'
        websocket, _ = accepted({"type": "websocket.receive", kind: data})

        assert run(websocket.receive_as(decode)) == value

    @pytest.mark.parametrize(
        ("decode", "error"),
        [
            (Move.model_validate_json, pydantic.ValidationError),
            (msgspec.json.Decoder(Step).decode, msgspec.ValidationError),
            (lambda data: {}[data], KeyError),
        ],
        ids=["pydantic", "msgspec", "own"],
    )
    @pytest.mark.parametrize("data", ['{"to": 4}', b'{"to": 4}'], ids=["text", "bytes"])
    def test_error_of_the_decoder_is_raised_with_the_data_and_the_next_message_is_received(
        self, decode: Callable[[Any], Any], error: type[Exception], data: str | bytes
    ) -> None:
        kind = "text" if isinstance(data, str) else "bytes"
        websocket, _ = accepted({"type": "websocket.receive", kind: data}, TEXT)

        with pytest.raises(error) as caught:
            run(websocket.receive_as(decode))

        assert caught.value.doc == data  # type: ignore[attr-defined]
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        assert run(websocket.receive_as(str)) == "hello"

    def test_the_disconnect_is_not_decoded(self) -> None:
        websocket, _ = accepted(BYE)

        with pytest.raises(WebSocketDisconnect):
            run(websocket.receive_as(lambda data: pytest.fail(f"decoded {data!r}")))


class TestSendAs:
    @pytest.mark.parametrize(("value", "encode", "keys"), ENCODERS)
    def test_value_is_sent_as_the_kind_that_the_encoder_returns(
        self, value: Any, encode: Callable[[Any], Any], keys: Message
    ) -> None:
        websocket, server = accepted()

        run(websocket.send_as(value, encode))

        assert server.sent == [{"type": "websocket.send", **keys}]

    def test_error_of_the_encoder_is_raised_and_nothing_is_sent(self) -> None:
        websocket, server = accepted()

        with pytest.raises(TypeError, match="Encoding objects of type object is unsupported"):
            run(websocket.send_as(object(), msgspec.json.encode))

        assert (server.sent, states(websocket)) == ([], ("CONNECTED", "CONNECTED"))

    @pytest.mark.parametrize("result", [None, 5, ["a"]], ids=["none", "number", "list"])
    def test_result_that_is_neither_text_nor_bytes_is_refused(self, result: Any) -> None:
        websocket, server = accepted()

        with pytest.raises(TypeError, match="nothing was sent"):
            run(websocket.send_as(1, lambda _: result))

        assert server.sent == []

    @pytest.mark.parametrize("encode", [str, msgspec.json.encode], ids=["text", "bytes"])
    def test_value_for_a_client_that_has_left_is_refused(
        self, encode: Callable[[int], str | bytes]
    ) -> None:
        websocket, server = left()

        with pytest.raises(WebSocketDisconnected):
            run(websocket.send_as(1, encode))

        assert server.sent == []

    def test_overrides_without_a_timeout_do_not_matter(self) -> None:
        class Own(WebSocket):
            async def send_text(self, data: str) -> None:  # type: ignore[override]
                pytest.fail("send_json does not call it either")

            async def receive_data(self) -> str | bytes:  # type: ignore[override]
                pytest.fail("receive_json does not call such an override either")

        plain, server = accepted(TEXT)
        websocket = Own(plain.scope, server.receive, server.send)
        server.incoming.insert(0, CONNECT)
        run(websocket.accept())

        run(websocket.send_as("a", str))

        assert run(websocket.receive_as(str)) == "hello"
        assert server.sent[-1] == {"type": "websocket.send", "text": "a"}
