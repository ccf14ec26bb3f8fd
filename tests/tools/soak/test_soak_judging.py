"""The soak judges accounts of both sides: every sentence has an account that it is about."""

from typing import Any

import attrs
import pytest
from helpers.soak_conversations import MESSAGES, conversation

from tools.soak import protocol
from tools.soak.judging import judge
from tools.soak.messages import Batch, digest
from tools.soak.plan import Application, Client, Conversation, Ping, Say
from tools.soak.reading import Seen
from wsfsm.integrations import uvicorn

SENT = [digest(payload) for payload in MESSAGES]
ECHO = conversation()
CONNECT: tuple[str, Any] = ("websocket.connect", {})
BYE = ("websocket.disconnect", {"code": 4001, "reason": "bye"})
LOST = ("websocket.disconnect", {"code": 1006})
RETURNED = ("returned", None)
HEARD = tuple(("received", message) for message in SENT)


def report(*events: tuple[str, Any], done: bool = True) -> dict[str, Any]:
    return {"done": done, "events": [[0.0, *event] for event in events]}


RIGHT = report(CONNECT, *HEARD, BYE, RETURNED)


def seen(**changes: Any) -> Seen:
    usual = Seen(status=101, messages=list(SENT), close=(4001, "bye"), ends="FIN", settled=True)
    return attrs.evolve(usual, **changes)


def with_client(**changes: Any) -> Conversation:
    return attrs.evolve(ECHO, client=attrs.evolve(ECHO.client, **changes))


def with_application(plan: Conversation = ECHO, **changes: Any) -> Conversation:
    return attrs.evolve(plan, application=attrs.evolve(plan.application, **changes))


def test_correct_accounts_have_no_faults() -> None:
    assert judge(ECHO, seen(), RIGHT) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"messages": SENT[:5]}, "the client got 5 of 6 messages"),
        ({"messages": [*SENT, SENT[0]]}, "the client got 7 of 6 messages"),
        ({"messages": [SENT[0], *SENT]}, f"the client got {SENT[0]} as message 1 instead"),
        ({"messages": [SENT[1], SENT[0], *SENT[2:]]}, f"the client got {SENT[1]} as message 0 "),
        ({"close": None}, "Close: None instead of (4001, 'bye')"),
        ({"close": (4001, "")}, "Close: (4001, '') instead of (4001, 'bye')"),
        ({"ends": "RST"}, "end of the transport: 'RST' instead of 'FIN'"),
        ({"status": 200, "complete": True}, "status: 200 instead of 101"),
        ({"pongs": [b"x"]}, "the Pongs [b'x'] do not answer the Pings []"),
        ({"settled": False}, "the server has not sent all that it owed before it closed"),
        ({"problems": ["a problem"]}, "a problem"),
    ],
)
def test_fault_in_the_clients_account_is_found(changes: dict[str, Any], told: str) -> None:
    (found,) = judge(ECHO, seen(**changes), RIGHT)

    assert found.startswith(told)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([CONNECT, *HEARD[:5], BYE, RETURNED], "the application got 5 of 6 messages"),
        ([CONNECT, *HEARD, HEARD[0], BYE, RETURNED], "the application got 7 of 6 messages"),
        ([CONNECT, *HEARD, LOST, RETURNED], "disconnect of the application: (1006, '') instead"),
        ([CONNECT, *HEARD, RETURNED], "the application did not get a disconnect"),
        ([CONNECT, *HEARD, BYE, BYE, RETURNED], "the application got 2 disconnects"),
        ([CONNECT, *HEARD[:5], BYE, HEARD[5], RETURNED], "the application got a message after"),
        ([CONNECT, *HEARD, BYE, ("sent", "a"), RETURNED], "send() did not raise after"),
        ([CONNECT, *HEARD, BYE, ("raised", "KeyError")], "the application was stopped by KeyError"),
        ([CONNECT, CONNECT, *HEARD, BYE, RETURNED], "the application got 2 messages of type"),
        ([*HEARD, CONNECT, BYE, RETURNED], "the application got 1 messages of type"),
    ],
)
def test_fault_in_the_applications_account_is_found(
    events: list[tuple[str, Any]], told: str
) -> None:
    (found,) = judge(ECHO, seen(), report(*events))

    assert found.startswith(told)


def test_later_disconnects_must_equal_the_first() -> None:
    both = with_application(end="close", after=6, code=4002, reason="")
    other = ("websocket.disconnect", {"code": 4002})

    found = judge(both, seen(), report(CONNECT, BYE, other, RETURNED))

    assert found == [
        "the disconnects differ: [(4001, 'bye'), (4002, '')]",
        "the application got 2 disconnects",
    ]


def test_an_application_that_is_not_called_is_a_fault() -> None:
    assert judge(ECHO, seen(), {}) == ["the application was never called"]


def test_an_application_that_does_not_end_is_a_fault() -> None:
    unended = report(CONNECT, *HEARD, done=False)

    assert judge(ECHO, seen(), unended) == ["the application has not ended"]


@pytest.mark.parametrize("request_", ["version 12", "no key", "POST"])
def test_bad_request_must_be_refused(request_: Any) -> None:
    plan = with_client(request=request_)
    status = {"version 12": 426, "no key": 400, "POST": 405}[request_]

    assert judge(plan, Seen(status=status), {}) == []
    assert judge(plan, Seen(status=101), RIGHT) == [
        f"status: 101 instead of {status}",
        "the application was called for a bad request",
    ]


def test_incomplete_request_must_not_call_the_application() -> None:
    plan = with_client(request="partial", end="leave")

    assert judge(plan, Seen(), {}) == []
    assert judge(plan, Seen(), report(CONNECT, LOST, RETURNED)) == [
        "the application was called for an incomplete request"
    ]


def test_client_that_leaves_before_the_answer_is_a_loss() -> None:
    plan = with_application(with_client(request="gone", end="leave"), answer="wait")

    assert judge(plan, Seen(), {}) == []
    assert judge(plan, Seen(), report(CONNECT, LOST, RETURNED)) == []
    assert len(judge(plan, Seen(), report(CONNECT, BYE, RETURNED))) == 1
    refused = report(CONNECT, ("refused", "websocket.accept: OSError"), LOST, RETURNED)
    assert judge(plan, Seen(), refused) == []


@pytest.mark.parametrize(
    ("answer", "status"), [("deny", 404), ("close", 403), ("raise", 500), ("return", 500)]
)
def test_denial_must_have_its_status(answer: Any, status: int) -> None:
    plan = with_application(answer=answer, status=404, body=(2, 3), lingers=False)
    size = 5 if answer == "deny" else 0
    right = Seen(status=status, body="d" * size, complete=True, ends="FIN")
    ended = report(CONNECT, ("raised", "Deliberate") if answer == "raise" else RETURNED)

    assert judge(plan, right, ended) == []
    assert judge(plan, attrs.evolve(right, complete=False), ended) == [
        "the body of the response is not complete"
    ]
    cut = judge(plan, attrs.evolve(right, body="d", ends="RST"), ended)
    if answer in {"deny", "close"}:
        assert cut == [
            f"size of the body: 1 instead of {size}",
            "end of the transport: 'RST' instead of 'FIN'",
        ]


@pytest.mark.parametrize(("end", "close"), [("return", (1000, "")), ("raise", (1011, ""))])
def test_application_that_ends_must_close_except_with_compat(
    end: Any, close: tuple[int, str]
) -> None:
    waits = with_client(end="wait", settled=False)
    plan = with_application(waits, end=end, after=2)
    compat = attrs.evolve(plan, target="asyncio-unix")
    ended = report(CONNECT, *HEARD[:2], RETURNED if end == "return" else ("raised", "Deliberate"))
    closed, dropped = seen(messages=SENT[:2], close=close), seen(messages=SENT[:2], close=None)

    assert judge(plan, closed, ended) == []
    assert judge(compat, dropped, ended) == []
    assert judge(plan, dropped, ended) == [f"Close: None instead of {close}"]
    assert judge(compat, closed, ended) == [f"Close: {close} instead of None"]


def test_send_of_an_application_that_ends_by_itself_must_not_fail() -> None:
    plan = with_application(with_client(end="wait", settled=False), end="close", code=4001)
    plan = with_application(plan, reason="bye", after=6)
    events = [CONNECT, *HEARD, ("refused", "websocket.send: OSError: a"), BYE, RETURNED]

    assert judge(plan, seen(), report(*events)) == ["send() has raised: websocket.send: OSError: a"]
    assert judge(with_application(plan, stubborn=True), seen(), report(*events)) == []


@pytest.mark.parametrize("error", ["ClientDisconnected", "ExceptionGroup"])
def test_only_a_propagating_application_can_be_stopped_by_a_send(error: str) -> None:
    events = report(CONNECT, *HEARD[:3], ("raised", error))

    assert judge(with_application(propagates=True), seen(), events) == []
    assert f"the application was stopped by {error}" in judge(ECHO, seen(), events)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("bad opcode", 1002),
        ("bad text", 1007),
        ("bad size", 1009),
        ("bomb", 1009),
        ("no mask", 1002),
        ("bad close", 1002),
    ],
)
def test_violation_of_the_protocol_must_have_its_close_code(end: Any, code: int) -> None:
    plan = with_client(end=end)
    told = ("websocket.disconnect", {"code": code, "reason": "anything"})

    assert (
        judge(plan, seen(close=(code, "anything")), report(CONNECT, *HEARD, told, RETURNED)) == []
    )
    assert len(judge(plan, seen(close=(4001, "bye")), RIGHT)) == 2
    assert len(judge(plan, seen(close=None), RIGHT)) == 2


def test_silence_must_be_ended_by_the_keepalive_or_the_application() -> None:
    plan = with_application(with_client(end="silence"), end="close", after=6)
    plan = with_application(plan, code=1013, reason="slow")
    for code in (1006, 1011, 1013):
        reason = "slow" if code == 1013 else ""
        told = ("websocket.disconnect", {"code": code, "reason": reason})
        assert judge(plan, seen(close=None, ends=""), report(CONNECT, told, RETURNED)) == []
    assert len(judge(plan, seen(), report(CONNECT, BYE, RETURNED))) == 1


def test_server_must_notice_a_lost_client() -> None:
    probes = with_application(with_client(end="leave"), reads=False, echo=False, end="probe")
    told = ("websocket.disconnect", {"code": 1011, "reason": "keepalive"})
    alone = seen(messages=[], close=None, ends="", settled=False)
    refused = ("refused", "websocket.send: OSError")
    probe = ("sent", digest("are you still there?"))

    assert judge(probes, alone, report(CONNECT, refused, told, RETURNED)) == []
    assert judge(probes, alone, report(CONNECT, probe, LOST, RETURNED)) == [
        "the server has not noticed that the client is gone"
    ]


def test_reset_can_lose_messages_in_flight_except_echoed_ones() -> None:
    part = report(CONNECT, *HEARD[:2], LOST, RETURNED)
    hasty, calm = with_client(end="reset", settled=False), with_client(end="reset")

    assert judge(hasty, seen(close=None, ends="", messages=SENT[:1], settled=False), part) == []
    assert judge(calm, seen(close=None, ends=""), part) == ["the application got 2 of 6 messages"]


@pytest.mark.parametrize("echo", [True, False])
def test_client_that_leaves_must_be_heard_if_it_settled_or_the_server_is_silent(
    *, echo: bool
) -> None:
    part = report(CONNECT, *HEARD[:2], LOST, RETURNED)
    hasty = with_application(with_client(end="leave", settled=False), echo=echo)
    alone = seen(messages=[], close=None, ends="", settled=False)

    found = judge(hasty, alone, part)

    assert found == ([] if echo else ["the application got 2 of 6 messages"])


@pytest.mark.parametrize(
    ("steps", "application", "exact"),
    [
        ((Say(),) * 6, Application(), True),
        ((Say(),) * 6, Application(pause=0.001), True),
        ((Say(),) * 6, Application(echo=True), False),
        ((Say(),) * 6, Application(batch=Batch(1, 1, "tiny")), False),
        ((Say(between=(Ping(b""),)),) * 6, Application(), False),
        ((*(Say(),) * 6, Ping(b"")), Application(), False),
    ],
)
def test_client_that_closes_and_leaves_must_be_heard_unless_the_server_writes(
    steps: tuple[Any, ...], application: Application, *, exact: bool
) -> None:
    plan = with_client(end="close and leave", settled=False, steps=steps)
    plan = attrs.evolve(plan, application=application)
    alone = seen(messages=[], close=None, ends="", settled=False)

    assert judge(plan, alone, RIGHT) == []
    found = judge(plan, alone, report(CONNECT, *HEARD[:4], LOST, RETURNED))
    assert len(found) == (2 if exact else 0)


@pytest.mark.parametrize(
    ("target", "seconds", "exact"),
    [("asyncio-tcp", 0.5, True), ("asyncio-tcp", 0.9, False), ("uvloop-unix", 0.9, True)],
)
def test_ping_of_the_server_can_reset_a_lost_client(
    target: str, seconds: float, *, exact: bool
) -> None:
    plan = with_application(with_client(end="leave", settled=False), echo=False)
    plan = attrs.evolve(plan, target=target)
    part = report(CONNECT, *HEARD[:2], LOST, RETURNED)
    part["events"][-1][0] = seconds
    alone = seen(messages=[], close=None, ends="", settled=False)

    assert bool(judge(plan, alone, part)) is exact


def test_messages_of_two_senders_can_mix_but_keep_their_order() -> None:
    plan = conversation(
        Client(
            batch=MESSAGES, steps=(Say(),) * 6, end="close", settled=True, code=4001, reason="bye"
        ),
        Application(batch=MESSAGES, voices=2),
    )
    mixed = [SENT[1], SENT[0], SENT[2], SENT[3], SENT[5], SENT[4]]

    assert judge(plan, seen(messages=mixed), RIGHT) == []
    assert judge(plan, seen(messages=mixed[:4]), RIGHT) == ["the client got 4 of 6 messages"]
    wrong = [SENT[2], *mixed]
    assert judge(plan, seen(messages=wrong), RIGHT) == [
        f"the client got message 0 out of order: {SENT[2]}"
    ]


def test_pongs_can_be_fewer_than_pings_but_keep_their_order() -> None:
    """RFC 6455 5.5.3."""
    pings = [b"1", b"2", b"3"]

    assert judge(ECHO, seen(pings=pings, pongs=[b"1", b"3"]), RIGHT) == []
    assert judge(ECHO, seen(pings=pings, pongs=[b"3", b"1"]), RIGHT) != []


def test_soak_protocol_classes_have_a_shorter_close_timeout() -> None:
    for ours, theirs in (
        (protocol.WebSocketProtocol, uvicorn.WebSocketProtocol),
        (protocol.CompatWebSocketProtocol, uvicorn.CompatWebSocketProtocol),
    ):
        assert ours.policies.close_timeout < theirs.policies.close_timeout
        changed = attrs.evolve(ours.policies, close_timeout=theirs.policies.close_timeout)
        assert changed == theirs.policies
