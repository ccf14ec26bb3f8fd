"""The facade: every cell of the specifications, through send() and receive()."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from helpers.asgi import run, spec, spec_cells
from helpers.connections import (
    AFTER_CLOSE,
    AFTER_DISCONNECT,
    BODY,
    BYE,
    CONNECT,
    MORE,
    START,
    TEXT,
    accepted,
    connection,
    first_line,
    states,
)

from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    WebSocketDisconnect,
)
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message

MESSAGES: dict[str, Message] = {
    "websocket.http.response.body [more_body]": MORE,
    "websocket.http.response.body [not more_body]": BODY,
    "websocket.close": {"type": "websocket.close", "code": 4000, "reason": "done"},
    "websocket.disconnect": BYE,
}
"""The messages whose keys matter to the machines; any other is its type."""

WAYS: dict[str, list[Message]] = {
    "CONNECTING": [],
    "CONNECTED": [{"type": "websocket.accept"}],
    "RESPONSE": [START],
    "DISCONNECTED": [{"type": "websocket.close"}],
}
"""What to send to bring the application machine into each state."""


def message(event: str) -> Message:
    return {**MESSAGES.get(event, {"type": event})}


def sendable() -> Iterator[Any]:
    text = spec("application")
    for (state, event), after in spec_cells({s: text[s] for s in text["states"]}).items():
        if event != "transport lost":
            yield pytest.param(state, event, after, id=f"{state} {event}")


def receivable() -> Iterator[Any]:
    text = spec("client")
    for (state, event), after in spec_cells({s: text[s] for s in text["states"]}).items():
        yield pytest.param(state, event, after, id=f"{state} {event}")


class TestEveryCellThroughSend:
    @pytest.mark.parametrize(("state", "event", "after"), list(sendable()))
    def test_message_is_sent_or_refused_as_specified(
        self, state: str, event: str, after: str | None
    ) -> None:
        websocket, server = connection()
        for step in WAYS[state]:
            run(websocket.send(step))
        server.sent.clear()
        assert websocket.application_state.name == state

        if after is not None:
            run(websocket.send(message(event)))
            assert websocket.application_state.name == after
            assert server.sent == [message(event)]
            return
        with pytest.raises(IllegalTransition) as caught:
            run(websocket.send(message(event)))
        assert websocket.application_state.name == state
        assert server.sent == []
        assert (caught.value.machine, caught.value.state) == ("application", WebSocketState[state])
        assert caught.value.event == event
        assert isinstance(caught.value, ConnectionClosed) == (state == "DISCONNECTED")

    @pytest.mark.parametrize("state", WAYS)
    def test_unknown_message_is_refused_in_every_state(self, state: str) -> None:
        websocket, server = connection()
        for step in WAYS[state]:
            run(websocket.send(step))
        server.sent.clear()

        with pytest.raises(IllegalTransition) as caught:
            run(websocket.send({"type": "websocket.ping"}))

        assert caught.value.event == "websocket.ping"
        assert (websocket.application_state.name, server.sent) == (state, [])

    @pytest.mark.parametrize("state", ["CONNECTING", "CONNECTED", "RESPONSE"])
    def test_oserror_is_the_loss_of_the_transport_in_every_state(self, state: str) -> None:
        websocket, server = connection()
        for step in WAYS[state]:
            run(websocket.send(step))
        event = websocket._joint.application.events[0]
        server.failing = OSError("broken pipe")

        with pytest.raises(WebSocketDisconnect) as caught:
            run(websocket.send(message(str(event))))

        assert (caught.value.code, caught.value.reason) == (1006, "")
        assert caught.value.__cause__ is server.failing
        assert states(websocket) == ("DISCONNECTED", "DISCONNECTED")

    @pytest.mark.parametrize(
        ("state", "sentence"),
        [
            (
                "CONNECTING",
                (
                    """Expected ASGI message "websocket.accept", "websocket.close" or """
                    """"websocket.http.response.start", but got 'x'"""
                ),
            ),
            (
                "CONNECTED",
                'Expected ASGI message "websocket.send" or "websocket.close", but got \'x\'',
            ),
            ("RESPONSE", "Expected ASGI message \"websocket.http.response.body\", but got 'x'"),
            ("DISCONNECTED", AFTER_CLOSE),
        ],
    )
    def test_refused_send_has_starlettes_text_then_the_state(
        self, state: str, sentence: str
    ) -> None:
        websocket, _ = connection()
        for step in WAYS[state]:
            run(websocket.send(step))

        with pytest.raises(RuntimeError) as caught:
            run(websocket.send({"type": "x"}))

        first, second = str(caught.value).split("\n")
        assert first == sentence
        assert second.startswith(f"The client is CONNECTING and the application is {state}; ")

    def test_refused_send_names_the_allowed_messages_in_its_second_line(self) -> None:
        websocket, _ = accepted()

        with pytest.raises(IllegalTransition) as caught:
            run(websocket.accept())

        assert caught.value.allowed == ("websocket.send", "websocket.close")
        assert str(caught.value).split("\n")[1] == (
            "The client is CONNECTED and the application is CONNECTED; "
            "allowed now: websocket.send, websocket.close."
        )


class TestEveryCellThroughReceive:
    WAYS: ClassVar[dict[str, list[Message]]] = {
        "CONNECTING": [],
        "CONNECTED": [CONNECT],
        "DISCONNECTED": [CONNECT, BYE],
    }

    @pytest.mark.parametrize(("state", "event", "after"), list(receivable()))
    def test_message_is_received_or_refused_as_specified(
        self, state: str, event: str, after: str | None
    ) -> None:
        websocket, server = connection(*self.WAYS[state], message(event))
        for _ in self.WAYS[state]:
            run(websocket.receive())
        assert websocket.client_state.name == state

        if after is not None:
            assert run(websocket.receive()) == message(event)
            assert websocket.client_state.name == after
            return
        with pytest.raises(IllegalTransition) as caught:
            run(websocket.receive())
        assert websocket.client_state.name == state
        assert (caught.value.machine, caught.value.state) == ("client", WebSocketState[state])
        if state == "DISCONNECTED":
            assert first_line(caught.value) == AFTER_DISCONNECT
            assert server.incoming, "the server must not be asked any more"
        else:
            assert caught.value.event == event
            assert first_line(caught.value).endswith(f"but got {event!r}")

    @pytest.mark.parametrize(
        ("incoming", "sentence"),
        [
            ([], "Expected ASGI message \"websocket.connect\", but got 'x'"),
            (
                [CONNECT],
                (
                    'Expected ASGI message "websocket.receive" or "websocket.disconnect", '
                    "but got 'x'"
                ),
            ),
        ],
    )
    def test_refused_receive_has_starlettes_text_in_its_first_line(
        self, incoming: list[Message], sentence: str
    ) -> None:
        websocket, _ = connection(*incoming, {"type": "x"})
        for _ in incoming:
            run(websocket.receive())

        with pytest.raises(IllegalTransition) as caught:
            run(websocket.receive())

        assert first_line(caught.value) == sentence

    def test_error_of_the_server_propagates_and_changes_nothing(self) -> None:
        websocket, _ = accepted(OSError("broken"), TEXT)

        with pytest.raises(OSError, match="broken"):
            run(websocket.receive())
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        assert run(websocket.receive_text()) == "hello"
