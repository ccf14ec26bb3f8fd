"""The facade: close() with what it takes, and denial responses."""

from typing import Any

import pytest
import starlette.websockets
from helpers.asgi import Server, run, scope
from helpers.connections import (
    BODY,
    BYE,
    CONNECT,
    START,
    accepted,
    connection,
    first_line,
    left,
    states,
)

from wsfsm import truncate_reason
from wsfsm.exceptions import ConnectionClosed, IllegalTransition
from wsfsm.tables.states import WebSocketState
from wsfsm.websockets import WebSocket, WebSocketClose

ANY: list[tuple[Any, ...]] = [
    (401,),
    (403,),
    (0,),
    (70000,),
    (1005,),
    (1006,),
    (None,),
    ("1008",),
    (1008, "x" * 200),
    (1008, "\ud800"),
    (1008, b"bytes"),
    (1008, [{"loc": ["path", "n"], "msg": "not an int"}]),  # so FastAPI answers bad parameters
    (1008, []),
    (1008, None),
]
SENDABLE: list[tuple[Any, ...]] = [
    (),
    (1000,),
    (1014, "bye"),
    (3000, ""),
    (4999, "x" * 123),
    (4000, "é" * 61 + "x"),
    (1001, None),
    (None,),  # ASGI: the same as missing
]
UNSENDABLE: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    ((True,), TypeError, "close(): 'code' must be int, got bool True; nothing was sent"),
    (("1000",), TypeError, "close(): 'code' must be int, got str '1000'; nothing was sent"),
    ((1000.0,), TypeError, "close(): 'code' must be int, got float 1000.0; nothing was sent"),
    ((1000, b"x"), TypeError, "close(): 'reason' must be str or None, got bytes b'x'; nothing was"),
    ((1000, ["x"]), TypeError, "close(): 'reason' must be str or None, got list ['x']; nothing"),
    *(
        ((code,), ValueError, f"close(): 'code' must be 1000-1003, 1007-1014 or 3000-4999, got int {code}; nothing was sent")
        for code in (0, -1, 401, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70000)
    ),
    ((1000, "x" * 124), ValueError, "close(): 'reason' must have at most 123 bytes in UTF-8, got 124; nothing was sent"),
    ((1000, "é" * 62), ValueError, "close(): 'reason' must have at most 123 bytes in UTF-8, got 124; nothing was sent"),
    ((1000, "\ud800"), ValueError, "close(): 'reason' must be encodable as UTF-8, got str '\\ud800'; nothing was sent"),
]  # fmt: skip


class TestCloseBeforeAccept:
    @pytest.mark.parametrize("incoming", [[], [CONNECT]])
    @pytest.mark.parametrize("arguments", [*ANY, *SENDABLE])
    def test_close_before_the_accept_passes_any_arguments_on(
        self, arguments: tuple[Any, ...], incoming: list[Any]
    ) -> None:
        sent = []
        for cls in (starlette.websockets.WebSocket, WebSocket):
            server = Server(incoming)
            websocket: Any = cls(scope(), server.receive, server.send)
            for _ in incoming:
                run(websocket.receive())
            run(websocket.close(*arguments))
            assert states(websocket)[1] == "DISCONNECTED"
            sent.append(server.sent)

        assert sent[0] == sent[1]
        assert len(sent[1]) == 1

    def test_close_before_the_accept_decides_code_and_reason(self) -> None:
        websocket, _ = connection()
        run(websocket.close(401, "who are you?"))

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.close())
        assert (caught.value.code, caught.value.reason) == (401, "who are you?")


class TestCloseAfterAccept:
    @pytest.mark.parametrize("arguments", SENDABLE)
    def test_close_with_valid_code_and_reason_is_sent(self, arguments: tuple[Any, ...]) -> None:
        websocket, server = accepted()

        run(websocket.close(*arguments))

        code = arguments[0] if arguments else 1000
        reason = arguments[1] if len(arguments) > 1 else None
        assert server.sent == [{"type": "websocket.close", "code": code, "reason": reason or ""}]

    @pytest.mark.parametrize(("arguments", "kind", "text"), UNSENDABLE)
    def test_close_with_invalid_code_or_reason_is_refused(
        self, arguments: tuple[Any, ...], kind: type[Exception], text: str
    ) -> None:
        websocket, server = accepted()

        with pytest.raises(kind) as caught:
            run(websocket.close(*arguments))

        assert type(caught.value) is kind
        first, second = str(caught.value).split("\n")
        assert first.startswith(text)
        assert second == "The client is CONNECTED and the application is CONNECTED."
        assert server.sent == []
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        run(websocket.close(1011))
        assert [message["code"] for message in server.sent] == [1011]

    def test_close_takes_a_truncated_reason(self) -> None:
        websocket, server = accepted()

        run(websocket.close(1011, truncate_reason("é" * 100)))

        assert server.sent[0]["reason"] == "é" * 61


class TestCloseAfterTheEnd:
    """No frame carries the code and the reason, so that any will do."""

    @pytest.mark.parametrize("arguments", ANY)
    def test_close_after_the_disconnect_is_silent_once(self, arguments: tuple[Any, ...]) -> None:
        # as in `except WebSocketDisconnect as error: await websocket.close(error.code)`
        websocket, server = left(code=1006)

        run(websocket.close(*arguments))

        assert server.sent == []
        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.close(*arguments))
        assert (caught.value.code, caught.value.closed_by) == (1006, "client")

    @pytest.mark.parametrize("arguments", ANY)
    def test_close_after_a_close_is_refused(self, arguments: tuple[Any, ...]) -> None:
        websocket, server = accepted(BYE)
        run(websocket.close(4000))

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.close(*arguments))
        assert (caught.value.code, caught.value.closed_by) == (4000, "application")
        assert len(server.sent) == 1

    @pytest.mark.parametrize("arguments", ANY)
    def test_close_during_a_denial_response_is_refused(self, arguments: tuple[Any, ...]) -> None:
        websocket, server = connection()
        run(websocket.send(START))

        with pytest.raises(IllegalTransition, match=r"but got 'websocket\.close'"):
            run(websocket.close(*arguments))
        assert server.sent == [START]


class TestDenialResponse:
    async def denial(self, scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(BODY)

    def test_denial_response_is_sent_through_the_machine(self) -> None:
        websocket, server = connection()

        run(websocket.send_denial_response(self.denial))

        assert server.sent == [START, BODY]
        assert websocket.application_state is WebSocketState.DISCONNECTED

    def test_denial_response_after_the_accept_is_refused(self) -> None:
        websocket, server = accepted()

        with pytest.raises(IllegalTransition):
            run(websocket.send_denial_response(self.denial))
        assert server.sent == []

    @pytest.mark.parametrize("extensions", [{}, None, {"tls": {}}])
    def test_denial_response_without_the_extension_is_refused(self, extensions: Any) -> None:
        websocket, server = connection(extensions=extensions)

        with pytest.raises(RuntimeError) as caught:
            run(websocket.send_denial_response(self.denial))

        assert first_line(caught.value) == (
            "The server doesn't support the Websocket Denial Response extension."
        )
        assert server.sent == []


class TestWebSocketClose:
    @pytest.mark.parametrize(
        ("arguments", "code", "reason"),
        [((), 1000, ""), ((4000,), 4000, ""), ((4000, "no"), 4000, "no"), ((4000, None), 4000, "")],
    )
    def test_websocket_close_is_an_application_that_closes(
        self, arguments: tuple[Any, ...], code: int, reason: str
    ) -> None:
        server = Server()
        application = WebSocketClose(*arguments)

        run(application(scope(), server.receive, server.send))

        assert (application.code, application.reason) == (code, reason)
        assert server.sent == [{"type": "websocket.close", "code": code, "reason": reason}]
