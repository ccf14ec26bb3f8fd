"""asgi(): an application of a handler, in memory."""

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import attrs
import pytest
import starlette.applications
import starlette.routing
from helpers.asgi import Server, call, scope
from helpers.connections import BYE, CONNECT, TEXT
from helpers.loops import Run, on_both

import wsfsm
from wsfsm import WebSocket, WebSocketDisconnect, asgi
from wsfsm.integrations.starlette import WebSocket as StarletteWebSocket
from wsfsm.testing import SERVERS, Client, Closed, connect
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

        call(asgi(handler), scope(), server)

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
            call(asgi(handler), scope(), server)
            assert server.sent[0]["status"] == 404

    def test_it_is_a_decorator_too(self) -> None:
        @asgi
        async def app(websocket: WebSocket) -> None:
            await websocket.deny(404)

        server = Server()
        call(app, scope(), server)
        assert server.sent[0]["status"] == 404

    @pytest.mark.parametrize("handler", [None, "handler", 5, []], ids=repr)
    def test_what_cannot_be_called_is_refused_at_once(self, handler: Any) -> None:
        with pytest.raises(TypeError, match=r"asgi\(\) takes an async function, got "):
            asgi(handler)

    @pytest.mark.parametrize("handler", [lambda: None, lambda websocket, user: None])
    def test_a_function_that_does_not_take_one_argument_is_refused_at_once(
        self, handler: Any
    ) -> None:
        with pytest.raises(TypeError, match=r"of one argument, the WebSocket, got <function"):
            asgi(handler)

    def test_a_callable_without_a_signature_can_be_the_handler(self) -> None:
        handler: Any = dict

        assert "dict" in repr(asgi(handler))

    def test_a_plain_function_is_an_error_when_a_client_connects(self) -> None:
        def handler(websocket: WebSocket) -> str:
            return "done"

        server = Server()
        app = asgi(handler)  # type: ignore[arg-type]  # that is the mistake

        with pytest.raises(
            TypeError, match="must be an async function, but it returned str 'done'"
        ):
            call(app, scope(), server)

        assert server.sent[0]["status"] == 500

    def test_an_async_generator_function_is_an_error_too(self) -> None:
        async def handler(websocket: WebSocket) -> AsyncIterator[str]:
            yield "never"

        server = Server()
        app: Any = asgi(handler)  # type: ignore[arg-type]  # that is the mistake

        with pytest.raises(TypeError, match="but it returned async_generator"):
            call(app, scope(), server)

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

            app: Any = asgi(handler)
            running = asyncio.create_task(app(scope(), receive, send))
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
        call(asgi(handler, websocket_class=Mine), scope(), server)
        assert [message.get("text") for message in server.sent] == [None, "hello", None]

    def test_the_class_of_an_integration_works_too(self) -> None:
        async def handler(websocket: Any) -> None:
            assert isinstance(websocket, starlette.websockets.WebSocket)
            await websocket.accept()

        server = Server([CONNECT])
        app = asgi(handler, websocket_class=StarletteWebSocket)
        call(app, scope(), server)
        assert server.sent[-1]["code"] == 1000

    def test_hooks_of_the_class_see_the_end(self) -> None:
        seen: list[str] = []

        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                seen.append(message["type"])
                await super().send(message)

        server = Server([CONNECT])
        call(asgi(returns, websocket_class=Hooked), scope(), server)
        assert seen == ["websocket.accept", "websocket.close"]


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
    call(asgi(slow), scope(), server)
    assert server.sent == []
