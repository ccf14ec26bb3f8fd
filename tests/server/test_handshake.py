"""The client's opening handshake: what is one, and how each other request is refused."""

import pytest
from helpers.wire import HEADERS, KEY

from wsfsm.server._handshake import BadHandshake, Handshake, read_handshake

Pair = tuple[bytes, bytes]


def with_header(name: bytes, *values: bytes) -> list[Pair]:
    """The headers of a good handshake with these in the place of those of that name."""
    return [*(pair for pair in HEADERS if pair[0] != name), *((name, value) for value in values)]


class TestValidHandshake:
    def test_valid_handshake_is_read(self) -> None:
        assert read_handshake(b"GET", HEADERS) == Handshake(KEY, ())

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            (b"Host", [b"example.org:80"]),
            (b"host", [b""]),
            (b"UPGRADE", [b"WebSocket"]),
            (b"upgrade", [b"h2c, websocket"]),
            (b"upgrade", [b"h2c", b"websocket"]),
            (b"connection", [b"keep-alive, UPGRADE"]),
            (b"connection", [b"keep-alive", b"upgrade"]),
            (b"sec-websocket-version", [b" 13\t"]),
            (b"content-length", [b"0"]),
        ],
    )
    def test_handshake_headers_are_read_by_the_rules_of_http(
        self, name: bytes, values: list[bytes]
    ) -> None:
        kept = [pair for pair in HEADERS if pair[0] != name.lower()]
        headers = [*kept, *((name, value) for value in values)]

        assert read_handshake("GET", headers).key == KEY

    @pytest.mark.parametrize("version", ["1.1", "1.2", "2", "2.0", "3"])
    def test_http_versions_from_1_1_on_are_accepted(self, version: str) -> None:
        assert read_handshake("GET", HEADERS, version).key == KEY

    @pytest.mark.parametrize(
        ("values", "offered"),
        [
            ([b"chat"], ("chat",)),
            ([b"b, a"], ("b", "a")),
            ([b"b", b"a"], ("b", "a")),
            ([b",, a ,\t,b"], ("a", "b")),
            ([b""], ()),
        ],
    )
    def test_subprotocols_are_in_the_order_of_preference(
        self, values: list[bytes], offered: tuple[str, ...]
    ) -> None:
        headers = with_header(b"sec-websocket-protocol", *values)

        assert read_handshake("GET", headers).subprotocols == offered


class TestInvalidHandshake:
    def refused(self, *args: object) -> BadHandshake:
        with pytest.raises(BadHandshake) as caught:
            read_handshake(*args)  # type: ignore[arg-type]
        return caught.value

    @pytest.mark.parametrize("method", ["POST", b"POST", "get", b"HEAD", b""])
    def test_method_other_than_get_is_refused_with_405(self, method: str | bytes) -> None:
        error = self.refused(method, HEADERS)

        assert error.status == 405
        assert error.headers == ((b"allow", b"GET"),)

    @pytest.mark.parametrize("version", ["1.0", "0.9", "", "1", "11", "nonsense"])
    def test_http_version_before_1_1_is_refused_with_400(self, version: str) -> None:
        error = self.refused("GET", HEADERS, version)

        assert error.status == 400
        assert "HTTP/1.1" in str(error)

    @pytest.mark.parametrize(
        ("name", "values", "text"),
        [
            (b"host", [], "one Host header"),
            (b"host", [b"a", b"b"], "one Host header"),
            (b"content-length", [b"5"], "not have a body"),
            (b"content-length", [b"0", b"0"], "not have a body"),
            (b"transfer-encoding", [b"chunked"], "not have a body"),
            (b"sec-websocket-key", [], "one Sec-WebSocket-Key"),
            (b"sec-websocket-key", [KEY, KEY], "one Sec-WebSocket-Key"),
            (b"sec-websocket-key", [b""], "one Sec-WebSocket-Key"),
            (b"sec-websocket-key", [b"c2hvcnQ="], "16 bytes"),
            (b"sec-websocket-key", [KEY[:-1]], "in base64"),
            (b"sec-websocket-key", [b"dGhlIHNhbXBsZSBu*25jZQ=="], "in base64"),
            (b"sec-websocket-protocol", [b"a b"], "tokens"),
            (b"sec-websocket-protocol", [b"a, \xff"], "tokens"),
            (b"sec-websocket-version", [], "Version, 13"),
            (b"sec-websocket-version", [b"13", b"13"], "Version, 13"),
        ],
    )
    def test_wrong_header_is_refused_with_400(
        self, name: bytes, values: list[bytes], text: str
    ) -> None:
        error = self.refused("GET", with_header(name, *values))

        assert error.status == 400
        assert text in str(error)

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            (b"upgrade", []),
            (b"upgrade", [b"h2c"]),
            (b"upgrade", [b"websockets"]),
            (b"connection", []),
            (b"connection", [b"close"]),
        ],
    )
    def test_missing_upgrade_is_refused(self, name: bytes, values: list[bytes]) -> None:
        error = self.refused("GET", with_header(name, *values))

        assert error.status == 426
        assert error.headers == ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))

    @pytest.mark.parametrize("version", [b"8", b"0", b"", b"013", b"13, 8"])
    def test_another_websocket_version_is_refused_with_426(self, version: bytes) -> None:
        error = self.refused("GET", with_header(b"sec-websocket-version", version))

        assert error.status == 426
        assert (b"sec-websocket-version", b"13") in error.headers
        assert (b"upgrade", b"websocket") in error.headers
