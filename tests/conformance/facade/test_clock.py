"""Virtual time: sleeps take no time, threads are awaited, and a standstill raises."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import anyio.to_thread
import pytest

from wsfsm.conformance.facade._clock import Standstill, Stopped, VirtualLoop, run, settle


def now() -> float:
    return asyncio.get_running_loop().time()


def called_after(seconds: float) -> tuple[asyncio.Future[str], Callable[[], None]]:
    """A future, and the work of a thread at the end of which it has a result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def call() -> None:
        time.sleep(seconds)
        loop.call_soon_threadsafe(future.set_result, "called")

    return future, call


def sleep_until(free: threading.Event) -> None:
    while not free.is_set():
        time.sleep(0.02)


@contextlib.contextmanager
def working() -> Iterator[None]:
    """A thread that does not end by itself."""
    free = threading.Event()
    thread = threading.Thread(target=sleep_until, args=[free])
    thread.start()
    try:
        yield
    finally:
        free.set()
        thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsfsm.conformance.facade._clock._PATIENCE", 0.5)


class TestTime:
    def test_sleep_of_a_day_takes_no_real_time(self) -> None:
        async def main() -> float:
            await asyncio.sleep(86400)
            return now()

        begun = time.monotonic()

        assert run(main()) == pytest.approx(86400)
        assert time.monotonic() - begun < 5

    def test_timers_fire_in_the_order_of_their_times(self) -> None:
        async def main() -> list[int]:
            order: list[int] = []

            async def after(seconds: int) -> None:
                await asyncio.sleep(seconds)
                order.append(seconds)

            await asyncio.gather(after(3), after(1), after(2))
            return order

        assert run(main()) == [1, 2, 3]

    def test_timeout_ends_a_wait_for_an_event_that_is_never_set(self) -> None:
        async def main() -> float:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 10)
            return now()

        assert run(main()) == pytest.approx(10)

    def test_settle_runs_every_task_that_is_ready(self) -> None:
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

    def test_task_that_spins_reaches_its_deadline(self) -> None:
        async def spin() -> None:
            while True:  # noqa: ASYNC110 - that is the fault
                await asyncio.sleep(0)

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(spin(), 5)

        run(main())


class TestStandstill:
    def test_wait_for_an_impossible_event_raises_standstill_at_once(self) -> None:
        with pytest.raises(Standstill, match="nothing will ever happen"):
            run(asyncio.Event().wait())


class TestStoppedLoop:
    def test_loop_stopped_by_its_task_raises_stopped(self) -> None:
        async def main() -> None:
            asyncio.get_running_loop().stop()
            await asyncio.sleep(1)

        with pytest.raises(Stopped):
            run(main())

    def test_runtime_error_of_a_task_is_not_taken_for_a_stopped_loop(self) -> None:
        async def main() -> None:
            raise RuntimeError("its own")

        with pytest.raises(RuntimeError, match="its own") as caught:
            run(main())

        assert type(caught.value) is RuntimeError


class TestThreads:
    def test_clock_waits_for_work_in_an_executor(self) -> None:
        async def main() -> tuple[str, float]:
            loop = asyncio.get_running_loop()

            def work() -> str:
                time.sleep(0.05)
                return "done"

            result = await asyncio.wait_for(loop.run_in_executor(None, work), 1000)
            return result, now()

        assert run(main()) == ("done", 0.0)

    def test_thread_can_call_into_the_loop(self) -> None:
        async def main() -> str:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[str] = loop.create_future()

            def work() -> None:
                loop.call_soon_threadsafe(future.set_result, "called")

            await loop.run_in_executor(None, work)
            return await future

        assert run(main()) == "called"

    def test_clock_waits_for_a_worker_of_anyio(self) -> None:
        async def main() -> float:
            await asyncio.wait_for(anyio.to_thread.run_sync(time.sleep, 0.02), 1000)
            return now()

        assert run(main()) == 0

    def test_clock_waits_for_a_thread_that_is_started_directly(self) -> None:
        async def main() -> tuple[str, float]:
            future, call = called_after(0.02)
            threading.Thread(target=call).start()
            return await asyncio.wait_for(future, 1000), now()

        assert run(main()) == ("called", 0)

    def test_task_that_spins_waits_for_a_thread_without_moving_the_clock(self) -> None:
        async def spin(future: asyncio.Future[str]) -> float:
            while not future.done():  # noqa: ASYNC110 - that is what spinning is
                await asyncio.sleep(0)
            return now()

        async def main() -> float:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            future, call = called_after(0.02)

            def call_once_it_spins() -> None:
                while not loop.spins():
                    time.sleep(0.001)
                call()

            threading.Thread(target=call_once_it_spins).start()
            return await asyncio.wait_for(spin(future), 1000)

        assert run(main()) < 1

    def test_idle_worker_of_an_executor_does_not_delay_the_clock(self) -> None:
        async def main() -> float:
            for _ in range(100):
                await asyncio.to_thread(int)
                await asyncio.sleep(100)
            return now()

        begun = time.monotonic()

        assert run(main()) == pytest.approx(10_000)
        assert time.monotonic() - begun < 5

    def test_idle_worker_of_anyio_delays_each_jump_of_the_clock_by_a_moment(self) -> None:
        async def main() -> float:
            await anyio.to_thread.run_sync(int)
            await asyncio.sleep(100)
            return now()

        begun = time.monotonic()

        assert run(main()) == pytest.approx(100)
        assert time.monotonic() - begun < 2

    @pytest.mark.usefixtures("impatient")
    def test_executor_work_that_waits_for_the_loop_does_not_hold_the_clock(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()

            def work() -> None:
                asyncio.run_coroutine_threadsafe(asyncio.sleep(10), loop).result(60)

            await loop.run_in_executor(None, work)
            return now()

        begun = time.monotonic()

        assert run(main()) == pytest.approx(10)
        assert time.monotonic() - begun < 5

    def test_thread_that_was_busy_before_the_run_does_not_hold_the_clock(self) -> None:
        with working():
            begun = time.monotonic()
            run(asyncio.sleep(1000))

            assert time.monotonic() - begun < 5

    def test_thread_without_an_end_delays_each_jump_of_the_clock_by_a_moment(self) -> None:
        async def main() -> float:
            with working():
                begun = time.monotonic()
                for _ in range(5):
                    await asyncio.sleep(10)
                return time.monotonic() - begun

        assert 0.5 <= run(main()) < 5

    @pytest.mark.usefixtures("impatient")
    def test_thread_that_keeps_calling_into_the_loop_does_not_hold_the_clock(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()
            free = threading.Event()

            def call() -> None:
                while not free.wait(0.01):
                    loop.call_soon_threadsafe(int)

            thread = threading.Thread(target=call)
            thread.start()
            try:
                await asyncio.sleep(10)
            finally:
                free.set()
                thread.join()
            return now()

        assert run(main()) == pytest.approx(10)

    @pytest.mark.usefixtures("impatient")
    def test_executor_thread_without_an_end_is_abandoned(self) -> None:
        async def main() -> None:
            waiting = asyncio.get_running_loop().run_in_executor(None, sleep_until, free)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting, 10)

        free = threading.Event()
        try:
            run(main())
        finally:
            free.set()

    @pytest.mark.usefixtures("impatient")
    def test_executor_without_threads_holds_the_clock_only_for_a_moment(self) -> None:
        class Never(Executor):
            def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
                return Future()

        async def main() -> float:
            begun = time.monotonic()
            waiting = asyncio.get_running_loop().run_in_executor(Never(), int)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting, 10)
            return time.monotonic() - begun

        assert 0.5 < run(main()) < 5

    def test_thread_can_call_into_the_loop_after_the_main_task_has_ended(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors: list[threading.ExceptHookArgs] = []
        monkeypatch.setattr(threading, "excepthook", errors.append)

        async def main() -> threading.Thread:
            _, call = called_after(0.02)
            thread = threading.Thread(target=call)
            thread.start()
            return thread

        run(main()).join()

        assert not errors


class TestStubbornTasks:
    """The loop ends all the same, with the result of its main task."""

    @pytest.mark.parametrize(
        "wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(1), lambda: asyncio.Event().wait()]
    )
    def test_task_that_swallows_its_cancellation_is_abandoned(
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
