"""The demo without a browser: the application and the server."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from helpers.asgi import ROOT, Server, run, scope
from helpers.connections import BYE, CONNECT
from helpers.uvicorn_server import in_time, serving

from wsfsm.cli import main
from wsfsm.demo import DemoError, application, serve
from wsfsm.demo.files import files
from wsfsm.demo.server import protocol

STATIC = ROOT / "wsfsm" / "demo" / "static"


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

    async def connection(self, control: Any) -> Any:
        """Open the connection that the page steers, and let the application accept it."""
        url = f"ws://{self.address}/connection/{self.session}"
        opening = asyncio.create_task(websockets.connect(url).__aenter__())
        await self.entry(control, "websocket.connect")
        await control.send('{"do": "accept"}')
        return await opening


class TestApplication:
    def test_page_steers_the_connection_that_it_opens(self) -> None:
        async def whole() -> None:
            async with serving(application, ws=protocol()) as address:
                page = Page(address)
                async with page.open() as control:
                    client = await page.connection(control)
                    await client.send("hello")
                    assert await client.recv() == "hello"
                    await client.close(4001, "bye")
                    ended = await page.entry(control, "websocket.disconnect")
                    assert ended["message"] == {"code": 4001, "reason": "bye"}

        in_time(whole)

    @pytest.mark.parametrize("command", ["no JSON", "[1]", '"x"', "[" * 50_000])
    def test_malformed_command_is_answered_with_an_error(self, command: str) -> None:
        async def whole() -> None:
            async with (
                serving(application, ws=protocol()) as address,
                Page(address).open() as control,
            ):
                await control.send(command)
                told = json.loads(await control.recv())
                assert told["error"] == "a command must be a JSON object"
                assert told["now"]["connection"] == 0

        in_time(whole)

    @pytest.mark.parametrize("token", [1, "half a pair: \ud83d"])
    def test_text_that_cannot_be_encoded_is_shown_and_the_channel_goes_on(self, token: Any) -> None:
        async def whole() -> None:
            async with serving(application, ws=protocol()) as address:
                page = Page(address)
                async with page.open() as control:
                    client = await page.connection(control)
                    await control.send('{"do": "send", "text": "half \\ud83d"}')
                    entry = await page.entry(control, "websocket.send")
                    assert entry["message"] == {"text": "half \ud83d"}
                    assert entry["error"]["type"] == "MalformedMessage"
                    await control.send(json.dumps({"do": "sync", "token": token}))
                    assert json.loads(await control.recv())["synced"] == token
                    await client.close()

        in_time(whole)

    def test_binary_command_ends_the_channel(self) -> None:
        async def whole() -> None:
            async with (
                serving(application, ws=protocol()) as address,
                Page(address).open() as control,
            ):
                await control.send(b"x")
                await control.wait_closed()
                assert control.close_code == 1003

        in_time(whole)

    @pytest.mark.parametrize(
        "origin",
        [None, "null", "http://elsewhere.example", "http://[", "https://{}", "http://{}/x"],
    )
    def test_page_from_another_origin_is_rejected(self, origin: Any) -> None:
        async def whole() -> None:
            async with serving(application, ws=protocol()) as address:
                own = origin and origin.format(address)
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/control", origin=own)

        in_time(whole)

    def test_page_above_the_limit_is_rejected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules["wsfsm.demo.application"], "SESSIONS", 0)

        async def whole() -> None:
            async with serving(application, ws=protocol()) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/control", origin=Page(address).origin)

        in_time(whole)

    def test_page_that_does_not_read_misses_the_oldest_entries(
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

    def test_connection_without_a_session_is_rejected(self) -> None:
        async def whole() -> None:
            async with serving(application, ws=protocol()) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/connection/none")

        in_time(whole)

    @pytest.mark.parametrize(
        ("method", "path", "status", "kind"),
        [
            ("GET", "/", 200, b"text/html; charset=utf-8"),
            ("HEAD", "/", 200, b"text/html; charset=utf-8"),
            ("GET", "/main.js", 200, b"text/javascript; charset=utf-8"),
            ("GET", "/icon.svg", 200, b"image/svg+xml"),
            ("GET", "/machines.json", 200, b"application/json"),
            ("GET", "/nothing", 404, b"text/plain; charset=utf-8"),
            ("GET", "/../session.py", 404, b"text/plain; charset=utf-8"),
            ("POST", "/", 405, b"text/plain; charset=utf-8"),
        ],
    )
    def test_demo_serves_only_its_own_files(
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

    def test_scope_of_another_type_is_refused(self) -> None:
        server = Server()

        with pytest.raises(RuntimeError, match="'lifespan'"):
            run(application({"type": "lifespan"}, server.receive, server.send))

    def test_static_files_name_no_other_host(self) -> None:
        for path in STATIC.iterdir():
            hosts = re.findall(r"https?://[\w.]+", path.read_text(encoding="utf-8"))
            assert set(hosts) <= {"http://www.w3.org"}, path


class TestWrittenPage:
    def test_written_page_has_every_file_and_needs_no_server(self, tmp_path: Path) -> None:
        folder = tmp_path / "site" / "demo"

        assert main(["demo", "--write", str(folder)]) == 0

        names = {path.name for path in folder.iterdir()}
        assert names == {path.name for path in STATIC.iterdir()} | {"machines.json"}
        assert json.loads((folder / "machines.json").read_text())["live"] is False
        assert files(live=True)["machines.json"].content.startswith(b'{"live":true,')
        assert sum(path.stat().st_size for path in folder.iterdir()) < 120_000

    def test_every_module_of_the_page_is_there(self) -> None:
        for path in STATIC.glob("*.js"):
            for name in re.findall(r'from "\./(\S+)"', path.read_text(encoding="utf-8")):
                assert (STATIC / name).is_file(), path

    def test_folder_that_cannot_be_written_is_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()

        assert main(["demo", "--write", str(tmp_path / "file")]) == 1

        assert capsys.readouterr().err == f"wsfsm: cannot write {tmp_path / 'file'}: File exists\n"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class TestDemoCommand:
    @pytest.mark.parametrize(
        ("interrupt", "status"),
        [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)],
    )
    def test_demo_command_prints_its_address_serves_and_stops(
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
                        await control.send("x" * 65_537)
                        await control.wait_closed()
                        assert control.close_code == 1009

                in_time(visit)
                process.send_signal(interrupt)
                assert process.wait(timeout=20) == status
            finally:
                process.kill()

    def test_port_in_use_is_reported(self, taken: int, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["demo", "--port", str(taken)]) == 1

        error = capsys.readouterr().err
        assert re.fullmatch(
            rf"wsfsm: cannot listen on 127\.0\.0\.1 port {taken}: .*--port\n", error
        )

    @pytest.mark.parametrize(
        ("host", "port", "text"),
        [
            ("no.such.host.invalid", 0, "cannot listen on no.such.host.invalid port 0"),
            (
                "127.0.0.1",
                70000,
                "port 70000 is out of range; choose one from 0 to 65535 with --port",
            ),
            ("127.0.0.1", -1, "port -1"),
        ],
    )
    def test_address_that_cannot_be_bound_is_reported(
        self, host: str, port: int, text: str
    ) -> None:
        with pytest.raises(DemoError, match=text):
            serve(host, port)

    def test_missing_extra_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "uvicorn", None)

        with pytest.raises(DemoError, match=r'pip install "wsfsm\[demo\]"'):
            serve("127.0.0.1", 0)
