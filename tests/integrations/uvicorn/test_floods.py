"""Floods are read in slices: their work is counted, and compared with that of a neighbour."""

import asyncio
import gc
import logging
import time
from typing import Any

import pytest
from helpers.frame_streams import compressed
from helpers.transports import KINDS, LOOPS, in_loop, served
from helpers.uvicorn_server import until
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, message, turns
from helpers.wire import BINARY, CONT, PING, PONG, TEXT, Client, frame

from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.server import Policies
from wsfsm.types import Receive, Scope, Send

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

ACCEPT = message("accept")
OFFER = (b"sec-websocket-extensions", b"permessage-deflate")
MANY = 20_000


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (received := await receive())["type"] == "websocket.receive":
        if scope["path"] != "/sink":
            await send({**received, "type": "websocket.send"})


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "pings": (b"", frame(PING)),
    "long pings": (b"", frame(PING, b"x" * 125)),
    "pongs": (b"", frame(PONG)),
    "empty fragments": (frame(TEXT, fin=False), frame(CONT, fin=False)),
    "short fragments": (frame(BINARY, fin=False), frame(CONT, b"x", fin=False)),
    "empty messages": (b"", frame(BINARY)),
    "compressed empty messages": (b"", frame(TEXT, b"\x00", rsv=4)),
    "pings and messages": (b"", frame(PING) + frame(TEXT, b"x")),
    "a bomb": (b"", compressed(bytes(2**20))),
}


class TestTurns:
    @pytest.mark.parametrize("name", FLOODS)
    def test_turn_of_the_loop_reads_only_a_few_slices(self, name: str) -> None:
        """The flood arrives in one read; the time of the thread is measured, not that of the wall."""
        first, data = FLOODS[name]
        count = 30 if name == "a bomb" else MANY

        async def main() -> list[float]:
            link = Link(echo, ws_max_size=2**24)
            link.ask(OFFER)
            await turns()
            used = []
            begin = time.thread_time()
            link.receive(first, data * count)
            while link.protocol._inbound._reader.has_more:  # type: ignore[union-attr]
                await asyncio.sleep(0)
                end = time.thread_time()
                used.append(end - begin)
                begin = end
            link.end()
            await asyncio.sleep(100)
            assert link.is_clean()
            return used

        gc.collect()
        gc.disable()  # to collect all that other tests have left may take longer than a turn
        try:
            used = sorted(in_virtual_time(main))
        finally:
            gc.enable()
        # so many turns that each is a small part of all, and so is the longest
        assert len(used) > 5
        assert used[-1] < max(0.1, sum(used) / 4)
        assert used[len(used) // 2] < 0.02

    def test_flood_of_frames_is_read_completely(self) -> None:
        async def main() -> bytes:
            link = Link(echo)
            link.ask()
            await turns()
            link.receive(frame(PING) * MANY, frame(TEXT, b"behind it"))
            await asyncio.sleep(10)
            link.transport.lose()
            await turns()
            return link.transport.data

        assert in_virtual_time(main).endswith(frame(TEXT, b"behind it", masked=False))


class TestPongs:
    def pongs(self, *data: bytes, taken: bool = True) -> bytes:
        async def main() -> bytes:
            transport = Transport()
            link = Link(echo, transport=transport)
            link.ask()
            await turns()
            before = len(transport.data)
            if not taken:
                link.protocol.pause_writing()
            for piece in data:
                link.receive(piece)
                await asyncio.sleep(0.001)  # until all is read
            held = transport.data[before:]
            link.protocol.resume_writing()
            after = transport.data[before:]
            link.end()
            await asyncio.sleep(100)
            return held if taken else after

        return in_virtual_time(main)

    def test_few_pings_are_all_answered(self) -> None:
        payloads = [b"%d" % number for number in range(10)]
        answers = self.pongs(b"".join(frame(PING, payload) for payload in payloads))
        assert answers == b"".join(frame(PONG, payload, masked=False) for payload in payloads)

    def test_last_of_many_pings_in_one_read_is_answered(self) -> None:
        payloads = [b"%05d" % number for number in range(10_000)]
        answers = self.pongs(b"".join(frame(PING, payload) for payload in payloads))
        assert len(answers) < len(payloads) * 7 / 2
        assert answers.endswith(frame(PONG, payloads[-1], masked=False))

    def test_pings_in_separate_reads_are_all_answered(self) -> None:
        payloads = [b"%05d" % number for number in range(100)]
        answers = self.pongs(*(frame(PING, payload) for payload in payloads))
        assert answers == b"".join(frame(PONG, payload, masked=False) for payload in payloads)

    def test_client_that_does_not_read_is_sent_few_pongs(self) -> None:
        payloads = [b"%05d" % number for number in range(2000)]
        answers = self.pongs(*(frame(PING, payload) for payload in payloads), taken=False)
        assert len(answers) == 16 * 7
        assert answers.endswith(frame(PONG, payloads[-1], masked=False))

    @pytest.mark.parametrize("state", ["CLOSING", "OPEN"])
    def test_pongs_kept_for_a_client_that_does_not_read_are_bounded(self, state: str) -> None:
        async def main() -> None:
            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                if state == "CLOSING":
                    await send(message("close"))
                await asyncio.sleep(100)

            link = Link(app)
            link.ask()
            await turns()
            link.protocol.pause_writing()
            for _ in range(1000):
                link.receive(frame(PING, b"x" * 125) * 20)
                await asyncio.sleep(0)
            assert len(link.transport.data) < 1000
            link.transport.lose()
            await asyncio.sleep(200)
            assert link.is_clean()

        in_virtual_time(main)


class TestClosingTransport:
    @pytest.mark.parametrize("loop", LOOPS)
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("data", [frame(PING), frame(TEXT, b"x")], ids=["pings", "messages"])
    def test_flood_followed_by_a_reset_is_not_logged(
        self, kind: str, loop: str, data: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            async with served(kind, echo, ws=WebSocketProtocol) as server:
                for _ in range(3):
                    async with server.client() as client:
                        client.write(data * MANY)
                        await asyncio.sleep(0.01)
                        client.reset()
                await until(lambda: not server.connections)

        with caplog.at_level(logging.WARNING):
            in_loop(loop, main)
        assert not caplog.records

    def test_closing_transport_is_not_written_to(self) -> None:
        async def main() -> None:
            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                for _ in range(100):
                    try:
                        await send(message("send", text="x"))
                    except OSError:
                        return

            link = Link(app)
            link.ask()
            link.transport.closing = True
            await turns()
            link.receive(frame(PING) * 100)
            link.transport.lose()
            await asyncio.sleep(10)
            assert link.is_clean()
            assert not link.transport.late

        in_virtual_time(main)


class TestRequestHeads:
    @pytest.mark.parametrize(
        "head",
        [
            b"x: " + b"y" * 2**21 + b"\r\n",
            b"".join(b"x%d: y\r\n" % number for number in range(2**17)),
            b"sec-websocket-extensions: " + b"a;b," * 2**19 + b"x\r\n",
            b"sec-websocket-extensions: permessage-deflate" + b";a" * 2**20 + b"\r\n",
            b"sec-websocket-extensions: permessage-deflate; x=1\r\n" * 2**14,
        ],
        ids=["a long one", "many", "offers", "parameters", "many offers"],
    )
    @pytest.mark.parametrize("size", [2**22, 2**12])
    def test_request_head_that_is_too_big_is_refused_quickly(self, head: bytes, size: int) -> None:
        async def main() -> bytes:
            link = Link(echo)
            data = b"GET / HTTP/1.1\r\nhost: x\r\n" + head
            begin = time.thread_time()
            for at in range(0, len(data), size):
                link.receive(data[at : at + size])
            assert time.thread_time() - begin < 1
            link.end()
            await asyncio.sleep(100)
            assert link.is_clean()
            return link.transport.data

        assert in_virtual_time(main).startswith(b"HTTP/1.1 431 ")

    def test_extension_offers_that_are_too_long_are_refused(self) -> None:
        async def main() -> bytes:
            link = Link(echo)
            link.ask((b"sec-websocket-extensions", b"a;b," * 2000 + b"x"))
            await turns()
            link.end()
            await asyncio.sleep(100)
            return link.transport.data

        assert in_virtual_time(main).startswith(b"HTTP/1.1 431 ")

    def test_limit_of_request_heads_is_a_policy(self) -> None:
        class Short(WebSocketProtocol):
            policies = Policies(max_head_size=100)

        async def main() -> bytes:
            link = Link(echo, Short)
            link.ask()
            await turns()
            link.end()
            await asyncio.sleep(100)
            return link.transport.data

        assert in_virtual_time(main).startswith(b"HTTP/1.1 431 ")


class TestNeighbours:
    """A neighbour's echo goes on in the turns between the slices."""

    @pytest.mark.parametrize("loop", LOOPS)
    @pytest.mark.parametrize("name", ["pings", "empty fragments", "empty messages", "a bomb"])
    def test_neighbours_are_served_while_one_connection_floods(self, name: str, loop: str) -> None:
        first, data = FLOODS[name]
        count = 40 if name == "a bomb" else 5 * MANY
        rounds: list[int] = []

        async def neighbour(client: Client) -> None:
            while True:
                client.write(frame(TEXT, b"x"))
                assert await client.frame() == (TEXT, b"x")
                rounds.append(len(rounds))

        async def main() -> None:
            options: dict[str, Any] = {"ws": WebSocketProtocol, "ws_max_size": 2**24}
            async with served("TCP", echo, **options) as server:
                async with server.client() as other, server.client(OFFER) as client:
                    (flooded,) = (c for c in server.connections if c._extensions[1])
                    reading = flooded._inbound
                    task = asyncio.create_task(neighbour(other))
                    await until(lambda: bool(rounds))
                    client.write(first, data * count)
                    await until(lambda: reading.received > 0)
                    before = len(rounds)
                    await until(
                        lambda: (
                            reading.received >= len(first + data * count)
                            and not reading._reader.has_more
                        )
                    )
                    task.cancel()
                    assert len(rounds) > before + 5

        in_loop(loop, main)
