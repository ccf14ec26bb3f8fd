"""The trace of a connection."""

from wsfsm.testing._trace import Trace
from wsfsm.types import Message

CONNECT: Message = {"type": "websocket.connect"}


def test_it_shows_the_last_lines_of_a_long_conversation() -> None:
    trace = Trace()
    for number in range(100):
        trace.note("client", f"sends {number}")

    lines = str(trace).splitlines()

    assert lines[1] == "  (40 earlier lines)"
    assert lines[2] == "  client sends 40"
    assert lines[-1] == "  client sends 99"


def test_it_shortens_long_messages_and_escapes_them() -> None:
    trace = Trace()
    trace.received(CONNECT)
    trace.received({"type": "websocket.receive", "text": "\n" + "x" * 1000})

    assert len(str(trace).splitlines()) == 3
    assert max(map(len, str(trace).splitlines())) < 160


def test_a_message_that_is_not_allowed_changes_no_state() -> None:
    trace = Trace()
    trace.received(CONNECT)
    trace.received(CONNECT)

    assert trace.states == "CONNECTED/CONNECTING"


def test_a_refused_message_changes_no_state() -> None:
    trace = Trace()
    trace.received(CONNECT)
    trace.refused({"type": 5}, TypeError())
    trace.refused(7, TypeError())

    assert str(trace).splitlines()[2:] == [
        "  application sends dict {'type': 5}, which raises TypeError  CONNECTED/CONNECTING",
        "  application sends int 7, which raises TypeError             CONNECTED/CONNECTING",
    ]


def test_a_lost_message_ends_the_connection() -> None:
    trace = Trace()
    trace.received(CONNECT)
    trace.lost({"type": "websocket.accept"}, OSError())

    assert trace.states == "DISCONNECTED/DISCONNECTED"


def test_further_lines_of_an_exception_are_indented() -> None:
    trace = Trace()
    trace.note("application", "raises RuntimeError: no\nThe client is CONNECTED.")
    trace.received({"type": "websocket.connect"})

    assert str(trace).splitlines()[1:] == [
        "  application raises RuntimeError: no",
        "    The client is CONNECTED.",
        "  application receives websocket.connect  CONNECTED/CONNECTING",
    ]


def test_an_empty_one() -> None:
    assert str(Trace()) == "Trace (client machine/application machine):"
