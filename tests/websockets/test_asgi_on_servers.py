"""asgi() and the ends of handlers, on a real server with a real client."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
import websockets
from helpers.uvicorn_server import in_time, running, until

from wsfsm import WebSocket, asgi
from wsfsm.origins import _Limited

Handler = Callable[[WebSocket], Any]

CLASSES: Final = pytest.mark.parametrize(
    "ws",
    ["wsfsm.integrations.uvicorn:WebSocketProtocol", "websockets-sansio", "wsproto", "websockets"],
)
pytestmark = [
    # the old API of websockets, in one of uvicorn's classes
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The `websockets` implementation is deprecated"),
    pytest.mark.one_python,
]


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send_text(f"you said {message!r}")


async def push(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(0.01)


def serve(handler: Handler, ws: str, **options: Any) -> Any:
    """Serve a handler on one of uvicorn's classes, with the logs that pytest captures."""
    app = asgi(handler, **options)
    return running(app, ws=ws, log_level="info", log_config=None)


async def ended(server: Any) -> None:
    """Wait until the server's tasks have ended."""
    await until(lambda: not server.server_state.tasks and not server.server_state.connections)


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [r for r in caplog.records if r.levelno >= logging.WARNING or r.exc_info]


@CLASSES
@pytest.mark.parametrize("error", [None, ZeroDivisionError("mine")], ids=["returns", "raises"])
def test_the_end_of_a_handler_closes(
    ws: str, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("last")
        if error is not None:
            raise error

    async def main() -> None:
        async with serve(handler, ws) as (server, address):
            async with websockets.connect(f"ws://{address}/", proxy=None) as client:
                assert await client.recv() == "last"
                await client.wait_closed()
                assert client.close_code == (1000 if error is None else 1011)
            await ended(server)

    caplog.set_level(logging.INFO)
    in_time(main)
    if error is None:
        assert errors(caplog) == []
        return
    (record,) = errors(caplog)  # once, and by the server
    assert (record.name, record.levelno) == ("uvicorn.error", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@CLASSES
@pytest.mark.parametrize("error", [None, ZeroDivisionError("mine")], ids=["returns", "raises"])
def test_the_end_of_a_handler_before_the_accept_rejects(
    ws: str, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(websocket: WebSocket) -> None:
        if error is not None:
            raise error

    async def main() -> None:
        async with serve(handler, ws) as (server, address):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(f"ws://{address}/", proxy=None)
            response = caught.value.response
            assert response.status_code == (403 if error is None else 500)
            assert bytes(response.body or b"") == (b"Internal Server Error" if error else b"")
            await ended(server)

    caplog.set_level(logging.INFO)
    in_time(main)
    assert [r.exc_info[1] for r in errors(caplog) if r.exc_info] == ([error] if error else [])
    assert len(errors(caplog)) == bool(error)


@CLASSES
@pytest.mark.parametrize("handler", [echo, push], ids=["receives", "sends"])
@pytest.mark.parametrize("leave", ["close", "abort"])
def test_a_client_that_leaves_ends_the_handler_without_a_traceback(
    ws: str, handler: Handler, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    ends: list[object] = []

    async def handle(websocket: WebSocket) -> None:
        try:
            await handler(websocket)
        finally:
            ends.append(websocket.closed_by)

    async def main() -> None:
        async with serve(handle, ws) as (server, address):
            client = await websockets.connect(f"ws://{address}/", proxy=None)
            await client.send("hello")
            await client.recv()
            if leave == "close":
                await client.close(4001)
            else:
                client.transport.abort()
            await ended(server)

    caplog.set_level(logging.INFO)
    in_time(main)
    assert errors(caplog) == []
    assert ends in (["client"], ["transport"])


@CLASSES
def test_a_page_of_another_origin_is_denied(
    ws: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with serve(echo, ws, allowed_origins=["https://*.page.example"]) as (_, address):
            url = f"ws://{address}/room"
            for origin in (f"http://{address}", "https://a.page.example", None):
                async with websockets.connect(url, origin=origin, proxy=None) as client:  # type: ignore[arg-type]  # a str is an origin
                    await client.send("hello")
                    assert await client.recv() == "you said 'hello'"
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(url, origin="https://evil.example", proxy=None)  # type: ignore[arg-type]  # as above
            response = caught.value.response
            assert response.status_code == 403
            if ws != "websockets":  # it loses the bodies of denial responses
                assert b"This origin is not allowed" in bytes(response.body or b"")

    monkeypatch.setattr("wsfsm.origins.log_refusal.__defaults__", (_Limited(),))
    in_time(main)
    assert not any(record.exc_info for record in caplog.records)
    (record,) = [record for record in caplog.records if record.name == "wsfsm.origins"]
    assert "Refused a WebSocket to /room. The origin https://evil.example" in record.getMessage()


def test_a_plain_request_gets_426_and_the_lifespan_succeeds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        app = asgi(echo)
        options = {"lifespan": "on", "log_level": "info", "log_config": None}
        async with running(app, **options) as (_, address), httpx.AsyncClient() as client:
            response = await client.get(f"http://{address}/")
            assert response.status_code == 426
            assert response.headers["upgrade"] == "websocket"
            assert response.headers["connection"] == "upgrade"
            assert response.text == "This address is for WebSockets only.\n"
            assert (await client.post(f"http://{address}/", content=b"x" * 100_000)).is_error

    caplog.set_level(logging.INFO)
    in_time(main)
    assert errors(caplog) == []
    assert "Application startup complete." in caplog.messages
    assert "Application shutdown complete." in caplog.messages


@CLASSES
def test_the_shutdown_of_the_server_ends_a_handler_without_a_second_error(
    ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serve(echo, ws) as (server, address):
            client = await websockets.connect(f"ws://{address}/", proxy=None)
            await client.send("hello")
            await client.recv()
            server.should_exit = True
            await client.wait_closed()
            assert client.close_code == 1012

    caplog.set_level(logging.INFO)
    in_time(main)
    assert errors(caplog) == []
