"""The cases leave out no cell of the machines' matrices."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from support import spec

from wsfsm.conformance import Case, Step, load_folder
from wsfsm.conformance.values import message, value
from wsfsm.conformance.wire import CLOSE, frames, request
from wsfsm.errors import MalformedMessage
from wsfsm.handshake import BadHandshake, read_handshake
from wsfsm.messages import from_message
from wsfsm.policies import Policies

CASES = load_folder("server")
APPLICATION, CLIENT, SERVER = spec("application"), spec("client"), spec("server")
LOST = "transport lost"


def cells(spec: dict[str, Any], *, refused: bool) -> list[tuple[str, str]]:
    return [
        (state, event)
        for state in spec["states"]
        for event in spec["events"]
        if spec[state][event].get("refused", False) is refused
    ]


def event_of(step: Step) -> str:
    """The event of the application's machine that a step is, or ""."""
    if step.side == "client" and step.action in {"fin", "reset"}:
        return LOST
    if (step.side, step.action) != ("app", "send"):
        return ""
    name = name_of(message(step.arguments["message"]))
    return name if name in APPLICATION["events"] else ""


def name_of(sent: Mapping[str, Any]) -> str:
    """The event that a message of an application is."""
    name = str(sent.get("type", ""))
    if name == "websocket.http.response.body":
        return f"{name} [{'' if sent.get('more_body') else 'not '}more_body]"
    return name


def events_of(case: Case) -> Iterator[tuple[str, str]]:
    """The cells of the application's machine that a case comes through."""
    state = APPLICATION["initial"]
    for step in case.steps:
        if (step.side, step.action) == ("client", "request"):
            state = APPLICATION["initial"]
        if event := event_of(step):
            yield state, event
            state = APPLICATION[state][event].get("next", state)


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


class Way:
    """The way of a case through the server's machine: the cells that its steps come through."""

    def __init__(self) -> None:
        self.state: str = SERVER["initial"]
        self._inside = False  # of a message in fragments
        self._early = 0  # bytes before the answer

    def take(self, step: Step) -> Iterator[tuple[str, str]]:
        if (step.side, step.action) == ("client", "request"):
            self.__init__()  # type: ignore[misc]
        for names in self._events(step):
            yield from ((self.state, name) for name in names)
            self.state = SERVER[self.state][names[0]].get("next", self.state)

    def _events(self, step: Step) -> Iterator[list[str]]:
        """The events that a step brings about; each by several names if the server chooses."""
        match step.side, step.action:
            case "app", "send":
                yield _sent(message(step.arguments["message"]))
            case "app", "return":
                yield [f"application returned [{how}]" for how in ("close", "drop")]
            case "app", "raise":
                yield [f"application raised [{how}]" for how in ("close", "drop")]
            case "app", "raise again":
                yield ["application raised [ClientDisconnected]"]
            case "client", "request":
                yield from _asked(step)
                yield from self._read(step.arguments.get("frames", []))
            case "client", "send":
                yield from self._read(step.arguments["frames"])
            case "client", "fin":
                yield ["end of stream"]
            case "client", "reset":
                yield [LOST]
            case "client", "end" if step.need or step.expect:  # the client closes then
                yield [LOST]
            case "server", "stop":
                yield ["shutdown"]

    def _read(self, tables: list[dict[str, Any]]) -> Iterator[list[str]]:
        if tables and "early data [within the limit]" in _comes(self.state):
            self._early += len(frames(tables))
            fits = self._early <= Policies().max_early_data
            yield [f"early data [{'within' if fits else 'beyond'} the limit]"]
            return
        for table in tables:
            if name := self._frame(table):
                yield [name]

    def _frame(self, table: dict[str, Any]) -> str:
        """The event that a frame is, or "" for a message that is not whole."""
        opcode = next(iter({"text", "binary", "continuation", "ping", "pong", "close"} & {*table}), "")
        final, payload = table.get("fin", True), value(table.get(opcode, ""))
        control = opcode in {"ping", "pong", "close"}
        good = {*table} <= {opcode, "fin", "reason"}
        if control:
            good = good and final and (opcode == "close" or len(payload) <= 125)
            good = good and payload != 1005
        else:
            good = good and opcode and self._inside is (opcode == "continuation")
            good = good and not (final and payload == b"\xff")
            self._inside = not final
        if not good:
            return "protocol error"
        if control:
            return "pong frame [not awaited]" if opcode == "pong" else f"{opcode} frame"
        return "data message" if final else ""


def _comes(state: str) -> list[str]:
    return [event for event, cell in SERVER[state].items() if not cell.get("refused")]


def _sent(sent: Mapping[str, Any]) -> list[str]:
    try:
        from_message(sent)
    except MalformedMessage:
        return ["malformed message"]
    name = name_of(sent)
    return [event for event in SERVER["events"] if event.split(" [h")[0].split(" [f")[0] == name] or ["malformed message"]


def _asked(step: Step) -> Iterator[list[str]]:
    given = step.arguments
    more = [(value(n), value(v)) for n, v in given.get("headers", [])]
    lines = request(*[(n.encode(), v.encode() if isinstance(v, str) else v) for n, v in more], without=[n.encode() for n in given.get("without", [])]).split(b"\r\n")
    headers = [(n, v) for n, _, v in (line.partition(b": ") for line in lines[1:-2])]
    if "upgrade" in given.get("without", []): return
    try:
        read_handshake(given.get("method", "GET"), headers, given.get("version", "1.1"))
    except BadHandshake:
        yield ["bad handshake request"]
    else:
        yield ["handshake request"]

def test_x():
    played = set()
    for case in CASES:
        way = Way()
        for step in case.steps: played.update(way.take(step))
    held = [*cells(SERVER, refused=False), *(c for c in cells(SERVER, refused=True) if c[1].startswith(("websocket.", "malformed")))]
    for c in held:
        if c not in played: print(c)
    assert 0
