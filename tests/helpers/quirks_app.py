"""Handlers with wsfsm's facade, which write what they see into a file, on any server.

The path of a request is the name of a handler and the name of a file in the folder of the environment
variable QUIRKS.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from wsfsm import WebSocket
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._futures import KeptFutures

FOLDER: Final = "QUIRKS"
GONE: Final = 0.5  # seconds after which the client of a test has left, and the server knows it
LONG: Final = 1.0  # seconds after which a receive that still waits does not return
START: Final[Message] = {"type": "websocket.http.response.start", "status": 404, "headers": []}
BODY: Final[Message] = {"type": "websocket.http.response.body", "body": b"no"}
TASKS: Final[set[asyncio.Task[None]]] = set()

Seen = list[str]


def shown(error: Exception) -> str:
    code = getattr(error, "code", None)
    if code is None:
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__} {code!r} {error.reason!r}"  # type: ignore[attr-defined]


async def see(call: Callable[[], Awaitable[Any]]) -> str:
    """The result of a call."""
    try:
        # a task, because the receive of a server need not be a coroutine function
        result = await asyncio.wait_for(asyncio.ensure_future(_call(call)), LONG)
    except TimeoutError:
        return "waits"
    except Exception as error:  # noqa: BLE001 - it is compared
        return shown(error)
    return f"returns {result!r}"


async def _call(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


async def _sends(websocket: WebSocket, seen: Seen) -> None:
    """Send until it fails, and receive if it does not."""
    for _ in range(5):
        result = await see(lambda: websocket.send_text("tick"))
        if result != "returns None":
            seen.append(f"send: {result}")
            return
        await asyncio.sleep(0.02)
    seen.append(f"receive: {await see(websocket.receive_text)}")


async def receives(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    seen.append(await see(websocket.receive_text))
    seen.append(await see(websocket.receive_text))
    seen.append(await see(lambda: websocket.send_text("late")))
    seen.append(await see(websocket.close))
    seen.append(f"{websocket.client_state.name}/{websocket.application_state.name}")


async def reads(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    text, data = websocket.receive_text, websocket.receive_bytes
    for method in (text, data, text, data):  # the last two are of the wrong kind
        seen.append((await see(method)).split(":")[0])
    seen.append(await asyncio.create_task(text()))


async def pushes(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    await asyncio.sleep(GONE)
    await _sends(websocket, seen)


async def accepts_late(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    await asyncio.sleep(GONE)
    accepted = await see(websocket.accept)
    if accepted == "returns None":
        await _sends(websocket, seen)
    else:
        seen.append(f"accept: {accepted}")


async def accepts_and_closes_late(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    await asyncio.sleep(GONE)
    if await see(websocket.accept) == "returns None":
        seen.append(await see(websocket.close))
    seen.append(websocket.application_state.name)


async def rejects_late(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    await asyncio.sleep(GONE)
    seen.append(await see(websocket.close))
    seen.append(websocket.application_state.name)


async def denies_late(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    await asyncio.sleep(GONE)
    for message in (START, BODY):
        seen.append(await see(lambda sent=message: websocket.send(sent)))  # type: ignore[misc]
        if seen[-1] != "returns None":
            break


async def waits_before_the_accept(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    seen.append(await see(websocket.receive))


async def receives_after_a_denial(websocket: WebSocket, seen: Seen) -> None:
    await websocket.receive()
    await websocket.send(START)
    await websocket.send(BODY)
    await asyncio.sleep(GONE)
    seen.append(await see(websocket.receive))


async def closes(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    receiving = asyncio.create_task(see(websocket.receive_text))
    await asyncio.sleep(0.1)
    seen.append(await see(lambda: websocket.close(4000, "bye")))
    seen.append(await receiving)


async def closes_late(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    await asyncio.sleep(GONE)
    seen.append(await see(websocket.close))
    seen.append(websocket.application_state.name)
    seen.append(await see(websocket.close))


async def closes_with_1008(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    seen.append(await see(lambda: websocket.close(1008)))


async def lets_the_close_fail(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    await websocket.close(1008)


async def is_bypassed(websocket: WebSocket, seen: Seen) -> None:
    """Have the disconnect received by somebody else, for example by a middleware."""
    await websocket.accept()
    await websocket._receive()
    seen.append(await see(lambda: websocket.send_text("late")))
    seen.append(await see(websocket.close))


async def returns(websocket: WebSocket, seen: Seen) -> None:
    """Leave a task behind, which sends after the handler has returned."""
    await websocket.accept()

    async def sends() -> None:
        await asyncio.sleep(GONE)
        seen.append(await see(lambda: websocket.send_text("late")))
        write(websocket.url.path, seen)

    task = asyncio.create_task(sends())
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)


async def sends_nothing(websocket: WebSocket, seen: Seen) -> None:
    await websocket.accept()
    await websocket.send_text("")
    await websocket.send_bytes(b"")
    await websocket.send_text("end")


async def shows_the_receive(websocket: WebSocket, seen: Seen) -> None:
    receive = websocket._receive
    # the facade keeps the futures of such a receive
    received = receive._receive() if isinstance(receive, KeptFutures) else receive()
    seen.append("a coroutine" if asyncio.iscoroutine(received) else "an awaitable")
    await received


def write(path_of_url: str, seen: Seen) -> None:
    path = Path(os.environ[FOLDER], path_of_url.rpartition("/")[2])
    path.with_suffix(".part").write_text(json.dumps(seen), encoding="utf-8")
    path.with_suffix(".part").rename(path)  # so that nothing reads a part


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        raise RuntimeError("only WebSockets")
    name = scope["path"].split("/")[1]
    seen: Seen = []
    try:
        await globals()[name](WebSocket(scope, receive, send), seen)
    except Exception as error:
        seen.append(f"fails: {shown(error)}")
        raise
    finally:
        if name != "returns":
            write(scope["path"], seen)
