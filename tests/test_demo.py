"""The demo without a browser: a session, the application, the server."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import websockets
from connections import BINARY, BYE, CONNECT, TEXT
from serving import in_time, serving
from support import ROOT, Server, run, scope

from wsfsm.cli import main
from wsfsm.demo import DemoError, Session, application, serve
from wsfsm.demo.session import ABORT
from wsfsm.websockets import WebSocket

STATIC = ROOT / "wsfsm" / "demo" / "static"


class Stage:
    """A session with a connection, and everything that it has told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.session = Session(self.told.append)
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.server = Server()
        self.aborted = False

    def websocket(self) -> WebSocket:
        extensions = {"websocket.http.response": {}, ABORT: lambda: setattr(self, "aborted", True)}
        return WebSocket(scope(extensions=extensions), self.incoming.get, self.server.send)

    async def settle(self) -> None:
        """Let every task go as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def receive(self, message: Any) -> None:
        self.incoming.put_nowait(message)
        await self.settle()

    async def do(self, what: str, **values: Any) -> None:
        await self.session.perform({"do": what, **values})
        await self.settle()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [told["entry"] for told in self.told if "entry" in told]

    @property
    def state(self) -> dict[str, Any]:
        return next(told["state"] for told in reversed(self.told) if "state" in told)

    @property
    def errors(self) -> list[str]:
        return [told["error"] for told in self.told if "error" in told]


@contextlib.asynccontextmanager
async def staged(*, connected: bool = True) -> AsyncIterator[Stage]:
    stage = Stage()
    task = asyncio.create_task(stage.session.run(stage.websocket()))
    await stage.settle()
    if connected:
        await stage.receive(CONNECT)
    try:
        yield stage
    finally:
        stage.session.end()
        await task


def play(scenario: Callable[[Stage], Any], *, connected: bool = True) -> None:
    async def whole() -> None:
        async with staged(connected=connected) as stage:
            await scenario(stage)

    in_time(whole)


class TestSession:
    def test_it_receives_by_itself_and_tells_states_and_what_is_allowed(self) -> None:
        async def scenario(stage: Stage) -> None:
            assert stage.entries[-1] == {
                "side": "client",
                "event": "websocket.connect",
                "detail": "",
                "before": ("CONNECTING", "CONNECTING"),
                "after": ("CONNECTED", "CONNECTING"),
                "edge": "client-CONNECTING-websocket.connect",
                "error": None,
            }
            assert stage.state == {
                "client": "CONNECTED",
                "application": "CONNECTING",
                "allowed": (
                    "websocket.accept",
                    "websocket.close",
                    "websocket.http.response.start",
                ),
            }

        play(scenario)

    @pytest.mark.parametrize(
        ("before", "command", "message"),
        [
            ([], {"do": "accept"}, {"type": "websocket.accept"}),
            (
                [],
                {"do": "accept", "subprotocol": "chat"},
                {"type": "websocket.accept", "subprotocol": "chat"},
            ),
            (["accept"], {"do": "text", "text": "x"}, {"type": "websocket.send", "text": "x"}),
            (["accept"], {"do": "bytes", "text": "x"}, {"type": "websocket.send", "bytes": b"x"}),
            (
                ["accept"],
                {"do": "close", "code": 4000, "reason": "r"},
                {"type": "websocket.close", "code": 4000, "reason": "r"},
            ),
            (
                ["start"],
                {"do": "body", "text": "no", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
            ),
        ],
    )
    def test_a_command_sends_its_message(
        self, before: list[str], command: dict[str, Any], message: dict[str, Any]
    ) -> None:
        async def scenario(stage: Stage) -> None:
            for step in before:
                await stage.do(step)
            await stage.do(what=command.pop("do"), **command)
            assert stage.server.sent[-1] == message
            assert stage.entries[-1]["error"] is None
            assert stage.entries[-1]["edge"] is not None

        play(scenario)

    def test_a_refused_message_is_told_with_its_error_and_sends_nothing(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("text", text="too early")
            entry = stage.entries[-1]
            assert entry["error"]["type"] == "IllegalTransition"
            assert entry["error"]["text"].startswith("Expected ASGI message")
            assert entry["before"] == entry["after"] == ("CONNECTED", "CONNECTING")
            assert entry["edge"] is None
            assert stage.server.sent == []

        play(scenario)

    def test_it_echoes_while_that_is_switched_on(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.receive(TEXT)  # not accepted yet: nothing is echoed
            await stage.do("accept")
            await stage.receive(TEXT)
            await stage.receive(BINARY)
            await stage.receive({"type": "websocket.receive"})
            await stage.do("echo", on=False)
            await stage.receive(TEXT)
            assert stage.server.sent[1:] == [
                {"type": "websocket.send", "text": "hello"},
                {"type": "websocket.send", "bytes": b"\x00\xff"},
            ]

        play(scenario)

    def test_the_end_of_the_connection_ends_it(self) -> None:
        async def whole() -> None:
            stage = Stage()
            stage.incoming.put_nowait(CONNECT)
            stage.incoming.put_nowait(BYE)
            await stage.session.run(stage.websocket())
            assert stage.state["client"] == "DISCONNECTED"
            await stage.do("text", text="too late")
            assert stage.entries[-1]["error"]["type"] == "ConnectionClosed"

        in_time(whole)

    def test_what_the_server_does_wrong_is_told_and_ends_it(self) -> None:
        async def whole() -> None:
            stage = Stage()
            stage.incoming.put_nowait(TEXT)
            await stage.session.run(stage.websocket())
            assert stage.entries[-1]["error"]["type"] == "IllegalTransition"

        in_time(whole)

    def test_the_loss_of_the_transport_is_an_event_of_the_application(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            stage.server.failing = OSError()
            await stage.do("text", text="x")
            entry = stage.entries[-1]
            assert entry["event"] == "transport lost"
            assert entry["edge"] == "application-CONNECTED-transport%20lost"
            assert entry["error"]["type"] == "WebSocketDisconnect"
            assert entry["after"] == ("DISCONNECTED", "DISCONNECTED")
            await stage.receive(BYE)
            assert stage.entries[-1]["event"] == "websocket.disconnect"

        play(scenario)

    def test_an_error_of_the_server_is_shown(self) -> None:
        async def scenario(stage: Stage) -> None:
            stage.server.failing = KeyError("the server's own")
            await stage.do("accept")
            assert stage.entries[-1]["error"] == {"type": "KeyError", "text": '"the server\'s own"'}

        play(scenario)

    def test_receiving_by_hand(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("receive")
            assert stage.errors == ["the application is receiving already"]
            await stage.do("reading", on=False)
            stage.incoming.put_nowait(CONNECT)
            await stage.settle()
            assert stage.entries == []
            await stage.do("receive")
            assert stage.entries[-1]["event"] == "websocket.connect"
            await stage.do("reading", on=True)
            await stage.do("reading", on=True)
            await stage.receive(TEXT)
            assert stage.entries[-1]["event"] == "websocket.receive"

        play(scenario, connected=False)

    def test_a_connection_may_start_without_reading(self) -> None:
        async def whole() -> None:
            stage = Stage()
            await stage.do("reading", on=False)
            await stage.do("reading", on=True)
            await stage.do("reading", on=False)
            task = asyncio.create_task(stage.session.run(stage.websocket()))
            await stage.receive(CONNECT)
            assert stage.entries == []
            stage.session.end()
            await task

        in_time(whole)

    def test_a_new_connection_takes_the_place_of_the_old(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("accept")
            second = asyncio.create_task(stage.session.run(stage.websocket()))
            await stage.settle()
            assert stage.state["application"] == "CONNECTING"
            stage.session.end()
            await second

        play(scenario)

    def test_it_cuts_the_connection_where_the_server_offers_that(self) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.do("drop")
            assert stage.aborted
            assert stage.entries[-1]["event"] == "cut off"

        play(scenario)

    @pytest.mark.parametrize(
        ("command", "error"),
        [
            ({"do": "drop"}, "no connection to drop"),
            ({"do": "receive"}, "no connection to receive from"),
            ({"do": "text", "text": "x"}, "no connection: open one"),
            ({"do": "dance"}, "no command 'dance'"),
            ({}, "no command None"),
            ({"do": "text"}, "text: .*missing"),
            ({"do": "text", "text": "x", "loud": True}, "text: .*unexpected"),
        ],
    )
    def test_a_command_that_cannot_be_done_is_told(
        self, command: dict[str, Any], error: str
    ) -> None:
        stage = Stage()

        run(stage.session.perform(command))

        assert re.search(error, stage.errors[-1])

    @pytest.mark.parametrize(
        "command",
        [
            {"do": "close", "code": "x"},
            {"do": "text", "text": 5},
            {"do": "accept", "subprotocol": 5},
        ],
    )
    def test_a_malformed_message_is_told_and_not_sent(self, command: dict[str, Any]) -> None:
        async def scenario(stage: Stage) -> None:
            await stage.session.perform(command)
            assert stage.entries[-1]["error"]["type"] == "MalformedMessage"
            assert stage.server.sent == []

        play(scenario)


class Page:
    """A page's control channel, as a client that is not a browser."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        url = f"ws://{self.address}/control"
        async with websockets.connect(url, origin=self.origin) as control:
            self.session = json.loads(await control.recv())["session"]
            yield control

    @property
    def origin(self) -> Any:
        return f"http://{self.address}"

    async def entry(self, control: Any, event: str) -> dict[str, Any]:
        while True:
            told = json.loads(await control.recv())
            if told.get("entry", {}).get("event") == event:
                entry: dict[str, Any] = told["entry"]
                return entry


class TestApplication:
    def test_a_page_steers_the_connection_that_it_opens(self) -> None:
        async def whole() -> None:
            async with serving(application) as address:
                page = Page(address)
                async with page.open() as control:
                    url = f"ws://{address}/connection/{page.session}"
                    opening = asyncio.create_task(websockets.connect(url).__aenter__())
                    await page.entry(control, "websocket.connect")
                    await control.send('{"do": "accept"}')
                    client = await opening
                    await client.send("hello")
                    assert await client.recv() == "hello"
                    await client.close(4001, "bye")
                    ended = await page.entry(control, "websocket.disconnect")
                    assert ended["detail"] == "code=4001, reason='bye'"

        in_time(whole)

    @pytest.mark.parametrize("command", ["no JSON", "[1]", '"x"'])
    def test_what_is_no_command_is_answered(self, command: str) -> None:
        async def whole() -> None:
            async with serving(application) as address, Page(address).open() as control:
                await control.send(command)
                assert json.loads(await control.recv()) == {"error": "a command is a JSON object"}

        in_time(whole)

    def test_a_binary_command_ends_the_channel(self) -> None:
        async def whole() -> None:
            async with serving(application) as address, Page(address).open() as control:
                await control.send(b"x")
                await control.wait_closed()
                assert control.close_code == 1003

        in_time(whole)

    @pytest.mark.parametrize("origin", [None, "http://elsewhere.example"])
    def test_a_page_from_elsewhere_cannot_steer(self, origin: Any) -> None:
        async def whole() -> None:
            async with serving(application) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/control", origin=origin)

        in_time(whole)

    def test_there_are_only_so_many_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules["wsfsm.demo.application"], "SESSIONS", 0)

        async def whole() -> None:
            async with serving(application) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/control", origin=Page(address).origin)

        in_time(whole)

    def test_a_page_that_does_not_read_misses_the_oldest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.modules["wsfsm.demo.application"], "BACKLOG", 2)

        async def whole() -> None:
            incoming: asyncio.Queue[Any] = asyncio.Queue()
            host = [(b"host", b"h"), (b"origin", b"http://h")]
            sent: list[Any] = []
            gate = asyncio.Event()

            async def send(message: Any) -> None:
                sent.append(message)
                if message["type"] == "websocket.send":
                    await gate.wait()

            commands = [{"type": "websocket.receive", "text": f'{{"do": {i}}}'} for i in range(6)]
            for message in (CONNECT, *commands):
                incoming.put_nowait(message)
            page = asyncio.create_task(
                application(scope(path="/control", headers=host), incoming.get, send)
            )
            while not incoming.empty():  # noqa: ASYNC110 - the queue has no such event
                await asyncio.sleep(0)
            gate.set()
            incoming.put_nowait(BYE)
            await page
            told = [m["text"] for m in sent if m["type"] == "websocket.send"]
            assert len(told) <= 4

        in_time(whole)

    def test_a_connection_for_nobody_is_rejected(self) -> None:
        async def whole() -> None:
            async with serving(application) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/connection/none")

        in_time(whole)

    @pytest.mark.parametrize(
        ("method", "path", "status", "kind"),
        [
            ("GET", "/", 200, b"text/html; charset=utf-8"),
            ("HEAD", "/", 200, b"text/html; charset=utf-8"),
            ("GET", "/demo.js", 200, b"text/javascript; charset=utf-8"),
            ("GET", "/client.svg", 200, b"image/svg+xml"),
            ("GET", "/nothing", 404, b"text/plain; charset=utf-8"),
            ("GET", "/../session.py", 404, b"text/plain; charset=utf-8"),
            ("POST", "/", 405, b"text/plain; charset=utf-8"),
        ],
    )
    def test_it_serves_its_own_files_and_nothing_else(
        self, method: str, path: str, status: int, kind: bytes
    ) -> None:
        server = Server()
        run(
            application(
                {"type": "http", "method": method, "path": path}, server.receive, server.send
            )
        )
        start, body = server.sent

        assert start["status"] == status
        headers = dict(start["headers"])
        assert headers[b"content-type"] == kind
        assert b"default-src 'self'" in headers[b"content-security-policy"]
        assert (body["body"] == b"") == (method == "HEAD")
        assert method == "HEAD" or int(headers[b"content-length"]) == len(body["body"])

    def test_every_file_is_served(self) -> None:
        pages = sys.modules["wsfsm.demo.application"]._PAGES

        assert {name for name, _ in pages.values()} == {path.name for path in STATIC.iterdir()}

    def test_another_scope_is_refused(self) -> None:
        server = Server()

        with pytest.raises(RuntimeError, match="'lifespan'"):
            run(application({"type": "lifespan"}, server.receive, server.send))

    @pytest.mark.parametrize("name", ["client.svg", "application.svg"])
    def test_its_diagrams_are_those_of_the_project(self, name: str) -> None:
        assert (STATIC / name).read_bytes() == (ROOT / "diagrams" / name).read_bytes()

    def test_its_files_name_no_other_host(self) -> None:
        for path in STATIC.iterdir():
            hosts = re.findall(r"https?://[\w.]+", path.read_text(encoding="utf-8"))
            assert set(hosts) <= {"http://www.w3.org"}, path


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class TestServer:
    @pytest.mark.parametrize(
        ("interrupt", "status"),
        [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)],
    )
    def test_it_prints_its_address_serves_and_stops(
        self, interrupt: signal.Signals, status: int
    ) -> None:
        command = [sys.executable, "-m", "wsfsm", "demo", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
            try:
                assert process.stdout is not None
                found = re.search(r"http://(127\.0\.0\.1:\d+) ", process.stdout.readline())
                assert found is not None
                address = found[1]

                async def visit() -> None:
                    page = Page(address)
                    async with page.open() as control:
                        url = f"ws://{address}/connection/{page.session}"
                        opening = asyncio.create_task(websockets.connect(url).__aenter__())
                        await page.entry(control, "websocket.connect")
                        await control.send('{"do": "accept"}')
                        client = await opening
                        await control.send('{"do": "drop"}')
                        await page.entry(control, "websocket.disconnect")
                        await client.wait_closed()
                        assert client.close_code == 1006

                in_time(visit)
                process.send_signal(interrupt)
                assert process.wait(timeout=20) == status
            finally:
                process.kill()

    def test_a_port_that_is_taken_is_told(
        self, taken: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["demo", "--port", str(taken)]) == 1

        error = capsys.readouterr().err
        assert re.fullmatch(
            rf"wsfsm: cannot listen on 127\.0\.0\.1 port {taken}: .*--port\n", error
        )

    @pytest.mark.parametrize(
        ("host", "port", "text"),
        [
            ("no.such.host.invalid", 0, "cannot listen on no.such.host.invalid port 0"),
            ("127.0.0.1", 70000, "port 70000 is not within 0 to 65535; choose one with --port"),
            ("127.0.0.1", -1, "port -1"),
        ],
    )
    def test_an_address_that_cannot_be_had_is_told(self, host: str, port: int, text: str) -> None:
        with pytest.raises(DemoError, match=text):
            serve(host, port)

    def test_a_missing_extra_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "uvicorn", None)

        with pytest.raises(DemoError, match=r'pip install "wsfsm\[demo\]"'):
            serve("127.0.0.1", 0)
