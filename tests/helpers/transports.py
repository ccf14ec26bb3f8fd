"""uvicorn on every kind of transport and of loop, and clients that read and write at their own pace."""

import asyncio
import contextlib
import importlib.util
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme
import uvicorn

from helpers.uvicorn_server import started
from helpers.wire import Client, request

LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]
KINDS = ["TCP", "TLS", "Unix"]


def in_loop(name: str, main: Callable[[], Awaitable[None]], seconds: float = 30) -> None:
    """Run a test's coroutine in a kind of loop, for at most so many seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await main()

    factory: Any = asyncio.new_event_loop
    if name == "uvloop":
        import uvloop  # noqa: PLC0415 - where it is installed

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(bounded())


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


class Served:
    """A server, to which clients can connect.

    Args:
        server: The server.
        kind: The kind of its transports.
        address: Its host and port, or its path.
    """

    def __init__(self, server: uvicorn.Server, kind: str, address: Any) -> None:
        self.server = server
        self.kind = kind
        self.address = address

    @property
    def connections(self) -> set[Any]:
        """The connections of the server."""
        return self.server.server_state.connections

    @contextlib.asynccontextmanager
    async def client(
        self, *headers: tuple[bytes, bytes], room: int | None = None, opens: bool = True
    ) -> AsyncIterator[Client]:
        """A client that has asked for a WebSocket.

        Args:
            headers: More headers of its request.
            room: Bytes that the system keeps of what it does not read; None for the default.
            opens: Whether its handshake is completed.
        """
        sock = socket.socket(socket.AF_UNIX if self.kind == "Unix" else socket.AF_INET)
        sock.setblocking(False)
        if room is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        options: dict[str, Any] = {}
        if self.kind == "TLS":
            context = ssl.create_default_context()
            _authority().configure_trust(context)
            options = {"ssl": context, "server_hostname": "127.0.0.1"}
        client = Client(*await asyncio.open_connection(sock=sock, limit=2**12, **options))
        try:
            client.write(request(*headers))
            if opens:
                assert (await client.head())[0] == 101
            yield client
        finally:
            client.writer.transport.abort()


@contextlib.asynccontextmanager
async def served(kind: str, app: Any, **options: Any) -> AsyncIterator[Served]:
    """Serve an application on a kind of transports."""
    with TemporaryDirectory() as folder:
        if kind == "Unix":
            options["uds"] = str(Path(folder, "socket"))
        else:
            options |= {"host": "127.0.0.1", "port": 0}
        if kind == "TLS":
            path = Path(folder, "server.pem")
            certificate = _authority().issue_cert("127.0.0.1")
            certificate.private_key_and_cert_chain_pem.write_to_path(path)
            options["ssl_certfile"] = str(path)
        async with started(app, **options) as server:
            yield Served(server, kind, server.servers[0].sockets[0].getsockname())


def pause(client: Client) -> None:
    """Let a client read nothing more."""
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]


def half_close_below(client: Client) -> None:
    """Send FIN on the socket, for TLS without a close_notify."""
    sock = client.writer.get_extra_info("socket")
    with socket.fromfd(sock.fileno(), sock.family, sock.type) as same:
        same.shutdown(socket.SHUT_WR)
