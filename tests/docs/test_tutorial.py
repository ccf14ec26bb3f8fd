"""The tutorial: each of its steps runs, and the last one is the example."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.unix_processes import REDIS, UVICORN, processes
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute

from wsfsm.integrations.starlette import WebSocket, install, uninstall
from wsfsm.testing import connect

GUIDE: Final = Guide(ROOT / "docs" / "tutorial.md")
EXAMPLE: Final = ROOT / "examples" / "tutorial"
PROSE: Final = re.sub(r"^```.*?^```", "", GUIDE.text, flags=re.MULTILINE | re.DOTALL)
COMMANDS: Final = [
    shlex.split(line)
    for line in re.findall(r"^    (\S.*)$", PROSE, re.MULTILINE)
    if not line.startswith("pip ")
]
CLASS: Final = ["--ws", "wsfsm.integrations.uvicorn:WebSocketProtocol"]


def over_redis(code: str, replaced: str) -> str:
    """The program in one process, changed as the page says."""
    (local,) = re.findall(r"@asynccontextmanager\n.*?\n\n", code, re.DOTALL)
    code = code.replace(local, f"{replaced}\n")
    code = code.replace("import asyncio\n", "import asyncio\nimport os\n")
    return code.replace("from rooms", "from redis_rooms import redis_rooms\nfrom rooms")


def steps() -> Iterator[tuple[str, dict[str, str]]]:
    """The sections that test something, each with all files that the reader has by then."""
    files: dict[str, str] = {}
    for part in GUIDE.text.split("\n## "):
        blocks = re.findall(r'```python(?: title="(.+?)")?\n(.*?)```', part, re.DOTALL)
        for title, code in blocks:
            files[title or "chat.py"] = code if title else over_redis(files["chat.py"], code)
        if any(title.startswith("test_") for title, _ in blocks):
            yield part.splitlines()[0], dict(files)


STEPS: Final = dict(steps())
LAST: Final = [*STEPS][-1]


@pytest.mark.unmeasured
@pytest.mark.one_python
@pytest.mark.parametrize(
    # the last step has the tests of all others
    "step",
    [pytest.param(step, marks=[pytest.mark.long] * (step != LAST)) for step in STEPS],
)
def test_step_runs(step: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "redis_rooms.py" in STEPS[step]:
        request.getfixturevalue("redis")
    for name, code in STEPS[step].items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_last_step_is_the_example() -> None:
    example = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLE.glob("*.py")}

    assert len(STEPS) == 4
    assert [*STEPS.values()][-1] == example | {
        name: code for name, code in STEPS["Test the echo"].items() if "echo" in name
    }


@pytest.mark.unmeasured
@pytest.mark.one_python
def test_echo_runs_by_its_commands(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(STEPS["Test the echo"]["echo.py"], encoding="utf-8")
    (uvicorn,), (client,) = (
        [words for words in COMMANDS if name in " ".join(words)] for name in ("echo:app", "/echo")
    )

    async def main() -> None:
        async with asyncio.timeout(60):
            echo = await here.start("echo", *UVICORN, *uvicorn[1:], "--uds", cwd=tmp_path)
            async with await echo.connect(urlsplit(client[-1]).path) as websocket:
                await websocket.send("hello")
                assert await websocket.recv() == "you said hello"

    assert (uvicorn[0], client[:-1]) == ("uvicorn", ["python", "-m", "websockets"])
    with processes() as here:
        asyncio.run(main())


def test_commands_are_those_of_the_tests() -> None:
    """tests/examples/test_tutorial_example.py runs them on Unix sockets."""
    urls = [f"ws://127.0.0.1:800{port}/rooms/tea?token={token}" for port, token in ("1a", "2b")]

    assert COMMANDS[2:] == [
        ["python", "-m", "pytest"],
        [REDIS[0]],
        *(["uvicorn", "chat:app", *CLASS, "--port", f"800{port}"] for port in "12"),
        *(["python", "-m", "websockets", url] for url in urls),
    ]


def test_numbers_are_those_of_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in EXAMPLE.glob("*.py"))
    words = {"five seconds": "LATE = 5.0 ", "two seconds": "PATIENCE = 2.0 ", "1012": "Out(1012,"}
    words |= {"gets 1013": "Out(1013,", "get 503": "deny(503,", "gets 401": "HTTPException(401,"}

    for said, meant in words.items():
        assert said in GUIDE.text
        assert meant in code


def test_dependencies_deny_on_starlette_alone() -> None:
    async def guest(room: str, name: str) -> str:
        if name != "Ann":
            raise HTTPException(401, "Who are you?")
        return f"{room}: {name}"

    async def chat(websocket: WebSocket) -> None:
        async with websocket:
            name = websocket.query_params.get("name", "")
            text = await guest(websocket.path_params["room"], name)
            await websocket.accept()
            await websocket.send_text(text)

    async def main() -> None:
        async with connect(app, "/rooms/tea") as client:
            assert (await client.denied()).status == 401
        async with connect(app, "/rooms/tea?name=Ann") as client:
            assert await client.receive_text() == "tea: Ann"

    app = Starlette(routes=[WebSocketRoute("/rooms/{room}", chat)])
    install(app)
    try:
        asyncio.run(main())
    finally:
        uninstall(app)


def test_links_lead_somewhere() -> None:
    links = re.findall(
        r"\]\((?!https:|\.\./examples/tutorial\))([^)#]*)(?:#([^)]+))?\)", GUIDE.text
    )

    assert links
    for path, heading in links:
        page = GUIDE.path.parent / path if path else GUIDE.path
        assert page.exists(), path
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}
        assert not heading or heading in known, heading


def test_its_lines_have_no_more_than_120_characters() -> None:
    prose = re.sub(r"^\|.*$", "", GUIDE.text, flags=re.MULTILINE)

    assert max(map(len, prose.splitlines())) <= 120
