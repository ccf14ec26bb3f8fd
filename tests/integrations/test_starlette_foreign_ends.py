"""The end of a connection that is reported by Starlette's own exception."""

from typing import Any

import pytest
import starlette.websockets
from helpers.asgi import run, scope
from helpers.connections import BYE, CONNECT
from helpers.feeds import opened, text
from helpers.loops import Run, on_both

from wsfsm.integrations.starlette import WebSocket


class Ending(WebSocket):
    """Its receive_text reports the end as code does that knows only Starlette."""

    async def receive_text(self, timeout: float | None = None) -> str:
        received = await super().receive_text(timeout)
        if received == "end":
            raise starlette.websockets.WebSocketDisconnect(1000)
        return received


@on_both
class TestStarlettesException:
    def test_it_ends_an_iteration(self, run: Run) -> None:
        async def main() -> None:
            websocket, _feed = await opened(text("a"), text("end"), websocket_class=Ending)
            assert [received async for received in websocket.iter_text()] == ["a"]

        run(main)

    def test_it_ends_a_block_quietly_once_the_client_has_left(self, run: Run) -> None:
        async def main() -> None:
            websocket, _feed = await opened(BYE, websocket_class=WebSocket)
            async with websocket:
                await websocket.receive()
                raise starlette.websockets.WebSocketDisconnect(1000)

        run(main)


def test_it_leaves_a_block_while_the_connection_is_open() -> None:
    messages = [CONNECT]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        async with WebSocket(scope(), receive, send) as websocket:
            await websocket.accept()
            raise starlette.websockets.WebSocketDisconnect(1000)

    with pytest.raises(starlette.websockets.WebSocketDisconnect):
        run(main())
    assert sent[-1]["code"] == 1011
