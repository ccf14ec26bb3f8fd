"""`HTTPConnection`: its construction, URLs, headers, cookies and state."""

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from helpers.request_scopes import BOTH, Make, scope_of
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection as TheirConnection

from wsfsm.datastructures import URL, Address, Headers, QueryParams, State
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.types import Scope


def least(kind: str) -> dict[str, Any]:
    """A scope with nothing in it that ASGI lets a server leave out."""
    return {"type": kind, "path": "/"}


class TestConstruction:
    @pytest.mark.parametrize("kind", ["http", "websocket"])
    def test_connection_takes_the_scope_of_a_request_or_a_websocket(self, kind: str) -> None:
        scope = scope_of(type=kind)
        connection: HTTPConnection = HTTPConnection(scope)
        assert connection.scope is scope

    def test_connection_takes_a_receive_for_subclasses(self) -> None:
        async def receive() -> dict[str, Any]:
            raise NotImplementedError

        connection: HTTPConnection = HTTPConnection(scope_of(), receive)
        assert not hasattr(connection, "receive")
        assert not hasattr(connection, "_receive")

    @pytest.mark.parametrize(
        ("scope", "came"),
        [
            ({"type": "lifespan"}, "'lifespan'"),
            ({"type": "WebSocket"}, "'WebSocket'"),
            ({"type": None}, "None"),
            ({"type": ["http"]}, r"\['http'\]"),
            ({}, "one without a type"),
        ],
    )
    def test_connection_refuses_a_scope_of_another_type(self, scope: Scope, came: str) -> None:
        with pytest.raises(ValueError, match=f"(?m)of type 'http' or 'websocket', not {came}$"):
            HTTPConnection(scope)

    def test_connection_reads_only_the_type_of_its_scope(self) -> None:
        class Watched(dict[str, Any]):
            def get(self, key: str, default: Any = None) -> Any:
                assert key == "type"
                return super().get(key, default)

            def __getitem__(self, key: str) -> Any:
                raise AssertionError(key)

        scope = Watched(scope_of())
        assert HTTPConnection(scope).scope is scope


class TestMapping:
    @BOTH
    def test_connection_is_a_mapping_over_its_scope(self, make: Make) -> None:
        scope = scope_of(extra=1)
        connection = make(scope)
        assert isinstance(connection, Mapping)
        assert connection["extra"] == 1
        assert connection.get("nothing") is None
        assert list(connection) == list(scope)
        assert len(connection) == len(scope)
        assert dict(connection) == scope
        assert "path" in connection
        assert "nothing" not in connection
        with pytest.raises(KeyError, match="nothing"):
            connection["nothing"]

    @BOTH
    def test_connection_equals_only_itself(self, make: Make) -> None:
        scope = scope_of()
        first, second = make(scope), make(scope)
        assert first == first  # noqa: PLR0124 - the point of the test
        assert first != second
        assert first != scope
        assert {first: 1, second: 2} == {second: 2, first: 1}
        assert first in weakref.WeakSet([first])
        assert second not in weakref.WeakSet([first])

    @BOTH
    def test_connection_takes_additional_attributes(self, make: Make) -> None:
        connection = make(scope_of())
        connection.tenant = "a"
        assert connection.tenant == "a"
        with pytest.raises(AttributeError):
            connection.url = "/"

    def test_connection_caches_its_properties(self) -> None:
        connection: HTTPConnection = HTTPConnection(scope_of())
        for name in "url", "base_url", "headers", "query_params", "cookies", "state":
            value = getattr(connection, name)
            assert getattr(connection, name) is value

    def test_connection_can_be_subclassed_with_a_type_of_state(self) -> None:
        class Ours(HTTPConnection[StateT]):
            __slots__ = ("more",)
            more: int

        class Values(State):
            number: int

        connection = Ours[Values](scope_of(state={"number": 1}))
        assert connection.state.number == 1
        connection.more = 2
        assert not hasattr(connection, "number")


class TestUrls:
    @BOTH
    def test_urls_are_made_from_the_scope(self, make: Make) -> None:
        connection = make(scope_of())
        assert connection.url == "ws://example.org/chat?room=1"
        assert connection.base_url == "ws://example.org/"
        assert connection.url is connection.url
        assert connection.base_url is connection.base_url

    @pytest.mark.parametrize(
        ("changes", "base_url"),
        [
            ({"root_path": "/app"}, "ws://example.org/app/"),
            ({"root_path": "/app/"}, "ws://example.org/app/"),
            ({"root_path": "/app/sub", "app_root_path": "/app"}, "ws://example.org/app/"),
            ({"root_path": "/app", "app_root_path": ""}, "ws://example.org/"),
            ({"root_path": "/a?b"}, "ws://example.org/a%3Fb/"),
            ({"headers": []}, "ws://127.0.0.1:8000/"),
            ({"headers": [], "server": None}, "/"),
            ({"headers": [], "server": None, "root_path": "//evil"}, "/%2Fevil/"),
        ],
    )
    @BOTH
    def test_base_url_is_the_root_of_the_application(
        self, make: Make, changes: dict[str, Any], base_url: str
    ) -> None:
        assert make(scope_of(**changes)).base_url == base_url

    @pytest.mark.parametrize("first", ["url", "base_url", "headers"])
    def test_iterator_of_headers_is_kept_for_later_readers(self, first: str) -> None:
        scope = scope_of(headers=iter([(b"x", b"y"), (b"host", b"h"), (b"a", b"b")]))
        connection: HTTPConnection = HTTPConnection(scope)
        assert getattr(connection, first)
        assert connection.url == "ws://h/chat?room=1"
        assert connection.base_url == "ws://h/"
        assert connection.headers.raw == [(b"x", b"y"), (b"host", b"h"), (b"a", b"b")]

    def test_urls_do_not_change_the_scope(self) -> None:
        scope = scope_of()
        connection: HTTPConnection = HTTPConnection(scope)
        assert connection.url != connection.base_url
        assert scope == scope_of()


class TestHeadersAndQuery:
    @BOTH
    def test_headers_and_query_are_read_from_the_scope(self, make: Make) -> None:
        connection = make(scope_of())
        assert connection.headers["Host"] == "example.org"
        assert connection.query_params["room"] == "1"

    def test_headers_query_url_client_and_state_have_our_classes(self) -> None:
        connection: HTTPConnection = HTTPConnection(scope_of())
        assert type(connection.headers) is Headers
        assert type(connection.query_params) is QueryParams
        assert type(connection.url) is type(connection.base_url) is URL
        assert type(connection.client) is Address
        assert type(connection.state) is State

    @BOTH
    @pytest.mark.parametrize("client", [("h", 1), ["h", 1]])
    def test_client_is_an_address(self, make: Make, client: Any) -> None:
        address = make(scope_of(client=client)).client
        assert (address.host, address.port) == ("h", 1)

    @BOTH
    def test_client_can_be_none(self, make: Make) -> None:
        assert make(scope_of(client=None)).client is None

    @BOTH
    def test_path_params_default_to_an_empty_dict(self, make: Make) -> None:
        assert make(scope_of()).path_params == {}
        assert make(scope_of(path_params={"a": 1})).path_params == {"a": 1}


class TestMinimalScopes:
    @pytest.mark.parametrize("kind", ["http", "websocket"])
    @pytest.mark.parametrize(
        "missing",
        [
            {},
            dict.fromkeys(["query_string", "headers", "scheme", "root_path", "server", "client"]),
        ],
    )
    def test_minimal_scope_has_a_value_for_every_property(
        self, kind: str, missing: dict[str, Any]
    ) -> None:
        connection: HTTPConnection = HTTPConnection(least(kind) | missing)
        assert connection.url == "/"
        assert connection.base_url == "/"
        assert connection.headers == Headers()
        assert connection.query_params == QueryParams()
        assert connection.cookies == connection.path_params == {}
        assert connection.client is None
        assert len(connection.state) == 0

    @pytest.mark.parametrize(("kind", "scheme"), [("http", "http"), ("websocket", "ws")])
    def test_minimal_scope_has_the_default_scheme_of_its_type(self, kind: str, scheme: str) -> None:
        connection: HTTPConnection = HTTPConnection(least(kind) | {"server": ("h", 80)})
        assert connection.url == f"{scheme}://h/"

    def test_headers_with_names_in_any_case_are_found(self) -> None:
        headers = [[b"Host", b"h"], [b"COOKIE", b"a=1"]]
        connection: HTTPConnection = HTTPConnection(least("websocket") | {"headers": headers})
        assert connection.url == "ws://h/"
        assert connection.cookies == {"a": "1"}


COOKIES: list[tuple[list[bytes], dict[str, str]]] = [
    ([], {}),
    ([b""], {}),
    ([b"a=1"], {"a": "1"}),
    ([b"a=1; b=2;c=3"], {"a": "1", "b": "2", "c": "3"}),
    ([b"a=1", b"b=2"], {"a": "1", "b": "2"}),
    ([b"a=1; b=2", b"a=3"], {"a": "3", "b": "2"}),
    ([b"a=1; a=2"], {"a": "2"}),
    ([b" a = 1 ; ; b"], {"a": "1", "": "b"}),
    ([b"=v"], {"": "v"}),
    ([b"a="], {"a": ""}),
    ([b"a=b=c"], {"a": "b=c"}),
    ([b'a="x y"'], {"a": "x y"}),
    ([b'a="\\"x\\054\\\\"'], {"a": '"x,\\'}),
    ([b'a="'], {"a": '"'}),
    ([b'a="x;y"'], {"a": '"x', "": 'y"'}),
    ([b"a=\xe9"], {"a": "é"}),
    ([b"a:b=1; c[d]=2; $Version=3"], {"a:b": "1", "c[d]": "2", "$Version": "3"}),
]


class TestCookies:
    @pytest.mark.parametrize(("headers", "cookies"), COOKIES)
    @BOTH
    def test_cookies_are_read_as_browsers_write_them(
        self, make: Make, headers: list[bytes], cookies: dict[str, str]
    ) -> None:
        connection = make(scope_of(headers=[(b"cookie", header) for header in headers]))
        assert connection.cookies == cookies
        assert connection.cookies is connection.cookies

    @given(st.lists(st.one_of(st.binary(), st.text('ab=;" \\012,').map(str.encode))))
    def test_cookies_of_any_header_are_those_of_starlette(self, headers: list[bytes]) -> None:
        scope = scope_of(headers=[(b"cookie", header) for header in headers])
        mine: HTTPConnection = HTTPConnection(scope)
        other: TheirConnection = TheirConnection(scope)
        assert mine.cookies == other.cookies
