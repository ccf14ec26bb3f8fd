"""An application whose handlers run until the client leaves, and report how they ended.

The path ``/NAME/ID`` runs a handler; ``/report/ID`` waits for its end, and sends what it reports.
"""

import asyncio
from collections import defaultdict
from typing import Any

import wsfsm

reports: defaultdict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)


async def pushes(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Only send."""
    await websocket.accept()
    async with websocket.until_disconnect():
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.01)


async def waits(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Neither send nor receive."""
    await websocket.accept()
    await websocket.send_text("tick")
    async with websocket.until_disconnect():
        await asyncio.Event().wait()
    got.extend([message async for message in websocket.iter_text()])


async def waits_closed(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Wait for the end, and receive the messages before it."""
    await websocket.accept()
    await websocket.send_text("tick")
    await websocket.wait_closed()
    got.extend([message async for message in websocket.iter_text()])


async def authenticates(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Wait before the accept."""
    async with websocket.until_disconnect():
        await asyncio.Event().wait()


async def receives_in_blocks(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Receive inside many short blocks, between them, and after them."""
    await websocket.accept()
    await websocket.send_text("tick")
    for number in range(300):
        async with websocket.until_disconnect(buffer=1 + number % 3):
            for _ in range(number % 4):
                await asyncio.sleep(0)
            if number % 2:
                got.append(await websocket.receive_text())
        if websocket.is_open and number % 3 == 0:
            got.append(await websocket.receive_text())
    got.extend([message async for message in websocket.iter_text()])


async def receives_with_timeouts(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Receive, and give up each time that nothing has arrived."""
    await websocket.accept()
    await websocket.send_text("tick")
    while websocket.is_open:
        try:
            got.append(await websocket.receive_text(timeout=0.001))
        except TimeoutError:
            await asyncio.sleep(0)
        except wsfsm.WebSocketDisconnect:
            break


async def closes(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Close the connection by another task."""

    async def kick() -> None:
        await asyncio.sleep(0.1)
        await websocket.close(4003, "kicked")

    await websocket.accept()
    await websocket.send_text("tick")
    kicking = asyncio.create_task(kick())
    async with websocket.until_disconnect():
        await asyncio.Event().wait()
    await kicking


async def closes_after_a_block(websocket: wsfsm.WebSocket, got: list[str]) -> None:
    """Close the connection when no block reads ahead any more."""
    await websocket.accept()
    await websocket.send_text("tick")
    async with websocket.until_disconnect():
        await asyncio.sleep(0.05)
    await websocket.close(4003, "done")


async def run(websocket: wsfsm.WebSocket) -> None:
    """Run the handler that the path names."""
    _, name, number = websocket.scope["path"].split("/")
    if name == "report":
        await websocket.accept()
        await websocket.send_json(await reports[number].get())
        return
    got: list[str] = []
    error = ""
    before = asyncio.all_tasks()
    try:
        await globals()[name](websocket, got)
    except BaseException as caught:
        error = repr(caught)
        raise
    finally:
        left = [repr(task) for task in asyncio.all_tasks() - before if "_loops.py" in repr(task)]
        report = {
            "code": websocket.close_code,
            "reason": websocket.close_reason,
            "closed_by": websocket.closed_by,
            "got": got,
            "error": error,
            "left": left,
        }
        reports[number].put_nowait(report)


app = wsfsm.asgi(run)
