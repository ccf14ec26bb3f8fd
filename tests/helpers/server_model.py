"""A model of the world around a `ServerConnection`: a peer, an application, a server, and invariants.

`World.actions` lists what can happen now, each under the name of its event in the table; doing
one checks everything that must be true of a connection, whatever happens to it.
"""

import copy
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any

import attrs

from helpers.model_wire import WRITES, Wire
from helpers.wire import HEADERS
from wsfsm.exceptions import IllegalTransition
from wsfsm.fsm import AnyEvent, Event
from wsfsm.server import (
    BadHandshake,
    ClientDisconnected,
    Policies,
    ServerConnection,
    ServerState,
    commands,
)
from wsfsm.server.commands import Command, Timer
from wsfsm.tables import APPLICATION, CLIENT, SERVER, Output, event_of
from wsfsm.tables.events import DENIAL, FAILED, LOST, LOST_UNREAD, RAISED, RETURNED
from wsfsm.types import Message

ACCEPT: Message = {"type": "websocket.accept"}
SEND: Message = {"type": "websocket.send", "text": "x"}
CLOSE: Message = {"type": "websocket.close", "code": 4000, "reason": "ours"}
START: Message = {"type": "websocket.http.response.start", "status": 404}
MORE: Message = {"type": "websocket.http.response.body", "body": b"a", "more_body": True}
LAST: Message = {"type": "websocket.http.response.body", "body": b"b"}
MALFORMED: Message = {"type": "websocket.send", "text": 1}

EARLY = b"early"
POLICIES: dict[str, Any] = {"high_water": 150, "low_water": 0, "max_early_data": len(EARLY)}
"""With these, a second message that waits is too much, and so are early data twice."""

OVER = frozenset({ServerState.CLOSING, ServerState.DRAINING, ServerState.CLOSED})
"""The states in which the application has no effect."""

ENDS = frozenset({Timer.CLOSE, Timer.SHUTDOWN})
"""The timers that end a connection."""

WRITING = frozenset(
    (row.source, row.event)
    for row in SERVER.table.rows
    if any(
        isinstance(output, Output) and output.value.startswith("send ") for output in row.outputs
    )
)
"""The states and events that lead to a write, or may."""

MUTE = OVER | {ServerState.UNREAD}
"""The states in which the application cannot send."""

PROGRESS = {"idle": {}, "sending": {"sending": True}, "receiving": {"receiving": True}}
"""The arguments of ``timeout()`` for each guard of a timer."""


class World:
    """A connection with all that is around it.

    Args:
        policies: The server's choices.
    """

    def __init__(self, policies: Policies) -> None:
        self.connection = ServerConnection(policies)
        self.wire = Wire()
        self.armed: set[Timer] = set()
        self.running = self.started = False  # the application
        self.comes = "head"  # from the peer: then "early" data, then "frames"
        self.eof = self.lost = self.unread = False
        self.failing = self.failed = self.broken = (
            False  # at the next write, ever, and not reported yet
        )
        self.ping: bytes | None = None  # the last that we sent
        self.end: Message | None = None  # the disconnect that the application received
        self.first: tuple[int, str] | None = None  # Close frame of either side
        self.client = CLIENT.initial
        self.application = APPLICATION.initial
        self.told = 0  # connect and data messages that wait for the application
        self.logged = 0

    def copy(self) -> "World":
        """The same world once more, to try something in."""
        world = copy.copy(self)
        world.connection = copy.copy(self.connection)
        world.connection._data = effects = copy.copy(self.connection._data)
        effects._later = copy.copy(effects._later)
        world.wire, world.armed = copy.copy(self.wire), set(self.armed)
        return world

    def key(self) -> Hashable:
        """The part of the state that distinguishes this world from others."""
        return (
            self.connection.state,
            self.connection.should_read,
            self.told,
            self.running,
            self.comes,
            self.eof,
            self.lost,
            self.unread,
            self.failed,
            self.broken,
            self.ping is None,
            str(self.end),
            self.first,
            self.client.state,
            self.application.state,
            frozenset(self.armed),
            *attrs.astuple(self.wire),
            self.connection._data.fits_early(EARLY),
        )

    @property
    def answered(self) -> bool:
        """Whether it is too late for a response."""
        return bool(self.wire.heads) or self.wire.over or self.failed

    # What can happen

    def actions(self) -> Iterator[tuple[AnyEvent | None, Callable[["World"], None]]]:
        """The possible actions: the event of the table, or None, and the function that does it."""
        yield FAILED["answered" if self.answered else "unanswered"], World.fail
        if self.broken:
            return
        for event, act in self.of_everybody():
            yield event, act
            if (self.connection.state, event) in WRITING:
                yield event, partial(World.do_and_fail, act=act)
        if self.running and self.connection.state is ServerState.CONNECTING:
            yield None, partial(World.do_and_fail, act=World.accept_and_close)

    def of_everybody(self) -> Iterator[tuple[AnyEvent | None, Callable[["World"], None]]]:
        """The possible actions, without failures of the server."""
        yield Event("shutdown", is_message=False), lambda w: w.do(w.connection.shutdown())
        if not self.lost:
            yield LOST, World.lose
            if self.comes == "frames":
                yield LOST_UNREAD, partial(World.lose, unread=True)
        if not (self.eof or self.wire.aborted):  # also late, after the loss
            yield from self.of_the_peer()
        for timer in self.armed:
            yield from self.of_the_timer(timer)
        if self.running:
            yield from self.of_the_application()

    def of_the_peer(self) -> Iterator[tuple[AnyEvent, Callable[["World"], None]]]:
        """The possible actions of the peer."""
        events = {str(event): event for event in SERVER.table.events}
        yield events["end of stream"], World.half_close
        if self.comes == "head":
            yield events["handshake request"], lambda w: w.ask("GET")
            yield events["bad handshake request"], lambda w: w.ask("POST")
        elif self.comes == "early":
            fits = self.connection._data.fits_early(EARLY)
            name = f"early data [{'within' if fits else 'beyond'} the limit]"
            yield events[name], lambda w: w.do(w.connection.receive_early_data(EARLY))
        elif self.connection.should_read:
            yield events["data message"], lambda w: w.receive("x")
            yield events["ping frame"], lambda w: w.do(w.connection.receive_ping(b"p"))
            yield (
                events["pong frame [not awaited]"],
                lambda w: w.do(w.connection.receive_pong(b"stray")),
            )
            if (ping := self.ping) is not None and self.connection._data.is_awaited(ping):
                yield (
                    events["pong frame [awaited]"],
                    lambda w: w.do(w.connection.receive_pong(w.ping or b"")),
                )
            yield events["close frame"], lambda w: w.close(1001, "theirs")
            yield events["protocol error"], lambda w: w.do(w.connection.receive_error(1002, "bad"))

    def of_the_timer(self, timer: Timer) -> Iterator[tuple[AnyEvent, Callable[["World"], None]]]:
        """The events of the table that a timer can be."""
        awaited = self.connection.policies.ping_timeout is not None
        names = {
            Timer.HANDSHAKE: {"handshake timeout": "idle"},
            Timer.PING: {f"ping due [{'' if awaited else 'no '}pong expected]": "idle"},
            Timer.PONG: {f"pong timeout [{guard}]": guard for guard in PROGRESS},
            Timer.CLOSE: {f"close timeout [{guard}]": guard for guard in PROGRESS},
            Timer.SHUTDOWN: {"shutdown timeout": "idle"},
        }[timer]
        events = {str(event): event for event in SERVER.table.events}
        for name, guard in names.items():
            yield events[name], partial(World.fire, timer=timer, guard=guard)

    def of_the_application(self) -> Iterator[tuple[AnyEvent | None, Callable[["World"], None]]]:
        """The possible actions of the application, right or wrong."""
        policies = self.connection.policies
        for message in (ACCEPT, SEND, CLOSE, START, MORE, LAST):
            event = DENIAL[policies.denial] if message is START else event_of(message)
            yield event, partial(World.send, message=message)
        yield Event("malformed message", is_message=False), World.send_malformed
        yield RETURNED[policies.on_return], World.finish
        yield RAISED[policies.on_exception], lambda w: w.raise_error(OSError("its own"))
        if self.connection.state in MUTE:
            yield (
                Event("application raised", "ClientDisconnected", is_message=False),
                World.raise_gone,
            )
        if self.connection.has_message:
            yield None, World.take_message

    # How it is done

    def ask(self, method: str) -> None:
        self.comes = "early"
        if method == "GET":
            self.do(self.connection.receive_request(method, HEADERS))
        else:
            self.do(self.connection.receive_bad_request(BadHandshake("no", status=405)))

    def lose(self, *, unread: bool = False) -> None:
        self.lost, self.unread = True, unread
        self.do(self.connection.connection_lost(unread=unread))
        assert not self.armed, "a timer runs on after the end"

    def do_and_fail(self, act: Callable[["World"], None]) -> None:
        """Do something whose first write, if there is one, raises."""
        self.failing = True
        act(self)
        self.failing = False

    def fail(self) -> None:
        """Report that the server itself has failed."""
        answered, self.failed = self.answered, True
        self.broken = False
        logged = self.logged
        self.do(self.connection.failed(ValueError("a bug"), answered=answered))
        assert self.logged == logged + 1

    def half_close(self) -> None:
        self.eof = True
        self.do(self.connection.receive_eof())

    def fire(self, timer: Timer, guard: str) -> None:
        self.armed.remove(timer)
        self.do(self.connection.timeout(timer, **PROGRESS[guard]))

    def receive(self, data: str | bytes) -> None:
        if self.connection.state in {ServerState.OPEN, ServerState.UNREAD}:
            self.told += 1
        self.do(self.connection.receive_message(data))

    def close(self, code: int, reason: str) -> None:
        if self.connection.state in {ServerState.OPEN, ServerState.UNREAD}:
            self.first = (code, reason)
        self.do(self.connection.receive_close(code, reason))

    def take_message(self) -> None:
        message = self.connection.next_message()
        assert message is not None
        if message["type"] != "websocket.disconnect":
            self.told -= 1
        elif self.end is not None:
            assert message == self.end, "the disconnect has changed"
            return
        else:
            assert not self.told, "a message is lost"
            self.end = message
            self.check_end(message)
        self.client = self.client.step(event_of(message))

    def check_end(self, message: Message) -> None:
        """The peer's Close if it came first, else ours, else 1006."""
        code, reason = self.first or (1006, "")
        assert message["code"] == code, "another code than that of the Close"
        assert message.get("reason", "") == reason
        # a missing reason is empty
        shut = code == self.connection.policies.shutdown_code
        assert ("reason" in message) == (self.first is not None and not shut)

    def send(self, message: Message) -> None:
        event, before = event_of(message), self.connection.state
        over = before in MUTE
        told = ended = self.first or (1006, "")
        try:
            commands = self.connection.send(message)
        except ClientDisconnected as gone:
            assert over, "it may still send"
            told = (gone.code, gone.reason)
            self.application = self.application.moves.get(LOST, self.application)
        except IllegalTransition:
            assert not over
            assert event not in self.application.moves, "what is legal is refused"
            assert self.connection.state is before
        else:
            assert message is CLOSE or not over, "it was taken after the end"
            if over:
                assert not commands, "there is nothing to close"
                self.application = self.application.moves.get(LOST, self.application)
            else:
                self.application = self.application.step(event)
            self.do(commands)
        assert told == ended, "the code has changed"

    def accept_and_close(self) -> None:
        """Send two messages, before the commands of the first are done."""
        commands = self.connection.send(ACCEPT) + self.connection.send(CLOSE)
        self.application = self.application.step(event_of(ACCEPT)).step(event_of(CLOSE))
        self.do(commands)

    def send_anything(self, message: Any) -> None:
        """Send a value that need not be a message: it is accepted, or it changes nothing."""
        before = self.connection.state
        try:
            commands = self.connection.send(message)
        except ClientDisconnected:
            assert before in MUTE
            assert self.connection.state is before
        except RuntimeError:
            assert before not in MUTE
            assert self.connection.state is before
        else:
            if before in MUTE:
                assert message["type"] == "websocket.close"
                assert not commands
                self.application = self.application.moves.get(LOST, self.application)
            else:
                self.application = self.application.step(event_of(message))
            self.do(commands)

    def send_malformed(self) -> None:
        before = self.connection.state
        over = before in MUTE
        try:
            self.connection.send(MALFORMED)
        except RuntimeError:
            assert not over
        except ClientDisconnected:
            assert over
        else:
            raise AssertionError("it was taken")
        assert self.connection.state is before

    def finish(self) -> None:
        self.running = False
        self.do(self.connection.application_returned())

    def raise_error(self, error: BaseException) -> None:
        self.running = False
        logged = self.logged
        self.do(self.connection.application_raised(error))
        assert self.logged == logged + 1

    def raise_gone(self) -> None:
        self.running = False
        try:
            self.connection.send(SEND)
        except ClientDisconnected as gone:
            self.do(self.connection.application_raised(gone))

    # Doing what the core commands

    def do(self, commands: list[Command]) -> None:
        """Do commands as a server would, and check them."""
        for i, command in enumerate(commands):
            if self.failing and type(command) in WRITES:
                self.broken, self.failing = True, False
                for forgotten in commands[i:]:
                    self.note_close(forgotten)  # it counts for the application
                return
            self.do_one(command)
        state, wire = self.connection.state, self.wire
        if state is ServerState.CLOSING:
            assert wire.close, "it waits for an answer to nothing"
            assert self.armed & ENDS, "it waits for ever"
        if state is ServerState.DRAINING:
            assert wire.aborted or (wire.closing and self.armed & ENDS), "it never ends"
            assert wire.aborted or not wire.body or self.eof, "nobody asked to end the body"
        if state in OVER:
            assert self.connection.has_message == self.started, "whoever receives waits for ever"
            assert not self.armed & {Timer.HANDSHAKE, Timer.PING, Timer.PONG}
        if state is ServerState.OPEN and self.connection.policies.ping_interval is not None:
            assert len(self.armed & {Timer.PING, Timer.PONG}) == 1, "it is not kept alive"
        if self.lost:
            assert state is ServerState.CLOSED or (self.unread and state is ServerState.UNREAD)

    def do_one(self, command: Command) -> None:
        match command:
            case commands.StartApplication():
                assert not self.running
                self.running = self.started = True
                self.told += 1
            case commands.ReadFrames():
                assert self.wire.upgraded
                self.comes = "frames"
            case commands.CloseTransport():
                assert not self.wire.over
                self.wire.closing = True
            case commands.AbortTransport():
                self.wire.aborted = True
            case commands.StartTimer(timer):
                assert timer not in self.armed, f"{timer} runs already"
                self.armed.add(timer)
            case commands.StopTimer(timer):
                self.armed.discard(timer)
            case commands.LogError() | commands.LogException():
                self.logged += 1
            case _:
                assert not self.lost, "something is written to what is gone"
                self.wire.write(command)
                if isinstance(command, commands.SendPing):
                    self.ping = command.payload
                self.note_close(command)

    def note_close(self, command: Command) -> None:
        if isinstance(command, commands.SendClose) and self.first is None:
            self.first = (command.code, command.reason)
