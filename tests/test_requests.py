import asyncio
import pickle
import weakref
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection as TheirConnection
from starlette.routing import Mount, Route, Router, WebSocketRoute

from wsfsm.datastructures import URL, Address, Headers, QueryParams, State
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.types import Receive, Scope, Send


def scope_of(**changes: Any) -> dict[str, Any]:
    """The scope of a WebSocket as servers send it, with changes."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "scheme": "ws",
        "path": "/chat",
        "query_string": b"room=1",
        "root_path": "",
        "headers": [(b"host", b"example.org"), (b"cookie", b"a=1; b=2")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
    } | changes


def least(kind: str) -> dict[str, Any]:
    """A scope with nothing in it that ASGI lets a server leave out."""
    return {"type": kind, "path": "/"}


# what is the same in both
BOTH = pytest.mark.parametrize("make", [HTTPConnection, TheirConnection])
Make = Callable[[Any], Any]


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
        with pytest.raises(ValueError, match=f"of type 'http' or 'websocket', not {came}$"):
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


class TestKeysOfFrameworks:
    @BOTH
    @pytest.mark.parametrize("name", ["app", "session", "auth", "user"])
    def test_key_of_a_framework_is_returned_unchanged(self, make: Make, name: str) -> None:
        value = {"a": 1}
        assert getattr(make(scope_of(**{name: value})), name) is value

    @BOTH
    @pytest.mark.parametrize("name", ["session", "auth", "user"])
    def test_key_of_a_framework_can_be_none(self, make: Make, name: str) -> None:
        assert getattr(make(scope_of(**{name: None})), name) is None

    @pytest.mark.parametrize(
        ("name", "middleware"),
        [
            ("session", "SessionMiddleware"),
            ("auth", "AuthenticationMiddleware"),
            ("user", "AuthenticationMiddleware"),
        ],
    )
    def test_missing_key_is_reported_with_the_middleware_to_install(
        self, name: str, middleware: str
    ) -> None:
        connection: HTTPConnection = HTTPConnection(scope_of())
        with pytest.raises(
            RuntimeError, match=f"^'{name}' is not in the scope: install {middleware}, "
        ):
            getattr(connection, name)

    @BOTH
    def test_missing_app_raises_key_error(self, make: Make) -> None:
        connection = make(scope_of())
        with pytest.raises(KeyError, match="app"):
            connection.app  # noqa: B018 - the look is refused

    @BOTH
    def test_session_is_notified_of_every_access(self, make: Make) -> None:
        class Session(dict[str, Any]):
            accessed = 0

            def mark_accessed(self) -> None:
                self.accessed += 1

        session = Session(a=1)
        connection = make(scope_of(session=session))
        assert connection.session is connection.session is session
        assert session.accessed == 2
        assert connection["session"] is session
        assert session.accessed == 2


class TestState:
    @BOTH
    def test_state_is_a_view_of_the_state_in_the_scope(self, make: Make) -> None:
        values = {"a": 1}
        connection = make(scope_of(state=values))
        assert connection.state.a == 1
        connection.state.b = 2
        assert values == {"a": 1, "b": 2}
        assert connection.state is connection.state

    @BOTH
    def test_state_is_added_to_a_scope_without_one(self, make: Make) -> None:
        scope = scope_of()
        make(scope).state.a = 1
        assert scope["state"] == {"a": 1}
        assert make(scope).state.a == 1

    def test_state_is_not_added_before_it_is_read(self) -> None:
        scope = scope_of()
        connection: HTTPConnection = HTTPConnection(scope)
        assert connection.url == "ws://example.org/chat?room=1"
        assert "state" not in scope


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """What a route needs and no test calls."""


ROUTES = [
    Route("/page/{number:int}", endpoint, name="page"),
    WebSocketRoute("/ws/{name}", cast("Any", endpoint), name="ws"),
    Mount("/sub", routes=[Route("/", endpoint, name="root")], name="sub"),
]


class TestUrlFor:
    @pytest.mark.parametrize("key", ["router", "app"])
    @pytest.mark.parametrize(
        ("name", "params", "url"),
        [
            ("page", {"number": 7}, "http://example.org/root/page/7"),
            ("ws", {"name": "a b"}, "ws://example.org/root/ws/a b"),
            ("sub:root", {}, "ws://example.org/root/sub/"),
        ],
    )
    def test_url_for_asks_the_router_or_the_application(
        self, key: str, name: str, params: dict[str, Any], url: str
    ) -> None:
        provider = {"router": Router, "app": Starlette}[key](routes=ROUTES)
        scope = scope_of(root_path="/root", **{key: provider})
        mine: HTTPConnection = HTTPConnection(scope)
        other: TheirConnection = TheirConnection(scope)
        assert mine.url_for(name, **params) == other.url_for(name, **params)
        assert type(mine.url_for(name, **params)) is URL

    def test_url_for_prefers_the_router(self) -> None:
        scope = scope_of(router=Router(routes=ROUTES), app=Starlette())
        connection: HTTPConnection = HTTPConnection(scope)
        assert connection.url_for("page", number=1) == "http://example.org/page/1"

    def test_url_for_takes_a_path_parameter_called_name(self) -> None:
        routes = [Route("/{name}", endpoint, name="page")]
        connection: HTTPConnection = HTTPConnection(scope_of(router=Router(routes=routes)))
        assert connection.url_for("page", name="x") == "http://example.org/x"

    @BOTH
    def test_url_for_without_router_and_application_is_refused(self, make: Make) -> None:
        with pytest.raises(RuntimeError, match="url_for"):
            make(scope_of()).url_for("page")


class Keeper:
    """An ASGI application that keeps the scope it is called with: no function, so not wrapped."""

    scope: Scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope


def test_connection_reads_like_starlettes_in_a_starlette_application() -> None:
    keeper = Keeper()
    route = WebSocketRoute("/{name}", cast("Any", keeper), name="ws")
    app = Starlette(routes=[Mount("/sub", routes=[route])])

    async def unused(*_: Any) -> Any:
        raise NotImplementedError

    scope = scope_of(path="/root/sub/x", root_path="/root", app_root_path="/root")
    asyncio.run(app(scope, unused, unused))
    mine: HTTPConnection = HTTPConnection(keeper.scope)
    other: TheirConnection = TheirConnection(dict(mine.scope))
    assert mine.app is other.app is app
    assert mine.path_params == other.path_params == {"name": "x"}
    assert mine.url == other.url == "ws://example.org/root/sub/x?room=1"
    assert mine.base_url == other.base_url == "ws://example.org/root/"
    assert mine.url_for("ws", name="y") == other.url_for("ws", name="y")
    assert mine.url_for("ws", name="y") == "ws://example.org/root/sub/y"


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"host", b"cookie", b"x"]),
        st.one_of(st.text("a.b:[]1=;", max_size=8).map(str.encode), st.binary(max_size=6)),
    )
)
PATHS = st.just("") | st.text(
    st.characters(codec="utf-8", exclude_characters="\t\r\n"), max_size=8
).map("/{}".format)


@given(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["http", "websocket"]),
            "scheme": st.sampled_from(["http", "https", "ws", "wss"]),
            "path": PATHS,
            "query_string": st.text("ab=&+%C3A9").map(str.encode),
            "headers": HEADERS | HEADERS.map(tuple),
        },
        optional={
            "root_path": PATHS,
            "app_root_path": PATHS,
            "server": st.none() | st.tuples(st.sampled_from(["h", "::1"]), st.integers(0, 65535)),
            "client": st.none() | st.tuples(st.just("h"), st.integers(0, 65535)),
            "state": st.dictionaries(st.text(), st.integers()),
            "path_params": st.dictionaries(st.text(), st.integers()),
        },
    )
)
def test_any_connection_reads_like_starlettes(scope: dict[str, Any]) -> None:
    mine: HTTPConnection = HTTPConnection(pickle.loads(pickle.dumps(scope)))
    other: TheirConnection = TheirConnection(pickle.loads(pickle.dumps(scope)))
    assert str(mine.base_url) == str(other.base_url)
    assert str(mine.url) == str(other.url)
    assert mine.headers.raw == other.headers.raw
    assert mine.query_params.multi_items() == other.query_params.multi_items()
    assert mine.cookies == other.cookies
    assert repr(mine.client) == repr(other.client)
    assert mine.path_params == other.path_params
    assert dict(mine.state._state) == dict(other.state._state)
    assert mine.scope == other.scope


def test_requests_has_starlettes_public_names() -> None:
    public = {name for name in dir(TheirConnection) if not name.startswith("_")}
    assert public <= set(dir(HTTPConnection))
