"""Features of the frameworks that work with wsfsm's WebSocket, and those that do not."""

import asyncio
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

import falcon.asgi
import fastapi
import httpx
import litestar
import litestar.exceptions
import pytest
import quart
import quart.asgi
from helpers.examples import load, unconfigured
from helpers.uvicorn_server import in_time
from litestar.di import NamedDependency, Provide
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import WebSocketRoute

from wsfsm import WebSocket, WebSocketDisconnect, asgi
from wsfsm.testing import connect


def asked(app: Any, path: str) -> httpx.Response:
    """The response to a request without an upgrade."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(main())


async def shows(websocket: WebSocket) -> None:
    """Show the parts of the scope that middleware adds."""
    await websocket.accept()
    await websocket.send_json(sorted({"session", "user"} & websocket.scope.keys()))


class TestStarlette:
    def test_the_address_of_a_mount_itself_is_not_found(self) -> None:
        async def main() -> None:
            async with connect(load("frameworks/in_starlette").app, "/mounted/2") as client:
                assert (await client.denied()).status == 403

        in_time(main)

    def test_a_request_without_an_upgrade_gets_426_from_a_mount_and_404_from_a_route(self) -> None:
        app = load("frameworks/in_starlette").app

        assert asked(app, "/mounted/2/").status_code == 426
        assert asked(app, "/times/2").status_code == 404

    def test_an_address_can_be_built_of_the_name_of_a_route(self) -> None:
        async def urls(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(str(websocket.url_for("room", name="tea")))

        async def main() -> None:
            route = WebSocketRoute("/rooms/{name}", asgi(urls), name="room")
            async with connect(Starlette(routes=[route]), "ws://here/rooms/hall") as client:
                assert await client.receive_text() == "ws://here/rooms/tea"

        in_time(main)

    def test_middleware_works(self) -> None:
        async def main() -> None:
            app = Starlette(
                routes=[WebSocketRoute("/", asgi(shows))],
                middleware=[Middleware(SessionMiddleware, secret_key="none")],  # noqa: S106 - of nothing,
            )
            async with connect(app) as client:
                assert await client.receive_json() == ["session"]

        in_time(main)


class TestFastAPI:
    def test_dependencies_are_not_called_for_a_mounted_application(self) -> None:
        called = []
        app = fastapi.FastAPI(dependencies=[fastapi.Depends(lambda: called.append("it"))])
        app.mount("/mounted", asgi(shows))

        @app.websocket("/own")
        async def own(websocket: fastapi.WebSocket) -> None:
            await websocket.accept()
            await websocket.send_json([])

        async def main() -> None:
            async with connect(app, "/mounted/") as client:
                assert await client.receive_json() == []
            assert called == []
            async with connect(app, "/own") as client:
                assert await client.receive_json() == []
            assert called == ["it"]

        in_time(main)


Socket = litestar.WebSocket[Any, Any, Any]


def litestar_app(handler: Any, **options: Any) -> Any:
    return litestar.Litestar([handler], logging_config=None, openapi_config=None, **options)


class TestLitestar:
    def test_a_dependency_gets_the_same_object_as_the_handler_and_is_cleaned_up(self) -> None:
        seen: list[Any] = []

        async def ours(socket: Socket) -> WebSocket:
            theirs: Any = socket
            return WebSocket(theirs.scope, theirs.receive, theirs.send)

        async def room(ours: NamedDependency[WebSocket]) -> AsyncIterator[str]:
            seen.append(ours)
            yield "room"
            seen.append(ours.close_code)

        @litestar.websocket("/")
        async def handler(
            socket: Socket, ours: NamedDependency[WebSocket], room: NamedDependency[str]
        ) -> None:
            seen.append(ours)
            async with ours:
                await ours.accept()
                await ours.send_text(room)

        app = litestar_app(handler, dependencies={"ours": Provide(ours), "room": Provide(room)})

        async def main() -> None:
            async with connect(app) as client:
                assert await client.receive_text() == "room"

        in_time(main)

        before, inside, code = seen
        assert before is inside
        assert code == 1000

    def test_a_guard_denies_before_the_dependency_is_called(self) -> None:
        async def guard(connection: Any, handler: Any) -> None:
            raise litestar.exceptions.NotAuthorizedException

        async def ours(socket: Socket) -> None:
            raise AssertionError("it is not called")

        @litestar.websocket("/", guards=[guard])
        async def handler(socket: Socket, ours: NamedDependency[Any]) -> None:
            raise AssertionError("it is not called")

        async def main() -> None:
            async with connect(litestar_app(handler, dependencies={"ours": ours})) as client:
                denied = await client.denied()
            assert (denied.status, denied.body) == (403, b"")

        in_time(main)

    def test_the_websocket_class_cannot_be_ours(self) -> None:
        @litestar.websocket("/", websocket_class=WebSocket)  # type: ignore[arg-type]  # so it is
        async def handler(socket: Any) -> None:
            raise AssertionError("it is not called")

        async def main() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Litestar expects a class of its own
                app = litestar_app(handler)
            async with connect(app) as client:
                assert (await client.denied()).status == 403

        in_time(main)

    def test_no_class_can_inherit_from_both_classes(self) -> None:
        with pytest.raises(TypeError, match="instance lay-out conflict"):
            type("Both", (litestar.WebSocket, WebSocket), {})


class TestQuart:
    def test_an_unknown_address_gets_the_response_of_quart(self) -> None:
        async def main() -> None:
            app = load("frameworks/in_quart").app
            async with connect(app, "/nowhere?token=secret") as client:
                denied = await client.denied()
            assert denied.status == 404
            assert b"<h1>Not Found</h1>" in denied.body

        in_time(main)

    def test_the_context_is_there_and_is_torn_down(self) -> None:
        seen: list[Any] = []
        app: quart.Quart = load("frameworks/in_quart").app
        app.secret_key = "none"  # noqa: S105 - of nothing

        @app.teardown_websocket
        async def down(error: BaseException | None) -> None:
            seen.append(error)

        @app.websocket("/context")
        async def handler() -> quart.Response:
            seen.append(quart.current_app.name)
            seen.append(dict(quart.session))
            return quart.Response("no", 410)

        async def main() -> None:
            application: Any = app
            async with connect(application, "/context?token=secret") as client:
                denied = await client.denied()
            assert (denied.status, denied.body) == (410, b"no")

        in_time(main)

        assert seen == ["example_in_quart", {}, None]

    def test_a_method_that_is_not_public_makes_the_object_of_quart(self) -> None:
        assert hasattr(quart.asgi.ASGIWebsocketConnection, "_create_websocket_from_scope")

    def test_an_application_of_ours_can_be_put_in_front(self) -> None:
        app: Any = quart.Quart("front")
        ours, theirs = asgi(shows), app.asgi_app

        async def dispatch(scope: Any, receive: Any, send: Any) -> None:
            is_ours = scope["type"] == "websocket" and scope["path"] == "/ours"
            await (ours if is_ours else theirs)(scope, receive, send)

        app.asgi_app = dispatch

        async def main() -> None:
            async with connect(app, "/ours") as client:
                assert await client.receive_json() == []
            async with connect(app, "/nowhere") as client:
                assert (await client.denied()).status == 404

        in_time(main)


class TestChannels:
    @pytest.fixture
    def example(self) -> Iterator[Any]:
        with unconfigured():
            yield load("frameworks/in_channels")

    def test_a_channel_layer_works_and_the_user_is_there(self, example: Any) -> None:
        layer = example.get_channel_layer()
        same = {"host": "127.0.0.1", "origin": "http://127.0.0.1"}

        async def main() -> None:
            async with connect(example.app, "/news", headers=same) as client:
                assert await client.receive_json() == {"user": "AnonymousUser"}
                await layer.group_send("news", {"type": "news", "text": "hello"})
                assert await client.receive_json() == {"type": "news", "text": "hello"}
                assert len(layer.groups["news"]) == 1
            assert "news" not in layer.groups

        in_time(main)

    @pytest.mark.parametrize("headers", [{"origin": "http://other.example"}, {}], ids=str)
    def test_the_validator_of_origins_denies(self, example: Any, headers: dict[str, str]) -> None:
        async def main() -> None:
            async with connect(example.app, "/news", headers=headers) as client:
                assert (await client.denied()).status == 403

        in_time(main)


class NotingMiddleware:
    """Middleware of Falcon, which notes what it sees."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def process_request_ws(self, request: Any, websocket: Any) -> None:
        self.paths.append(request.path)


class TestFalcon:
    def test_other_addresses_stay_with_falcon_and_its_middleware(self) -> None:
        example = load("frameworks/in_falcon")
        middleware = NotingMiddleware()
        example.api.add_middleware(middleware)

        async def main() -> None:
            async with connect(example.app, "/double?token=secret") as client:
                await client.send_text("1")
                assert await client.receive_text() == "2"
            async with connect(example.app, "/nowhere") as client:
                assert (await client.denied()).status == 403

        in_time(main)

        assert asked(example.app, "/double").status_code == 404
        assert middleware.paths == ["/nowhere"]

    def test_its_object_keeps_the_callables_of_the_server_to_itself(self) -> None:
        public = {name for name in dir(falcon.asgi.WebSocket) if not name.startswith("_")}

        assert {"receive_text", "receive_data", "send_text", "send_data"} < public
        assert not {"receive", "send", "scope"} & public


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="BlackSheep has no release for it")
class TestBlackSheep:
    def test_everything_below_the_address_of_a_mount_is_ours(self) -> None:
        async def main() -> None:
            app = load("frameworks/in_blacksheep").app
            async with connect(app, "/double/below?token=secret") as client:
                await client.send_text("1")
                assert await client.receive_text() == "2"

        in_time(main)

    def test_its_object_raises_an_exception_of_its_own_instead_of_the_disconnect(self) -> None:
        module = import_module("blacksheep.server.websocket")
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            theirs = module.WebSocket(scope, receive, send)
            ours = WebSocket(scope, theirs._receive, theirs._send)
            await ours.accept()
            with pytest.raises(module.WebSocketDisconnectError) as caught:
                await ours.receive_text()
            seen.append((caught.value.code, isinstance(caught.value, WebSocketDisconnect)))

        async def main() -> None:
            async with connect(app) as client:
                await client.accepted()

        in_time(main)

        assert seen == [(1000, False)]
