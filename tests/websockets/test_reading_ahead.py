"""Messages that are received ahead of the application: none is lost, and all keep their order."""

import pytest
from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, is_direct, opened, rest, text, texts
from helpers.loops import Run, all_wait, forever, group, nothing_left, on_each_loop, turn

from wsfsm import ConnectionClosed, IllegalTransition, WebSocket, WebSocketDisconnect
from wsfsm.types import Message
from wsfsm.websockets._read_ahead import BUFFER

LETTERS = "abcdefgh"


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

    @on_each_loop
    def test_inner_block_with_a_smaller_buffer_leaves_the_room_as_it_is(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b"))
            async with nothing_left(), websocket.until_disconnect(buffer=3):
                async with websocket.until_disconnect(buffer=1):
                    await all_wait()
                    assert feed.left == 0
                    feed.put(bye())
                    await forever()
            assert await rest(websocket) == "ab"

        run(main)
