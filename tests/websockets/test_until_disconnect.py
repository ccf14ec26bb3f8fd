"""The block that ends when the client leaves."""

import asyncio
import traceback
from typing import Any

import pytest
import trio
from helpers.asgi import scope
from helpers.connections import CONNECT, accepted, left
from helpers.feeds import Feed, bye, opened, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, turn
from helpers.uvicorn_server import in_time

from wsfsm import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    WebSocket,
    WebSocketDisconnect,
)
from wsfsm._loops import current_loop


async def end(websocket: WebSocket, feed: Feed, *messages: Any) -> None:
    """Let messages arrive while the body of a block waits; the last of them ends it."""
    async with group() as start:

        async def arrive() -> None:
            await all_wait()
            feed.put(*messages)

        start(arrive)
        async with websocket.until_disconnect():
            await forever()


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
                await end(websocket, feed, message)
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
                await end(websocket, feed, bye(1006, ""))
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
            asked, done = feed.asked, []
            async with nothing_left(), websocket.until_disconnect():
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
            await end(websocket, feed, bye())
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
                    await end(websocket, feed, RuntimeError("the server is broken"))
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
                    ended = tasks.create_task(end(websocket, feed, asyncio.CancelledError()))
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
