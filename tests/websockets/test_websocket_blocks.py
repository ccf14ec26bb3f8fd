"""The end of a handler in `async with websocket:`."""

import asyncio
from typing import Any, Final

import pytest
import trio
from helpers.asgi import run
from helpers.connections import (
    ACCEPT,
    BODY,
    BYE,
    CLOSE,
    CONNECT,
    FAILED,
    LAST,
    MORE,
    PLAIN,
    START,
    TEXT,
    accepted,
    connection,
    denial,
    having_sent,
    left,
    length,
)
from helpers.loops import Run, on_both

from wsfsm import (
    ConnectionClosed,
    IllegalTransition,
    WebSocket,
    WebSocketDisconnect,
    WebSocketDisconnected,
)
from wsfsm.testing import Client, connect
from wsfsm.types import Message
from wsfsm.websockets._turns import give_turn

DENIED: Final = denial(500, [PLAIN, length(21)], b"Internal Server Error")


async def block(websocket: WebSocket, error: BaseException | None = None) -> None:
    async with websocket as entered:
        assert entered is websocket
        if error is not None:
            raise error


class TestEndOfTheBlock:
    @pytest.mark.parametrize(
        ("sent", "then"),
        [
            ((), [CLOSE]),
            ((ACCEPT,), [CLOSE]),
            ((START,), [LAST]),
            ((CLOSE,), []),
            ((START, BODY), []),
            ((ACCEPT, {**CLOSE, "code": 4000}), []),
        ],
        ids=["new", "open", "denying", "rejected", "denied", "closed"],
    )
    def test_it_closes_what_is_not_over(
        self, sent: tuple[Message, ...], then: list[Message]
    ) -> None:
        websocket, server = having_sent(*sent)
        run(block(websocket))
        assert server.sent == then

    def test_it_sends_nothing_to_a_client_that_has_left(self) -> None:
        websocket, server = left()
        run(block(websocket))
        assert server.sent == []

    @pytest.mark.parametrize(
        ("sent", "then"),
        [
            ((), DENIED),
            ((ACCEPT,), [FAILED]),
            ((START,), []),  # a client must not take a part of the response for all of it
            ((START, MORE), []),
            ((CLOSE,), []),
            ((START, BODY), []),
            ((ACCEPT, CLOSE), []),
        ],
        ids=["new", "open", "denying", "with a part", "rejected", "denied", "closed"],
    )
    def test_an_exception_ends_the_connection_and_is_raised_on(
        self, sent: tuple[Message, ...], then: list[Message]
    ) -> None:
        websocket, server = having_sent(*sent)
        error = ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError) as caught:
            run(block(websocket, error))

        assert caught.value is error
        assert error.__context__ is None
        assert server.sent == then

    def test_without_the_extension_an_exception_rejects_with_a_close(self) -> None:
        websocket, server = having_sent(extensions={})

        with pytest.raises(ZeroDivisionError):
            run(block(websocket, ZeroDivisionError()))

        assert server.sent == [CLOSE]

    def test_an_exception_after_the_client_has_left_is_raised_on_and_nothing_is_sent(self) -> None:
        websocket, server = left()

        with pytest.raises(ZeroDivisionError):
            run(block(websocket, ZeroDivisionError()))

        assert (server.sent, websocket.closed_by) == ([], "client")

    @pytest.mark.parametrize("sent", [(), (ACCEPT,)], ids=["new", "open"])
    @pytest.mark.parametrize("failing", [OSError("gone"), RuntimeError("dead")], ids=repr)
    def test_an_error_of_the_server_does_not_hide_that_of_the_application(
        self, sent: tuple[Message, ...], failing: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = having_sent(*sent)
        server.failing = failing
        error = ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError) as caught:
            run(block(websocket, error))

        assert caught.value is error
        logged = [] if isinstance(failing, OSError) else ["The server failed to close a WebSocket."]
        assert caplog.messages == logged

    def test_a_server_that_refuses_1011_gets_the_exception_and_no_normal_close(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, _ = accepted()
        offered: list[int] = []

        async def send(message: Message) -> None:
            offered.append(message["code"])
            raise ValueError("the code must be 1000, or from 3000 to 4999")  # as daphne

        websocket._send = send
        with pytest.raises(ZeroDivisionError):
            run(block(websocket, ZeroDivisionError()))

        assert offered == [1011]
        assert caplog.messages == ["The server failed to close a WebSocket."]

    @pytest.mark.parametrize(
        "error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()], ids=repr
    )
    def test_the_end_of_the_program_and_a_cancellation_send_nothing(
        self, error: BaseException
    ) -> None:
        websocket, server = accepted()

        with pytest.raises(type(error)) as caught:
            run(block(websocket, error))

        assert caught.value is error
        assert (server.sent, websocket.ready_state) == ([], "open")


class TestQuietEnds:
    @pytest.mark.parametrize(
        "call",
        [("receive_text",), ("receive_data",), ("receive_json",)],
        ids=["text", "data", "json"],
    )
    def test_a_disconnect_that_is_received(self, call: tuple[Any, ...]) -> None:
        websocket, server = accepted(BYE)

        async def handler() -> None:
            async with websocket:
                await getattr(websocket, call[0])()

        run(handler())
        assert server.sent == []

    @pytest.mark.parametrize(
        "call",
        [("send_text", "x"), ("receive_text",), ("accept",), ("deny",), ("send", ACCEPT)],
        ids=["send", "receive", "accept", "deny", "raw send"],
    )
    def test_a_call_after_the_client_has_left(self, call: tuple[Any, ...]) -> None:
        websocket, server = left()

        async def handler() -> None:
            async with websocket:
                await getattr(websocket, call[0])(*call[1:])

        run(handler())
        assert server.sent == []

    @pytest.mark.parametrize(
        ("sent", "message"),
        [((), ACCEPT), ((ACCEPT,), {"type": "websocket.send", "text": "x"}), ((START,), MORE)],
        ids=["new", "open", "denying"],
    )
    def test_the_loss_of_the_transport(self, sent: tuple[Message, ...], message: Message) -> None:
        websocket, server = having_sent(*sent)
        server.failing = OSError("broken pipe")

        async def handler() -> None:
            async with websocket:
                await websocket.send(message)

        run(handler())
        assert websocket.closed_by == "transport"

    def test_a_client_that_leaves_before_the_accept(self) -> None:
        websocket, server = connection(CONNECT, BYE)

        async def handler() -> None:
            async with websocket:
                await websocket.receive()
                await websocket.receive()
                await websocket.accept()

        run(handler())
        assert (server.sent, websocket.close_code) == ([], 4001)

    def test_the_own_close_in_another_task_while_this_one_receives(self) -> None:
        websocket, server = accepted({"type": "websocket.disconnect", "code": 4000})

        async def handler() -> None:
            async with websocket:
                await websocket.receive_text()

        server_receive = websocket._receive

        async def receive() -> Message:
            await websocket.close(4000)  # as another task does while this one waits
            return await server_receive()

        websocket._receive = receive
        run(handler())
        assert websocket.closed_by == "application"
        assert server.sent == [{**CLOSE, "code": 4000}]

    @pytest.mark.parametrize("nested", [False, True], ids=["group", "group in a group"])
    def test_a_group_of_exceptions_that_all_report_the_end(self, nested: bool) -> None:
        websocket, server = accepted(BYE)

        async def handler() -> None:
            async with websocket:
                errors: list[Exception] = []
                for call in (websocket.receive_text, websocket.receive_text, websocket.accept):
                    try:
                        await call()
                    except (WebSocketDisconnect, WebSocketDisconnected) as error:
                        errors.append(error)
                group = ExceptionGroup("tasks", errors)
                raise ExceptionGroup("more", [group, errors[0]]) if nested else group

        run(handler())
        assert (len(server.incoming), server.sent) == (0, [])

    @on_both
    def test_the_tasks_of_a_nursery_when_the_client_leaves(self, run: Run) -> None:
        async def reader(websocket: WebSocket) -> None:
            while True:
                await websocket.receive_text()

        async def writer(websocket: WebSocket) -> None:
            while True:
                await websocket.send_text("tick")
                await give_turn()

        async def handler(websocket: WebSocket) -> str:
            async with websocket:
                await websocket.accept()
                try:
                    asyncio.get_running_loop()
                except RuntimeError:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(reader, websocket)
                        nursery.start_soon(writer, websocket)
                else:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(reader(websocket))
                        group.create_task(writer(websocket))
            return "quiet"

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.receive_text() == "tick"
                await client.close(4001)
                assert await client.result() == "quiet"

        run(main)


class TestLoudEnds:
    def test_a_use_after_the_applications_own_close_is_a_mistake(self) -> None:
        websocket, _ = accepted()

        async def handler() -> None:
            async with websocket:
                await websocket.close()
                await websocket.send_text("x")

        with pytest.raises(ConnectionClosed) as caught:
            run(handler())
        assert caught.value.closed_by == "application"

    def test_a_use_before_the_accept_is_a_mistake(self) -> None:
        websocket, server = connection(CONNECT)

        async def handler() -> None:
            async with websocket:
                await websocket.receive_text()

        with pytest.raises(WebSocketDisconnected):
            run(handler())
        assert server.sent == DENIED

    def test_an_illegal_message_is_a_mistake(self) -> None:
        websocket, server = accepted()

        async def handler() -> None:
            async with websocket:
                await websocket.accept()

        with pytest.raises(IllegalTransition):
            run(handler())
        assert server.sent == [FAILED]

    @pytest.mark.parametrize("call", ["send_text", "receive_text"])
    def test_the_end_of_another_connection_is_not_the_end_of_this_one(self, call: str) -> None:
        websocket, server = accepted(TEXT)
        other, _ = left()

        async def handler() -> None:
            async with websocket:
                await (other.send_text("x") if call == "send_text" else other.receive_text())

        with pytest.raises(WebSocketDisconnected) as caught:
            run(handler())
        assert caught.value.code == 4001
        assert server.sent == [FAILED]

    def test_the_disconnect_of_another_connection_is_not_that_of_this_one(self) -> None:
        websocket, server = accepted(TEXT)
        other, _ = accepted(BYE)

        async def handler() -> None:
            async with websocket:
                await other.receive_text()

        with pytest.raises(WebSocketDisconnect):
            run(handler())
        assert server.sent == [FAILED]

    @pytest.mark.parametrize("order", [0, 1], ids=["mine first", "mine last"])
    def test_a_group_with_one_other_exception_is_raised_on(self, order: int) -> None:
        websocket, server = accepted(BYE)

        async def handler() -> None:
            async with websocket:
                try:
                    await websocket.receive_text()
                except WebSocketDisconnect as error:
                    errors = [ZeroDivisionError("mine"), error]
                    raise ExceptionGroup("tasks", errors[:: -1 if order else 1]) from None

        with pytest.raises(ExceptionGroup) as caught:
            run(handler())
        assert caught.value.subgroup(ZeroDivisionError) is not None
        assert server.sent == []

    def test_a_group_with_a_cancellation_sends_nothing(self) -> None:
        websocket, server = accepted()
        group = BaseExceptionGroup("tasks", [ZeroDivisionError(), asyncio.CancelledError()])

        with pytest.raises(BaseExceptionGroup):
            run(block(websocket, group))
        assert server.sent == []


@on_both
class TestCancellation:
    def test_a_block_that_is_cancelled_leaves_the_connection_to_the_server(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> str:
            await websocket.accept()
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                with trio.move_on_after(0):
                    await block_that_waits(websocket)
            else:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await block_that_waits(websocket)
            return websocket.ready_state

        async def block_that_waits(websocket: WebSocket) -> None:
            async with websocket:
                await websocket.receive_text()

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.result() == "open"
                assert "application sends websocket.close" not in client.trace

        run(main)

    def test_a_timeout_inside_the_block_is_an_exception_of_the_handler(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            async with websocket:
                await websocket.accept()
                await websocket.receive_text(timeout=0)

        async def main() -> None:
            async with connect(handler) as client:
                with pytest.raises(TimeoutError):
                    await client.result()
                assert await close_code(client) == 1011

        run(main)


async def close_code(client: Client) -> int:
    return (await client.receive_close()).code
