"""Virtual time: what waits for a clock does not wait, and what waits for nothing is told."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from wsfsm.conformance import clock
from wsfsm.conformance.clock import Standstill, Stopped, VirtualLoop, run, settle


def now() -> float:
    return asyncio.get_running_loop().time()


class TestTime:
    def test_a_day_takes_no_time(self) -> None:
        async def main() -> float:
            await asyncio.sleep(86400)
            return now()

        begun = time.monotonic()

        assert run(main()) == pytest.approx(86400)
        assert time.monotonic() - begun < 5

    def test_timers_go_off_in_their_order(self) -> None:
        async def main() -> list[int]:
            order: list[int] = []

            async def after(seconds: int) -> None:
                await asyncio.sleep(seconds)
                order.append(seconds)

            await asyncio.gather(after(3), after(1), after(2))
            return order

        assert run(main()) == [1, 2, 3]

    def test_a_timeout_ends_what_waits_for_nothing(self) -> None:
        async def main() -> float:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 10)
            return now()

        assert run(main()) == pytest.approx(10)

    def test_settling_lets_everything_run_that_can(self) -> None:
        async def main() -> tuple[bool, float]:
            done = False

            async def work() -> None:
                nonlocal done
                for _ in range(100):
                    await asyncio.sleep(0)
                done = True

            task = asyncio.create_task(work())
            await settle()
            await task
            return done, now()

        done, then = run(main())
        assert done
        assert then < 0.001

    def test_who_spins_reaches_a_deadline(self) -> None:
        async def spin() -> None:
            while True:  # noqa: ASYNC110 - that is the fault
                await asyncio.sleep(0)

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(spin(), 5)

        run(main())


class TestStandstill:
    def test_waiting_for_what_will_never_happen_raises_at_once(self) -> None:
        with pytest.raises(Standstill, match="nothing will ever happen"):
            run(asyncio.Event().wait())


class TestStopped:
    def test_a_loop_that_is_stopped_raises(self) -> None:
        async def main() -> None:
            asyncio.get_running_loop().stop()
            await asyncio.sleep(1)

        with pytest.raises(Stopped):
            run(main())

    def test_an_error_of_its_own_is_another_one(self) -> None:
        async def main() -> None:
            raise RuntimeError("its own")

        with pytest.raises(RuntimeError, match="its own") as caught:
            run(main())

        assert type(caught.value) is RuntimeError


class TestThreads:
    def test_the_clock_waits_for_work_in_an_executor(self) -> None:
        async def main() -> tuple[str, float]:
            loop = asyncio.get_running_loop()

            def work() -> str:
                time.sleep(0.05)
                return "done"

            result = await asyncio.wait_for(loop.run_in_executor(None, work), 1000)
            return result, now()

        assert run(main()) == ("done", 0.0)

    def test_a_thread_may_call_into_the_loop(self) -> None:
        async def main() -> str:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[str] = loop.create_future()

            def work() -> None:
                loop.call_soon_threadsafe(future.set_result, "called")

            await loop.run_in_executor(None, work)
            return await future

        assert run(main()) == "called"

    def test_a_thread_that_never_ends_does_not_hold_the_clock_for_ever(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clock, "_PATIENCE", 0.05)
        free = threading.Event()

        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            waiting = asyncio.ensure_future(loop.run_in_executor(None, free.wait))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting, 10)
            free.set()

        run(main())


class TestWhatDoesNotEnd:
    """The loop is left all the same, with the result of what it was run for."""

    @pytest.mark.parametrize(
        "wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(1), lambda: asyncio.Event().wait()]
    )
    def test_a_task_that_swallows_its_cancellation_is_left(
        self, wait: Callable[[], Coroutine[Any, Any, Any]]
    ) -> None:
        async def stubborn() -> None:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await wait()

        async def main() -> str:
            tasks.append(asyncio.ensure_future(stubborn()))
            await asyncio.sleep(0)
            return "done"

        tasks: list[asyncio.Task[None]] = []
        assert run(main()) == "done"
        assert not tasks[0].done()
