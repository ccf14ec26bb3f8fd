"""The facade: iteration over what is received."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from helpers.asgi import run
from helpers.connections import BINARY, BYE, CONNECT, NEED_ACCEPT, TEXT, accepted, connection

from wsfsm.exceptions import WebSocketDisconnect, WebSocketDisconnected
from wsfsm.types import Message


class TestIteration:
    @pytest.mark.parametrize(
        ("method", "incoming", "data"),
        [
            ("iter_text", TEXT, "hello"),
            ("iter_bytes", BINARY, b"\x00\xff"),
            ("iter_json", {**TEXT, "text": "[]"}, []),
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
