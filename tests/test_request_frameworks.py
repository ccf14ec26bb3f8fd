"""`HTTPConnection` in a framework: the keys of the scope, ``url_for``, and the comparison with Starlette."""

import asyncio
import pickle
from typing import Any, cast

import pytest
from helpers.request_scopes import BOTH, Make, scope_of
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection as TheirConnection
from starlette.routing import Mount, Route, Router, WebSocketRoute

from wsfsm.datastructures import URL
from wsfsm.requests import HTTPConnection
from wsfsm.types import Receive, Scope, Send


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
    """An endpoint that is never called."""


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
