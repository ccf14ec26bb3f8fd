"""One application on each installed server: its handlers end when the client leaves."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import websockets
from helpers.known_servers import INSTALLED, command, serving

from wsfsm.testing import SERVERS
from wsfsm.websockets._joint import End

pytestmark = [pytest.mark.long, pytest.mark.one_python]

ALL = [str(number) for number in range(500)]


def reset(sock: socket.socket) -> None:
    """Close with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@attrs.frozen
class Client:
    """Connections to a server, and the reports of its handlers."""

    address: str

    @contextlib.asynccontextmanager
    async def connected(self, name: str) -> AsyncIterator[Any]:
        async with websockets.connect(f"ws://{self.address}/{name}/{name}") as connection:
            assert await connection.recv() == "tick"
            yield connection

    async def report(self, name: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            async with websockets.connect(f"ws://{self.address}/report/{name}") as connection:
                report: dict[str, Any] = json.loads(await connection.recv())
        assert report.pop("error") == ""
        assert report.pop("left") == []
        return report

    async def reset(self, connection: Any) -> None:
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()


def ends(server: str, cause: Any, code: int, reason: str) -> dict[str, Any]:
    """How an application sees the end on a server."""
    end = End.by_client(SERVERS[server].disconnect(cause, code, reason))
    return {"code": end.code, "reason": end.reason, "closed_by": "client"}


async def leave_in_every_way(server: str, client: Client) -> None:
    closed, lost = ends(server, "client", 4001, "bye"), ends(server, "lost", 1006, "")

    for name, got in (("waits", ["a", "b"]), ("waits_closed", ["a", "b"]), ("pushes", [])):
        for how in ("closes", "resets"):
            async with client.connected(name) as connection:
                for text in got:
                    await connection.send(text)
                if how == "closes":
                    await connection.close(4001, "bye")
                else:
                    await asyncio.sleep(0.2)  # a reset deletes the messages on the way
                    await client.reset(connection)
            report = await client.report(name)
            if name == "pushes" and report["closed_by"] == "transport":  # a send has failed before
                assert report == {
                    "code": 1006, "reason": "", "closed_by": "transport", "got": [],
                }  # fmt: skip
                continue
            assert report == {**(closed if how == "closes" else lost), "got": got}, (name, how)


async def lose_nothing(client: Client, name: str) -> None:
    async with client.connected(name) as connection:
        for number, text in enumerate(ALL):
            await connection.send(text)
            if number % 7 == 0:
                await asyncio.sleep(0)
            if number % 50 == 0:
                await asyncio.sleep(0.01)
    report = await client.report(name)
    assert report["got"] == ALL, name


async def be_closed(client: Client, name: str, reason: str) -> None:
    async with client.connected(name) as connection:
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 4003  # daphne sends no reason
    report = await client.report(name)
    assert report == {"code": 4003, "reason": reason, "closed_by": "application", "got": []}


async def leave_before_the_accept(client: Client, host: str, port: int) -> None:
    sock = socket.create_connection((host, port))
    sock.sendall(
        b"GET /authenticates/authenticates HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await asyncio.sleep(0.3)
    reset(sock)
    report = await client.report("authenticates")
    assert report["closed_by"] == "client"


@pytest.mark.parametrize("server", INSTALLED)
def test_handlers_end_when_the_client_leaves_and_lose_no_message(server: str) -> None:
    async def main() -> None:
        async with serving(command(server), "helpers.leaving_app:app") as running:
            client = Client(f"{running.host}:{running.port}")
            await leave_in_every_way(server, client)
            await lose_nothing(client, "receives_in_blocks")
            await lose_nothing(client, "receives_with_timeouts")
            await be_closed(client, "closes", "kicked")
            await be_closed(client, "closes_after_a_block", "done")
            if SERVERS[server].reports_early_loss:
                await leave_before_the_accept(client, running.host, running.port)
            await asyncio.sleep(0.2)
            output = running.output_tail()
            assert "Traceback" not in output
            assert "never retrieved" not in output

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await main()

    asyncio.run(bounded())
