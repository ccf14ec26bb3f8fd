"""The block that ends when the client leaves, ended by something else."""

import asyncio
from typing import Any

import pytest
import trio
from helpers.asgi import scope
from helpers.connections import CONNECT, accepted
from helpers.feeds import Feed, bye, end_body, opened, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, turn
from helpers.uvicorn_server import in_time

from wsfsm import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    WebSocket,
)


class TestClosedByTheApplication:
    @on_each_loop
    def test_body_goes_on_after_its_own_close_until_the_client_has_answered(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, feed = await opened()
            done = []
            async with nothing_left(), websocket.until_disconnect():
                await websocket.close(4000, "done")
                await all_wait()
                done.append("goes on")
                feed.put(bye(4000, "done"))
                await forever()
            assert websocket.closed_by == "application"
            assert (websocket.close_code, websocket.close_reason) == (4000, "done")
            return done

        assert run(main) == ["goes on"]

    @on_each_loop
    def test_use_after_its_own_close_leaves_the_block_as_an_error(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened()
            async with nothing_left():
                with pytest.raises(ConnectionClosed):  # noqa: PT012 - the block raises
                    async with websocket.until_disconnect():
                        await websocket.close()
                        await websocket.send_text("late")

        run(main)

    @on_each_loop
    def test_use_after_a_close_before_the_block_leaves_it_as_an_error(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened()
            await websocket.close()
            async with nothing_left():
                with pytest.raises(ConnectionClosed):
                    async with websocket.until_disconnect():
                        await websocket.send_text("late")

        run(main)

    @on_each_loop
    @pytest.mark.parametrize("works", [True, False], ids=["sends", "waits"])
    def test_body_is_ended_quietly_if_another_task_closes(self, run: Run, works: bool) -> None:
        async def main() -> None:
            websocket, feed = await opened()

            async def kick() -> None:
                await all_wait() if not works else await turn()
                await websocket.close(4003, "kicked")
                await all_wait() if not works else await turn()
                feed.put(bye(1005, ""))

            async with nothing_left(), group() as start:
                start(kick)
                async with websocket.until_disconnect():
                    while works:
                        await websocket.send_text("tick")
                    await forever()
            assert websocket.closed_by == "application"
            assert (websocket.close_code, websocket.close_reason) == (4003, "kicked")

        run(main)

    @on_each_loop
    def test_denial_inside_the_block_ends_the_connection(self, run: Run) -> None:
        async def main() -> None:
            feed = Feed(CONNECT)
            websocket = WebSocket(scope(), feed.receive, feed.send)
            async with nothing_left(), websocket.until_disconnect():
                await websocket.deny(401, body="no")
            assert [message["type"] for message in feed.sent] == [
                "websocket.http.response.start",
                "websocket.http.response.body",
            ]
            assert websocket.closed_by == "application"

        run(main)


class TestServerFails:
    @on_each_loop
    def test_body_is_ended_by_the_error_of_a_receive(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            async with nothing_left():
                with pytest.raises(BaseExceptionGroup) as caught:
                    await end_body(websocket, feed, RuntimeError("the server is broken"))
            assert caught.group_contains(RuntimeError, match="the server is broken")

        run(main)

    @on_each_loop
    def test_body_that_receives_gets_the_error(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened(*texts("a"), RuntimeError("the server is broken"))
            async with nothing_left():
                with pytest.raises(RuntimeError, match="the server is broken"):  # noqa: PT012 - the block raises
                    async with websocket.until_disconnect():
                        assert await websocket.receive_text() == "a"
                        await websocket.receive_text()
            assert websocket.is_open

        run(main)

    @on_each_loop
    def test_messages_before_the_error_are_received_after_the_block_and_then_the_error(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b"), RuntimeError("the server is broken"))
            with pytest.raises(RuntimeError, match="broken"):
                async with websocket.until_disconnect():
                    await forever()
            assert [await websocket.receive_text() for _ in "ab"] == ["a", "b"]
            with pytest.raises(RuntimeError, match="broken"):
                await websocket.receive_text()
            feed.put(*texts("c"))  # it works again
            assert await websocket.receive_text() == "c"

        run(main)

    @on_each_loop
    def test_receive_goes_on_in_a_block_whose_body_has_taken_the_error(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(RuntimeError("the server is broken"))
            with pytest.raises(RuntimeError, match="broken"):  # noqa: PT012 - the block raises
                async with websocket.until_disconnect():
                    with pytest.raises(RuntimeError, match="broken"):
                        await websocket.receive_text()
                    feed.put(*texts("c"))
                    with pytest.raises((asyncio.CancelledError, trio.Cancelled)):
                        await forever()
                    feed.put(bye())
            assert await websocket.receive_text() == "c"

        run(main)

    @on_each_loop
    def test_malformed_messages_are_left_to_the_application(self, run: Run) -> None:
        async def main() -> None:
            malformed: list[Any] = [5, {}, {"type": "websocket.connect"}]
            websocket, _feed = await opened(*malformed, *texts("a"))
            async with nothing_left(), websocket.until_disconnect():
                for _ in malformed:
                    with pytest.raises((IllegalTransition, MalformedMessage)):
                        await websocket.receive_text()
                assert await websocket.receive_text() == "a"

        run(main)

    def test_body_is_ended_if_a_receive_is_cancelled_by_the_server(self) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - the block raises
                async with asyncio.TaskGroup() as tasks:
                    ended = tasks.create_task(end_body(websocket, feed, asyncio.CancelledError()))
                    await asyncio.wait([ended])
                    assert ended.cancelled()
                    raise ZeroDivisionError
            assert caught.group_contains(ZeroDivisionError)

        in_time(main)


class TestArguments:
    @on_each_loop
    @pytest.mark.parametrize("buffer", [-1, True, 1.0, "1", None], ids=repr)
    def test_wrong_buffer_is_refused(self, run: Run, buffer: Any) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            asked = feed.asked
            with pytest.raises(ValueError, match="'buffer' must be at least 0, got"):
                async with websocket.until_disconnect(buffer=buffer):
                    raise AssertionError("the block begins")
            await turn()
            assert feed.asked == asked

        run(main)

    @pytest.mark.parametrize("call", ["until_disconnect", "wait_closed"])
    def test_without_a_loop_it_says_what_it_needs(self, call: str) -> None:
        websocket, _ = accepted()

        async def main() -> None:
            if call == "wait_closed":
                await websocket.wait_closed()
            async with websocket.until_disconnect():
                pass

        with pytest.raises(RuntimeError, match="needs a running event loop of asyncio or trio"):
            main().send(None)
