"""The view of a connection as a whole, in every joint state that messages lead to."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest
from helpers.asgi import Server, run, scope
from helpers.connections import BODY, BYE, CONNECT, MORE, START, TEXT, accepted, connection

from wsfsm import IllegalTransition, ReadyState, WebSocket, WebSocketDisconnect, WebSocketState
from wsfsm.types import Message
from wsfsm.websockets._joint import PRODUCT, JointState

pytestmark = pytest.mark.one_python

SENT: Final[dict[str, Message]] = {
    "websocket.accept": {"type": "websocket.accept"},
    "websocket.close": {"type": "websocket.close", "code": 4000, "reason": "done"},
    "websocket.send": {"type": "websocket.send", "text": "x"},
    "websocket.http.response.start": START,
    "websocket.http.response.body [more_body]": MORE,
    "websocket.http.response.body [not more_body]": BODY,
}
"""All messages of an application, by the names of their events."""


@attrs.frozen
class View:
    """The view that is expected in a joint state.

    Attributes:
        way: The events that lead there: the client's messages that are received, the application's that
            are sent, the loss of the transport, and the disconnect that a reader has received ahead.
        ready_state: The state.
        can_send: Whether data can be sent.
        can_receive: Whether data can be received.
        end: Side, code and reason of the end; None if it has not ended.
    """

    way: str
    ready_state: str
    can_send: bool
    can_receive: bool
    end: tuple[str, int, str] | None


HERE = None
CLIENT = ("client", 4001, "bye")
CLOSED = ("application", 4000, "done")
LOST = ("transport", 1006, "")

# fmt: off
VIEWS: Final = [
    #    way                              ready_state   send   receive end
    View("",                              "connecting", False, False,  HERE),
    View("connect",                       "connecting", False, False,  HERE),
    View("accept",                        "open",       True,  True,   HERE),
    View("connect accept",                "open",       True,  True,   HERE),
    View("start",                         "denying",    False, False,  HERE),
    View("connect start",                 "denying",    False, False,  HERE),
    # the application has ended it, and the client has not answered
    View("close",                         "closing",    False, False,  CLOSED),
    View("connect close",                 "closing",    False, False,  CLOSED),
    # a send has failed
    View("lost",                          "lost",       False, False,  LOST),
    View("connect lost",                  "lost",       False, False,  LOST),
    View("connect disconnect lost",       "closed",     False, False,  CLIENT),
    # the client has left
    View("connect disconnect",            "closed",     False, False,  CLIENT),
    View("connect disconnect close",      "closed",     False, False,  CLIENT),
    View("connect accept disconnect",     "closed",     False, False,  CLIENT),
    View("connect start disconnect",      "closed",     False, False,  CLIENT),
    # the client has left, and what it sent before can still be received
    View("ahead",                         "closed",     False, False,  CLIENT),
    View("accept ahead",                  "closed",     False, True,   CLIENT),
    View("start ahead",                   "closed",     False, False,  CLIENT),
    View("close ahead",                   "closed",     False, False,  CLOSED),
    View("connect ahead",                 "closed",     False, False,  CLIENT),
    View("connect accept ahead",          "closed",     False, True,   CLIENT),
    View("connect start ahead",           "closed",     False, False,  CLIENT),
    View("connect close ahead",           "closed",     False, False,  CLOSED),
    View("connect ahead disconnect",        "closed",   False, False,  CLIENT),
    View("connect accept ahead disconnect", "closed",   False, False,  CLIENT),
    View("connect start ahead disconnect",  "closed",   False, False,  CLIENT),
    View("connect close ahead disconnect",  "closed",   False, False,  CLOSED),
]
# fmt: on
EACH = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.way or "new")


class Hooked(WebSocket):
    """A class with hooks, whose connections go through joint states of their own."""

    async def receive(self) -> Message:
        return await super().receive()

    async def send(self, message: Message) -> None:
        await super().send(message)

    def _raise_on_disconnect(self, message: Message) -> None:
        super()._raise_on_disconnect(message)


CLASSES = pytest.mark.parametrize("kind", [WebSocket, Hooked])


def reach(way: str, kind: type[WebSocket] = WebSocket) -> tuple[WebSocket, Server]:
    """Make a connection, and make events happen to it."""
    server = Server()
    websocket = kind(scope(path="/room"), server.receive, server.send)
    for event in way.split():
        match event:
            case "connect" | "disconnect":
                server.incoming.append(CONNECT if event == "connect" else BYE)
                run(websocket.receive())
            case "lost":
                with pytest.raises(WebSocketDisconnect):
                    websocket._takes_loss(OSError(), "websocket.send")
            case "ahead":
                websocket._read_ahead(BYE)
            case "start":
                run(websocket.send(START))
            case _:
                run(websocket.send(SENT[f"websocket.{event}"]))
    server.sent.clear()
    return websocket, server


def reachable() -> Iterator[JointState]:
    """Every joint state that events lead to."""
    seen = {PRODUCT.initial}
    waiting = deque(seen)
    while waiting:
        joint = waiting.popleft()
        yield joint
        for moves in (joint.on_receive, joint.on_send, joint.on_event):
            new = {*moves.values()} - seen
            seen |= new
            waiting += new


def test_every_joint_state_is_in_the_table_once() -> None:
    listed = [reach(view.way)[0]._joint for view in VIEWS]

    assert len(listed) == len({*listed})
    assert {*listed} == {*reachable()}


@EACH
@CLASSES
def test_it_is_as_in_the_table(view: View, kind: type[WebSocket]) -> None:
    websocket, _ = reach(view.way, kind)

    assert websocket.ready_state is ReadyState(view.ready_state)
    assert websocket.ready_state == view.ready_state
    assert websocket.is_open == (view.ready_state == "open")
    assert (websocket.can_send, websocket.can_receive) == (view.can_send, view.can_receive)
    end = (websocket.closed_by, websocket.close_code, websocket.close_reason)
    assert end == (view.end or (None, None, None))


@EACH
@CLASSES
@pytest.mark.parametrize("call", ["send_text", "send_bytes", "send_json"])
def test_can_send_is_whether_data_is_sent(view: View, kind: type[WebSocket], call: str) -> None:
    websocket, server = reach(view.way, kind)
    data = b"x" if call == "send_bytes" else "x"

    if websocket.can_send:
        run(getattr(websocket, call)(data))
    else:
        with pytest.raises(IllegalTransition):
            run(getattr(websocket, call)(data))

    assert len(server.sent) == view.can_send


@EACH
@CLASSES
@pytest.mark.parametrize("call", ["receive_text", "receive_bytes", "receive_json", "receive_data"])
def test_can_receive_is_whether_the_server_is_asked(
    view: View, kind: type[WebSocket], call: str
) -> None:
    websocket, server = reach(view.way, kind)
    asked = RuntimeError("the server was asked")
    server.incoming = [asked]

    with pytest.raises(RuntimeError) as caught:
        run(getattr(websocket, call)())

    assert (caught.value is asked) == view.can_receive == websocket.can_receive
    assert isinstance(caught.value, IllegalTransition) != view.can_receive


@EACH
@CLASSES
@pytest.mark.parametrize("event", SENT)
def test_allowed_are_the_messages_that_are_not_refused(
    view: View, kind: type[WebSocket], event: str
) -> None:
    websocket, server = reach(view.way, kind)

    if event in websocket.allowed:
        run(websocket.send(SENT[event]))
        # nothing is passed on to a client that has left
        assert len(server.sent) == (view.ready_state != "closed")
    else:
        with pytest.raises(IllegalTransition) as caught:
            run(websocket.send(SENT[event]))
        assert caught.value.allowed == websocket.allowed
        assert server.sent == []
    assert {*websocket.allowed} <= SENT.keys()


@EACH
def test_closed_by_is_none_until_the_connection_is_over(view: View) -> None:
    websocket, _ = reach(view.way)
    states = {websocket.client_state, websocket.application_state}

    assert (websocket.closed_by is not None) == (WebSocketState.DISCONNECTED in states)
    assert (view.end is not None) == (view.ready_state in {"closing", "closed", "lost"})


@EACH
def test_repr_shows_the_view_and_both_states(view: View) -> None:
    websocket, _ = reach(view.way)
    text = repr(websocket)

    assert text.startswith(f"<WebSocket '/room' {view.ready_state}")
    states = (websocket.client_state.name, websocket.application_state.name)
    assert text.endswith("; The client is {} and the application is {}>".format(*states))
    if view.end is not None:
        by, code, reason = view.end
        more = f" {reason!r}" if reason else ""
        assert f" with code {code}{more}, ended by the {by};" in text
    else:
        assert "code" not in text


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (
            "connect accept",
            "<Hooked '/room' open; The client is CONNECTED and the application is CONNECTED>",
        ),
        (
            "connect accept disconnect",
            (
                "<Hooked '/room' closed with code 4001 'bye', ended by the client; "
                "The client is DISCONNECTED and the application is CONNECTED>"
            ),
        ),
        (
            "connect lost",
            (
                "<Hooked '/room' lost with code 1006, ended by the transport; "
                "The client is DISCONNECTED and the application is DISCONNECTED>"
            ),
        ),
    ],
    ids=["open", "closed", "lost"],
)
def test_repr_is_one_line_with_the_name_of_the_class(way: str, text: str) -> None:
    assert repr(reach(way, Hooked)[0]) == text


class TestEnds:
    def test_the_disconnect_after_the_applications_close_changes_nothing(self) -> None:
        websocket, _ = accepted(BYE)
        run(websocket.close(4000, "done"))
        assert str(websocket.ready_state) == "closing"

        run(websocket.receive())

        assert str(websocket.ready_state) == "closed"
        assert (websocket.closed_by, websocket.close_code) == ("application", 4000)
        assert websocket.close_reason == "done"

    def test_a_denial_response_ends_without_a_code(self) -> None:
        websocket, _ = connection(CONNECT)
        run(websocket.send(START))
        run(websocket.send(MORE))
        assert (websocket.ready_state, websocket.closed_by) == ("denying", None)

        run(websocket.send(BODY))

        assert str(websocket.ready_state) == "closing"
        end = websocket.closed_by, websocket.close_code, websocket.close_reason
        assert end == ("application", 1006, "")

    def test_the_real_code_replaces_that_of_a_failed_send(self) -> None:
        websocket, server = accepted(TEXT, BYE)
        server.failing = OSError("broken pipe")
        with pytest.raises(WebSocketDisconnect):
            run(websocket.send_text("x"))
        assert str(websocket.ready_state) == "lost"
        assert (websocket.closed_by, websocket.close_code) == ("transport", 1006)

        assert run(websocket.receive()) == TEXT
        assert str(websocket.ready_state) == "lost"
        run(websocket.receive())

        assert str(websocket.ready_state) == "closed"
        end = websocket.closed_by, websocket.close_code, websocket.close_reason
        assert end == ("client", 4001, "bye")

    def test_a_disconnect_that_confirms_a_failed_send_keeps_the_transport(self) -> None:
        websocket, server = accepted({"type": "websocket.disconnect", "code": 1006})
        server.failing = OSError("broken pipe")
        with pytest.raises(WebSocketDisconnect):
            run(websocket.send_text("x"))

        run(websocket.receive())

        assert (websocket.closed_by, websocket.close_code) == ("transport", 1006)

    @pytest.mark.parametrize(
        ("keys", "code", "reason"),
        [({}, 1005, ""), ({"code": None, "reason": None}, 1005, ""), ({"code": 1001}, 1001, "")],
    )
    def test_code_and_reason_are_never_none_after_the_end(
        self, keys: dict[str, Any], code: int, reason: str
    ) -> None:
        websocket, _ = accepted({"type": "websocket.disconnect", **keys})
        run(websocket.receive())

        assert (websocket.close_code, websocket.close_reason) == (code, reason)


class TestOfTestDoubles:
    @pytest.mark.parametrize("client", ["CONNECTING", "CONNECTED", "DISCONNECTED"])
    @pytest.mark.parametrize("application", ["CONNECTING", "CONNECTED", "RESPONSE", "DISCONNECTED"])
    def test_states_that_are_set_have_an_end_exactly_if_they_are_over(
        self, client: str, application: str
    ) -> None:
        websocket, _ = connection()
        websocket.client_state = WebSocketState[client]
        websocket.application_state = WebSocketState[application]

        over = "DISCONNECTED" in {client, application}
        assert (websocket.closed_by is None, websocket.close_code) == (
            (False, 1006) if over else (True, None)
        )
        assert websocket.can_send == (application == "CONNECTED" and not over)
        assert websocket.ready_state in ReadyState
        assert websocket.ready_state in repr(websocket)

    def test_an_object_without_init_has_the_view_of_a_new_connection(self) -> None:
        websocket = WebSocket.__new__(WebSocket)

        assert (websocket.ready_state, websocket.is_open) == ("connecting", False)
        assert (websocket.can_send, websocket.can_receive) == (False, False)
        assert websocket.allowed == connection()[0].allowed
        assert (websocket.closed_by, websocket.close_code, websocket.close_reason) == (None,) * 3
        assert repr(websocket) == (
            "<WebSocket '' connecting; The client is CONNECTING and the application is CONNECTING>"
        )
