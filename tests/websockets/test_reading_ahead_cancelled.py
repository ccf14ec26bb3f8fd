"""A handler that is cancelled from outside, at each step: no message and no task is left behind."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import pytest
import trio
from helpers.cancellations import cancelled_after, choose_order
from helpers.feeds import Feed, bye, opened, texts
from helpers.loops import (
    Run,
    all_wait,
    forever,
    group,
    nothing_left,
    on_each_loop,
    on_trio,
    tasks,
    turn,
)
from helpers.uvicorn_server import in_time

from wsfsm import WebSocket, WebSocketDisconnect, WebSocketDisconnected

Handler: TypeAlias = Callable[[WebSocket, list[str]], Awaitable[None]]

pytestmark = pytest.mark.unmeasured

LETTERS = "abcdef"
STEPS = 80


async def receives(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect(buffer=2):
        while True:
            got.append(await websocket.receive_text())


async def receives_slowly(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect():
        while True:
            await turn()
            got.append(await websocket.receive_text())
            await turn()


async def pushes(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect():
        for _ in range(6):
            await websocket.send_text("tick")
    await websocket.wait_closed()


async def opens_blocks_in_turn(websocket: WebSocket, got: list[str]) -> None:
    for _ in LETTERS:
        async with websocket.until_disconnect(buffer=1):
            got.append(await websocket.receive_text())
        got.append(await websocket.receive_text())
        async with websocket.until_disconnect():
            await turn()


async def nests_blocks(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect(buffer=1):
        async with websocket.until_disconnect():
            got.append(await websocket.receive_text())
        got.append(await websocket.receive_text())
        async with websocket.until_disconnect():
            await websocket.wait_closed()


async def receives_in_a_child(websocket: WebSocket, got: list[str]) -> None:
    async def child() -> None:
        while True:
            got.append(await websocket.receive_text())

    async with websocket.until_disconnect():
        async with group() as start:
            start(child)
            await websocket.wait_closed()


async def receives_with_timeouts(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect():
        while True:
            try:
                got.append(await websocket.receive_text(timeout=0))
            except TimeoutError:
                await turn()


async def closes(websocket: WebSocket, got: list[str]) -> None:
    async with websocket.until_disconnect():
        got.append(await websocket.receive_text())
        await websocket.close()
        await forever()


HANDLERS: dict[str, Handler] = {
    handler.__name__.replace("_", " "): handler
    for handler in (
        receives,
        receives_slowly,
        pushes,
        opens_blocks_in_turn,
        nests_blocks,
        receives_in_a_child,
        receives_with_timeouts,
        closes,
    )
}


async def arrivals(feed: Feed, *, leaves: bool) -> None:
    for message in [*texts(*LETTERS), *([bye()] if leaves else [])]:
        await turn()
        await turn()
        feed.put(message)


async def session(handler: Handler, step: int, times: int, *, leaves: bool) -> bool:
    """Cancel a handler, and receive all that it has left."""
    websocket, feed = await opened()
    got: list[str] = []

    async def main() -> None:
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):  # outside a block
            await handler(websocket, got)

    before = tasks()
    async with group() as start:
        start(lambda: arrivals(feed, leaves=leaves))
        was_cancelled = await cancelled_after(main, step, times)
    assert tasks() == before
    assert feed.waiting == 0
    assert feed.most == 1
    if not leaves:
        feed.put(bye())
    while websocket.client_state.name == "CONNECTED" or "_reader" in vars(websocket):
        message = await websocket.receive()
        if message["type"] == "websocket.receive":
            got.append(message["text"])
    assert "".join(got) == LETTERS
    assert websocket._receive == feed.receive
    assert feed.left == 0
    return was_cancelled


@on_each_loop
@pytest.mark.parametrize(
    "times",
    [
        pytest.param(1, id="once"),
        *(
            pytest.param(times, id=name, marks=pytest.mark.long)
            for times, name in ((2, "twice"), (3, "three times"), (0, "by anyio"))
        ),
    ],
)
@pytest.mark.parametrize("leaves", [False, True], ids=["client stays", "client leaves"])
@pytest.mark.parametrize("name", HANDLERS)
def test_handler_that_is_cancelled_at_any_step_loses_nothing(
    run: Run, name: str, leaves: bool, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_order(monkeypatch, seed=f"{times}")

    async def main() -> int:
        async with nothing_left():
            step = 0
            while step < STEPS and await session(HANDLERS[name], step, times, leaves=leaves):
                step += 1
        return step

    assert run(main) > 5


@on_each_loop
@pytest.mark.parametrize("library", ["its own", "anyio"])
def test_timeout_around_a_block_ends_it_as_any_other(run: Run, library: str) -> None:
    async def main() -> None:
        websocket, feed = await opened(*texts("a"))

        async def block() -> None:
            async with websocket.until_disconnect():
                await forever()

        async with nothing_left():
            if library == "anyio":
                with anyio.move_on_after(0.001) as scope:
                    await block()
                assert scope.cancelled_caught
            else:
                with pytest.raises((TimeoutError, trio.TooSlowError)):
                    await timeout(block)
            assert feed.waiting == 0
            assert websocket.is_open
            assert await websocket.receive_text() == "a"

    run(main)


async def timeout(block: Callable[[], Awaitable[None]]) -> None:
    if on_trio():
        with trio.fail_after(0.001):
            await block()
    async with asyncio.timeout(0.001):
        await block()


@on_each_loop
def test_timeout_inside_a_block_ends_only_its_own_part(run: Run) -> None:
    async def main() -> None:
        websocket, feed = await opened()
        async with nothing_left():
            async with websocket.until_disconnect():
                for _ in range(3):
                    with anyio.move_on_after(0.001) as scope:
                        await forever()
                    assert scope.cancelled_caught
                    with pytest.raises(TimeoutError, match="receive_text"):
                        await websocket.receive_text(timeout=0.001)
                feed.put(bye())
                with anyio.fail_after(15):
                    await forever()
        assert websocket.close_code == 4001

    run(main)


def test_block_ends_if_all_tasks_are_cancelled() -> None:
    async def main() -> None:
        websocket, feed = await opened()
        ended: list[str] = []

        async def handler() -> None:
            try:
                async with websocket.until_disconnect():
                    await forever()
            finally:
                ended.append("handler")

        async with nothing_left():
            task = asyncio.create_task(handler())
            await all_wait()
            for each in asyncio.all_tasks() - {asyncio.current_task()}:
                each.cancel()
            await asyncio.wait([task])
        assert task.cancelled()
        assert ended == ["handler"]
        assert feed.waiting == 0

    in_time(main)


def test_block_ends_if_only_its_reader_is_cancelled() -> None:
    async def main() -> None:
        websocket, _ = await opened(*texts("a", "b"))

        async def handler() -> None:
            async with websocket.until_disconnect(buffer=1):
                await forever()

        async with nothing_left():
            before = asyncio.all_tasks()
            task = asyncio.create_task(handler())
            await all_wait()
            (reader,) = asyncio.all_tasks() - before - {task}
            reader.cancel()  # while it waits for room
            await asyncio.wait([task])
        assert task.cancelled()
        assert await websocket.receive_text() == "a"

    in_time(main)
