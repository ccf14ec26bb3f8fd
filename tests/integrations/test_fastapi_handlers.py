"""Handlers of FastAPI get wsfsm's object by annotation, and everywhere with install()."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import fastapi
import fastapi.websockets
import pytest
import starlette.websockets as starlette_
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocketException
from helpers.frameworks import LEFT, FailingServer, installed, play, text
from starlette.endpoints import WebSocketEndpoint

import wsfsm
import wsfsm.integrations.starlette as ours
from wsfsm.integrations.fastapi import WebSocket, WebSocketDisconnect, WebSocketState
from wsfsm.types import Message

WAYS = ("annotation", "install", "both")
"""The ways in; with install(), handlers keep Starlette's class as their annotation."""


class Broken(Exception):
    """An error for which there is an exception handler."""


class Application:
    """An application with all kinds of handlers, which notes what it sees."""

    def __init__(self, way: str) -> None:  # noqa: C901, PLR0915 - one handler of each kind
        kind: Any = starlette_.WebSocket if way == "install" else WebSocket
        self.seen: list[Any] = []
        self.app = app = FastAPI()
        self.patched = way != "annotation"
        router = APIRouter(prefix="/router")
        sub = FastAPI()

        async def dependency(websocket: kind) -> Any:
            return websocket

        async def generator(websocket: kind) -> AsyncIterator[Any]:
            await websocket.accept()
            yield websocket
            self.seen.append(websocket.application_state)

        async def plain(websocket: fastapi.WebSocket) -> Any:
            return websocket

        async def guard(websocket: kind) -> str:
            await websocket.accept()
            return "user"

        async def plain_guard(websocket: fastapi.WebSocket) -> str:
            await websocket.accept()
            return "user"

        async def either(websocket: kind = None) -> str:
            return "http" if websocket is None else "websocket"

        @app.websocket("/rooms/{n}")
        @router.websocket("/rooms/{n}")
        @sub.websocket("/rooms/{n}")
        async def rooms(
            *,
            websocket: kind,
            n: int,
            same: Annotated[Any, Depends(dependency)],
            other: Annotated[Any, Depends(plain)],
            q: Annotated[list[int] | None, fastapi.Query()] = None,
            host: Annotated[str, fastapi.Header()] = "",
        ) -> None:
            self.seen += [websocket, same, other]
            await websocket.accept()
            await websocket.send_json([n, q, host])
            await other.close()
            self.seen.append((websocket.application_state, other.application_state))

        @app.websocket("/yield")
        async def yielding(websocket: Annotated[Any, Depends(generator)]) -> None:
            self.seen.append(websocket)
            await websocket.close()

        @app.websocket("/guarded")
        async def guarded(user: Annotated[str, Security(guard)], websocket: kind) -> None:
            self.seen.append(websocket)
            await websocket.send_text(user)

        @app.websocket("/guarded/plain")
        async def guarded_plain(
            user: Annotated[str, Security(plain_guard)], websocket: kind
        ) -> None:
            self.seen.append(websocket)
            await websocket.send_text(user)

        @app.websocket("/guarded/rooms/{n}")
        async def guarded_rooms(
            user: Annotated[str, Security(guard)], websocket: kind, n: int
        ) -> None:
            raise AssertionError("it is not called")

        @app.get("/either")
        async def http(answer: Annotated[str, Depends(either)]) -> str:
            return answer

        @app.websocket("/either")
        async def websocket_(answer: Annotated[str, Depends(either)], websocket: kind) -> None:
            await websocket.accept()
            await websocket.send_text(answer)

        @app.websocket("/broken")
        async def broken(websocket: kind) -> None:
            await websocket.accept()
            raise Broken

        @app.websocket("/code")
        async def code(websocket: kind) -> None:
            await websocket.accept()
            raise WebSocketException(4321, "why")

        @app.websocket("/code/closed")
        async def closed(websocket: kind) -> None:
            await websocket.accept()
            await websocket.close()
            raise WebSocketException(4321, "why")

        @app.websocket("/echo")
        async def echo(websocket: kind) -> None:
            await websocket.accept()
            assert websocket.client_state == fastapi.websockets.WebSocketState.CONNECTED
            assert websocket.client_state == wsfsm.WebSocketState.CONNECTED
            assert websocket.client_state is WebSocketState.CONNECTED
            try:
                while True:
                    await websocket.send_text(await websocket.receive_text())
            except fastapi.WebSocketDisconnect as end:
                self.seen.append(end)
            self.seen.append((websocket.client_state.name, websocket.application_state.name))

        @app.websocket_route("/starlette")
        async def starlette_handler(websocket: starlette_.WebSocket) -> None:
            await note(websocket)

        async def note(websocket: Any) -> None:
            self.seen.append(websocket)
            await websocket.accept()

        class Endpoint(WebSocketEndpoint):
            on_connect = staticmethod(note)

        app.router.add_websocket_route("/endpoint", Endpoint)  # type: ignore[arg-type]

        @app.exception_handler(Broken)
        async def handle(websocket: fastapi.WebSocket, error: Exception) -> None:
            self.seen += [websocket, websocket.application_state]
            await websocket.send_text("handled")
            await websocket.close(4444)

        outer = APIRouter(prefix="/outer")
        outer.include_router(router)
        app.include_router(router)
        app.include_router(outer)
        app.mount("/sub", sub)

    def play(self, path: str, *incoming: Message, **keys: Any) -> Any:
        if not self.patched:
            return play(self.app, path, *incoming, **keys)
        with installed(self.app):
            return play(self.app, path, *incoming, **keys)


@pytest.fixture(params=WAYS)
def application(request: pytest.FixtureRequest) -> Application:
    return Application(request.param)


def types(sent: list[Message]) -> list[str]:
    return [message["type"].removeprefix("websocket.") for message in sent]


class TestEveryHandler:
    @pytest.mark.parametrize("prefix", ["", "/router", "/outer/router", "/sub"])
    def test_parameters_dependencies_and_routers(
        self, application: Application, prefix: str
    ) -> None:
        sent = application.play(f"{prefix}/rooms/7")
        websocket, same, other, states = application.seen

        assert json.loads(sent[1]["text"]) == [7, None, "example.org"]
        assert types(sent) == ["accept", "send", "close"]
        assert type(websocket) is ours.WebSocket
        assert same is websocket
        assert other is websocket or not application.patched
        assert isinstance(other, starlette_.WebSocket)
        assert set(states) == {WebSocketState.DISCONNECTED}

    def test_a_dependency_that_yields(self, application: Application) -> None:
        assert types(application.play("/yield")) == ["accept", "close"]
        assert isinstance(application.seen[0], wsfsm.WebSocket)
        assert application.seen[1] is WebSocketState.DISCONNECTED

    @pytest.mark.parametrize("path", ["/guarded", "/guarded/plain"])
    def test_a_security_dependency_that_accepts(self, application: Application, path: str) -> None:
        assert types(application.play(path)) == ["accept", "send"]
        assert isinstance(application.seen[0], wsfsm.WebSocket)

    def test_invalid_parameters_before_the_accept(self, application: Application) -> None:
        sent = application.play("/rooms/seven")

        assert types(sent) == ["close"]
        assert sent[0]["code"] == 1008

    def test_invalid_parameters_after_an_accept(self, application: Application) -> None:
        sent = application.play("/guarded/rooms/seven")

        assert types(sent) == ["accept", "close"]
        assert sent[1]["code"] == 1008
        assert sent[1]["reason"].startswith('[{"type": "int_parsing", "loc": ["path", "n"]')
        assert len(sent[1]["reason"]) <= 123

    def test_exception_handlers_see_the_states(self, application: Application) -> None:
        sent = application.play("/broken")

        assert types(sent) == ["accept", "send", "close"]
        assert sent[2]["code"] == 4444
        assert isinstance(application.seen[0], starlette_.WebSocket)
        assert application.seen[1] is WebSocketState.CONNECTED
        if application.patched:
            assert type(application.seen[0]) is ours.WebSocket

    def test_websocket_exceptions(self, application: Application) -> None:
        sent = application.play("/code")

        assert types(sent) == ["accept", "close"]
        assert (sent[1]["code"], sent[1]["reason"]) == (4321, "why")

    def test_a_websocket_exception_after_the_close_is_an_error_as_in_starlette(
        self, application: Application
    ) -> None:
        with pytest.raises(wsfsm.ConnectionClosed, match="once a close message has been sent"):
            application.play("/code/closed")

    def test_a_dependency_for_http_and_websockets(self, application: Application) -> None:
        assert application.play("/either")[1]["text"] == "websocket"

        sent = get(application.app, "/either")
        assert sent[0]["status"] == 200
        assert sent[1]["body"] == b'"http"'

    @pytest.mark.parametrize("path", ["/starlette", "/endpoint"])
    def test_what_dependency_injection_does_not_call_needs_install(
        self, application: Application, path: str
    ) -> None:
        assert types(application.play(path, LEFT)) == ["accept"]
        assert isinstance(application.seen[0], wsfsm.WebSocket) == application.patched


def get(app: FastAPI, path: str) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    asyncio.run(app({**scope, "query_string": b"", "scheme": "http"}, receive, send))
    return sent


class TestTheEnd:
    def test_names_from_fastapi_catch_and_compare(self, application: Application) -> None:
        sent = application.play("/echo", text("a"), LEFT)
        end, states = application.seen

        assert types(sent) == ["accept", "send"]
        assert (end.code, end.reason) == (1001, "away")
        assert isinstance(end, wsfsm.WebSocketDisconnect)
        assert isinstance(end, WebSocketDisconnect)
        assert states == ("DISCONNECTED", "CONNECTED")

    @pytest.mark.parametrize("call", ["send_text", "send_bytes", "send_json"])
    def test_the_loss_of_the_client_is_wsfsms_disconnect(self, call: str) -> None:
        app, seen = FastAPI(), list[Any]()

        @app.websocket("/")
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            with pytest.raises(wsfsm.WebSocketDisconnect) as caught:
                await getattr(websocket, call)(b"x" if call == "send_bytes" else "x")
            seen.append(caught.value.code)
            seen.extend([websocket.client_state.name, websocket.application_state.name])

        play(app, server=FailingServer())

        assert seen == [1006, "DISCONNECTED", "DISCONNECTED"]

    def test_a_close_that_meets_the_loss_returns(self) -> None:
        app, seen = FastAPI(), list[Any]()

        @app.websocket("/")
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()
            seen.extend([websocket.client_state.name, websocket.application_state.name])

        play(app, server=FailingServer())

        assert seen == ["DISCONNECTED", "DISCONNECTED"]

    def test_the_loss_of_the_client_is_seen(self, application: Application) -> None:
        application.play("/echo", text("a"), server=FailingServer())
        end, states = application.seen

        assert end.code == 1006
        assert isinstance(end.__cause__, OSError)
        assert states == ("DISCONNECTED", "DISCONNECTED")
