"""The facade: the ends of connections, and calls after the end."""

import asyncio
from typing import Any

import pytest
from helpers.asgi import Server, run, scope
from helpers.connections import (
    AFTER_CLOSE,
    AFTER_DISCONNECT,
    BODY,
    BYE,
    CONNECT,
    MORE,
    START,
    TEXT,
    accepted,
    connection,
    first_line,
    left,
    states,
)

from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    WebSocketDisconnect,
    WebSocketDisconnected,
)
from wsfsm.types import Message
from wsfsm.websockets import WebSocket


class TestDisconnect:
    @pytest.mark.parametrize(
        ("keys", "code", "reason"),
        [
            ({"code": 4001, "reason": "bye"}, 4001, "bye"),
            ({"code": 1001}, 1001, ""),
            ({"code": 1001, "reason": None}, 1001, ""),
            ({"code": None, "reason": None}, 1005, ""),
            ({}, 1005, ""),
            ({"reason": ["not", "text"]}, 1005, "['not', 'text']"),
        ],
    )
    @pytest.mark.parametrize("method", ["receive_text", "receive_bytes", "receive_json"])
    def test_disconnect_has_code_and_reason(
        self, method: str, keys: dict[str, Any], code: int, reason: str
    ) -> None:
        websocket, _ = accepted({"type": "websocket.disconnect", **keys})

        with pytest.raises(WebSocketDisconnect) as caught:
            run(getattr(websocket, method)())

        assert (caught.value.code, caught.value.reason) == (code, reason)
        assert not isinstance(caught.value, RuntimeError)
        with pytest.raises(WebSocketDisconnected) as over:
            run(websocket.receive())
        assert (over.value.code, over.value.reason) == (code, reason)

    @pytest.mark.parametrize(
        "call", [("send_text", "x"), ("send_bytes", b"x"), ("send_json", 1), ("accept",)]
    )
    def test_send_after_the_disconnect_raises_connection_closed(
        self, call: tuple[Any, ...]
    ) -> None:
        websocket, server = left()

        with pytest.raises(ConnectionClosed) as caught:
            run(getattr(websocket, call[0])(*call[1:]))

        error = caught.value
        assert isinstance(error, WebSocketDisconnect)
        assert isinstance(error, WebSocketDisconnected)
        assert isinstance(error, IllegalTransition)
        assert isinstance(error, RuntimeError)
        assert (error.code, error.reason, error.closed_by) == (4001, "bye", "client")
        assert str(error).startswith(
            f"{AFTER_DISCONNECT.replace('receive', 'send', 1)}"
            "\nThe client is DISCONNECTED and the application is CONNECTED; "
            "allowed now: websocket.close. "
            "The connection was ended by the client with code 4001 'bye'."
        )
        assert (server.incoming, server.sent) == ([], [])

    @pytest.mark.parametrize("method", ["receive", "receive_text", "receive_bytes", "receive_json"])
    def test_receive_after_the_disconnect_raises_websocket_disconnected(self, method: str) -> None:
        # a loop that catches the disconnect and forgets to leave must end here, as with Starlette
        websocket, server = left()

        with pytest.raises(WebSocketDisconnected) as caught:
            run(getattr(websocket, method)())

        error = caught.value
        assert type(error) is WebSocketDisconnected
        assert not isinstance(error, WebSocketDisconnect)
        assert isinstance(error, RuntimeError)
        assert (error.code, error.reason, error.closed_by) == (4001, "bye", "client")
        assert (error.machine, error.event, error.allowed) == ("client", "websocket.receive", ())
        assert str(error).startswith(
            f"{AFTER_DISCONNECT}\nThe client is DISCONNECTED and the application is CONNECTED; "
            "nothing is allowed now. "
            "The connection was ended by the client with code 4001 'bye'."
        )
        assert (server.incoming, server.sent) == ([], [])

    def test_close_after_the_disconnect_is_silent_once(self) -> None:
        websocket, server = left()

        run(websocket.close())

        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")
        assert server.sent == []
        with pytest.raises(ConnectionClosed, match=AFTER_CLOSE) as caught:
            run(websocket.close())
        assert (caught.value.code, caught.value.closed_by) == (4001, "client")

    def test_receive_after_a_disconnect_before_the_accept_does_not_ask_for_an_accept(self) -> None:
        websocket, _ = connection(CONNECT, BYE)
        run(websocket.receive())
        run(websocket.receive())

        with pytest.raises(WebSocketDisconnected) as caught:
            run(websocket.receive_text())

        assert first_line(caught.value) == "WebSocket is not connected."

    def test_denial_response_interrupted_by_the_disconnect_is_over(self) -> None:
        websocket, server = connection(CONNECT, BYE)
        run(websocket.receive())
        run(websocket.send(START))
        run(websocket.receive())

        with pytest.raises(ConnectionClosed):
            run(websocket.send(BODY))
        assert server.sent == [START]


class TestApplicationClose:
    @pytest.mark.parametrize(
        ("arguments", "code", "reason"),
        [
            ((), 1000, ""),
            ((4000,), 4000, ""),
            ((4000, "done"), 4000, "done"),
            ((1001, None), 1001, ""),
        ],
    )
    def test_close_sends_code_and_reason(
        self, arguments: tuple[Any, ...], code: int, reason: str
    ) -> None:
        websocket, server = accepted()

        run(websocket.close(*arguments))

        assert server.sent == [{"type": "websocket.close", "code": code, "reason": reason}]
        assert states(websocket) == ("CONNECTED", "DISCONNECTED")

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (("close",), AFTER_CLOSE),
            (("send_text", "x"), AFTER_CLOSE),
            (("send_bytes", b"x"), AFTER_CLOSE),
            (("accept",), AFTER_CLOSE),
        ],
    )
    def test_send_after_a_close_says_that_the_application_closed(
        self, call: tuple[Any, ...], sentence: str
    ) -> None:
        websocket, _ = accepted()
        run(websocket.close(4000, "done"))

        with pytest.raises(ConnectionClosed) as caught:
            run(getattr(websocket, call[0])(*call[1:]))

        assert first_line(caught.value) == sentence
        assert caught.value.closed_by == "application"
        assert (caught.value.code, caught.value.reason) == (4000, "done")

    @pytest.mark.parametrize("method", ["receive_text", "receive_bytes", "receive_json"])
    def test_data_after_a_close_is_not_received(self, method: str) -> None:
        websocket, _ = accepted()
        run(websocket.close(4000, "done"))

        with pytest.raises(WebSocketDisconnected) as caught:
            run(getattr(websocket, method)())

        assert not isinstance(caught.value, WebSocketDisconnect)
        assert first_line(caught.value) == "WebSocket is not connected."
        assert caught.value.closed_by == "application"
        assert (caught.value.code, caught.value.reason) == (4000, "done")

    def test_disconnect_that_answers_a_close_can_be_received(self) -> None:
        websocket, _ = accepted({"type": "websocket.disconnect", "code": 1000})
        run(websocket.close(4000, "done"))

        assert run(websocket.receive())["code"] == 1000
        with pytest.raises(WebSocketDisconnected) as caught:
            run(websocket.receive())
        assert (caught.value.code, caught.value.closed_by) == (4000, "application")

    @pytest.mark.parametrize("keys", [{}, {"code": None, "reason": None}])
    def test_raw_close_without_a_code_has_code_1000(self, keys: dict[str, Any]) -> None:
        websocket, _ = accepted()
        run(websocket.send({"type": "websocket.close", **keys}))

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.send_text("x"))
        assert (caught.value.code, caught.value.reason) == (1000, "")

    def test_denial_response_ends_with_1006(self) -> None:
        websocket, _ = connection()
        run(websocket.send(START))
        run(websocket.send(MORE))
        run(websocket.send(BODY))

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.close())
        assert (caught.value.code, caught.value.closed_by) == (1006, "application")

    def test_error_about_a_second_connect_says_how_the_connection_ended(self) -> None:
        websocket, _ = accepted(CONNECT)
        run(websocket.close())

        with pytest.raises(IllegalTransition, match="ended by the application with code 1000"):
            run(websocket.receive())


class TestTransportLoss:
    def lost(self, *incoming: Message) -> tuple[WebSocket, Server]:
        websocket, server = accepted(*incoming)
        server.failing = OSError()
        with pytest.raises(WebSocketDisconnect):
            run(websocket.send_text("x"))
        return websocket, server

    @pytest.mark.parametrize(
        ("call", "kind"),
        [
            (("send_text", "x"), ConnectionClosed),
            (("close",), ConnectionClosed),
            (("accept",), ConnectionClosed),
            (("receive_text",), WebSocketDisconnected),
            (("receive_json",), WebSocketDisconnected),
        ],
    )
    def test_call_after_the_transport_loss_reports_the_transport(
        self, call: tuple[Any, ...], kind: type[WebSocketDisconnected]
    ) -> None:
        websocket, _ = self.lost()

        with pytest.raises(kind) as caught:
            run(getattr(websocket, call[0])(*call[1:]))

        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.closed_by) == (1006, "transport")
        assert "Need to call" not in str(caught.value)

    def test_receive_after_the_transport_loss_returns_queued_messages_and_the_real_code(
        self,
    ) -> None:
        websocket, _ = self.lost(TEXT, BYE)

        assert run(websocket.receive()) == TEXT
        assert run(websocket.receive()) == BYE
        with pytest.raises(WebSocketDisconnected) as caught:
            run(websocket.receive())
        assert (caught.value.code, caught.value.reason) == (4001, "bye")
        assert caught.value.closed_by == "client"

    def test_disconnect_1006_after_the_transport_loss_keeps_the_transport_as_closer(self) -> None:
        websocket, _ = self.lost({"type": "websocket.disconnect", "code": 1006})
        run(websocket.receive())

        with pytest.raises(WebSocketDisconnected) as caught:
            run(websocket.receive())
        assert (caught.value.code, caught.value.closed_by) == (1006, "transport")

    def test_close_that_fails_is_still_the_applications_close(self) -> None:
        websocket, server = accepted()
        server.failing = OSError()
        run(websocket.close(4000))

        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")
        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.close())
        assert (caught.value.code, caught.value.closed_by) == (4000, "application")

    def test_other_error_of_the_server_propagates_unchanged(self) -> None:
        websocket, server = accepted()
        server.failing = RuntimeError("the server's own")

        with pytest.raises(RuntimeError, match="the server's own"):
            run(websocket.send_text("x"))
        assert states(websocket) == ("CONNECTED", "CONNECTED")


class TestConcurrency:
    """Two tasks on one connection, with a server that keeps them waiting."""

    def play(self, scenario: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(10):
                queue: asyncio.Queue[Message] = asyncio.Queue()
                server = Server()
                websocket = WebSocket(scope(), queue.get, server.send)
                queue.put_nowait(CONNECT)
                await websocket.accept()
                await scenario(websocket, queue, server)

        asyncio.run(bounded())

    def test_pending_receive_gets_the_real_code_after_a_failed_send(self) -> None:
        async def scenario(websocket: WebSocket, queue: Any, server: Server) -> None:
            reader = asyncio.create_task(websocket.receive_text())
            await asyncio.sleep(0)
            server.failing = OSError()
            with pytest.raises(WebSocketDisconnect):
                await websocket.send_text("x")
            queue.put_nowait(BYE)
            with pytest.raises(WebSocketDisconnect) as caught:
                await reader
            assert caught.value.code == 4001

        self.play(scenario)

    def test_pending_receive_gets_data_that_arrives_after_a_failed_send(self) -> None:
        async def scenario(websocket: WebSocket, queue: Any, server: Server) -> None:
            reader = asyncio.create_task(websocket.receive_text())
            await asyncio.sleep(0)
            server.failing = OSError()
            with pytest.raises(WebSocketDisconnect):
                await websocket.send_text("x")
            queue.put_nowait(TEXT)
            assert await reader == "hello"

        self.play(scenario)

    def test_second_receiver_raises_after_the_first_got_the_disconnect(self) -> None:
        async def scenario(websocket: WebSocket, queue: Any, server: Server) -> None:
            readers = [asyncio.create_task(websocket.receive_text()) for _ in range(2)]
            await asyncio.sleep(0)
            queue.put_nowait(BYE)
            queue.put_nowait(BYE)
            first, second = await asyncio.gather(*readers, return_exceptions=True)
            assert type(first) is WebSocketDisconnect
            assert isinstance(second, ConnectionClosed)
            assert second.code == 4001

        self.play(scenario)

    def test_cancelled_receive_loses_no_message(self) -> None:
        async def scenario(websocket: WebSocket, queue: Any, server: Server) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await websocket.receive_text()
            queue.put_nowait(TEXT)
            assert await websocket.receive_text() == "hello"

        self.play(scenario)

    def test_pending_send_can_fail_after_the_disconnect(self) -> None:
        async def scenario(websocket: WebSocket, queue: Any, server: Server) -> None:
            gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            async def send(message: Message) -> None:
                await gate

            websocket._send = send
            sender = asyncio.create_task(websocket.send_text("x"))
            await asyncio.sleep(0)
            queue.put_nowait(BYE)
            await websocket.receive()
            gate.set_exception(OSError())
            with pytest.raises(WebSocketDisconnect) as caught:
                await sender
            assert caught.value.code == 1006
            assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.close()
            assert closed.value.code == 4001

        self.play(scenario)
