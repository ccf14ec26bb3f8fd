"""The chat rooms on every installed server, with clients that are reset in the middle of a broadcast."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import websockets
from helpers import known_servers
from helpers.asgi import ROOT
from helpers.known_servers import INSTALLED, command

from wsfsm.conformance.server.targets import RunningServer
from wsfsm.testing import SERVERS

pytestmark = [pytest.mark.long, pytest.mark.one_python]

FOLDER: Final = ROOT / "examples" / "chat"
MESSAGES: Final = 60
SIZE: Final = 100_000  # more than the buffers of a connection hold in all
CROWD: Final = 8


@attrs.frozen
class Room:
    """A chat room that runs on a server, with the clients that were in it."""

    server: RunningServer
    clients: list[websockets.ClientConnection] = attrs.field(factory=list)

    def url(self, token: str) -> str:
        return f"ws://{self.server.host}:{self.server.port}/chat?token={token}"

    async def join(self, token: str, **options: Any) -> websockets.ClientConnection:
        url = self.url(token)
        client = await websockets.connect(url, ping_interval=None, compression=None, **options)
        self.clients.append(client)
        return client

    async def join_without_reading(self, token: str) -> websockets.ClientConnection:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((self.server.host, self.server.port))
        return await self.join(token, sock=sock, max_queue=1)


def reset(client: websockets.ClientConnection) -> None:
    """End the transport by a TCP RST, as a client does whose process is killed."""
    if not client.transport.is_closing():
        sock = client.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.transport.abort()


@contextlib.asynccontextmanager
async def serving(name: str, module: str) -> AsyncIterator[Room]:
    async with known_servers.serving(command(name), f"{module}:app") as server:
        room = Room(server)
        try:
            yield room
        finally:
            for client in room.clients:
                reset(client)
                await client.wait_closed()


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER), str(ROOT)]))


@pytest.mark.parametrize("module", ["with_starlette", "with_wsfsm"])
@pytest.mark.parametrize("name", INSTALLED)
def test_the_room_survives(name: str, module: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(120), serving(name, module) as room:
            await play(room, name)
            printed = room.server.output_tail()
        assert "Traceback" not in printed

    asyncio.run(main())


@pytest.mark.parametrize(
    ("module", "line", "changed"),
    [
        (
            "with_starlette",
            "        async with asyncio.timeout(SLOW):\n            await websocket.close(",
            "        if True:\n            await websocket.close(",
        ),
        ("with_wsfsm", ', "too slow", timeout=SLOW)', ', "too slow")'),
    ],
    ids=["with_starlette", "with_wsfsm"],
)
def test_the_room_waits_for_a_slow_client_if_its_close_has_no_timeout(
    module: str, line: str, changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    assert code.count(line) == 1
    (tmp_path / "changed.py").write_text(code.replace(line, changed), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))

    async def main() -> None:
        async with serving("uvicorn-sansio", "changed") as room, asyncio.timeout(10):
            await play(room, "uvicorn-sansio")

    with pytest.raises(TimeoutError):
        asyncio.run(main())


async def play(room: Room, name: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as denied:
        await room.join("unknown")
    assert denied.value.response.status_code == (401 if SERVERS[name].denial else 403)

    ann = await room.join("a")
    crowd = [await room.join("b") for _ in range(CROWD)]
    slow = await room.join_without_reading("c")
    async with asyncio.TaskGroup() as tasks:
        listening = [tasks.create_task(listen(client)) for client in (ann, *crowd)]
        for number in range(MESSAGES):
            await ann.send(f"{number} {'x' * SIZE}")
            if number % 10 == 5 and len(crowd) > 3:
                reset(crowd.pop())
        await ann.send("last")
    heard = [task.result() for task in listening]
    numbers = [f"Ann: {number}" for number in range(MESSAGES)]
    for texts in (heard[0], *heard[1 : len(crowd) + 1]):
        assert [text for text in texts if text.startswith("Ann: ")] == [*numbers, "Ann: last"]
    for texts in heard[len(crowd) + 1 :]:  # those that were reset
        assert "Ann: last" not in texts

    reset(slow)
    leaves = heard[0].count("Cem leaves")
    while not leaves:
        leaves += await ann.recv() == "Cem leaves"


async def listen(client: websockets.ClientConnection) -> list[str]:
    """The texts that a client hears until the last one, or its end; of long ones, the beginning."""
    heard: list[str] = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while not heard or heard[-1] != "Ann: last":
            heard.append(str(await client.recv()).split(" x")[0])
    return heard
