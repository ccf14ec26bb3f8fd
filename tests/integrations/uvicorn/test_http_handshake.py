"""Heads of HTTP/1.1 as they are read and written."""

import time
from collections.abc import Iterator

import h11
import pytest
from helpers.wire import ACCEPT_KEY, HEADERS, KEY, request
from hypothesis import example, given
from hypothesis import strategies as st

from wsfsm.integrations.uvicorn import _http
from wsfsm.integrations.uvicorn._http import HTTPHandshake, Request
from wsfsm.server import BadHandshake, Handshake
from wsfsm.server.commands import SendBody, SendHandshake, SendResponse, StartResponse

OWN = [(b"date", b"today"), (b"server", b"wsfsm")]
HANDSHAKE = Handshake(KEY, ("a", "b"))


def asked(own: list[tuple[bytes, bytes]] | None = None) -> HTTPHandshake:
    heads = HTTPHandshake(own or [])
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
    def test_request_is_read_once_it_is_complete(self) -> None:
        heads, data = HTTPHandshake(), request(target=b"/a?b", method=b"GET")

        assert heads.read(data[:20]) is None
        read = heads.read(data[20:])

        assert read is not None
        assert (read.method, read.target, read.http_version) == (b"GET", b"/a?b", "1.1")
        assert list(read.headers) == list(HEADERS)
        assert heads.rest == b""

    def test_bytes_after_the_request_are_kept(self) -> None:
        heads = HTTPHandshake()
        heads.read(request() + b"early")

        assert heads.rest == b"early"

    @pytest.mark.parametrize("data", [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n"])
    def test_request_that_is_not_http_is_refused(self, data: bytes) -> None:
        with pytest.raises(BadHandshake) as caught:
            HTTPHandshake().read(data)

        assert caught.value.status == 400

    def test_head_that_is_too_big_is_refused(self) -> None:
        with pytest.raises(BadHandshake) as caught:
            HTTPHandshake().read(b"GET / HTTP/1.1\r\nx: " + b"x" * 2**20)

        assert caught.value.status == 431

    def test_limit_of_the_head_is_exact_in_any_pieces(self) -> None:
        data = request()
        for size in (1, 2, 3, 7, 1000):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            heads = HTTPHandshake(max_size=len(data))
            assert [heads.read(piece) for piece in pieces][-1] is not None

            heads = HTTPHandshake(max_size=len(data) - 1)
            assert not any(map(heads.read, pieces[:-1]))
            with pytest.raises(BadHandshake) as caught:
                heads.read(pieces[-1])
            assert caught.value.status == 431

    def test_bytes_after_the_head_do_not_count_towards_the_limit(self) -> None:
        data = request()
        heads = HTTPHandshake(max_size=len(data))

        assert heads.read(data + b"x" * 100_000) is not None
        assert heads.rest == b"x" * 100_000

    def test_refusal_can_be_answered(self) -> None:
        heads = HTTPHandshake()
        with pytest.raises(BadHandshake):
            heads.read(b"\x00\r\n\r\n")

        assert parsed(heads.response(SendResponse(400, (), b"no")))[::2] == (400, b"no")


def rebuilt(*lines: bytes) -> bytes:
    """A head as uvicorn rebuilds it."""
    return b"".join(b"%b\r\n" % line for line in (b"GET /a?b HTTP/1.1", *lines, b""))


def outcome(*pieces: bytes) -> tuple[object, ...]:
    """What comes of a head: the request, or the status and the text of the refusal."""
    heads = HTTPHandshake(max_size=2**17)
    try:
        return [heads.read(piece) for piece in pieces][-1], heads.rest
    except BadHandshake as error:
        return error.status, str(error)


ODD_FIRST = st.sampled_from(
    [
        *(b"GET /\xe9 HTTP/1.1", b"GET http://a/ HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.0"),
        *(b"get / HTTP/1.1", b"POST / HTTP/1.1", b"GET / "),
    ]
)
ODD_LINES = st.one_of(
    st.sampled_from([b"content-length: 0", b"content-length: a", b"transfer-encoding: chunked"]),
    st.sampled_from([b"host: b", b"Host: b", b"X: a", b"x:a", b"x : a", b"x y: a", b": a", b"x"]),
    st.sampled_from([b" x: a", b"\tx", b"", b"x: a\nx: b", b"x: a\rx: b", b"x: a\r", b"x: a\n"]),
    st.sampled_from([b"x:  a", b"x: a\t", b"x: a\tb", b"\xe9: a", b"x: a\r\n\r\n", b"host : a"]),
    st.builds(b"x: %b".__mod__, st.binary(max_size=3)),
    st.builds(b"%b: a".__mod__, st.binary(max_size=3)),
)
LINES = st.lists(
    st.sampled_from(
        [b"x: a", b"x-a: a b", b"a: ", b"x: \xe9", b"x: a: b", b"origin: a", b"user-agent: a (b)"]
    ),
    max_size=3,
)


@st.composite
def nearly_rebuilt(draw: st.DrawFn) -> bytes:
    """A head in the form that uvicorn builds, or with a difference."""
    odd = draw(st.sampled_from([None, "first", "line", "line", "line", "no host", "end"]))
    first = draw(ODD_FIRST) if odd == "first" else b"GET /a HTTP/1.1"
    lines = [*draw(LINES), *([] if odd == "no host" else [b"host: a"]), *draw(LINES)]
    if odd == "line":
        lines.insert(draw(st.integers(0, len(lines))), draw(ODD_LINES))
    end = draw(st.sampled_from([b"", b"\n", b"\r\nearly"])) if odd == "end" else b"\r\n"
    return b"".join(b"%b\r\n" % line for line in (first, *lines)) + end


class TestRebuiltHead:
    """The form that uvicorn builds is split without h11, which decides on all other forms."""

    def test_rebuilt_head_is_read_without_h11(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_http, "h11", None)
        heads = HTTPHandshake()

        assert heads.read(rebuilt(b"host: a", b"x: ", b"x: b c")) == Request(
            b"GET", b"/a?b", [(b"host", b"a"), (b"x", b""), (b"x", b"b c")], "1.1"
        )
        assert heads.rest == b""

    @given(nearly_rebuilt())
    @example(rebuilt(b"host: a", b"x: b"))
    @example(rebuilt(b"host: a", b"content-length: 0"))
    @example(rebuilt(b"host: a", b"transfer-encoding: gzip"))
    @example(rebuilt(b"host: a", b"host: a"))
    @example(rebuilt(b"x: a"))
    @example(rebuilt(b"host: a", b"x"))
    @example(rebuilt(b"host: a", b"x: a\nhost: b"))
    @example(rebuilt(b"host: a", b" folded"))
    def test_head_has_the_same_outcome_as_with_h11(self, head: bytes) -> None:
        # h11 reads a head that arrives in pieces
        assert outcome(head) == outcome(head[:1], head[1:])

    @pytest.mark.parametrize(
        "line", [b"x" * 60_000, b"x: a" + b" " * 60_000, b"x: " + b"a " * 30_000]
    )
    def test_long_line_takes_linear_time(self, line: bytes) -> None:
        before = time.process_time()
        outcome(rebuilt(b"host: a", line))

        assert time.process_time() - before < 1


class TestSharedHeaders:
    """Headers that many clients send alike are read and kept once."""

    @pytest.fixture(autouse=True)
    def known(self) -> Iterator[dict[bytes, tuple[bytes, bytes]]]:
        _http._known.clear()
        yield _http._known
        _http._known.clear()

    def read(self, *lines: bytes) -> list[tuple[bytes, bytes]]:
        request = HTTPHandshake(max_size=2**17).read(rebuilt(b"host: a", *lines))
        assert request is not None
        return request.headers

    def test_connections_share_the_parts_of_equal_lines(self) -> None:
        lines = [b"user-agent: A (b)", b"origin: http://a", b"x: 1"]
        first, second = self.read(*lines), self.read(*lines)

        assert first == second
        assert first is not second
        assert [ours is theirs for ours, theirs in zip(first, second, strict=True)] == [
            *(True, True, True),
            False,
        ]

    @pytest.mark.parametrize(
        "name",
        [
            *(b"cookie", b"authorization", b"sec-websocket-key", b"sec-websocket-protocol"),
            *(b"x-api-key", b"x"),
        ],
    )
    def test_headers_of_one_client_are_not_kept(
        self, name: bytes, known: dict[bytes, tuple[bytes, bytes]]
    ) -> None:
        assert self.read(name + b": secret")[-1] == (name, b"secret")
        assert list(known) == [b"host: a"]

    def test_clients_cannot_make_the_kept_lines_grow(
        self, known: dict[bytes, tuple[bytes, bytes]]
    ) -> None:
        sizes = set()
        for number in range(2000):
            line = b"user-agent: %d" % number
            assert self.read(line)[-1] == (b"user-agent", b"%d" % number)
            sizes.add(len(known))
        assert max(sizes) == 256

    @pytest.mark.parametrize(("size", "kept"), [(256, True), (257, False)])
    def test_long_lines_are_not_kept(
        self, size: int, kept: bool, known: dict[bytes, tuple[bytes, bytes]]
    ) -> None:
        line = b"user-agent: ".ljust(size, b"a")
        assert len(self.read(line)[-1][1]) == size - len("user-agent: ")
        assert (line in known) is kept


class TestRequestTarget:
    @pytest.mark.parametrize(
        ("target", "path", "host"),
        [
            (b"/a?b", b"/a?b", b"127.0.0.1"),
            (b"//a/b", b"//a/b", b"127.0.0.1"),
            (b"/a?u=http://b/c", b"/a?u=http://b/c", b"127.0.0.1"),
            (b"ws://example.org/a?b", b"/a?b", b"example.org"),
            (b"WSS://example.org:81/a", b"/a", b"example.org:81"),
            (b"http://example.org", b"/", b"example.org"),
            (b"https://example.org?b", b"/?b", b"example.org"),
            (b"http://example.org/a?", b"/a?", b"example.org"),
            (b"http://user:pass@example.org/a;b%20c", b"/a;b%20c", b"example.org"),
            (b"http://[::1]:80/", b"/", b"[::1]:80"),
        ],
    )
    def test_target_is_split_into_path_and_host(
        self, target: bytes, path: bytes, host: bytes
    ) -> None:
        read = HTTPHandshake().read(request(target=target))

        assert read is not None
        assert read.target == path
        hosts = [value for name, value in read.headers if name == b"host"]
        assert hosts == [dict(HEADERS)[b"host"] if target.startswith(b"/") else host]

    @pytest.mark.parametrize(
        "target",
        [
            b"*",
            b"a",
            b"example.org:80",
            b"ftp://example.org/",
            b"http:///a",
            b"http:a",
            b"http://user@/a",
            b"http://:80/a",
            b"http://[::1/a",
            b"http://[x]/a",
        ],
    )
    def test_target_that_is_not_a_path_or_url_is_refused(self, target: bytes) -> None:
        with pytest.raises(BadHandshake, match="must be a path or a URL") as caught:
            HTTPHandshake().read(request(target=target))
        assert caught.value.status == 400


class TestWriting:
    def test_handshake_response_has_its_headers_in_order(self) -> None:
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

    def test_handshake_response_without_subprotocol_has_only_the_required_headers(self) -> None:
        _, headers, _ = parsed(asked().handshake(SendHandshake(None, ()), HANDSHAKE, None))

        assert [name for name, _ in headers] == [
            b"upgrade",
            b"connection",
            b"sec-websocket-accept",
        ]

    def test_whole_response_has_a_content_length(self) -> None:
        command = SendResponse(404, ((b"x-a", b"1"),), b"nope")
        status, headers, body = parsed(asked(OWN).response(command))

        assert (status, body) == (404, b"nope")
        assert dict(headers)[b"content-length"] == b"4"
        assert dict(headers)[b"connection"] == b"close"
        assert dict(headers)[b"x-a"] == b"1"

    def test_content_length_of_the_application_is_not_repeated(self) -> None:
        command = SendResponse(404, ((b"content-length", b"4"),), b"nope")
        _, headers, _ = parsed(asked().response(command))

        assert [name for name, _ in headers].count(b"content-length") == 1

    @pytest.mark.parametrize("status", [204, 304])
    def test_response_without_a_body_has_no_content_length(self, status: int) -> None:
        _, headers, body = parsed(asked().response(SendResponse(status, (), b"")))

        assert body == b""
        assert b"content-length" not in dict(headers)
        assert b"transfer-encoding" not in dict(headers)

    def test_response_in_parts_is_chunked(self) -> None:
        heads = asked()
        data = heads.start(StartResponse(403, ()))
        data += heads.body(SendBody(b"a", more_body=True))
        data += heads.body(SendBody(b"", more_body=True))
        data += heads.body(SendBody(b"b", more_body=False))
        status, headers, body = parsed(data)

        assert (status, body) == (403, b"ab")
        assert dict(headers)[b"transfer-encoding"] == b"chunked"
        assert data.endswith(b"0\r\n\r\n")

    def test_response_in_parts_with_a_content_length_is_not_chunked(self) -> None:
        heads = asked()
        data = heads.start(StartResponse(403, ((b"content-length", b"2"),)))
        data += heads.body(SendBody(b"a", more_body=True))
        data += heads.body(SendBody(b"b", more_body=False))

        assert data.endswith(b"\r\n\r\nab")

    def test_unknown_status_is_written_without_a_phrase(self) -> None:
        assert parsed(asked().response(SendResponse(599, (), b"")))[0] == 599

    def test_head_request_is_answered_without_a_body(self) -> None:
        heads = HTTPHandshake()
        heads.read(request(method=b"HEAD"))
        data = heads.response(SendResponse(405, (), b"nope"))

        assert b"content-length: 4\r\n" in data
        assert data.endswith(b"\r\n\r\n")
        assert b"transfer-encoding" not in heads.start(StartResponse(403, ()))

    def test_date_and_server_of_the_application_are_preferred(self) -> None:
        command = SendResponse(403, ((b"date", b"tomorrow"), (b"server", b"mine")), b"")
        _, headers, _ = parsed(asked(OWN).response(command))

        assert [value for name, value in headers if name == b"date"] == [b"tomorrow"]
        assert [value for name, value in headers if name == b"server"] == [b"wsfsm", b"mine"]
