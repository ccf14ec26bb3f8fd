"""The server of the examples: short, and complete."""

import asyncio
import logging
import signal
import sys
from typing import Any

import pytest
import websockets
from helpers.asgi import ROOT
from helpers.examples import load
from helpers.uvicorn_server import in_time, until
from helpers.wire import (
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

from wsfsm.types import Message, Receive, Scope, Send

EXAMPLE = load("minimal_server")
ACCEPT: Message = {"type": "websocket.accept"}


def serving(app: Any) -> Any:
    return EXAMPLE.serving(app, "127.0.0.1", 0)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    await send({**ACCEPT, "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def test_minimal_server_has_fewer_than_250_lines() -> None:
    text = (ROOT / "examples" / "minimal_server.py").read_text(encoding="utf-8")

    assert len(text.splitlines()) < 250


def test_client_of_websockets_is_served() -> None:
    async def main() -> None:
        async with serving(echo) as address:
            url = f"ws://{address}/some/where?x=1"
            async with websockets.connect(url, subprotocols=["b", "a"]) as client:  # type: ignore[list-item]
                assert client.subprotocol == "b"
                for data in ("hé", b"\xff", "", b"x" * 2**20, ["a", "b"]):
                    await client.send(data)
                    assert await client.recv() == ("ab" if isinstance(data, list) else data)
                await client.close(4000, "bye")

    in_time(main)


def test_messages_that_exceed_the_high_water_mark_are_all_answered() -> None:
    async def main() -> None:
        async with serving(echo) as address, connected(address) as client:
            client.write(*(frame(BINARY, b"%d" % number) for number in range(5000)))
            for number in range(5000):
                assert await client.frame() == (BINARY, b"%d" % number)

    in_time(main)


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (request(method=b"POST"), 405, b"WebSocket handshakes must use GET"),
        (request(method=b"HEAD"), 405, b""),
        (request((b"sec-websocket-version", b"8")), 426, b"supports version 13"),
        (b"nonsense\r\n\r\n", 400, b"bytearray(b'nonsense')"),
    ],
)
def test_invalid_handshake_is_refused(data: bytes, status: int, body: bytes) -> None:
    async def main() -> None:
        async with serving(echo) as address, connecting(address) as client:
            client.write(data)
            assert (await client.head())[0] == status
            assert (await client.rest()).endswith(body)

    in_time(main)


@pytest.mark.parametrize(
    ("messages", "status", "body"),
    [
        ([{"type": "websocket.close"}], 403, b""),
        ([{"type": "websocket.http.response.start", "status": 204}], 204, b""),
        (
            [
                {"type": "websocket.http.response.start", "status": 404},
                {"type": "websocket.http.response.body", "body": b"a", "more_body": True},
            ],
            404,
            b"1\r\na\r\n0\r\n\r\n",
        ),
    ],
)
def test_handshake_can_be_denied(messages: list[Message], status: int, body: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        if len(messages) > 1 or status == 204:
            await send({"type": "websocket.http.response.body"})

    async def main() -> None:
        async with serving(app) as address, asking(address) as client:
            assert (await client.head())[0] == status
            assert await client.rest() == body

    in_time(main)


def test_early_data_is_kept_and_pings_are_answered() -> None:
    async def main() -> None:
        async with serving(echo) as address, connecting(address) as client:
            client.write(request(), frame(TEXT, b"early"), frame(PING, b"p"))
            assert (await client.head())[0] == 101
            # the Ping is answered at once, the message when the application has its turn
            assert {await client.frame(), await client.frame()} == {(TEXT, b"early"), (PONG, b"p")}

    in_time(main)


@pytest.mark.parametrize(
    ("sent", "answer", "told"),
    [
        (frame(CLOSE, close_payload(4000, "bye")), (4000, "bye"), {"code": 4000, "reason": "bye"}),
        (frame(3), (1002, "invalid opcode"), {"code": 1002, "reason": "invalid opcode"}),
        (None, None, {"code": 1006}),
    ],
    ids=["a Close", "no frame", "FIN"],
)
def test_end_of_the_connection_reaches_both_sides(
    sent: bytes | None, answer: tuple[int, str] | None, told: dict[str, Any]
) -> None:
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        got.extend([await receive(), await receive(), await receive()])

    async def main() -> None:
        async with serving(app) as address, connected(address) as client:
            if sent is None:
                client.half_close()
            else:
                client.write(sent)
                assert await client.close_frame() == answer
            assert await client.rest() == b""
            await until(lambda: len(got) == 3)

    in_time(main)
    last = {"type": "websocket.disconnect"} | told
    assert got == [{"type": "websocket.connect"}, last, last]


def test_reset_is_noticed_by_the_next_send(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            while True:
                await send({"type": "websocket.send", "bytes": b"x" * 1000})
                await asyncio.sleep(0)
        except OSError as error:
            ended.append(error)
            raise

    async def main() -> None:
        async with serving(app) as address, connected(address) as client:
            await client.frame()
            client.reset()
            await until(lambda: bool(ended))

    in_time(main)
    assert not caplog.records


def test_exception_is_logged_and_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        raise ValueError("on purpose")

    async def main() -> None:
        async with serving(app) as address, connected(address) as client:
            assert (await client.close_frame())[0] == 1011

    with caplog.at_level(logging.ERROR):
        in_time(main)
    assert "ValueError: on purpose" in caplog.text


def test_shutdown_closes_all_connections() -> None:
    async def main() -> None:
        address, stop = asyncio.get_running_loop().create_future(), asyncio.Event()

        async def serve() -> None:
            async with serving(echo) as where:
                address.set_result(where)
                await stop.wait()

        task = asyncio.create_task(serve())
        async with connected(await address) as client:
            stop.set()
            assert await client.close_frame() == (1012, "")
            client.write(frame(CLOSE, close_payload(1012)))
            assert await client.rest() == b""
        await task

    in_time(main)


def test_minimal_server_runs_as_a_command() -> None:
    async def main() -> None:
        command = [sys.executable, "examples/minimal_server.py", "echo:app"]
        options = ["--app-dir", "examples", "--port", "0"]
        process = await asyncio.create_subprocess_exec(
            *command, *options, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().strip()
            async with websockets.connect(f"{url}/?token=secret") as client:
                await client.send("hello")
                assert await client.recv() == "you said: hello"
                process.send_signal(signal.SIGTERM)
                with pytest.raises(websockets.ConnectionClosed) as caught:
                    await client.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1012
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    in_time(main)
