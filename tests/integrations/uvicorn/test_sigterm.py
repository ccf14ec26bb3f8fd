"""A uvicorn that is told to stop, with a connection in every state."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator

from helpers.asgi import ROOT
from helpers.states_app import MESSAGES
from helpers.uvicorn_server import in_time
from helpers.wire import CLOSE, Client, connecting, frame, request

COMMAND = [
    sys.executable, "-m", "uvicorn", "helpers.states_app:app", "--app-dir", str(ROOT / "tests"),
    "--port", "0", "--lifespan", "off", "--no-access-log",
    "--ws", "wsfsm.integrations.uvicorn:WebSocketProtocol",
]  # fmt: skip


@contextlib.asynccontextmanager
async def uvicorn() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """uvicorn in a process of its own, and its address."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, cwd=ROOT, stdout=pipe, stderr=pipe)
    try:
        assert process.stderr is not None
        log = b""
        while (found := re.search(rb"http://(127\.0\.0\.1:\d+)", log)) is None:
            line = await process.stderr.readline()
            assert line, log
            log += line
        yield process, found[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def seen(client: Client) -> list[object]:
    """What a client sees to the end: status, then the code of a Close, or a body."""
    status, _ = await client.head()
    what: list[object] = [status]
    if status != 101:
        what.append(await client.rest())
    else:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                what.append((await client.close_frame())[0])
                if what[-1] == 1012:  # the other Close is left without an answer
                    client.write(frame(CLOSE))
    client.writer.close()
    return what


def test_sigterm_ends_each_connection_as_the_table_specifies() -> None:
    async def main() -> None:
        async with uvicorn() as (process, address), contextlib.AsyncExitStack() as stack:
            tasks: dict[str, asyncio.Task[list[object]]] = {}
            for state in MESSAGES:
                client = await stack.enter_async_context(connecting(address))
                client.write(request(target=f"/{state}".encode()))
                tasks[state] = asyncio.create_task(seen(client))
                assert process.stdout is not None
                assert await process.stdout.readline() == f"{state}\n".encode()
            await asyncio.sleep(0.1)  # what was sent has come
            process.send_signal(signal.SIGTERM)
            ends = {state: await task for state, task in tasks.items()}
            await process.wait()

        assert ends == {
            "CONNECTING": [503, b"Service Unavailable"],
            "DENIAL_HELD": [404, b"b"],
            "DENIAL_STREAMING": [404, b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"],
            "OPEN": [101, 1012],
            "CLOSING": [101, 4000],
        }

    in_time(main)
