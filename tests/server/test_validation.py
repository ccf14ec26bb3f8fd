"""What an application may put on the wire: every key of every message, at its limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.exceptions import MalformedMessage
from wsfsm.messages import Accept, Close, ResponseBody, ResponseStart, Send
from wsfsm.server._validation import clean_header, outgoing

ACCEPT = "websocket.accept"
CLOSE = "websocket.close"
START = "websocket.http.response.start"


def refused(message: Any, *offered: str) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        outgoing(message, offered)
    assert caught.value.message is message
    return caught.value


class TestTypes:
    @pytest.mark.parametrize(
        ("message", "record"),
        [
            ({"type": ACCEPT}, Accept()),
            ({"type": "websocket.send", "text": "é"}, Send(text="é")),
            ({"type": "websocket.send", "bytes": b""}, Send(bytes=b"")),
            ({"type": CLOSE}, Close()),
            ({"type": START, "status": 404}, ResponseStart(404)),
            ({"type": "websocket.http.response.body"}, ResponseBody()),
        ],
    )
    def test_message_of_the_application_becomes_a_record(
        self, message: Any, record: object
    ) -> None:
        assert outgoing(message, ()) == record

    @pytest.mark.parametrize(
        "message",
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "x"},
            {"type": "websocket.disconnect"},
            {"type": "http.response.start", "status": 404},
            {"type": ""},
            {"type": None},
            {},
            [],
            None,
        ],
    )
    def test_message_of_another_type_is_refused(self, message: Any) -> None:
        assert refused(message).key == "type"


class TestAccept:
    def test_offered_subprotocol_is_accepted(self) -> None:
        assert outgoing({"type": ACCEPT, "subprotocol": "b"}, ("a", "b")) == Accept("b")

    @pytest.mark.parametrize(
        ("offered", "text"),
        [((), "client offers (none), got"), (("a", "b"), "client offers (a, b), got")],
    )
    @pytest.mark.parametrize("chosen", ["c", "A", "", "a, b"])
    def test_subprotocol_that_is_not_offered_is_refused(
        self, chosen: str, offered: tuple[str, ...], text: str
    ) -> None:
        error = refused({"type": ACCEPT, "subprotocol": chosen}, *offered)

        assert error.key == "subprotocol"
        assert text in str(error)

    @pytest.mark.parametrize(("chosen", "written"), [("c", "c"), ("", None), (None, None)])
    def test_mended_subprotocol_is_any_token_or_none(
        self, chosen: str | None, written: str | None
    ) -> None:
        message = {"type": ACCEPT, "subprotocol": chosen}
        assert outgoing(message, ("a",), mend=True) == Accept(written)

    @pytest.mark.parametrize(
        ("chosen", "in_headers", "written"),
        [
            (None, [b"b"], "b"),
            ("", [b"b"], "b"),
            ("a", [b"b"], "a"),
            (None, [b" b ", b"c"], "b"),
            (None, [b""], None),
        ],
    )
    def test_mended_subprotocol_is_taken_from_the_headers(
        self, chosen: str | None, in_headers: list[bytes], written: str | None
    ) -> None:
        headers = [(b"x-a", b"1"), *((b"Sec-WebSocket-Protocol", value) for value in in_headers)]
        message = {"type": ACCEPT, "subprotocol": chosen, "headers": headers}
        assert outgoing(message, (), mend=True) == Accept(written, ((b"x-a", b"1"),))

    @pytest.mark.parametrize("chosen", ["a b", "a, b", "é", "a\r\nx: y", "\ud800"])
    def test_subprotocol_that_is_not_a_token_is_refused_in_both_modes(self, chosen: str) -> None:
        with pytest.raises(MalformedMessage, match="must be a token") as caught:
            outgoing({"type": ACCEPT, "subprotocol": chosen}, (), mend=True)
        assert caught.value.key == "subprotocol"
        assert refused({"type": ACCEPT, "subprotocol": chosen}, chosen).key == "subprotocol"

    def test_headers_are_lower_case_and_stripped(self) -> None:
        headers = [(b"X-A", b" 1\t"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2; c")]

        assert outgoing({"type": ACCEPT, "headers": headers}, ()) == Accept(
            headers=((b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2; c"))
        )

    @pytest.mark.parametrize(
        "name",
        [
            b"connection",
            b"Upgrade",
            b"SEC-WEBSOCKET-ACCEPT",
            b"sec-websocket-extensions",
            b"sec-websocket-protocol",
            b"sec-websocket-version",
            b"transfer-encoding",
            b"content-length",
        ],
    )
    def test_header_of_the_handshake_is_refused(self, name: bytes) -> None:
        error = refused({"type": ACCEPT, "headers": [(name, b"x")]})

        assert error.key == "headers"
        assert "which the server writes" in str(error)

    def test_headers_of_the_handshake_are_dropped_when_mending(self) -> None:
        headers = [(b"Content-Length", b"0"), (b"x-a", b"1"), (b"upgrade", b"h2c")]
        message = {"type": ACCEPT, "headers": headers}
        assert outgoing(message, (), mend=True) == Accept(headers=((b"x-a", b"1"),))


@pytest.mark.parametrize("message", [{"type": ACCEPT}, {"type": START, "status": 404}])
class TestHeaders:
    @pytest.mark.parametrize(
        "name", [b"", b" ", b":status", b"a b", b"a:", b"a\r\nb", b"a\0", b"\xff", b"a(b)", b"a\n"]
    )
    def test_header_name_that_is_not_a_token_is_refused(
        self, message: dict[str, Any], name: bytes
    ) -> None:
        error = refused(message | {"headers": [(name, b"x")]})

        assert error.key == "headers"
        assert "tokens" in str(error)

    @pytest.mark.parametrize(
        "value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"\0", b"a\x7f", b"a\x1fb", b"a\n"]
    )
    def test_header_value_with_control_characters_is_refused(
        self, message: dict[str, Any], value: bytes
    ) -> None:
        error = refused(message | {"headers": [(b"x-a", value)]})

        assert error.key == "headers"
        assert "control characters" in str(error)

    @pytest.mark.parametrize("value", [b"", b"a b", b"a\tb", b"\xe9", b'a, b; c="d"'])
    def test_header_value_can_have_all_other_characters(
        self, message: dict[str, Any], value: bytes
    ) -> None:
        record = outgoing(message | {"headers": [(b"x-a", value)]}, ())

        assert isinstance(record, (Accept, ResponseStart))
        assert record.headers == ((b"x-a", value),)

    @given(pair=st.tuples(st.binary(max_size=8), st.binary(max_size=8)))
    def test_accepted_header_is_one_line(
        self, message: dict[str, Any], pair: tuple[bytes, bytes]
    ) -> None:
        try:
            record = outgoing(message | {"headers": [pair]}, ())
        except MalformedMessage:
            return
        assert isinstance(record, (Accept, ResponseStart))
        for name, value in record.headers:
            line = name + b": " + value
            assert len(line.splitlines()) == 1
            assert line.count(b"\0") == 0
            assert name.strip() == name


class TestBytesLike:
    @pytest.mark.parametrize("made", [bytearray.copy, memoryview])
    @pytest.mark.parametrize(
        ("type_", "key", "record"),
        [
            ("websocket.send", "bytes", Send(bytes=b"abc")),
            ("websocket.http.response.body", "body", ResponseBody(b"abc")),
        ],
    )
    def test_bytes_like_data_is_copied(
        self, made: Any, type_: str, key: str, record: object
    ) -> None:
        data = bytearray(b"abc")
        message = {"type": type_, key: made(data)}
        given = message[key]
        taken = outgoing(message, ())
        given[0] = 0

        assert taken == record
        assert message[key] is given

    def test_data_that_is_not_bytes_like_is_refused(self) -> None:
        for wrong in ([1, 2], "abc", 3):
            assert refused({"type": "websocket.send", "bytes": wrong}).key == "bytes"
        assert refused({"type": "websocket.send", "text": bytearray(b"abc")}).key == "text"

    @pytest.mark.parametrize(
        ("type_", "key"), [("websocket.send", "bytes"), ("websocket.http.response.body", "body")]
    )
    def test_released_memoryview_is_refused(self, type_: str, key: str) -> None:
        view = memoryview(b"abc")
        view.release()

        assert refused({"type": type_, key: view}).key == key

    def test_memoryview_with_several_dimensions_is_flattened(self) -> None:
        view = memoryview(bytes(range(6))).cast("B", (2, 3))

        assert outgoing({"type": "websocket.send", "bytes": view}, ()) == Send(
            bytes=bytes(range(6))
        )


class TestCleanHeader:
    @pytest.mark.parametrize(
        ("name", "value", "written"),
        [
            (b"X-Frame-Options", b" DENY", (b"x-frame-options", b"DENY")),
            (b"x", b"\t a  b \t", (b"x", b"a  b")),
            (b"x", b"", (b"x", b"")),
            (b"x", b"   ", (b"x", b"")),
            (b"x", b"\xff", (b"x", b"\xff")),
            (b"x y", b"a", None),
            (b"", b"a", None),
            (b"x:", b"a", None),
            (b"x", b"a\r\nb: c", None),
            (b"x", b"\0", None),
        ],
    )
    def test_clean_header_strips_or_drops_a_default_header(
        self, name: bytes, value: bytes, written: tuple[bytes, bytes] | None
    ) -> None:
        assert clean_header(name, value) == written


class TestSend:
    @pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
    def test_text_with_a_lone_surrogate_is_refused(self, text: str) -> None:
        assert refused({"type": "websocket.send", "text": text}).key == "text"


class TestClose:
    @pytest.mark.parametrize(
        "code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
    )
    def test_close_code_allowed_on_the_wire_is_accepted(self, code: int) -> None:
        assert outgoing({"type": CLOSE, "code": code}, ()) == Close(code)

    @pytest.mark.parametrize(
        "code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65536]
    )
    def test_close_code_not_allowed_on_the_wire_is_refused(self, code: int) -> None:
        assert refused({"type": CLOSE, "code": code}).key == "code"

    @pytest.mark.parametrize("reason", ["r" * 123, "é" * 61 + "r", ""])
    def test_close_reason_of_at_most_123_bytes_is_accepted(self, reason: str) -> None:
        assert outgoing({"type": CLOSE, "reason": reason}, ()) == Close(reason=reason)

    @pytest.mark.parametrize("reason", ["r" * 124, "é" * 62, "\ud800"])
    def test_close_reason_that_does_not_fit_is_refused(self, reason: str) -> None:
        assert refused({"type": CLOSE, "reason": reason}).key == "reason"


class TestResponseStart:
    @pytest.mark.parametrize("status", [200, 204, 403, 599])
    def test_final_status_is_accepted(self, status: int) -> None:
        assert outgoing({"type": START, "status": status}, ()) == ResponseStart(status)

    @pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 600, 700])
    def test_invalid_status_is_refused(self, status: int) -> None:
        assert refused({"type": START, "status": status}).key == "status"

    def test_headers_of_the_server_are_dropped(self) -> None:
        headers = [(b"Connection", b"x"), (b"Transfer-Encoding", b"chunked"), (b"x-a", b"1")]
        record = outgoing({"type": START, "status": 404, "headers": headers}, ())

        assert record == ResponseStart(404, ((b"x-a", b"1"),))

    @pytest.mark.parametrize(
        "lengths", [[b"1", b"1"], [b"-1"], [b"x"], [b""], [b"1 2"], [b"1" * 5000]]
    )
    def test_wrong_or_repeated_content_length_is_refused(self, lengths: list[bytes]) -> None:
        headers = [(b"content-length", length) for length in lengths]

        assert refused({"type": START, "status": 404, "headers": headers}).key == "headers"
