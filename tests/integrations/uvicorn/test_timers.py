"""Timers that share those of the event loop."""

import asyncio
import contextvars
import gc
import weakref
from typing import Any

import pytest
from helpers.virtual_uvicorn import VirtualLoop, in_virtual_time

from wsfsm.integrations.uvicorn._timers import Handle, Timers
from wsfsm.server.commands import Timer


class CountingLoop(VirtualLoop):
    """A loop that counts the timers that are asked of it.

    Attributes:
        asked: The times at which they fire.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def call_at(  # type: ignore[override]  # the stubs name the types of the arguments
        self, when: float, *args: Any, **keys: Any
    ) -> asyncio.TimerHandle:
        self.asked.append(when)
        return super().call_at(when, *args, **keys)


class Owner:
    """Starts timers of one kind, and keeps the times at which they fire.

    Args:
        log: A list to which each owner appends its name and the time.
        name: Its name.
    """

    def __init__(self, log: list[tuple[str, float]] | None = None, name: str = "") -> None:
        self.log = [] if log is None else log
        self.name = name
        self.timers = Timers.of(asyncio.get_running_loop())

    def start(self, seconds: float) -> Handle:
        return self.timers.start(self, Timer.PING, seconds)

    def expire(self, handle: Handle) -> None:
        assert handle.timer is Timer.PING
        assert handle.cancelled()
        self.log.append((self.name, asyncio.get_running_loop().time()))


class TestTimes:
    def test_timers_of_any_duration_fire_at_their_times(self) -> None:
        async def main() -> None:
            log: list[tuple[str, float]] = []
            Owner(log, "a").start(5)
            await asyncio.sleep(1)
            Owner(log, "b").start(5)
            Owner(log, "c").start(2)
            Owner(log, "d").start(5.5)
            await asyncio.sleep(1.5)
            handle = Owner(log, "e").start(2)
            assert (handle.when(), handle.cancelled()) == (4.5, False)
            await asyncio.sleep(30)
            assert log == [("c", 3), ("e", 4.5), ("a", 5), ("b", 6), ("d", 6.5)]

        in_virtual_time(main)

    def test_stopped_timers_do_not_fire_and_do_not_hold_up_others(self) -> None:
        async def main() -> None:
            log: list[tuple[str, float]] = []
            handles = []
            for name in "abcd":
                handles.append(Owner(log, name).start(5))
                await asyncio.sleep(1)
            for index in (0, 2):
                handles[index].cancel()
                handles[index].cancel()
                assert handles[index].cancelled()
            await asyncio.sleep(30)
            assert log == [("b", 6), ("d", 8)]

        in_virtual_time(main)

    def test_timer_that_has_fired_can_be_stopped_and_started_again(self) -> None:
        class Ping(Owner):
            def expire(self, handle: Handle) -> None:
                super().expire(handle)
                handle.cancel()
                if len(self.log) < 3:
                    self.start(5)

        async def main() -> None:
            ping = Ping()
            ping.start(5)
            await asyncio.sleep(30)
            assert [when for _, when in ping.log] == [5, 10, 15]
            assert not ping.timers._queues

        in_virtual_time(main)

    def test_timer_that_is_due_at_the_same_time_can_stop_the_next_one(self) -> None:
        class Stopper(Owner):
            other: Handle

            def expire(self, handle: Handle) -> None:
                super().expire(handle)
                self.other.cancel()

        async def main() -> None:
            first, second = Stopper(), Owner()
            first.start(5)
            first.other = second.start(5)
            await asyncio.sleep(30)
            assert (len(first.log), len(second.log)) == (1, 0)
            assert not first.timers._queues

        in_virtual_time(main)

    def test_shortest_durations_fire_at_once(self) -> None:
        async def main() -> None:
            owner = Owner()
            owner.start(1e-8)
            await asyncio.sleep(1)
            assert [when < 1e-6 for _, when in owner.log] == [True]

        in_virtual_time(main)


class TestSharing:
    def test_timers_of_a_duration_share_one_timer_of_the_loop(self) -> None:
        loop = CountingLoop()

        async def main() -> None:
            del loop.asked[:]
            owners = [Owner() for _ in range(50)]
            for owner in owners:
                owner.start(5)
                owner.start(20)
            assert loop.asked == [5, 20]
            await asyncio.sleep(30)
            assert all([when for _, when in owner.log] == [5, 20] for owner in owners)

        in_virtual_time(main, loop)

    def test_connections_of_a_loop_have_the_same_timers_and_other_loops_others(self) -> None:
        async def main() -> Timers:
            loop = asyncio.get_running_loop()
            timers = Timers.of(loop)
            assert Timers.of(loop) is timers
            return timers

        assert in_virtual_time(main) is not in_virtual_time(main)

    def test_loop_is_not_kept(self) -> None:
        class Loop:
            """A loop that nobody closes, with a timer that waits."""

            def time(self) -> float:
                return 0.0

            def call_at(self, _: float, callback: Any, *arguments: Any, context: Any) -> None:
                self.waiting = callback, arguments, context

        class Nobody:
            def expire(self, handle: Handle) -> None:
                raise AssertionError(handle)

        loop: Any = Loop()
        kept = weakref.ref(loop)
        handle = Timers.of(loop).start(Nobody(), Timer.PING, 5)
        gc.collect()
        assert handle._queue in Timers.of(loop)._queues.values()
        del loop, handle
        gc.collect()
        assert kept() is None

    def test_timers_fire_outside_of_the_context_of_any_connection(self) -> None:
        variable = contextvars.ContextVar("variable", default="none")

        class Reader(Owner):
            def expire(self, handle: Handle) -> None:
                self.log.append((variable.get(), 0))

        async def main() -> None:
            owner = Reader()
            variable.set("of a connection")
            owner.start(5)
            owner.start(5)
            await asyncio.sleep(30)
            assert owner.log == [("none", 0)] * 2

        in_virtual_time(main)


class TestManyTimers:
    def test_other_callbacks_get_a_turn_while_many_timers_fire(self) -> None:
        async def main() -> None:
            owner = Owner()
            for _ in range(250):
                owner.start(5)
            seen = set()
            await asyncio.sleep(4.9)
            while len(owner.log) < 250:
                seen.add(len(owner.log))
                await asyncio.sleep(0.001 if not owner.log else 0)
            assert {0, 100, 200} <= seen
            assert owner.log == [("", 5)] * 250

        in_virtual_time(main)

    @pytest.mark.parametrize("kept", [0, 1, 150])
    def test_stopped_timers_are_taken_out_of_the_queue(self, kept: int) -> None:
        async def main() -> None:
            owner = Owner()
            for _ in range(kept):
                owner.start(20)
            most = 0
            for _ in range(5000):
                owner.start(20).cancel()
                most = max(most, len(owner.timers._queues[20]))
            assert most <= 2 * kept + 102
            await asyncio.sleep(30)
            assert len(owner.log) == kept
            assert not owner.timers._queues

        in_virtual_time(main)

    def test_error_of_an_owner_does_not_stop_the_others(self) -> None:
        class Broken(Owner):
            def expire(self, handle: Handle) -> None:
                raise OSError("broken")

        loop = VirtualLoop()

        async def main() -> None:
            owner = Owner()
            owner.start(5)
            Broken().start(5)
            owner.start(5)
            Broken().start(5)
            await asyncio.sleep(30)
            assert len(owner.log) == 2
            assert not owner.timers._queues
            assert [str(each["exception"]) for each in loop.errors] == ["broken"] * 2
            loop.errors.clear()

        in_virtual_time(main, loop)
