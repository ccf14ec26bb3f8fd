"""After its end a connection leaves nothing that only a garbage collection would free."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import virtual_scenarios
from helpers.virtual_scenarios import SCENARIOS, Compat, Strict, play
from helpers.virtual_uvicorn import Application, Link, Transport, in_virtual_time, message, turns
from helpers.wire import CLOSE, close_payload, frame

from wsfsm.exceptions import ClientDisconnected
from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.types import Receive, Scope, Send


class Forgetful(list[Any]):
    """Keeps nothing, because exceptions refer to all that was called."""

    def append(self, _: Any) -> None:
        pass


class ForgetfulApplication(Application):
    def __init__(self) -> None:
        super().__init__()
        self.saw = Forgetful()


@pytest.fixture
def garbage(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What only a garbage collection frees."""
    monkeypatch.setattr(virtual_scenarios, "Application", ForgetfulApplication)
    gc.collect()
    gc.disable()
    try:
        yield gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("ws", [Strict, Compat])
# the errors of h11 refer to themselves
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "no request"])
def test_memory_is_free_after_the_end(
    name: str, ws: type[WebSocketProtocol], garbage: list[Any]
) -> None:
    async def main() -> None:
        transport = Transport()
        link = await play(SCENARIOS[name], ws, transport)
        assert link.is_clean()
        transport.protocol = None  # as asyncio and uvloop do
        del link, transport
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        assert not [each for each in garbage if type(each).__module__.startswith("wsfsm.")]

    in_virtual_time(main)


@pytest.mark.parametrize(
    ("ws", "receives", "ending"),
    [
        (WebSocketProtocol, True, {"code": 1001, "reason": ""}),
        (WebSocketProtocol, False, {"code": 1000, "reason": ""}),
        (CompatWebSocketProtocol, True, {"code": 1001, "reason": ""}),
        (CompatWebSocketProtocol, False, {"code": 1006}),
    ],
)
def test_other_tasks_may_still_call_the_callables(
    ws: type[WebSocketProtocol], receives: bool, ending: dict[str, Any]
) -> None:
    async def main() -> None:
        calls: list[Any] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            calls.extend((receive, send))
            await receive()
            await send(message("accept"))
            if receives:
                await receive()

        link = Link(app, ws)
        link.ask()
        await turns()
        link.receive(frame(CLOSE, close_payload(1001)))
        link.end()
        await turns()
        assert link.transport.lost
        assert link.is_clean()
        receive, send = calls
        for _ in range(3):
            assert await receive() == {"type": "websocket.disconnect", **ending}
            with pytest.raises(ClientDisconnected):
                await send(message("send", text="x"))
            await send(message("close"))
        assert not link.transport.late

    in_virtual_time(main)
