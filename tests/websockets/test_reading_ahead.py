"""Messages that are received ahead of the application: none is lost, and all keep their order."""

import asyncio
import contextvars
from typing import Any

import pytest
from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, opened, text, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, turn
from helpers.uvicorn_server import in_time

from wsfsm import ConnectionClosed, IllegalTransition, WebSocket, WebSocketDisconnect
from wsfsm._loops import current_loop
from wsfsm.types import Message
from wsfsm.websockets._reader import BUFFER

LETTERS = "abcdefgh"


async def rest(websocket: WebSocket) -> str:
    """Everything that is still to be received, up to the end of the connection."""
    return "".join([data async for data in websocket.iter_text()])


def is_direct(websocket: WebSocket, feed: Feed) -> bool:
    """Whether the application receives from the server again."""
    return websocket._receive == feed.receive and "_reader" not in vars(websocket)


class TestOrder:
    @on_each_loop
    def test_messages_that_wait_at_the_disconnect_are_received_after_the_block(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*LETTERS), bye())
            async with nothing_left():
                async with websocket.until_disconnect():
                    await forever()
                assert websocket.can_receive
                assert not websocket.can_send
                assert websocket.close_code == 4001
                with pytest.raises(ConnectionClosed):
                    await websocket.send_text("late")
                assert await rest(websocket) == LETTERS
            assert not websocket.can_receive
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    @pytest.mark.parametrize("inside", [0, 1, 3, 8], ids="{} inside".format)
    def test_messages_before_the_block_inside_it_and_after_it_keep_their_order(
        self, run: Run, inside: int
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*"xy", *LETTERS))
            got = await websocket.receive_text() + await websocket.receive_text()
            async with nothing_left():
                async with websocket.until_disconnect():
                    await all_wait()
                    for _ in range(inside):
                        got += await websocket.receive_text()
                feed.put(*texts("z"), bye())
                got += await rest(websocket)
            assert got == f"xy{LETTERS}z"
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_several_blocks_in_turn_lose_nothing(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*LETTERS))
            got = ""
            async with nothing_left():
                for number in range(10):
                    async with websocket.until_disconnect(buffer=2):
                        await turn()
                        if number % 3 == 0:
                            got += await websocket.receive_text()
                    if number % 4 == 0:
                        got += await websocket.receive_text()
                feed.put(bye())
                got += await rest(websocket)
            assert got == LETTERS

        run(main)

    @on_each_loop
    def test_messages_of_both_kinds_and_wrong_ones_keep_their_order(self, run: Run) -> None:
        async def main() -> None:
            binary = {"type": "websocket.receive", "bytes": b"b"}
            second = {"type": "websocket.connect"}
            websocket, feed = await opened(text("a"), binary, second, text("c"), bye())
            async with websocket.until_disconnect():
                await forever()
            assert await websocket.receive_data() == "a"
            assert await websocket.receive_data() == b"b"
            with pytest.raises(IllegalTransition):
                await websocket.receive_data()
            assert await websocket.receive_data() == "c"
            with pytest.raises(WebSocketDisconnect):
                await websocket.receive_data()
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_connect_that_was_read_ahead_is_received_after_the_block(self, run: Run) -> None:
        async def main() -> None:
            feed = Feed(CONNECT)
            websocket = WebSocket(scope(), feed.receive, feed.send)
            async with nothing_left(), websocket.until_disconnect():
                await all_wait()
            assert websocket.ready_state == "connecting"
            await websocket.accept()
            feed.put(text("a"))
            assert await websocket.receive_text() == "a"
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_block_after_the_disconnect_was_read_ahead_is_ended_at_once(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b"), bye())
            asked = feed.asked + 3
            async with nothing_left():
                for _ in range(3):
                    async with websocket.until_disconnect():
                        await forever()
                    await websocket.wait_closed()
            assert await rest(websocket) == "ab"
            assert feed.asked == asked

        run(main)

    @on_each_loop
    def test_second_disconnect_of_a_server_does_not_change_the_reason(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened(bye(4001, "bye"), bye(1005, ""), bye(1006, ""))
            async with nothing_left():
                async with websocket.until_disconnect():
                    await forever()
                with pytest.raises(WebSocketDisconnect) as caught:
                    await websocket.receive_text()
                async with websocket.until_disconnect():
                    await forever()
            assert (caught.value.code, caught.value.reason) == (4001, "bye")
            assert (websocket.close_code, websocket.close_reason) == (4001, "bye")

        run(main)

    @on_each_loop
    def test_code_of_a_disconnect_replaces_that_of_a_loss_that_a_send_reported(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened()

            async def send(_: Message) -> None:
                raise OSError

            websocket._send = send
            async with nothing_left(), websocket.until_disconnect():
                with pytest.raises(WebSocketDisconnect):
                    await websocket.send_text("late")
                assert websocket.close_code == 1006
                feed.put(text("a"), bye(4001))
                await forever()
            assert (websocket.close_code, websocket.closed_by) == (4001, "client")
            assert await websocket.receive() == text("a")  # data is received before a loss only
            assert await websocket.receive() == bye(4001)

        run(main)


class TestBackPressure:
    @on_each_loop
    @pytest.mark.parametrize("buffer", [1, 2, BUFFER], ids="buffer of {}".format)
    def test_full_buffer_asks_the_server_for_nothing_more(self, run: Run, buffer: int) -> None:
        async def main() -> None:
            numbers = [str(number) for number in range(buffer + 3)]
            websocket, feed = await opened(*texts(*numbers), bye())
            async with nothing_left(), websocket.until_disconnect(buffer=buffer):
                await all_wait()
                assert feed.left == 4
                assert feed.waiting == 0
                for number in numbers[:3]:
                    assert await websocket.receive_text() == number
                await all_wait()
                assert feed.left == 1  # the disconnect, which is not seen yet
                assert websocket.is_open
                assert await websocket.receive_text() == numbers[3]
                await forever()
            assert websocket.close_code == 4001
            assert [data async for data in websocket.iter_text()] == numbers[4:]

        run(main)

    @on_each_loop
    def test_default_buffer_is_used(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*("x" * (BUFFER + 5))))
            async with nothing_left(), websocket.until_disconnect():
                await all_wait()
                assert feed.left == 5
            async with nothing_left(), group() as start:
                start(websocket.wait_closed)
                await all_wait()
                assert feed.left == 5
                await websocket.close()

        run(main)

    @on_each_loop
    def test_inner_block_with_a_larger_buffer_makes_room_at_once(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b"), bye())
            async with nothing_left(), websocket.until_disconnect(buffer=1):
                await all_wait()
                assert feed.left == 2
                async with websocket.until_disconnect(buffer=3):
                    await forever()
            assert websocket.close_code == 4001
            assert await rest(websocket) == "ab"

        run(main)


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
                    feed.put(message)
                    await all_wait()
                    feed.put(text("b"), bye())
                    await forever()
                assert websocket.close_code == 4001
            assert got == ["a", "b"][: 2 * (message == text("a"))]
            assert feed.most == 1

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


class TestHooks:
    @on_each_loop
    def test_overridden_receive_sees_each_message_once_and_in_order(self, run: Run) -> None:
        class Logging(WebSocket):
            __slots__ = ()
            seen: list[str] = []  # noqa: RUF012 - for one test

            async def receive(self) -> Message:
                message = await super().receive()
                await turn()
                self.seen.append(message.get("text", message["type"]))
                return message

        async def main() -> None:
            Logging.seen.clear()
            websocket, feed = await opened(*texts("a", "b"), bye(), websocket_class=Logging)
            async with nothing_left():
                async with websocket.until_disconnect():
                    await forever()
                assert Logging.seen == ["websocket.connect"]
                assert await rest(websocket) == "ab"
            assert Logging.seen == ["websocket.connect", "a", "b", "websocket.disconnect"]
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_patched_receive_is_called_for_messages_that_were_read_ahead(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened(*texts("a", "b"), bye())
            original = websocket.receive

            async def shout() -> Message:
                message: Message = await original()
                return message if "text" not in message else text(message["text"].upper())

            async with nothing_left():
                async with websocket.until_disconnect():
                    assert await websocket.receive_text() == "a"
                    websocket.receive = shout
                    assert await websocket.receive_text() == "B"
                    await forever()

        run(main)

    @on_each_loop
    def test_server_callable_that_is_wrapped_during_the_block_stays_wrapped(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b"))
            seen: list[Message] = []
            async with nothing_left():
                async with websocket.until_disconnect():
                    inner = websocket._receive

                    async def wrapper() -> Message:
                        message: Message = await inner()
                        seen.append(message)
                        return message

                    websocket._receive = wrapper
                    assert await websocket.receive_text() == "a"
                assert await websocket.receive_text() == "b"
                async with websocket.until_disconnect():
                    feed.put(text("c"))
                    assert await websocket.receive_text() == "c"
                feed.put(bye())
                assert await rest(websocket) == ""
            assert [message.get("text") for message in seen] == ["a", "b", "c", None]
            assert websocket._receive is wrapper

        run(main)

    @on_each_loop
    def test_receive_of_the_server_sees_the_context_variables_of_the_application(
        self, run: Run
    ) -> None:
        user = contextvars.ContextVar("user", default="nobody")

        async def main() -> None:
            feed = Feed(CONNECT, bye())
            seen: list[str] = []

            async def receive() -> Message:
                seen.append(user.get())
                return await feed.receive()

            websocket = WebSocket(scope(), receive, feed.send)
            await websocket.accept()
            user.set("Ann")
            async with nothing_left(), websocket.until_disconnect():
                await forever()
            assert seen == ["nobody", "Ann"]

        run(main)

    @on_each_loop
    def test_receive_of_the_server_need_not_be_a_coroutine_function(self, run: Run) -> None:
        class Future:
            """As an extension module makes it."""

            def __init__(self, feed: Feed) -> None:
                self.feed = feed

            def __await__(self) -> Any:
                return self.feed.receive().__await__()

        async def main() -> None:
            feed = Feed(CONNECT, *texts("a"))
            websocket = WebSocket(scope(), lambda: Future(feed), feed.send)
            async with nothing_left():
                async with websocket.until_disconnect():
                    await websocket.accept()
                    assert await websocket.receive_text() == "a"
                    feed.put(text("b"), bye())
                    await forever()
                assert await rest(websocket) == "b"
            assert websocket.close_code == 4001

        run(main)

    def test_future_of_asyncio_is_awaited_too(self) -> None:
        async def main() -> None:
            queue: asyncio.Queue[Message] = asyncio.Queue()
            feed = Feed()
            for message in (CONNECT, *texts("a", "b"), bye()):
                queue.put_nowait(message)
            websocket = WebSocket(scope(), lambda: asyncio.ensure_future(queue.get()), feed.send)
            await websocket.accept()
            async with nothing_left():
                async with websocket.until_disconnect():
                    await forever()
                assert await rest(websocket) == "ab"

        in_time(main)


class TestWaitClosed:
    @on_each_loop
    @pytest.mark.parametrize("messages", ["", "abc"], ids=["no messages", "messages"])
    def test_it_returns_when_the_client_leaves_and_keeps_the_messages(
        self, run: Run, messages: str
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*messages), bye())
            async with nothing_left():
                await websocket.wait_closed()
                assert (websocket.close_code, websocket.closed_by) == (4001, "client")
                await websocket.wait_closed()
                assert await rest(websocket) == messages
                await websocket.wait_closed()
            assert feed.asked == 2 + len(messages)

        run(main)

    @on_each_loop
    def test_it_returns_when_another_task_closes(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened()
            async with nothing_left(), group() as start:
                start(websocket.wait_closed)
                await all_wait()
                await websocket.close(4003)
            assert websocket.closed_by == "application"
            assert feed.waiting == 0

        run(main)

    @on_each_loop
    def test_it_raises_the_error_of_the_server(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await opened(RuntimeError("the server is broken"))
            async with nothing_left():
                with pytest.raises(RuntimeError, match="the server is broken"):
                    await websocket.wait_closed()

        run(main)

    @on_each_loop
    def test_it_can_be_given_up_and_messages_are_received_then(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a"))
            async with nothing_left():
                for _ in range(3):
                    assert not await current_loop().finishes(websocket.wait_closed, 0.001)
                assert await websocket.receive_text() == "a"
            assert is_direct(websocket, feed)

        run(main)

    @on_each_loop
    def test_it_works_before_the_accept_and_after_a_denial(self, run: Run) -> None:
        async def main() -> None:
            for act in ("leave", "deny"):
                feed = Feed(CONNECT)
                websocket = WebSocket(scope(), feed.receive, feed.send)
                async with nothing_left(), group() as start:
                    start(websocket.wait_closed)
                    await all_wait()
                    if act == "leave":
                        feed.put(bye(1006))
                    else:
                        await websocket.deny()
                assert websocket.closed_by == {"leave": "client", "deny": "application"}[act]

        run(main)
