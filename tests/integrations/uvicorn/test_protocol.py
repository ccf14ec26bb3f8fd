"""The glue in uvicorn: its options, what applications and logs are told, and the traffic."""

import asyncio
import logging
from typing import Any

import attrs
import pytest
import uvicorn
import websockets
from helpers.uvicorn_server import in_time, running, serving, until
from helpers.wire import (
    ACCEPT_KEY,
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    asking,
    close_payload,
    connected,
    connecting,
    frame,
    request,
)

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}


class Quick(WebSocketProtocol):
    """Waits for nobody for long."""

    policies = attrs.evolve(WebSocketProtocol.policies, close_timeout=0.2)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


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


class TestMessages:
    def test_messages_are_echoed_to_the_client_of_websockets(self) -> None:
        messages: list[str | bytes] = ["hällo", b"\x00\xff", "", b"", "x" * 70_000, b"y" * 2**20]

        async def main() -> None:
            async with serving(echo, ws=WebSocketProtocol) as address:
                for compression in ("deflate", None):
                    async with websockets.connect(
                        f"ws://{address}/", compression=compression
                    ) as client:
                        assert bool(client.protocol.extensions) is (compression == "deflate")
                        for message in messages:
                            await client.send(message)
                            assert await client.recv() == message
                        await client.send(["a", "b", "c"])
                        assert await client.recv() == "abc"
                        await (await client.ping())
                    assert client.close_code == 1000

        in_time(main)

    def test_compression_is_declined_if_uvicorns_option_is_off(self) -> None:
        async def main() -> None:
            options: dict[str, Any] = {"ws_per_message_deflate": False}
            async with serving(echo, ws=WebSocketProtocol, **options) as address:
                offer = (b"sec-websocket-extensions", b"permessage-deflate")
                async with asking(address, offer) as client:
                    assert "sec-websocket-extensions" not in dict((await client.head())[1])

        in_time(main)

    def test_message_that_is_too_big_is_closed_with_1009(self) -> None:
        async def main() -> None:
            async with serving(echo, ws=WebSocketProtocol, ws_max_size=10) as address:
                async with connected(address) as client:
                    client.write(frame(BINARY, b"x" * 10))
                    assert await client.frame() == (BINARY, b"x" * 10)
                    client.write(frame(BINARY, b"x" * 11))
                    assert (await client.close_frame())[0] == 1009
                    assert await client.rest() == b""

        in_time(main)

    @pytest.mark.parametrize("end", [b"", b"FIN", b"RST"])
    def test_message_before_an_invalid_frame_can_be_answered(self, end: bytes) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await send({"type": "websocket.send", "text": (await receive())["text"]})
            got.append(await receive())

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol) as address:
                async with connected(address) as client:
                    client.write(frame(TEXT, b"x") + frame(3))
                    if end == b"FIN":
                        client.half_close()
                    if end == b"RST":
                        client.reset()
                    else:
                        assert await client.frame() == (TEXT, b"x")
                        assert (await client.close_frame())[0] == 1002
                        assert await client.rest() == b""
                await until(lambda: bool(got))

        in_time(main)
        assert got[0]["code"] in ((1002, 1006) if end == b"RST" else (1002,))

    def test_messages_in_flight_keep_their_order(self) -> None:
        async def main() -> None:
            async with serving(echo, ws=WebSocketProtocol) as address:
                async with connected(address) as client:
                    client.write(*(frame(TEXT, b"%d" % number) for number in range(3000)))
                    for number in range(3000):
                        assert await client.frame() == (TEXT, b"%d" % number)

        in_time(main)

    def test_pong_is_written_after_the_messages_before_it(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            for number in range(3):
                await send({"type": "websocket.send", "bytes": b"%d" % number})
            await send({"type": "websocket.close", "code": 4000, "reason": "bye"})

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol) as address:
                async with connected(address) as client:
                    for number in range(3):
                        assert await client.frame() == (BINARY, b"%d" % number)
                    assert await client.close_frame() == (4000, "bye")
                    client.write(frame(PING, b"still there?"))
                    assert await client.frame() == (PONG, b"still there?")
                    client.write(frame(CLOSE, close_payload(4000)))
                    assert await client.rest() == b""

        in_time(main)

    def test_several_tasks_can_receive_and_be_cancelled(self) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            first, second, third = (asyncio.ensure_future(receive()) for _ in range(3))
            await asyncio.sleep(0)
            second.cancel()
            await send({"type": "websocket.send", "text": "ready"})
            got.extend(await asyncio.gather(first, third))

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol) as address:
                async with connected(address) as client:
                    await client.frame()
                    client.write(frame(TEXT, b"1"))
                    await asyncio.sleep(0.05)
                    client.write(frame(TEXT, b"2"))
                    assert (await client.close_frame())[0] == 1000

        in_time(main)
        assert sorted(message["text"] for message in got) == ["1", "2"]


class TestBackPressure:
    def test_reading_stops_while_the_application_does_not_receive(self) -> None:
        go, counted = asyncio.Event(), [0]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await go.wait()
            while (await receive())["type"] == "websocket.receive":
                counted[0] += 1

        async def main() -> None:
            async with serving(app, ws=Quick) as address, connected(address) as client:
                message, sent = frame(BINARY, b"x" * 2**16), 0
                try:
                    async with asyncio.timeout(0.5):
                        while True:
                            client.write(message)
                            sent += 1
                            await client.writer.drain()
                except TimeoutError:
                    pass
                # what the sockets of both sides take, and not the memory of the server
                assert sent < 1000
                go.set()
                client.write(frame(CLOSE))
                assert await client.close_frame() == (1005, "")
                assert counted == [sent]

        in_time(main)

    def test_slow_application_is_not_taken_for_a_silent_client(self) -> None:
        go = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await go.wait()
            await receive()

        async def main() -> None:
            options: dict[str, Any] = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}
            async with serving(app, ws=Quick, **options) as address:
                async with connected(address) as client:
                    client.write(frame(BINARY, b"x" * 2**17))
                    for _ in range(4):  # its Pongs wait behind the message, in the system
                        opcode, payload = await client.frame()
                        assert opcode == PING
                        client.write(frame(PONG, payload))
                    go.set()
                    assert (await client.close_frame())[0] == 1000

        in_time(main)

    def test_send_waits_while_the_client_does_not_read_and_fails_when_it_is_gone(self) -> None:
        sent, errors = [0], []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            try:
                while True:
                    await send({"type": "websocket.send", "bytes": b"x" * 2**16})
                    sent[0] += 1
            except OSError as error:
                errors.append(error)
                raise

        async def main() -> None:
            async with serving(app, ws=Quick) as address, connected(address) as client:
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                before = -1
                while before != sent[0]:
                    before = sent[0]
                    await asyncio.sleep(0.2)
                assert 0 < sent[0] < 1000
                client.reset()
                await until(lambda: bool(errors))

        in_time(main)

    @pytest.mark.parametrize("end", [frame(CLOSE, close_payload(4000)), b""], ids=["Close", "FIN"])
    def test_send_fails_as_soon_as_a_client_that_does_not_read_leaves(self, end: bytes) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while True:
                await send({"type": "websocket.send", "bytes": b"x" * 2**16})

        async def main() -> None:
            async with running(app, ws=WebSocketProtocol) as (server, address):
                async with connected(address) as client:
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    (connection,) = server.server_state.connections
                    await until(lambda: not connection._is_writable)  # type: ignore[union-attr]
                    if end:
                        client.write(end)
                    else:
                        client.half_close()
                    async with asyncio.timeout(5):  # half of what is waited for the client
                        await until(lambda: not server.server_state.tasks)

        in_time(main)

    def test_send_goes_on_when_the_client_reads(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            for _ in range(200):
                await send({"type": "websocket.send", "bytes": b"x" * 2**16})

        async def main() -> None:
            async with serving(app, ws=WebSocketProtocol) as address:
                async with connected(address) as client:
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await asyncio.sleep(0.2)
                    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                    for _ in range(200):
                        assert (await client.frame())[1] == b"x" * 2**16
                    assert (await client.close_frame())[0] == 1000

        in_time(main)


class TestKeepAlive:
    def test_pings_are_sent_and_a_client_that_answers_stays_connected(self) -> None:
        async def main() -> None:
            options: dict[str, Any] = {"ws_ping_interval": 0.05, "ws_ping_timeout": 1.0}
            async with serving(echo, ws=WebSocketProtocol, **options) as address:
                async with connected(address) as client:
                    payloads = set()
                    for _ in range(3):
                        opcode, payload = await client.frame()
                        assert opcode == PING
                        payloads.add(payload)
                        client.write(frame(PONG, b"not this"), frame(PONG, payload))
                    assert len(payloads) == 3
                    client.write(frame(CLOSE))

        in_time(main)

    def test_client_that_does_not_answer_pings_is_closed_with_1011(self) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            got.append(await receive())

        async def main() -> None:
            options: dict[str, Any] = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.05}
            async with serving(app, ws=Quick, **options) as address:
                async with connected(address) as client:
                    assert (await client.frame())[0] == PING
                    assert await client.close_frame() == (1011, "keepalive ping timeout")
                    assert await client.rest() == b""

        in_time(main)
        assert got == [
            {"type": "websocket.disconnect", "code": 1011, "reason": "keepalive ping timeout"}
        ]

    @pytest.mark.parametrize("timeout", [None, 0])
    def test_client_is_not_closed_without_a_ping_timeout(self, timeout: float | None) -> None:
        async def main() -> None:
            options: dict[str, Any] = {"ws_ping_interval": 0.02, "ws_ping_timeout": timeout}
            async with serving(echo, ws=WebSocketProtocol, **options) as address:
                async with connected(address) as client:
                    for _ in range(4):
                        assert (await client.frame())[0] == PING

        in_time(main)

    @pytest.mark.parametrize("interval", [None, 0])
    def test_pings_are_not_sent_without_an_interval(self, interval: float | None) -> None:
        async def main() -> None:
            options: dict[str, Any] = {"ws_ping_interval": interval, "ws_ping_timeout": 0.01}
            async with serving(echo, ws=WebSocketProtocol, **options) as address:
                async with connected(address) as client:
                    await asyncio.sleep(0.1)
                    client.write(frame(TEXT, b"x"))
                    assert await client.frame() == (TEXT, b"x")

        in_time(main)
