"""The quirks of servers: each record is true of the profiles, is shown by cases, and is in the docs."""

import asyncio
import builtins
import enum
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from helpers.asgi import ROOT, run
from helpers.connections import BODY, BYE, CONNECT, START, accepted, connection, states
from helpers.guides import Guide
from helpers.loops import Run, on_both

from wsfsm import WebSocket, WebSocketDisconnect
from wsfsm.conformance import load_folder
from wsfsm.testing import SERVERS, ServerProfile, connect
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._quirks import QUIRKS, LossError, Quirk, is_loss

pytestmark = pytest.mark.one_python

GUIDE: Final = Guide(ROOT / "docs" / "quirks.md")
CLOSED: Final = (
    "Unexpected ASGI message '{}', after sending 'websocket.close' or response already completed."
)
NO_TASK: Final = "'WebSocketProtocol' object has no attribute 'transfer_data_task'"
UPGRADED: Final = "ASGI flow error: Connection already upgraded"
UNSENDABLE: Final = "Event Message(data='a\nb', frame_finished=True, message_finished=True) cannot be sent in state ConnectionState.{}."
SEND, CLOSE, DENY = "websocket.send", "websocket.close", "websocket.http.response.body"
# texts as the servers raise them
RAISED: Final = [
    ("RuntimeError after the disconnect", "RuntimeError", CLOSED.format(SEND), SEND),
    ("RuntimeError after the disconnect", "RuntimeError", CLOSED.format(CLOSE), CLOSE),
    ("AttributeError of a close", "AttributeError", NO_TASK, CLOSE),
    ("RuntimeError of a denial response", "RuntimeError", UPGRADED, DENY),
    (
        "RuntimeError of a lost transport",
        "RuntimeError",
        "ASGI flow error: Transport closed",
        SEND,
    ),
    (
        "RuntimeError of a lost transport",
        "RuntimeError",
        "ASGI flow error: Transport not initialized or closed",
        SEND,
    ),
    (
        "ConnectionClosed of websockets",
        "ConnectionClosedOK",
        "received 1001 (going away); then sent 1001 (going away)",
        SEND,
    ),
    (
        "ConnectionClosed of websockets",
        "ConnectionClosedError",
        "no close frame received or sent",
        SEND,
    ),
    (
        "LocalProtocolError of wsproto",
        "LocalProtocolError",
        UNSENDABLE.format("CLOSED"),
        SEND,
    ),
    (
        "LocalProtocolError of wsproto",
        "LocalProtocolError",
        "Event CloseConnection(code=1000, reason='') cannot be sent in state ConnectionState.CLOSED.",
        CLOSE,
    ),
]
# errors that are not the end of the connection
OTHERS: Final = [
    ("RuntimeError", "Unexpected ASGI message 'x', after sending 'websocket.close'.", SEND),
    ("RuntimeError", CLOSED.format("websocket.accept"), "websocket.accept"),
    ("ValueError", CLOSED.format(SEND), SEND),
    ("AttributeError", "'int' object has no attribute 'encode'", SEND),
    ("AttributeError", NO_TASK, SEND),
    ("RuntimeError", UPGRADED, "websocket.accept"),
    ("RuntimeError", "Unsupported ASGI message", SEND),
    ("RuntimeError", "ASGI flow error: Response not initialised", DENY),
    ("LocalProtocolError", UNSENDABLE.format("CONNECTING"), SEND),
    ("LocalProtocolError", "Cannot send a message", SEND),
    ("TypeError", "Must provide bytes or text", SEND),
    ("KeyError", "text", SEND),
    ("Exception", "invalid close code 1008 (must be 1000 or from [3000, 4999])", CLOSE),
    ("ProtocolError", "control frame too long", CLOSE),
]


def error(kind: str, text: str) -> Exception:
    """An exception of a class of this name, which need not be importable."""
    made = getattr(builtins, kind, None) or type(kind, (Exception,), {})
    raised: Exception = made(text)
    return raised


def sent(websocket: WebSocket, sending: str) -> Any:
    """A call that sends a message of this type."""
    calls: dict[str, Callable[[], Any]] = {
        SEND: lambda: websocket.send_text("x"),
        CLOSE: websocket.close,
        DENY: lambda: websocket.send(BODY),
        "websocket.accept": websocket.accept,
    }
    return calls[sending]()


def on_the_way(sending: str) -> Any:
    """A connection and its server, where a message of this type is next."""
    if sending in {SEND, CLOSE}:
        return accepted()
    websocket, server = connection(CONNECT)
    if sending == DENY:
        run(websocket.send(START))
    return websocket, server


class TestErrors:
    @pytest.mark.parametrize(("name", "kind", "text", "sending"), RAISED)
    def test_a_known_error_is_the_loss_of_the_transport(
        self, name: str, kind: str, text: str, sending: str
    ) -> None:
        websocket, server = on_the_way(sending)
        server.failing = error(kind, text)

        if sending == CLOSE:
            run(sent(websocket, sending))
        else:
            with pytest.raises(WebSocketDisconnect) as caught:
                run(sent(websocket, sending))
            assert (caught.value.code, caught.value.reason) == (1006, "")
            assert caught.value.__cause__ is server.failing

        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")

    @pytest.mark.parametrize(("method", "data"), [("send_text", "a"), ("send_bytes", b"a")])
    def test_error_about_data_is_raised_as_it_is(self, method: str, data: Any) -> None:
        websocket, server = accepted()
        server.failing = RuntimeError("the payload is too large for this server")

        with pytest.raises(RuntimeError, match="too large"):
            run(getattr(websocket, method)(data))

        assert websocket.is_open

    @pytest.mark.parametrize(("kind", "text", "sending"), OTHERS)
    def test_another_error_is_raised_as_it_is(self, kind: str, text: str, sending: str) -> None:
        websocket, server = on_the_way(sending)
        server.failing = error(kind, text)

        with pytest.raises(type(server.failing)) as caught:
            run(sent(websocket, sending))

        assert caught.value is server.failing
        assert websocket.client_state.name != "DISCONNECTED"

    @pytest.mark.parametrize("failing", [OSError(), error("RuntimeError", CLOSED.format(SEND))])
    @pytest.mark.parametrize(
        "send",
        [
            lambda websocket: websocket.send_text("x"),
            lambda websocket: websocket.send_bytes(b"x"),
            lambda websocket: websocket.send_json(1),
            lambda websocket: websocket.send({"type": SEND, "text": "x"}),
        ],
    )
    def test_every_way_to_send_knows_it(self, send: Any, failing: Exception) -> None:
        websocket, server = accepted()
        server.failing = failing

        with pytest.raises(WebSocketDisconnect) as caught:
            run(send(websocket))

        assert caught.value.__cause__ is failing

    @pytest.mark.parametrize("kind", [OSError, ConnectionResetError, BrokenPipeError])
    def test_an_oserror_is_a_loss(self, kind: type[OSError]) -> None:
        assert is_loss(kind(), "websocket.accept")

    def test_a_cancellation_is_not_caught(self) -> None:
        websocket, server = accepted()
        server.failing = asyncio.CancelledError()  # type: ignore[assignment]  # it can be raised

        with pytest.raises(asyncio.CancelledError):
            run(websocket.send_text("x"))


class TestCodes:
    class Code(enum.IntEnum):
        """As in the package websockets."""

        NO_STATUS_RCVD = 1005

    def test_a_code_of_an_enumeration_is_an_int(self) -> None:
        websocket, _ = accepted({"type": "websocket.disconnect", "code": self.Code.NO_STATUS_RCVD})

        with pytest.raises(WebSocketDisconnect) as caught:
            run(websocket.receive_text())

        assert type(caught.value.code) is int
        assert str(caught.value) == "(1005, '')"

    @pytest.mark.parametrize("keys", [{"code": 1000}, {"code": 1005, "reason": ""}, {"code": None}])
    def test_a_receive_that_waits_gets_the_code_of_the_own_close(
        self, keys: dict[str, Any]
    ) -> None:
        async def main() -> None:
            queue: asyncio.Queue[Message] = asyncio.Queue()
            websocket, server = accepted()
            websocket._receive = queue.get
            receiving = asyncio.create_task(websocket.receive_text())
            await asyncio.sleep(0)
            await websocket.close(4000, "done")
            queue.put_nowait({"type": "websocket.disconnect", **keys})
            with pytest.raises(WebSocketDisconnect) as caught:
                await receiving
            assert (caught.value.code, caught.value.reason) == (4000, "done")
            assert server.sent

        asyncio.run(main())

    def test_the_code_of_the_client_is_known_after_a_send_has_failed(self) -> None:
        websocket, server = accepted(BYE)
        server.failing = OSError()
        with pytest.raises(WebSocketDisconnect):
            run(websocket.send_text("x"))

        message = run(websocket.receive())
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket._raise_on_disconnect(message)

        assert (caught.value.code, caught.value.reason) == (4001, "bye")


# which profiles have a quirk
IMITATED: Final[dict[str, Callable[[ServerProfile], bool]]] = {
    "no code": lambda server: server.code_without is None,
    "both keys": lambda server: server.both_keys,
    "code of your own close": lambda server: server.code_closed is not None,
    "close of a closed connection": lambda server: server.close_after is not None,
    "receive after the disconnect": lambda server: not server.repeats,
    "RuntimeError after the disconnect": lambda server: server.send_after is RuntimeError,
    "code of the client": lambda server: not server.keeps_code,
    "code of a loss": lambda server: server.code_lost == 1005,
    "reason of the client": lambda server: not server.keeps_reason,
    "send to a client that has left": lambda server: server.send_after is None,
    "accept of a client that has left": lambda server: server.accept_when_lost is None,
    "loss before the accept": lambda server: not server.reports_early_loss,
    "disconnect after a denial response": lambda server: server.code_denied is None,
}


class TestRecords:
    def test_the_names_are_unique(self) -> None:
        names = [quirk.name for quirk in QUIRKS]

        assert len(names) == len({*names})

    @pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
    def test_servers_and_cases_exist(self, quirk: Quirk) -> None:
        assert quirk.servers
        assert {*quirk.servers} <= {*SERVERS}
        known = {case.id for case in load_folder("server")}
        assert {*quirk.cases} <= known

    @pytest.mark.parametrize("name", IMITATED)
    def test_the_servers_are_those_whose_profiles_have_it(self, name: str) -> None:
        (quirk,) = (quirk for quirk in QUIRKS if quirk.name == name)

        assert [*quirk.servers] == [
            server for server, profile in SERVERS.items() if IMITATED[name](profile)
        ]

    def test_only_quirks_that_the_suite_does_not_meet_have_no_case(self) -> None:
        assert [quirk.name for quirk in QUIRKS if not quirk.cases] == [
            "receive of another kind",
            "message of a cancelled receive",
        ]

    def test_each_error_is_tested(self) -> None:
        losses = {quirk.name for quirk in QUIRKS if isinstance(quirk, LossError)}

        assert {name for name, *_ in RAISED} == losses

    def test_the_text_of_the_profile_is_that_of_the_record(self) -> None:
        text = SERVERS["uvicorn-websockets"].text_after

        assert is_loss(RuntimeError(text.format(type=SEND)), SEND)
        assert is_loss(RuntimeError(text.format(type=CLOSE)), CLOSE)


@on_both
@pytest.mark.parametrize("server", SERVERS)
class TestImitated:
    """A handler whose disconnect was received by somebody else, for example by a middleware."""

    @pytest.mark.parametrize("closes", [False, True])
    def test_a_late_call_is_a_disconnect_or_returns(
        self, run: Run, server: str, closes: bool
    ) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            websocket = WebSocket(scope, receive, send)
            await websocket.accept()
            await receive()
            if closes:
                await websocket.close()
                return
            try:
                await websocket.send_text("late")
            except WebSocketDisconnect as end:
                ends.append(end)

        ends: list[WebSocketDisconnect] = []

        async def main() -> None:
            async with connect(application, server=server, strict=False) as client:
                await client.close(4001)

        run(main)

        kind = None if closes else SERVERS[server].send_after
        assert [(end.code, isinstance(end.__cause__, kind or OSError)) for end in ends] == [
            (1006, True)
        ] * bool(kind)

    def test_a_send_after_the_handler_has_returned(self, run: Run, server: str) -> None:
        kept: list[WebSocket] = []

        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            kept.append(websocket)

        async def main() -> None:
            async with connect(handler, server=server) as client:
                await client.result()
                try:
                    await kept[0].send_text("late")
                except WebSocketDisconnect as end:
                    ends.append(end)

        ends: list[WebSocketDisconnect] = []
        run(main)

        kind = SERVERS[server].send_after
        assert [(end.code, isinstance(end.__cause__, kind or OSError)) for end in ends] == [
            (1006, True)
        ] * bool(kind)


class TestGuide:
    def test_its_tables_are_the_records(self) -> None:
        for title, hidden in (("What you don't see", True), ("What you see", False)):
            table = "".join(row(quirk) for quirk in QUIRKS if quirk.hidden is hidden)

            assert HEAD + table in GUIDE.section(title)

    def test_what_it_links_to_exists(self) -> None:
        for link in re.findall(r"\]\(([^)#]+)", GUIDE.text):
            assert (GUIDE.path.parent / link).exists(), link

    def test_its_lines_have_no_more_than_120_characters(self) -> None:
        prose = re.sub(r"^\|.*$", "", GUIDE.text, flags=re.MULTILINE)

        assert max(map(len, prose.splitlines())) <= 120


HEAD: Final = "| server | what it does | what you see | cases |\n|---|---|---|---|\n"


def row(quirk: Quirk) -> str:
    servers = ", ".join(quirk.servers) + (f" ({quirk.versions})" if quirk.versions else "")
    shown = ", ".join(f"`{case}`" for case in quirk.cases) or "none"
    return f"| {servers} | {quirk.server} | {quirk.facade} | {shown} |\n"
