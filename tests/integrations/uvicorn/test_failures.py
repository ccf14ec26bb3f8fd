"""An exception at every command in every state leads to one valid end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest
from helpers.virtual_scenarios import SCENARIOS, Broken, Compat, Strict, check, failures, play
from helpers.virtual_uvicorn import Transport, in_virtual_time
from helpers.wire import CLOSE

from wsfsm.integrations.uvicorn import WebSocketProtocol, _protocol
from wsfsm.server import commands
from wsfsm.tables.states import ServerState

pytestmark = pytest.mark.one_python

Fails: TypeAlias = Callable[[int, type[Any]], bool]


def at(number: int) -> Fails:
    """Only the command with this number fails."""
    return lambda seen, _: seen == number


def of(kind: type[Any]) -> Fails:
    """All commands of a kind fail."""
    return lambda _, seen: seen is kind


class Fault:
    """Counts commands, and raises at some of them.

    Args:
        fails: Whether a command raises, by its number and kind.
        after: Whether it raises when it is done, rather than before.

    Attributes:
        done: The kind and the state of each command.
        raised: How often one has raised.
    """

    def __init__(self, fails: Fails, *, after: bool) -> None:
        self.fails = fails
        self.after = after
        self.done: list[tuple[type[Any], ServerState]] = []
        self.raised = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        kept = dict(_protocol._HANDLERS)
        for kind, doer in kept.items():
            _protocol._HANDLERS[kind] = self.wrapped(kind, doer)
        try:
            yield
        finally:
            _protocol._HANDLERS.update(kept)

    def wrapped(
        self, kind: type[Any], doer: Callable[[WebSocketProtocol, Any], None]
    ) -> Callable[[WebSocketProtocol, Any], None]:
        def wrapper(protocol: WebSocketProtocol, command: Any) -> None:
            number = len(self.done)
            self.done.append((kind, protocol._connection.state))
            failing = self.fails(number, kind)
            if self.after or not failing:
                doer(protocol, command)
            if failing:
                self.raised += 1
                raise Broken(number)

        return wrapper


@pytest.mark.parametrize("ws", [Strict, Compat])
@pytest.mark.parametrize("name", SCENARIOS)
class TestCommands:
    def play(self, name: str, ws: type[WebSocketProtocol], fault: Fault) -> Transport:
        transport = Transport()

        async def main() -> None:
            with fault.installed():
                link = await play(SCENARIOS[name], ws, transport)
            check(link, transport)

        in_virtual_time(main)
        return transport

    def count(self, name: str, ws: type[WebSocketProtocol]) -> list[tuple[type[Any], ServerState]]:
        fault = Fault(lambda _, __: False, after=False)
        self.play(name, ws, fault)
        return fault.done

    def test_command_that_fails_once_is_logged_and_ends_the_connection(
        self, name: str, ws: type[WebSocketProtocol], caplog: pytest.LogCaptureFixture
    ) -> None:
        done = self.count(name, ws)
        assert not failures(caplog)
        for number in range(len(done)):
            for after in (False, True):
                caplog.clear()
                fault = Fault(at(number), after=after)
                transport = self.play(name, ws, fault)
                assert fault.raised == 1
                assert failures(caplog) == 1
                kind, state = done[number]
                if (kind, after) in {
                    (commands.StartApplication, False),
                    (commands.SendHandshake, False),
                }:
                    assert b" 500 " in transport.data
                elif state is ServerState.OPEN and not transport.aborted and name != "RST":
                    assert bytes((0x80 | CLOSE, 2, 1011 >> 8, 1011 & 0xFF)) in transport.data or (
                        b" 500 " in transport.data
                    )

    def test_command_that_always_fails_ends_the_connection(
        self, name: str, ws: type[WebSocketProtocol], caplog: pytest.LogCaptureFixture
    ) -> None:
        for kind in {kind for kind, _ in self.count(name, ws)}:
            for after in (False, True):
                caplog.clear()
                fault = Fault(of(kind), after=after)
                self.play(name, ws, fault)
                assert fault.raised
                assert failures(caplog)

    @pytest.mark.parametrize("after", [False, True])
    def test_connection_ends_even_if_all_commands_fail(
        self,
        name: str,
        ws: type[WebSocketProtocol],
        caplog: pytest.LogCaptureFixture,
        *,
        after: bool,
    ) -> None:
        fault = Fault(lambda _, __: True, after=after)
        self.play(name, ws, fault)
        assert bool(fault.raised) is bool(failures(caplog))


def test_scenarios_run_every_command_and_reach_every_state() -> None:
    done = set()
    for name in SCENARIOS:
        for ws in (Strict, Compat):
            done |= set(TestCommands().count(name, ws))

    assert {kind for kind, _ in done} == set(_protocol._HANDLERS)
    assert {state for _, state in done} == set(ServerState) - {ServerState.IDLE}
