"""The facade: timeouts of receives and sends, on asyncio and trio."""

import contextlib
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from helpers.connections import BYE, CONNECT, TEXT
from helpers.lines import (
    LONG,
    SHORT,
    Case,
    accepted,
    connected,
    on_a_line,
    on_receives,
    on_sends,
    text,
)
from helpers.loops import Run, on_both

from wsfsm import WebSocketDisconnect
from wsfsm.types import Message

OPEN = "The client is CONNECTED and the application is CONNECTED."
NEW = "The client is CONNECTING and the application is CONNECTING."


def says(error: BaseException, name: str, seconds: float, states: str) -> bool:
    return str(error) == f"{name}() took longer than its timeout of {seconds:g} seconds\n{states}"


@on_both
class TestReceives:
    @on_receives
    def test_message_in_time_is_received(self, run: Run, receive: Case) -> None:
        async def main() -> Any:
            websocket, line = await accepted()
            async with anyio.create_task_group() as tasks:

                async def deliver_later() -> None:
                    await line.until_asked()
                    line.deliver(receive.message)

                tasks.start_soon(deliver_later)
                return await receive.call(websocket, timeout=LONG)

        assert run(main) == receive.value

    @on_receives
    @pytest.mark.parametrize("seconds", ["5", b"5", [5]])
    def test_timeout_that_is_not_a_number_is_refused(
        self, run: Run, receive: Case, seconds: Any
    ) -> None:
        async def main() -> Any:
            websocket, _ = await accepted()
            with pytest.raises(
                TypeError, match=r"\(\): 'timeout' must be a number of seconds or None"
            ):
                await receive.call(websocket, timeout=seconds)
            return websocket.ready_state

        assert run(main) == "open"

    @on_receives
    @pytest.mark.parametrize("seconds", [SHORT, 0, -1], ids=["short", "zero", "negative"])
    def test_timeout_names_the_call_and_loses_nothing(
        self, run: Run, receive: Case, seconds: float
    ) -> None:
        async def main() -> Any:
            websocket, line = await accepted()
            for _ in range(3):
                with pytest.raises(TimeoutError) as caught:
                    await receive.call(websocket, timeout=seconds)
                assert says(caught.value, receive.name, seconds, OPEN)
                assert line.receiving == 0
            line.deliver(receive.message)
            return await receive.call(websocket, timeout=LONG)

        assert run(main) == receive.value

    @on_receives
    @pytest.mark.parametrize("seconds", [0, -1], ids=["zero", "negative"])
    def test_message_that_waits_is_received_though_no_time_is_left(
        self, run: Run, receive: Case, seconds: float
    ) -> None:
        async def main() -> Any:
            websocket, _ = await accepted(receive.message)
            return await receive.call(websocket, timeout=seconds)

        assert run(main) == receive.value

    def test_end_of_the_connection_is_not_a_timeout(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await accepted(BYE)
            with pytest.raises(WebSocketDisconnect) as caught:
                await websocket.receive_text(timeout=0)
            assert caught.value.code == 4001

        run(main)

    def test_messages_that_race_with_timeouts_all_arrive_in_their_order(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, line = await accepted()
            got: list[str] = []

            async def deliver() -> None:
                for number in range(300):
                    for _ in range(number % 7):
                        await anyio.lowlevel.checkpoint()
                    line.deliver(text(number))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(deliver)
                while len(got) < 300:
                    with contextlib.suppress(TimeoutError):
                        got.append(await websocket.receive_text(timeout=0))
            return got

        assert run(main) == [str(number) for number in range(300)]

    def test_timeout_while_the_client_is_watched_loses_nothing(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, line = await accepted(text("a"))
            async with websocket.until_disconnect():
                got = [await websocket.receive_text(timeout=LONG)]
                with pytest.raises(TimeoutError):
                    await websocket.receive_text(timeout=SHORT)
                line.deliver(text("b"))
                got.append(await websocket.receive_text(timeout=LONG))
                with pytest.raises(TimeoutError):
                    await websocket.receive_text(timeout=0)
            line.deliver(text("c"))
            return [*got, await websocket.receive_text(timeout=LONG)]

        assert run(main) == ["a", "b", "c"]

    def test_states_in_the_error_are_those_at_the_timeout(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await accepted()

            async def close() -> None:
                await websocket.close()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(close)
                with pytest.raises(TimeoutError, match="application is DISCONNECTED") as caught:
                    await websocket.receive_text(timeout=SHORT)
            assert says(
                caught.value,
                "receive_text",
                SHORT,
                "The client is CONNECTED and the application is DISCONNECTED.",
            )

        run(main)


@on_both
class TestSends:
    @on_sends
    @pytest.mark.parametrize("seconds", [LONG, 0, -1], ids=["long", "zero", "negative"])
    def test_message_that_the_server_takes_is_sent(
        self, run: Run, send: Case, seconds: float
    ) -> None:
        async def main() -> list[Message]:
            websocket, line = await accepted()
            await send.call(websocket, timeout=seconds)
            return line.sent

        assert run(main) == [send.message]

    @on_sends
    @pytest.mark.parametrize("seconds", [SHORT, 0], ids=["short", "zero"])
    def test_timeout_names_the_call_and_leaves_the_connection_open(
        self, run: Run, send: Case, seconds: float
    ) -> None:
        async def main() -> list[Message]:
            websocket, line = await accepted()
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await send.call(websocket, timeout=seconds)
            assert says(caught.value, send.name, seconds, OPEN)
            assert websocket.can_send
            line.free()
            await send.call(websocket, timeout=LONG)
            return line.sent

        assert run(main) == [send.message]

    def test_timeout_of_a_close_ends_the_connection(self, run: Run) -> None:
        async def main() -> None:
            websocket, line = await accepted()
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await websocket.close(4000, "bye", timeout=SHORT)
            states = "The client is CONNECTED and the application is DISCONNECTED."
            assert says(caught.value, "close", SHORT, states)
            assert (websocket.close_code, websocket.close_reason) == (4000, "bye")
            await websocket.aclose()

        run(main)

    def test_accept_waits_for_the_connect_for_the_time(self, run: Run) -> None:
        async def main() -> list[Message]:
            websocket, line = on_a_line()
            with pytest.raises(TimeoutError) as caught:
                await websocket.accept("chat", timeout=SHORT)
            assert says(caught.value, "accept", SHORT, NEW)
            line.deliver(CONNECT)
            await websocket.accept("chat", [(b"a", b"b")], timeout=LONG)
            return line.sent

        assert run(main) == [
            {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"a", b"b")]}
        ]

    def test_accept_that_the_server_does_not_take_leaves_the_connection_accepted(
        self, run: Run
    ) -> None:
        async def main() -> None:
            websocket, line = await connected(TEXT)
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await websocket.accept(timeout=SHORT)
            assert says(caught.value, "accept", SHORT, OPEN)
            assert await websocket.receive_text() == "hello"

        run(main)

    def test_denial_that_the_server_does_not_take_can_be_completed(self, run: Run) -> None:
        async def main() -> list[str]:
            websocket, line = await connected()
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await websocket.deny(401, body="no", timeout=SHORT)
            states = "The client is CONNECTED and the application is RESPONSE."
            assert says(caught.value, "deny", SHORT, states)
            line.free()
            await websocket.aclose()
            return [message["type"] for message in line.sent]

        assert run(main) == ["websocket.http.response.body"]

    def test_denial_in_time_is_sent(self, run: Run) -> None:
        async def main() -> list[Any]:
            websocket, line = await connected()
            await websocket.deny(401, headers={"a": "b"}, body="no", timeout=LONG)
            return [line.sent[0]["status"], line.sent[0]["headers"][0], line.sent[1]["body"]]

        assert run(main) == [401, (b"a", b"b"), b"no"]
