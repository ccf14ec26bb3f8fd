"""The ends of a connection in wsfsm.testing, and a client that reads slowly."""

import pytest
from helpers.echo import echo as echo_app
from helpers.loops import Run, on_both

from wsfsm import (
    ClientDisconnected,
    WebSocket,
    WebSocketDisconnect,
)
from wsfsm.testing import (
    ClientFailure,
    Closed,
    ConnectionEnded,
    connect,
)
from wsfsm.types import Message

SOON = 0.02


async def accepts(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()


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
            async with connect(echo_app) as client:
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
            async with connect(echo_app) as client:
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
