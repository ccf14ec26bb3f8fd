"""Heads of HTTP/1.1 as they are read and written."""

import h11
import pytest
from wire import ACCEPT_KEY, HEADERS, KEY, request

from wsfsm.commands import SendBody, SendHandshake, SendResponse, StartResponse
from wsfsm.handshake import BadHandshake, Handshake
from wsfsm.integrations.heads import Heads

OWN = [(b"date", b"today"), (b"server", b"wsfsm")]
HANDSHAKE = Handshake(KEY, ("a", "b"))


def asked(own: list[tuple[bytes, bytes]] | None = None) -> Heads:
    heads = Heads(own or [])
    assert heads.read(request()) is not None
    return heads


def parsed(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """A response, read by a client: status, headers and body."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=list(HEADERS)))
    client.receive_data(data)
    head = client.next_event()
    assert isinstance(head, (h11.Response, h11.InformationalResponse))
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    return head.status_code, list(head.headers), body


class TestReading:
    def test_a_request_is_read_once_it_is_complete(self) -> None:
        heads, data = Heads(), request(target=b"/a?b", method=b"GET")

        assert heads.read(data[:20]) is None
        read = heads.read(data[20:])

        assert read is not None
        assert (read.method, read.target, read.http_version) == (b"GET", b"/a?b", b"1.1")
        assert list(read.headers) == list(HEADERS)
        assert heads.rest == b""

    def test_what_follows_it_is_kept(self) -> None:
        heads = Heads()
        heads.read(request() + b"early")

        assert heads.rest == b"early"

    @pytest.mark.parametrize("data", [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n"])
    def test_what_is_not_http_is_refused(self, data: bytes) -> None:
        with pytest.raises(BadHandshake) as caught:
            Heads().read(data)

        assert caught.value.status == 400

    def test_a_head_that_is_too_big_is_refused(self) -> None:
        with pytest.raises(BadHandshake) as caught:
            Heads().read(b"GET / HTTP/1.1\r\nx: " + b"x" * 2**20)

        assert caught.value.status == 431

    def test_a_refusal_can_be_answered(self) -> None:
        heads = Heads()
        with pytest.raises(BadHandshake):
            heads.read(b"\x00\r\n\r\n")

        assert parsed(heads.response(SendResponse(400, (), b"no")))[::2] == (400, b"no")


class TestWriting:
    def test_the_handshake(self) -> None:
        command = SendHandshake("b", ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")))
        status, headers, _ = parsed(asked(OWN).handshake(command, HANDSHAKE, "x; y"))

        assert status == 101
        assert headers == [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", ACCEPT_KEY.encode()),
            (b"sec-websocket-protocol", b"b"),
            (b"sec-websocket-extensions", b"x; y"),
            *OWN,
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
        ]

    def test_the_handshake_without_a_choice(self) -> None:
        _, headers, _ = parsed(asked().handshake(SendHandshake(None, ()), HANDSHAKE, None))

        assert [name for name, _ in headers] == [
            b"upgrade",
            b"connection",
            b"sec-websocket-accept",
        ]

    def test_a_whole_response_has_its_length(self) -> None:
        command = SendResponse(404, ((b"x-a", b"1"),), b"nope")
        status, headers, body = parsed(asked(OWN).response(command))

        assert (status, body) == (404, b"nope")
        assert dict(headers)[b"content-length"] == b"4"
        assert dict(headers)[b"connection"] == b"close"
        assert dict(headers)[b"x-a"] == b"1"

    def test_a_length_that_is_there_is_not_doubled(self) -> None:
        command = SendResponse(404, ((b"content-length", b"4"),), b"nope")
        _, headers, _ = parsed(asked().response(command))

        assert [name for name, _ in headers].count(b"content-length") == 1

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_response_without_a_body_has_no_length(self, status: int) -> None:
        _, headers, body = parsed(asked().response(SendResponse(status, (), b"")))

        assert body == b""
        assert b"content-length" not in dict(headers)
        assert b"transfer-encoding" not in dict(headers)

    def test_a_response_in_parts_is_chunked(self) -> None:
        heads = asked()
        data = heads.start(StartResponse(403, ()))
        data += heads.body(SendBody(b"a", more_body=True))
        data += heads.body(SendBody(b"", more_body=True))
        data += heads.body(SendBody(b"b", more_body=False))
        status, headers, body = parsed(data)

        assert (status, body) == (403, b"ab")
        assert dict(headers)[b"transfer-encoding"] == b"chunked"
        assert data.endswith(b"0\r\n\r\n")

    def test_a_response_in_parts_with_a_length_is_not(self) -> None:
        heads = asked()
        data = heads.start(StartResponse(403, ((b"content-length", b"2"),)))
        data += heads.body(SendBody(b"a", more_body=True))
        data += heads.body(SendBody(b"b", more_body=False))

        assert data.endswith(b"\r\n\r\nab")

    def test_a_status_without_a_phrase_is_written(self) -> None:
        assert parsed(asked().response(SendResponse(599, (), b"")))[0] == 599

    def test_there_is_one_date(self) -> None:
        command = SendResponse(403, ((b"date", b"tomorrow"), (b"server", b"mine")), b"")
        _, headers, _ = parsed(asked(OWN).response(command))

        assert [value for name, value in headers if name == b"date"] == [b"tomorrow"]
        assert [value for name, value in headers if name == b"server"] == [b"wsfsm", b"mine"]
