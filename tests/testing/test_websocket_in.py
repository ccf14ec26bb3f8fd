"""A `WebSocket` in given states, for tests that need no application."""

import itertools
from typing import Any

import pytest
import starlette.websockets
from helpers.asgi import run

from wsfsm import ConnectionClosed, WebSocket, WebSocketDisconnected, WebSocketState
from wsfsm.testing import websocket_in
from wsfsm.types import Message

CLIENT = [WebSocketState.CONNECTING, WebSocketState.CONNECTED, WebSocketState.DISCONNECTED]
OPEN = (WebSocketState.CONNECTED, WebSocketState.CONNECTED)


@pytest.mark.parametrize(("client", "application"), [*itertools.product(CLIENT, WebSocketState)])
@pytest.mark.parametrize("kind", [WebSocket, starlette.websockets.WebSocket])
def test_it_is_in_these_states(
    client: WebSocketState, application: WebSocketState, kind: Any
) -> None:
    websocket = websocket_in(client, application, websocket_class=kind)

    assert type(websocket) is kind
    assert websocket.client_state.name == client.name
    assert websocket.application_state.name == application.name


def test_a_client_has_no_response() -> None:
    with pytest.raises(ValueError, match=r"no messages lead to WebSocketState\.RESPONSE and"):
        websocket_in(WebSocketState.RESPONSE, WebSocketState.CONNECTED)


def test_it_receives_and_sends() -> None:
    sent: list[Message] = []
    websocket = websocket_in(
        *OPEN, incoming=[{"type": "websocket.receive", "text": "x"}], sent=sent
    )

    assert run(websocket.receive_text()) == "x"
    run(websocket.send_text("y"))
    assert sent == [{"type": "websocket.send", "text": "y"}]
    with pytest.raises(AssertionError, match="'incoming' has no more messages"):
        run(websocket.receive_text())


def test_it_sends_without_a_list_too() -> None:
    run(websocket_in(*OPEN).send_text("y"))


def test_it_knows_how_it_ended() -> None:
    websocket = websocket_in(
        WebSocketState.DISCONNECTED, WebSocketState.CONNECTED, code=4000, reason="bye"
    )

    with pytest.raises(ConnectionClosed) as caught:
        run(websocket.send_text("x"))
    error = caught.value
    assert (error.code, error.reason, error.closed_by) == (4000, "bye", "client")


def test_a_closed_one_was_open_before() -> None:
    websocket = websocket_in(WebSocketState.CONNECTED, WebSocketState.DISCONNECTED)

    with pytest.raises(WebSocketDisconnected) as caught:
        run(websocket.receive_text())
    assert (caught.value.code, caught.value.closed_by) == (1000, "application")


def test_its_scope_can_have_other_keys() -> None:
    websocket = websocket_in(*OPEN, scope={"path": "/chat"})

    assert websocket.url.path == "/chat"


def test_a_class_that_waits_for_something_else_is_refused() -> None:
    class Waits(WebSocket):
        async def receive(self) -> Message:
            await Forever()
            raise AssertionError

    class Forever:
        def __await__(self) -> Any:
            yield

    with pytest.raises(RuntimeError, match="waits for something else"):
        websocket_in(*OPEN, websocket_class=Waits)
