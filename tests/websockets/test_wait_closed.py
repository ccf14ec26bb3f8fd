"""Waiting for the end of a connection, without a body."""

import pytest
from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, is_direct, opened, rest, texts
from helpers.loops import Run, all_wait, group, nothing_left, on_each_loop

from wsfsm import WebSocket
from wsfsm._loops import current_loop


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
