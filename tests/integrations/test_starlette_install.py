"""An installed application gets wsfsm's objects everywhere, and no other application does."""

import contextlib
import gc
import json
import warnings
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import starlette.websockets as starlette_
from helpers.asgi import Server, scope
from helpers.frameworks import CONNECT, LEFT, FailingServer, installed, play, text
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    SimpleUser,
    requires,
)
from starlette.endpoints import WebSocketEndpoint
from starlette.exceptions import WebSocketException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import BaseRoute, Host, Mount, Router, WebSocketRoute

import wsfsm
from wsfsm.integrations.starlette import (
    WebSocket,
    WebSocketDisconnect,
    WebSocketState,
    install,
    uninstall,
)


class Broken(Exception):
    """An error for which there is an exception handler."""


async def kind(websocket: starlette_.WebSocket) -> None:
    """Send the name of the module of the object's class."""
    await websocket.accept()
    await websocket.send_text(type(websocket).__module__)
    await websocket.close()


OURS = "wsfsm.integrations.starlette._websocket"
THEIRS = "starlette.websockets"


class Endpoint(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: Any, data: Any) -> None:
        await websocket.send_text(type(websocket).__module__)


class Passing:
    """A pure ASGI middleware that makes an object of its own, by Starlette's name."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            websocket = starlette_.WebSocket(scope, receive=receive, send=send)
            scope["seen"] = [*scope.get("seen", []), type(websocket).__module__]
        await self.app(scope, receive, send)


class Dispatching(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        raise AssertionError("it is for HTTP")


async def seen(websocket: starlette_.WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.scope["seen"])


def sent_text(sent: Any) -> Any:
    (message,) = [message for message in sent if message["type"] == "websocket.send"]
    return message["text"]


ROUTES: dict[str, list[BaseRoute]] = {
    "a handler": [WebSocketRoute("/x", kind)],
    "an endpoint": [WebSocketRoute("/x", Endpoint)],
    "a mount": [Mount("/", routes=[WebSocketRoute("/x", kind)])],
    "a router": [Mount("/", app=Router(routes=[WebSocketRoute("/x", kind)]))],
    "a nested mount": [Mount("/", routes=[Mount("/", routes=[WebSocketRoute("/x", kind)])])],
    "a host": [Host("example.org", app=Router(routes=[WebSocketRoute("/x", kind)]))],
    "a mounted application": [Mount("/", app=Starlette(routes=[WebSocketRoute("/x", kind)]))],
    "an application in another one": [
        Mount("/", app=Starlette(routes=[Mount("/", app=Starlette(routes=[WebSocketRoute("/x", kind)]))]))
    ],
    "a mounted application behind middleware": [
        Mount("/", app=Passing(Starlette(routes=[WebSocketRoute("/x", kind)])))
    ],
}  # fmt: skip


class TestWhereItReaches:
    @pytest.mark.parametrize("routes", ROUTES.values(), ids=ROUTES)
    def test_it_gets_ours_and_starlettes_without_it(self, routes: list[BaseRoute]) -> None:
        app = Starlette(routes=routes)
        incoming = [text("a"), LEFT]

        assert sent_text(play(app, "/x", *incoming)) == THEIRS
        with installed(app):
            assert sent_text(play(app, "/x", *incoming)) == OURS
        assert sent_text(play(app, "/x", *incoming)) == THEIRS

    def test_middleware_and_what_is_behind_it(self) -> None:
        inner = Starlette(routes=[WebSocketRoute("/", seen)], middleware=[Middleware(Passing)])
        app = Starlette(routes=[Mount("/x", app=inner)], middleware=[Middleware(Passing)])
        with installed(app):
            assert json.loads(sent_text(play(app, "/x/"))) == [OURS, OURS]

    def test_middleware_of_a_route_and_of_http(self) -> None:
        route = WebSocketRoute("/", seen, middleware=[Middleware(Passing)])
        app = Starlette(routes=[route], middleware=[Middleware(Dispatching)])
        with installed(app):
            assert json.loads(sent_text(play(app))) == [OURS]

    def test_a_copy_of_the_scope(self) -> None:
        async def copying(scope: Any, receive: Any, send: Any) -> None:
            await inner(dict(scope), receive, send)

        inner = Starlette(routes=[WebSocketRoute("/", kind)])
        app = Starlette(routes=[Mount("/x", app=copying)])
        with installed(app):
            assert sent_text(play(app, "/x/")) == OURS

    def test_sessions_state_and_the_user(self) -> None:
        class Backend(AuthenticationBackend):
            async def authenticate(self, conn: Any) -> Any:
                return AuthCredentials(["authenticated"]), SimpleUser("u")

        @requires("authenticated")
        async def who(websocket: WebSocket) -> None:
            await websocket.accept()
            websocket.session["n"] = 1
            websocket.state.n = 2
            await websocket.send_json(
                [websocket.user.display_name, websocket.session["n"], websocket.state.n]
            )

        @requires("other")
        async def forbidden(websocket: WebSocket) -> None:
            raise AssertionError("it is not called")

        app = Starlette(
            routes=[WebSocketRoute("/who", who), WebSocketRoute("/other", forbidden)],
            middleware=[
                Middleware(SessionMiddleware, secret_key="s"),  # noqa: S106 - a test
                Middleware(AuthenticationMiddleware, backend=Backend()),
            ],
        )
        with installed(app):
            assert json.loads(sent_text(play(app, "/who"))) == ["u", 1, 2]
            assert [message["type"] for message in play(app, "/other")] == ["websocket.close"]

    def test_starlettes_test_client_with_lifespan_state(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends another HTTP client
            from starlette.testclient import TestClient  # noqa: PLC0415 - it warns

        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
            yield {"greeting": "hello"}

        async def greet(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(f"{websocket.state.greeting} {type(websocket).__module__}")
            try:
                await websocket.receive_text()
            except WebSocketDisconnect as end:
                ends.append(end.code)

        async def refuse(websocket: WebSocket) -> None:
            await websocket.close(4000, "no")

        ends: list[int] = []
        routes = [WebSocketRoute("/", greet), WebSocketRoute("/no", refuse)]
        app = Starlette(routes=routes, lifespan=lifespan)
        with installed(app), TestClient(app) as client:
            with client.websocket_connect("/") as websocket:
                assert websocket.receive_text() == f"hello {OURS}"
                websocket.close(1001)
            with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/no"):
                pass
        assert ends == [1001]
        assert (caught.value.code, caught.value.reason) == (4000, "no")


class TestExceptionHandlers:
    @staticmethod
    async def handle(websocket: starlette_.WebSocket, error: Exception) -> None:
        if websocket.application_state == starlette_.WebSocketState.CONNECTED:
            await websocket.send_text(f"{type(websocket).__module__}")
        await websocket.close(4444)

    @staticmethod
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise Broken

    @staticmethod
    async def fail_at_once(websocket: WebSocket) -> None:
        raise Broken

    @staticmethod
    async def fail_with_code(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(4321, "why")

    def test_a_handler_of_the_application(self) -> None:
        routes = [WebSocketRoute("/", self.fail), WebSocketRoute("/early", self.fail_at_once)]
        app = Starlette(routes=routes, exception_handlers={Broken: self.handle})
        with installed(app):
            late, early = play(app), play(app, "/early")

        assert sent_text(late) == OURS
        assert late[-1]["code"] == 4444
        assert [message["type"] for message in early] == ["websocket.close"]

    def test_a_handler_of_the_application_outside_sees_the_states_too(self) -> None:
        # Starlette calls it with an object that has seen nothing of the connection
        inner = Starlette(routes=[WebSocketRoute("/", self.fail)])
        app = Starlette(routes=[Mount("/x", app=inner)], exception_handlers={Broken: self.handle})
        assert [message["type"] for message in play(app, "/x/")] == [
            "websocket.accept",
            "websocket.close",
        ]
        with installed(app):
            sent = play(app, "/x/")

        assert sent_text(sent) == OURS
        assert sent[-1]["code"] == 4444

    def test_a_handler_for_middleware_of_a_route_begins_anew(self) -> None:
        class Failing(Passing):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                starlette_.WebSocket(scope, receive, send)
                self.unused = starlette_.WebSocket(scope, receive, send)
                raise Broken

        async def accept(websocket: starlette_.WebSocket, error: Exception) -> None:
            assert websocket.client_state is WebSocketState.CONNECTING
            await websocket.accept()
            await websocket.close(4444)
            assert websocket.application_state is WebSocketState.DISCONNECTED

        app = Starlette(
            routes=[WebSocketRoute("/", kind, middleware=[Middleware(Failing)])],
            exception_handlers={Broken: accept},
        )
        with installed(app):
            sent = play(app)

        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]

    def test_websocket_exceptions(self) -> None:
        app = Starlette(routes=[WebSocketRoute("/", self.fail_with_code)])
        with installed(app):
            assert play(app)[-1] == {"type": "websocket.close", "code": 4321, "reason": "why"}

    def test_a_middleware_that_relays_through_its_own_object(self) -> None:
        class Relaying(Passing):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                websocket = starlette_.WebSocket(scope, receive, send)

                async def relay(message: Any) -> None:
                    await websocket.send(message)

                await self.app(scope, websocket.receive, relay)
                relayed.append(websocket.application_state)

        relayed: list[Any] = []
        app = Starlette(routes=[WebSocketRoute("/", kind)], middleware=[Middleware(Relaying)])
        with installed(app):
            assert sent_text(play(app)) == OURS
        assert relayed == [WebSocketState.DISCONNECTED]


class TestTheEnd:
    @pytest.mark.parametrize("call", ["send_text", "send_bytes", "send_json"])
    def test_a_lost_client_is_caught_as_either_family_and_seen_in_the_states(
        self, call: str
    ) -> None:
        caught: list[Any] = []

        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            for kind in (wsfsm.WebSocketDisconnect, starlette_.WebSocketDisconnect):
                try:
                    await getattr(websocket, call)(b"x" if call == "send_bytes" else "x")
                except kind as error:
                    caught.append(error)
            assert websocket.client_state is WebSocketState.DISCONNECTED
            assert websocket.application_state is WebSocketState.DISCONNECTED

        app = Starlette(routes=[WebSocketRoute("/", handler)])
        with installed(app):
            play(app, server=FailingServer())

        assert caught[0].code == 1006
        assert len(caught) == 2


class TestPerApplication:
    def test_another_application_keeps_starlettes(self) -> None:
        app, other = (Starlette(routes=[WebSocketRoute("/", kind)]) for _ in range(2))
        with installed(app):
            assert sent_text(play(other)) == THEIRS
            assert sent_text(play(app)) == OURS

    def test_only_the_inner_application(self) -> None:
        inner = Starlette(routes=[WebSocketRoute("/", kind)])
        app = Starlette(routes=[Mount("/in", app=inner), WebSocketRoute("/out", kind)])
        with installed(inner):
            assert sent_text(play(app, "/in/")) == OURS
            assert sent_text(play(app, "/out")) == THEIRS

    def test_an_object_outside_any_application_is_starlettes(self) -> None:
        server = Server([CONNECT])
        with installed(Starlette()):
            alone = starlette_.WebSocket(scope(), server.receive, server.send)
            by_keyword = starlette_.WebSocket(
                scope=scope(), receive=server.receive, send=server.send
            )
            with pytest.raises(TypeError, match="missing 3 required positional arguments"):
                starlette_.WebSocket()  # type: ignore[call-arg]

        assert type(alone) is type(by_keyword) is starlette_.WebSocket

    def test_a_subclass_of_starlettes_stays_what_it_is(self) -> None:
        class Mine(starlette_.WebSocket):
            pass

        app = Starlette()
        server = Server([CONNECT])
        with installed(app):
            assert type(Mine(scope(app=app), server.receive, server.send)) is Mine

    def test_uninstalling_the_last_one_takes_the_patch_back(self) -> None:
        before = type(starlette_.WebSocket)
        apps = Starlette(), Starlette()
        for app in (*apps, apps[0]):
            install(app)
        assert type(starlette_.WebSocket) is not before
        uninstall(apps[0])
        assert type(starlette_.WebSocket) is not before
        uninstall(apps[1])

        assert type(starlette_.WebSocket) is before

    def test_the_collection_of_the_last_one_takes_the_patch_back(self) -> None:
        before = type(starlette_.WebSocket)
        apps = [Starlette(), Starlette(), Starlette()]
        for app in (*apps, apps[0]):
            install(app)
        uninstall(apps.pop())
        patched = type(starlette_.WebSocket)
        del app, apps[0]
        gc.collect()
        assert type(starlette_.WebSocket) is patched is not before
        apps.clear()
        gc.collect()

        assert type(starlette_.WebSocket) is before

    def test_the_collection_of_one_that_is_uninstalled_leaves_the_others(self) -> None:
        app, other = Starlette(), Starlette()
        install(app)
        uninstall(app)
        with installed(other):
            patched = type(starlette_.WebSocket)
            del app
            gc.collect()
            assert type(starlette_.WebSocket) is patched
            assert patched.__module__ == "wsfsm.integrations.starlette._install"

    def test_importing_patches_nothing(self) -> None:
        assert type(starlette_.WebSocket).__module__ == "abc"
        assert "__new__" not in vars(starlette_.WebSocket)

    def test_no_object_is_kept_after_the_connection(self) -> None:
        made: list[weakref.ref[Any]] = []

        async def handler(websocket: starlette_.WebSocket) -> None:
            made.append(weakref.ref(websocket))
            await websocket.accept()

        app = Starlette(routes=[WebSocketRoute("/", handler)])
        with installed(app):
            play(app)
            gc.collect()

        assert made[0]() is None

    @pytest.mark.parametrize("call", [install, uninstall])
    @pytest.mark.parametrize("app", [None, Router(), Passing(Starlette())])
    def test_what_is_not_an_application_is_refused(self, call: Any, app: Any) -> None:
        with pytest.raises(TypeError, match="takes an application of Starlette or FastAPI, got"):
            call(app)

    def test_what_is_not_installed_cannot_be_uninstalled(self) -> None:
        with pytest.raises(ValueError, match="takes an application that is installed"):
            uninstall(Starlette())
