"""The parts of asyncio and trio that reading ahead needs."""

import asyncio
import contextvars

import pytest
import trio
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, on_trio, turn
from helpers.uvicorn_server import in_time

from wsfsm._loops import current_loop


class TestInterruptible:
    @on_each_loop
    def test_block_that_is_interrupted_often_ends_once(self, run: Run) -> None:
        async def main() -> list[str]:
            done: list[str] = []
            async with nothing_left():
                async with current_loop().interruptible() as block:
                    for _ in range(3):
                        block.interrupt()
                    done.append("goes on to its first wait")
                    await turn()
                    await turn()
                    done.append("never")
                block.interrupt()
                for _ in range(5):
                    await turn()
            return done

        assert run(main) == ["goes on to its first wait"]

    @on_each_loop
    def test_interruption_at_the_end_of_a_block_cancels_nothing_after_it(self, run: Run) -> None:
        async def main() -> None:
            async with nothing_left():
                async with current_loop().interruptible() as block:
                    block.interrupt()
                for _ in range(5):
                    await turn()

        run(main)

    @on_each_loop
    def test_outer_cancellation_at_the_same_time_is_not_swallowed(self, run: Run) -> None:
        async def main() -> list[str]:
            done: list[str] = []

            async def block() -> None:
                async with current_loop().interruptible() as inner:
                    async with group() as start:

                        async def interrupt() -> None:
                            inner.interrupt()
                            outer.interrupt()

                        start(interrupt)
                        await forever()
                await turn()
                done.append("never")

            async with nothing_left(), current_loop().interruptible() as outer:
                await block()
            return done

        assert run(main) == []

    @on_each_loop
    def test_blocks_in_turn_are_interrupted_each(self, run: Run) -> None:
        async def main() -> int:
            ends = 0
            async with nothing_left():
                for _ in range(5):
                    async with current_loop().interruptible() as block:
                        block.interrupt()
                        await forever()
                    ends += 1
                if (task := asyncio.current_task() if not on_trio() else None) is not None:
                    assert task.cancelling() == 0
            return ends

        assert run(main) == 5

    def test_outside_of_a_task_it_says_what_it_needs(self) -> None:
        async def main() -> None:
            errors: list[RuntimeError] = []

            def call() -> None:
                with pytest.raises(
                    RuntimeError, match="needs a running task of asyncio or trio"
                ) as caught:
                    current_loop().interruptible().__aenter__().send(None)
                errors.append(caught.value)
                assert current_loop().task_name() == "?"
                assert current_loop().task() is None

            asyncio.get_running_loop().call_soon(call)
            await all_wait()
            assert len(errors) == 1

        in_time(main)


class TestSpawn:
    @on_each_loop
    def test_stop_waits_for_the_end_of_the_task_and_may_be_called_again(self, run: Run) -> None:
        async def main() -> list[str]:
            done: list[str] = []

            async def task() -> None:
                try:
                    await forever()
                finally:
                    done.append("ends")

            async with nothing_left():
                stop = current_loop().spawn(task)
                await all_wait()
                await stop()
                done.append("stopped")
                await stop()
            return done

        assert run(main) == ["ends", "stopped"]

    @on_each_loop
    def test_task_that_ends_by_itself_can_be_stopped(self, run: Run) -> None:
        async def main() -> None:
            async def task() -> None:
                await turn()

            async with nothing_left():
                stop = current_loop().spawn(task)
                await all_wait()
                await stop()

        run(main)

    @on_each_loop
    def test_task_sees_the_context_variables_of_its_caller(self, run: Run) -> None:
        name = contextvars.ContextVar("name", default="nobody")

        async def main() -> list[str]:
            seen: list[str] = []

            async def task() -> None:
                seen.append(name.get())

            name.set("Ann")
            stop = current_loop().spawn(task)
            await all_wait()
            await stop()
            return seen

        assert run(main) == ["Ann"]

    def test_stop_waits_for_a_slow_task_although_it_is_cancelled_again_and_again(self) -> None:
        async def main() -> None:
            done: list[str] = []

            async def task() -> None:
                try:
                    await forever()
                finally:
                    for _ in range(10):
                        await asyncio.sleep(0)
                    done.append("ends")

            async def stopping() -> None:
                stop = current_loop().spawn(task)
                await all_wait()
                try:
                    await stop()
                finally:
                    done.append("stopped")

            async with nothing_left():
                caller = asyncio.create_task(stopping())
                for _ in range(25):
                    await asyncio.sleep(0)
                while not caller.done():
                    caller.cancel()
                    await asyncio.sleep(0)
            assert caller.cancelled()
            assert done == ["ends", "stopped"]

        in_time(main)

    def test_stop_waits_for_a_slow_task_of_trio_in_a_cancelled_scope(self) -> None:
        async def main() -> None:
            done: list[str] = []

            async def task() -> None:
                try:
                    await forever()
                finally:
                    with trio.CancelScope(shield=True):
                        for _ in range(10):
                            await trio.lowlevel.checkpoint()
                    done.append("ends")

            stop = current_loop().spawn(task)
            await all_wait()
            with trio.CancelScope() as scope:
                scope.cancel()
                await stop()
                done.append("stopped")
            assert done == ["ends", "stopped"]

        trio.run(main)


class TestTasks:
    @on_each_loop
    def test_tasks_have_names_and_identities(self, run: Run) -> None:
        async def main() -> None:
            tasks: list[object] = []
            names: list[str] = []

            async def task() -> None:
                tasks.append(current_loop().task())
                names.append(current_loop().task_name())
                assert current_loop().task() is tasks[-1]
                await turn()

            async with group() as start:
                for _ in range(2):
                    start(task)
            assert tasks[0] is not tasks[1]
            assert all(names)

        run(main)
