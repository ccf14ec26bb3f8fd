"""Judging observations, for both runners, and following the states of both machines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from wsfsm.conformance.cases import Case, Level, Step
from wsfsm.conformance.patterns import Pattern, describe_pattern, mismatch
from wsfsm.conformance.values import describe_value
from wsfsm.conformance.verdicts import Result, TraceEntry, Verdict
from wsfsm.exceptions import MalformedMessage
from wsfsm.tables import event_of
from wsfsm.tables.events import LOST
from wsfsm.types import Message
from wsfsm.websockets._joint import PRODUCT, JointState

__all__ = ["Observation", "Record", "States", "describe_observation", "expects"]

Observation = Mapping[str, Any]
"""A table of the things that a step has observed."""


class States:
    """The states of both machines, as they follow from the messages of the application.

    A message that the tables refuse changes nothing.
    """

    def __init__(self) -> None:
        self._joint: JointState = PRODUCT.initial
        self._before: JointState = self._joint
        self._since: list[Message] = []

    def received(self, message: Message) -> None:
        """The application has received a message."""
        self._joint = self._joint.on_receive.get(_event(message), self._joint)
        self._since.append(message)

    def sent(self, message: Message) -> None:
        """The application has sent a message: `send` has returned, or waits for the server."""
        event = _event(message)
        joint = self._joint
        self._before, self._since = joint, []
        self._joint = joint.on_event.get(event) or joint.on_send.get(str(event)) or joint

    def refused(self) -> None:
        """The server has refused the last message after all, because a waiting `send` raised."""
        since, self._since = self._since, []
        self._joint = self._before
        for message in since:
            self.received(message)

    def lost(self) -> None:
        """The transport has failed while the application was sending."""
        self._joint = self._joint.on_event.get(LOST, self._joint)

    def __str__(self) -> str:
        return f"{self._joint.client.state.name}/{self._joint.application.state.name}"


def _event(message: Message) -> Any:
    try:
        return event_of(message)
    except MalformedMessage:
        return None


def expects(step: Step, key: str) -> bool:
    """Whether a pattern of a step has this key."""
    return any(key in pattern for pattern in (*step.need, *step.expect, *step.non_strict))


def describe_observation(observation: Observation) -> str:
    """Describe an observation for people; "" if it is empty."""
    parts, rest = list[str](), dict(observation)
    match observation:  # of an exception's class and its bases, the class is enough
        case {"raises": [str(kind), *_], "text": str(text), **rest} if text:
            parts = [f"raises {kind} ({text})"]
        case {"raises": [str(kind), *_], **rest}:
            parts = [f"raises {kind}"]
            rest.pop("text", None)
    return ", ".join([*parts, *(_describe_item(key, item) for key, item in rest.items())])


def _describe_item(key: str, item: Any) -> str:
    if item is True:
        return "nothing was sent" if key == "nothing" else key
    return f"{key}: {describe_value(item)}"


@attrs.define
class Record:
    """The trace of a case while it is played, and its result so far.

    Attributes:
        case: The case.
        states: States of the two machines.
        trace: The steps as they were played.
        tolerated: The result if everything else passes, after a tolerated observation.
        result: The result, as soon as there is one.
    """

    case: Case
    states: States = attrs.field(factory=States)
    trace: list[TraceEntry] = attrs.field(factory=list)
    tolerated: Result | None = None
    result: Result | None = None

    def judge(self, step: Step, observation: Observation) -> bool:
        """Judge the observation of a step, and return whether the case goes on."""
        unmet = _unmet(step.need, observation)
        wrong = "" if self.case.level is Level.MAY else _unmet(step.expect, observation)
        self.trace.append(
            TraceEntry(
                side=step.side,
                step=str(step),
                observation=observation,
                states=str(self.states),
                mismatch=unmet or wrong,
            )
        )
        if unmet:
            reason = f"{step}: the beginning of the case was not reached ({unmet})"
            self._end(self._judged(Verdict.UNSUPPORTED, reason, step.need, observation))
        elif wrong:
            verdict = Verdict.TIMEOUT if observation.get("waits") else Verdict.FAIL
            tolerated = step.non_strict and not _unmet(step.non_strict, observation)
            if tolerated:
                verdict = Verdict.NON_STRICT
            result = self._judged(verdict, f"{step}: {wrong}", step.expect, observation)
            if tolerated:
                self.tolerated = self.tolerated or result
            else:
                self._end(result)
        return self.result is None

    def check_never(self, messages: Iterable[Any], reason: str) -> None:
        """Look for messages that must never be seen, unless there is a result already.

        Args:
            messages: All messages of the run.
            reason: The reason for the verdict if one of them is found.
        """
        if self.result is not None or self.case.level is Level.MAY:
            return
        seen = list(messages)
        for pattern in self.case.never.messages:
            for one in seen:
                if isinstance(one, Mapping) and not mismatch(pattern, one):
                    expected = f"no message with {describe_pattern(pattern)}"
                    observed = describe_value(one)
                    self.conclude(Verdict.FAIL, reason, expected=expected, observed=observed)
                    return

    def _judged(
        self,
        verdict: Verdict,
        reason: str,
        patterns: Sequence[Pattern],
        observation: Observation,
    ) -> Result:
        return Result(
            case=self.case,
            verdict=verdict,
            reason=reason,
            expected=_alternatives(patterns),
            observed=describe_observation(observation),
        )

    def _end(self, result: Result) -> Result:
        self.result = attrs.evolve(result, trace=tuple(self.trace))
        return self.result

    def conclude(
        self, verdict: Verdict, reason: str = "", *, expected: str = "", observed: str = ""
    ) -> Result:
        """End the case with a verdict."""
        return self._end(
            Result(
                case=self.case,
                verdict=verdict,
                reason=reason,
                expected=expected,
                observed=observed,
            )
        )

    def finish(self, shows: Callable[[Step], bool]) -> Result:
        """Return the result, after the last step.

        Args:
            shows: Whether a step observes the subject of the case, and not only its beginning.
        """
        if self.result is not None:
            return self.result
        if self.tolerated is not None:
            return self._end(self.tolerated)
        steps = zip(self.case.steps, self.trace, strict=True)
        shown = [(step, entry) for step, entry in steps if shows(step)]
        observed = "; ".join(
            f"{entry.step}: {describe_observation(entry.observation)}" for _, entry in shown
        )
        if self.case.level is Level.MAY:
            return self.conclude(Verdict.INFORMATIONAL, observed=observed)
        expected = "; ".join(
            f"{entry.step}: {_alternatives(step.expect)}" for step, entry in shown if step.expect
        )
        return self.conclude(Verdict.PASS, expected=expected, observed=observed)


def _alternatives(patterns: Sequence[Pattern]) -> str:
    return " or ".join(map(describe_pattern, patterns))


def _unmet(patterns: Sequence[Pattern], observation: Observation) -> str:
    """The difference to the patterns; "" if one of them matches, or there are none.

    Of several, the first one that has a key of the observation is compared.
    """
    wrong = [mismatch(pattern, observation) for pattern in patterns]
    if "" in wrong or not wrong:
        return ""
    pairs = zip(patterns, wrong, strict=True)
    near = (text for pattern, text in pairs if pattern.keys() & observation)
    got = describe_observation(observation) or "nothing"
    return next(near, f"expected {_alternatives(patterns)}, got {got}")
