"""What the runners share: judging what a step has seen, and telling the states after it."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from wsfsm.conformance.cases import Case, Level, Step
from wsfsm.conformance.patterns import Pattern, described, mismatch
from wsfsm.conformance.values import shown
from wsfsm.conformance.verdicts import Entry, Result, Verdict
from wsfsm.errors import MalformedMessage
from wsfsm.joint import STRAIGHT, Joint
from wsfsm.tables import event_of
from wsfsm.types import Message

__all__ = ["Record", "States", "expects"]


class States:
    """The states of both machines, as they follow from what the application has seen and sent.

    What the tables refuse changes nothing.
    """

    def __init__(self) -> None:
        self._joint: Joint = STRAIGHT.initial

    def received(self, message: Message) -> None:
        """The application has received a message."""
        self._joint = self._joint.receives.get(_event(message), self._joint)

    def sent(self, message: Message) -> None:
        """It has sent one, and nothing was raised."""
        event = _event(message)
        joint = self._joint
        self._joint = joint.takes.get(event) or joint.sends.get(str(event)) or joint

    def __str__(self) -> str:
        return f"{self._joint.client.state.name}/{self._joint.application.state.name}"


def _event(message: Message) -> Any:
    try:
        return event_of(message)
    except MalformedMessage:
        return None


def expects(step: Step, key: str) -> bool:
    """Whether a step looks for an observation of this key."""
    return any(key in pattern for pattern in (*step.need, *step.expect, *step.non_strict))


@attrs.define
class Record:
    """What was done and seen in a run of a case, and what came of it so far.

    Attributes:
        case: The case.
        states: States of the two machines.
        trace: What was done and seen.
        leniency: Why it is no pass, where something was let pass.
        result: The result, once there is one.
    """

    case: Case
    states: States = attrs.field(factory=States)
    trace: list[Entry] = attrs.field(factory=list)
    leniency: str = ""
    result: Result | None = None

    def saw(self, step: Step, seen: Mapping[str, Any]) -> bool:
        """Judge a step; whether the case goes on."""
        if step.need and _best(step.need, seen):
            self._end(step, seen, Verdict.UNSUPPORTED, step.need, "what the case needs")
        elif step.expect and (wrong := _best(step.expect, seen)):
            if step.non_strict and not _best(step.non_strict, seen):
                self.leniency = wrong
                self._enter(step, seen, "")
            elif self.case.level is not Level.MAY:
                late = bool(seen.get("waits"))
                verdict = Verdict.TIMEOUT if late else Verdict.FAIL
                self._end(step, seen, verdict, step.expect, "what is demanded")
            else:
                self._enter(step, seen, "")
        else:
            self._enter(step, seen, "")
        return self.result is None

    def _enter(self, step: Step, seen: Mapping[str, Any], wrong: str) -> None:
        self.trace.append(
            Entry(side=step.side, did=str(step), saw=seen, state=str(self.states), wrong=wrong)
        )

    def _end(
        self,
        step: Step,
        seen: Mapping[str, Any],
        verdict: Verdict,
        patterns: Sequence[Pattern],
        what: str,
    ) -> None:
        wrong = _best(patterns, seen)
        self._enter(step, seen, wrong)
        self.conclude(
            verdict,
            f"{what} was not seen when: {step}",
            expected=" or ".join(map(described, patterns)),
            observed=_told(seen),
        )

    def conclude(
        self, verdict: Verdict, reason: str = "", *, expected: str = "", observed: str = ""
    ) -> Result:
        """End it with a verdict."""
        self.result = Result(
            case=self.case,
            verdict=verdict,
            reason=reason,
            expected=expected,
            observed=observed,
            trace=tuple(self.trace),
        )
        return self.result

    def finish(self) -> Result:
        """What came of it, once all steps are done."""
        if self.result is not None:
            return self.result
        if self.case.level is Level.MAY:
            looked = [
                _told(entry.saw)
                for step, entry in zip(self.case.steps, self.trace, strict=True)
                if step.expect
            ]
            return self.conclude(Verdict.INFORMATIONAL, observed="; ".join(looked))
        if self.leniency:
            return self.conclude(Verdict.NON_STRICT, f"let pass: {self.leniency}")
        return self.conclude(Verdict.PASS)


def _best(patterns: Sequence[Pattern], seen: Mapping[str, Any]) -> str:
    """What is wrong, by the pattern that comes first; "" if one of them matches."""
    wrong = [mismatch(pattern, seen) for pattern in patterns]
    return "" if "" in wrong else wrong[0]


def _told(seen: Mapping[str, Any]) -> str:
    parts = [key if item is True else f"{key}: {shown(item)}" for key, item in seen.items()]
    return ", ".join(parts)
