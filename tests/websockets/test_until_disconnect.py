"""The block that ends when the client leaves."""

import asyncio
import traceback
from typing import Any

import pytest
import trio
from helpers.asgi import scope
from helpers.connections import CONNECT, left
from helpers.feeds import Feed, bye, end_body, opened, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, tasks, turn

from wsfsm import (
    ConnectionClosed,
    IllegalTransition,
    WebSocket,
    WebSocketDisconnect,
)
from wsfsm._loops import current_loop


class TestClientLeaves:
    @on_each_loop
    @pytest.mark.parametrize(
        ("message", "code", "reason"),
        [
            (bye(4001, "bye"), 4001, "bye"),
            ({"type": "websocket.disconnect", "code": 1000}, 1000, ""),
            ({"type": "websocket.disconnect", "code": 1006, "reason": ""}, 1006, ""),
            ({"type": "websocket.disconnect", "code": None, "reason": None}, 1005, ""),
            ({"type": "websocket.disconnect"}, 1005, ""),
        ],
        ids=["own code", "no reason", "reset", "code None", "no keys"],
    )
    def test_body_that_waits_is_ended_and_code_and_reason_are_there(
        self, run: Run, message: Any, code: int, reason: str
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            async with nothing_left():
                await end_body(websocket, feed, message)
            assert websocket.closed_by == "client"
            assert (websocket.close_code, websocket.close_reason) == (code, reason)
            assert websocket.ready_state == "closed"
            assert not websocket.can_send

        run(main)

    @on_each_loop
    def test_body_that_only_sends_is_ended_on_a_server_that_never_fails_a_send(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            async with nothing_left(), websocket.until_disconnect():
                while True:
                    await websocket.send_text("tick")
                    if len(feed.sent) == 5:
                        feed.put(bye())
            assert websocket.close_code == 4001

        run(main)

    @on_each_loop
    def test_body_is_ended_before_the_accept(self, run: Run) -> None:
        async def main() -> None:
            feed = Feed(CONNECT)
            websocket = WebSocket(scope(), feed.receive, feed.send)
            async with nothing_left():
                await end_body(websocket, feed, bye(1006, ""))
            assert (websocket.close_code, websocket.closed_by) == (1006, "client")
            with pytest.raises(ConnectionClosed):
                await websocket.accept()
            await websocket.close()
            assert [message["type"] for message in feed.sent] == []

        run(main)

    @on_each_loop
    def test_connection_can_be_accepted_and_used_inside_the_block(self, run: Run) -> None:
        async def main() -> list[Any]:
            feed = Feed(CONNECT, *texts("a", "b"))
            websocket = WebSocket(scope(), feed.receive, feed.send)
            got: list[Any] = []
            async with nothing_left():
                async with websocket.until_disconnect():
                    await all_wait()  # all of it is read ahead
                    await websocket.accept()
                    got.append(await websocket.receive_text())
                    got.append(await websocket.receive_text())
                    feed.put(bye())
                    got.append("waits")
                    await websocket.receive_text()
                    got.append("never")
            return got

        assert run(main) == ["a", "b", "waits"]

    @on_each_loop
    def test_body_that_receives_ends_by_the_disconnect_quietly(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a"), bye())
            async with nothing_left(), websocket.until_disconnect():
                assert await websocket.receive_text() == "a"
                await websocket.receive_text()
                raise AssertionError("it was not ended")
            assert websocket.close_code == 4001
            assert feed.asked == 3  # the connect, the text and the disconnect

        run(main)

    @on_each_loop
    def test_body_is_ended_at_its_first_wait_if_the_client_has_left_before(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, feed = await opened(bye())
            with pytest.raises(WebSocketDisconnect):
                await websocket.receive_text()
            asked, before, done = feed.asked, tasks(), []
            async with nothing_left(), websocket.until_disconnect():
                assert tasks() == before  # nothing is to be received
                done.append("begins")
                await turn()
                await turn()
                done.append("goes on")
            assert feed.asked == asked  # some servers would wait for ever
            return done

        assert run(main) == ["begins"]

    @on_each_loop
    def test_body_that_does_not_wait_is_run_to_its_end_and_nothing_is_cancelled_later(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, _ = left()
            async with websocket.until_disconnect():
                pass
            for _ in range(5):
                await turn()

        run(main)

    @on_each_loop
    def test_execution_goes_on_after_the_block(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            await end_body(websocket, feed, bye())
            for _ in range(5):
                await turn()
            if isinstance(task := current_loop().task(), asyncio.Task):
                assert task.cancelling() == 0

        run(main)

    @on_each_loop
    def test_block_in_a_function_returns_the_value_of_its_body(self, run: Run) -> None:
        async def serve(websocket: WebSocket) -> str:
            async with websocket.until_disconnect():
                return "from the body"
            return "from after it"

        async def main() -> None:
            websocket, _ = await opened()
            async with nothing_left():
                assert await serve(websocket) == "from the body"
            websocket, _ = left()

        run(main)


class TestErrorsThatReportTheEnd:
    @on_each_loop
    def test_error_of_a_send_does_not_leave_the_block(self, run: Run) -> None:
        async def main() -> None:
            websocket, _feed = await opened()

            async def send(message: Any) -> None:
                raise BrokenPipeError

            websocket._send = send
            async with nothing_left(), websocket.until_disconnect():
                await websocket.send_text("late")
                raise AssertionError("it was not ended")
            assert (websocket.close_code, websocket.closed_by) == (1006, "transport")

        run(main)

    @on_each_loop
    def test_errors_in_a_group_do_not_leave_the_block(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a"))
            got: list[str] = []

            async def receive() -> None:
                while True:
                    got.append(await websocket.receive_text())

            async def tick() -> None:
                while True:
                    await websocket.send_text("tick")

            async def leave() -> None:
                while len(feed.sent) < 5:
                    await turn()
                feed.put(bye())
                await forever()

            async with nothing_left(), websocket.until_disconnect():
                async with group() as start:
                    for each in (receive, tick, leave):
                        start(each)
            assert got == ["a"]
            assert websocket.close_code == 4001

        run(main)

    @on_each_loop
    def test_group_with_another_error_leaves_the_block(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened(bye())

            async def fail() -> None:
                try:
                    await forever()
                finally:
                    raise ZeroDivisionError

            async with nothing_left():
                with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the block raises
                    async with websocket.until_disconnect(), group() as start:
                        start(fail)
                        await websocket.receive_text()
            assert caught.group_contains(ZeroDivisionError)

        run(main)

    @on_each_loop
    def test_error_of_another_connection_leaves_the_block(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened()
            other, _ = left()
            async with nothing_left():
                with pytest.raises(ConnectionClosed):
                    async with websocket.until_disconnect():
                        await other.send_text("to the other")
            assert websocket.is_open

        run(main)

    @on_each_loop
    def test_use_before_the_accept_leaves_the_block(self, run: Run) -> None:
        async def main() -> None:
            feed = Feed(CONNECT)
            websocket = WebSocket(scope(), feed.receive, feed.send)
            async with nothing_left():
                with pytest.raises(IllegalTransition):
                    async with websocket.until_disconnect():
                        await websocket.receive_text()

        run(main)


class TestOwnErrors:
    @on_each_loop
    @pytest.mark.parametrize(
        "error", [ValueError("mine"), TimeoutError("mine"), KeyError("mine")], ids=repr
    )
    def test_error_of_the_body_leaves_the_block(self, run: Run, error: Exception) -> None:
        async def main() -> None:
            websocket, _feed = await opened(*texts("a"))
            async with nothing_left():
                with pytest.raises(type(error)) as caught:
                    async with websocket.until_disconnect():
                        raise error
            assert caught.value is error
            assert await websocket.receive_text() == "a"
            assert websocket.is_open

        run(main)

    @on_each_loop
    @pytest.mark.parametrize(
        "error", [ValueError("mine"), TimeoutError("mine"), KeyError("mine")], ids=repr
    )
    def test_error_of_a_body_that_is_ended_leaves_the_block(
        self, run: Run, error: Exception
    ) -> None:
        async def main() -> None:
            websocket, _ = await opened(bye())
            async with nothing_left():
                with pytest.raises(type(error)) as caught:  # noqa: PT012 - the block raises
                    async with websocket.until_disconnect():
                        try:
                            await forever()
                        finally:
                            raise error
            assert caught.value is error
            shown = "".join(traceback.format_exception(caught.value))
            assert shown.count("TimeoutError") == str(type(error)).count("TimeoutError")
            for _ in range(5):
                await turn()

        run(main)

    @on_each_loop
    def test_body_that_does_not_let_itself_be_cancelled_ends_when_it_wants(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, _feed = await opened(bye())
            done = []
            async with nothing_left(), websocket.until_disconnect():
                try:
                    await forever()
                except (asyncio.CancelledError, trio.Cancelled):
                    done.append("refuses")
                done.append("ends")
            for _ in range(5):
                await turn()
            return done

        assert run(main) == ["refuses", "ends"]
