"""The faults that users of Starlette's class report most: how it behaves, and how wsfsm's class does."""

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Callable
from typing import Any, Final

import fastapi
import pytest
import starlette.responses
import starlette.websockets
from helpers.asgi import Server, run, scope
from helpers.connections import ACCEPT, BINARY, BYE, CONNECT, TEXT
from helpers.uvicorn_server import in_time

import wsfsm
import wsfsm.integrations.fastapi
from wsfsm import ConnectionClosed, UnexpectedFrame
from wsfsm.testing import ClientTimeout, Closed, connect
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._sending import warn_unseen_code

STARLETTE: Final = starlette.websockets.WebSocket
WSFSM: Final = wsfsm.WebSocket


def application(kind: Callable[..., Any], handler: Callable[[Any], Any]) -> Any:
    """An ASGI application whose handler gets a WebSocket of this class."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await handler(kind(scope, receive, send))

    return app


def make(kind: Callable[..., Any], *incoming: Message, **keys: Any) -> tuple[Any, Server]:
    """A connection that is not accepted yet."""
    server = Server([CONNECT, *incoming])
    return kind(scope(**keys), server.receive, server.send), server


def accepted(kind: Callable[..., Any], *incoming: Message) -> tuple[Any, Server]:
    websocket, server = make(kind, *incoming)
    run(websocket.accept())
    server.sent.clear()
    return websocket, server


class TestOneFamilyOfExceptions:
    """A use of the connection after its end is one exception, whatever the server does."""

    @staticmethod
    def raised(kind: Callable[..., Any], end: str) -> BaseException:
        websocket, server = accepted(kind, BYE)
        if end == "client":
            run(websocket.receive())
            server.failing = RuntimeError("Unexpected ASGI message")  # as uvicorn --ws websockets
        else:
            run(websocket.close())
        with pytest.raises(RuntimeError) as caught:
            run(websocket.send_text("late"))
        return caught.value

    def test_starlette_has_one_for_each_side_and_server(self) -> None:
        by_client, by_application = self.raised(STARLETTE, "client"), self.raised(STARLETTE, "own")

        assert type(by_client) is RuntimeError
        assert type(by_application) is starlette.websockets.WebSocketDisconnected
        for error in (by_client, by_application):
            assert not isinstance(error, starlette.websockets.WebSocketDisconnect)
            assert not hasattr(error, "code")

    def test_wsfsm_has_one_that_is_caught_as_both_and_says_who_closed(self) -> None:
        by_client, by_application = self.raised(WSFSM, "client"), self.raised(WSFSM, "own")

        for error, end in ((by_client, ("client", 4001)), (by_application, ("application", 1000))):
            assert isinstance(error, ConnectionClosed)
            assert isinstance(error, wsfsm.WebSocketDisconnect)
            assert (error.closed_by, error.code) == end


class TestDisconnectsAreNoticed:
    """Three of four servers never fail a send, so a handler that only sends does not end."""

    @staticmethod
    def play(kind: Callable[..., Any], push: Callable[[Any, asyncio.Event], Any]) -> None:
        """Play a handler whose client leaves, and sets an event then."""

        async def main() -> None:
            left = asyncio.Event()
            app = application(kind, lambda websocket: push(websocket, left))
            async with connect(app, server="hypercorn") as client:
                await client.receive_text()
                await client.close(4001)
                left.set()
                await client.result()

        in_time(main)

    def test_starlette_sends_to_nobody(self) -> None:
        states: list[object] = []

        async def push(websocket: Any, left: asyncio.Event) -> None:
            await websocket.accept()
            await websocket.send_text("tick")
            await left.wait()
            for _ in range(3):  # a real one would go on for ever
                await websocket.send_text("tick")
                states.append(websocket.client_state)

        self.play(STARLETTE, push)
        assert states == [starlette.websockets.WebSocketState.CONNECTED] * 3

    def test_wsfsm_ends_the_block(self) -> None:
        ends: list[object] = []

        async def push(websocket: Any, left: asyncio.Event) -> None:
            await websocket.accept()
            async with websocket.until_disconnect():
                while True:
                    await websocket.send_text("tick")
                    await asyncio.sleep(0)
            ends.append((left.is_set(), websocket.closed_by))

        self.play(WSFSM, push)
        assert ends == [(True, "client")]


class TestCloseCannotHurt:
    """A close in a `finally`, after the client has left."""

    @staticmethod
    def close_late(kind: Callable[..., Any]) -> tuple[Any, Server]:
        websocket, server = accepted(kind, BYE)
        run(websocket.receive())
        server.failing = OSError("the connection is closed")
        run(websocket.close())
        return websocket, server

    def test_starlette_passes_it_on_and_raises(self) -> None:
        with pytest.raises(starlette.websockets.WebSocketDisconnect):
            self.close_late(STARLETTE)

    def test_wsfsm_has_nothing_to_close(self) -> None:
        websocket, server = self.close_late(WSFSM)
        assert (server.sent, websocket.close_code) == ([], 4001)
        run(websocket.aclose())  # and once more


class TestEndsAreQuietAndHonest:
    """The client leaves, or the handler returns without a close."""

    @staticmethod
    async def echo(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    def test_starlette_raises_into_the_servers_log_and_sends_no_close(self) -> None:
        async def main() -> None:
            app = application(STARLETTE, self.echo)
            async with connect(app, server="uvicorn-sansio") as client:
                await client.close(1001)
                with pytest.raises(starlette.websockets.WebSocketDisconnect):
                    await client.result()
            async with connect(app, server="uvicorn-sansio") as client:
                await client.send_text("hello")
                assert await client.receive_text() == "hello"
                assert await client.receive_close() == Closed(1006)

        in_time(main)

    def test_wsfsm_ends_without_an_error_and_closes(self) -> None:
        async def main() -> None:
            app = wsfsm.asgi(self.echo)
            async with connect(app, server="uvicorn-sansio") as client:
                await client.close(1001)
                await client.result()
            async with connect(app, server="uvicorn-sansio") as client:
                await client.send_text("hello")
                assert await client.receive_text() == "hello"
                assert await client.receive_close() == Closed(1000)

        in_time(main)


class TestServersAreAlike:
    """Daphne's disconnect without a code, and Hypercorn's messages with both keys."""

    NO_CODE: Final = {"type": "websocket.disconnect", "code": None}
    BOTH_KEYS: Final = {"type": "websocket.receive", "text": None, "bytes": b"x"}

    def test_starlette_passes_none_on(self) -> None:
        websocket, _ = accepted(STARLETTE, self.BOTH_KEYS, self.NO_CODE)

        assert run(websocket.receive_text()) is None
        with pytest.raises(starlette.websockets.WebSocketDisconnect) as caught:
            run(websocket.receive_text())
        assert caught.value.code is None

    def test_wsfsm_has_the_same_types_everywhere(self) -> None:
        websocket, _ = accepted(WSFSM, self.BOTH_KEYS, self.NO_CODE)

        with pytest.raises(UnexpectedFrame):
            run(websocket.receive_text())
        with pytest.raises(wsfsm.WebSocketDisconnect) as caught:
            run(websocket.receive_text())
        assert caught.value.code == 1005


class TestOneTruthfulState:
    """After a failed send."""

    @staticmethod
    def lost(kind: Callable[..., Any]) -> Any:
        websocket, server = accepted(kind)
        server.failing = OSError("broken pipe")
        with pytest.raises((starlette.websockets.WebSocketDisconnect, wsfsm.WebSocketDisconnect)):
            run(websocket.send_text("x"))
        return websocket

    def test_starlette_has_a_client_that_is_still_connected(self) -> None:
        websocket = self.lost(STARLETTE)
        assert websocket.client_state is starlette.websockets.WebSocketState.CONNECTED
        assert websocket.application_state is starlette.websockets.WebSocketState.DISCONNECTED

    def test_wsfsm_has_a_state_of_the_connection(self) -> None:
        websocket = self.lost(WSFSM)
        assert (websocket.ready_state, websocket.is_open, websocket.can_send) == (
            "lost",
            False,
            False,
        )
        assert (websocket.closed_by, websocket.close_code) == ("transport", 1006)
        assert websocket.client_state is wsfsm.WebSocketState.DISCONNECTED


class TestDataOfTheWrongKind:
    """Binary data where text is expected, and text that is not JSON."""

    BAD_JSON: Final = {"type": "websocket.receive", "text": "{oops"}

    def test_starlette_loses_the_message(self) -> None:
        websocket, _ = accepted(STARLETTE, BINARY)

        with pytest.raises(KeyError) as caught:
            run(websocket.receive_text())

        assert caught.value.args == ("text",)
        assert not hasattr(caught.value, "message")

    def test_wsfsm_keeps_it_and_says_what_was_there(self) -> None:
        websocket, _ = accepted(WSFSM, BINARY, self.BAD_JSON, BINARY, TEXT)

        with pytest.raises(KeyError, match="has binary data of length 2") as caught:
            run(websocket.receive_text())
        assert caught.value.data == BINARY["bytes"]  # type: ignore[attr-defined]  # it is an UnexpectedFrame
        with pytest.raises(json.JSONDecodeError) as bad:
            run(websocket.receive_json())
        assert bad.value.doc == "{oops"
        assert run(websocket.receive_data()) == BINARY["bytes"]
        assert run(websocket.receive_text()) == TEXT["text"]


class TestOwnClassesInFastAPI:
    """A handler of FastAPI that is annotated with another class than FastAPI's."""

    @staticmethod
    def given(annotation: Any) -> list[Any]:
        seen: list[Any] = []
        app = fastapi.FastAPI()

        async def handle(websocket: Any) -> None:
            seen.append(websocket)
            await websocket.accept()

        handle.__annotations__["websocket"] = annotation
        app.websocket("/")(handle)

        async def main() -> None:
            async with connect(app) as client:
                await client.accepted()

        in_time(main)
        return seen

    def test_starlette_is_what_a_handler_gets_without_a_word(self) -> None:
        class Mine(STARLETTE):  # type: ignore[misc, valid-type]  # it is a constant
            pass

        (websocket,) = self.given(Mine)
        assert type(websocket) is STARLETTE

    def test_wsfsm_is_what_its_annotation_gives(self) -> None:
        (websocket,) = self.given(wsfsm.integrations.fastapi.WebSocket)
        assert isinstance(websocket, WSFSM)
        assert isinstance(websocket, STARLETTE)


class TestSlowClients:
    """A client that reads nothing."""

    @staticmethod
    def blocked(app: Any) -> str:
        """Return the trace of a connection whose client does not read, and leaves."""

        trace = ""

        async def main() -> None:
            nonlocal trace
            async with connect(app) as client:
                await client.send_text("go")
                client.pause_reading()
                await client.receive_nothing(0.01)
            trace = client.trace

        in_time(main)
        return trace

    def test_starlette_waits_for_ever(self) -> None:
        results: list[str] = []

        async def handler(websocket: Any) -> None:
            await websocket.accept()
            await websocket.receive_text()
            with pytest.raises(TypeError, match="timeout"):
                await websocket.send_text("x", timeout=0)
            try:
                await websocket.send_text("x")
            finally:
                results.append("only the end of the connection wakes it")

        trace = self.blocked(application(STARLETTE, handler))
        waits = trace.index("waits in send, because the client reads nothing")
        assert waits < trace.index("client closes")
        assert len(results) == 1

    def test_wsfsm_has_timeouts(self) -> None:
        results: list[str] = []

        async def handler(websocket: Any) -> None:
            await websocket.accept()
            await websocket.receive_text()
            with pytest.raises(TimeoutError) as caught:
                await websocket.send_text("x", timeout=0)
            results.append(str(caught.value).partition("\n")[0])

        self.blocked(application(WSFSM, handler))
        assert results == ["send_text() took longer than its timeout of 0 seconds"]


class TestTestClient:
    """A test that waits for a message which the application does not send."""

    @staticmethod
    async def silent(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await websocket.send_text("at last")

    @pytest.mark.filterwarnings("ignore:Using `httpx`")  # Starlette recommends another client
    def test_starlette_waits_for_ever_in_a_thread(self) -> None:
        from starlette.testclient import TestClient  # noqa: PLC0415 - it warns

        received: list[str] = []
        client = TestClient(application(STARLETTE, self.silent))
        with client.websocket_connect("/") as session:
            waiting = threading.Thread(target=lambda: received.append(session.receive_text()))
            waiting.start()
            waiting.join(0.1)
            assert waiting.is_alive()  # it takes no timeout
            session.send_text("go")
            waiting.join(20)
        assert received == ["at last"]

    def test_wsfsm_fails_in_time_and_shows_the_trace(self) -> None:
        async def main() -> None:
            async with connect(self.silent) as client:
                with pytest.raises(ClientTimeout, match=r"application sends websocket\.accept"):
                    await client.receive_text(timeout=0.01)

        in_time(main)


class TestErrorsWithContext:
    """Data is asked for after the application's own close."""

    @staticmethod
    def text(kind: Callable[..., Any]) -> str:
        websocket, _ = accepted(kind)
        run(websocket.close(4000, "done"))
        with pytest.raises(RuntimeError) as caught:
            run(websocket.receive_text())
        return str(caught.value)

    def test_starlette_recommends_an_accept(self) -> None:
        expected = 'WebSocket is not connected. Need to call "accept" first.'
        assert self.text(STARLETTE) == expected

    def test_wsfsm_says_what_has_happened(self) -> None:
        assert self.text(WSFSM) == (
            "WebSocket is not connected.\n"
            "The client is CONNECTED and the application is DISCONNECTED; nothing is allowed now. "
            "The connection was ended by the application with code 4000 'done'."
        )


class TestDenials:
    """A handshake is rejected with a status, on a server without the extension, and with a code."""

    def test_starlette_raises_and_sends_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        websocket, server = make(STARLETTE, extensions={})
        response = starlette.responses.PlainTextResponse("no", 401)

        with pytest.raises(RuntimeError, match="doesn't support"):
            run(websocket.send_denial_response(response))
        assert server.sent == []

        run(websocket.close(4401))
        assert caplog.messages == []  # the client does not see the code, and nobody is told

    def test_wsfsm_answers_in_any_case(self, caplog: pytest.LogCaptureFixture) -> None:
        for offered, kind in (
            ((), "websocket.close"),
            (("websocket.http.response",), "websocket.http.response.start"),
        ):
            websocket, server = make(WSFSM, extensions={key: {} for key in offered})
            run(websocket.deny(401, body="no"))
            assert server.sent[0]["type"] == kind

        warn_unseen_code.cache_clear()
        websocket, _ = make(WSFSM)
        run(websocket.close(4401))
        assert "the client sees HTTP 403" in caplog.text


class TestChecksAtTheCall:
    """Values that no frame can have."""

    CALLS: Final = [("close", 1006), ("close", 1000, "x" * 124), ("send_text", b"bytes")]

    @pytest.mark.parametrize("call", CALLS, ids=["code", "reason", "data"])
    def test_starlette_passes_them_to_the_server(self, call: tuple[Any, ...]) -> None:
        websocket, server = accepted(STARLETTE)
        run(getattr(websocket, call[0])(*call[1:]))
        assert len(server.sent) == 1

    @pytest.mark.parametrize("call", CALLS, ids=["code", "reason", "data"])
    def test_wsfsm_refuses_them_and_stays_open(self, call: tuple[Any, ...]) -> None:
        websocket, server = accepted(WSFSM)
        with pytest.raises((TypeError, ValueError), match="nothing was sent"):
            run(getattr(websocket, call[0])(*call[1:]))
        assert (server.sent, websocket.is_open) == ([], True)


class TestJSON:
    """Values that the standard library does not encode."""

    NOON: Final = dt.time(12)

    @staticmethod
    def dumps(value: object) -> str:
        return json.dumps(value, default=str)

    def test_starlette_has_one_encoder(self) -> None:
        websocket, _ = accepted(STARLETTE)
        websocket.json_dumps = self.dumps  # nobody asks for it
        with pytest.raises(TypeError, match="not JSON serializable"):
            run(websocket.send_json(self.NOON))

    def test_wsfsm_has_one_for_each_class_or_connection(self) -> None:
        websocket, server = accepted(WSFSM, {"type": "websocket.receive", "text": "12:00:00"})
        websocket.json_dumps = self.dumps

        run(websocket.send_json(self.NOON))

        assert server.sent == [{"type": "websocket.send", "text": '"12:00:00"'}]
        assert run(websocket.receive_as(dt.time.fromisoformat)) == self.NOON


class TestClientsThatLeaveBeforeTheAccept:
    """The client goes while the application still checks who it is."""

    @staticmethod
    def slow(kind: Callable[..., Any]) -> tuple[Any, Server]:
        websocket, server = make(kind, BYE)
        run(websocket.receive())
        run(websocket.receive())
        return websocket, server

    def test_starlette_accepts_nobody(self) -> None:
        websocket, server = self.slow(STARLETTE)
        run(websocket.accept())
        assert [message["type"] for message in server.sent] == [ACCEPT["type"]]
        assert websocket.application_state is starlette.websockets.WebSocketState.CONNECTED

    def test_wsfsm_raises_the_end(self) -> None:
        websocket, server = self.slow(WSFSM)
        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.accept())
        assert (caught.value.code, server.sent) == (4001, [])
