"""The page that shows the problem: its logs are those of uvicorn."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import starlette.websockets
import websockets
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.unix_processes import UVICORN, Processes, processes
from helpers.uvicorn_server import in_time, serving, until

import wsfsm.integrations.starlette
from wsfsm import WebSocket, asgi
from wsfsm.tables import APPLICATION, CLIENT
from wsfsm.types import Receive, Scope, Send

GUIDE: Final = Guide(ROOT / "docs" / "why.md")
((_, JOB), (_, IMPORTS), (_, MEANT)) = re.findall(
    r'```python( title="job.py")?\n(.*?)```', GUIDE.text, re.DOTALL
)
(LOG, LAST) = re.findall(r"```text\n(.*?)```", GUIDE.text, re.DOTALL)

OURS: Final = JOB.replace("from fastapi import FastAPI, WebSocket\n", IMPORTS)
HANDLER: Final = JOB[JOB.index("@app.websocket") :]


def log_of(code: str, folder: Path) -> str:
    """The log of a job whose client leaves, without indented lines, and from its first error on."""

    async def main(here: Processes) -> None:
        async with asyncio.timeout(60):
            job = await here.start("job", *UVICORN, "job:app", "--uds", cwd=folder)
            async with await job.connect("/job") as client:
                assert await client.recv() == '{"percent":0}'
            await job.stop()

    (folder / "job.py").write_text(code, encoding="utf-8")
    with processes() as here:
        asyncio.run(main(here))
        lines = here.log("job").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith((" ", "INFO:")))


pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]


def test_log_of_the_handler_is_shown(tmp_path: Path) -> None:
    assert log_of(JOB, tmp_path) == LOG
    assert LOG.count("Traceback") == 4
    assert "has four tracebacks" in GUIDE.text


def test_changed_import_line_changes_the_error(tmp_path: Path) -> None:
    log = log_of(OURS, tmp_path)

    assert OURS != JOB
    assert log.count("Traceback") == 1
    assert log.endswith(LAST)


def test_handler_as_it_is_meant_logs_nothing(tmp_path: Path) -> None:
    assert log_of(OURS.replace(HANDLER, MEANT), tmp_path) == ""


async def receives_after_a_failed_send(websocket: Any) -> None:
    await websocket.accept()
    with contextlib.suppress(starlette.websockets.WebSocketDisconnect):
        while True:
            await websocket.send_text("hello")
            await asyncio.sleep(0.01)
    await websocket.receive_text()


async def receives_twice(websocket: Any) -> None:
    await websocket.accept()
    with pytest.raises(starlette.websockets.WebSocketDisconnect):
        await websocket.receive_text()
    await websocket.receive_text()


async def does_not_accept(websocket: Any) -> None:
    await websocket.receive_text()


HANDLERS: Final = [receives_after_a_failed_send, receives_twice, does_not_accept]
ROWS: Final = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in GUIDE.section("Read other errors").splitlines()
    if line.startswith("|")
][2:]


@pytest.mark.parametrize(("handler", "row"), [*zip(HANDLERS, ROWS, strict=True)])
def test_errors_are_those_of_the_table(
    handler: Callable[[Any], Awaitable[None]], row: list[str]
) -> None:
    async def main() -> None:
        errors = [await error_of(handler, websocket_class) for websocket_class in CLASSES]
        assert [str(error).replace("\n", " ") for error in errors] == row[1:]
        assert isinstance(errors[1], type(errors[0]))

    in_time(main)


CLASSES: Final = (starlette.websockets.WebSocket, wsfsm.integrations.starlette.WebSocket)


async def error_of(
    handler: Callable[[Any], Awaitable[None]], websocket_class: Callable[..., Any]
) -> Exception:
    """The exception that a handler raises on uvicorn, when its client leaves at once."""
    raised: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await handler(websocket_class(scope, receive, send))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            raised.set_result(error)

    async with serving(app) as address:
        try:
            client = await websockets.connect(f"ws://{address}/")
        except websockets.InvalidStatus:
            pass
        else:
            await client.close(4000)
        return await raised


def test_until_disconnect_has_the_code_of_the_client() -> None:
    ends: list[tuple[str | None, int | None]] = []

    @asgi
    async def app(websocket: WebSocket) -> None:
        async with websocket.until_disconnect():
            await websocket.accept()
            while True:
                await websocket.send_text("hello")
                await asyncio.sleep(0.01)
        ends.append((websocket.closed_by, websocket.close_code))

    async def main() -> None:
        async with serving(app) as address:
            async with websockets.connect(f"ws://{address}/") as client:
                await client.close(4000)
            await until(lambda: bool(ends))

    in_time(main)
    assert ends == [("client", 4000)]


def test_classes_of_the_errors_are_related_as_it_says() -> None:
    caught = starlette.websockets.WebSocketDisconnect

    assert issubclass(wsfsm.integrations.starlette.ConnectionClosed, caught)
    assert issubclass(wsfsm.integrations.starlette.ConnectionClosed, RuntimeError)
    assert not issubclass(starlette.websockets.WebSocketDisconnected, caught)


def test_tables_have_as_many_rows_as_it_says() -> None:
    rows = len(APPLICATION.table.rows) + len(CLIENT.table.rows)

    assert rows == 13
    assert "two tables of thirteen rows" in GUIDE.text


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE.text)

    assert links
    for link in links:
        assert (GUIDE.path.parent / link).exists(), link


def test_its_lines_have_no_more_than_120_characters() -> None:
    prose = re.sub(r"```text\n.*?```|^\|.*?$", "", GUIDE.text, flags=re.MULTILINE | re.DOTALL)

    assert max(map(len, prose.splitlines())) <= 120
