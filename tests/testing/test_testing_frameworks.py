"""The client in place of the TestClient of Starlette and FastAPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import fastapi
import pytest
from fastapi import Depends, FastAPI, HTTPException
from helpers.loops import Run, on_both
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from wsfsm.testing import Closed, connect, lifespan


async def database(websocket: fastapi.WebSocket) -> Any:
    return websocket.state.db


async def user(websocket: fastapi.WebSocket, token: str = "") -> str:
    if token == "":
        raise HTTPException(401, "who are you?")
    return websocket.cookies.get("name", token)


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"db": ["a row"]}


app = FastAPI(lifespan=life)
room: set[fastapi.WebSocket] = set()


@app.websocket("/rooms/{number}")
async def chat(
    websocket: fastapi.WebSocket,
    number: int,
    name: Annotated[str, Depends(user)],
    rows: Annotated[list[str], Depends(database)],
) -> None:
    await websocket.accept()
    room.add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for member in room:
                await member.send_json([number, name, text, *rows])
    except WebSocketDisconnect:
        room.remove(websocket)


@on_both
class TestFastAPI:
    def test_a_handler_with_dependencies(self, run: Run) -> None:
        async def main() -> None:
            async with lifespan(app) as state:
                extras = {"state": state}
                async with (
                    connect(app, "/rooms/7?token=t", cookies={"name": "ann"}, scope=extras) as ann,
                    connect(app, "/rooms/7", query={"token": "bob"}, scope=extras) as bob,
                ):
                    await ann.accepted()
                    await bob.send_text("hi")

                    assert await ann.receive_json() == [7, "bob", "hi", "a row"]
                    assert await bob.receive_json() == [7, "bob", "hi", "a row"]
                assert room == set()

        run(main)

    def test_a_dependency_denies_with_a_body(self, run: Run) -> None:
        async def main() -> None:
            async with connect(app, "/rooms/7", scope={"state": {"db": []}}) as client:
                denied = await client.denied()
            assert (denied.status, denied.body) == (401, b'{"detail":"who are you?"}')

        run(main)

    def test_an_argument_is_not_valid(self, run: Run) -> None:
        async def main() -> None:
            url = "/rooms/x?token=t"
            async with connect(app, url, scope={"state": {"db": []}}) as client:
                assert (await client.denied()).status == 403

        run(main)

    def test_a_path_that_has_no_route(self, run: Run) -> None:
        async def main() -> None:
            async with connect(app, "/nowhere") as client:
                assert (await client.denied()).status == 403

        run(main)

    def test_a_handler_that_returns_ends_the_connection_and_not_the_test(self, run: Run) -> None:
        async def main() -> None:
            async def returns(websocket: WebSocket) -> None:
                await websocket.accept()

            returning = Starlette(routes=[WebSocketRoute("/", returns)])
            async with connect(returning) as client:  # TestClient waits here for ever
                assert await client.receive_close() == Closed(1000)

        run(main)


class Echo(WebSocketEndpoint):
    encoding = "json"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_json(data)


async def denies(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"error": "full"}, status_code=503))


@on_both
class TestStarlette:
    application = Starlette(
        routes=[WebSocketRoute("/echo", Echo), WebSocketRoute("/denies", denies)]
    )

    def test_an_endpoint(self, run: Run) -> None:
        async def main() -> None:
            async with connect(self.application, "/echo") as client:
                await client.send_json({"a": 1})
                assert await client.receive_json() == {"a": 1}
                await client.send_text("not JSON")
                assert (await client.receive_close()).code == 1003
                with pytest.raises(RuntimeError, match="Malformed JSON"):
                    await client.result()

        run(main)

    def test_a_denial_response(self, run: Run) -> None:
        async def main() -> None:
            async with connect(self.application, "/denies") as client:
                assert (await client.denied()).body == b'{"error":"full"}'

        run(main)
