"""How connections end in uvicorn: every state with every loss, and every end of an application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import uvicorn
from helpers.uvicorn_server import in_time, running, serving, until
from helpers.wire import BINARY, CLOSE, TEXT, Client, asking, close_payload, connected, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.types import Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}
CLOSE_4000: Message = {"type": "websocket.close", "code": 4000, "reason": "bye"}
START: Message = {"type": "websocket.http.response.start", "status": 404}
MORE: Message = {"type": "websocket.http.response.body", "body": b"a", "more_body": True}
LAST: Message = {"type": "websocket.http.response.body", "body": b"b"}
DATA: Message = {"type": "websocket.send", "text": "x"}

STATES: dict[str, list[Message]] = {
    "CONNECTING": [],
    "DENIAL_HELD": [START],
    "DENIAL_STREAMING": [START, MORE],
    "OPEN": [ACCEPT],
    "CLOSING": [ACCEPT, CLOSE_4000],
}
"""The messages that an application sends to reach a state."""

GONE = {"type": "websocket.disconnect", "code": 1006}
CLOSED = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
RESTART = {"type": "websocket.disconnect", "code": 1012}


class Quick(WebSocketProtocol):
    """The strict class with short timeouts."""

    policies = attrs.evolve(WebSocketProtocol.policies, close_timeout=0.3)


class QuickCompat(CompatWebSocketProtocol):
    """The same."""

    policies = attrs.evolve(CompatWebSocketProtocol.policies, close_timeout=0.3)


class Application:
    """Reach a state, receive until the end, and try every call after it.

    Args:
        state: The state.
    """

    def __init__(self, state: str) -> None:
        self.state = state
        self.there = asyncio.Event()
        self.received: list[Message] = []
        self.after: list[Any] = []
        self.done = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        for message in STATES[self.state]:
            await send(message)
        self.there.set()
        self.received.append(await receive())
        self.after += [await receive(), await receive()]
        for message in (ACCEPT, DATA, CLOSE_4000, START, LAST, {"type": "foo"}):
            try:
                await send(message)
            except OSError as error:
                self.after.append(type(error).__name__)
        self.done.set()


@asynccontextmanager
async def there(
    state: str, **options: Any
) -> AsyncIterator[tuple[Application, Client, uvicorn.Server]]:
    """An application in a state, its client, and the server."""
    app = Application(state)
    options = {"ws": Quick} | options
    async with running(app, **options) as (server, address), asking(address) as client:
        await app.there.wait()
        if state in ("OPEN", "CLOSING", "DENIAL_STREAMING"):
            status, _ = await client.head()
            assert status == (404 if state == "DENIAL_STREAMING" else 101)
        if state == "DENIAL_STREAMING":
            assert await client.reader.readexactly(6) == b"1\r\na\r\n"
        if state == "CLOSING":
            assert await client.close_frame() == (4000, "bye")
        yield app, client, server


@pytest.mark.parametrize("state", STATES)
class TestLoss:
    def check(self, state: str, app: Application, end: Message) -> None:
        expected = CLOSED if state == "CLOSING" else end
        assert app.received == [expected]
        assert app.after == [expected, expected, *["ClientDisconnected"] * 5]

    def test_fin_of_the_client_ends_the_connection(self, state: str) -> None:
        async def main() -> None:
            async with there(state) as (app, client, _):
                client.half_close()
                assert await client.rest() == b""  # no response is left to be given
                await app.done.wait()
                self.check(state, app, GONE)

        in_time(main)

    def test_reset_of_the_client_ends_the_connection(self, state: str) -> None:
        async def main() -> None:
            async with there(state) as (app, client, _):
                client.reset()
                await app.done.wait()
                self.check(state, app, GONE)

        in_time(main)


@pytest.mark.parametrize("loss", ["half_close", "reset"])
def test_draining_connection_ends_when_the_client_leaves(loss: str) -> None:
    """The same in DRAINING: the client has its response, and the server waits for its FIN."""
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})
        got.append(await receive())

    async def main() -> None:
        async with running(app, ws=WebSocketProtocol) as (server, address):
            async with asking(address) as client:
                assert (await client.head())[0] == 403
                await until(lambda: bool(got))
                assert server.server_state.connections
                getattr(client, loss)()
                await until(lambda: not server.server_state.connections)

    in_time(main)
    assert got == [GONE]


SHUTDOWN: dict[str, tuple[bytes, Message]] = {
    "CONNECTING": (b"HTTP/1.1 503 Service Unavailable\r\n", GONE),
    "OPEN": (frame(CLOSE, close_payload(1012), masked=False), RESTART),
    "CLOSING": (b"", CLOSED),
}
"""The bytes to the client and the message to the application when the server stops."""


class TestShutdown:
    """SIGTERM sets `uvicorn.Server.should_exit`."""

    @pytest.mark.parametrize("state", SHUTDOWN)
    def test_shutdown_is_answered_on_the_wire_and_received_by_the_application(
        self, state: str
    ) -> None:
        wire, told = SHUTDOWN[state]

        async def main() -> None:
            async with there(state) as (app, client, server):
                server.should_exit = True
                # the Close is not answered: the server waits only for a while
                assert (await anything(client)).startswith(wire)
                await app.done.wait()
                assert app.received == [told]
                assert app.after == [told, told, *["ClientDisconnected"] * 5]

        in_time(main)

    @pytest.mark.parametrize("state", ["DENIAL_HELD", "DENIAL_STREAMING"])
    def test_shutdown_completes_a_denial_response(self, state: str) -> None:
        finish = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for message in STATES[state]:
                await send(message)
            finish.set()
            await asyncio.sleep(0.2)
            await send(LAST)

        async def main() -> None:
            async with running(app, ws=Quick) as (server, address), asking(address) as client:
                await finish.wait()
                server.should_exit = True
                status, _ = await client.head()
                assert status == 404
                assert await client.rest() in (b"b", b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")

        in_time(main)

    def test_shutdown_is_not_delayed_by_a_peer_that_never_closes(self) -> None:
        async def main() -> None:
            async with there("OPEN") as (_, client, server):
                client.write(frame(CLOSE, close_payload(1000)))
                assert await client.close_frame() == (1000, "")
                server.should_exit = True
                async with asyncio.timeout(5):
                    while server.server_state.connections:  # noqa: ASYNC110 - uvicorn's set
                        await asyncio.sleep(0.01)

        in_time(main)


async def anything(client: Client) -> bytes:
    """All that comes, however it ends."""
    data = b""
    try:
        while chunk := await client.reader.read(2**16):
            data += chunk
    except ConnectionResetError:
        pass
    return data


class TestClosing:
    def test_peer_that_does_not_answer_a_close_is_disconnected(self) -> None:
        async def main() -> None:
            async with there("CLOSING") as (app, client, _):
                client.write(frame(TEXT, b"what was it?"))
                async with asyncio.timeout(5):
                    assert await anything(client) == b""
                await app.done.wait()
                assert app.received == [CLOSED]

        in_time(main)

    @pytest.mark.parametrize(
        "answer",
        [frame(CLOSE, close_payload(1000)), frame(3), frame(BINARY, b"late") + frame(CLOSE)],
        ids=["a Close", "no frame", "data and a Close"],
    )
    def test_disconnect_after_our_close_has_our_code_for_any_answer(self, answer: bytes) -> None:
        async def main() -> None:
            async with there("CLOSING") as (app, client, _):
                client.write(answer)
                assert await client.rest() == b""
                await app.done.wait()
                assert app.received == [CLOSED]

        in_time(main)

    @pytest.mark.parametrize(
        ("payload", "told"),
        [
            (b"", {"type": "websocket.disconnect", "code": 1005, "reason": ""}),
            (
                close_payload(1001, "bÿe"),
                {"type": "websocket.disconnect", "code": 1001, "reason": "bÿe"},
            ),
        ],
    )
    def test_close_of_the_peer_is_answered_and_received_by_the_application(
        self, payload: bytes, told: Message
    ) -> None:
        async def main() -> None:
            async with there("OPEN") as (app, client, _):
                client.write(frame(CLOSE, payload))
                assert await client.rest() == frame(CLOSE, payload, masked=False)
                await app.done.wait()
                assert app.received == [told]
                assert app.after == [told, told, *["ClientDisconnected"] * 5]

        in_time(main)


class Broken(Exception):
    """The exception of the applications."""


def ending(state: str, how: str) -> Any:
    """An application that comes to a state and ends there."""

    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await receive()
        for message in STATES[state]:
            await send(message)
        if how == "raise":
            raise Broken("on purpose")
        return 5 if how == "return 5" else None

    return app


INTERNAL = b"HTTP/1.1 500 Internal Server Error\r\n"
PART = b"1\r\na\r\n"
NORMAL = frame(CLOSE, close_payload(1000), masked=False)
UNEXPECTED = frame(CLOSE, close_payload(1011), masked=False)
OWN = frame(CLOSE, close_payload(4000, "bye"), masked=False)
INCOMPLETE = (
    "ASGI application returned without completing its response to the handshake; "
    "it must send websocket.accept, websocket.close, or a whole denial response"
)
FAILED = "Exception in ASGI application"

ENDS: dict[tuple[type[WebSocketProtocol], str, str], tuple[bytes, str]] = {
    (Quick, "CONNECTING", "return"): (INTERNAL, INCOMPLETE),
    (Quick, "CONNECTING", "raise"): (INTERNAL, FAILED),
    (Quick, "DENIAL_HELD", "return"): (INTERNAL, INCOMPLETE),
    (Quick, "DENIAL_HELD", "raise"): (INTERNAL, FAILED),
    (Quick, "DENIAL_STREAMING", "return"): (PART, INCOMPLETE),
    (Quick, "DENIAL_STREAMING", "raise"): (PART, FAILED),
    (Quick, "OPEN", "return"): (NORMAL, ""),
    (Quick, "OPEN", "return 5"): (NORMAL, "ASGI callable should return None, but returned '5'."),
    (Quick, "OPEN", "raise"): (UNEXPECTED, FAILED),
    (Quick, "CLOSING", "return"): (OWN, ""),
    (Quick, "CLOSING", "raise"): (OWN, FAILED),
    (QuickCompat, "CONNECTING", "return"): (INTERNAL, INCOMPLETE),
    (QuickCompat, "DENIAL_HELD", "return"): (b"", INCOMPLETE),  # its head is on the wire
    (QuickCompat, "OPEN", "return"): (b"", ""),
    (QuickCompat, "OPEN", "raise"): (b"", FAILED),
    (QuickCompat, "CLOSING", "return"): (OWN, ""),
}
"""The bytes to the client, and the log, when an application ends in a state."""


@pytest.mark.parametrize(("ws", "state", "how"), ENDS)
def test_end_of_the_application_is_answered_as_the_table_specifies(
    ws: type[WebSocketProtocol], state: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    wire, text = ENDS[ws, state, how]

    async def main() -> None:
        options: dict[str, Any] = {"ws": ws, "log_level": "info", "log_config": None}
        async with (
            serving(ending(state, how), **options) as address,
            asking(address) as client,
        ):
            if wire is not INTERNAL:
                await client.head()
            seen = await anything(client)
            assert seen.startswith(wire)
            assert bool(seen) is bool(wire)

    with caplog.at_level(logging.INFO, "uvicorn.error"):
        in_time(main)
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage().strip() for record in logged] == [text][: bool(text)]
    assert all(("Broken" in (record.exc_text or "")) is (text == FAILED) for record in logged)


class TestLog:
    def lines(self, app: Any, caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
        async def main() -> None:
            async with serving(app, ws=Quick, log_level="trace", log_config=None) as address:
                async with asking(address) as client:
                    await anything(client)

        with caplog.at_level(level, "uvicorn.error"):
            in_time(main)
        return [r.getMessage() for r in caplog.records if "127.0.0.1:" in r.getMessage()]

    @pytest.mark.parametrize(
        ("messages", "answer"),
        [
            ([ACCEPT], "[accepted]"),
            ([CLOSE_4000], "403"),
            ([START, LAST], "404"),
            ([START, MORE, LAST], "404"),
            ([], "500"),
        ],
    )
    def test_each_answer_is_logged_in_the_format_of_uvicorn(
        self, messages: list[Message], answer: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["path"], scope["query_string"] = "/a b", b"c=d"
            for message in messages:
                await send(message)

        (line,) = (x for x in self.lines(app, caplog, logging.INFO) if "WebSocket" in x)
        address, _, rest = line.partition(" - ")
        assert address.startswith("127.0.0.1:")
        assert rest == f'"WebSocket /a%20b?c=d" {answer}'

    def test_trace_log_has_the_start_and_the_loss_of_the_connection(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        lines = self.lines(ending("OPEN", "return"), caplog, 5)

        assert [line.partition(" - ")[2] for line in lines if "WebSocket connection" in line] == [
            "WebSocket connection made",
            "WebSocket connection lost",
        ]

    def test_send_to_a_client_that_left_is_not_logged_as_an_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await send(DATA)

        async def main() -> None:
            options: dict[str, Any] = {"ws": Quick, "log_level": "info", "log_config": None}
            async with serving(app, **options) as address, connected(address) as client:
                client.half_close()
                await client.rest()

        with caplog.at_level(logging.INFO, "uvicorn.error"):
            in_time(main)
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
