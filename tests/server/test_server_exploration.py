"""All that can happen to a server: every situation there is, and random walks with random data."""

from typing import Any

import attrs
import pytest
from helpers.server_model import POLICIES, World
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from wsfsm.exceptions import IllegalTransition
from wsfsm.fsm import Machine, Row
from wsfsm.server import Policies, ServerState
from wsfsm.server import _connection as server
from wsfsm.tables import SERVER, events
from wsfsm.tables import Output as Out

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

CHOICES: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "uvicorn's": {"on_return": "drop", "on_exception": "drop", "denial": "flush"},
    "mixed": {"on_return": "drop", "on_exception": "drop", "handshake_timeout": 1.0},
    "no pongs": {"denial": "flush", "ping_timeout": None, "handshake_timeout": 1.0},
    "no pings": {"ping_interval": None},
}
Taken = set[tuple[ServerState, str]]


def explore(choices: dict[str, Any]) -> Taken:
    """Do whatever can be done, wherever it leads; the rows that were taken."""
    first = World(Policies(**(POLICIES | choices)))
    taken: Taken = set()
    known, ahead = {first.key()}, [first]
    while ahead:
        world = ahead.pop()
        for event, act in world.actions():
            after = world.copy()
            if event is not None:
                taken.add((world.connection.state, str(event)))
            act(after)
            if after.told <= 2 and after.key() not in known:
                known.add(after.key())
                ahead.append(after)
    return taken


@pytest.mark.long
def test_exploration_finds_no_fault_and_reaches_every_row() -> None:
    rows = {(row.source, str(row.event)) for row in SERVER.table.rows}
    taken = set[tuple[ServerState, str]]().union(*map(explore, CHOICES.values()))

    assert rows <= taken
    # an event outside the table is a mistake of the application, which got an error
    assert all(event.startswith(("websocket.", "malformed")) for _, event in taken - rows)


def changed(state: str, event: str, *outputs: Out, to: str | None = None) -> Machine[ServerState]:
    """The server machine with one row that gives out something else, or leads elsewhere."""

    def change(row: Row[ServerState]) -> Row[ServerState]:
        if (row.source.name, str(row.event)) != (state, event):
            return row
        after = ServerState[to] if to else row.target
        return attrs.evolve(row, outputs=outputs, target=after)

    rows = tuple(map(change, SERVER.table.rows))
    assert rows != SERVER.table.rows
    return Machine(attrs.evolve(SERVER.table, rows=rows))


def without(state: str, event: str) -> Machine[ServerState]:
    """The server machine without a row."""
    rows = tuple(r for r in SERVER.table.rows if (r.source.name, str(r.event)) != (state, event))
    assert rows != SERVER.table.rows
    return Machine(attrs.evolve(SERVER.table, rows=rows))


LEAVE = (Out.DISCONNECT, Out.CLOSE_TRANSPORT, Out.START_CLOSE_TIMER)
QUIET = (Out.STOP_PING_TIMER, Out.STOP_PONG_TIMER)
ANSWERED = Out.STOP_HANDSHAKE_TIMER

BROKEN = {
    "whoever receives waits for ever": changed(
        "OPEN", "websocket.close", *QUIET, Out.CLOSE_AS_ASKED, Out.START_CLOSE_TIMER
    ),
    "a second Close": changed(
        "OPEN", "close frame", *QUIET, Out.CLOSE_ECHO, Out.CLOSE_ECHO, *LEAVE
    ),
    "a second head": changed("CONNECTING", "websocket.close", Out.SEND_403, Out.SEND_403, *LEAVE),
    "a frame without a 101": changed(
        "CONNECTING", "websocket.close", ANSWERED, Out.CLOSE_AS_ASKED, *LEAVE
    ),
    "it was taken after the end": changed("CLOSING", "websocket.send", Out.SEND_DATA),
    "a body without a head": changed("DENIAL_HELD", str(events.BODY_MORE), Out.SEND_BODY),
    "it waits for ever": changed("OPEN", "shutdown", *QUIET, Out.CLOSE_SHUTDOWN, Out.DISCONNECT),
    "it never ends": changed("CLOSING", "close timeout [idle]"),
    "a timer runs on": changed("DRAINING", "transport lost"),
    "runs already": changed("OPEN", "pong frame [not awaited]", Out.START_PING_TIMER),
    "it is not kept alive": changed("OPEN", "pong frame [awaited]", Out.STOP_PONG_TIMER),
    "after the end of the transport": changed("DRAINING", "ping frame", Out.SEND_PONG),
    "it may still send": changed("OPEN", "websocket.send", Out.RAISE_GONE),
    "a message is lost": changed("UNREAD", "data message"),
    "there is nothing to close": changed("CLOSING", "websocket.close", Out.ABORT_TRANSPORT),
    "something is written to what is gone": changed("UNREAD", "ping frame", Out.SEND_PONG),
    "the code has changed": changed("UNREAD", "close frame", Out.DISCONNECT),
    "refuses 'end of stream'": without("OPEN", "end of stream"),
    "what is legal is refused": without("CONNECTING", "websocket.close"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_table_is_noticed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SERVER", BROKEN[text])
    columns = {event: server._Column(event) for event in SERVER.table.events}
    monkeypatch.setattr(server, "_COLUMNS", columns)
    for name, value in list(vars(server).items()):
        if isinstance(value, server._Column):
            monkeypatch.setattr(server, name, columns[value.event])

    with pytest.raises((AssertionError, IllegalTransition), match=text):
        list(map(explore, CHOICES.values()))


HEADER_BYTES = st.sampled_from([b"x-a", b"X-B", b"a\r\nb", b":path", b"1", b"", b" ", b"upgrade"])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([200, 403, 101, 1000, 1005, 3000, 4999]),
    st.text(max_size=130),
    st.binary(max_size=130),
    st.lists(st.tuples(HEADER_BYTES, HEADER_BYTES), max_size=2),
)
TYPES = ("accept", "send", "close", "http.response.start", "http.response.body", "receive", "no")
KEYS = ("text", "bytes", "code", "reason", "subprotocol", "headers", "status", "body", "more_body")
ANYTHING = st.one_of(
    VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES),
    st.tuples(
        st.sampled_from([f"websocket.{name}" for name in TYPES]),
        st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
    ).map(lambda pair: {"type": pair[0]} | pair[1]),
)


class Walk(RuleBasedStateMachine):
    """A walk through what can happen, with messages of all kinds."""

    @initialize(name=st.sampled_from(sorted(CHOICES)))
    def begin(self, name: str) -> None:
        self.world = World(Policies(**CHOICES[name]))

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        actions = list(self.world.actions())
        _, act = actions[data.draw(st.integers(0, len(actions) - 1))]
        act(self.world)

    @rule(message=ANYTHING)
    def send(self, message: Any) -> None:
        if self.world.running and not self.world.broken:
            self.world.send_anything(message)

    @rule(payload=st.one_of(st.text(), st.binary(max_size=70_000)))
    def receive(self, payload: str | bytes) -> None:
        if self.world.comes == "frames" and not (self.world.lost or self.world.broken):
            self.world.receive(payload)


Walk.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestWalk = Walk.TestCase
