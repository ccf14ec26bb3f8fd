"""Tasks that wait: each costs the same, however many there are."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from helpers.virtual_uvicorn import Link, Transport, in_virtual_time, message, turns
from helpers.wire import CLOSE, TEXT, close_payload, frame

from wsfsm.integrations.uvicorn._waiters import Gate, Waiters
from wsfsm.types import Receive, Scope, Send


async def wait_with(waiters: Waiters) -> None:
    """Wait as an application does."""
    waiter = waiters.join()
    try:
        await waiter
    except asyncio.CancelledError:
        waiters.leave(waiter)
        raise


class TestWaiters:
    def test_waiters_are_woken_one_by_one_in_their_order(self) -> None:
        async def main() -> None:
            waiting, woken = Waiters(asyncio.get_running_loop()), []

            async def wait(number: int) -> None:
                await wait_with(waiting)
                woken.append(number)

            tasks = [asyncio.create_task(wait(number)) for number in range(3)]
            await turns()
            for count in range(1, 4):
                waiting.wake()
                await turns()
                assert woken == list(range(count))
            waiting.wake()  # nobody
            await asyncio.gather(*tasks)

        in_virtual_time(main)

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_cancelled_waiter_does_not_block_the_next_one(self, when: str) -> None:
        async def main() -> None:
            waiting = Waiters(asyncio.get_running_loop())
            first, second = (asyncio.create_task(wait_with(waiting)) for _ in range(2))
            await turns()
            if when == "after":
                waiting.wake()
            first.cancel()
            if when == "before":
                waiting.wake()
            await turns()
            assert first.cancelled()
            assert second.done()
            assert waiting.first is None

        in_virtual_time(main)

    def test_cancelled_waiter_is_released(self) -> None:
        async def main() -> None:
            waiting = Waiters(asyncio.get_running_loop())
            for _ in range(100):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(wait_with(waiting), 1)
            assert waiting.first is None

        in_virtual_time(main)


class TestGate:
    def test_gate_passes_one_task_a_turn_in_their_order(self) -> None:
        async def main() -> None:
            gate, through = Gate(asyncio.get_running_loop()), []

            async def go(number: int) -> None:
                await gate.wait()
                through.append(number)

            gate.close()
            tasks = [asyncio.create_task(go(number)) for number in range(5)]
            await turns()
            assert (through, gate.is_shut) == ([], True)
            gate.open()
            assert gate.is_shut  # for those that come later: others wait already
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(through) <= 2
            await asyncio.gather(*tasks)
            assert (through, gate.is_shut) == ([0, 1, 2, 3, 4], False)

        in_virtual_time(main)

    def test_gate_can_be_closed_before_all_tasks_have_passed(self) -> None:
        async def main() -> None:
            gate, through = Gate(asyncio.get_running_loop()), []

            async def go(number: int) -> None:
                await gate.wait()
                through.append(number)
                if number == 1:
                    gate.close()

            gate.close()
            tasks = [asyncio.create_task(go(number)) for number in range(4)]
            await turns()
            gate.open()
            await turns()
            assert (through, gate.is_shut) == ([0, 1], True)
            gate.open()
            await asyncio.gather(*tasks)
            assert (through, gate.is_shut) == ([0, 1, 2, 3], False)

        in_virtual_time(main)

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_gate_passes_the_tasks_behind_a_cancelled_one(self, number: int) -> None:
        async def main() -> None:
            gate = Gate(asyncio.get_running_loop())
            gate.close()
            tasks = [asyncio.create_task(gate.wait()) for _ in range(3)]
            await turns()
            tasks[number].cancel()
            await turns()
            gate.open()
            await turns()
            assert [task.cancelled() for task in tasks] == [at == number for at in range(3)]
            assert not gate.is_shut

        in_virtual_time(main)

    def test_gate_passes_the_task_behind_one_that_is_cancelled_while_it_opens(self) -> None:
        async def main() -> None:
            gate = Gate(asyncio.get_running_loop())
            gate.close()
            first, second = (asyncio.create_task(gate.wait()) for _ in range(2))
            await turns()
            gate.open()
            first.cancel()
            gate.open()
            await turns()
            assert second.done()
            assert not gate.is_shut

        in_virtual_time(main)


class Counting(asyncio.Future[None]):
    """Counts how often one is made or finished."""

    count = 0

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        Counting.count += 1

    def set_result(self, result: None) -> None:
        Counting.count += 1
        super().set_result(result)


class TestCostOfManyTasks:
    """The work is counted: steps of the loop, and futures."""

    def steps(self, main: Callable[[int], Coroutine[Any, Any, None]], number: int) -> int:
        async def counted() -> int:
            loop = asyncio.get_running_loop()
            Counting.count = 0
            calls = [0]
            call_soon = loop.call_soon

            def counting(*args: Any, **keys: Any) -> asyncio.Handle:
                calls[0] += 1
                return call_soon(*args, **keys)

            loop.call_soon = counting  # type: ignore[method-assign, assignment]
            loop.create_future = lambda: Counting(loop=loop)  # type: ignore[method-assign]
            await main(number)
            return calls[0] + Counting.count

        return in_virtual_time(counted)

    def check(self, main: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        few, many = (self.steps(main, number) for number in (100, 400))
        assert many < 5 * few

    def test_cost_of_tasks_that_wait_in_send_is_linear(self) -> None:
        async def main(number: int) -> None:
            sent = [0]

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(message("accept"))

                async def one() -> None:
                    await send(message("send", text="x"))
                    sent[0] += 1

                await asyncio.gather(*(one() for _ in range(number)))

            link = Link(app)
            link.ask()
            link.protocol.pause_writing()
            await turns()
            while sent[0] < number:  # the client takes little at a time
                link.protocol.resume_writing()
                await asyncio.sleep(0)
                link.protocol.pause_writing()
                await asyncio.sleep(0)
            link.protocol.resume_writing()
            await turns()
            link.end()
            link.transport.lose()
            await turns()

        self.check(main)

    def test_cost_of_tasks_that_receive_the_disconnect_is_linear(self) -> None:
        async def main(number: int) -> None:
            told = [0]

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(message("accept"))
                await asyncio.sleep(1)

                async def one() -> None:
                    try:
                        await send(message("send", text="x"))
                    except OSError:
                        told[0] += 1

                await asyncio.gather(*(one() for _ in range(number)))

            link = Link(app)
            link.ask()
            await turns()
            link.protocol.pause_writing()
            await asyncio.sleep(2)
            link.transport.lose()
            await asyncio.sleep(10)
            assert told[0] == number

        self.check(main)

    @pytest.mark.parametrize("end", [True, False])
    def test_cost_of_tasks_that_wait_in_receive_is_linear(self, *, end: bool) -> None:
        async def main(number: int) -> None:
            got: list[Any] = []

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await receive()
                await send(message("accept"))

                async def one() -> None:
                    got.append(await receive())

                await asyncio.gather(*(one() for _ in range(number)))

            link = Link(app)
            link.ask()
            await turns()
            if end:
                link.receive(frame(CLOSE, close_payload(1000)))
            for at in range(0 if end else number):
                link.receive(frame(TEXT, b"%d" % at))
                await asyncio.sleep(0)
            await asyncio.sleep(3000)
            assert len(got) == number
            if not end:
                assert sorted(int(m["text"]) for m in got) == list(range(number))
            link.transport.lose()
            await turns()

        self.check(main)


def test_close_overtakes_tasks_that_wait_in_send() -> None:
    async def main() -> None:
        saw: list[str] = []
        transport = Transport()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(message("accept"))
            await asyncio.sleep(1)

            async def one() -> None:
                try:
                    await send(message("send", text="x"))
                except OSError as error:
                    saw.append(type(error).__name__)

            tasks = [asyncio.create_task(one()) for _ in range(3)]
            await asyncio.sleep(1)
            await send(message("close", code=1013))
            saw.append("closed")
            await asyncio.gather(*tasks)

        link = Link(app, transport=transport)
        link.ask()
        await turns()
        link.protocol.pause_writing()
        await asyncio.sleep(20)
        link.transport.lose()
        await turns()
        assert saw == ["closed", *["ClientDisconnected"] * 3]
        assert transport.data.endswith(frame(CLOSE, close_payload(1013), masked=False))

    in_virtual_time(main)


def test_full_transport_after_the_end_does_not_block_tasks() -> None:
    async def main() -> None:
        saw: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(message("accept"))
            await send(message("close"))
            await receive()
            link.protocol.pause_writing()
            try:
                await send(message("send", text="late"))
            except OSError as error:
                saw.append(type(error).__name__)

        link = Link(app)
        link.ask()
        await turns()
        link.transport.lose()
        await turns()
        assert saw == ["ClientDisconnected"]

    in_virtual_time(main)
