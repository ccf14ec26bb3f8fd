"""The outcome of playing on one target, and the server before and after it."""

import statistics
from collections import Counter
from typing import Any, Final

import attrs

from tools.soak.plan import Conversation
from tools.soak.reading import Seen

__all__ = ["Failure", "Outcome", "grown", "leaked"]

_GROWTH: Final = 0.15  # part of its memory by which a server may grow ...
_SLACK: Final = 6 * 2**20  # ... beside these bytes
_SHARE: Final = 0.25  # part of all its CPU time that one turn of its loop may take
_STALL: Final = 5  # times that a neighbour may wait as long as the slowest turn
_MANY: Final = 100  # conversations from which on there is an average
_SHORTLY: Final = 0.5  # seconds
_EXACT: Final = ("tasks", "timers", "descriptors")


@attrs.frozen
class Failure:
    """A conversation that went wrong.

    Attributes:
        conversation: Its plan.
        faults: Sentences on all that was wrong.
        seen: Account of its client.
        report: Account of its application.
    """

    conversation: Conversation
    faults: list[str]
    seen: Seen
    report: dict[str, Any]


@attrs.define
class Outcome:
    """The outcome of a phase.

    Attributes:
        target: Name of the target.
        kinds: Number of conversations of each kind.
        messages: Number of messages that were received, by both sides.
        failures: Conversations that went wrong.
        faults: Sentences on all that is wrong with the server.
        before: Holdings of the server before the conversations.
        after: Holdings after them.
        doubtful: Number of conversations that went wrong while the soak itself was held up.
        gaps: Seconds that a neighbour waited for each of its echoes.
        lag: The longest time that the soak itself was held up, in seconds.
        stopping: Seconds that it took to stop.
        spans: When each conversation began, when it ended, and its number.
    """

    target: str
    kinds: dict[str, int] = attrs.field(factory=dict)
    messages: int = 0
    failures: list[Failure] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)
    before: dict[str, Any] = attrs.field(factory=dict)
    after: dict[str, Any] = attrs.field(factory=dict)
    doubtful: int = 0
    gaps: list[float] = attrs.field(factory=list)
    lag: float = 0.0
    stopping: float = 0.0
    spans: list[tuple[float, float, int]] = attrs.field(factory=list)

    @property
    def count(self) -> int:
        """Number of conversations."""
        return sum(self.kinds.values())

    def during(self, at: float) -> str:
        """The numbers of the conversations that were played at a time, or shortly before it."""
        numbers = [
            str(number) for start, end, number in self.spans if start <= at <= end + _SHORTLY
        ]
        return ", ".join(numbers)

    @property
    def gap(self) -> tuple[float, float]:
        """The median and the longest time that the neighbour waited, in seconds."""
        return statistics.median(self.gaps or [0]), max(self.gaps, default=0)


def leaked(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Sentences on all that a server holds more of than before.

    Args:
        before: Holdings then; {} if they are not known.
        after: Holdings now.
    """
    faults = []
    for key in _EXACT if before else ():
        more = Counter(after[key]) - Counter(before[key])
        if len(after[key]) > len(before[key]):
            faults.append(f"{key} are left: {dict(more)}")
    known = before.get("objects", after["objects"])
    more = Counter(after["objects"])
    more.subtract(known)
    if kinds := [f"{count} of {kind}" for kind, count in (+more).items()]:
        faults.append(f"objects are left: {', '.join(kinds)}")
    return faults


def grown(outcome: Outcome) -> list[str]:
    """Sentences on all that has grown, or has taken too long, in a phase."""
    before, after = outcome.before, outcome.after
    faults = leaked(before, after)
    most = before["memory"] * (1 + _GROWTH) + _SLACK
    if after["memory"] > most:
        kept = after["memory"] - before["memory"]
        faults.append(f"the server has grown by {kept / 2**20:.1f} MiB")
    if outcome.count < _MANY:
        return faults
    share = after["longest turn"] / (after["cpu"] - before["cpu"])
    if share > _SHARE:
        faults.append(f"one turn of the event loop took {share:.0%} of all CPU time")
    turn, wait = after["slowest turn"] + outcome.lag, outcome.gap[1]
    if wait > _STALL * turn:
        faults.append(
            f"a neighbour waited for {wait:.2f} s, where no turn took longer than {turn:.2f}"
        )
    return faults
