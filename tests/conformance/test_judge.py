"""What both runners share: the states that a trace tells, and the verdict of a step."""

from typing import Any

import attrs
import pytest

from wsfsm.conformance import Level, Result, Verdict
from wsfsm.conformance._judge import Record, States
from wsfsm.conformance.cases import Case, Never, Step

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}
DISCONNECT = {"type": "websocket.disconnect", "code": 1000}
RAISES = {"raises": {"has": ["Exception"]}}


def opened() -> States:
    states = States()
    states.received(CONNECT)
    states.sent(ACCEPT)
    return states


class TestStates:
    def test_states_follow_received_and_sent_messages(self) -> None:
        states = States()
        states_told = [str(states)]
        for step, message in (
            (states.received, CONNECT),
            (states.sent, ACCEPT),
            (states.sent, CLOSE),
            (states.received, DISCONNECT),
        ):
            step(message)
            states_told.append(str(states))

        assert states_told == [
            "CONNECTING/CONNECTING",
            "CONNECTED/CONNECTING",
            "CONNECTED/CONNECTED",
            "CONNECTED/DISCONNECTED",
            "DISCONNECTED/DISCONNECTED",
        ]

    @pytest.mark.parametrize("message", [ACCEPT, {"type": "websocket.nothing"}, {}])
    def test_refused_message_does_not_change_the_states(self, message: Any) -> None:
        states = opened()
        states.sent(message)
        states.received(message)

        assert str(states) == "CONNECTED/CONNECTED"

    def test_late_refusal_takes_back_the_sent_message(self) -> None:
        states = opened()
        states.sent(CLOSE)
        states.refused()

        assert str(states) == "CONNECTED/CONNECTED"

    def test_late_refusal_keeps_messages_received_in_the_meantime(self) -> None:
        states = opened()
        states.sent(CLOSE)
        states.received(DISCONNECT)
        states.refused()

        assert str(states) == "DISCONNECTED/CONNECTED"

    def test_transport_loss_ends_both_machines(self) -> None:
        states = opened()
        states.lost()

        assert str(states) == "DISCONNECTED/DISCONNECTED"


def judged(seen: dict[str, Any], level: Level = Level.MUST, **patterns: Any) -> Result:
    """What comes of a case of one step."""
    step = Step.from_table("server", {"app": "receive", **patterns})
    case = Case(
        id="a.case", kind="server", level=level, section="", requirement="", steps=(step,), note="n"
    )
    record = Record(case)
    record.judge(step, seen)
    return record.finish(lambda step: bool(step.expect))


class TestJudging:
    def test_pass_has_its_expectation_and_observation(self) -> None:
        result = judged({"message": CONNECT, "x": 1}, expect={"message": CONNECT})

        assert result.verdict is Verdict.PASS
        assert result.expected == "app receive: message {type: 'websocket.connect'}"
        assert result.observed == "app receive: message: {type: 'websocket.connect'}, x: 1"

    def test_may_case_has_no_expectation(self) -> None:
        result = judged({"waits": True}, Level.MAY, expect=RAISES)

        assert attrs.astuple(result, recurse=False)[1:5] == (
            Verdict.INFORMATIONAL,
            "",
            "",
            "app receive: waits",
        )

    def test_mismatch_is_explained_by_the_pattern_that_fits_the_observation(self) -> None:
        result = judged({"message": 5}, expect=[{"waits": True}, {"message": 6}])

        assert result.reason == "app receive: message: expected 6, got 5"

    def test_observation_that_fits_no_pattern_is_reported_with_all_of_them(self) -> None:
        seen = {"raises": ["ValueError", "Exception"], "text": "no"}
        result = judged(seen, expect=[{"returns": True}, {"waits": True}])

        assert result.reason == (
            "app receive: expected returns or waits, got raises ValueError (no)"
        )
        assert judged({}, expect={"returns": True}).reason.endswith("expected returns, got nothing")


class TestNever:
    @pytest.mark.parametrize(
        ("level", "code", "verdict"),
        [
            (Level.MUST, 1006, Verdict.FAIL),
            (Level.MUST, 1000, None),
            (Level.MAY, 1006, None),
        ],
    )
    def test_a_forbidden_message_fails_a_case_that_demands_something(
        self, level: Level, code: int, verdict: Verdict | None
    ) -> None:
        never = Never(messages=({"code": 1006},))
        record = Record(attrs.evolve(judged({}).case, level=level, never=never))
        record.check_never(["closed", {**DISCONNECT, "code": code}], "it was received")

        assert (record.result and record.result.verdict) is verdict


class TestDoubt:
    def test_failures_and_unreached_cases_are_in_doubt(self) -> None:
        failed = judged({"message": 5}, expect={"message": 6})
        unreached = judged({"message": 5}, need={"message": 6})

        assert unreached.verdict is Verdict.UNSUPPORTED
        assert failed.is_in_doubt
        assert unreached.is_in_doubt

    def test_skipped_and_passed_cases_are_not_in_doubt(self) -> None:
        foreign = Record(judged({}).case).conclude(Verdict.UNSUPPORTED, "another version")

        assert not foreign.is_in_doubt
        assert not judged({}).is_in_doubt
