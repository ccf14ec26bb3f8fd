"""The report about phases and failed conversations, as lines of text."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from tools.soak.outcome import Failure, Outcome
from tools.soak.plan import Conversation

__all__ = ["failure", "outcome"]

_LINES: Final = 30  # lines of a trace that are shown at its beginning, and at its end
_MIB: Final = 2**20


def outcome(done: Outcome) -> Iterator[str]:
    """Yield the lines about a phase."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.kinds.items()))
    yield f"{done.target}: {done.count} conversations, {done.messages} messages ({kinds})"
    if done.after:
        before, after = done.before, done.after
        median, longest = done.gap
        memory = f"{before['memory'] / _MIB:.1f} MiB before, {after['memory'] / _MIB:.1f} after"
        yield f"  memory: {memory}; {_counts(before)} before, {_counts(after)} after"
        yield (
            f"  a neighbour waited {median * 1000:.1f} ms for an echo (median), at most {longest:.2f} s; "
            f"the longest turn of the loop took {after['longest turn']:.3f} s of CPU time, the slowest "
            f"{after['slowest turn']:.2f} s; the soak itself was delayed by at most {done.lag:.2f} s"
        )
    if done.doubtful:
        yield f"  {done.doubtful} conversations failed while the soak was delayed, and do not count"
    yield f"  stopped in {done.stopping:.1f} s"
    yield from (f"  FAULT: {fault}" for fault in done.faults)


def _counts(state: dict[str, Any]) -> str:
    return ", ".join(f"{len(state[key])} {key}" for key in ("tasks", "timers", "descriptors"))


def failure(found: Failure) -> Iterator[str]:
    """Yield the lines about a failed conversation, with a trace of both sides."""
    conversation = found.conversation
    yield f"FAILURE in {conversation.name} ({conversation.kind})"
    yield from (f"  {fault}" for fault in found.faults)
    yield f"  repeat: {_command(conversation)}"
    yield f"  client: {_describe(conversation.client)}"
    yield f"  application: {_describe(conversation.application)}"
    events = [(at, f"client       {text}") for at, text in found.seen.events]
    for at, what, detail in found.report.get("events", []):
        events.append((at, f"application  {what} {'' if detail is None else detail}"))
    events.sort(key=lambda event: event[0])
    start = events[0][0] if events else 0
    yield from _shortened([f"  {at - start:8.3f} {text}" for at, text in events])


def _command(conversation: Conversation) -> str:
    """Return the command that repeats a conversation alone."""
    which = f"--target {conversation.target} --only {conversation.number}"
    return f'make soak SEED={conversation.seed} ARGS="{which} --kind {conversation.kind}"'


def _describe(side: Any) -> str:
    """Describe a side of a plan by the fields that are not the default, and the number of steps."""
    parts = []
    for field in attrs.fields(type(side)):
        value = getattr(side, field.name)
        if field.name == "steps":
            parts.append(f"{len(value)} steps")
        elif value != field.default:
            parts.append(f"{field.name}={value!r}")
    return ", ".join(parts)


def _shortened(lines: Sequence[str]) -> list[str]:
    left = len(lines) - 2 * _LINES
    if left <= 0:
        return list(lines)
    return [*lines[:_LINES], f"  ... {left} more ...", *lines[-_LINES:]]
