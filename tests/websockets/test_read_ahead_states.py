"""The joint states after a disconnect that was read ahead, from every joint state."""

from collections.abc import Iterator

import pytest

from wsfsm.tables.events import LOST, READ_AHEAD
from wsfsm.tables.states import WebSocketState
from wsfsm.websockets._joint import HOOKED, PRODUCT, JointState

DISCONNECTED = WebSocketState.DISCONNECTED


def reachable() -> Iterator[JointState]:
    """Yield each joint state."""
    seen: dict[JointState, None] = {}
    left = [PRODUCT.initial]
    while left:
        joint = left.pop()
        if joint not in seen:
            seen[joint] = None
            for moves in (joint.on_receive, joint.on_send, joint.on_event):
                left.extend(moves.values())
    yield from seen


JOINTS = list(reachable())


def name(joint: JointState) -> str:
    client = "-".join([joint.client.state.name, *map(str, joint.client.moves)])
    application = "-".join([joint.application.state.name, *map(str, joint.application.moves)])
    return f"client {client} application {application} {joint.application.forwards}"


@pytest.mark.parametrize("joint", JOINTS, ids=name)
class TestAfterReadAhead:
    def test_the_connection_is_over(self, joint: JointState) -> None:
        after = joint.on_event[READ_AHEAD]

        assert after.over
        assert after.client.state is DISCONNECTED
        assert after.ready_state == "closed"

    def test_the_application_receives_what_it_could_receive_before(self, joint: JointState) -> None:
        after = joint.on_event[READ_AHEAD]

        assert after.on_receive.keys() == joint.on_receive.keys()
        for event, then in joint.on_receive.items():
            assert after.on_receive[event].client.state in {DISCONNECTED, then.client.state}
            assert after.on_receive[event].on_receive.keys() == then.on_receive.keys()

    def test_the_application_may_send_what_it_may_send_after_a_disconnect(
        self, joint: JointState
    ) -> None:
        after = joint.on_event[READ_AHEAD]

        assert after.on_send.keys() == {"websocket.close"} & joint.on_send.keys()
        assert after.application.state is joint.application.state
        assert not after.application.forwards
        assert after.on_event.keys() == {LOST, READ_AHEAD}

    def test_a_second_one_changes_nothing(self, joint: JointState) -> None:
        after = joint.on_event[READ_AHEAD]

        assert after.on_event[READ_AHEAD] is after

    def test_a_loss_before_it_or_after_it_leaves_its_state_of_the_client(
        self, joint: JointState
    ) -> None:
        after = joint.on_event[READ_AHEAD]

        assert after.on_event[LOST].client is after.client
        assert joint.on_event[LOST].on_event[READ_AHEAD].client is after.client


def test_the_disconnect_leads_to_the_same_state_read_ahead_or_not() -> None:
    for joint in JOINTS:
        if "websocket.disconnect" in joint.on_receive:
            direct = joint.on_receive["websocket.disconnect"]
            ahead = joint.on_event[READ_AHEAD].on_receive["websocket.disconnect"]
            assert ahead.client.final
            assert direct.client.final
            assert ahead.application is direct.application


def test_the_states_of_hooked_connections_are_the_same() -> None:
    hooked = HOOKED.initial.on_event[READ_AHEAD]

    assert hooked.product is HOOKED
    assert hooked.client is PRODUCT.initial.on_event[READ_AHEAD].client
