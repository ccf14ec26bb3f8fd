"""Reading ahead with the WebSocket of the integrations, in routes of Starlette and FastAPI."""

import asyncio
from collections.abc import Callable
from typing import Any

import fastapi
import pytest
import starlette.applications
import starlette.routing
import starlette.websockets
from fastapi import FastAPI
from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, opened, texts
from helpers.frameworks import installed
from helpers.loops import all_wait, forever, nothing_left
from helpers.uvicorn_server import in_time

from wsfsm.integrations.fastapi import WebSocket
from wsfsm.integrations.starlette import WebSocketDisconnect

Handler = Callable[[Any], Any]


def annotated(handler: Handler) -> Any:
    app = FastAPI()

    @app.websocket("/")
    async def route(websocket: WebSocket) -> None:
        await handler(websocket)

    return app


def taken_over(handler: Handler) -> Any:
    app = FastAPI()

    @app.websocket("/")
    async def route(websocket: fastapi.WebSocket) -> None:
        await handler(WebSocket.over(websocket))

    return app


def in_starlette(handler: Handler) -> Any:
    async def route(websocket: starlette.websockets.WebSocket) -> None:
        await handler(WebSocket.over(websocket))

    return starlette.applications.Starlette(routes=[starlette.routing.WebSocketRoute("/", route)])


async def serve(app: Any, feed: Feed) -> None:
    await app(scope(scheme="ws", root_path="", subprotocols=[]), feed.receive, feed.send)


WAYS = pytest.mark.parametrize(
    "way", [annotated, taken_over, in_starlette], ids=["annotation", "over", "Starlette"]
)


@WAYS
def test_handler_ends_when_the_client_leaves_and_loses_nothing(way: Any) -> None:
    got: list[Any] = []

    async def handler(websocket: Any) -> None:
        async with websocket.until_disconnect():
            await websocket.accept()
            got.append(await websocket.receive_text())
            await forever()
        got.extend([data async for data in websocket.iter_text()])
        got.append((websocket.close_code, websocket.close_reason, websocket.closed_by))

    async def main() -> None:
        feed = Feed(CONNECT)
        async with nothing_left():
            serving = asyncio.create_task(serve(way(handler), feed))
            await all_wait()
            feed.put(*texts("a", "b"), bye())
            await serving
        assert [message["type"] for message in feed.sent] == ["websocket.accept"]

    in_time(main)
    assert got == ["a", "b", (4001, "bye", "client")]


@WAYS
def test_exceptions_of_starlette_do_not_leave_the_block(way: Any) -> None:
    async def handler(websocket: Any) -> None:
        await websocket.accept()
        async with websocket.until_disconnect():
            with pytest.raises(starlette.websockets.WebSocketDisconnect) as caught:
                await websocket.receive_text()
            assert isinstance(caught.value, WebSocketDisconnect)
            raise caught.value

    async def main() -> None:
        async with nothing_left():
            await serve(way(handler), Feed(CONNECT, bye()))

    in_time(main)


def test_object_that_was_taken_over_receives_what_was_read_ahead() -> None:
    got: list[str] = []

    async def main() -> None:
        feed = Feed(CONNECT)
        theirs = starlette.websockets.WebSocket(scope(), feed.receive, feed.send)
        await theirs.accept()
        feed.put(*texts("a", "b", "c"))
        got.append(await theirs.receive_text())
        websocket = WebSocket.over(theirs)
        async with nothing_left():
            async with websocket.until_disconnect():
                got.append(await theirs.receive_text())
                feed.put(bye())
                await forever()
            got.append(await theirs.receive_text())
            assert theirs.client_state is starlette.websockets.WebSocketState.DISCONNECTED
            with pytest.raises(starlette.websockets.WebSocketDisconnect):
                await theirs.receive_text()
        assert theirs._receive == feed.receive

    in_time(main)
    assert got == ["a", "b", "c"]


def test_object_of_an_exception_handler_has_the_whole_view_of_the_connection() -> None:
    seen: list[Any] = []

    async def handler(websocket: Any) -> None:
        await websocket.accept()
        async with websocket.until_disconnect():
            await forever()
        raise ZeroDivisionError

    async def failed(websocket: Any, error: Exception) -> None:
        seen.append((websocket.ready_state, websocket.can_receive, websocket.close_code))
        async with websocket:
            async with websocket.until_disconnect():
                await forever()
            seen.append(await websocket.receive_data())
        seen.append(repr(websocket).split()[2])

    async def main() -> None:
        handlers: Any = {ZeroDivisionError: failed}
        app = FastAPI(exception_handlers=handlers)

        @app.websocket("/")
        async def route(websocket: fastapi.WebSocket) -> None:
            await handler(websocket)

        with installed(app):
            await serve(app, Feed(CONNECT, *texts("a"), bye()))

    in_time(main)
    assert seen == [("closed", True, 4001), "a", "closed"]


def test_class_of_a_connection_may_change_while_it_reads_ahead() -> None:
    async def main() -> None:
        websocket, feed = await opened(*texts("a", "b"))
        async with nothing_left(), websocket.until_disconnect():
            await all_wait()
            ours = WebSocket.over(websocket)
            assert ours is websocket
            assert await ours.receive_text() == "a"
            feed.put(bye())
            await forever()
        assert await ours.receive_text() == "b"
        with pytest.raises(starlette.websockets.WebSocketDisconnect):
            await ours.receive_text()

    in_time(main)
