"""The client of wsfsm.testing: what an application does reaches it, and the reverse."""

from typing import Any

import pytest
from helpers.loops import Run, on_both

from wsfsm import (
    ClientDisconnected,
    IllegalTransition,
    MalformedMessage,
    WebSocket,
    WebSocketDisconnect,
)
from wsfsm.testing import (
    Accepted,
    ClientDenied,
    ClientFailure,
    ClientTimeout,
    Closed,
    ConnectionEnded,
    Denied,
    connect,
)
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._turns import give_turn

SOON = 0.02


async def echo(websocket: WebSocket) -> str:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"you said {text}")
    return "done"


async def accepts(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()


async def raw_echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


@on_both
class TestMessages:
    def test_a_handler_answers(self, run: Run) -> None:
        async def main() -> None:
            async with connect(echo) as client:
                await client.send_text("hello")

                assert await client.receive_text() == "you said hello"

        run(main)

    def test_an_asgi_application_answers_with_each_kind(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                await client.send_text("text")
                await client.send_bytes(b"bytes")
                await client.send_bytes(bytearray(b"array"))
                await client.send_json({"é": 1})
                await client.send_json([2], mode="binary")
                await client.send_text("any")

                assert await client.receive_text() == "text"
                assert await client.receive_bytes() == b"bytes"
                assert await client.receive() == b"array"
                assert await client.receive_text() == '{"é":1}'
                assert await client.receive_json("binary") == [2]
                assert await client.receive() == "any"

        run(main)

    @pytest.mark.parametrize(("method", "data"), [("send_text", b"x"), ("send_bytes", "x")])
    def test_data_of_the_other_type_is_not_sent(self, run: Run, method: str, data: Any) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                with pytest.raises(TypeError, match=f"{method}.*'data' must be .*, got"):
                    await getattr(client, method)(data)

        run(main)

    def test_json_is_decoded(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                await client.send_json({"a": [1, None]})

                assert await client.receive_json() == {"a": [1, None]}

        run(main)

    @pytest.mark.parametrize("method", ["send_json", "receive_json"])
    def test_json_has_two_modes(self, run: Run, method: str) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                keys = {"mode": "xml"} | ({"data": 1} if method == "send_json" else {})
                with pytest.raises(ValueError, match="mode must be 'text' or 'binary', got str"):
                    await getattr(client, method)(**keys)

        run(main)

    @pytest.mark.parametrize(
        ("method", "sent", "text"),
        [
            ("receive_text", b"x", "Expected a text message, but got bytes b'x'"),
            ("receive_bytes", "x", "Expected a binary message, but got str 'x'"),
        ],
    )
    def test_a_message_of_the_other_kind_is_a_failure(
        self, run: Run, method: str, sent: Any, text: str
    ) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                await (client.send_text if isinstance(sent, str) else client.send_bytes)(sent)
                with pytest.raises(ClientFailure, match=text):
                    await getattr(client, method)()

        run(main)

    def test_iteration_ends_with_the_connection(self, run: Run) -> None:
        async def counts(websocket: WebSocket) -> None:
            await websocket.accept()
            for number in range(3):
                await websocket.send_text(str(number))

        async def main() -> None:
            async with connect(counts) as client:
                assert [message async for message in client] == ["0", "1", "2"]

        run(main)

    def test_messages_that_are_sent_before_a_close_are_received_first(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> list[str]:
            await websocket.accept()
            return [text async for text in websocket.iter_text()]

        async def main() -> None:
            async with connect(handler) as client:
                await client.send_text("1")
                await client.send_text("2")
                await client.close()

                assert await client.result() == ["1", "2"]

        run(main)


@on_both
class TestHandshake:
    def test_the_answer_has_subprotocol_and_headers(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept("chat", headers=[(b"X-Room", b"1")])

        async def main() -> None:
            async with connect(handler, subprotocols=["soap", "chat"]) as client:
                assert await client.handshake() == Accepted("chat", ((b"x-room", b"1"),))
                assert await client.accepted() == Accepted("chat", ((b"x-room", b"1"),))
                with pytest.raises(ClientFailure, match="but it was accepted"):
                    await client.denied()

        run(main)

    def test_a_close_before_the_accept_is_an_http_response(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.close(4001, "who are you?")

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.denied() == Denied(403)
                with pytest.raises(ClientDenied, match="rejected with HTTP 403") as caught:
                    await client.receive_text()
                assert caught.value.denied == Denied(403)

        run(main)

    @pytest.mark.parametrize("parts", [[b"no"], [b"n", b"o"], [b"n", b"o", b""]])
    def test_a_denial_has_status_headers_and_body(self, run: Run, parts: list[bytes]) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            headers = [(b"retry-after", b"5")]
            start = {"type": "websocket.http.response.start", "status": 429, "headers": headers}
            await send(start)
            for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
                body = {"type": "websocket.http.response.body", "body": part}
                await send(body | {"more_body": bool(left)})

        async def main() -> None:
            async with connect(application) as client:
                denied = await client.denied()

            assert denied == Denied(429, ((b"retry-after", b"5"),), b"no")

        run(main)

    def test_a_denial_that_is_cut_short_is_not_complete(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"half", "more_body": True})

        async def main() -> None:
            async with connect(application) as client:
                assert await client.denied() == Denied(404, (), b"half", complete=False)

        run(main)

    def test_an_application_that_raises_at_once_is_answered_with_500(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            raise ZeroDivisionError

        async def main() -> None:
            async with connect(handler) as client:
                assert (await client.denied()).status == 500
                with pytest.raises(ZeroDivisionError):
                    await client.result()

        run(main)

    def test_a_client_can_leave_before_it(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> list[Message]:
            return [await websocket.receive(), await websocket.receive()]

        async def main() -> None:
            async with connect(handler) as client:
                client.drop()

                assert await client.result() == [
                    {"type": "websocket.connect"},
                    {"type": "websocket.disconnect", "code": 1006, "reason": ""},
                ]
                with pytest.raises(ClientFailure, match="left before the answer"):
                    await client.handshake()

        run(main)


@on_both
class TestEnd:
    def test_the_client_closes_with_code_and_reason(self, run: Run) -> None:
        async def main() -> None:
            async with connect(accepts) as client:
                await client.close(4000, "bye")
                await client.close(4001, "not sent, because the connection has ended")

                assert await client.receive_close() == Closed(4000, "bye")
                await client.result()
                assert "code=4000 reason='bye'" in client.trace

        run(main)

    def test_a_close_can_have_no_code(self, run: Run) -> None:
        async def main() -> None:
            async with connect(accepts) as client:
                await client.close(None)
                await client.result()

                assert "code=1005 reason=''" in client.trace

        run(main)

    @pytest.mark.parametrize(
        ("code", "reason", "text"),
        [
            (1006, "", "'code' must be 1000-1003"),
            (1000, "x" * 124, "'reason' must have at most 123"),
            (None, "bye", "'reason' needs a code"),
        ],
    )
    def test_a_frame_that_cannot_be_is_not_sent(
        self, run: Run, code: int, reason: str, text: str
    ) -> None:
        async def main() -> None:
            async with connect(accepts) as client:
                with pytest.raises(ValueError, match=text):
                    await client.close(code, reason)

        run(main)

    def test_the_application_closes(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> Message:
            await websocket.accept()
            await websocket.send_text("last")
            await websocket.close(4000, "bye")
            return await websocket.receive()

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.receive_text() == "last"
                assert await client.receive_close() == Closed(4000, "bye")
                end = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
                assert await client.result() == end

        run(main)

    def test_a_message_before_the_close_must_be_received(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text("x")
            await websocket.close()

        async def main() -> None:
            async with connect(handler) as client:
                with pytest.raises(ClientFailure, match="got a message first, str 'x'"):
                    await client.receive_close()
                assert await client.receive() == "x"
                assert await client.receive_close() == Closed(1000)

        run(main)

    def test_a_message_that_does_not_come_is_told_with_the_end(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close(4000, "bye")

        async def main() -> None:
            async with connect(handler) as client:
                for call in (client.receive_text(), client.send_text("x")):
                    with pytest.raises(ConnectionEnded, match="code 4000 and reason 'bye'") as e:
                        await call
                    assert (e.value.code, e.value.reason) == (4000, "bye")
                    assert isinstance(e.value, WebSocketDisconnect)
                    assert isinstance(e.value, AssertionError)

        run(main)

    def test_the_transport_is_lost(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text("unread")
            await websocket.receive_text()

        async def main() -> None:
            async with connect(handler) as client:
                await client.accepted()
                client.drop()
                client.drop()
                with pytest.raises(WebSocketDisconnect) as caught:
                    await client.result()
                assert caught.value.code == 1006

        run(main)

    def test_a_return_and_an_exception_close(self, run: Run) -> None:
        async def returns(websocket: WebSocket) -> None:
            await websocket.accept()

        async def raises(websocket: WebSocket) -> None:
            await websocket.accept()
            raise ZeroDivisionError

        async def main() -> None:
            async with connect(returns) as client:
                assert await client.receive_close() == Closed(1000)
            async with connect(raises) as client:
                assert await client.receive_close() == Closed(1011)
                with pytest.raises(ZeroDivisionError):
                    await client.result()

        run(main)

    def test_nothing_is_received_for_a_while(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                await client.receive_nothing(SOON)
                await client.send_text("x")
                with pytest.raises(ClientFailure, match=r"Expected nothing .*got str 'x'"):
                    await client.receive_nothing()
                assert await client.receive() == "x"
                await client.close()
                with pytest.raises(ClientFailure, match=r"Expected nothing .*code 1000"):
                    await client.receive_nothing()

        run(main)


@on_both
class TestSlowClient:
    def test_the_application_waits_until_it_reads(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                await client.accepted()
                client.pause_reading()
                await client.send_text("x")
                await client.receive_nothing(SOON)
                assert "waits in send, because the client reads nothing" in client.trace
                assert "websocket.send text='x'" not in client.trace

                client.resume_reading()

                assert await client.receive_text() == "x"

        run(main)

    def test_a_close_does_not_wait_and_is_read_later(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.receive_text()
            await websocket.close(4000)

        async def main() -> None:
            async with connect(handler) as client:
                await client.send_text("go")
                client.pause_reading()
                await client.result()
                await client.receive_nothing(SOON)
                client.resume_reading()

                assert await client.receive_close() == Closed(4000)

        run(main)

    def test_a_send_that_waits_fails_when_the_transport_is_lost(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.receive_text()
            await websocket.send_text("x")

        async def main() -> None:
            async with connect(handler) as client:
                await client.send_text("go")
                client.pause_reading()
                await client.receive_nothing(SOON)
                client.drop()
                with pytest.raises(WebSocketDisconnect) as caught:
                    await client.result()
                assert isinstance(caught.value.__cause__, ClientDisconnected)

        run(main)


@on_both
class TestStrictness:
    @pytest.mark.parametrize(
        "messages",
        [
            ["websocket.send"],
            ["websocket.accept", "websocket.accept"],
            ["websocket.accept", "websocket.close", "websocket.send"],
            ["websocket.accept", "websocket.close", "websocket.close"],
            ["websocket.ping"],
            ["websocket.accept", "websocket.http.response.start"],
        ],
    )
    def test_the_application_machine_refuses(self, run: Run, messages: list[str]) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            for kind in messages:
                await send({"type": kind, **({"text": "x"} if kind == "websocket.send" else {})})

        async def main() -> None:
            async with connect(application) as client:
                with pytest.raises(IllegalTransition, match=messages[-1]):
                    await client.result()
                assert f"sends {messages[-1]}" in client.trace.splitlines()[-3]
                assert "which raises IllegalTransition" in client.trace

        run(main)

    @pytest.mark.parametrize(
        "message", [{}, {"type": "websocket.send"}, {"type": "websocket.send", "text": 5}]
    )
    def test_malformed_messages_are_refused(self, run: Run, message: Message) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await send(message)

        async def main() -> None:
            async with connect(application) as client:
                with pytest.raises(MalformedMessage):
                    await client.result()

        run(main)

    def test_a_message_after_the_close_raises_what_the_core_raises_if_it_is_not_strict(
        self, run: Run
    ) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
            await send({"type": "websocket.close"})
            await send({"type": "websocket.send", "text": "x"})

        async def main() -> None:
            async with connect(application, strict=False) as client:
                with pytest.raises(ClientDisconnected):
                    await client.result()

        run(main)

    def test_the_core_refuses_in_any_case(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.send", "text": "x"})

        async def main() -> None:
            async with connect(application, strict=False) as client:
                with pytest.raises(IllegalTransition):
                    await client.result()

        run(main)


@on_both
class TestTime:
    def test_a_wait_has_a_timeout_and_shows_the_trace(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo, timeout=SOON) as client:
                with pytest.raises(ClientTimeout) as caught:
                    await client.receive_text()
                assert isinstance(caught.value, TimeoutError)
                assert str(caught.value) == (
                    "Waited 0.02 seconds for a text message.\n"
                    "Trace (client machine/application machine):\n"
                    "  client requests /\n"
                    "  application receives websocket.connect  CONNECTED/CONNECTING\n"
                    "  application sends websocket.accept      CONNECTED/CONNECTED"
                )

        run(main)

    def test_each_wait_can_have_its_own(self, run: Run) -> None:
        async def main() -> None:
            async with connect(raw_echo) as client:
                for wait in (client.receive, client.receive_close, client.result):
                    with pytest.raises(ClientTimeout, match=r"Waited 0\.02 seconds"):
                        await wait(timeout=SOON)

        run(main)

    def test_an_application_that_has_ended_is_told(self, run: Run) -> None:
        async def returns(websocket: WebSocket) -> None:
            await websocket.accept()

        async def main() -> None:
            async with connect(returns, server="daphne") as client:
                with pytest.raises(ClientTimeout, match=r"message. The application has ended."):
                    await client.receive_text(timeout=SOON)

        run(main)

    def test_an_application_has_to_end_when_the_client_has_left(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            while True:
                await give_turn()

        async def main() -> None:
            with pytest.raises(ClientTimeout, match="the end of the application, which the client"):
                async with connect(handler, timeout=SOON) as client:
                    await client.accepted()

        run(main)


@on_both
class TestBlock:
    def test_an_exception_of_the_application_is_raised_at_its_end(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.receive_text()
            raise ZeroDivisionError("boom")

        async def main() -> None:
            with pytest.raises(ZeroDivisionError, match="boom") as caught:
                async with connect(handler) as client:
                    await client.send_text("x")
            assert "application raises ZeroDivisionError: boom" in caught.value.__notes__[0]

        run(main)

    @pytest.mark.parametrize("grouped", [False, True])
    def test_the_end_of_the_connection_is_not_such_an_exception(
        self, run: Run, grouped: bool
    ) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            try:
                await websocket.receive_text()
            except WebSocketDisconnect as error:
                if grouped:
                    raise ExceptionGroup("of a task group", [error]) from None
                raise

        async def main() -> None:
            async with connect(handler) as client:
                await client.accepted()

        run(main)

    def test_an_exception_in_it_gets_the_trace_and_cancels_the_application(self, run: Run) -> None:
        ended = []

        async def handler(websocket: WebSocket) -> None:
            try:
                await websocket.accept()
                await websocket.receive_text()
            finally:
                ended.append(websocket.client_state)

        async def main() -> None:
            with pytest.raises(AssertionError, match=r"^no\n") as caught:  # noqa: PT012 - it is about the block
                async with connect(handler) as client:
                    await client.accepted()
                    raise AssertionError("no")
            assert "application sends websocket.accept" in caught.value.__notes__[0]

        run(main)

        assert len(ended) == 1

    def test_an_exception_in_it_shows_that_of_the_application(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            raise ZeroDivisionError

        async def main() -> None:
            with pytest.raises(AssertionError, match=r"^no\n") as caught:  # noqa: PT012 - as above
                async with connect(handler) as client:
                    await client.handshake()
                    raise AssertionError("no")
            assert isinstance(caught.value.__context__, ZeroDivisionError)

        run(main)

    def test_a_failure_in_it_has_the_exception_of_the_application_as_its_cause(
        self, run: Run
    ) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            raise ZeroDivisionError

        async def main() -> None:
            with pytest.raises(ConnectionEnded, match="code 1011") as caught:
                async with connect(handler) as client:
                    await client.receive_text()
            assert isinstance(caught.value.__cause__, ZeroDivisionError)
            assert not hasattr(caught.value, "__notes__")

        run(main)

    def test_a_paused_client_leaves_too(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text("x")

        async def main() -> None:
            async with connect(handler) as client:
                client.pause_reading()

        run(main)

    def test_two_clients_talk_through_one_application(self, run: Run) -> None:
        room: list[WebSocket] = []

        async def chat(websocket: WebSocket) -> None:
            await websocket.accept()
            room.append(websocket)
            async for text in websocket.iter_text():
                for member in room:
                    await member.send_text(text)
            room.remove(websocket)

        async def main() -> None:
            async with connect(chat) as ann, connect(chat) as bob:
                await ann.accepted()
                await bob.send_text("hi")

                assert await ann.receive_text() == await bob.receive_text() == "hi"

        run(main)


def test_without_a_loop_it_says_what_it_needs() -> None:
    async def main() -> None:
        async with connect(echo):
            pass

    with pytest.raises(RuntimeError, match="needs a running loop of asyncio or trio"):
        main().send(None)
