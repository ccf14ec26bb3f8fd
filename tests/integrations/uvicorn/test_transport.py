"""The class in uvicorn on transports that are special: encrypted, paused, or gone."""

import asyncio
import contextlib
import contextvars
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest
import trustme
import websockets
from helpers.uvicorn_server import in_time, running, serving, until
from helpers.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Client,
    close_payload,
    connected,
    frame,
    request,
)

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}
VARIABLE = contextvars.ContextVar("VARIABLE", default="its own")


class Narrow(WebSocketProtocol):
    """Reads only one message ahead, and waits for nobody for long."""

    policies = attrs.evolve(
        WebSocketProtocol.policies, high_water=0, low_water=0, close_timeout=0.3
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    def options(
        self, authority: trustme.CA, tmp_path: Path
    ) -> tuple[dict[str, object], ssl.SSLContext]:
        path = tmp_path / "server.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return {"ws": Narrow, "ssl_certfile": str(path)}, context

    def test_client_of_websockets_is_served_over_tls(
        self, authority: trustme.CA, tmp_path: Path
    ) -> None:
        options, context = self.options(authority, tmp_path)
        schemes: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            schemes.append(scope["scheme"])
            await receive()
            await send(ACCEPT)
            message = await receive()
            await send({"type": "websocket.send", "bytes": message["bytes"]})
            schemes.append((await receive())["reason"])

        async def main() -> None:
            async with serving(app, **options) as address:
                async with websockets.connect(f"wss://{address}", ssl=context) as client:
                    await client.send(b"x" * 100_000)
                    assert await client.recv() == b"x" * 100_000
                    await client.close(reason="bye")

        in_time(main)
        assert schemes == ["wss", "bye"]

    @pytest.mark.parametrize("answers", [True, False])
    def test_tls_connection_ends_with_and_without_an_answer_of_the_client(
        self, authority: trustme.CA, tmp_path: Path, *, answers: bool
    ) -> None:
        options, context = self.options(authority, tmp_path)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await send({"type": "websocket.close", "code": 4000})

        async def main() -> None:
            async with running(app, **options) as (server, address):
                host, port = address.split(":")
                client = Client(*await asyncio.open_connection(host, int(port), ssl=context))
                client.write(request())
                assert (await client.head())[0] == 101
                assert await client.close_frame() == (4000, "")
                if answers:
                    client.write(frame(CLOSE, close_payload(4000)))
                assert await client.rest() == b""
                client.writer.close()
                await until(lambda: not server.server_state.connections)

        in_time(main)


def resetting(app: Callable[[Scope, Receive, Send], Awaitable[None]], *, reset: bool) -> None:
    async def main() -> None:
        VARIABLE.set("the server's")
        async with serving(app, ws=WebSocketProtocol, reset_contextvars=reset) as address:
            async with connected(address) as client:
                await client.close_frame()

    in_time(main)


@pytest.mark.parametrize(("reset", "value"), [(True, "its own"), (False, "the server's")])
def test_application_has_context_variables_of_its_own_on_request(reset: bool, value: str) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(VARIABLE.get())
        await send(ACCEPT)

    resetting(app, reset=reset)
    assert seen == [value]


def test_messages_read_before_a_reset_are_received() -> None:
    got: list[Message] = []
    there, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await there.wait()
        # nothing is read: only writing can tell that the client has gone
        with contextlib.suppress(OSError):
            while True:
                await send({"type": "websocket.send", "bytes": b"x" * 2**16})
                await asyncio.sleep(0)
        got.extend([await receive(), await receive(), await receive()])
        done.set()

    async def main() -> None:
        async with running(app, ws=Narrow) as (server, address):
            async with connected(address) as client:
                client.write(frame(TEXT, b"1"))
                (connection,) = server.server_state.connections
                await until(lambda: connection._inbound.held)  # type: ignore[union-attr]
                client.reset()
                there.set()
            await done.wait()

    in_time(main)
    assert got == [
        {"type": "websocket.receive", "text": "1"},
        {"type": "websocket.disconnect", "code": 1006},
        {"type": "websocket.disconnect", "code": 1006},
    ]


def test_cancelled_receive_takes_no_message() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await send({"type": "websocket.close", "code": 4000})  # the disconnect comes before it ends
        message = await receive()
        assert message == {"type": "websocket.disconnect", "code": 4000, "reason": ""}
        assert waiting.cancelled()

    async def main() -> None:
        async with serving(app, ws=Narrow) as address:
            async with connected(address) as client:
                assert await client.close_frame() == (4000, "")
                client.write(frame(BINARY, b"late"), frame(CLOSE, close_payload(4000)))
                assert await client.rest() == b""

    in_time(main)


def test_pongs_for_a_client_that_does_not_read_take_bounded_memory() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await receive()

    async def main() -> None:
        async with running(app, ws=Narrow) as (server, address):
            async with connected(address) as client:
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                (connection,) = server.server_state.connections
                sock = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**12)
                pings = frame(PING, b"p" * 125) * 50
                while connection._is_writable:  # type: ignore[union-attr]
                    client.write(pings)
                    await asyncio.sleep(0)
                for _ in range(20):
                    client.write(pings)
                    await client.writer.drain()
                held = connection._transport.get_write_buffer_size()  # type: ignore[union-attr]
                assert held < 2**20
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                client.write(frame(PING, b"last"))
                while (answer := await client.frame()) != (PONG, b"last"):
                    assert answer == (PONG, b"p" * 125)
                client.write(frame(CLOSE, close_payload(4000)))
                assert await client.frame() == (CLOSE, close_payload(4000))

    in_time(main)


@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_tasks_left_behind_by_the_application_receive_the_disconnect(ends: str) -> None:
    told: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        task = asyncio.ensure_future(receive())
        task.add_done_callback(lambda done: told.append(done.result()))
        await asyncio.sleep(0)
        if ends == "raises":
            raise ValueError(ends)

    async def main() -> None:
        async with serving(app, ws=Narrow) as address, connected(address) as client:
            code, _ = await client.close_frame()
            await until(lambda: bool(told))
            assert told == [{"type": "websocket.disconnect", "code": code, "reason": ""}]

    in_time(main)


@pytest.mark.parametrize(
    "data",
    [
        request((b"sec-websocket-version", b"99")),
        request(),
        request() + frame(3),
    ],
    ids=["a bad request", "a request that is denied", "a request, and no frame"],
)
def test_connection_of_a_client_that_leaves_before_the_answer_is_released(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[object] = []

    class Counted(Narrow):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.append(self)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    async def main() -> None:
        async with running(app, ws=Counted, log_level="info", log_config=None) as (server, address):
            host, port = address.split(":")
            for _ in range(10):
                with socket.create_connection((host, int(port))) as client:
                    client.sendall(data)
            await until(lambda: len(ended) == 10)
            assert not server.server_state.connections

    in_time(main)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("size", [100, 100_000])
def test_application_that_only_sends_leaves_turns_to_others(size: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            await send({"type": "websocket.send", "bytes": b"x" * size})

    async def main() -> None:
        async with running(app, ws=Narrow) as (server, address):
            async with connected(address) as client:
                for _ in range(100):
                    assert await client.frame() == (BINARY, b"x" * size)
                client.reset()
            await until(lambda: not server.server_state.tasks)

    in_time(main)


def test_data_of_a_lost_transport_is_ignored() -> None:
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        got.append(await receive())
        got.append(await receive())

    async def main() -> None:
        async with running(app, ws=Narrow) as (server, address):
            async with connected(address) as client:
                (connection,) = server.server_state.connections
                client.reset()
                await until(lambda: not server.server_state.tasks)
                connection.data_received(frame(TEXT, b"late"))

    in_time(main)
    assert got == [{"type": "websocket.disconnect", "code": 1006}] * 2


@pytest.mark.parametrize("ends", ["close", "return"])
def test_answer_to_a_close_is_read_behind_messages_without_a_receiver(ends: str) -> None:
    go = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await go.wait()
        if ends == "close":
            await send({"type": "websocket.close"})
            await asyncio.sleep(60)

    async def main() -> None:
        async with running(app, ws=WebSocketProtocol) as (server, address):
            async with connected(address) as client:
                client.write(frame(BINARY, b"x" * 2**17) * 3)
                (connection,) = server.server_state.connections
                await until(lambda: connection._inbound.held)  # type: ignore[union-attr]
                go.set()
                assert await client.close_frame() == (1000, "")
                client.write(frame(CLOSE, close_payload(1000)))
                async with asyncio.timeout(5):  # half of what a silent client is waited for
                    assert await client.rest() == b""
            for task in server.server_state.tasks:
                task.cancel()

    in_time(main)
