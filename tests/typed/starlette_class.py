"""The class of the integration with Starlette, as `mypy --strict` sees it: both classes, and more.

An ignore that ignored nothing would be an error, so each of them shows that something is refused.
"""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, assert_type

import asgiref.typing as asgiref
import msgspec
import pydantic
import starlette.datastructures
import starlette.types
import starlette.websockets

import wsfsm
from wsfsm.integrations.starlette import WebSocket, WebSocketDisconnect, WebSocketState


class Move(pydantic.BaseModel):
    to: str


class Step(msgspec.Struct):
    to: str


async def handler(websocket: WebSocket) -> None:
    theirs: starlette.websockets.WebSocket = websocket
    ours: wsfsm.WebSocket = websocket
    await other(theirs)
    await another(ours)
    assert_type(websocket.client_state, starlette.websockets.WebSocketState)
    assert_type(websocket.client_state == WebSocketState.CONNECTED, bool)
    assert_type(websocket.headers, starlette.datastructures.Headers)
    assert_type(websocket.ready_state, wsfsm.ReadyState)
    assert_type(websocket.close_code, int | None)
    await websocket.accept(timeout=5)
    assert_type(await websocket.receive_text(timeout=5), str)
    assert_type(await websocket.receive_bytes(timeout=5), bytes)
    assert_type(await websocket.receive_data(timeout=5), str | bytes)
    assert_type(await websocket.receive_json(timeout=5), Any)
    assert_type(await websocket.receive_as(Move.model_validate_json, timeout=5), Move)
    assert_type(await websocket.receive_as(msgspec.json.Decoder(Step).decode, timeout=5), Step)
    await websocket.send_text("a", timeout=5)
    await websocket.send_bytes(bytearray(b"a"), timeout=5)
    await websocket.send_json({}, timeout=5)
    await websocket.send_as(Move(to="e4"), Move.model_dump_json, timeout=5)
    await websocket.send_as(Step("e4"), msgspec.json.encode, timeout=5)
    async with contextlib.aclosing(websocket.iter_text()) as texts:
        async for text in texts:
            assert_type(text, str)
    async with contextlib.aclosing(aiter(websocket)) as messages:
        async for message in messages:
            assert_type(message, str | bytes)
    async for message in websocket:
        assert_type(message, str | bytes)
    assert_type(websocket.iter_bytes(), AsyncGenerator[bytes, None])
    assert_type(websocket.iter_json(), AsyncGenerator[Any, None])
    websocket.json_loads = json.loads
    websocket.json_dumps = msgspec.json.encode
    assert_type(websocket.negotiate(["chat"]), str | None)
    async with websocket, websocket.until_disconnect():
        await websocket.wait_closed()
    await websocket.deny(401, headers={"www-authenticate": "Basic"}, body="no", timeout=5)
    await websocket.close(4000, "bye", timeout=5)
    await websocket.aclose()


async def other(websocket: starlette.websockets.WebSocket) -> None:
    assert_type(WebSocket.over(websocket), WebSocket)


async def another(websocket: wsfsm.WebSocket) -> None:
    try:
        await websocket.receive_text()
    except WebSocketDisconnect as error:
        assert_type(error.code, int)


async def starlettes(
    scope: starlette.types.Scope, receive: starlette.types.Receive, send: starlette.types.Send
) -> None:
    await handler(WebSocket(scope, receive, send))


async def asgirefs(
    scope: asgiref.WebSocketScope,
    receive: asgiref.ASGIReceiveCallable,
    send: asgiref.ASGISendCallable,
) -> None:
    await handler(WebSocket(scope, receive, send))


class Logged(WebSocket):
    async def send(self, message: starlette.types.Message) -> None:
        await super().send(message)

    async def receive(self) -> starlette.types.Message:
        return await super().receive()

    async def receive_text(self, timeout: float | None = None) -> str:
        return await super().receive_text(timeout)


class LoggedOfOurs(wsfsm.WebSocket):
    json_dumps = staticmethod(msgspec.json.encode)
    json_loads = msgspec.json.Decoder().decode

    async def send(self, message: starlette.types.Message) -> None:
        await super().send(message)


class WithMethods(wsfsm.WebSocket):
    def json_dumps(self, data: Any) -> str:
        return json.dumps([self.path_params, data])

    def json_loads(self, text: str) -> Any:
        return json.loads(text, parse_float=str)


app = wsfsm.asgi(handler, websocket_class=WebSocket)
logged = wsfsm.asgi(handler, websocket_class=Logged)


async def mistakes(websocket: WebSocket) -> None:
    wsfsm.asgi(handler)  # type: ignore[arg-type]
    wsfsm.asgi(handler, websocket_class=wsfsm.WebSocket)  # type: ignore[arg-type]
    await websocket.receive_text("5")  # type: ignore[arg-type]
    await websocket.send_bytes("a")  # type: ignore[arg-type]
    await websocket.send_bytes([1])  # type: ignore[arg-type]
    await websocket.receive_as(Move)  # type: ignore[arg-type]
    await websocket.send_as(Step("e4"), Move.model_dump_json)  # type: ignore[arg-type]
    await websocket.send_as("a", str.split)  # type: ignore[arg-type]
    websocket.json_dumps = 5  # type: ignore[assignment]
