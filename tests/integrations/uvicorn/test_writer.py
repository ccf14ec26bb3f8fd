"""When frames are written: at once, or together while an application answers without any work."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from helpers.virtual_uvicorn import Transport

from wsfsm.integrations.frames import control_frame
from wsfsm.integrations.uvicorn import _writer as module
from wsfsm.integrations.uvicorn._writer import FrameWriter
from wsfsm.server.commands import SendPong


class Clock:
    """A clock that goes on by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """One quick answer is enough, but for the test of how many it takes."""
    monkeypatch.setattr(module, "_STREAK", 1)


class Host:
    """Keeps what fails."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def fail(self, error: Exception) -> None:
        self.errors.append(error)


def in_loop(
    main: Callable[[FrameWriter, Transport], Awaitable[None]], host: Host | None = None
) -> None:
    async def wrapped() -> None:
        transport = Transport()
        box = FrameWriter(transport, asyncio.get_running_loop(), host or Host())
        await main(box, transport)

    asyncio.run(wrapped())


class TestDelayedAnswers:
    """An application asks for a message and answers it, while more wait."""

    def test_quick_answers_are_written_together_when_no_message_waits(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for number in range(4):
                box.receive_called()
                box.add(b"%d" % number, more=number < 3)
            assert transport.written == [b"0", b"123"]  # before the first one, nobody knows

        in_loop(main)

    def test_answer_is_delayed_only_after_many_quick_ones(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(module, "perf_counter", clock)

        async def main(box: FrameWriter, transport: Transport) -> None:
            for number in range(33):
                box.receive_called()
                box.add(b"%d" % number, more=True)
                assert len(transport.written) == min(number + 1, 32)
            clock.now += 0.1  # the work
            box.receive_called()
            for number in range(32):
                box.add(b"%d" % number, more=True)
                assert transport.written[-1].endswith(b"%d" % number)
                box.receive_called()

        in_loop(main)

    def test_answer_after_work_is_written_at_once(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for number in range(4):
                box.receive_called()
                clock.now += 0.1  # the work
                box.add(b"%d" % number, more=True)
                assert transport.written[-1] == b"%d" % number

        in_loop(main)

    def test_only_the_first_answer_to_a_message_is_delayed(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"0", more=True)
            assert transport.written == []
            box.add(b"1", more=True)
            assert transport.written == [b"01"]
            box.add(b"2", more=True)
            assert transport.written == [b"01", b"2"]

        in_loop(main)

    def test_answers_are_delayed_for_two_milliseconds_at_most(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            for number in range(9):
                clock.now += 0.0003
                box.receive_called()
                box.add(b"%d" % number, more=True)
            assert transport.written[0] == b"01234567"

        in_loop(main)

    def test_answers_are_delayed_for_one_turn_of_the_loop_at_most(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"0", more=True)
            await asyncio.sleep(0)
            assert transport.written == [b"0"]

        in_loop(main)

    def test_flush_writes_delayed_answers(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"0", more=True)
            box.flush()
            assert transport.written == [b"0"]
            clock.now += 100
            box.receive_waited()
            box.add(b"1", more=True)  # the first one after it
            assert transport.written == [b"0", b"1"]
            box.receive_called()
            box.add(b"2", more=True)
            assert transport.written == [b"0", b"1"]

        in_loop(main)


class TestLimits:
    def test_delayed_answers_have_at_most_64_kib(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            for _ in range(70):
                box.receive_called()
                box.add(b"x" * 1000, more=True)
            assert len(transport.written[0]) == 66_000
            assert box.should_yield
            assert [len(data) for data in transport.written[1:]] == [1000] * 4

        in_loop(main)

    def test_writer_asks_to_yield_after_256_sends(self) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for _ in range(256):
                box.add(b"x", more=False)
            assert not box.should_yield
            box.add(b"x", more=False)
            assert box.should_yield
            box.turn_ended()
            assert not box.should_yield
            box.add(b"x" * 2**17, more=False)
            assert box.should_yield
            assert len(transport.written) == 258

        in_loop(main)

    def test_written_bytes_are_counted(self) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.add(b"x", more=False)
            box.write(b"yz")
            box.add_pong(b"")
            box.write_pongs()
            assert box.written == len(transport.data) == 5

        in_loop(main)


class TestOrder:
    def test_control_frames_are_written_after_delayed_answers(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"1", more=True)
            box.write(b"2")
            box.add(b"3", more=False)
            assert transport.written == [b"1", b"2", b"3"]

        in_loop(main)

    def test_end_of_stream_is_written_after_answers_and_pongs(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for _ in range(2):
                box.receive_called()
            box.add(b"1", more=True)
            box.add_pong(b"p")
            box.finish()
            assert transport.data == b"1" + control_frame(SendPong(b"p"))

            for _ in range(2):
                box.receive_called()
            box.add(b"2", more=True)
            box.finish()
            assert transport.data.endswith(b"2")

        in_loop(main)


class TestPongs:
    def test_pongs_of_one_read_are_written_together(self) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for payload in (b"a", b"b"):
                box.add_pong(payload)
            assert transport.written == []
            box.write_pongs()
            box.write_pongs()
            frames = b"".join(control_frame(SendPong(payload)) for payload in (b"a", b"b"))
            assert transport.written == [frames]

        in_loop(main)

    def test_last_and_some_of_many_pings_are_answered(self) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            for number in range(10_000):
                box.add_pong(b"%04d" % number)
            box.write_pongs()
            assert len(transport.data) == 16 * 6
            assert transport.data.endswith(b"9999")

        in_loop(main)


class TestClosingTransport:
    def test_closing_transport_is_not_written_to(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"1", more=True)
            transport.closing = True
            box.add(b"2", more=False)
            box.add(b"3", more=False)
            box.write(b"4")
            box.add_pong(b"5")
            box.write_pongs()
            assert not transport.written
            assert not transport.late
            assert not box.written

        in_loop(main)

    def test_ended_transport_is_not_written_to(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"1", more=True)
            box.close()
            box.add(b"2", more=False)
            box.write(b"3")
            await asyncio.sleep(0)
            assert not transport.written

        in_loop(main)

    def test_cleared_frames_are_not_written(self, clock: Clock) -> None:
        async def main(box: FrameWriter, transport: Transport) -> None:
            box.receive_called()
            box.receive_called()
            box.add(b"1", more=True)
            box.add_pong(b"2")
            box.clear()
            box.write_pongs()
            await asyncio.sleep(0)
            assert not transport.written

        in_loop(main)


def test_failure_of_a_delayed_write_is_reported(clock: Clock) -> None:
    host = Host()

    async def main(box: FrameWriter, transport: Transport) -> None:
        transport.broken.add("write")
        box.receive_called()
        box.receive_called()
        box.add(b"1", more=True)
        await asyncio.sleep(0)

    in_loop(main, host)
    assert [str(error) for error in host.errors] == ["write is broken"]
