"""A second task that receives: it is refused, and the error names the first."""

import subprocess
import sys

import pytest
from helpers.feeds import Feed, text
from helpers.loops import Run, all_wait, group, on_both

from wsfsm import WebSocket
from wsfsm.testing import connect
from wsfsm.websockets._exclusive import ExclusiveReceive, task_name

REFUSED = r"The task '.+' cannot receive, because the task '.+' waits for the next message already"


@on_both
class TestExclusiveReceive:
    def test_second_task_is_refused_and_the_first_gets_the_message(self, run: Run) -> None:
        got = []

        async def main() -> None:
            feed = Feed()
            receive = ExclusiveReceive(feed.receive)

            async def first() -> None:
                got.append(await receive())

            async with group() as start:
                start(first)
                await all_wait()
                with pytest.raises(RuntimeError, match=REFUSED):
                    await receive()
                feed.put(text("a"))
            feed.put(text("b"))
            got.append(await receive())

        run(main)

        assert got == [text("a"), text("b")]

    def test_it_is_in_the_client_of_the_tests(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()

            async def first() -> None:
                assert await websocket.receive_text() == "a"

            async with group() as start:
                start(first)
                await all_wait()
                with pytest.raises(RuntimeError, match=REFUSED):
                    await websocket.receive_text()
                await websocket.send_text("refused")

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.receive_text() == "refused"
                await client.send_text("a")

        run(main)


def test_task_without_an_event_loop_has_no_name() -> None:
    assert task_name() == "?"


@pytest.mark.parametrize(
    ("options", "refused"), [([], False), (["-X", "dev"], True)], ids=["by default", "dev"]
)
def test_every_connection_is_checked_in_the_development_mode(
    options: list[str], refused: bool
) -> None:
    program = """
import asyncio
from wsfsm import WebSocket

async def main():
    queue = asyncio.Queue()
    queue.put_nowait({"type": "websocket.connect"})
    async def send(message): pass
    websocket = WebSocket({"type": "websocket", "path": "/", "headers": []}, queue.get, send)
    await websocket.accept()
    first = asyncio.create_task(websocket.receive_text(), name="first")
    await asyncio.sleep(0)
    try:
        await websocket.receive_text(0.01)
    except (RuntimeError, TimeoutError) as error:
        print(type(error).__name__, error)
    first.cancel()

asyncio.run(main())
"""
    done = subprocess.run(  # noqa: S603 - a program of this test
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.startswith("RuntimeError The task 'Task-1'" if refused else "TimeoutError")
    assert ("because the task 'first' waits" in done.stdout) is refused
