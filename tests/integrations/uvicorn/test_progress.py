"""A timeout is about a peer that makes no progress, on any transport and loop.

Everything is slow in proportion: timeouts of a fraction of a second, transfers of some seconds.
"""

import asyncio
import contextlib
from typing import Any

import attrs
import pytest
from helpers.transports import KINDS, LOOPS, in_loop, pause, served
from helpers.uvicorn_server import until
from helpers.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, close_payload, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.unmeasured

SIZE = 4_000_000
PART = 100_000
ROOM = 2**15  # bytes that the system keeps for a client that reads slowly
TIMEOUT = 0.5
ACCEPT: Message = {"type": "websocket.accept"}
PINGS: dict[str, Any] = {"ws_ping_interval": TIMEOUT, "ws_ping_timeout": TIMEOUT}


class Quick(WebSocketProtocol):
    """Waits for no peer that makes no progress for long."""

    policies = attrs.evolve(WebSocketProtocol.policies, close_timeout=TIMEOUT)


class QuickCompat(CompatWebSocketProtocol):
    """The same."""

    policies = attrs.evolve(CompatWebSocketProtocol.policies, close_timeout=TIMEOUT)


async def slowly(client: Client, size: int, seconds: float) -> bytes:
    """Read so many bytes, in equal steps over some time."""
    data = bytearray()
    parts = size // PART
    for _ in range(parts):
        data += await client.reader.readexactly(PART)
        await asyncio.sleep(seconds / parts)
    return bytes(data + await client.reader.readexactly(size - len(data)))


everywhere = pytest.mark.parametrize(
    ("kind", "loop"), [(kind, loop) for kind in KINDS for loop in LOOPS]
)


class TestSlowReaders:
    """They are given all the time that they use."""

    def download(
        self, kind: str, loop: str, ws: type[WebSocketProtocol], end: str, **options: Any
    ) -> bytes:
        rest: list[bytes] = []
        in_chunks = end == "denies" and ws is QuickCompat

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            if end == "denies":
                await send({"type": "websocket.http.response.start", "status": 403})
                await send({"type": "websocket.http.response.body", "body": bytes(SIZE)})
                return
            await send(ACCEPT)
            await send({"type": "websocket.send", "bytes": bytes(SIZE)})
            if end == "raises":
                raise ValueError(end)
            if end == "closes":
                await send({"type": "websocket.close", "code": 4000})
            if end == "waits":
                await receive()

        async def main() -> None:
            async with served(kind, app, ws=ws, **options) as server:
                async with server.client(room=ROOM, opens=False) as client:
                    status, _ = await client.head()
                    assert status == (403 if end == "denies" else 101)
                    head = 8 if in_chunks else 0 if end == "denies" else 10
                    data = await slowly(client, head + SIZE, 3 * TIMEOUT)
                    assert data[head:] == bytes(SIZE)
                    if end == "waits":
                        client.write(frame(CLOSE, close_payload(4001)))
                    rest.append(await client.rest())

        in_loop(loop, main)
        return rest[0]

    @everywhere
    def test_slow_reader_is_given_all_data_when_the_application_returns(
        self, kind: str, loop: str
    ) -> None:
        rest = self.download(kind, loop, Quick, "returns", ws_ping_interval=None)
        assert rest == frame(CLOSE, close_payload(1000), masked=False)

    @pytest.mark.parametrize("kind", ["TCP", "TLS"])
    @pytest.mark.parametrize(
        ("end", "ws", "rest"),
        [
            ("raises", Quick, frame(CLOSE, close_payload(1011), masked=False)),
            ("raises", QuickCompat, b""),
            ("returns", QuickCompat, b""),
            ("closes", Quick, frame(CLOSE, close_payload(4000), masked=False)),
            ("denies", Quick, b""),
            ("denies", QuickCompat, b"\r\n0\r\n\r\n"),
        ],
    )
    def test_slow_reader_is_given_all_data_at_every_other_end(
        self, kind: str, end: str, ws: type[WebSocketProtocol], rest: bytes
    ) -> None:
        assert self.download(kind, "asyncio", ws, end) == rest

    @everywhere
    def test_slow_reader_survives_a_keepalive_whose_pings_wait_behind_data(
        self, kind: str, loop: str
    ) -> None:
        rest = self.download(kind, loop, Quick, "waits", **PINGS)
        assert rest.endswith(frame(CLOSE, close_payload(4001), masked=False))
        # one that arrived before the client was asked for its Pong
        assert rest[:1] in (bytes((0x80 | PING,)), bytes((0x80 | CLOSE,)))


class TestSlowWriters:
    @everywhere
    def test_slow_writer_can_take_longer_than_the_keepalive_timeout(
        self, kind: str, loop: str
    ) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            got.append(await receive())

        async def main() -> None:
            async with served(kind, app, ws=Quick, **PINGS) as server:
                async with server.client() as client:
                    data = frame(BINARY, bytes(60_000))
                    for at in range(0, len(data), 2000):
                        client.write(data[at : at + 2000])
                        await asyncio.sleep(4 * TIMEOUT / 30)
                    while (received := await client.frame())[0] == PING:
                        pass
                    assert received == (CLOSE, close_payload(1000))

        in_loop(loop, main)
        assert got == [{"type": "websocket.receive", "bytes": bytes(60_000)}]


class TestFrozenClients:
    """They neither read nor write, and are noticed whatever waits on both sides."""

    @everywhere
    def test_send_to_a_frozen_client_fails(self, kind: str, loop: str) -> None:
        errors: list[OSError] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            try:
                while True:
                    await send({"type": "websocket.send", "bytes": bytes(2**16)})
            except OSError as error:
                errors.append(error)

        async def main() -> None:
            async with served(kind, app, ws=Quick, **PINGS) as server:
                async with server.client(room=ROOM) as client:
                    pause(client)
                    client.write(frame(BINARY, bytes(70_000)))
                    await until(lambda: bool(errors))
                    await until(lambda: not server.connections)

        in_loop(loop, main)
        assert errors[0].code == 1011  # type: ignore[attr-defined]

    @everywhere
    def test_frozen_client_of_an_idle_application_is_disconnected(
        self, kind: str, loop: str
    ) -> None:
        got: list[Message] = []

        async def main() -> None:
            go = asyncio.Event()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                await go.wait()
                while not got or got[-1]["type"] == "websocket.receive":
                    got.append(await receive())

            async with served(kind, app, ws=Quick, **PINGS) as server:
                async with server.client(room=ROOM) as client:
                    pause(client)
                    client.write(frame(BINARY, bytes(300_000)))
                    (connection,) = server.connections
                    await until(lambda: connection._connection.is_over)
                    go.set()
                    await until(lambda: not server.connections)

        in_loop(loop, main)
        assert got[-1]["code"] == 1011


class TestClosingSlowConsumers:
    """A slow consumer can be got rid of."""

    def app(self, closed: asyncio.Event, got: list[Message]) -> Any:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            with contextlib.suppress(TimeoutError):
                while True:
                    data = {"type": "websocket.send", "bytes": bytes(2**16)}
                    await asyncio.wait_for(send(data), 0.3)
            await send({"type": "websocket.close", "code": 1013})
            closed.set()
            got.append(await receive())

        return app

    @everywhere
    def test_close_does_not_wait_for_a_slow_consumer_and_ends_in_bounded_time(
        self, kind: str, loop: str
    ) -> None:
        got: list[Message] = []

        async def main() -> None:
            closed = asyncio.Event()
            options: dict[str, Any] = {"ws": Quick, "ws_ping_interval": None}
            async with served(kind, self.app(closed, got), **options) as server:
                async with server.client(room=ROOM) as client:
                    pause(client)
                    await closed.wait()
                    await until(lambda: not server.connections)

        in_loop(loop, main)
        assert got == [{"type": "websocket.disconnect", "code": 1013, "reason": ""}]

    @everywhere
    def test_slow_consumer_that_reads_again_is_given_all_data_and_the_close(
        self, kind: str, loop: str
    ) -> None:
        async def main() -> None:
            closed = asyncio.Event()
            options: dict[str, Any] = {"ws": Quick, "ws_ping_interval": None}
            async with served(kind, self.app(closed, []), **options) as server:
                async with server.client(room=ROOM) as client:
                    pause(client)
                    await closed.wait()
                    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                    while (received := await client.frame())[0] == BINARY:
                        assert received[1] == bytes(2**16)
                    assert received == (CLOSE, close_payload(1013))
                    client.write(frame(CLOSE, close_payload(1013)))
                    assert await client.rest() == b""

        in_loop(loop, main)

    @pytest.mark.parametrize("loop", LOOPS)
    @pytest.mark.parametrize("data", [frame(TEXT, b"x"), frame(PING)], ids=["messages", "pings"])
    def test_peer_that_sends_frames_but_no_close_is_not_awaited(
        self, loop: str, data: bytes
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)

        async def main() -> None:
            async with served("TCP", app, ws=Quick) as server, server.client() as client:
                assert (await client.close_frame())[0] == 1000
                while server.connections:
                    client.write(data)
                    await asyncio.sleep(TIMEOUT / 10)

        in_loop(loop, main)

    @pytest.mark.parametrize("loop", LOOPS)
    def test_peer_in_the_middle_of_a_frame_is_awaited(self, loop: str) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()

        async def main() -> None:
            async with served("TCP", app, ws=Quick) as server, server.client() as client:
                client.write(frame(TEXT, b"go"))
                long = frame(BINARY, bytes(1000))
                client.write(long[:20])
                assert (await client.close_frame())[0] == 1000
                for at in range(20, 1000, 20):
                    client.write(long[at : at + 20])
                    await asyncio.sleep(3 * TIMEOUT / 50)
                client.write(long[1000:], frame(PING, b"p"), frame(CLOSE, close_payload(1000)))
                assert await client.frame() == (PONG, b"p")
                assert await client.rest() == b""

        in_loop(loop, main)
