"""aclose() with a timeout, for clients that do not read."""

import pytest
from helpers.asgi import Server, scope
from helpers.connections import CONNECT, accepted
from helpers.loops import Run, on_both

from wsfsm import ReadyState, WebSocket
from wsfsm._loops import current_loop
from wsfsm.types import Message


class StuckServer(Server):
    """A server that waits to send a close, because the client does not read."""

    async def send(self, message: Message) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            await current_loop().event().wait()


@on_both
class TestAcloseWithATimeout:
    @pytest.mark.parametrize("is_open", [True, False], ids=["open", "before the accept"])
    def test_it_returns_and_the_connection_is_over(self, run: Run, is_open: bool) -> None:
        server = StuckServer([CONNECT])
        websocket: WebSocket = WebSocket(scope(), server.receive, server.send)

        async def main() -> None:
            if is_open:
                await websocket.accept()
            await websocket.aclose(1013, "too slow", timeout=0.01)

        run(main)

        assert server.sent[-1] == {
            "type": "websocket.close",
            "code": 1013,
            "reason": "too slow",
        }
        assert websocket.ready_state is ReadyState.CLOSING
        assert websocket.closed_by == "application"
        assert not websocket.can_send

    def test_it_closes_in_time(self, run: Run) -> None:
        websocket, server = accepted()

        run(lambda: websocket.aclose(4000, "done", timeout=10))

        assert server.sent == [{"type": "websocket.close", "code": 4000, "reason": "done"}]

    def test_it_checks_its_arguments(self, run: Run) -> None:
        websocket, server = accepted()

        with pytest.raises(ValueError, match="5000"):
            run(lambda: websocket.aclose(5000, timeout=10))

        assert server.sent == []
        assert websocket.is_open
