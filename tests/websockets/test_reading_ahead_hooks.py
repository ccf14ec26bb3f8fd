"""Reading ahead where an application, or a server, has callables of its own."""

import asyncio
import contextvars
from typing import Any

from helpers.asgi import scope
from helpers.connections import CONNECT
from helpers.feeds import Feed, bye, is_direct, opened, rest, text, texts
from helpers.loops import Run, forever, nothing_left, on_each_loop, turn
from helpers.uvicorn_server import in_time

from wsfsm import WebSocket
from wsfsm.types import Message


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
