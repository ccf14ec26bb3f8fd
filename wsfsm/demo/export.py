"""The tables as JSON, from which the page draws the machines, and can simulate a server."""

from typing import Any, Final

from wsfsm.diagrams import DIAGRAMS, anchor
from wsfsm.exceptions import WebSocketDisconnect
from wsfsm.fsm import AnyEvent, Event, Machine, state_name
from wsfsm.server import Policies
from wsfsm.tables import APPLICATION, CLIENT, SERVER
from wsfsm.tables.events import LOST
from wsfsm.tables.outputs import Output
from wsfsm.websockets._errors import WSFSM
from wsfsm.websockets._joint import START, End, JointState

__all__ = ["export"]

_END: Final = End(4999, "because", "client")


def export(*, live: bool, home: str | None = None) -> dict[str, Any]:
    """Export the tables for the page.

    Args:
        live: Whether the page has a server to connect to. If not, it simulates one.
        home: The address that the title of the page links to, if it links to one.
    """
    errors: list[dict[str, str]] = []
    return {
        "live": live,
        "home": home,
        "machines": {machine.name: _machine(machine) for machine in (CLIENT, APPLICATION)},
        "joints": _joints(errors),
        "lost": _error(errors, WebSocketDisconnect(1006)),
        "errors": errors,
        "ended": _ended(),
        "server": _server(),
    }


def _machine(machine: Machine[Any]) -> dict[str, Any]:
    """Export a machine as a diagram of it needs it."""
    table, diagram = machine.table, DIAGRAMS["both"]
    return {
        "states": [state_name(state) for state in table.states],
        "initial": state_name(table.initial),
        "final": [state_name(state) for state in table.final],
        "rows": [
            {
                "id": anchor(table.name, state_name(row.source), str(row.event)),
                "source": state_name(row.source),
                "event": str(row.event),
                "target": state_name(row.target),
                "kind": diagram.kind(table, row.event).name,
                "note": row.note,
            }
            for row in table.rows
        ],
    }


def _joints(errors: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Export the two machines with their couplings: the joint states that a connection can reach."""
    found = [START]
    for joint in found:  # it grows while it is read
        for after in (*joint.on_receive.values(), *_sends(joint).values(), joint.on_event[LOST]):
            if after not in found:
                found.append(after)
    return [_joint(joint, found, errors) for joint in found]


def _sends(joint: JointState) -> dict[str, JointState]:
    moves: list[tuple[AnyEvent, JointState]] = [*joint.on_send.items(), *joint.on_event.items()]
    return {
        str(event): after
        for event, after in moves
        if not isinstance(event, Event) or event.is_message
    }


def _joint(
    joint: JointState, known: list[JointState], errors: list[dict[str, str]]
) -> dict[str, Any]:
    sends = _sends(joint)
    messages = [
        event
        for event in APPLICATION.table.events
        if not isinstance(event, Event) or event.is_message
    ]
    return {
        "client": joint.client.state.name,
        "application": joint.application.state.name,
        "receive": {str(event): known.index(after) for event, after in joint.on_receive.items()},
        "send": {event: known.index(after) for event, after in sends.items()},
        "lost": known.index(joint.on_event[LOST]),
        "forwards": joint.application.forwards,
        "over": joint.over,
        "allowed": joint.application.allowed,
        "refused": {
            str(event): _error(errors, WSFSM.not_sent(joint, None, event))
            for event in messages
            if str(event) not in sends
        },
        "no_more": None if joint.on_receive else _error(errors, WSFSM.no_more(joint, None)),
    }


def _error(errors: list[dict[str, str]], error: Exception) -> int:
    """Return the index of an error in the list, which has each one once."""
    entry = {"type": type(error).__name__, "text": str(error)}
    if entry not in errors:
        errors.append(entry)
    return errors.index(entry)


def _ended() -> str:
    """Return the sentence that a refusal has after the end of the connection, with placeholders."""
    sentence = str(WSFSM.no_more(START, _END)).removeprefix(str(WSFSM.no_more(START, None)))
    for part, name in (
        (str(_END.code), "code"),
        (f" {_END.reason!r}", "reason"),
        (_END.closed_by, "by"),
    ):
        sentence = sentence.replace(part, f"{{{name}}}")
    return sentence


def _server() -> dict[str, Any]:
    """Export the server machine, with its outputs."""
    table = SERVER.table
    states: dict[str, dict[str, Any]] = {state.name: {} for state in table.states}
    for row in table.rows:
        outputs = [output.value for output in row.outputs if isinstance(output, Output)]
        states[row.source.name][str(row.event)] = {"target": row.target.name, "outputs": outputs}
    return {
        "initial": table.initial.name,
        "final": [state.name for state in table.final],
        "states": states,
        "denial": Policies().denial,
    }
