"""The facade: the object, its states, its subclasses."""

import copy
import sys
import weakref
from typing import Any
from unittest import mock

import pytest
import starlette.websockets
from helpers.asgi import Server, run, scope
from helpers.connections import CONNECT, NEED_ACCEPT, TEXT, accepted, connection, left, states

from wsfsm.exceptions import (
    ConnectionClosed,
    IllegalTransition,
    WebSocketDisconnected,
)
from wsfsm.requests import HTTPConnection
from wsfsm.tables import APPLICATION
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message
from wsfsm.websockets import WebSocket


class TestStates:
    def test_states_are_connecting_at_first(self) -> None:
        assert states(connection()[0]) == ("CONNECTING", "CONNECTING")

    @pytest.mark.parametrize("state", WebSocketState)
    def test_allowed_lists_the_messages_that_the_table_allows(self, state: WebSocketState) -> None:
        websocket, _ = accepted()
        websocket.application_state = state

        assert websocket.allowed == APPLICATION.nodes[state].allowed
        assert "transport lost" not in websocket.allowed  # it is not a message

    def test_allowed_has_only_close_after_the_disconnect(self) -> None:
        websocket, _ = left()

        assert websocket.allowed == ("websocket.close",)

    def test_states_have_starlettes_values(self) -> None:
        theirs = starlette.websockets.WebSocketState

        assert {s.name: s.value for s in WebSocketState} == {s.name: s.value for s in theirs}

    @pytest.mark.parametrize(
        "state", [s for s in WebSocketState if s is not WebSocketState.RESPONSE]
    )
    def test_client_state_can_be_set(self, state: WebSocketState) -> None:
        websocket, _ = accepted()

        websocket.client_state = state

        assert websocket.client_state is state
        assert websocket.application_state is WebSocketState.CONNECTED

    @pytest.mark.parametrize("state", WebSocketState)
    def test_application_state_can_be_set(self, state: WebSocketState) -> None:
        websocket, _ = accepted()

        websocket.application_state = state

        assert websocket.application_state is state
        assert websocket.client_state is WebSocketState.CONNECTED

    def test_state_that_was_set_decides(self) -> None:
        websocket, server = connection(TEXT)
        websocket.client_state = websocket.application_state = WebSocketState.CONNECTED

        assert run(websocket.receive_text()) == "hello"
        run(websocket.close())
        websocket.application_state = WebSocketState.CONNECTED
        run(websocket.send_text("again"))
        assert len(server.sent) == 2

    @pytest.mark.parametrize(
        ("attribute", "closed_by"),
        [("client_state", "client"), ("application_state", "application")],
    )
    def test_connection_set_to_disconnected_is_over(self, attribute: str, closed_by: str) -> None:
        websocket, server = accepted()
        setattr(websocket, attribute, WebSocketState.DISCONNECTED)

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.send_text("x"))
        assert (caught.value.code, caught.value.closed_by) == (1006, closed_by)
        assert server.sent == []

    @pytest.mark.parametrize("attribute", ["client_state", "application_state"])
    def test_mock_of_a_state_is_undone(self, attribute: str) -> None:
        websocket, server = accepted()

        with (
            mock.patch.object(websocket, attribute, WebSocketState.CONNECTING),
            mock.patch.object(websocket, attribute, WebSocketState.DISCONNECTED),
        ):
            assert getattr(websocket, attribute) is WebSocketState.DISCONNECTED
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        run(websocket.send_text("x"))
        assert len(server.sent) == 1
        with pytest.raises(AttributeError, match="was not set on this instance"):
            delattr(websocket, attribute)

    def test_mock_of_a_state_is_undone_after_the_end_of_the_connection(self) -> None:
        websocket, _ = left(code=4001)

        with mock.patch.object(websocket, "client_state", WebSocketState.DISCONNECTED):
            pass

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.send_text("x"))
        assert (caught.value.code, caught.value.closed_by) == (4001, "client")

    def test_subclass_can_set_the_states_without_calling_init(self) -> None:
        class Double(WebSocket):
            def __init__(self) -> None:
                self.client_state = WebSocketState.CONNECTED
                self.application_state = WebSocketState.CONNECTED
                self.out: list[Message] = []

            async def send(self, message: Message) -> None:
                self.out.append(message)

        double = Double()
        run(double.send_text("x"))

        assert double.out == [{"type": "websocket.send", "text": "x"}]

    @pytest.mark.parametrize(
        ("attribute", "junk"),
        [
            ("client_state", WebSocketState.RESPONSE),
            ("client_state", "CONNECTED"),
            ("application_state", 1),
        ],
    )
    def test_value_that_is_not_a_state_is_refused(self, attribute: str, junk: Any) -> None:
        websocket, _ = accepted()

        with pytest.raises(ValueError, match=f"{attribute} must be one of .*, got {junk!r}"):
            setattr(websocket, attribute, junk)
        assert states(websocket) == ("CONNECTED", "CONNECTED")


class TestSubclass:
    def test_method_of_the_class_calls_an_overridden_send(self) -> None:
        seen: list[str] = []

        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                seen.append(message["type"])
                await super().send(message)

            async def send_text(self, data: str, timeout: float | None = None) -> None:
                await super().send_text(data.upper())

        class Grandchild(Hooked):
            pass

        server = Server([CONNECT])
        websocket = Grandchild(scope(), server.receive, server.send)
        run(websocket.accept())
        run(websocket.send_text("x"))

        assert seen == ["websocket.accept", "websocket.send"]
        assert server.sent[-1]["text"] == "X"

    def test_refusals_are_the_same_with_an_override(self) -> None:
        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                await super().send(message)

        server = Server()
        websocket = Hooked(scope(), server.receive, server.send)

        with pytest.raises(WebSocketDisconnected, match=NEED_ACCEPT):
            run(websocket.receive_text())
        with pytest.raises(IllegalTransition):
            run(websocket.send_text("x"))
        with pytest.raises(TypeError):
            run(websocket.send_text(b"x"))  # type: ignore[arg-type]  # the point of the test


class TestObject:
    @pytest.mark.parametrize("kind", [{"type": "http"}, {"type": "lifespan"}, {"type": None}, {}])
    def test_scope_of_another_type_is_refused(self, kind: Any) -> None:
        server = Server()
        expected = f"needs a scope of type 'websocket', got {kind.get('type')!r}"

        with pytest.raises(ValueError, match=expected):
            WebSocket(kind, server.receive, server.send)

    def test_websocket_is_a_mapping_over_its_scope_and_equals_only_itself(self) -> None:
        (one, _), (other, _) = connection(), connection()

        assert isinstance(one, HTTPConnection)
        assert one["path"] == "/"
        assert dict(one) == dict(other)
        assert one != other
        assert len({one, other}) == 2

    def test_websocket_takes_attributes_and_weak_references(self) -> None:
        websocket, _ = connection()
        websocket.user_id = 5  # type: ignore[attr-defined]  # what applications do

        assert websocket.user_id == 5  # type: ignore[attr-defined]  # as above
        assert weakref.ref(websocket)() is websocket

    def test_copy_is_independent(self) -> None:
        websocket, _ = accepted()
        twin = copy.copy(websocket)

        run(twin.close())

        assert websocket.application_state is WebSocketState.CONNECTED

    def test_deep_copy_has_the_same_state(self) -> None:
        websocket, _ = accepted()

        assert states(copy.deepcopy(websocket)) == ("CONNECTED", "CONNECTED")

    def test_websocket_is_smaller_than_starlettes(self) -> None:
        server = Server()
        ours = WebSocket(scope(), server.receive, server.send)
        theirs = starlette.websockets.WebSocket(scope(), server.receive, server.send)

        assert sys.getsizeof(ours) < sys.getsizeof(theirs) + sys.getsizeof(vars(theirs))
