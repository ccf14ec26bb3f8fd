"""Which origins may open a WebSocket (RFC 6454; RFC 6455 10.2)."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.origins import AllowedOrigins, Origin, OriginPattern
from wsfsm.types import Scope

LABEL = st.text(string.ascii_lowercase + string.digits + "-_", min_size=1, max_size=8)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
HOST = st.one_of(
    NAME,
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address.compressed}]"),
)
SCHEME = st.sampled_from(["http", "https", "chrome-extension", "app"])
ORIGIN = st.builds(Origin, SCHEME, HOST, st.none() | st.integers(0, 65535)).filter(
    lambda origin: origin.port is not None or origin.scheme not in {"http", "https"}
)


def scope(*headers: tuple[str, str], **keys: Any) -> Scope:
    """The scope of a handshake to example.org."""
    pairs = [("Host", "example.org"), *headers]
    return {
        "type": "websocket",
        "scheme": "ws",
        "path": "/",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        **keys,
    }


def of(*origins: str, **keys: Any) -> Scope:
    return scope(*(("Origin", origin) for origin in origins), **keys)


class TestOrigin:
    @pytest.mark.parametrize(
        ("text", "origin"),
        [
            ("http://example.org", Origin("http", "example.org", 80)),
            ("HTTPS://Example.ORG", Origin("https", "example.org", 443)),
            ("https://example.org:8443", Origin("https", "example.org", 8443)),
            ("https://example.org:443", Origin("https", "example.org", 443)),
            ("http://localhost:0", Origin("http", "localhost", 0)),
            ("http://a_b.example.org.", Origin("http", "a_b.example.org.", 80)),
            ("http://127.0.0.1:8000", Origin("http", "127.0.0.1", 8000)),
            ("http://[::1]:8000", Origin("http", "[::1]", 8000)),
            ("http://[0:0:0:0:0:0:0:1]", Origin("http", "[::1]", 80)),
            ("chrome-extension://abcdef", Origin("chrome-extension", "abcdef", None)),
        ],
    )
    def test_is_read(self, text: str, origin: Origin) -> None:
        assert Origin.parse(text) == origin

    @pytest.mark.parametrize(
        "text",
        [
            *("", "null", "*", "example.org", "//example.org", "https:/example.org", "https://"),
            *("https://example.org/", "https://example.org/x", "https://example.org?x"),
            *("https://u@example.org", "https://u:p@example.org", "https://example.org#x"),
            *("https://example.org:", "https://example.org:x", "https://example.org:65536"),
            *("https://example.org:08", "https://example.org:-1", "https://example.org:123456"),
            *("https://a https://b", "https://a,https://b", " https://a", "https://a\n"),
            *("https://*.example.org", "https://b\xfccher.example", "https://a..b", "https://.a"),
            *("https://[::1", "https://[::x]", "https://[1:2]", "https://::1", "1http://a"),
            *("https://a%2eb", "https://a\\b", "javascript:alert(1)", "https://\u212a.org"),
        ],
    )
    def test_is_malformed(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"must be|Expected|At least|Only"):
            Origin.parse(text)

    @given(ORIGIN)
    def test_is_read_as_it_is_written(self, origin: Origin) -> None:
        assert Origin.parse(str(origin)) == origin
        assert Origin.parse(str(origin).upper()) == origin

    @given(st.text())
    def test_of_any_text_is_read_or_is_malformed(self, text: str) -> None:
        try:
            origin = Origin.parse(text)
        except ValueError:
            return
        assert Origin.parse(str(origin)) == origin


class TestPattern:
    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("*", "must be scheme://host"),
            ("null", "must be scheme://host"),
            ("example.org", "must be scheme://host"),
            ("https://example.org/", "without a path"),
            ("https://a.*.org", "must be scheme://host"),
            ("https://*", "must be scheme://host"),
            ("https://b\xfccher.example", "in ASCII"),
            ("wss://example.org", "such as https://example.org, got wss://example.org"),
            ("ws://*.example.org:81", "such as http://example.org:81, got"),
            ("https://*.org", "all domains of a top-level domain"),
            ("https://*.127.0.0.1", "an IP address has no subdomains"),
            ("https://*.[::1]", "an IP address has no subdomains"),
        ],
    )
    def test_is_refused(self, text: str, error: str) -> None:
        with pytest.raises(ValueError, match=error.replace("*", r"\*")):
            OriginPattern.parse(text)

    @pytest.mark.parametrize(
        ("text", "origin", "matched"),
        [
            ("https://example.org", "https://example.org", True),
            ("https://example.org", "https://example.org:443", True),
            ("https://example.org:8443", "https://example.org:8443", True),
            ("https://example.org", "http://example.org", False),
            ("https://example.org", "https://example.org:8443", False),
            ("https://example.org", "https://a.example.org", False),
            ("https://example.org", "https://example.org.evil.example", False),
            ("https://*.example.org", "https://a.example.org", True),
            ("https://*.example.org", "https://a.b.example.org", True),
            ("https://*.example.org", "https://example.org", False),
            ("https://*.example.org", "https://evilexample.org", False),
            ("https://*.example.org", "https://example.org.evil.example", False),
            ("https://*.example.org", "http://a.example.org", False),
            ("https://*.example.org", "https://a.example.org:8443", False),
            ("https://*.example.org:8443", "https://a.example.org:8443", True),
            ("http://*.localhost:8000", "http://app.localhost:8000", True),
            ("chrome-extension://abcdef", "chrome-extension://abcdef", True),
            ("chrome-extension://abcdef", "chrome-extension://abcde", False),
        ],
    )
    def test_matches(self, text: str, origin: str, matched: bool) -> None:
        assert OriginPattern.parse(text).matches(Origin.parse(origin)) is matched

    @given(ORIGIN, ORIGIN)
    def test_of_one_origin_matches_that_origin_only(self, first: Origin, second: Origin) -> None:
        pattern = OriginPattern(first)

        assert pattern.matches(first)
        assert pattern.matches(second) is (first == second)

    @given(ORIGIN, ORIGIN, NAME)
    def test_of_subdomains_matches_what_ends_so(
        self, first: Origin, second: Origin, name: str
    ) -> None:
        pattern = OriginPattern(first, subdomains=True)

        assert not pattern.matches(first)
        assert pattern.matches(Origin(first.scheme, f"{name}.{first.host}", first.port))
        assert not pattern.matches(Origin(first.scheme, f"{name}{first.host}", first.port))
        assert not pattern.matches(Origin(first.scheme, f"{first.host}.{name}x", first.port))
        if pattern.matches(second):
            assert second.host.endswith(f".{first.host}")


class TestAllowedOrigins:
    @pytest.mark.parametrize(
        ("scheme", "host", "origin"),
        [
            ("ws", "example.org", "http://example.org"),
            ("wss", "example.org", "https://example.org"),
            ("ws", "example.org:80", "http://example.org"),
            ("wss", "EXAMPLE.org", "https://example.org:443"),
            ("ws", "localhost:8000", "http://localhost:8000"),
            ("ws", "[::1]:8000", "http://[::1]:8000"),
            ("https", "example.org", "https://example.org"),  # some servers do not say wss
            (None, "example.org", "http://example.org"),
        ],
    )
    def test_the_same_origin_is_allowed(self, scheme: str, host: str, origin: str) -> None:
        request = of(origin, scheme=scheme)
        request["headers"][0] = (b"host", host.encode())

        assert AllowedOrigins().refusal(request) is None
        assert AllowedOrigins(same_origin=False).refusal(request) is not None

    @pytest.mark.parametrize(
        ("scheme", "host", "origin"),
        [
            ("ws", "example.org", "https://example.org"),
            ("wss", "example.org", "http://example.org"),
            ("ws", "example.org:8000", "http://example.org"),
            ("ws", "example.org", "http://example.org:8000"),
            ("ws", "localhost", "http://127.0.0.1"),
            ("ws", "example.org", "http://evil.example"),
            ("ws", "example.org/", "http://example.org"),
            ("ws", "", "http://example.org"),
            ("ws", "u@example.org", "http://example.org"),
        ],
    )
    def test_another_origin_is_refused(self, scheme: str, host: str, origin: str) -> None:
        request = of(origin, scheme=scheme)
        request["headers"][0] = (b"host", host.encode())

        assert AllowedOrigins().refusal(request) == f"The origin {origin} is not allowed."

    def test_without_one_host_no_origin_is_the_same(self) -> None:
        twice = of("http://example.org")
        twice["headers"].append((b"host", b"example.org"))

        for request in (twice, {**twice, "headers": twice["headers"][1:2]}):
            assert AllowedOrigins().refusal(request) is not None

    def test_listed_origins_are_allowed(self) -> None:
        allowed = AllowedOrigins(["https://a.example", OriginPattern.parse("https://*.b.example")])

        assert allowed.refusal(of("https://a.example")) is None
        assert allowed.refusal(of("https://x.b.example")) is None
        assert allowed.refusal(of("https://c.example")) is not None

    @pytest.mark.parametrize(
        ("origins", "text"),
        [
            (["null"], "The origin null is not that of any site."),
            (["NULL"], "The origin NULL is malformed."),
            ([""], 'The origin "" is malformed.'),
            (["http://example.org/"], "The origin http://example.org/ is malformed."),
            (["http://a\x1b[31m\n"], r"The origin http://a\x1b[31m\n is malformed."),
            (["http://example.org", "http://example.org"], "There are 2 Origin headers"),
            (["http://example.org http://evil.example"], "is malformed"),
        ],
    )
    def test_what_no_page_sends_is_refused(self, origins: list[str], text: str) -> None:
        assert text in (AllowedOrigins().refusal(of(*origins)) or "")

    def test_a_long_origin_is_shortened(self) -> None:
        refusal = AllowedOrigins().refusal(of("http://" + "a" * 10_000))

        assert len(refusal or "") < 300

    def test_a_client_without_an_origin_is_a_choice(self) -> None:
        assert AllowedOrigins().refusal(scope()) is None
        refusal = AllowedOrigins(allow_missing=False).refusal(scope())
        assert refusal == "The header Origin is missing."

    def test_headers_may_be_any_iterable_of_any_case(self) -> None:
        request = of("http://evil.example")
        request["headers"] = iter([*request["headers"], (b"x-a", b"1")])

        assert AllowedOrigins().refusal(request) is not None
        assert len(request["headers"]) == 3

    def test_one_text_is_not_a_list(self) -> None:
        with pytest.raises(TypeError, match=r"must be a list of str, got str 'https://a.example'"):
            AllowedOrigins("https://a.example")

    @pytest.mark.parametrize(
        "origins", [b"https://a.example", 5, True, None, [None], [b"https://a.example"]], ids=repr
    )
    def test_only_str_are_origins(self, origins: Any) -> None:
        with pytest.raises(TypeError, match=r"allowed origins? must be a (list of )?str, got"):
            AllowedOrigins(origins)

    def test_headers_that_are_not_bytes_are_refused(self) -> None:
        request = {**of("http://evil.example"), "headers": [("origin", "http://evil.example")]}

        assert AllowedOrigins().refusal(request) == "The headers are not bytes, as ASGI says."

    @given(ORIGIN, st.lists(ORIGIN, max_size=3), ORIGIN)
    def test_only_listed_ones_and_the_own_are_allowed(
        self, origin: Origin, listed: list[Origin], own: Origin
    ) -> None:
        allowed = AllowedOrigins([OriginPattern(one) for one in listed])
        port = "" if own.port is None else f":{own.port}"
        request = of(str(origin), scheme=own.scheme)
        request["headers"][0] = (b"host", f"{own.host}{port}".encode())

        assert (allowed.refusal(request) is None) is (origin in [*listed, own])

    @given(st.binary(max_size=40))
    def test_any_bytes_are_refused_in_printable_text(self, value: bytes) -> None:
        request = scope()
        request["headers"].append((b"origin", value))

        refusal = AllowedOrigins(same_origin=False).refusal(request)

        assert refusal is not None
        assert refusal.isprintable()
