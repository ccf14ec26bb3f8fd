"""The facade: accept and data."""

import contextlib
import json
import types
from collections.abc import Coroutine, Generator
from typing import Any, assert_type

import pytest
from helpers.asgi import run
from helpers.connections import (
    ACCEPT,
    BINARY,
    CONNECT,
    NEED_ACCEPT,
    TEXT,
    accepted,
    connection,
    first_line,
    states,
)

from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    UnexpectedFrame,
    WebSocketDisconnect,
    WebSocketDisconnected,
)
from wsfsm.tables.events import BODY_LAST, LOST
from wsfsm.types import Message
from wsfsm.websockets import WebSocket


class Gate:
    """A server's receive() that waits for the test to pass a message."""

    @types.coroutine
    def _wait(self) -> Generator[None, Message, Message]:
        return (yield)

    async def receive(self) -> Message:
        return await self._wait()

    def give(self, waiting: Coroutine[Any, Any, Any], message: Message) -> None:
        with contextlib.suppress(StopIteration):
            waiting.send(message)


class TestAccept:
    def test_accept_waits_for_the_connect_message(self) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.accept("chat", [(b"x-a", b"1")]))

        assert server.sent == [
            {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-a", b"1")]}
        ]
        assert states(websocket) == ("CONNECTED", "CONNECTED")

    def test_accept_does_not_wait_for_a_connect_that_was_received(self) -> None:
        websocket, server = connection(CONNECT)
        run(websocket.receive())

        run(websocket.accept())

        assert server.sent == [ACCEPT]

    def test_accept_takes_an_iterator_of_headers(self) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.accept(headers=iter([(b"a", b"b")])))

        assert server.sent[0]["headers"] == [(b"a", b"b")]

    def test_accept_after_the_disconnect_sends_nothing(self) -> None:
        websocket, server = connection(CONNECT, {"type": "websocket.disconnect", "code": 1006})
        run(websocket.receive())
        run(websocket.receive())

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.accept())

        assert (caught.value.code, caught.value.closed_by) == (1006, "client")
        assert server.sent == []

    def test_accept_to_a_lost_client_raises_disconnect(self) -> None:
        websocket, server = connection(CONNECT)
        server.failing = OSError()

        with pytest.raises(WebSocketDisconnect):
            run(websocket.accept())

        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")

    def test_illegal_accept_does_not_wait_for_the_connect(self) -> None:
        websocket, server = connection(CONNECT)
        run(websocket.close())

        with pytest.raises(ConnectionClosed):
            run(websocket.accept())
        assert websocket.client_state.name == "CONNECTING"
        assert server.incoming == [CONNECT]

    def test_accept_takes_any_pairs_of_bytes_as_headers(self) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.accept(headers=[[b"a", b"b"], iter([b"c", b"d"])]))  # type: ignore[list-item]  # legal in ASGI

        assert server.sent[0]["headers"] == [(b"a", b"b"), (b"c", b"d")]

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            (TEXT, r"Expected ASGI message \"websocket.connect\""),
            (CONNECT, r"but got 'websocket\.connect'"),
        ],
    )
    def test_accept_does_not_take_the_message_of_another_task_for_the_connect(
        self, message: Message, error: str
    ) -> None:
        websocket, server = connection(CONNECT)
        accepting = websocket.accept()
        gate = Gate()
        websocket._receive = gate.receive
        accepting.send(None)  # it waits for the connect
        websocket._receive = server.receive
        run(websocket.receive())

        with pytest.raises(IllegalTransition, match=error):
            gate.give(accepting, message)
        assert server.sent == []

    @pytest.mark.parametrize("more", [{}, {"extra": 1}])
    def test_connect_may_have_more_keys(self, more: Message) -> None:
        websocket, server = connection({**CONNECT, **more})

        run(websocket.accept())

        assert server.sent == [ACCEPT]
        assert states(websocket) == ("CONNECTED", "CONNECTED")

    @pytest.mark.parametrize("method", ["accept", "close"])
    def test_error_of_the_server_that_is_not_a_loss_is_raised(self, method: str) -> None:
        websocket, server = connection(CONNECT) if method == "accept" else accepted()
        server.failing = KeyError("a fault of the server")

        with pytest.raises(KeyError, match="a fault of the server"):
            run(getattr(websocket, method)())

    @pytest.mark.parametrize(
        "arguments",
        [
            (5, None),
            (b"chat", None),
            (None, 5),
            (None, [b"ab"]),
            (None, [("a", "b")]),
            (None, [(b"a", "b")]),
            (None, [(b"a",)]),
            (None, [(b"a", b"b", b"c")]),
            (None, {b"a": b"b"}),
        ],
    )
    def test_accept_refuses_wrong_arguments_before_it_waits(self, arguments: Any) -> None:
        websocket, server = connection(CONNECT)

        with pytest.raises(TypeError, match=r"accept\(\): "):
            run(websocket.accept(*arguments))

        assert states(websocket) == ("CONNECTING", "CONNECTING")
        assert (server.incoming, server.sent) == ([CONNECT], [])


class TestData:
    @pytest.mark.parametrize(
        ("method", "incoming", "data"),
        [
            ("receive_text", TEXT, "hello"),
            ("receive_text", {**TEXT, "text": ""}, ""),
            ("receive_text", {**TEXT, "bytes": None}, "hello"),
            ("receive_bytes", BINARY, b"\x00\xff"),
            ("receive_bytes", {**BINARY, "bytes": b""}, b""),
            ("receive_bytes", {**BINARY, "text": None}, b"\x00\xff"),
            ("receive_json", {**TEXT, "text": '{"a": 1}'}, {"a": 1}),
        ],
    )
    def test_data_is_received(self, method: str, incoming: Message, data: Any) -> None:
        websocket, _ = accepted(incoming)

        assert run(getattr(websocket, method)()) == data

    def test_json_is_received_from_binary_messages(self) -> None:
        websocket, _ = accepted({**BINARY, "bytes": '["ä"]'.encode()})

        assert run(websocket.receive_json("binary")) == ["ä"]

    @pytest.mark.parametrize(
        ("call", "key", "data"),
        [
            (("send_text", "hällo"), "text", "hällo"),
            (("send_bytes", b"\x00"), "bytes", b"\x00"),
            (("send_bytes", bytearray(b"\x00")), "bytes", b"\x00"),
            (("send_bytes", memoryview(b"\x00")), "bytes", b"\x00"),
            (("send_json", {"ä": [1, None]}), "text", '{"ä":[1,null]}'),
            (("send_json", {"ä": 1}, "binary"), "bytes", '{"ä":1}'.encode()),
        ],
    )
    def test_data_is_sent(self, call: tuple[Any, ...], key: str, data: Any) -> None:
        websocket, server = accepted()

        assert run(getattr(websocket, call[0])(*call[1:])) is None
        assert server.sent == [{"type": "websocket.send", key: data}]

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_bytes_like_data_is_sent_as_bytes(self, kind: Any) -> None:
        websocket, server = accepted()
        data = kind(b"\x00\xff")

        run(websocket.send_bytes(data))

        assert type(server.sent[0]["bytes"]) is bytes

    def test_bytes_changed_after_the_send_are_sent_unchanged(self) -> None:
        websocket, server = accepted()
        data = bytearray(b"ab")

        run(websocket.send_bytes(memoryview(data)[::-1]))
        data[0] = 0

        assert server.sent[0]["bytes"] == b"ba"

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_bytes_like_data_is_received_as_bytes(self, kind: Any) -> None:
        messages = [{**BINARY, "bytes": kind(data)} for data in (b"\x00\xff", b'["x"]', b"\x00")]
        websocket, _ = accepted(*messages)

        data = run(websocket.receive_bytes())

        assert (type(data), data) == (bytes, b"\x00\xff")
        assert run(websocket.receive_json("binary")) == ["x"]
        assert type(run(websocket.receive_bytes())) is bytes

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_binary_json_that_is_not_utf8_raises_unicode_decode_error(self, kind: Any) -> None:
        websocket, _ = accepted({**BINARY, "bytes": kind(b"\xff")}, TEXT)

        with pytest.raises(UnicodeDecodeError):
            run(websocket.receive_json("binary"))
        assert run(websocket.receive_text()) == "hello"

    async def typed(self, websocket: WebSocket) -> None:
        """For the type checker: what is taken, and what is given."""
        for data in (b"x", bytearray(b"x"), memoryview(b"x")):
            await websocket.send_bytes(data)
        assert_type(await websocket.receive_bytes(), bytes)
        async for given in websocket.iter_bytes():
            assert_type(given, bytes)

    def test_subclass_of_str_is_sent_as_str(self) -> None:
        websocket, server = accepted()

        run(websocket.send_text(type("Text", (str,), {})("x")))

        assert server.sent == [{"type": "websocket.send", "text": "x"}]

    @pytest.mark.parametrize(
        ("method", "incoming", "came", "data"),
        [
            ("receive_text", BINARY, "has binary data of length 2", b"\x00\xff"),
            ("receive_json", BINARY, "has binary data of length 2", b"\x00\xff"),
            ("receive_bytes", TEXT, "has text of length 5", "hello"),
            ("receive_text", {**TEXT, "text": None}, "neither text nor binary data", None),
            ("receive_bytes", {"type": "websocket.receive"}, "neither text nor", None),
            ("receive_text", {**TEXT, **BINARY}, "text of length 5 and binary data", None),
            ("receive_bytes", {**TEXT, "text": 5}, "has text of the wrong type, int 5", 5),
            ("receive_bytes", {**TEXT, **BINARY}, "text of length 5 and binary data", None),
        ],
    )
    def test_message_of_the_other_type_raises_unexpected_frame_with_the_message(
        self, method: str, incoming: Message, came: str, data: Any
    ) -> None:
        websocket, _ = accepted(dict(incoming), TEXT)

        with pytest.raises(KeyError) as caught:
            run(getattr(websocket, method)())

        assert isinstance(caught.value, UnexpectedFrame)
        assert came in str(caught.value)
        assert caught.value.message == incoming
        assert caught.value.data == data
        assert run(websocket.receive_text()) == "hello"

    def test_binary_json_expects_bytes(self) -> None:
        websocket, _ = accepted(TEXT)

        with pytest.raises(UnexpectedFrame, match="Expected 'bytes'") as caught:
            run(websocket.receive_json("binary"))

        assert caught.value.expected == "bytes"

    def test_invalid_json_leaves_the_connection_usable(self) -> None:
        websocket, _ = accepted(TEXT, TEXT)

        with pytest.raises(json.JSONDecodeError):
            run(websocket.receive_json())
        assert run(websocket.receive_text()) == "hello"

    @pytest.mark.parametrize("method", ["receive_json", "send_json"])
    def test_unknown_json_mode_is_refused_before_anything_is_received_or_sent(
        self, method: str
    ) -> None:
        websocket, server = accepted(TEXT)
        arguments: tuple[Any, ...] = ({},) if method == "send_json" else ()

        with pytest.raises(RuntimeError) as caught:
            run(getattr(websocket, method)(*arguments, mode="xml"))

        assert str(caught.value) == (
            'The "mode" argument should be "text" or "binary".\nGot \'xml\'.'
        )
        assert (server.incoming, server.sent) == ([TEXT], [])

    @pytest.mark.parametrize(
        ("call", "text"),
        [
            (("send_text", b"x"), "send_text(): 'data' must be str, got bytes b'x'"),
            (("send_text", None), "got NoneType None"),
            (("send_text", 10**5000), "got int (16610 bits)"),
            (("send_text", b"x" * 10**6), "got bytes b'xxxxx"),
            (("send_bytes", "x"), "'data' must be bytes, bytearray or memoryview, got str"),
            (("send_bytes", None), "got NoneType None"),
            (("send_json", object()), "not JSON serializable"),
        ],
    )
    def test_wrong_data_is_refused_before_anything_is_received_or_sent(
        self, call: tuple[Any, ...], text: str
    ) -> None:
        websocket, server = accepted()

        with pytest.raises(TypeError) as caught:
            run(getattr(websocket, call[0])(*call[1:]))

        assert text in str(caught.value)
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        assert server.sent == []

    @pytest.mark.parametrize("method", ["receive_text", "receive_bytes", "receive_json"])
    def test_data_before_the_accept_is_not_received(self, method: str) -> None:
        websocket, server = connection(CONNECT)

        with pytest.raises(WebSocketDisconnected) as caught:
            run(getattr(websocket, method)())

        assert first_line(caught.value) == NEED_ACCEPT
        assert not isinstance(caught.value, WebSocketDisconnect)
        assert (caught.value.code, caught.value.reason, caught.value.closed_by) == (None, "", None)
        assert caught.value.machine == "application"
        assert caught.value.allowed == (
            "websocket.accept",
            "websocket.close",
            "websocket.http.response.start",
        )
        assert server.incoming == [CONNECT]

    @pytest.mark.parametrize("method", ["send_text", "send_bytes", "send_json"])
    def test_data_before_the_accept_is_not_sent(self, method: str) -> None:
        websocket, server = connection(CONNECT)

        with pytest.raises(IllegalTransition, match=r"^Expected ASGI message") as caught:
            run(getattr(websocket, method)(b"x" if method == "send_bytes" else "x"))

        assert caught.value.event == "websocket.send"
        assert server.sent == []

    @pytest.mark.parametrize("method", ["send_text", "send_bytes", "send_json"])
    def test_oserror_of_a_send_is_the_loss_of_the_transport(self, method: str) -> None:
        websocket, server = accepted()
        server.failing = ConnectionResetError("gone")

        with pytest.raises(WebSocketDisconnect) as caught:
            run(getattr(websocket, method)(b"x" if method == "send_bytes" else "x"))

        assert caught.value.code == 1006
        assert caught.value.__cause__ is server.failing
        assert not isinstance(caught.value, RuntimeError)
        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")

    @pytest.mark.parametrize("method", ["receive_text", "receive_bytes"])
    @pytest.mark.parametrize("junk", [None, {}, {"type": None}, {"type": []}])
    def test_received_value_that_is_not_a_message_is_refused(self, method: str, junk: Any) -> None:
        websocket, _ = accepted(junk, TEXT)

        with pytest.raises(MalformedMessage):
            run(getattr(websocket, method)())
        assert run(websocket.receive_text()) == "hello"

    def test_internal_event_of_the_tables_is_not_a_message(self) -> None:
        websocket, server = accepted()

        for event in (LOST, BODY_LAST):
            with pytest.raises(MalformedMessage):
                run(websocket.send({"type": event}))
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        assert server.sent == []

    def test_message_out_of_order_is_refused(self) -> None:
        websocket, _ = accepted(CONNECT, TEXT)

        with pytest.raises(IllegalTransition, match=r"but got 'websocket\.connect'"):
            run(websocket.receive_text())
        assert run(websocket.receive_text()) == "hello"
