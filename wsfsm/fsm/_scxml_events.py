"""The effect of each event in a flat SCXML document, by the rules of SCXML 3.12 and 3.13.

A transition on ``a`` is also one on ``a.b``, and the first transition of a state that matches an event is
taken. In a table, each event has rows of its own, so each event that the document names is looked up in
each state.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from wsfsm.fsm._codes import decoded
from wsfsm.fsm._conversion import refusal
from wsfsm.fsm._table import Event, Row

__all__ = ["ScxmlState", "ScxmlTransition", "rows_of"]

_MOST_CELLS: Final = 1_000_000


@attrs.frozen
class ScxmlTransition:
    """A transition element.

    Attributes:
        events: Its event descriptors.
        guard: The guard that an event must have, or None if it may have any.
        target: The id of a state, or None to stay.
        outputs: The texts that it logs.
    """

    events: tuple[str, ...]
    guard: str | None
    target: str | None
    outputs: list[str] = attrs.field(factory=list)

    @property
    def effect(self) -> tuple[str | None, tuple[str, ...]] | None:
        """Target and outputs, or None if the event is ignored."""
        return (self.target, (*self.outputs,)) if self.target or self.outputs else None


@attrs.frozen
class ScxmlState:
    """A state or final element, with its transitions in the order of the document."""

    id: str
    final: bool
    transitions: list[ScxmlTransition] = attrs.field(factory=list)


@attrs.frozen
class _Choice:
    """The transitions of a state that an event can take, with their places.

    Attributes:
        guarded: The first one with each guard.
        always: The first one without a condition, which ends the search.
    """

    guarded: dict[str, tuple[int, ScxmlTransition]] = attrs.field(factory=dict)
    always: list[tuple[int, ScxmlTransition]] = attrs.field(factory=list)

    def add(self, place: int, transition: ScxmlTransition) -> None:
        """Add the next transition of the document."""
        if self.always:
            return
        if transition.guard is None:
            self.always.append((place, transition))
        else:
            self.guarded.setdefault(transition.guard, (place, transition))

    def taken(self, guard: str) -> tuple[int, ScxmlTransition] | None:
        """Return the transition that is taken, if there is one."""
        return self.guarded.get(guard) or next(iter(self.always), None)

    def effect(self, guard: str) -> tuple[str | None, tuple[str, ...]] | None:
        """Return the effect of the transition that is taken, or None if the event is ignored."""
        taken = self.taken(guard)
        return None if taken is None else taken[1].effect


def rows_of(states: Sequence[ScxmlState]) -> Iterator[Row[str]]:
    """Yield the rows of each state, in the order of the transitions that are taken.

    Raises:
        ConversionError: There are more events in all states together than a table should have.
    """
    own = _guards(states)
    shorter = {name: [short for short in _prefixes(name) if short in own] for name in own}
    choices = _choices(states, shorter)
    _limit(len(own[short]) for name in own for short in shorter[name])
    others = {name: {guard for short in shorter[name] for guard in own[short]} for name in own}
    _limit(1 + len(others[name]) + len(own[name]) for found in choices for name in found)
    guards = {name: {**own[name]} for name in own}
    for found in choices:
        for name, choice in found.items():
            # a guard of a shorter name counts if it makes a difference to this one in any state
            guards[name] |= dict.fromkeys(
                guard for guard in sorted(others[name]) if choice.effect(guard) != choice.effect("")
            )
    for state, found in zip(states, choices, strict=True):
        rows = [
            (taken[0], _row(state, name, guard, taken[1]))
            for name, choice in found.items()
            for guard in guards[name]
            if (taken := choice.taken(guard)) is not None and taken[1].effect is not None
        ]
        yield from (row for _, row in sorted(rows, key=lambda one: one[0]))


def _limit(counts: Iterable[int]) -> None:
    """Refuse a document whose events would take too long, because a small one can have very many."""
    total = 0
    for count in counts:
        total += count
        if total > _MOST_CELLS:
            raise refusal(
                "the SCXML document", [f"it has more than {_MOST_CELLS} events in its states"]
            )


def _guards(states: Sequence[ScxmlState]) -> dict[str, dict[str, None]]:
    """Return the guards that each event has under exactly its name, and first of all no guard."""
    guards: dict[str, dict[str, None]] = {}
    for state in states:
        for transition in state.transitions:
            for name in transition.events:
                guards.setdefault(name, {"": None})[transition.guard or ""] = None
    return guards


def _prefixes(name: str) -> Iterator[str]:
    return (name[:place] for place, character in enumerate(name) if character == ".")


def _choices(
    states: Sequence[ScxmlState], shorter: dict[str, list[str]]
) -> list[dict[str, _Choice]]:
    """Return, for each state, the choice of each event that it has a transition for."""
    longer: dict[str, list[str]] = {name: [name] for name in shorter}
    for name, prefixes in shorter.items():
        for short in prefixes:
            longer[short].append(name)
    _limit(
        len(longer[short])
        for state in states
        for transition in state.transitions
        for short in transition.events
    )
    choices: list[dict[str, _Choice]] = []
    for state in states:
        found: dict[str, _Choice] = {}
        for place, transition in enumerate(state.transitions):
            for short in transition.events:
                for name in longer[short]:
                    found.setdefault(name, _Choice()).add(place, transition)
        choices.append(found)
    return choices


def _row(state: ScxmlState, name: str, guard: str, taken: ScxmlTransition) -> Row[str]:
    event = decoded(name)
    return Row(
        decoded(state.id),
        Event(event, guard) if guard else event,
        decoded(taken.target or state.id),
        outputs=(*taken.outputs,),
    )
