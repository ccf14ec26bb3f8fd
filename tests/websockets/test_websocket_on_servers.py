"""The facade on a real server with a real client, alone and inside Starlette and FastAPI."""

import asyncio
from collections.abc import Callable
from typing import Any

import fastapi
import pytest
import starlette.applications
import starlette.responses
import starlette.routing
import websockets
from helpers.uvicorn_server import in_time, serving

from wsfsm import (
    ConnectionClosed,
    IllegalTransition,
    WebSocket,
    WebSocketDisconnect,
    WebSocketState,
)
from wsfsm.types import Receive, Scope, Send

Handler = Callable[[WebSocket], Any]


def application(handler: Handler) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await handler(WebSocket(scope, receive, send))

    return app


def test_text_binary_and_json_are_echoed() -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol="chat", headers=[(b"x-here", b"yes")])
        await websocket.send_text(await websocket.receive_text())
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.send_json(await websocket.receive_json())
        await websocket.close(4000, "done")

    async def main() -> None:
        async with serving(application(handler)) as address:
            url = f"ws://{address}/"
            async with websockets.connect(url, subprotocols=[websockets.Subprotocol("chat")]) as c:
                assert c.response is not None
                assert c.response.headers["x-here"] == "yes"
                assert c.subprotocol == "chat"
                for message in ("hällo", b"\x00\xff", '{"a":1}'):
                    await c.send(message)
                    assert await c.recv() == message
                await c.wait_closed()
                assert (c.close_code, c.close_reason) == (4000, "done")

    in_time(main)


def test_close_of_the_client_arrives_with_code_and_reason() -> None:
    ended: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive_text()
        await websocket.close()
        with pytest.raises(ConnectionClosed):
            await websocket.send_text("too late")
        ended.put_nowait((caught.value.code, caught.value.reason))

    async def main() -> None:
        async with serving(application(handler)) as address:
            async with websockets.connect(f"ws://{address}/") as client:
                await client.close(4001, "bye")
            assert await ended.get() == (4001, "bye")

    in_time(main)


def test_lost_client_is_noticed_by_a_send() -> None:
    ended: asyncio.Queue[WebSocketDisconnect] = asyncio.Queue()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.01)
        except WebSocketDisconnect as disconnect:
            assert websocket.client_state is WebSocketState.DISCONNECTED
            assert websocket.application_state is WebSocketState.DISCONNECTED
            ended.put_nowait(disconnect)

    async def main() -> None:
        async with serving(application(handler)) as address:
            client = await websockets.connect(f"ws://{address}/")
            await client.recv()
            client.transport.abort()
            disconnect = await ended.get()
        assert disconnect.code == 1006
        assert isinstance(disconnect.__cause__, OSError)

    in_time(main)


@pytest.mark.parametrize(
    ("handler", "status", "body"),
    [
        (lambda websocket: websocket.close(4003), 403, b""),
        (
            lambda websocket: websocket.send_denial_response(
                starlette.responses.PlainTextResponse("not you", 401)
            ),
            401,
            b"not you",
        ),
    ],
    ids=["close before the accept", "denial response"],
)
def test_rejected_client_receives_an_http_response(
    handler: Handler, status: int, body: bytes
) -> None:
    async def main() -> None:
        async with serving(application(handler)) as address:
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(f"ws://{address}/")
            assert caught.value.response.status_code == status
            assert caught.value.response.body == body

    in_time(main)


def test_refused_message_does_not_reach_the_client() -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(IllegalTransition):
            await websocket.accept()
        await websocket.send_text("still here")
        await websocket.close()

    async def main() -> None:
        async with (
            serving(application(handler)) as address,
            websockets.connect(f"ws://{address}/") as client,
        ):
            assert await client.recv() == "still here"

    in_time(main)


async def routed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(
        {
            "path_params": websocket.path_params,
            "url_for": str(websocket.url_for("room", name="kitchen")),
            "cookies": websocket.cookies,
            "query": dict(websocket.query_params),
        }
    )
    await websocket.close()


def in_starlette() -> Any:
    async def endpoint(websocket: Any) -> None:
        await routed(WebSocket(websocket.scope, websocket.receive, websocket.send))

    route = starlette.routing.WebSocketRoute("/rooms/{name}", endpoint, name="room")
    return starlette.applications.Starlette(routes=[route])


def in_fastapi() -> Any:
    app = fastapi.FastAPI()

    def ours(websocket: fastapi.WebSocket) -> WebSocket:
        return WebSocket(websocket.scope, websocket.receive, websocket.send)

    @app.websocket("/rooms/{name}", name="room")
    async def endpoint(websocket: WebSocket = fastapi.Depends(ours)) -> None:  # noqa: B008 - FastAPI's way
        await routed(websocket)

    return app


@pytest.mark.parametrize("framework", [in_starlette, in_fastapi])
def test_websocket_reads_the_keys_of_a_framework_in_the_scope(framework: Callable[[], Any]) -> None:
    async def main() -> None:
        async with serving(framework()) as address:
            url = f"ws://{address}/rooms/hall?a=1"
            headers = {"Cookie": "id=7"}
            async with websockets.connect(url, additional_headers=headers) as client:
                assert await client.recv() == (
                    f'{{"path_params":{{"name":"hall"}},"url_for":"ws://{address}/rooms/kitchen",'
                    '"cookies":{"id":"7"},"query":{"a":"1"}}'
                )

    in_time(main)
