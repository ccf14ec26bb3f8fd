"""The texts of refusals, with hints for events that a table does not have."""

from collections.abc import Iterable
from typing import Any, Final

from wsfsm._text import listed, readable, shortened
from wsfsm.fsm._table import AnyEvent, Event, Table, event_name, state_name

__all__ = ["event_hint", "refusal_text", "trigger_hint"]

_ALIKE: Final = 4


def refusal_text(
    machine: str, state: Any, event: str, allowed: tuple[str, ...], hint: str = ""
) -> str:
    """Say which machine refuses which event, and what is allowed."""
    return (
        f"The {readable(machine)} machine refuses {shortened(event)!r} in state "
        f"{readable(state_name(state))}{hint}; allowed now: {listed(allowed) or 'nothing'}"
    )


def event_hint(table: Table[Any], event: AnyEvent) -> str:
    """Name the events that may be meant by one that the table does not have."""
    alike = [one for one in table.events if str(one) == str(event)]
    alike = alike or [one for one in table.events if event_name(one) == event_name(event)]
    if not alike:
        return ""
    return f", because its table has {_joined(map(_written, alike), 'and')} instead"


def trigger_hint(guards: Iterable[str]) -> str:
    """Say which guards a trigger takes; an empty one is none."""
    allowed = (f"guard={shortened(guard)!r}" if guard else "no guard" for guard in guards)
    return f", because the trigger takes {_joined(allowed, 'or')}"


def _joined(words: Iterable[str], conjunction: str) -> str:
    every = [*words]
    more = [f"{len(every) - _ALIKE} more"] * (len(every) > _ALIKE)
    return f" {conjunction} ".join([*every[:_ALIKE], *more])


def _written(event: AnyEvent) -> str:
    """Return an event as one writes it in Python."""
    if not isinstance(event, Event):
        return repr(shortened(event))
    guard = f", guard={shortened(event.guard)!r}" if event.guard else ""
    kind = "" if event.is_message else ", is_message=False"
    return f"Event({shortened(event.name)!r}{guard}{kind})"
