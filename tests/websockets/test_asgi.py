"""asgi(): an application of a handler, in memory."""

import asyncio
import copy
import logging
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import attrs
import pytest
import starlette.applications
import starlette.routing
from helpers.asgi import Server, run, scope
from helpers.connections import BYE, CONNECT, TEXT
from helpers.loops import Run, on_both

import wsfsm
from wsfsm import WebSocket, WebSocketDisconnect, asgi
from wsfsm.integrations.starlette import WebSocket as StarletteWebSocket
from wsfsm.origins import AllowedOrigins, OriginPattern, _Limited
from wsfsm.testing import SERVERS, Client, Closed, connect, lifespan
from wsfsm.types import Message

Handler = Callable[[WebSocket], Any]

TEXT_426: Final = b"This address is for WebSockets only.\n"


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


async def returns(websocket: WebSocket) -> None:
    await websocket.accept()


async def raises(websocket: WebSocket) -> None:
    await websocket.accept()
    raise ZeroDivisionError("mine")


async def returns_early(websocket: WebSocket) -> None:
    pass


async def raises_early(websocket: WebSocket) -> None:
    raise ZeroDivisionError("mine")


@attrs.frozen
class End:
    """An end of a handler.

    Attributes:
        handler: The handler.
        error: The exception that leaves it.
        status: Status of the response that rejects the handshake, if it is rejected.
        code: Close code, if it is accepted.
        plain_status: The status without asgi().
    """

    handler: Handler
    error: type[Exception] | None = None
    status: int | None = None
    code: int | None = None
    plain_status: int | None = None


ENDS: Final = pytest.mark.parametrize(
    "end",
    [
        End(returns, code=1000),
        End(raises, ZeroDivisionError, code=1011),
        # to a server, an application that returns without an answer has failed
        End(returns_early, status=403, plain_status=500),
        End(raises_early, ZeroDivisionError, status=500, plain_status=500),
    ],
    ids=["returns", "raises", "returns before the accept", "raises before the accept"],
)


async def result(client: Client, error: type[Exception] | None) -> None:
    """Wait for the end of the application, by this exception or by none."""
    if error is None:
        await client.result()
    else:
        with pytest.raises(error, match="mine"):
            await client.result()


@on_both
class TestEnds:
    @ENDS
    @pytest.mark.parametrize("server", SERVERS)
    def test_the_client_sees_the_same_on_every_server(
        self, run: Run, end: End, server: str
    ) -> None:
        async def main() -> None:
            async with connect(asgi(end.handler), server=server) as client:
                if end.status is None:
                    assert (await client.receive_close()).code == end.code
                else:
                    offered = SERVERS[server].denial
                    assert (await client.denied()).status == (end.status if offered else 403)
                await result(client, end.error)

        run(main)

    @pytest.mark.parametrize("server", SERVERS)
    @pytest.mark.parametrize("leave", ["close", "drop"])
    def test_a_client_that_leaves_ends_it_quietly(self, run: Run, server: str, leave: str) -> None:
        async def main() -> None:
            async with connect(asgi(echo), server=server) as client:
                await client.send_text("hello")
                assert await client.receive_text() == "hello"
                if leave == "close":
                    await client.close(4001)
                else:
                    client.drop()
                await client.result()

        run(main)

    @ENDS
    def test_a_handler_alone_is_ended_by_the_testing_client_as_by_its_server(
        self, run: Run, end: End
    ) -> None:
        async def main() -> None:
            async with connect(end.handler) as client:
                answer = await client.handshake()
                assert getattr(answer, "status", None) == end.plain_status
                if end.code is not None:
                    assert await client.receive_close() == Closed(end.code)
                assert "sends websocket.close" not in client.trace
                await result(client, end.error)

        run(main)

    def test_a_handler_alone_raises_the_disconnect_to_its_test(self, run: Run) -> None:
        async def main() -> None:
            async with connect(echo) as client:
                await client.accepted()
                await client.close(4001)
                with pytest.raises(WebSocketDisconnect):
                    await client.result()

        run(main)


class TestHandlers:
    def test_the_server_gets_the_messages_of_the_handler_and_the_close(self) -> None:
        server = Server([CONNECT, TEXT])

        async def handler(websocket: WebSocket) -> str:
            await websocket.accept()
            await websocket.send_text(await websocket.receive_text())
            return "the result is not used"

        result = run(asgi(handler)(scope(), server.receive, server.send))

        assert result is None
        assert [message["type"] for message in server.sent] == [
            "websocket.accept",
            "websocket.send",
            "websocket.close",
        ]

    def test_a_method_and_an_object_can_be_the_handler(self) -> None:
        class Room:
            async def handle(self, websocket: WebSocket) -> None:
                await websocket.deny(404)

            __call__ = handle

        for handler in (Room().handle, Room()):
            server = Server()
            run(asgi(handler)(scope(), server.receive, server.send))
            assert server.sent[0]["status"] == 404

    def test_it_is_a_decorator_too(self) -> None:
        @asgi
        async def app(websocket: WebSocket) -> None:
            await websocket.deny(404)

        server = Server()
        run(app(scope(), server.receive, server.send))
        assert server.sent[0]["status"] == 404

    @pytest.mark.parametrize("handler", [None, "handler", 5, []], ids=repr)
    def test_what_cannot_be_called_is_refused_at_once(self, handler: Any) -> None:
        with pytest.raises(TypeError, match=r"asgi\(\) takes an async function, got "):
            asgi(handler)

    def test_a_plain_function_is_an_error_when_a_client_connects(self) -> None:
        def handler(websocket: WebSocket) -> str:
            return "done"

        server = Server()
        app = asgi(handler)  # type: ignore[arg-type]  # that is the mistake

        with pytest.raises(
            TypeError, match="must be an async function, but it returned str 'done'"
        ):
            run(app(scope(), server.receive, server.send))

        assert server.sent[0]["status"] == 500

    def test_an_async_generator_function_is_an_error_too(self) -> None:
        async def handler(websocket: WebSocket) -> AsyncIterator[str]:
            yield "never"

        server = Server()
        app: Any = asgi(handler)  # type: ignore[arg-type]  # that is the mistake

        with pytest.raises(TypeError, match="but it returned async_generator"):
            run(app(scope(), server.receive, server.send))

    def test_a_cancellation_is_passed_on_and_sends_nothing(self) -> None:
        sent: list[Message] = []

        async def main() -> None:
            receiving = asyncio.Event()

            async def receive() -> Message:
                receiving.set()
                await asyncio.Event().wait()
                raise AssertionError

            async def send(message: Message) -> None:
                sent.append(message)

            async def handler(websocket: WebSocket) -> None:
                await websocket.receive()

            running = asyncio.create_task(asgi(handler)(scope(), receive, send))  # type: ignore[arg-type]  # it is a coroutine
            await receiving.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        asyncio.run(main())
        assert sent == []


class TestClasses:
    def test_a_subclass_is_the_class_of_the_websocket(self) -> None:
        class Mine(WebSocket):
            async def greet(self) -> None:
                await self.accept()
                await self.send_text("hello")

        async def handler(websocket: Mine) -> None:
            assert type(websocket) is Mine
            await websocket.greet()

        server = Server([CONNECT])
        run(asgi(handler, websocket_class=Mine)(scope(), server.receive, server.send))  # type: ignore[arg-type]  # a callable takes what it is given
        assert [message.get("text") for message in server.sent] == [None, "hello", None]

    def test_the_class_of_an_integration_works_too(self) -> None:
        async def handler(websocket: Any) -> None:
            assert isinstance(websocket, starlette.websockets.WebSocket)
            await websocket.accept()

        server = Server([CONNECT])
        app = asgi(handler, websocket_class=StarletteWebSocket)
        run(app(scope(), server.receive, server.send))
        assert server.sent[-1]["code"] == 1000

    def test_hooks_of_the_class_see_the_end(self) -> None:
        seen: list[str] = []

        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                seen.append(message["type"])
                await super().send(message)

        server = Server([CONNECT])
        run(asgi(returns, websocket_class=Hooked)(scope(), server.receive, server.send))
        assert seen == ["websocket.accept", "websocket.close"]


class TestOtherScopes:
    @pytest.mark.parametrize("version", ["1.0", "1.1", None], ids="HTTP version {} or so".format)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_plain_request_is_answered_with_426(self, version: str | None, method: str) -> None:
        request = {"type": "http", "method": method, "http_version": version}
        if version is None:
            del request["http_version"]
        server = Server()

        run(asgi(echo)(request, server.receive, server.send))

        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"37"),
            (b"connection", b"upgrade"),
            (b"upgrade", b"websocket"),
        ]
        assert server.sent == [
            {"type": "http.response.start", "status": 426, "headers": headers},
            {"type": "http.response.body", "body": TEXT_426},
        ]
        assert len(TEXT_426) == 37

    @pytest.mark.parametrize("version", ["2", "3"], ids="HTTP/{} has no upgrade".format)
    def test_a_request_of_a_version_without_upgrades_is_answered_with_400(
        self, version: str
    ) -> None:
        server = Server()

        run(asgi(echo)({"type": "http", "http_version": version}, server.receive, server.send))

        start, body = server.sent
        assert start["status"] == 400
        assert [name for name, _ in start["headers"]] == [b"content-type", b"content-length"]
        assert body["body"] == TEXT_426

    @on_both
    def test_the_lifespan_succeeds(self, run: Run) -> None:
        async def main() -> None:
            async with lifespan(asgi(echo)):
                pass

        run(main)

    def test_the_lifespan_answers_each_phase(self) -> None:
        server = Server([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        run(asgi(echo)({"type": "lifespan"}, server.receive, server.send))

        assert server.sent == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]

    def test_an_unknown_scope_is_refused(self) -> None:
        server = Server()

        with pytest.raises(
            ValueError, match=r"asgi\(\) serves scopes of type .*, got 'webtransport'"
        ):
            run(asgi(echo)({"type": "webtransport"}, server.receive, server.send))

        assert server.sent == []


class TestAllowedOrigins:
    @pytest.fixture(autouse=True)
    def _unlimited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.origins.log_refusal.__defaults__", (_Limited(),))

    @staticmethod
    def connecting(origin: str | None) -> Any:
        headers = [(b"host", b"app.example")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        return scope(headers=headers, scheme="wss")

    @pytest.mark.parametrize(
        "allowed",
        [
            None,
            ["https://page.example"],
            ("https://page.example",),
            iter(["https://page.example"]),
            [OriginPattern.parse("https://page.example")],
            AllowedOrigins(["https://page.example"]),
        ],
        ids=["all", "list", "tuple", "iterator", "pattern", "AllowedOrigins"],
    )
    def test_a_page_of_an_allowed_origin_reaches_the_handler_each_time(
        self, allowed: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = asgi(returns, allowed_origins=allowed)
        for _ in range(2):
            server = Server([CONNECT])
            run(app(self.connecting("https://page.example"), server.receive, server.send))
            assert server.sent[0]["type"] == "websocket.accept"
        assert caplog.messages == []

    @pytest.mark.parametrize(
        ("allowed", "origin", "status"),
        [
            ([], "https://page.example", 403),
            ([], "https://app.example", None),
            ([], None, None),
            (["https://*.page.example"], "https://page.example", 403),
            (["https://*.page.example"], "https://a.page.example", None),
            (AllowedOrigins(same_origin=False), "https://app.example", 403),
            (AllowedOrigins(allow_missing=False), None, 403),
        ],
        ids=[
            "a foreign page",
            "the own origin",
            "a program",
            "not a subdomain",
            "a subdomain",
            "the own origin, excluded",
            "a program, excluded",
        ],
    )
    def test_other_pages_are_denied_before_the_handler_runs(
        self, allowed: Any, origin: str | None, status: int | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls: list[WebSocket] = []

        async def handler(websocket: WebSocket) -> None:
            calls.append(websocket)

        server = Server([CONNECT])
        app = asgi(handler, allowed_origins=allowed)
        run(app(self.connecting(origin), server.receive, server.send))

        if status is None:
            assert (len(calls), caplog.messages) == (1, [])
            return
        assert calls == []
        start, body = server.sent
        assert start["status"] == status
        assert body["body"] == b"This origin is not allowed to open a WebSocket here.\n"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("wsfsm.origins", logging.WARNING)
        assert record.getMessage().startswith("Refused a WebSocket to /. The ")

    def test_a_client_that_leaves_before_the_denial_is_quiet(self) -> None:
        server = Server([CONNECT], failing=OSError("broken pipe"))
        app = asgi(returns, allowed_origins=[])

        run(app(self.connecting("https://page.example"), server.receive, server.send))

    def test_without_the_extension_the_handshake_is_rejected(self) -> None:
        server = Server([CONNECT])
        connecting = {**self.connecting("https://page.example"), "extensions": {}}

        run(asgi(returns, allowed_origins=[])(connecting, server.receive, server.send))

        assert [message["type"] for message in server.sent] == ["websocket.close"]

    @pytest.mark.parametrize(
        ("allowed", "kind"),
        [("https://page.example", TypeError), (["page.example"], ValueError), (5, TypeError)],
        ids=["one str", "no scheme", "int"],
    )
    def test_a_malformed_list_is_refused_at_once(self, allowed: Any, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            asgi(echo, allowed_origins=allowed)


class TestObject:
    def test_it_can_be_copied_pickled_and_compared(self) -> None:
        app = asgi(echo, allowed_origins=["https://page.example"])

        for other in (copy.copy(app), pickle.loads(pickle.dumps(app))):
            assert other == app
        assert app != asgi(echo)

    def test_its_repr_names_the_handler(self) -> None:
        assert "echo" in repr(asgi(echo))

    def test_it_is_exported(self) -> None:
        assert wsfsm.asgi is asgi
        assert "asgi" in wsfsm.__all__


@on_both
class TestMounted:
    def test_it_can_be_mounted_in_starlette(self, run: Run) -> None:
        app = starlette.applications.Starlette(routes=[starlette.routing.Mount("/ws", asgi(echo))])

        async def main() -> None:
            async with connect(app, "/ws/room") as client:
                await client.send_text("hello")
                assert await client.receive_text() == "hello"

        run(main)

    @pytest.mark.parametrize("leave", [True, False], ids=["left", "not yet"])
    def test_it_can_be_called_by_an_application(self, run: Run, leave: bool) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert scope["path"] == "/echo"
            await asgi(echo)(scope, receive, send)

        async def main() -> None:
            async with connect(app, "/echo") as client:
                await client.send_text("hello")
                assert await client.receive_text() == "hello"
                if leave:
                    await client.close()
                    await client.result()

        run(main)


def test_a_client_that_leaves_before_the_accept_ends_it_quietly() -> None:
    async def slow(websocket: WebSocket) -> None:
        await websocket.receive()
        await websocket.receive()
        await websocket.accept()

    server = Server([CONNECT, BYE])
    run(asgi(slow)(scope(), server.receive, server.send))
    assert server.sent == []
