"""Timers in uvicorn: when they fire, and what counts as progress of the peer."""

import asyncio

import attrs
import pytest
from helpers.virtual_uvicorn import in_virtual_time

from wsfsm.integrations.uvicorn._deadlines import Deadlines
from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic
from wsfsm.server.commands import Timer

QUIET = Traffic(taken=1000, waiting=IN_FLIGHT + 1, received=1000, unread=0, room=2**17)


class Host:
    """Has the counters of a transport, and takes timers that fire.

    Args:
        looks: The counters, one look after the other.
    """

    def __init__(self, *looks: tuple[Traffic, int]) -> None:
        self.looks = iter(looks)
        self.fired: list[tuple[Timer, bool, bool]] = []
        self.deadlines: Deadlines
        self.failures: list[Exception] = []

    def look(self) -> tuple[Traffic, int]:
        return next(self.looks)

    def fire(self, timer: Timer) -> None:
        self.fired.append((timer, *self.deadlines.progress(timer)))

    def fail(self, error: Exception) -> None:
        self.failures.append(error)


def fired(timer: Timer, *looks: tuple[Traffic, int]) -> list[tuple[Timer, bool, bool]]:
    """A timer that is started and fires."""
    host = Host(*looks)

    async def main() -> None:
        host.deadlines = Deadlines(asyncio.get_running_loop(), host)
        host.deadlines.start(timer, 5)
        await asyncio.sleep(4.9)
        assert not host.fired
        assert host.deadlines.get(timer)
        await asyncio.sleep(0.2)
        assert not host.deadlines.get(timer)

    in_virtual_time(main)
    return host.fired


class TestProgress:
    @pytest.mark.parametrize("timer", [Timer.PING, Timer.HANDSHAKE, Timer.SHUTDOWN])
    def test_timer_without_an_interest_in_progress_fires_without_it(self, timer: Timer) -> None:
        assert fired(timer) == [(timer, False, False)]

    @pytest.mark.parametrize(
        ("timer", "changes", "frames", "sending", "receiving"),
        [
            (Timer.PONG, {}, 0, False, False),
            (Timer.PONG, {"taken": 1001}, 0, True, False),
            (Timer.PONG, {"received": 1001}, 0, False, True),
            (Timer.PONG, {"received": 1001}, 5, False, True),
            (Timer.PONG, {"taken": 1001, "received": 1001}, 0, True, True),
            (Timer.PONG, {"taken": 999}, 0, False, False),
            (Timer.CLOSE, {}, 0, False, False),
            (Timer.CLOSE, {"taken": 1001}, 0, True, False),
            (Timer.CLOSE, {"received": 1001}, 0, False, True),  # in the middle of a frame
            (Timer.CLOSE, {"received": 1001}, 1, False, False),  # it could have sent a Close
            # unread data is a sign of life, too
            (Timer.PONG, {"received": 1001, "unread": 2**17}, 0, False, True),
        ],
    )
    def test_timer_reports_bytes_that_were_taken_or_have_arrived(
        self,
        timer: Timer,
        changes: dict[str, int],
        frames: int,
        sending: bool,
        receiving: bool,
    ) -> None:
        looks = ((QUIET, 0), (attrs.evolve(QUIET, **changes), frames))
        assert fired(timer, *looks) == [(timer, sending, receiving)]

    @pytest.mark.parametrize("timer", [Timer.PONG, Timer.CLOSE])
    def test_frame_without_data_in_front_of_it_is_not_progress(self, timer: Timer) -> None:
        before = attrs.evolve(QUIET, waiting=IN_FLIGHT)
        assert fired(timer, (before, 0), (attrs.evolve(before, taken=2000), 0)) == [
            (timer, False, False)
        ]

    @pytest.mark.parametrize(
        ("timer", "unread", "taken", "sending"),
        [
            (Timer.PONG, 2**15, 129, True),
            (Timer.PONG, 2**15, 128, False),  # the Ping itself may be all of it
            (Timer.PONG, 2**15 - 1, 129, False),
            (Timer.CLOSE, 2**15, 129, False),
        ],
    )
    def test_sending_is_progress_where_the_peer_has_no_room_to_answer(
        self, timer: Timer, unread: int, taken: int, *, sending: bool
    ) -> None:
        before = attrs.evolve(QUIET, waiting=0, unread=unread)
        after = attrs.evolve(before, taken=before.taken + taken)
        assert fired(timer, (before, 0), (after, 0)) == [(timer, sending, False)]


class TestTimers:
    def test_restarted_timer_fires_once(self) -> None:
        async def main() -> None:
            host = Host()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            deadlines.start(Timer.PING, 5)
            await asyncio.sleep(3)
            deadlines.start(Timer.PING, 5)
            await asyncio.sleep(3)
            assert not host.fired
            await asyncio.sleep(30)
            assert len(host.fired) == 1

        in_virtual_time(main)

    def test_stopped_timers_do_not_fire(self) -> None:
        async def main() -> None:
            host = Host()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            for timer in (Timer.PING, Timer.SHUTDOWN, Timer.HANDSHAKE):
                deadlines.start(timer, 5)
            deadlines.stop(Timer.PING)
            deadlines.stop(Timer.PING)
            assert deadlines.get(Timer.PING) is None
            assert deadlines.get(Timer.SHUTDOWN)
            deadlines.stop_all()
            await asyncio.sleep(30)
            assert not host.fired

        in_virtual_time(main)

    def test_timer_of_a_close_that_is_answered_at_once_looks_at_nothing(self) -> None:
        async def main() -> None:
            host = Host()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            deadlines.start(Timer.CLOSE, 5)
            await asyncio.sleep(0.04)
            deadlines.stop(Timer.CLOSE)
            await asyncio.sleep(30)
            assert (host.fired, host.failures) == ([], [])

        in_virtual_time(main)

    def test_transport_that_raises_when_it_is_looked_at_is_a_failure(self) -> None:
        class Broken(Host):
            def look(self) -> tuple[Traffic, int]:
                raise OSError("broken")

        async def main() -> None:
            host = Broken()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            deadlines.start(Timer.CLOSE, 5)
            await asyncio.sleep(1)
            assert [str(error) for error in host.failures] == ["broken"]
            assert deadlines.get(Timer.CLOSE) is None
            await asyncio.sleep(30)
            assert not host.fired

        in_virtual_time(main)
