"""The client in place of the TestClient of Starlette and FastAPI."""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import fastapi
import pytest
from fastapi import Depends, FastAPI, HTTPException
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.loops import Run, on_both
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from wsfsm.testing import SERVERS, Closed, connect, lifespan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers another version of httpx
    from starlette.testclient import TestClient

GUIDE = Guide(ROOT / "docs" / "testing.md")
QUIET = ("-pno:xdist", "-pno:cacheprovider")


async def database(websocket: fastapi.WebSocket) -> Any:
    return websocket.state.db


async def user(websocket: fastapi.WebSocket, token: str = "") -> str:
    if token == "":
        raise HTTPException(401, "who are you?")
    return websocket.cookies.get("name", token)


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"db": ["a row"]}


app = FastAPI(lifespan=life)
room: set[fastapi.WebSocket] = set()


@app.websocket("/rooms/{number}")
async def chat(
    websocket: fastapi.WebSocket,
    number: int,
    name: Annotated[str, Depends(user)],
    rows: Annotated[list[str], Depends(database)],
) -> None:
    room.add(websocket)  # before the client can know
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            for member in room:
                await member.send_json([number, name, text, *rows])
    except WebSocketDisconnect:
        room.remove(websocket)


@on_both
class TestFastAPI:
    def test_a_handler_with_dependencies(self, run: Run) -> None:
        async def main() -> None:
            async with lifespan(app) as state:
                extras = {"state": state}
                async with (
                    connect(app, "/rooms/7?token=t", cookies={"name": "ann"}, scope=extras) as ann,
                    connect(app, "/rooms/7", query={"token": "bob"}, scope=extras) as bob,
                ):
                    await ann.accepted()
                    await bob.send_text("hi")

                    assert await ann.receive_json() == [7, "bob", "hi", "a row"]
                    assert await bob.receive_json() == [7, "bob", "hi", "a row"]
                assert room == set()

        run(main)

    def test_a_dependency_denies_with_a_body(self, run: Run) -> None:
        async def main() -> None:
            async with connect(app, "/rooms/7", scope={"state": {"db": []}}) as client:
                denied = await client.denied()
            assert (denied.status, denied.body) == (401, b'{"detail":"who are you?"}')

        run(main)

    def test_an_argument_is_not_valid(self, run: Run) -> None:
        async def main() -> None:
            url = "/rooms/x?token=t"
            async with connect(app, url, scope={"state": {"db": []}}) as client:
                assert (await client.denied()).status == 403

        run(main)

    def test_a_path_that_has_no_route(self, run: Run) -> None:
        async def main() -> None:
            async with connect(app, "/nowhere") as client:
                assert (await client.denied()).status == 403

        run(main)

    def test_a_handler_that_returns_ends_the_connection_and_not_the_test(self, run: Run) -> None:
        async def main() -> None:
            async def returns(websocket: WebSocket) -> None:
                await websocket.accept()

            returning = Starlette(routes=[WebSocketRoute("/", returns)])
            async with connect(returning) as client:  # TestClient waits here for ever
                assert await client.receive_close() == Closed(1000)

        run(main)


class Echo(WebSocketEndpoint):
    encoding = "json"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_json(data)


async def denies(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"error": "full"}, status_code=503))


@on_both
class TestStarlette:
    application = Starlette(
        routes=[WebSocketRoute("/echo", Echo), WebSocketRoute("/denies", denies)]
    )

    def test_an_endpoint(self, run: Run) -> None:
        async def main() -> None:
            async with connect(self.application, "/echo") as client:
                await client.send_json({"a": 1})
                assert await client.receive_json() == {"a": 1}
                await client.send_text("not JSON")
                assert (await client.receive_close()).code == 1003
                with pytest.raises(RuntimeError, match="Malformed JSON"):
                    await client.result()

        run(main)

    def test_a_denial_response(self, run: Run) -> None:
        async def main() -> None:
            async with connect(self.application, "/denies") as client:
                assert (await client.denied()).body == b'{"error":"full"}'

        run(main)


@on_both
class TestAgainstTestClient:
    """Where `TestClient` is unlike servers, the client is like them."""

    def test_the_code_of_an_own_close_reaches_the_application(self, run: Run) -> None:
        seen: list[tuple[int, str | None]] = []

        async def closes(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close(4000, "bye")
            message = await websocket.receive()
            seen.append((message["code"], message["reason"]))

        application = Starlette(routes=[WebSocketRoute("/", closes)])

        async def main() -> None:
            async with connect(application) as client:
                await client.receive_close()

        with TestClient(application).websocket_connect("/") as session:
            assert session.receive()["code"] == 4000
        run(main)

        assert seen == [(1000, None), (4000, "bye")]

    def test_the_code_of_a_rejection_does_not_reach_the_client(self, run: Run) -> None:
        async def rejects(websocket: WebSocket) -> None:
            await websocket.close(4001)

        application = Starlette(routes=[WebSocketRoute("/", rejects)])

        async def main() -> None:
            async with connect(application) as client:
                assert (await client.denied()).status == 403

        with pytest.raises(WebSocketDisconnect) as caught:
            TestClient(application).websocket_connect("/").__enter__()
        run(main)

        assert caught.value.code == 4001


class TestPytest:
    """The client in tests of pytest, with and without the fixtures of wsfsm."""

    TEST = """
import asyncio
import pytest
from wsfsm.testing import connect

async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())

async def check():
    async with connect(echo) as client:
        await client.send_text("hello")
        assert await client.receive_text() == "hello"

@pytest.mark.anyio
async def test_with_the_plugin_of_anyio():
    await check()

@pytest.fixture
async def client(anyio_backend):
    async with connect(echo) as client:
        yield client

@pytest.mark.anyio
async def test_with_a_fixture(client):
    await client.send_text("hello")
    assert await client.receive_text() == "hello"

def test_without_a_plugin():
    asyncio.run(check())
"""

    def test_a_test_runs(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(self.TEST)

        result = pytester.runpytest_subprocess(*QUIET)

        result.assert_outcomes(passed=5)  # those of anyio run on asyncio and on trio

    def test_a_failure_shows_the_trace(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(self.TEST.replace("text() ==", "text(timeout=0.1) != 'x' =="))

        result = pytester.runpytest_subprocess(*QUIET, "-k", "without")

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["*Trace (client machine/application machine):*", "*websocket.send text='hello'*"]
        )

    def test_the_example_of_the_guide_runs_once_for_each_server(
        self, pytester: pytest.Pytester
    ) -> None:
        files = GUIDE.files("Use the fixtures of pytest")
        files.pop("test_denial.py")  # tests/docs runs it
        assert [*files] == ["conftest.py", "test_chat.py"]
        pytester.makepyfile(
            chat="""
                async def app(scope, receive, send):
                    await receive()
                    await send({"type": "websocket.accept"})
                    text = (await receive())["text"]
                    await send({"type": "websocket.send", "text": f"you said {text}"})
            """,
            **{name.removesuffix(".py"): text for name, text in files.items()},
        )

        result = pytester.runpytest_subprocess(*QUIET, "-v")

        result.assert_outcomes(passed=2 * len(SERVERS))
        result.stdout.fnmatch_lines(["*::test_echo[[]asyncio-daphne] PASSED*"])

    def test_the_fixture_imitates_one_server_by_default(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            import asyncio
            import pytest

            @pytest.fixture
            def wsfsm_application():
                async def handler(websocket):
                    await websocket.accept("a")
                return handler

            def test_it(wsfsm_connect):
                async def main():
                    async with wsfsm_connect("/x?y=z", subprotocols=["a"]) as client:
                        assert (await client.accepted()).subprotocol == "a"
                asyncio.run(main())
            """
        )

        pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1)

    def test_a_missing_application_is_an_error_that_says_what_to_write(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile("def test_it(wsfsm_connect): pass")

        result = pytester.runpytest_subprocess(*QUIET)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["wsfsm_connect does not know your application; define *"])
