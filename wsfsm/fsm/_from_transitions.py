"""Machines of the package ``transitions`` as tables."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs
import transitions
from transitions.core import Condition, Transition

from wsfsm._text import describe, readable
from wsfsm.exceptions import ConversionError
from wsfsm.fsm._conversion import ends, refusal, table_from
from wsfsm.fsm._live import TableMachine
from wsfsm.fsm._table import Event, Row, Table

__all__ = ["table_of"]

_OF_MACHINE: Final = (
    "prepare_event",
    "before_state_change",
    "after_state_change",
    "finalize_event",
    "on_exception",
    "on_final",
)
_OF_STATE: Final = ("on_enter", "on_exit")
_OF_TRANSITION: Final = ("prepare", "before", "after")
# Another class of states or transitions may have effects, for example Timeout.
_CLASSES: Final = frozenset(
    {f"{kind}{name}" for name in ("State", "Transition", "Event") for kind in ("", "Async")}
    | {"Condition", "AsyncCondition", "LockedEvent", "TransitionGraphSupport"}
)


def table_of(theirs: Any, name: str | None) -> Table[Any]:
    """Return the table of a flat machine.

    Raises:
        ConversionError: Something cannot be converted; the text lists everything.
        TableError: One of the checks refuses the table.
    """
    if isinstance(theirs, TableMachine):
        table: Table[Any] = theirs.compiled.table
        return table if name is None else attrs.evolve(table, name=name)
    if not isinstance(theirs, transitions.Machine):
        raise ConversionError(
            f"from_transitions() needs a Machine of the package transitions, got {describe(theirs)}"
        )
    me = theirs.name.removesuffix(": ") or "machine" if name is None else name
    if any(kind.__module__ == "transitions.extensions.nesting" for kind in type(theirs).__mro__):
        raise refusal(
            f"the {readable(me)} machine",
            [f"it is a {type(theirs).__name__}, whose states may be nested or parallel"],
        )
    reasons = [*_of_machine(theirs), *_of_states(theirs)]
    rows: list[Row[Any]] = []
    for trigger, event in theirs.events.items():
        if not (theirs.auto_transitions and _is_automatic(theirs, trigger, event)):
            rows += _rows(theirs, trigger, event, reasons)
    if reasons:
        raise refusal(f"the {readable(me)} machine", reasons)
    values: dict[str, Any] = {state.name: state.value for state in theirs.states.values()}
    final = [state.value for state in theirs.states.values() if state.final]
    return table_from(
        me,
        [*values.values()],
        values[str(theirs.initial)],
        final or ends(values.values(), rows),
        rows,
    )


def _of_machine(theirs: transitions.Machine) -> Iterator[str]:
    """Yield all reasons that are about the machine itself."""
    if theirs.has_queue:
        yield "it has a queue (queued=True)"
    if theirs.initial is None:
        yield "it has no initial state"
    if theirs.ignore_invalid_triggers:
        yield "it ignores invalid triggers (ignore_invalid_triggers=True)"
    for kind in _OF_MACHINE:
        if getattr(theirs, kind):
            yield f"it has the callback {kind}"


def _of_states(theirs: transitions.Machine) -> Iterator[str]:
    """Yield all reasons that are about a state."""
    for state in theirs.states.values():
        where = f"state {readable(state.name)}"
        yield from _foreign(where, state)
        if state.ignore_invalid_triggers and not theirs.ignore_invalid_triggers:
            yield f"{where} ignores invalid triggers"
        for kind in _OF_STATE:
            yield from _of_callbacks(
                theirs, where, kind, f"{kind}_{state.name}", getattr(state, kind)
            )


def _of_callbacks(
    theirs: transitions.Machine, where: str, kind: str, method: str, callbacks: Sequence[Any]
) -> Iterator[str]:
    """Yield all reasons that are about the callbacks of a state, of which one may be named like a method."""
    found = [getattr(model, method, None) for model in theirs.models]
    having = [one for one in found if one is not None]
    if method in callbacks and any(getattr(one, "__self__", None) is theirs for one in having):
        yield (
            f"{where} has the callback {readable(method)}, which is a method of the machine itself; "
            "move it to a class of models"
        )
        return
    # transitions has added the method of a model by itself, and does so again for a model of the new machine
    again = having and all(
        inspect.ismethod(one) and not inspect.iscoroutinefunction(one) for one in having
    )
    if any(callback != method or not again for callback in callbacks):
        yield f"{where} has the callback {kind}"


def _foreign(where: str, *parts: object) -> Iterator[str]:
    for part in parts:
        kind = type(part)
        if not kind.__module__.startswith("transitions.") or kind.__name__ not in _CLASSES:
            yield f"{where} has the class {kind.__name__}, which may add effects"


def _is_automatic(theirs: transitions.Machine, trigger: object, event: transitions.Event) -> bool:
    """Check whether an event is only ``to_red()`` and the like, which transitions adds by itself."""
    if not isinstance(trigger, str):  # the table refuses it
        return False
    prefix = "to_" if theirs.model_attribute == "state" else f"to_{theirs.model_attribute}_"
    dest = trigger.removeprefix(prefix)
    return (
        trigger == prefix + dest
        and dest in theirs.states
        and {*event.transitions} == {*theirs.states}
        and all(
            one.dest == dest and not one.conditions and not _callbacks(one) for one in _all(event)
        )
    )


def _all(event: transitions.Event) -> list[Transition]:
    return [one for found in event.transitions.values() for one in found]


def _callbacks(transition: Transition) -> list[str]:
    return [kind for kind in _OF_TRANSITION if getattr(transition, kind)]


def _rows(
    theirs: transitions.Machine, trigger: str, event: transitions.Event, reasons: list[str]
) -> Iterator[Row[Any]]:
    """Yield the rows of an event, and note why some of its transitions cannot be rows."""
    where = f"trigger {readable(str(trigger))}"
    found = [*_foreign(where, event), *_of_transitions(theirs, where, _all(event))]
    conditions = [condition for one in _all(event) for condition in one.conditions]
    names = {_condition_name(condition) for condition in conditions}
    functions = {id(c.func) if not isinstance(c.func, str) else c.func for c in conditions}
    if None in names:
        found.append(f"{where} has a condition without a name, which cannot be a guard")
    elif len(names) > 1 or len(functions) > 1:
        named = " and ".join(sorted(readable(str(name)) for name in names))
        found.append(
            f"{where} has several conditions ({named}), of which only one could be a guard"
        )
    elif not found:
        name = "".join(str(name) for name in names)
        for source, several in event.transitions.items():
            yield from _rows_from(theirs, trigger, source, several, name, found)
    reasons += found


def _of_transitions(
    theirs: transitions.Machine, where: str, found: Iterable[Transition]
) -> Iterator[str]:
    for one in found:
        at = f"{where} from {readable(one.source)}"
        yield from _foreign(at, one, *one.conditions)
        yield from (f"{at} has the callback {kind}" for kind in _callbacks(one))
        if one.source not in theirs.states:
            yield f"{at} leaves a state that does not exist"
        if one.dest and one.dest not in theirs.states:
            yield f"{at} leads to {readable(one.dest)}, which does not exist"
        if one.dest == "" and "" in theirs.states:
            yield f"{at} leads to a state with an empty name, which in transitions means to stay"


def _condition_name(condition: Condition) -> str | None:
    """Return the name of a condition, or None if it has no name of its own."""
    name = getattr(condition.func, "__name__", "")
    if isinstance(condition.func, str):
        name = condition.func
    return name if name and name != "<lambda>" else None


def _rows_from(  # noqa: PLR0913, PLR0917 - the place of the rows
    theirs: transitions.Machine,
    trigger: str,
    source: str,
    several: Sequence[Transition],
    condition: str,
    reasons: list[str],
) -> Iterator[Row[Any]]:
    """Yield the rows of an event in a state: the first transition whose condition holds is taken."""
    taken = set()
    for guard in (condition, f"not {condition}") if condition else ("",):
        for place, one in enumerate(several):
            if all((guard == condition) == check.target for check in one.conditions):
                taken.add(place)
                states = [theirs.states[name].value for name in (source, one.dest or source)]
                yield Row(states[0], Event(trigger, guard) if guard else trigger, states[1])
                break
    if len(taken) < len(several):
        reasons.append(
            f"trigger {readable(str(trigger))} from {readable(source)} has a transition that is never taken"
        )
