"""The tables that the page gets: they say the same as the machines."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from helpers.asgi import Server, run, scope
from helpers.connections import CONNECT

from wsfsm.demo.export import export
from wsfsm.exceptions import IllegalTransition, WebSocketDisconnect
from wsfsm.fsm import Event
from wsfsm.tables import (
    AFTER_DISCONNECT,
    AFTER_TRANSPORT_LOSS,
    APPLICATION,
    CLIENT,
    SERVER,
    Output,
)
from wsfsm.tables.events import LOST
from wsfsm.websockets import WebSocket

TABLES = json.loads(json.dumps(export(live=False)))
JOINTS = TABLES["joints"]
MESSAGES = {
    str(event): event
    for event in APPLICATION.table.events
    if not isinstance(event, Event) or event.is_message
}


def reached() -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Each exported joint state, beside the nodes of the two machines that are stepped with it."""
    todo = [(0, CLIENT.initial, APPLICATION.initial)]
    seen = set()
    for index, client, application in todo:
        if index in seen:
            continue
        seen.add(index)
        joint = JOINTS[index]
        yield joint, client, application
        for event, after in joint["receive"].items():
            bound = APPLICATION.after(AFTER_DISCONNECT)[application]
            over = event == AFTER_DISCONNECT.event
            todo.append((after, client.moves[event], bound if over else application))
        for event, after in joint["send"].items():
            todo.append((after, client, application.moves[MESSAGES[event]]))
        lost = CLIENT.after(AFTER_TRANSPORT_LOSS)[client]
        todo.append((joint["lost"], lost, application.moves.get(LOST, application)))
    assert len(seen) == len(JOINTS)


def test_joint_states_are_those_of_the_two_machines_and_their_couplings() -> None:
    for joint, client, application in reached():
        assert joint["client"] == client.state.name
        assert joint["application"] == application.state.name
        assert set(joint["receive"]) == set(map(str, client.moves))
        assert set(joint["send"]) == {e for e in MESSAGES if MESSAGES[e] in application.moves}
        assert set(joint["refused"]) == set(MESSAGES) - set(joint["send"])
        assert joint["allowed"] == list(application.allowed)
        assert joint["forwards"] == application.forwards
        assert (joint["no_more"] is None) == bool(client.moves)


def test_errors_are_those_of_the_facade() -> None:
    server = Server([CONNECT])
    websocket = WebSocket(scope(), server.receive, server.send)
    early = JOINTS[JOINTS[0]["receive"]["websocket.connect"]]["refused"]["websocket.send"]
    run(websocket.receive())

    with pytest.raises(IllegalTransition) as refused:
        run(websocket.send({"type": "websocket.send", "text": "x"}))

    assert TABLES["errors"][early] == {"type": "IllegalTransition", "text": str(refused.value)}
    assert TABLES["errors"][TABLES["lost"]]["text"] == str(WebSocketDisconnect(1006))


def test_sentence_about_the_end_is_that_of_the_facade() -> None:
    server = Server([CONNECT])
    websocket = WebSocket(scope(), server.receive, server.send)
    run(websocket.accept())
    run(websocket.close(4000, "bye"))

    with pytest.raises(IllegalTransition) as refused:
        run(websocket.send({"type": "websocket.send", "text": "x"}))

    ended = TABLES["ended"].format(by="application", code=4000, reason=" 'bye'")
    assert str(refused.value).endswith(ended)


def test_server_table_is_the_server_machine_with_its_outputs() -> None:
    exported = TABLES["server"]
    assert exported["states"].keys() == {state.name for state in SERVER.table.states}
    for state, event in product(SERVER.table.states, SERVER.table.events):
        node, row = SERVER.nodes[state], exported["states"][state.name].get(str(event))
        assert (row is not None) == (event in node.moves)
        if row is not None:
            assert row["target"] == node.moves[event].state.name
            assert [Output(name) for name in row["outputs"]] == list(node.outputs[event])
