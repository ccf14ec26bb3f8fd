"""The outcome of a phase, which plays conversations on one target."""

import statistics
from collections import Counter
from typing import Any, Final

import attrs

from tools.soak.plan import Conversation
from tools.soak.reading import Seen

__all__ = ["Failure", "Outcome", "grown", "leaked"]

_GROWTH: Final = 0.15  # part of its memory by which a server may grow
_SLACK: Final = 6 * 2**20  # bytes by which it may grow in addition
_SHARE: Final = 0.25  # part of its CPU time that one turn of its loop may take
_STALL: Final = 5  # a neighbour may wait this many times as long as the slowest turn
_MANY: Final = 100  # conversations that are enough for an average
_SHORTLY: Final = 0.5  # seconds
_EXACT: Final = ("tasks", "timers", "descriptors")


@attrs.frozen
class Failure:
    """A conversation with faults.

    Attributes:
        conversation: The plan.
        faults: A sentence for each fault.
        seen: Record of the client.
        report: Record of the application.
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
        messages: Number of messages that both sides received.
        failures: Conversations with faults.
        faults: A sentence for each fault of the server.
        before: Resources of the server before the conversations.
        after: Resources after the conversations.
        doubtful: Number of conversations with faults while the soak itself was delayed.
        gaps: Seconds that a neighbour waited for each of its echoes.
        lag: The longest delay of the soak itself, in seconds.
        stopping: Seconds that the server took to stop.
        spans: Start, end and number of each conversation.
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
        """List the numbers of the conversations that were played at a time, or shortly before it."""
        numbers = [
            str(number) for start, end, number in self.spans if start <= at <= end + _SHORTLY
        ]
        return ", ".join(numbers)

    @property
    def gap(self) -> tuple[float, float]:
        """The median and the longest time that the neighbour waited, in seconds."""
        return statistics.median(self.gaps or [0]), max(self.gaps, default=0)


def leaked(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a sentence for each kind of resource that a server has more of than before.

    Args:
        before: Resources before; {} if they are not known.
        after: Resources now.
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
    """Return a sentence for each resource that has grown and each time that was too long."""
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
            f"a neighbour waited for {wait:.2f} s, although no turn took longer than {turn:.2f} s"
        )
    return faults
