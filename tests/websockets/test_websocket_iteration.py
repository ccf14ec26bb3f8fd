"""The facade: iteration over what is received."""

import contextlib
import gc
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
import pytest
from helpers.asgi import run
from helpers.connections import BINARY, BYE, CONNECT, NEED_ACCEPT, TEXT, accepted, connection
from helpers.lines import LONG
from helpers.lines import accepted as on_a_line
from helpers.loops import Run, on_both

from wsfsm.exceptions import UnexpectedFrame, WebSocketDisconnect, WebSocketDisconnected
from wsfsm.types import Message


class TestIteration:
    def test_stop_async_iteration_of_the_server_is_not_the_end(self) -> None:
        websocket, _ = accepted()

        async def receive() -> Message:
            raise StopAsyncIteration

        websocket._receive = receive

        async def iterate() -> None:
            async for _ in websocket:
                raise AssertionError("a message was received")

        with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
            run(iterate())
        assert websocket.is_open

    @pytest.mark.parametrize(
        ("method", "incoming", "data"),
        [
            ("iter_text", TEXT, "hello"),
            ("iter_bytes", BINARY, b"\x00\xff"),
            ("iter_json", {**TEXT, "text": "[]"}, []),
            ("__aiter__", TEXT, "hello"),
            ("__aiter__", BINARY, b"\x00\xff"),
        ],
    )
    def test_iteration_yields_messages_until_the_connection_ends(
        self, method: str, incoming: Message, data: Any
    ) -> None:
        websocket, _ = accepted(incoming, incoming, BYE)

        async def collect() -> list[Any]:
            return [item async for item in getattr(websocket, method)()]

        assert run(collect()) == [data, data]
        with pytest.raises(WebSocketDisconnected):
            run(collect())

    @pytest.mark.parametrize(
        ("method", "incoming", "data"),
        [
            ("iter_text", TEXT, "hello"),
            ("iter_bytes", BINARY, b"\x00\xff"),
            ("iter_json", {**TEXT, "text": "[]"}, []),
            ("__aiter__", TEXT, "hello"),
            ("__aiter__", BINARY, b"\x00\xff"),
        ],
    )
    def test_iteration_ends_when_its_body_closes_the_connection(
        self, method: str, incoming: Message, data: Any
    ) -> None:
        websocket, _ = accepted(incoming, incoming)

        async def first() -> list[Any]:
            got = []
            async for item in getattr(websocket, method)():
                got.append(item)
                await websocket.close()
            return got

        assert run(first()) == [data]
        with pytest.raises(WebSocketDisconnected) as caught:
            run(first())
        assert not isinstance(caught.value, WebSocketDisconnect)

    def test_iteration_before_the_accept_is_refused(self) -> None:
        websocket, _ = connection(CONNECT)

        async def first(iterator: AsyncIterator[str]) -> str:
            return await anext(iterator)

        with pytest.raises(WebSocketDisconnected, match=NEED_ACCEPT):
            run(first(websocket.iter_text()))

    def test_iteration_after_a_failed_send_is_refused_and_ends_if_it_has_begun(self) -> None:
        websocket, server = accepted(TEXT)

        async def replies() -> None:
            async for _ in websocket:
                server.failing = OSError("gone")
                with pytest.raises(WebSocketDisconnect):
                    await websocket.send_text("x")

        run(replies())
        with pytest.raises(WebSocketDisconnected) as caught:
            run(replies())
        assert not isinstance(caught.value, WebSocketDisconnect)

    @on_both
    def test_iteration_after_a_block_that_has_read_the_disconnect_ahead_ends(
        self, run: Run
    ) -> None:
        async def handler() -> list[Any]:
            websocket, _ = await on_a_line(BYE)
            async with websocket.until_disconnect():
                await anyio.sleep(LONG)
            return [item async for item in websocket]

        assert run(handler) == []

    def test_iteration_goes_on_after_a_message_that_is_refused(self) -> None:
        websocket, _ = accepted(BINARY, {**TEXT, "text": "{"}, {**TEXT, "text": "1"}, BYE)
        iterator = websocket.iter_json()

        with pytest.raises(UnexpectedFrame):
            run(anext(iterator))
        with pytest.raises(json.JSONDecodeError):
            run(anext(iterator))

        async def rest() -> list[Any]:
            return [item async for item in iterator]

        assert run(rest()) == [1]
        assert run(rest()) == []

    def test_iteration_uses_an_override_of_the_receive(self) -> None:
        websocket, _ = accepted(TEXT)

        async def other() -> str:
            return "other"

        websocket.receive_text = other  # type: ignore[method-assign,assignment]

        assert run(anext(websocket.iter_text())) == "other"


class TestAsAGenerator:
    """The methods of an asynchronous generator, for code that closes one."""

    def test_iteration_is_an_asynchronous_generator_to_isinstance(self) -> None:
        websocket, _ = accepted()

        for iterator in (
            websocket.iter_text(),
            websocket.iter_bytes(),
            websocket.iter_json(),
            aiter(websocket),
        ):
            assert isinstance(iterator, AsyncGenerator)
            assert aiter(iterator) is iterator

    def test_closed_iteration_receives_nothing_more(self) -> None:
        websocket, server = accepted(TEXT, TEXT)

        async def first() -> tuple[str, list[str]]:
            async with contextlib.aclosing(websocket.iter_text()) as texts:
                one = await anext(texts)
            return one, [text async for text in texts]

        assert run(first()) == ("hello", [])
        assert server.incoming == [TEXT]
        assert run(websocket.receive_text()) == "hello"

    def test_asend_returns_the_next_message(self) -> None:
        websocket, _ = accepted(TEXT, BYE)
        iterator = websocket.iter_text()

        assert run(iterator.asend(None)) == "hello"
        with pytest.raises(StopAsyncIteration):
            run(iterator.asend(None))

    @pytest.mark.parametrize(
        "thrown", [(LookupError,), (LookupError("x"),)], ids=["class", "error"]
    )
    def test_athrow_raises_the_error_and_ends_the_iteration(self, thrown: Any) -> None:
        websocket, _ = accepted(TEXT)
        iterator = websocket.iter_text()

        with pytest.raises(LookupError):
            run(iterator.athrow(*thrown))
        with pytest.raises(StopAsyncIteration):
            run(anext(iterator))


@on_both
class TestLeftovers:
    @pytest.mark.parametrize("method", ["iter_text", "iter_bytes", "iter_json", "__aiter__"])
    def test_loop_that_is_left_early_leaves_no_generator_to_the_event_loop(
        self, run: Run, method: str
    ) -> None:
        async def main() -> list[Any]:
            begun: list[Any] = []
            sys.set_asyncgen_hooks(firstiter=begun.append)
            websocket, _ = await on_a_line(
                BINARY if method == "iter_bytes" else {**TEXT, "text": "1"}
            )
            async for _ in getattr(websocket, method)():
                break
            gc.collect()  # trio would warn of a generator here
            return begun

        assert run(main) == []

    def test_cancelled_iteration_goes_on_without_a_loss(self, run: Run) -> None:
        async def main() -> list[Any]:
            websocket, line = await on_a_line()
            texts = websocket.iter_text()
            with anyio.move_on_after(0):
                await anext(texts)
            line.deliver(TEXT)
            with anyio.fail_after(LONG):
                return [await anext(texts)]

        assert run(main) == ["hello"]
