"""A WebSocket server for ASGI applications in one file, on the protocol core of wsfsm.

    python examples/minimal_server.py echo:app --app-dir examples

h11 reads and writes HTTP, and wsfsm.integrations.frames reads and writes frames. The core decides which
events are allowed and which commands follow. docs/servers.md explains it in detail.

To stay short, this server omits some things that yours should have: TLS (under which there is no FIN of
one side), a turn for the application before an error in later frames is reported, a limit for clients that
send Pings and do not read, waking tasks that wait in send() at the end of the connection, pauses between
repeated disconnects, the progress of slow peers, and a valid end after an error of the server itself.
"""

import argparse
import asyncio
import contextlib
import importlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import h11
from websockets.utils import accept_key

from wsfsm.integrations import frames
from wsfsm.integrations.frames import FrameReader, control_frame, data_frame
from wsfsm.server import BadHandshake, Policies, ServerConnection, commands
from wsfsm.server.commands import Command, Timer
from wsfsm.types import Message, Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
log = logging.getLogger("server")


class Connection:
    """One connection: reports events to the core, and carries out its commands."""

    def __init__(
        self, app: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.app, self.reader, self.writer = app, reader, writer
        self.core = ServerConnection(Policies())
        self.http = h11.Connection(h11.SERVER)
        self.frames = FrameReader(max_size=self.core.policies.max_message_size)
        self.take: Callable[[bytes], None] = self.take_head
        self.timers: dict[Timer, asyncio.TimerHandle] = {}
        self.changed = asyncio.Event()  # set after every change, so that waiting tasks check again
        self.task: asyncio.Task[None] | None = None
        self.is_head = False  # whether the request is HEAD, so that a response must not have a body

    # From the client

    async def run(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(2**16):
                self.take(data)
                await self.until_wanted()
                while self.frames.has_more:
                    await asyncio.sleep(0)  # give other tasks a turn
                    self.take_frames(b"")
                    await self.until_wanted()
            self.do(self.core.receive_eof())
            self.writer.close()  # the client has closed its side; close ours after all is written
            await self.writer.wait_closed()
        self.do(self.core.connection_lost())
        if self.task is not None:
            await asyncio.wait([self.task])

    def take_head(self, data: bytes) -> None:
        try:
            self.http.receive_data(data)
            request = self.http.next_event()
        except h11.RemoteProtocolError as error:
            self.take = lambda _: None
            self.do(self.core.receive_bad_request(BadHandshake(str(error))))
            return
        if isinstance(request, h11.Request):
            self.take = self.take_early
            self.request, self.is_head = request, request.method == b"HEAD"
            version = request.http_version.decode()
            self.do(self.core.receive_request(request.method, request.headers, version))
            if early := bytes(self.http.trailing_data[0]):
                self.take(early)

    def take_early(self, data: bytes) -> None:
        self.do(self.core.receive_early_data(data))

    def take_frames(self, data: bytes) -> None:
        for event in self.frames.read(data):
            match event:
                case frames.Ping(payload):
                    self.do(self.core.receive_ping(payload))
                case frames.Pong(payload):
                    self.do(self.core.receive_pong(payload))
                case frames.Close(code, reason):
                    self.do(self.core.receive_close(code, reason))
                case frames.Failure(code, reason):
                    self.do(self.core.receive_error(code, reason))
                case message:
                    self.do(self.core.receive_message(message))

    async def until_wanted(self) -> None:
        while not self.core.should_read:  # too much waits for the application
            await self.wait()

    # From the application

    async def run_application(self) -> None:
        target, _, query = self.request.target.partition(b"?")
        scope: Scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "scheme": "ws",
            "path": unquote(target.decode("ascii")),
            "raw_path": target,
            "query_string": query,
            "headers": list(self.request.headers),
            "subprotocols": list(self.core.handshake.subprotocols if self.core.handshake else ()),
            "extensions": {"websocket.http.response": {}},
        }
        try:
            await self.app(scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - the core decides what to do
            self.do(self.core.application_raised(error))
        else:
            self.do(self.core.application_returned())

    async def receive(self) -> Message:
        while (message := self.core.next_message()) is None:
            await self.wait()
        self.changed.set()  # there may be room again
        return message

    async def send(self, message: Message) -> None:
        self.do(self.core.send(message))
        with contextlib.suppress(ConnectionError):  # run() notices it too
            await self.writer.drain()

    async def wait(self) -> None:
        self.changed.clear()
        await self.changed.wait()

    # Commands of the core

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            self.do_one(command)
        self.changed.set()

    def do_one(self, command: Command) -> None:  # noqa: C901, PLR0912 - one case for each command
        match command:
            case commands.StartApplication():
                self.task = asyncio.create_task(self.run_application())
            case commands.SendHandshake(subprotocol, headers):
                key = self.core.handshake.key.decode() if self.core.handshake else ""
                headers += ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
                headers += ((b"sec-websocket-accept", accept_key(key).encode()),)
                if subprotocol is not None:
                    headers += ((b"sec-websocket-protocol", subprotocol.encode()),)
                self.http_send(h11.InformationalResponse(status_code=101, headers=[*headers]))
            case commands.ReadFrames(held):
                self.take = self.take_frames
                self.take(held)
            case commands.SendResponse(status, headers, body):
                has_length = any(name == b"content-length" for name, _ in headers)
                if not has_length and status not in (204, 304):
                    headers += ((b"content-length", b"%d" % len(body)),)
                self.do_one(commands.StartResponse(status, headers))
                self.do_one(commands.SendBody(b"" if self.is_head else body, more_body=False))
            case commands.StartResponse(status, headers):
                headers += ((b"connection", b"close"),)
                self.http_send(h11.Response(status_code=status, headers=[*headers]))
            case commands.SendBody(body, more_body):
                self.http_send(h11.Data(data=body))
                if not more_body:
                    self.http_send(h11.EndOfMessage())
            case commands.SendText(payload) | commands.SendBytes(payload):
                self.writer.write(data_frame(payload, isinstance(command, commands.SendText)))
            case commands.SendPing() | commands.SendPong() | commands.SendClose():
                self.writer.write(control_frame(command))
            case commands.CloseTransport():
                with contextlib.suppress(OSError):  # the client is gone already
                    self.writer.write_eof()
            case commands.AbortTransport():
                self.writer.transport.abort()
            case commands.StartTimer(timer, seconds):
                loop = asyncio.get_running_loop()
                self.timers[timer] = loop.call_later(seconds, self.fire, timer)
            case commands.StopTimer(timer):
                if timer in self.timers:
                    self.timers.pop(timer).cancel()
            case commands.LogError(text):
                log.error(text)
            case commands.LogException(text, exception):
                log.error(text, exc_info=exception)

    def http_send(self, event: h11.Event) -> None:
        self.writer.write(self.http.send(event) or b"")

    def fire(self, timer: Timer) -> None:
        del self.timers[timer]
        self.do(self.core.timeout(timer))


@contextlib.asynccontextmanager
async def serving(app: Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application. At the end, shut down the server and all connections."""
    connections: dict[Connection, asyncio.Task[None]] = {}

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(app, reader, writer)
        connections[connection] = task = asyncio.create_task(connection.run())
        task.add_done_callback(lambda _: connections.pop(connection))

    server = await asyncio.start_server(connected, host, port)
    try:
        name, port = server.sockets[0].getsockname()[:2]
        yield f"{name}:{port}"
    finally:
        server.close()
        for connection in connections:
            connection.do(connection.core.shutdown())
        await asyncio.gather(*connections.values())


async def main(options: argparse.Namespace) -> None:
    sys.path.insert(0, options.app_dir)
    module, _, name = options.app.partition(":")
    app: Any = importlib.import_module(module)
    for part in name.split("."):
        app = getattr(app, part)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(app, options.host, options.port) as address:
        print(f"ws://{address}", flush=True)  # noqa: T201 - a command prints
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("app", help="an ASGI application, as module:name")
    parser.add_argument("--app-dir", default=".", help="the folder of the module")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    asyncio.run(main(parser.parse_args()))
