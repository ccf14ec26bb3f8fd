"""The effect of each event in a flat SCXML document, by the rules of SCXML 3.12 and 3.13.

A transition on ``a`` is also one on ``a.b``, and the first transition of a state that matches an event is
taken. In a table, each event has rows of its own, so each event that the document names is looked up in
each state.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

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


_Matching: TypeAlias = dict[str, list[tuple[int, ScxmlTransition]]]
"""The transitions that match each event, with their places in the state."""


def rows_of(states: Sequence[ScxmlState]) -> Iterator[Row[str]]:
    """Yield the rows of each state, in the order of the transitions that are taken.

    Raises:
        ConversionError: There are more events in all states together than a table should have.
    """
    own = _guards(states)
    shorter = {name: [short for short in _prefixes(name) if short in own] for name in own}
    found = _matching(states, shorter)
    guards = {
        name: dict.fromkeys(
            [*own[name], *(guard for short in shorter[name] for guard in own[short])]
        )
        for name in own
    }
    if sum(len(guards[name]) for matching in found for name in matching) > _MOST_CELLS:
        raise refusal(
            "the SCXML document", [f"it has more than {_MOST_CELLS} events in its states"]
        )
    relevant = {
        name: [
            guard for guard in guards[name] if guard in own[name] or _matters(name, guard, found)
        ]
        for name in own
    }
    for state, matching in zip(states, found, strict=True):
        rows = [
            (place, _row(state, name, guard, taken))
            for name, transitions in matching.items()
            for guard in relevant[name]
            for place, taken in _taken(transitions, guard)
            if taken.effect is not None
        ]
        yield from (row for _, row in sorted(rows, key=lambda one: one[0]))


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


def _matching(states: Sequence[ScxmlState], shorter: dict[str, list[str]]) -> list[_Matching]:
    """Return the matching transitions in each state."""
    longer: dict[str, list[str]] = {name: [name] for name in shorter}
    for name, prefixes in shorter.items():
        for short in prefixes:
            longer[short].append(name)
    found: list[_Matching] = []
    for state in states:
        matching: _Matching = {}
        for place, transition in enumerate(state.transitions):
            # in a transition on "a a.b", both match a.b
            for name in dict.fromkeys(
                name for short in transition.events for name in longer[short]
            ):
                matching.setdefault(name, []).append((place, transition))
        found.append(matching)
    return found


def _taken(
    transitions: list[tuple[int, ScxmlTransition]], guard: str
) -> list[tuple[int, ScxmlTransition]]:
    """Return the first transition that is taken, if there is one."""
    return [one for one in transitions if one[1].guard in {None, guard}][:1]


def _matters(name: str, guard: str, found: list[_Matching]) -> bool:
    """Check whether a guard of a shorter name makes a difference to this one in any state."""
    return any(
        [one.effect for _, one in _taken(matching.get(name, []), guard)]
        != [one.effect for _, one in _taken(matching.get(name, []), "")]
        for matching in found
    )


def _row(state: ScxmlState, name: str, guard: str, taken: ScxmlTransition) -> Row[str]:
    event = decoded(name)
    return Row(
        decoded(state.id),
        Event(event, guard) if guard else event,
        decoded(taken.target or state.id),
        outputs=(*taken.outputs,),
    )
