"""The guides to testing and to origins say what the code does."""

import asyncio
import inspect
import re
from typing import Any

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.site import blocks
from starlette.middleware.cors import CORSMiddleware

from wsfsm import testing
from wsfsm.origins import OriginMiddleware
from wsfsm.testing import Client, ClientFailure, connect
from wsfsm.types import Receive, Scope, Send

TESTING = Guide(ROOT / "docs" / "testing.md")
ORIGINS = Guide(ROOT / "docs" / "origins.md")
ECHO = """
@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"you said {await websocket.receive_text()}")
"""
GUIDES = pytest.mark.parametrize("guide", [TESTING, ORIGINS], ids=["testing", "origins"])


@GUIDES
def test_its_code_prints_what_it_says(guide: Guide) -> None:
    assert guide.prints_what_it_says()


@pytest.mark.parametrize("kind", ["fastapi", "wsfsm.integrations.fastapi"])
def test_its_tests_pass_on_every_server(kind: str, pytester: pytest.Pytester) -> None:
    (greet,) = (code for code in blocks(TESTING.section("Connect"), "python") if "/greet" in code)
    head, _, _ = greet.partition("async def test_greet")
    chat = head.replace(", WebSocket\n", f"\nfrom {kind} import WebSocket\n") + ECHO
    files = TESTING.files("Use the fixtures of pytest") | {"chat.py": chat}
    for name, code in files.items():
        (pytester.path / name).write_text(code, encoding="utf-8")
    pytester.makeini("[pytest]\npythonpath = .\n")

    result = pytester.runpytest_subprocess("-q", "-k", "asyncio")

    assert {"conftest.py", "test_chat.py", "test_denial.py"} < {*files}
    assert result.parseoutcomes()["passed"] == 2 * len(testing.SERVERS)
    assert result.ret == 0


def test_middleware_for_cors_passes_on_websockets() -> None:
    (code,) = blocks(ORIGINS.section("Use CORS for HTTP only"), "python")
    names: dict[str, Any] = {}
    exec(compile(code, "origins.md", "exec"), names)  # noqa: S102 - our own
    seen = list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await send({"type": "websocket.close"})

    async def main() -> None:
        headers = {"Origin": "https://evil.example"}
        for layer in names["app"].user_middleware:
            async with connect(layer.cls(app, *layer.args, **layer.kwargs), headers=headers) as c:
                await c.denied()

    asyncio.run(main())
    (outer, inner) = (layer.cls for layer in names["app"].user_middleware)
    assert (outer, inner) == (OriginMiddleware, CORSMiddleware)
    assert seen == ["websocket"]  # by the middleware for CORS only


@GUIDES
def test_what_it_links_to_exists(guide: Guide) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", guide.text):
        assert (guide.path.parent / link).exists(), link


@GUIDES
def test_its_lines_have_no_more_than_120_characters(guide: Guide) -> None:
    prose = re.sub(r"```text\n.*?```|^\|[^\n]*$", "", guide.text, flags=re.DOTALL | re.MULTILINE)

    assert max(map(len, prose.splitlines())) <= 120


def test_every_argument_of_connect_is_there() -> None:
    assert TESTING.first_cells("Connect") == [*inspect.signature(connect).parameters]


def test_every_method_of_the_client_is_there() -> None:
    names = [cell.split("(")[0] for cell in TESTING.first_cells("Talk")]

    assert sorted(names) == sorted(name for name in vars(Client) if not name.startswith("_"))


@pytest.mark.parametrize("cell", TESTING.first_cells("Talk"))
def test_a_method_has_these_arguments(cell: str) -> None:
    name, _, arguments = cell.rstrip(")").partition("(")
    if name != "trace":
        parameters = inspect.signature(getattr(Client, name)).parameters
        assert ["self", *filter(None, arguments.split(", "))] == [
            key for key in parameters if key != "timeout"
        ]


def test_every_failure_is_there() -> None:
    failures = [
        name
        for name in testing.__all__
        if isinstance(kind := getattr(testing, name), type) and issubclass(kind, ClientFailure)
    ]

    assert sorted(TESTING.first_cells("Read a failure")) == sorted(failures)


def test_every_argument_of_the_middleware_is_there_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`]+)` \|", ORIGINS.section("Choose origins"), re.MULTILINE
    )
    parameters = inspect.signature(OriginMiddleware).parameters

    assert rows == [(name, repr(parameters[name].default)) for name in [*parameters][1:]]
