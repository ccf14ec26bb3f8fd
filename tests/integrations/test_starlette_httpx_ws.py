"""httpx-ws, a test client for the same event loop, works with the integration."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from helpers.frameworks import installed
from httpx_ws import AsyncWebSocketSession, aconnect_ws
from httpx_ws import WebSocketDisconnect as ClientDisconnect
from httpx_ws.transport import ASGIWebSocketTransport
from starlette.websockets import WebSocket as StarletteWebSocket

from wsfsm.integrations.fastapi import WebSocket, WebSocketDisconnect

app = FastAPI()
ends: list[int] = []


@app.websocket("/annotated")
async def annotated(websocket: WebSocket) -> None:
    await echo(websocket)


@app.websocket("/installed")
async def not_annotated(websocket: StarletteWebSocket) -> None:
    await echo(websocket)


@app.websocket("/closing")
async def closing(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(4000, "enough")


async def echo(websocket: StarletteWebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as end:
        ends.append(end.code)


async def talk(path: str) -> str:
    websocket: AsyncWebSocketSession
    async with (
        httpx.AsyncClient(transport=ASGIWebSocketTransport(app)) as client,
        aconnect_ws(f"http://example.org{path}", client) as websocket,
    ):
        try:
            await websocket.send_text("hello")
            text = str(await websocket.receive_text())
        except ClientDisconnect as end:
            return f"closed with {end.code} {end.reason}"
        return text


@pytest.mark.parametrize("path", ["/annotated", "/installed"])
def test_an_echo_and_the_clients_close(path: str) -> None:
    ends.clear()
    with installed(app):
        assert asyncio.run(asyncio.wait_for(talk(path), 10)) == "hello"

    assert ends == [1000]


def test_the_applications_close() -> None:
    said = asyncio.run(asyncio.wait_for(talk("/closing"), 10))

    assert said == "closed with 4000 enough"
