"""Failures in wsfsm.testing: of the application, of its order, and of time."""

import asyncio

import anyio
import pytest
from helpers.echo import answer
from helpers.echo import echo as echo_app
from helpers.loops import Run, on_both

from wsfsm import (
    ClientDisconnected,
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    WebSocket,
    WebSocketDisconnect,
    asgi,
)
from wsfsm.testing import (
    ClientDenied,
    ClientTimeout,
    ConnectionEnded,
    connect,
)
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets._turns import give_turn

SOON = 0.02


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

    def test_a_close_beside_a_send_that_waits_is_not_forgotten(self, run: Run) -> None:
        raised: list[type[Exception]] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            async def sends(message: Message) -> None:
                try:
                    await send(message)
                except (OSError, RuntimeError) as error:
                    raised.append(type(error))

            await send({"type": "websocket.accept"})
            await receive()
            await receive()
            async with anyio.create_task_group() as group:
                group.start_soon(sends, {"type": "websocket.send", "text": "x"})
                await anyio.wait_all_tasks_blocked()
                await sends({"type": "websocket.close"})
            await sends({"type": "websocket.close"})

        async def main() -> None:
            async with connect(application) as client:
                await client.accepted()
                client.pause_reading()
                await client.send_text("go")
                await client.result()

        run(main)

        assert raised == [ClientDisconnected, IllegalTransition]

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
            async with connect(echo_app, timeout=SOON) as client:
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
            async with connect(echo_app) as client:
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

    def test_an_application_that_cancels_itself_has_ended(self, run: Run) -> None:
        class Cancelled(BaseException):
            """Stands for that of a library, which is one too."""

        async def handler(websocket: WebSocket) -> None:
            raise asyncio.CancelledError if "asyncio" in run.__name__ else Cancelled

        async def main() -> None:
            try:
                async with connect(handler) as client:
                    assert await client.result() is None
                    assert "application is ended by Cancelled" in client.trace
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

        if "asyncio" in run.__name__:
            run(main)
        else:
            with pytest.raises(Cancelled):
                run(main)

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
            assert [note[:5] for note in caught.value.__notes__] == ["Run `"]  # not the trace again

        run(main)

    @pytest.mark.parametrize("accepts", [True, False])
    def test_an_exception_after_the_close_that_it_causes_is_the_cause_too(
        self, run: Run, accepts: bool
    ) -> None:
        async def handler(websocket: WebSocket) -> None:
            if accepts:
                await websocket.accept()
            raise ZeroDivisionError

        async def main() -> None:
            with pytest.raises(ConnectionEnded if accepts else ClientDenied) as caught:
                async with connect(asgi(handler)) as client:
                    await client.receive_text()
            assert isinstance(caught.value.__cause__, ZeroDivisionError)
            assert "application raises ZeroDivisionError" in str(caught.value)

        run(main)

    def test_a_failure_has_the_topic_of_the_mistake(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.send_text("not accepted")

        async def main() -> None:
            with pytest.raises(ClientDenied) as caught:
                async with connect(asgi(handler)) as client:
                    await client.receive_text()
            assert caught.value.topic == "send-without-accept"
            assert "`wsfsm error send-without-accept`" in caught.value.__notes__[-1]

        run(main)

    def test_a_use_of_the_connection_after_the_own_close_is_an_exception(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close(4000)
            await websocket.send_text("too late")

        async def main() -> None:
            for application in (handler, asgi(handler)):
                with pytest.raises(ConnectionClosed, match="ended by the application"):
                    async with connect(application) as client:
                        await client.handshake()

        run(main)

    def test_a_send_to_a_client_that_has_left_is_not_one(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.receive()
            await websocket.send_text("too late")

        async def main() -> None:
            async with connect(handler) as client:
                await client.close(4000)

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


def test_a_client_outside_of_its_block_says_so() -> None:
    client = connect(echo_app)

    with pytest.raises(RuntimeError, match=r"use it in a block, `async with connect\(\.\.\.\) as"):
        client.receive_text().send(None)


def test_without_a_loop_it_says_what_it_needs() -> None:
    async def main() -> None:
        async with connect(answer):
            pass

    with pytest.raises(RuntimeError, match="needs a running event loop of asyncio or trio"):
        main().send(None)
