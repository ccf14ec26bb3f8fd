"""Several blocks and several tasks, of which one receives ahead of all."""

from typing import Any

import anyio
import pytest
from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, is_direct, opened, rest, text, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, turn

from wsfsm import WebSocket, WebSocketDisconnect
from wsfsm._loops import current_loop
from wsfsm.types import Message


class TestManyBlocks:
    @on_each_loop
    def test_nested_blocks_end_together_and_ask_the_server_once_at_a_time(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, feed = await opened(*texts("a"))
            done = []
            async with nothing_left():
                async with websocket.until_disconnect():
                    async with websocket.until_disconnect():
                        assert await websocket.receive_text() == "a"
                        feed.put(bye())
                        await forever()
                    await turn()
                    await turn()
                    done.append("outer goes on")
                done.append("after both")
            assert feed.most == 1
            return done

        assert run(main) == ["after both"]

    @on_each_loop
    def test_outer_block_goes_on_after_the_inner_one(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            async with nothing_left(), websocket.until_disconnect():
                async with websocket.until_disconnect():
                    pass
                await all_wait()
                assert feed.waiting == 1
                feed.put(bye())
                await forever()
            assert websocket.close_code == 4001

        run(main)

    @on_each_loop
    def test_blocks_and_waits_of_many_tasks_all_end(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            done: list[str] = []

            async def block() -> None:
                async with websocket.until_disconnect():
                    await forever()
                done.append(f"block {websocket.close_code}")

            async def wait() -> None:
                await websocket.wait_closed()
                done.append(f"wait {websocket.close_code}")

            async with nothing_left(), group() as start:
                for _ in range(3):
                    start(block)
                    start(wait)
                await all_wait()
                assert (feed.waiting, feed.most) == (1, 1)
                feed.put(text("a"), bye())
            assert sorted(done) == ["block 4001"] * 3 + ["wait 4001"] * 3
            assert await rest(websocket) == "a"
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_blocks_that_overlap_in_every_way_leave_one_reader_at_most(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got = ""

            def overlapping(begins: int, lasts: int) -> Any:
                async def block() -> None:
                    for _ in range(begins):
                        await turn()
                    async with websocket.until_disconnect():
                        for _ in range(lasts):
                            await turn()

                return block

            for gap in range(6):
                async with nothing_left(), group() as start:
                    for number in range(4):
                        start(overlapping(number * gap, gap))
                    feed.put(text(str(gap)))
                    got += await websocket.receive_text()
                assert is_direct(websocket, feed)
                assert feed.waiting == 0
            assert feed.most == 1
            assert got == "012345"

        run(main)

    @on_each_loop
    def test_blocks_that_begin_and_end_while_the_reader_is_stopped_leave_one_reader(
        self, run: Run
    ) -> None:
        class Slow(Feed):
            """A server that needs some time to cancel a receive."""

            async def receive(self) -> Message:
                try:
                    return await super().receive()
                finally:
                    with anyio.CancelScope(shield=True):
                        for _ in range(20):
                            await turn()

        async def main() -> None:
            feed = Slow(CONNECT)
            websocket = WebSocket(scope(), feed.receive, feed.send)
            await websocket.accept()
            done: list[str] = []

            async def short() -> None:
                async with websocket.until_disconnect():
                    for _ in range(3):
                        await turn()
                done.append("short")

            async def long() -> None:
                async with websocket.until_disconnect():
                    await forever()
                done.append("long")

            async with nothing_left(), group() as start:
                start(short)
                for _ in range(8):
                    await turn()
                start(short)  # while the reader of the first one is stopped
                for _ in range(8):
                    await turn()
                start(long)
                while len(done) < 2:
                    await turn()
                await all_wait()
                assert feed.waiting == 1
                feed.put(text("a"), bye())
            assert feed.most == 1
            assert sorted(done) == ["long", "short", "short"]
            assert await rest(websocket) == "a"
            assert is_direct(websocket, feed)

        run(main)


class TestReceivers:
    @on_each_loop
    def test_second_receiver_gets_an_error_that_names_the_first(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got: list[str] = []
            names: list[str] = []

            async def first() -> None:
                names.append(current_loop().task_name())
                got.append(await websocket.receive_text())
                got.append(await websocket.receive_text())

            async with nothing_left(), websocket.until_disconnect(), group() as start:
                start(first)
                await all_wait()
                for _ in range(2):
                    with pytest.raises(RuntimeError) as caught:
                        await websocket.receive_text()
                    mine = current_loop().task_name()
                    assert str(caught.value) == (
                        f"The task {mine!r} cannot receive, because the task {names[0]!r} waits for the "
                        "next message already.\nLet one task receive, and pass the messages on."
                    )
                feed.put(text("a"))
                with pytest.raises(RuntimeError, match="waits for the next message already"):
                    await websocket.receive_text()
                await all_wait()
                feed.put(text("b"))
            assert got == ["a", "b"]
            assert websocket.is_open

        run(main)

    @on_each_loop
    def test_refused_receiver_lets_the_other_tasks_run(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got: list[str] = []

            async def first() -> None:
                got.append(await websocket.receive_text())

            async with nothing_left(), websocket.until_disconnect(), group() as start:
                start(first)
                await all_wait()
                feed.put(text("a"))
                while not got:
                    try:
                        await websocket.receive_text()
                    except RuntimeError:
                        continue

        run(main)

    @on_each_loop
    def test_receivers_may_take_turns(self, run: Run) -> None:
        async def main() -> None:
            websocket, _feed = await opened(*texts("a", "b"))
            got: list[str] = []

            async def receive() -> None:
                got.append(await websocket.receive_text())

            async with nothing_left(), websocket.until_disconnect():
                for _ in "ab":
                    async with group() as start:
                        start(receive)
            assert got == ["a", "b"]

        run(main)

    @on_each_loop
    def test_receiver_that_waits_at_the_end_of_the_block_gets_the_next_message(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got: list[str] = []

            async def receive() -> None:
                async for data in websocket.iter_text():
                    got.append(data)  # noqa: PERF401 - at once

            async with nothing_left(), group() as start:
                async with websocket.until_disconnect():
                    start(receive)
                    await all_wait()
                await all_wait()
                feed.put(text("a"))
                await all_wait()
                assert got == ["a"]
                assert is_direct(websocket, feed)
                feed.put(text("b"), bye())
            assert got == ["a", "b"]
            assert feed.most == 1

        run(main)

    @on_each_loop
    @pytest.mark.parametrize("message", [text("a"), bye()], ids=["a message", "the disconnect"])
    def test_block_that_begins_while_a_receiver_of_the_last_one_waits_does_not_ask_the_server(
        self, run: Run, message: Message
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got: list[str] = []

            async def receive() -> None:
                async for data in websocket.iter_text():
                    got.append(data)  # noqa: PERF401 - at once

            async with nothing_left(), group() as start:
                async with websocket.until_disconnect():
                    start(receive)
                    await all_wait()
                await all_wait()
                async with websocket.until_disconnect():
                    await all_wait()
                    assert feed.waiting == 1
                    feed.put(message, *([bye(1005, "")] if message == bye() else []))
                    await all_wait()
                    feed.put(text("b"), bye())
                    await forever()
                assert websocket.close_code == 4001
            assert got == ["a", "b"][: 2 * (message == text("a"))]
            assert feed.most == 1

        run(main)

    @on_each_loop
    def test_receiver_goes_on_after_an_error_of_the_server_although_the_body_has_not_ended(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            got: list[str] = []

            async def receive() -> None:
                with pytest.raises(OSError, match="the server is broken"):
                    await websocket.receive_text()
                got.append(await websocket.receive_text())

            async def body() -> None:
                try:
                    await forever()
                finally:
                    with anyio.CancelScope(shield=True):
                        while not got:
                            await turn()

            async with nothing_left(), group() as start:
                with pytest.raises(OSError, match="the server is broken"):  # noqa: PT012 - the block raises
                    async with websocket.until_disconnect():
                        start(receive)
                        await all_wait()
                        feed.put(OSError("the server is broken"), text("a"))
                        await body()
            assert got == ["a"]

        run(main)

    @on_each_loop
    def test_block_is_ended_by_a_disconnect_that_a_receiver_from_before_it_gets(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            codes: list[int] = []

            async def receive() -> None:
                with pytest.raises(WebSocketDisconnect) as caught:
                    await websocket.receive_text()
                codes.append(caught.value.code)

            async with nothing_left(), group() as start:
                start(receive)
                await all_wait()
                async with websocket.until_disconnect():
                    await all_wait()
                    feed.put(bye())  # only one, for the task that has asked first
                    await forever()
            assert codes == [4001]
            assert websocket.close_code == 4001

        run(main)
