"""The facade: timeouts beside errors of the server, cancellation and overrides, on asyncio and trio."""

import asyncio
import contextlib
from typing import Any

import anyio
import pytest
import trio
from helpers.asgi import run as run_at_once
from helpers.asgi import scope
from helpers.connections import CONNECT, TEXT
from helpers.connections import accepted as opened
from helpers.lines import LONG, RECEIVES, SENDS, SHORT, Case, Line, accepted, on_receives, on_sends
from helpers.loops import Run, on_both

from wsfsm import WebSocket, WebSocketDisconnect
from wsfsm.types import Message


class Failing:
    """A server both of whose callables raise."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def receive(self) -> Message:
        raise self.error

    async def send(self, message: Message) -> None:
        raise self.error


@on_both
class TestErrorsOfTheServer:
    @on_receives
    @pytest.mark.parametrize("error", [TimeoutError("mine"), trio.TooSlowError()], ids=repr)
    @pytest.mark.parametrize("seconds", [None, LONG, 0], ids=["none", "long", "zero"])
    def test_timeout_error_of_the_servers_receive_is_raised_as_it_is(
        self,
        run: Run,
        receive: Case,
        error: Exception,
        seconds: float | None,
    ) -> None:
        async def main() -> None:
            websocket, _ = await accepted()
            websocket._receive = Failing(error).receive
            with pytest.raises(type(error)) as caught:
                await receive.call(websocket, timeout=seconds)
            assert caught.value is error

        run(main)

    @on_sends
    @pytest.mark.parametrize("seconds", [None, LONG, 0], ids=["none", "long", "zero"])
    def test_timeout_error_of_the_servers_send_is_the_loss_of_the_transport(
        self, run: Run, send: Case, seconds: float | None
    ) -> None:
        error = TimeoutError(110, "Connection timed out")  # ETIMEDOUT

        async def main() -> None:
            websocket, _ = await accepted()
            websocket._send = Failing(error).send
            with pytest.raises(WebSocketDisconnect) as caught:
                await send.call(websocket, timeout=seconds)
            assert (caught.value.code, caught.value.__cause__) == (1006, error)
            assert websocket.closed_by == "transport"

        run(main)

    def test_timeout_error_of_a_decoder_is_raised_as_it_is(self, run: Run) -> None:
        def decode(data: str | bytes) -> None:
            raise TimeoutError("mine")

        async def main() -> None:
            websocket, _ = await accepted(TEXT)
            with pytest.raises(TimeoutError, match=r"^mine$"):
                await websocket.receive_as(decode, timeout=LONG)

        run(main)

    def test_server_that_answers_the_cancellation_with_a_message_is_heard(self, run: Run) -> None:
        async def receive() -> Message:
            with contextlib.suppress(BaseException):  # some do it, though none should
                await anyio.sleep_forever()
            return TEXT

        async def main() -> str:
            websocket, _ = await accepted()
            websocket._receive = receive
            return await websocket.receive_text(timeout=SHORT)

        assert run(main) == "hello"


@on_both
class TestCancellation:
    @on_receives
    def test_outer_cancellation_of_a_receive_is_not_a_timeout_and_loses_nothing(
        self, run: Run, receive: Case
    ) -> None:
        async def main() -> Any:
            websocket, line = await accepted()
            with anyio.CancelScope() as outer:
                async with anyio.create_task_group() as tasks:

                    async def cancel() -> None:
                        await line.until_asked()
                        outer.cancel()

                    tasks.start_soon(cancel)
                    await receive.call(websocket, timeout=LONG)
            assert outer.cancelled_caught
            line.deliver(receive.message)
            return await receive.call(websocket, timeout=LONG)

        assert run(main) == receive.value

    @on_sends
    def test_outer_cancellation_of_a_send_is_not_a_timeout(self, run: Run, send: Case) -> None:
        async def main() -> bool:
            websocket, line = await accepted()
            line.blocked = True
            with anyio.move_on_after(SHORT) as outer:
                await send.call(websocket, timeout=LONG)
            assert websocket.can_send
            return outer.cancelled_caught

        assert run(main)

    def test_outer_timeout_that_is_shorter_wins(self, run: Run) -> None:
        async def main() -> None:
            websocket, _ = await accepted()
            with pytest.raises(TimeoutError) as caught:
                with anyio.fail_after(SHORT):
                    await websocket.receive_text(timeout=LONG)
            assert "receive_text" not in str(caught.value)

        run(main)

    def test_inner_timeout_that_is_shorter_does_not_end_the_outer_block(self, run: Run) -> None:
        async def main() -> str:
            websocket, line = await accepted()
            with anyio.fail_after(LONG):
                with pytest.raises(TimeoutError, match=r"^receive_text"):
                    await websocket.receive_text(timeout=SHORT)
                line.deliver(TEXT)
                return await websocket.receive_text()

        assert run(main) == "hello"


class Hurried(WebSocket):
    """Methods with a timeout of their own, as an application writes them."""

    async def accept(self, *args: Any, **keys: Any) -> None:
        await super().accept(*args, **{"timeout": SHORT, **keys})

    async def receive_text(self, timeout: float | None = SHORT) -> str:
        return await super().receive_text(timeout)

    async def receive_bytes(self, timeout: float | None = SHORT) -> bytes:
        return await super().receive_bytes(timeout)

    async def receive_json(self, mode: str = "text", timeout: float | None = SHORT) -> Any:
        return await super().receive_json(mode, timeout)

    async def receive_data(self, timeout: float | None = SHORT) -> str | bytes:
        return await super().receive_data(timeout)

    async def send_text(self, data: str, timeout: float | None = SHORT) -> None:
        await super().send_text(data, timeout)

    async def send_bytes(self, data: Any, timeout: float | None = SHORT) -> None:
        await super().send_bytes(data, timeout)

    async def send_json(self, data: Any, mode: str = "text", timeout: float | None = SHORT) -> None:
        await super().send_json(data, mode, timeout)

    async def close(
        self, code: int = 1000, reason: str | None = None, timeout: float | None = SHORT
    ) -> None:
        await super().close(code, reason, timeout)

    async def deny(self, status: int = 403, **keys: Any) -> None:
        await super().deny(status, timeout=SHORT, **keys)


@on_both
class TestOverrides:
    @pytest.mark.parametrize(
        ("method", "args"),
        [
            ("receive_text", ()),
            ("receive_bytes", ()),
            ("receive_json", ()),
            ("receive_data", ()),
            ("send_text", ("a",)),
            ("send_bytes", (b"a",)),
            ("send_json", (1,)),
            ("close", ()),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_override_can_add_a_timeout(self, run: Run, method: str, args: tuple[Any, ...]) -> None:
        async def main() -> None:
            line = Line(CONNECT)
            websocket = Hurried(scope(), line.receive, line.send)
            await websocket.accept()
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await getattr(websocket, method)(*args)
            assert str(caught.value).startswith(f"{method}() took longer")

        run(main)

    @pytest.mark.parametrize("method", ["accept", "deny"])
    def test_override_of_an_answer_to_the_handshake_can_add_a_timeout(
        self, run: Run, method: str
    ) -> None:
        async def main() -> None:
            line = Line(CONNECT)
            websocket = Hurried(scope(), line.receive, line.send)
            await websocket.receive()
            line.blocked = True
            with pytest.raises(TimeoutError) as caught:
                await getattr(websocket, method)()
            assert str(caught.value).startswith(f"{method}() took longer")

        run(main)


def test_timeout_leaves_no_task_behind() -> None:
    async def main() -> set[Any]:
        websocket, _ = await accepted()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await websocket.receive_text(timeout=0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()


def test_task_that_is_cancelled_at_its_timeout_is_cancelled() -> None:
    async def main() -> bool:
        websocket, line = await accepted()
        task = asyncio.create_task(websocket.receive_text(timeout=0))
        await line.until_asked()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


@pytest.mark.parametrize("case", [*RECEIVES, *SENDS], ids=lambda case: case.name)
def test_timeout_without_a_loop_is_refused(case: Case) -> None:
    websocket, _ = opened()

    with pytest.raises(RuntimeError, match="needs a running event loop of asyncio or trio"):
        run_at_once(case.call(websocket, timeout=LONG))
