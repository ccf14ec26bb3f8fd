"""Messages in uvicorn: echoes, limits, the order of frames."""

import asyncio
from typing import Any

import pytest
import websockets
from helpers.echo import ACCEPT, echo
from helpers.uvicorn_server import in_time, serving, until
from helpers.virtual_uvicorn import Link, in_virtual_time
from helpers.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    asking,
    close_payload,
    connected,
    frame,
)

from wsfsm.integrations.uvicorn import WebSocketProtocol, _protocol
from wsfsm.server import commands
from wsfsm.types import Message, Receive, Scope, Send


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

    def test_message_that_is_sent_during_a_command_is_written_after_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = commands.SendText(b"first"), commands.SendText(b"second")
        write = _protocol._HANDLERS[commands.SendText]

        def nested(protocol: WebSocketProtocol, command: commands.SendText) -> None:
            if command is first:
                protocol.send_data(second)  # as an eager task does
            write(protocol, command)

        async def main() -> bytes:
            link = Link(echo)
            link.ask()
            monkeypatch.setitem(_protocol._HANDLERS, commands.SendText, nested)
            link.protocol.perform([first])
            link.transport.abort()
            await asyncio.sleep(1)
            return link.transport.data

        written = in_virtual_time(main)
        frames = [frame(TEXT, text.payload, masked=False) for text in (first, second)]
        assert written.endswith(b"".join(frames))

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
