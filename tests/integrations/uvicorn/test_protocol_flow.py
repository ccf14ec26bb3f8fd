"""Back-pressure and keep-alive in uvicorn."""

import asyncio
from typing import Any

import attrs
import pytest
from helpers.echo import ACCEPT, echo
from helpers.uvicorn_server import in_time, running, serving, until
from helpers.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_payload,
    connected,
    frame,
)

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send


class Quick(WebSocketProtocol):
    """The strict class with short timeouts."""

    policies = attrs.evolve(WebSocketProtocol.policies, close_timeout=0.2)


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
