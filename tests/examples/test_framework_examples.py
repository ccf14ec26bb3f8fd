"""wsfsm's WebSocket in each of the frameworks, without a network and on a real server."""

import logging
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Final

import attrs
import pytest
import websockets
from helpers.examples import load, unconfigured
from helpers.uvicorn_server import in_time, running, until

from wsfsm import IllegalTransition
from wsfsm.testing import SERVERS, Closed, connect


@attrs.frozen
class Example:
    """An example.

    Attributes:
        name: Name of its file.
        url: Address of a WebSocket that sends twice the number that it receives.
        error: Exception of the application when the handler raises; None if the framework logs it.
    """

    name: str
    url: str
    error: type[Exception] | None = ValueError


EXAMPLES: Final = [
    Example("plain_asgi", "/double"),
    Example("in_starlette", "/times/2"),
    Example("in_starlette", "/mounted/2/below"),
    Example("in_fastapi", "/times/2"),
    Example("in_fastapi", "/mounted/"),
    # Litestar closes the connection once more
    Example("in_litestar", "/times/2", IllegalTransition),
    Example("in_litestar_class", "/times/2", IllegalTransition),
    Example("in_litestar_mount", "/double/below", IllegalTransition),
    Example("in_quart", "/times/2", None),
    Example("in_channels", "/times/2"),
    Example("in_falcon", "/double"),
    *([Example("in_blacksheep", "/double")] if sys.version_info < (3, 15) else []),
]
# the validator of Channels wants an origin
HEADERS: Final = {"host": "127.0.0.1", "origin": "http://127.0.0.1"}


@pytest.fixture(
    scope="module",
    params=EXAMPLES,
    ids=lambda example: f"{example.name} at {example.url}.",
)
def example(request: pytest.FixtureRequest) -> Iterator[tuple[Example, Any]]:
    case = request.param
    with unconfigured() if case.name == "in_channels" else nullcontext():
        yield case, load(f"frameworks/{case.name}").app


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages that somebody would look into."""
    return [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]


class TestInMemory:
    @pytest.mark.parametrize("server", SERVERS)
    def test_a_number_is_doubled_until_the_client_leaves(
        self, example: tuple[Example, Any], server: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        case, app = example

        async def main() -> None:
            url = f"{case.url}?token=secret"
            async with connect(app, url, headers=HEADERS, server=server) as client:
                await client.send_text("21")
                assert await client.receive_text() == "42"
                await client.close(1001)
                await client.result()
            async with connect(app, url, headers=HEADERS, server=server) as client:
                await client.send_text("4")
                assert await client.receive_text() == "8"
                client.drop()
                await client.result()

        in_time(main)

        assert errors(caplog) == []

    def test_a_client_without_the_token_gets_a_response(self, example: tuple[Example, Any]) -> None:
        case, app = example

        async def main() -> None:
            async with connect(app, case.url, headers=HEADERS) as client:
                denied = await client.denied()
                await client.result()
            assert (denied.status, denied.body) == (403, b"a token is needed")

        in_time(main)

    def test_a_server_without_denial_responses_answers_403(
        self, example: tuple[Example, Any]
    ) -> None:
        case, app = example

        async def main() -> None:
            async with connect(app, case.url, headers=HEADERS, server="daphne") as client:
                assert (await client.denied()).status == 403
                await client.result()

        in_time(main)

    def test_an_exception_closes_with_1011(
        self, example: tuple[Example, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        case, app = example

        async def main() -> None:
            async with connect(app, f"{case.url}?token=secret", headers=HEADERS) as client:
                await client.send_text("no number")
                assert await client.receive_close() == Closed(1011)
                if case.error is None:
                    await client.result()
                else:
                    with pytest.raises(case.error):
                        await client.result()

        in_time(main)

        assert (case.error is None) == ("Exception on websocket /times/2" in errors(caplog))


def test_all_of_it_on_uvicorn(
    example: tuple[Example, Any], caplog: pytest.LogCaptureFixture
) -> None:
    case, app = example

    async def main() -> None:
        async with running(app, log_level="error", log_config=None) as (server, address):
            url, origin = f"ws://{address}{case.url}", websockets.Origin("http://127.0.0.1")
            with pytest.raises(websockets.InvalidStatus) as denied:
                await websockets.connect(url, origin=origin)
            assert denied.value.response.status_code == 403
            assert denied.value.response.body == b"a token is needed"
            await until(lambda: not server.server_state.tasks)
            caplog.clear()  # uvicorn logs that the handshake was not completed

            async with websockets.connect(f"{url}?token=secret", origin=origin) as client:
                await client.send("21")
                assert await client.recv() == "42"
            lost = await websockets.connect(f"{url}?token=secret", origin=origin)
            await lost.send("21")
            assert await lost.recv() == "42"
            lost.transport.abort()
            await until(lambda: not server.server_state.tasks)
            assert errors(caplog) == []

            async with websockets.connect(f"{url}?token=secret", origin=origin) as client:
                await client.send("no number")
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    await client.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1011
            await until(lambda: not server.server_state.tasks)

    in_time(main)

    assert len(errors(caplog)) == 1
