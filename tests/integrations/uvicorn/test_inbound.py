"""Data that arrives in uvicorn is received in order, in slices, up to its end."""

import asyncio
import contextlib
import itertools
from typing import Any

import pytest
from helpers.frame_streams import Deflater, in_frames, read
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, message, turns, with_room
from helpers.wire import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from wsfsm.integrations.frames import Close, Failure, negotiate
from wsfsm.integrations.uvicorn import _inbound as inbound
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT = message("accept")
OFFER = b"permessage-deflate"


@st.composite
def streams(draw: st.DrawFn, *, compressed: bool) -> bytes:
    """Frames of a client, which may end with a Close or an invalid frame."""
    deflater = Deflater()
    data: list[bytes] = []
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["text", "binary", "fragments", "ping", "pong"]))
        size = draw(st.sampled_from([0, 1, 125, 126, 300, 5000]))
        if kind == "ping":
            data.append(frame(PING, b"p" * min(size, 125)))
        elif kind == "pong":
            data.append(frame(PONG, b"p" * min(size, 125)))
        elif kind == "fragments":
            data += in_frames(BINARY, b"f" * size, [size // 3, size // 2])
        elif compressed and draw(st.booleans()):
            data.append(frame(TEXT, deflater.message(b"c" * size), rsv=4))
        else:
            data.append(frame(TEXT if kind == "text" else BINARY, b"x" * size))
    data.append(draw(st.sampled_from([b"", frame(CLOSE, close_payload(4001, "bye")), frame(3)])))
    return b"".join(data)


def right(data: bytes, extensions: Any) -> tuple[list[str | bytes], set[int]]:
    """Return the messages that an application receives of bytes, and the codes that the end may have."""
    messages: list[str | bytes] = []
    for event in read(data, extensions=extensions, max_size=2**20):
        if isinstance(event, (str, bytes)):
            messages.append(event)
        elif isinstance(event, Close):
            return messages, {event.code}
        elif isinstance(event, Failure):
            return messages, {event.code, 1006}  # 1006 if the peer is lost already
    return messages, {1006}


def check_stream(data: st.DataObject) -> None:
    """Send any stream, whole or not, to any application, and check what it receives."""
    compressed = data.draw(st.booleans())
    stream = data.draw(streams(compressed=compressed))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    waits = data.draw(st.lists(st.sampled_from([0, 0, 1, 7]), min_size=4, max_size=4))
    until = data.draw(st.integers(0, len(pieces)))
    end = data.draw(st.sampled_from(["FIN", "RST", "FIN and RST"]))
    high = data.draw(st.sampled_from([0, 500, 2**16]))
    half_closes = data.draw(st.booleans())
    answers = data.draw(st.booleans())
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            await asyncio.sleep(waits[len(got) % 4])
            got.append(await receive())
            if got[-1]["type"] == "websocket.disconnect":
                return
            if answers:
                with contextlib.suppress(OSError):
                    await send(message("send", bytes=b"x"))

    async def main() -> None:
        transport = Transport(half_closes=half_closes)
        link = Link(app, with_room(high, high // 4), transport, ws_ping_interval=None)
        headers = [(b"sec-websocket-extensions", OFFER)] if compressed else []
        link.ask(*headers)
        await turns()
        for number, piece in enumerate(pieces[:until]):
            await asyncio.sleep(waits[number % 4] / 3)
            link.receive(piece)
        if "FIN" in end:
            link.end()
        if "RST" in end:
            await asyncio.sleep(waits[0])
            transport.lose(ConnectionResetError())
        await asyncio.sleep(1000)
        assert link.is_clean()
        assert not transport.late

    in_virtual_time(main)
    extensions = negotiate([OFFER])[1] if compressed else ()
    messages, codes = right(b"".join(pieces[:until]), extensions)
    *before, last = got
    assert [m.get("text", m.get("bytes")) for m in before] == messages
    assert last["type"] == "websocket.disconnect"
    assert last["code"] in codes
    assert (last["code"] == 1006) is ("reason" not in last)


@pytest.mark.parametrize("examples", [100, pytest.param(400, marks=pytest.mark.long)])
def test_any_stream_is_received_up_to_its_end(examples: int) -> None:
    settings(max_examples=examples)(given(st.data())(check_stream))()


class TestReading:
    def test_reading_stops_within_one_read_and_resumes(self) -> None:
        got: list[Message] = []
        go = asyncio.Event

        async def main() -> None:
            gate = go()

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(ACCEPT)
                await gate.wait()
                while (received := await receive())["type"] == "websocket.receive":
                    got.append(received)

            link = Link(app, with_room(10_000, 1000), ws_ping_interval=None)
            link.ask()
            await turns()
            link.receive(frame(BINARY) * 50_000)  # in one read
            await turns(100)
            # 100 bytes are what an empty message takes at least, and a slice is read in any case
            assert len(link.core._data._later or ()) < 200
            assert not link.transport.reading
            gate.set()
            await asyncio.sleep(1)
            assert link.transport.reading
            link.receive(frame(CLOSE))
            await asyncio.sleep(1)

        in_virtual_time(main)
        assert len(got) == 50_000

    def test_other_tasks_have_turns_during_a_flood(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()

        async def main() -> int:
            link = Link(app, ws_ping_interval=None)
            link.ask()
            await turns()
            link.receive(frame(PING) * 200_000)
            count = 0
            while link.protocol._inbound._reader.has_more:  # type: ignore[union-attr]
                count += 1
                await asyncio.sleep(0)
            return count

        assert in_virtual_time(main) > 20

    def test_slice_is_bounded_by_time_and_not_only_by_frames(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = itertools.count(step=0.0015)
        monkeypatch.setattr(inbound, "monotonic", lambda: next(clock))
        sizes = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()

        async def main() -> None:
            link = Link(app, ws_ping_interval=None)
            link.ask()
            await turns()
            reading: Any = link.protocol._inbound
            before = reading.events
            link.receive(frame(PING) * 64 * 20)
            while reading._reader.has_more:
                sizes.append(reading.events - before)
                before = reading.events
                await asyncio.sleep(0)

        in_virtual_time(main)
        assert 64 < max(sizes) <= 64 * 3 + 3

    def test_data_that_arrives_between_slices_is_read_in_order(self) -> None:
        got: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while (received := await receive())["type"] == "websocket.receive":
                got.append(received["text"])

        async def main() -> None:
            link = Link(app, with_room(0, 0), ws_ping_interval=None)
            link.ask()
            await turns()
            for number in range(100):
                link.receive(frame(TEXT, b"%d" % number), frame(PING) * 100)
            link.receive(frame(CLOSE))
            await asyncio.sleep(1)

        in_virtual_time(main)
        assert got == [str(number) for number in range(100)]


@pytest.mark.parametrize("end", ["RST", "FIN", "nothing"])
def test_invalid_frame_behind_a_message_is_reported_after_a_turn_or_at_the_end(end: str) -> None:
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        got.append(await receive())
        with contextlib.suppress(OSError):
            await send(message("send", text="in time"))
        got.append(await receive())

    async def main() -> bytes:
        link = Link(app, ws_ping_interval=None)
        link.ask()
        await turns()
        link.receive(frame(TEXT, b"1"), frame(3))
        if end == "RST":
            link.transport.lose()
        elif end == "FIN":
            link.end()
        await asyncio.sleep(1)
        link.end()
        await asyncio.sleep(100)
        assert link.is_clean()
        return link.transport.data

    data = in_virtual_time(main)
    assert [m.get("text", m.get("code")) for m in got] == ["1", 1002]
    answered = frame(TEXT, b"in time", masked=False) in data
    assert answered is (end != "RST")
