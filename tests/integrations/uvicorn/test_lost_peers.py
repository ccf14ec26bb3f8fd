"""A peer that is lost in uvicorn: how it is noticed, and what happens to its unread data."""

import asyncio
from typing import Any

import pytest
from helpers.virtual_uvicorn import Link, in_virtual_time, message, turns, with_room
from helpers.wire import CLOSE, CONT, PING, PONG, TEXT, close_payload, frame

from wsfsm.integrations.uvicorn import _inbound as inbound
from wsfsm.server import ServerState
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT = message("accept")
LONG = 20_000  # bytes, more than are read in one call


class TestLostPeer:
    @pytest.mark.parametrize("how", ["FIN", "RST"])
    def test_lost_peer_is_noticed_while_reading_is_paused(
        self, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone: list[Any] = []
        monkeypatch.setattr(inbound, "is_gone", lambda _: bool(gone))
        got: list[Message] = []

        async def main() -> None:
            ready = asyncio.Event()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                await ready.wait()
                got.extend([await receive(), await receive(), await receive()])

            link = Link(app, with_room(0, 0), ws_ping_interval=None)
            link.ask()
            await turns()
            link.receive(frame(TEXT, b"1"))
            assert link.transport.reading  # in case the application is quick
            link.receive(frame(TEXT, b"2"))
            await asyncio.sleep(10)
            assert not link.transport.reading
            gone.append(how)
            await asyncio.sleep(1.5)
            assert (
                link.transport.reading
            )  # the rest is read, whether or not the application receives
            link.receive(frame(CLOSE, close_payload(4001)))
            if how == "FIN":
                link.end()
            else:
                link.transport.lose()
            ready.set()
            await asyncio.sleep(100)
            assert link.is_clean()

        in_virtual_time(main)
        assert [m.get("text", m.get("code")) for m in got] == ["1", "2", 4001]

    def test_lost_transport_is_not_polled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        looks: list[Any] = []
        monkeypatch.setattr(inbound, "is_gone", looks.append)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(100)

        async def main() -> None:
            link = Link(app, with_room(0, 0), ws_ping_interval=None)
            link.ask()
            await turns()
            link.receive(frame(TEXT, b"1"))
            link.receive(frame(TEXT, b"2"))
            await asyncio.sleep(5.5)
            assert len(looks) == 5
            link.transport.lose()
            await asyncio.sleep(200)

        in_virtual_time(main)
        assert len(looks) == 5


class TestUnreadData:
    async def unread(self, app: Any, *data: bytes) -> Link:
        """A connection whose transport is gone, while data waits to be read."""
        link = Link(app, with_room(0, 0), ws_ping_interval=None)
        link.ask()
        await turns()
        link.receive(frame(TEXT, b"1" * LONG), *data)
        link.transport.lose()
        await turns()
        return link

    def test_application_of_a_lost_peer_receives_unread_data_and_cannot_send(self) -> None:
        saw: list[Any] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            for sent in (message("send", text="x"), message("send", text=5)):
                try:
                    await send(sent)
                except OSError as error:
                    saw.append(type(error).__name__)
            saw.append((await receive())["text"][0])
            saw.append((await receive())["text"][0])
            await send(message("close", code=4000))
            saw.append((await receive())["text"][0])  # which was read already
            end = await receive()
            saw.append((end["code"], await receive() == end))

        async def main() -> None:
            texts = [frame(TEXT, digit * LONG) for digit in (b"2", b"3", b"4")]
            link = await self.unread(app, *texts)
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)
        # the close ends the connection, so the fourth message is dropped
        assert saw == ["ClientDisconnected", "ClientDisconnected", "1", "2", "3", (1006, True)]

    @pytest.mark.parametrize("how", ["returns", "raises", "raises what it was given"])
    def test_application_of_a_lost_peer_can_end_before_it_reads_all_data(
        self, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            if how == "raises":
                raise ValueError(how)
            if how != "returns":
                await send(message("send", text="x"))

        async def main() -> None:
            link = await self.unread(app, frame(TEXT, b"2"))
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)
        errors = [record for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == (how == "raises")

    def test_shutdown_ends_a_lost_connection_with_unread_data(self) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            got.append(await receive())
            got.append(await receive())

        async def main() -> None:
            link = await self.unread(app, frame(TEXT, b"2" * LONG))
            (connection,) = link.state.connections  # so that it reads
            connection.shutdown()
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)
        assert [m["text"].lstrip("1") or "1" if "text" in m else m["code"] for m in got] == [
            "1",
            1006,
        ]

    def test_unread_fragments_of_a_lost_peer_are_joined_and_its_pings_ignored(self) -> None:
        got: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            while not got or got[-1]["type"] != "websocket.disconnect":
                got.append(await receive())

        async def main() -> None:
            parts = [frame(PING), frame(TEXT, b"a", fin=False), frame(PONG), frame(CONT, b"b")]
            link = await self.unread(app, *parts, frame(CLOSE, close_payload(4001)))
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)
        assert [m["text"].lstrip("1") or "1" if "text" in m else m["code"] for m in got] == [
            "1",
            "ab",
            4001,
        ]

    def test_close_wakes_a_task_that_waits_behind_unread_data(self) -> None:
        async def main() -> None:
            turns_taken: list[None] = []
            close = asyncio.Event()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(message("accept"))
                waiting = asyncio.ensure_future(receive())
                await close.wait()
                await send(message("close"))
                while not waiting.done():
                    turns_taken.append(None)
                    await asyncio.sleep(0)
                assert (await waiting)["type"] == "websocket.disconnect"

            link = Link(app)
            link.ask()
            await turns()
            link.receive(frame(PING) * 30_000)
            link.transport.lose()
            assert link.core.state is ServerState.UNREAD
            close.set()
            await turns(1000)
            assert link.is_clean()
            assert not turns_taken

        in_virtual_time(main)
