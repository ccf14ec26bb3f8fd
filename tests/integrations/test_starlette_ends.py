"""The end of `async with websocket:` in Starlette and FastAPI: their exception handlers keep their part."""

from typing import Any, Final

import fastapi
import pytest
import starlette.applications
import starlette.exceptions
import starlette.routing
from helpers.loops import Run, on_both

from wsfsm import asgi
from wsfsm.integrations.fastapi import WebSocket as Annotated
from wsfsm.integrations.starlette import WebSocket, install, uninstall
from wsfsm.testing import Closed, connect


class Mine(Exception):
    pass


class Unhandled(Exception):
    pass


class OfABase(Mine):
    pass


async def close_with_4000(websocket: Any, error: Exception) -> Any:
    assert isinstance(websocket, starlette.websockets.WebSocket)
    await websocket.close(4000, type(error).__name__)


async def ends(websocket: Any, error: Exception, *, accepts: bool) -> None:
    async with websocket:
        if accepts:
            await websocket.accept()
        raise error


def fastapi_app(error: Exception, accepts: bool) -> Any:
    app = fastapi.FastAPI(exception_handlers={Mine: close_with_4000})

    @app.websocket("/")
    async def handle(websocket: Annotated) -> None:
        await ends(websocket, error, accepts=accepts)

    return app


def mounted(error: Exception, accepts: bool) -> Any:
    async def handle(websocket: Any) -> None:
        await ends(websocket, error, accepts=accepts)

    return starlette.applications.Starlette(
        routes=[starlette.routing.Mount("/", asgi(handle, websocket_class=WebSocket))],
        exception_handlers={Mine: close_with_4000},
    )


APPS: Final = pytest.mark.parametrize(
    "make", [fastapi_app, mounted], ids=["FastAPI", "asgi() in Starlette"]
)


@on_both
@APPS
class TestHandledExceptions:
    @pytest.mark.parametrize(
        ("error", "closed"),
        [
            (starlette.exceptions.WebSocketException(1008, "no"), Closed(1008, "no")),
            (Mine(), Closed(4000, "Mine")),
            (OfABase(), Closed(4000, "OfABase")),
        ],
        ids=["WebSocketException", "its own", "its own, by a base"],
    )
    def test_the_exception_handler_closes(
        self, run: Run, make: Any, error: Exception, closed: Closed
    ) -> None:
        async def main() -> None:
            async with connect(make(error, True)) as client:
                assert await client.receive_close() == closed
                await client.result()

        run(main)

    def test_an_http_exception_before_the_accept_denies_with_its_status(
        self, run: Run, make: Any
    ) -> None:
        error = fastapi.HTTPException(404, "no such room", {"x-a": "b"})

        async def main() -> None:
            async with connect(make(error, False)) as client:
                denied = await client.denied()
                assert denied.status == 404
                assert b"no such room" in denied.body
                assert (b"x-a", b"b") in denied.headers
                await client.result()

        run(main)

    def test_an_http_exception_after_the_accept_closes_as_any_other(
        self, run: Run, make: Any
    ) -> None:
        async def main() -> None:
            async with connect(make(fastapi.HTTPException(404), True)) as client:
                assert (await client.receive_close()).code == 1011
                with pytest.raises(RuntimeError):  # the handler of Starlette sends a response
                    await client.result()

        run(main)

    def test_a_websocket_exception_before_the_accept_rejects(self, run: Run, make: Any) -> None:
        async def main() -> None:
            error = starlette.exceptions.WebSocketException(1008)
            async with connect(make(error, False)) as client:
                assert (await client.denied()).status == 403
                await client.result()

        run(main)

    @pytest.mark.parametrize("accepts", [True, False], ids=["open", "before the accept"])
    def test_other_exceptions_end_the_connection(self, run: Run, make: Any, accepts: bool) -> None:
        async def main() -> None:
            async with connect(make(Unhandled(), accepts)) as client:
                if accepts:
                    assert await client.receive_close() == Closed(1011)
                else:
                    assert (await client.denied()).status == 500
                with pytest.raises(Unhandled):
                    await client.result()

        run(main)


@on_both
def test_an_installed_application_does_the_same(run: Run) -> None:
    async def handle(websocket: Any) -> None:
        await ends(websocket, Mine(), accepts=True)

    app = starlette.applications.Starlette(
        routes=[starlette.routing.WebSocketRoute("/", handle)],
        exception_handlers={Mine: close_with_4000},
    )
    install(app)

    async def main() -> None:
        async with connect(app) as client:
            assert await client.receive_close() == Closed(4000, "Mine")
            await client.result()

    try:
        run(main)
    finally:
        uninstall(app)


@on_both
def test_a_mounted_application_of_wsfsms_class_ends_by_itself(run: Run) -> None:
    async def handle(websocket: Any) -> None:
        await ends(websocket, Unhandled(), accepts=True)

    app = starlette.applications.Starlette(routes=[starlette.routing.Mount("/ws", asgi(handle))])

    async def main() -> None:
        async with connect(app, "/ws/") as client:
            assert await client.receive_close() == Closed(1011)
            with pytest.raises(Unhandled):
                await client.result()

    run(main)


@on_both
def test_the_codes_of_websocket_exceptions_are_not_logged_before_the_accept(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        error = starlette.exceptions.WebSocketException(1008, "policy")
        async with connect(fastapi_app(error, False)) as client:
            assert (await client.denied()).status == 403

    run(main)
    assert [record for record in caplog.records if record.name.startswith("wsfsm")] == []
