"""Messages that a handler does not receive in a block that reads ahead: kept, waited for, or thrown away."""

import asyncio
import gc
import weakref

import pytest
from helpers.feeds import bye, opened, text, texts
from helpers.loops import Run, all_wait, forever, group, on_both
from helpers.uvicorn_server import in_time

WARNING = (
    "until_disconnect() keeps 2 messages that the application has not received, and waits, so it "
)


@on_both
class TestFullBuffer:
    def test_handler_that_has_received_nothing_is_warned_of_once(
        self, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts("a", "b", "c"))
            async with websocket.until_disconnect(buffer=2):
                await all_wait()
                assert feed.left == 1
            async with websocket.until_disconnect(buffer=2):
                await all_wait()

        run(main)

        (message,) = caplog.messages
        assert message.startswith(WARNING)

    def test_handler_that_receives_is_not_warned_of(
        self, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            websocket, _feed = await opened(*texts("a"))
            async with websocket.until_disconnect(buffer=2):
                assert await websocket.receive_text() == "a"
                _feed.put(*texts("b", "c", "d"))
                await all_wait()

        run(main)

        assert caplog.messages == []


@on_both
class TestWithoutBuffer:
    def test_messages_are_thrown_away_and_the_disconnect_is_seen(self, run: Run) -> None:
        async def main() -> None:
            websocket, feed = await opened(*texts(*map(str, range(200))), bye())
            async with websocket.until_disconnect(buffer=0):
                await forever()
            assert (feed.left, websocket.close_code) == (0, 4001)

        run(main)

    def test_message_that_the_application_waits_for_is_not_thrown_away(self, run: Run) -> None:
        got = []

        async def main() -> None:
            websocket, feed = await opened(text("early"))
            async with websocket.until_disconnect(buffer=0):
                await all_wait()

                async def first() -> None:
                    got.append(await websocket.receive_text())

                async with group() as start:
                    start(first)
                    await all_wait()
                    feed.put(text("awaited"))

        run(main)

        assert got == ["awaited"]


@on_both
class TestObjects:
    @pytest.mark.one_python  # contextlib of CPython 3.12 and 3.13 leaves one
    def test_connection_leaves_no_cycle_behind(self, run: Run) -> None:
        async def main() -> "weakref.ref[object]":
            websocket, _feed = await opened(text("a"), bye())
            async with websocket.until_disconnect():
                await forever()
            return weakref.ref(websocket)

        gc.collect()
        gc.disable()
        try:
            assert run(main)() is None
        finally:
            gc.enable()

    def test_messages_that_were_kept_outlive_the_object(self, run: Run) -> None:
        async def main() -> None:
            websocket, _feed = await opened(text("a"))
            async with websocket.until_disconnect():
                await all_wait()
            receive = websocket._receive
            del websocket
            assert await receive() == text("a")

        run(main)


def test_reader_ends_although_the_server_swallows_its_cancellation() -> None:
    async def main() -> None:
        websocket, feed = await opened()
        swallowed = text("swallowed")
        real = feed.receive

        async def receive() -> object:
            try:
                return await real()
            except asyncio.CancelledError:
                feed.put(text("next"))
                return swallowed

        websocket._receive = receive
        async with websocket.until_disconnect():
            await all_wait()
        assert await websocket.receive_text() == "swallowed"

    in_time(main)


@on_both
def test_base_exception_of_the_server_reaches_only_the_application(run: Run) -> None:
    class Failed(BaseException):
        pass

    async def main() -> None:
        websocket, _feed = await opened(Failed())
        with pytest.raises(Failed):
            async with websocket.until_disconnect():
                await forever()

    run(main)
