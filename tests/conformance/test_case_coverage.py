"""The cases leave out no cell of the machines' matrices."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from helpers.asgi import spec

from wsfsm.conformance import Case, Step, load_folder
from wsfsm.conformance.server._client import HEADERS, frames
from wsfsm.conformance.values import message, value
from wsfsm.exceptions import MalformedMessage
from wsfsm.messages import from_message
from wsfsm.server import Policies
from wsfsm.server._handshake import BadHandshake, read_handshake

pytestmark = pytest.mark.unmeasured

Cell = tuple[str, str]

CASES = load_folder("server")
FACADE_CASES = load_folder("facade")
APPLICATION, CLIENT, SERVER = spec("application"), spec("client"), spec("server")
LOST = "transport lost"
UNREAD = "transport lost [unread data]"


def cells(spec: dict[str, Any], *, refused: bool) -> list[Cell]:
    return [
        (state, event)
        for state in spec["states"]
        for event in spec["events"]
        if spec[state][event].get("refused", False) is refused
    ]


def name_of(sent: Mapping[str, Any]) -> str:
    """The event of the application's machine that a message is, if it is one."""
    name = str(sent.get("type", ""))
    if name == "websocket.http.response.body":
        return f"{name} [{'' if sent.get('more_body') else 'not '}more_body]"
    return name


def through(machine: dict[str, Any], events: Iterable[str]) -> Iterator[Cell]:
    """The cells that events come through; those of another machine are passed over."""
    state = machine["initial"]
    for event in events:
        if not event:
            state = machine["initial"]
        elif event in machine["events"]:
            yield state, event
            state = machine[state][event].get("next", state)


# ---------------------------------------------------------------- what applications send


def sends_of(case: Case) -> Iterator[str]:
    """The events of the application's machine in a case about servers; "" begins anew."""
    for step in case.steps:
        match step.side, step.action:
            case "client", "request":
                yield ""
            case "client", "fin" | "reset":
                yield LOST
            case "app", "send":
                yield name_of(message(step.arguments["message"]))


@pytest.mark.parametrize("refused", [False, True])
def test_applications_send_every_event_in_every_state(refused: bool) -> None:
    played = {cell for case in CASES for cell in through(APPLICATION, sends_of(case))}
    left_out = [cell for cell in cells(APPLICATION, refused=refused) if cell not in played]
    assert left_out == []


# ---------------------------------------------------------------- what applications receive


def receives_of(case: Case) -> Iterator[tuple[str, Step]]:
    """What a case receives, and in which state of the client's machine."""
    state = CLIENT["initial"]
    for step in case.steps:
        if (step.side, step.action) == ("client", "request"):
            state = CLIENT["initial"]
        if (step.side, step.action) == ("app", "receive"):
            yield state, step
            for event in CLIENT["events"]:
                if (step.need or step.expect) and not wrong(step, event):
                    state = CLIENT[state][event].get("next", state)
                    break


def wrong(step: Step, event: str) -> bool:
    """Whether it is none of the messages that a step asks for."""
    types = [pattern.get("message", {}).get("type") for pattern in (*step.need, *step.expect)]
    return event not in types


def test_every_allowed_message_is_expected_by_a_case() -> None:
    asked = {
        (state, event)
        for case in CASES
        for state, step in receives_of(case)
        for event in CLIENT["events"]
        if step.expect and not wrong(step, event)
    }
    assert [cell for cell in cells(CLIENT, refused=False) if cell not in asked] == []


def test_every_forbidden_message_fails_a_case() -> None:
    caught = {
        (state, event)
        for case in CASES
        for state, step in receives_of(case)
        for event in CLIENT["events"]
        if case.level == "must" and step.expect and wrong(step, event)
    }
    assert [cell for cell in cells(CLIENT, refused=True) if cell not in caught] == [
        ("DISCONNECTED", "websocket.disconnect")  # the text does not say that it comes once
    ]


# ---------------------------------------------------------------- what happens to servers

EARLY = ("early data [within the limit]", "early data [beyond the limit]")
REQUESTS = ("handshake request", "bad handshake request")
FRAMES = ("data message", "ping frame", "pong frame [not awaited]", "close frame", "protocol error")
MESSAGES = [e for e in SERVER["events"] if e.startswith("websocket.") or e == "malformed message"]

HELD = [
    *cells(SERVER, refused=False),
    *(cell for cell in cells(SERVER, refused=True) if cell[1] in MESSAGES),
]
"""What may happen, and what an application does wrong; nothing else has the name of an event."""

TIMED: Mapping[Cell, str] = {
    ("CONNECTING", "handshake timeout"): "connect.unanswered",
    ("OPEN", "ping due [pong expected]"): "keepalive.ping",
    ("OPEN", "pong frame [awaited]"): "keepalive.pong",
    ("OPEN", "pong timeout [idle]"): "keepalive.no-pong",
    ("OPEN", "pong timeout [sending]"): "keepalive.slow-client",
    ("OPEN", "pong timeout [receiving]"): "keepalive.long-frame",
    ("CLOSING", "close timeout [idle]"): "close.unanswered",
    ("CLOSING", "close timeout [sending]"): "flow.sent-before-close",
    ("CLOSING", "close timeout [receiving]"): "close.inside-a-frame",
    ("DENIAL_HELD", "shutdown timeout"): "shutdown.denying",
    ("DENIAL_STREAMING", "shutdown timeout"): "shutdown.streaming",
    ("CLOSING", "shutdown timeout"): "shutdown.unanswered",
}
"""What comes of time alone: the case that waits for it."""

NOT_BROUGHT_ABOUT: Mapping[Cell, str] = {
    ("OPEN", "ping due [no pong expected]"): "whether a Pong is waited for is configured",
    **{
        cell: "the transport is closed already: nobody sees when it is dropped"
        for cell in HELD
        if cell[0] == "DRAINING" and "timeout" in cell[1]
    },
    **dict.fromkeys(
        product(["CLOSING", "DRAINING"], [UNREAD]), "what comes is discarded at once: nothing waits"
    ),
    **{cell: "no case makes a server fail" for cell in HELD if cell[1].startswith("server failed")},
    ("DRAINING", EARLY[1]): "what comes is discarded, and not held: there is no limit",
    **dict.fromkeys(product(["DRAINING"], REQUESTS), "a client that asks again connects again"),
    **dict.fromkeys(
        product(["CLOSED"], [*REQUESTS, *EARLY, *FRAMES, "end of stream"]),
        "from a client that is gone nothing comes",
    ),
    **dict.fromkeys(product(["IDLE"], MESSAGES), "no application runs"),
}
"""The cells that no client and no application can bring about: why not."""


class Way:
    """The way of a case through the server's machine.

    Where a server has the choice, to hold the head of a denial or to flush it, to close or to drop
    when the application has ended, the way goes on by the first; the other counts all the same.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._state: str = SERVER["initial"]
        self._accepted = False
        self._compressed = False  # permessage-deflate is agreed to
        self._inside = False  # of a message in fragments
        self._early = 0  # bytes before the accept
        self._unread = 0  # bytes that the application has not received
        self._waiting: list[str] = []  # events behind more of them than a server reads

    def cells(self, step: Step) -> Iterator[Cell]:
        """The cells that a step comes through."""
        for names in self._events(step):
            yield from ((self._state, name) for name in names)
            before, self._state = self._state, next_state(self._state, names[0])
            self._accepted |= before != self._state == "OPEN"

    def _events(self, step: Step) -> Iterator[list[str]]:
        """What a step brings about; with more than one name where the server chooses."""
        if (step.side, step.action) == ("app", "send") and self._state != "IDLE":
            yield sent_as(message(step.arguments["message"]))
        if (step.side, step.action) == ("client", "request"):
            self._begin()
            self._compressed = "permessage-deflate" in str(step.arguments)
            yield from asked_by(step.arguments)
        if step.side == "client":
            yield from self._read(step.arguments.get("frames", []), step.arguments.get("times", 1))
        if (step.side, step.action) == ("client", "reset") and self._unread > Policies().high_water:
            yield [UNREAD]
            return
        if (step.side, step.action) in {("app", "receive"), ("app", "receive all")}:
            yield from self._received(step.action)
        # a client that has read the end closes its socket
        if step.action != "end" or step.need or step.expect:
            yield from SIMPLE.get((step.side, step.action), [])

    def _received(self, action: str) -> Iterator[list[str]]:
        taken = len(self._waiting) if action == "receive all" else 1
        waiting, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._unread = len(self._waiting) and self._unread
        if self._state in {"OPEN", "UNREAD"}:
            yield from ([name] for name in waiting)
        if action == "receive all" and self._state == "UNREAD":
            yield ["end of stream"]

    def _read(self, tables: list[dict[str, Any]], times: int) -> Iterator[list[str]]:
        if self._accepted:
            sizes = [len(frames([table])) for table in tables]
            for table, size in list(zip(tables, sizes, strict=True)) * times:
                name = self._name_of(table)
                if name and self._unread > Policies().high_water:
                    self._waiting.append(name)
                elif name:
                    yield [name]
                self._unread += size
        elif tables:
            self._early += len(frames(tables))
            yield [EARLY[self._early > Policies().max_early_data]]

    def _name_of(self, table: dict[str, Any]) -> str:
        """The event that a frame is, or "" for one that more are to follow."""
        kind = next(iter(table))
        final = table.get("fin", True)
        known = {kind, "fin", "reason"}
        if self._compressed and kind in {"text", "binary"}:
            known.add("rsv")
        if kind == "opcode" or {*table} - known:
            return "protocol error"  # a reserved one, or wrong in its form
        if kind in {"ping", "pong", "close"}:
            long = kind != "close" and len(value(table[kind])) > 125
            wrong = long or not final or table[kind] == 1005
            return "protocol error" if wrong else CONTROL[kind]
        if self._inside != (kind == "continuation") or table[kind] in NO_TEXTS:
            return "protocol error"
        self._inside = not final
        return "data message" if final else ""


SIMPLE: Mapping[tuple[str, str], list[list[str]]] = {
    ("client", "fin"): [["end of stream"]],
    ("client", "reset"): [[LOST]],
    ("client", "end"): [[LOST]],
    ("server", "stop"): [["shutdown"]],
    ("app", "return"): [["application returned [close]", "application returned [drop]"]],
    ("app", "raise"): [["application raised [close]", "application raised [drop]"]],
    ("app", "raise again"): [["application raised [ClientDisconnected]"]],
}
NO_TEXTS = [{"hex": "ff"}, {"hex": "fa0f00"}, {"hex": "ffffff"}]  # as such, and compressed
CONTROL = {"ping": "ping frame", "pong": "pong frame [not awaited]", "close": "close frame"}


def next_state(state: str, event: str) -> str:
    following: str = SERVER[state][event].get("next", state)
    return following


def asked_by(given: Mapping[str, Any]) -> Iterator[list[str]]:
    """The event that a request is; none for one that asks for no other protocol."""
    without = given.get("without", [])
    pairs = [(value(n).encode(), as_bytes(value(v))) for n, v in given.get("headers", [])]
    taken = {name.lower() for name, _ in pairs} | {name.encode() for name in without}
    headers = [*(pair for pair in HEADERS if pair[0] not in taken), *pairs]
    if "upgrade" in without:
        return
    try:
        read_handshake(given.get("method", "GET"), headers, given.get("version", "1.1"))
    except BadHandshake:
        yield [REQUESTS[1]]
    else:
        yield [REQUESTS[0]]


def as_bytes(raw: str | bytes) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw


def sent_as(sent: Mapping[str, Any]) -> list[str]:
    """The events that a message may be: a server holds the head of a denial, or flushes it."""
    name = name_of(sent)
    try:
        from_message(sent)
    except MalformedMessage:
        return ["malformed message"]
    names = {name, f"{name} [hold]", f"{name} [flush]"}
    return [event for event in MESSAGES if event in names] or ["malformed message"]


@pytest.fixture(scope="module")
def happened() -> set[Cell]:
    """What happens to a server in the cases."""
    found: set[Cell] = set()
    for case in CASES:
        way = Way()
        found.update(cell for step in case.steps for cell in way.cells(step))
    return found


def test_servers_see_every_event_in_every_state(happened: set[Cell]) -> None:
    left_out = [cell for cell in HELD if cell not in happened | {*TIMED, *NOT_BROUGHT_ABOUT}]
    assert left_out == []


def test_exempt_cells_are_not_reached_by_any_case(happened: set[Cell]) -> None:
    assert happened & {*TIMED, *NOT_BROUGHT_ABOUT} == set()
    assert TIMED.keys() & NOT_BROUGHT_ABOUT.keys() == set()
    assert {*TIMED, *NOT_BROUGHT_ABOUT} <= {*HELD}
    assert {*TIMED.values()} <= {case.id for case in CASES}


# ---------------------------------------------------------------- classes for applications

DATA = ["websocket.send"]
CALLS = {
    "accept": ["websocket.accept"],
    "send_text": DATA,
    "send_bytes": DATA,
    "send_json": DATA,
    "close": ["websocket.close"],
}


def calls_of(case: Case) -> Iterator[str]:
    """The events of both machines in a case about facades; "" begins anew."""
    for step in case.steps:
        match step.side, step.action:
            case "server", "opens":
                yield ""
            case "server", "fails":
                yield LOST
            case ("call", "send") | ("server", "gives"):
                yield name_of(message(step.arguments["message"]))
            case "call", "deny":
                yield "websocket.http.response.start"
                for _ in step.arguments["body"][1:]:
                    yield "websocket.http.response.body [more_body]"
                yield "websocket.http.response.body [not more_body]"
            case "call", name:
                yield from CALLS.get(name, [])


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("machine", [APPLICATION, CLIENT], ids=["application", "client"])
def test_facade_cases_reach_every_cell_of_both_machines(
    machine: dict[str, Any], refused: bool
) -> None:
    played = {cell for case in FACADE_CASES for cell in through(machine, calls_of(case))}
    assert [cell for cell in cells(machine, refused=refused) if cell not in played] == []
