"""What the runners share: judging what a step has seen, and telling the states after it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from wsfsm.conformance.cases import Case, Level, Step
from wsfsm.conformance.patterns import Pattern, described, mismatch
from wsfsm.conformance.values import shown
from wsfsm.conformance.verdicts import Entry, Result, Verdict
from wsfsm.exceptions import MalformedMessage
from wsfsm.tables import event_of
from wsfsm.tables.events import LOST
from wsfsm.types import Message
from wsfsm.websockets._joint import PRODUCT, JointState

__all__ = ["Record", "Saw", "States", "expects", "told"]

Saw = Mapping[str, Any]
"""An observation."""


class States:
    """The states of both machines, as they follow from what the application has seen and sent.

    What the tables refuse changes nothing.
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
        """It has sent one: the send has returned, or waits for the server."""
        event = _event(message)
        joint = self._joint
        self._before, self._since = joint, []
        self._joint = joint.on_event.get(event) or joint.on_send.get(str(event)) or joint

    def refused(self) -> None:
        """What it sent last was refused after all, by an exception out of the send that waited."""
        since, self._since = self._since, []
        self._joint = self._before
        for message in since:
            self.received(message)

    def lost(self) -> None:
        """The transport has failed under a message that it sent."""
        self._joint = self._joint.on_event.get(LOST, self._joint)

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


def told(saw: Saw) -> str:
    """An observation for people; "" if there is nothing to be seen."""
    said, rest = list[str](), dict(saw)
    match saw:  # an exception's class comes with all that it inherits from
        case {"raises": [str(kind), *_], "text": str(text), **rest} if text:
            said = [f"raises {kind} ({text})"]
        case {"raises": [str(kind), *_], **rest}:
            said = [f"raises {kind}"]
            rest.pop("text", None)
    return ", ".join([*said, *(_told(key, item) for key, item in rest.items())])


def _told(key: str, item: Any) -> str:
    if item is True:
        return "nothing was sent" if key == "nothing" else key
    return f"{key}: {shown(item)}"


@attrs.define
class Record:
    """What was done and seen in a run of a case, and what came of it so far.

    Attributes:
        case: The case.
        states: States of the two machines.
        trace: What was done and seen.
        lenient: The result if all the rest passes, where something was let pass.
        result: The result, once there is one.
    """

    case: Case
    states: States = attrs.field(factory=States)
    trace: list[Entry] = attrs.field(factory=list)
    lenient: Result | None = None
    result: Result | None = None

    def saw(self, step: Step, seen: Saw) -> bool:
        """Judge a step; whether the case goes on."""
        needed = _unmet(step.need, seen)
        wrong = "" if self.case.level is Level.MAY else _unmet(step.expect, seen)
        self.trace.append(
            Entry(
                side=step.side,
                did=str(step),
                saw=seen,
                state=str(self.states),
                wrong=needed or wrong,
            )
        )
        if needed:
            reason = f"{step}: the beginning of the case was not reached ({needed})"
            self._end(Verdict.UNSUPPORTED, reason, step.need, seen)
        elif wrong:
            if step.non_strict and not _unmet(step.non_strict, seen):
                if self.lenient is None:
                    self.lenient = self._came(
                        Verdict.NON_STRICT, f"{step}: {wrong}", step.expect, seen
                    )
            else:
                verdict = Verdict.TIMEOUT if seen.get("waits") else Verdict.FAIL
                self._end(verdict, f"{step}: {wrong}", step.expect, seen)
        return self.result is None

    def never(self, messages: Iterable[Any], reason: str) -> None:
        """Look for messages that must never be seen, unless the result is there already.

        Args:
            messages: All that were seen.
            reason: What is wrong if there is one.
        """
        if self.result is not None or self.case.level is Level.MAY:
            return
        seen = list(messages)
        for pattern in self.case.never.messages:
            for one in seen:
                if isinstance(one, Mapping) and not mismatch(pattern, one):
                    expected = f"no message with {described(pattern)}"
                    self.conclude(Verdict.FAIL, reason, expected=expected, observed=shown(one))
                    return

    def _came(
        self, verdict: Verdict, reason: str, patterns: Sequence[Pattern], seen: Saw
    ) -> Result:
        return Result(
            case=self.case,
            verdict=verdict,
            reason=reason,
            expected=_alternatives(patterns),
            observed=told(seen),
        )

    def _end(self, verdict: Verdict, reason: str, patterns: Sequence[Pattern], seen: Saw) -> None:
        self._conclude(self._came(verdict, reason, patterns, seen))

    def _conclude(self, result: Result) -> Result:
        self.result = attrs.evolve(result, trace=tuple(self.trace))
        return self.result

    def conclude(
        self, verdict: Verdict, reason: str = "", *, expected: str = "", observed: str = ""
    ) -> Result:
        """End it with a verdict."""
        return self._conclude(
            Result(
                case=self.case,
                verdict=verdict,
                reason=reason,
                expected=expected,
                observed=observed,
            )
        )

    def finish(self, looks: Callable[[Step], bool]) -> Result:
        """What came of it, once all steps are done.

        Args:
            looks: Whether a step sees what the case is about, and not only its beginning.
        """
        if self.result is not None:
            return self.result
        if self.lenient is not None:
            return self._conclude(self.lenient)
        steps = zip(self.case.steps, self.trace, strict=True)
        looked = [(step, entry) for step, entry in steps if looks(step)]
        observed = "; ".join(f"{entry.did}: {told(entry.saw)}" for _, entry in looked)
        if self.case.level is Level.MAY:
            return self.conclude(Verdict.INFORMATIONAL, observed=observed)
        expected = "; ".join(
            f"{entry.did}: {_alternatives(step.expect)}" for step, entry in looked if step.expect
        )
        return self.conclude(Verdict.PASS, expected=expected, observed=observed)


def _alternatives(patterns: Sequence[Pattern]) -> str:
    return " or ".join(map(described, patterns))


def _unmet(patterns: Sequence[Pattern], seen: Saw) -> str:
    """What is wrong; "" if one of the patterns matches, or none is asked.

    Of several, it is told by the first that is about what was seen at all.
    """
    wrong = [mismatch(pattern, seen) for pattern in patterns]
    if "" in wrong or not wrong:
        return ""
    near = (text for pattern, text in zip(patterns, wrong, strict=True) if pattern.keys() & seen)
    return next(near, f"expected {_alternatives(patterns)}, got {told(seen) or 'nothing'}")
