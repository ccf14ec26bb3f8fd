"""The scope and the handshake in uvicorn."""

import asyncio
import logging
from typing import Any

import pytest
import uvicorn
from helpers.echo import ACCEPT, echo
from helpers.uvicorn_server import in_time, serving, until
from helpers.wire import (
    ACCEPT_KEY,
    CLOSE,
    TEXT,
    asking,
    connecting,
    frame,
    request,
)

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send


class TestScope:
    def scope(self, data: bytes, **options: Any) -> Scope:
        scopes: list[Scope] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scopes.append(scope)
            await send({"type": "websocket.close"})

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol, **options) as address:
                async with connecting(address) as client:
                    client.write(data)
                    assert (await client.head())[0] == 403
                    scopes[0]["expected"] = {
                        "client": client.writer.get_extra_info("sockname"),
                        "server": client.writer.get_extra_info("peername"),
                    }

        in_time(main)
        return scopes[0]

    def test_scope_has_the_values_of_the_specification(self) -> None:
        scope = self.scope(request(target=b"/a%20b/%C3%A9;x?q=%20"))

        assert scope["type"] == "websocket"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
        assert (scope["http_version"], scope["scheme"]) == ("1.1", "ws")
        assert (scope["path"], scope["raw_path"]) == ("/a b/é;x", b"/a%20b/%C3%A9;x")
        assert (scope["query_string"], scope["root_path"]) == (b"q=%20", "")
        assert scope["client"] == scope["expected"]["client"]
        assert scope["server"] == scope["expected"]["server"]
        assert scope["extensions"] == {"websocket.http.response": {}}

    def test_scope_has_headers_in_the_order_of_the_request(self) -> None:
        scope = self.scope(request((b"X-A", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")))

        assert scope["headers"][-3:] == [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")]
        assert (b"sec-websocket-version", b"13") in scope["headers"]

    def test_scope_has_the_subprotocols_of_all_headers(self) -> None:
        name = b"sec-websocket-protocol"

        assert self.scope(request((name, b"a, b,,"), (name, b"c")))["subprotocols"] == [
            "a",
            "b",
            "c",
        ]

    def test_scope_has_the_root_path_in_its_path(self) -> None:
        scope = self.scope(request(target=b"/x"), root_path="/root")

        assert scope["root_path"] == "/root"
        assert (scope["path"], scope["raw_path"]) == ("/root/x", b"/root/x")

    def test_scope_has_a_copy_of_the_lifespan_state(self) -> None:
        states: list[Any] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                scope["state"]["shared"] = states
                while (await receive())["type"] != "lifespan.shutdown":
                    await send({"type": "lifespan.startup.complete"})
                await send({"type": "lifespan.shutdown.complete"})
                return
            states.append(scope["state"]["shared"] is states)
            scope["state"]["own"] = "own" not in scope["state"]
            states.append(scope["state"]["own"])
            await send({"type": "websocket.close"})

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol, lifespan="on") as address:
                for _ in range(2):
                    async with asking(address) as client:
                        await client.head()

        in_time(main)
        assert states == [True] * 4


class TestHandshake:
    def answer(
        self, *messages: Message, offered: bytes = b"", **options: Any
    ) -> tuple[int, list[tuple[str, str]]]:
        answers: list[tuple[int, list[tuple[str, str]]]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for message in messages:
                await send(message)

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol, **options) as address:
                headers = [(b"sec-websocket-protocol", offered)] if offered else []
                async with asking(address, *headers) as client:
                    answers.append(await client.head())

        in_time(main)
        return answers[0]

    def test_handshake_response_is_complete(self) -> None:
        accept = {**ACCEPT, "subprotocol": "b", "headers": [(b"X-A", b"1"), (b"x-a", b"2")]}
        status, headers = self.answer(accept, offered=b"a, b")
        named = dict(headers)

        assert status == 101
        assert (named["upgrade"], named["connection"]) == ("websocket", "Upgrade")
        assert named["sec-websocket-accept"] == ACCEPT_KEY
        assert named["sec-websocket-protocol"] == "b"
        assert [value for name, value in headers if name == "x-a"] == ["1", "2"]
        assert [name for name, _ in headers].count("date") == 1
        assert named["server"] == "uvicorn"

    def test_handshake_response_has_the_default_headers_of_uvicorn(self) -> None:
        options: dict[str, Any] = {
            "server_header": False,
            "date_header": False,
            "headers": [("x-b", "3")],
        }
        _, headers = self.answer(ACCEPT, **options)

        assert dict(headers)["x-b"] == "3"
        assert not {"server", "date"} & dict(headers).keys()

    def test_denial_response_has_the_default_headers_of_uvicorn(self) -> None:
        start = {"type": "websocket.http.response.start", "status": 404, "headers": []}
        status, headers = self.answer(start, {"type": "websocket.http.response.body"})

        assert status == 404
        assert dict(headers)["server"] == "uvicorn"
        assert dict(headers)["content-length"] == "0"
        assert dict(headers)["connection"] == "close"

    @pytest.mark.parametrize("pieces", [1, 3, 50])
    def test_handshake_is_read_in_pieces_with_the_frames_behind_it(self, pieces: int) -> None:
        """Without uvicorn's HTTP class in front, which never does that."""

        async def main() -> None:
            config = uvicorn.Config(echo, lifespan="off")
            state = uvicorn.server.ServerState()
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                lambda: WebSocketProtocol(config=config, server_state=state, app_state={}),
                "127.0.0.1",
            )
            async with server:
                host, port = server.sockets[0].getsockname()
                async with connecting(f"{host}:{port}") as client:
                    data = request() + frame(TEXT, b"early")
                    size = len(data) // pieces + 1
                    for begin in range(0, len(data), size):
                        client.write(data[begin : begin + size])
                        await asyncio.sleep(0.001)
                    assert (await client.head())[0] == 101
                    assert await client.frame() == (TEXT, b"early")
                    client.write(frame(CLOSE))
                    await client.close_frame()
                await until(lambda: not state.tasks and not state.connections)

        in_time(main)

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (request(method=b"POST"), 405),
            (request(method=b"HEAD"), 405),
            (request((b"sec-websocket-version", b"8")), 426),
            (request((b"sec-websocket-key", b"abc")), 400),
            (request((b"content-length", b"5")) + b"hello", 400),
            (request((b"sec-websocket-extensions", b"a; =")), 400),
        ],
    )
    def test_invalid_handshake_is_refused_before_the_application_runs(
        self, data: bytes, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise AssertionError("the application runs")

        async def main() -> None:
            options: dict[str, Any] = {"log_level": "info", "log_config": None}
            async with serving(app, ws=WebSocketProtocol, **options) as address:
                async with connecting(address) as client:
                    client.write(data)
                    assert (await client.head())[0] == status
                    await client.rest()

        with caplog.at_level(logging.INFO):
            in_time(main)
        assert not [record for record in caplog.records if record.levelno > logging.INFO]
        assert "WebSocket /" not in caplog.text
