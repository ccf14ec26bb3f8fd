"""The end of the stream does not overtake anything, on any transport and loop."""

import asyncio
from typing import Any

import pytest
from helpers.frame_streams import Deflater
from helpers.transports import KINDS, LOOPS, half_close_below, in_loop, served
from helpers.uvicorn_server import until
from helpers.wire import BINARY, CLOSE, TEXT, Client, close_payload, frame

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.unmeasured

COUNT = 120
LAST = 40  # of them, for which the system has room where nothing is read
SIZE = 1000
ACCEPT: Message = {"type": "websocket.accept"}
LOST: Message = {"type": "websocket.disconnect", "code": 1006}
LEFT: Message = {"type": "websocket.disconnect", "code": 4001, "reason": "bye"}
GOODBYE = frame(CLOSE, close_payload(4001, "bye"))


class Collector:
    """Receives everything, slowly at first or not at all.

    Args:
        waits: Whether it waits for `go` before it receives.
    """

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self.ready = asyncio.Event()
        self.go = asyncio.Event()
        self.got: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        self.ready.set()
        if self.waits:
            await self.go.wait()
        while not self.got or self.got[-1]["type"] == "websocket.receive":
            self.got.append(await receive())
            await asyncio.sleep(0)

    def check(self, payloads: list[Any], end: Message) -> None:
        received = [m.get("text", m.get("bytes")) for m in self.got[:-1]]
        assert len(received) == len(payloads)
        assert received == payloads
        assert self.got[-1] == end


async def leave(client: Client, how: str) -> None:
    """End the stream."""
    if client.writer.transport.is_closing():  # the server has seen a Close, and was faster
        return
    if how == "FIN":
        half_close_below(client)
    elif how == "close":
        client.writer.close()  # for TLS with a close_notify
    else:
        client.reset()


ENDS = ["close", "FIN", "RST"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("goodbye", [b"", GOODBYE], ids=["no Close", "a Close"])
def test_messages_before_the_end_of_stream_are_received_before_one_disconnect(
    loop: str, kind: str, how: str, goodbye: bytes, *, waits: bool
) -> None:
    payloads = [b"%06d" % number + bytes(SIZE) for number in range(COUNT)]

    async def main() -> None:
        app = Collector(waits=waits)
        async with served(kind, app, ws=WebSocketProtocol) as server:
            async with server.client() as client:
                await app.ready.wait()
                frames = [frame(BINARY, payload) for payload in payloads]
                client.write(*frames[:-LAST])
                if waits:
                    (connection,) = server.connections
                    await until(lambda: not connection._inbound.is_reading)
                client.write(*frames[-LAST:], goodbye)
                await client.writer.drain()
                await asyncio.sleep(0.1)  # a reset leaves nothing of what has not arrived
                await leave(client, how)
                await asyncio.sleep(0.1)
                app.go.set()
                await until(lambda: not server.server.server_state.tasks)
            app.check(payloads, LEFT if goodbye else LOST)
            await until(lambda: not server.connections)

    in_loop(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ENDS)
def test_compressed_messages_before_the_end_of_stream_are_received(
    loop: str, kind: str, how: str
) -> None:
    deflater = Deflater()
    texts = [f"{number:06} " * 200 for number in range(200)]
    data = b"".join(frame(TEXT, deflater.message(text.encode()), rsv=4) for text in texts)

    async def main() -> None:
        app = Collector(waits=True)
        async with served(kind, app, ws=WebSocketProtocol) as server:
            offer = (b"sec-websocket-extensions", b"permessage-deflate")
            async with server.client(offer) as client:
                await app.ready.wait()
                client.write(data, GOODBYE)
                await client.writer.drain()
                await asyncio.sleep(0.1)
                await leave(client, how)
                await asyncio.sleep(0.2)
                app.go.set()
                await until(lambda: not server.server.server_state.tasks)
        app.check(texts, LEFT)

    in_loop(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ENDS)
def test_lost_client_is_noticed_while_reading_is_paused(loop: str, kind: str, how: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        try:
            while True:  # pushes, and never receives
                await send({"type": "websocket.send", "text": "x"})
                await asyncio.sleep(0.05)
        except OSError:
            pass

    async def main() -> None:
        async with served(kind, app, ws=WebSocketProtocol, ws_ping_interval=None) as server:
            async with server.client() as client:
                client.write(frame(BINARY, bytes(1000)) * COUNT)
                await leave(client, how)
                client.writer.transport.abort()
                await until(lambda: not server.connections and not server.server.server_state.tasks)

    in_loop(loop, main)
