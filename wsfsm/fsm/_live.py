"""The machine of the package ``transitions`` that belongs to a compiled table.

It is there for introspection, as an oracle, and for models: objects of yours that change their state by
triggers and have callbacks. The states and transitions are those of the table. Callbacks can be added, and
all else is refused, because the table decides what may follow what.
"""

import re
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import transitions
from transitions.core import Condition, EventData, MachineError, State, Transition

from wsfsm._text import describe
from wsfsm.exceptions import IllegalTransition, TableError
from wsfsm.fsm._refusals import refusal_text, trigger_hint
from wsfsm.fsm._table import Event, Row, Table, event_name, state_name

if TYPE_CHECKING:
    from wsfsm.fsm._machine import Machine

__all__ = ["IllegalTrigger", "TableMachine", "check"]


class IllegalTrigger(IllegalTransition, MachineError):
    """A trigger of a model in `Machine.transitions` that the table refuses; nothing has changed.

    You can catch it as either of its bases. Its text and attributes are those of an `IllegalTransition`.

    Attributes:
        value: The text, as in each `MachineError`.
    """

    def __init__(self, text: str = "", **attributes: Any) -> None:
        IllegalTransition.__init__(self, text, **attributes)
        self.value = text

    def __str__(self) -> str:
        return Exception.__str__(self)  # MachineError shows quotes around it


class _Guard(Condition):
    """The condition that a trigger has this guard, as its keyword argument ``guard``."""

    def check(self, event_data: EventData) -> bool:
        return bool((event_data.kwargs.get("guard") or "") == self.func)


class _GuardedTransition(Transition):
    condition_cls = _Guard


class _Trigger(transitions.Event):
    """A trigger that refuses what the compiled table refuses, with the same text."""

    machine: "TableMachine"

    def _is_valid_source(self, state: State) -> bool:
        # otherwise _process refuses, because it knows the guard
        return not self.machine.ignores(state) or super()._is_valid_source(state)

    def _process(self, event_data: EventData) -> bool:
        state = event_data.state
        if state.name in self.transitions and self.machine.has_guard(self.name, event_data.kwargs):
            super()._process(event_data)
        if not event_data.result and not self.machine.ignores(state):
            raise self._refusal(event_data)
        return bool(event_data.result)

    def _refusal(self, data: EventData) -> IllegalTrigger:
        given = data.kwargs.get("guard") or ""
        guard = given if isinstance(given, str) else describe(given)
        compiled = self.machine.compiled
        node = compiled.nodes[data.state.value]
        known = {
            _guard(event): event
            for event in compiled.table.events
            if event_name(event) == self.name
        }
        event = known.get(guard) or (Event(self.name, guard) if guard else self.name)
        error = node.refusal(event)
        text = str(error)
        if guard not in known:
            text = refusal_text(
                error.machine, error.state, error.event, error.allowed, trigger_hint(known)
            )
        return IllegalTrigger(
            text,
            machine=error.machine,
            state=error.state,
            event=error.event,
            allowed=error.allowed,
        )


class _Models(list[Any]):
    """Models, which may be equal, for example those of a dataclass, but are different machines."""

    def __contains__(self, model: object) -> bool:
        return any(one is model for one in self)

    def remove(self, model: object) -> None:
        self[:] = [one for one in self if one is not model]


class TableMachine(transitions.Machine):
    """A table as a machine of the package ``transitions``. You get it as `Machine.transitions`.

    Each row is a transition. A row that does not change the state is an internal transition, that is, its
    ``dest`` is None. A guard is a condition on the keyword argument ``guard`` of the trigger.

    Attributes:
        compiled: The machine that it belongs to.

    Raises:
        TableError: By each method that would change the states or the transitions.
    """

    event_cls = _Trigger
    transition_cls = _GuardedTransition

    def __init__(self, compiled: "Machine[Any]") -> None:
        self._declared = False
        self.compiled = compiled
        table = compiled.table
        final = frozenset(table.final)
        self._guarded = frozenset(event_name(event) for event in table.events if _guard(event))
        attribute = "state"
        names = {event_name(event) for event in table.events}
        while attribute in names:  # transitions does not allow an event of that name
            attribute += "_"
        super().__init__(
            model=None,
            name=table.name,
            states=[{"name": state, "final": state in final} for state in table.states],
            initial=table.initial,
            transitions=[self._transition(row) for row in table.rows],
            auto_transitions=False,
            model_attribute=attribute,
        )
        self.models = _Models()
        self._declared = True

    def _transition(self, row: Row[Any]) -> dict[str, Any]:
        name = event_name(row.event)
        return {
            "trigger": name,
            "source": row.source,
            "dest": None if row.source == row.target else row.target,
            "conditions": [_guard(row.event)] if name in self._guarded else None,
        }

    def has_guard(self, trigger: str, arguments: dict[str, Any]) -> bool:
        """Check that a trigger without guards is not given one."""
        return trigger in self._guarded or not arguments.get("guard")

    def ignores(self, state: State) -> bool:
        """Whether refused triggers return False in a state, because you set ``ignore_invalid_triggers``."""
        own: Any = state.ignore_invalid_triggers
        return bool(self.ignore_invalid_triggers if own is None else own)

    def add_model(self, model: Any, initial: Any = None) -> None:
        """Add a model, or several. Each gets its state, and a method for each trigger.

        Characters of a trigger that cannot be in the name of a method are replaced by underscores:
        ``websocket.send`` is the method ``websocket_send``. If two triggers would get the same method, use
        ``model.trigger(name)``, which takes an `Event` too.
        """
        if any(row.target == "" != row.source for row in self.compiled.table.rows):
            raise TableError(
                f"the {self.compiled.name!r} machine cannot have models, because in transitions no "
                "transition leads to a state with an empty name; rename the state"
            )
        super().add_model(model, initial)

    def add_states(self, *args: Any, **arguments: Any) -> None:
        if self._declared:
            raise self._fixed("states")
        super().add_states(*args, **arguments)

    def add_transition(self, *args: Any, **arguments: Any) -> None:
        if self._declared:
            raise self._fixed("transitions and conditions")
        super().add_transition(*args, **arguments)

    def remove_transition(self, *_: Any, **__: Any) -> None:
        raise self._fixed("transitions and conditions")

    def _fixed(self, what: str) -> TableError:
        return TableError(
            f"the {what} of the {self.compiled.name!r} machine are those of its table; "
            "change the rows of the table, in which guards are the conditions"
        )

    def callback(self, func: Any, event_data: EventData) -> None:
        # a model with this method has registered it for all models
        found = re.match("on_(?:enter|exit)_", func) if isinstance(func, str) else None
        if found and func[found.end() :] in self.states and not hasattr(event_data.model, func):
            return
        super().callback(func, event_data)

    def _get_trigger(self, model: Any, trigger_name: Any, *args: Any, **arguments: Any) -> bool:
        name, given = _parts(trigger_name, arguments)
        return super()._get_trigger(model, name, *args, **given)

    def _can_trigger(self, model: Any, trigger: Any, *args: Any, **arguments: Any) -> bool:
        name, given = _parts(trigger, arguments)
        can: Any = super()
        return self.has_guard(name, given) and bool(can._can_trigger(model, name, *args, **given))  # noqa: SLF001 - missing in the stubs

    def _add_trigger_to_model(self, trigger: str, model: Any) -> None:
        super()._add_trigger_to_model(trigger, model)
        method = self._methods.get(trigger)
        if method is not None:
            event = self.events[trigger]
            self._checked_assignment(model, method, partial(event.trigger, model))
            self._checked_assignment(
                model, f"may_{method}", partial(self._can_trigger, model, trigger)
            )

    @cached_property
    def _methods(self) -> dict[str, str]:
        """Methods of triggers whose own names cannot be those of methods."""
        methods = {name: re.sub(r"\W", "_", name) for name in self.events}
        found = list(methods.values())
        return {
            name: method
            for name, method in methods.items()
            if method != name and method.isidentifier() and found.count(method) == 1
        }


def _guard(event: str | Event) -> str:
    return event.guard if isinstance(event, Event) else ""


def _parts(trigger: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Split an event into the name of its trigger and the arguments."""
    if not isinstance(trigger, Event):
        return trigger, arguments
    return trigger.name, {"guard": trigger.guard, **arguments} if trigger.guard else arguments


def check(machine: TableMachine) -> None:
    """Check that the package ``transitions`` has understood each row.

    Raises:
        TableError: A row is missing, or has another effect.
    """
    table: Table[Any] = machine.compiled.table
    found: dict[tuple[str, str, str], list[Transition]] = {}
    for name in machine.events:
        for transition in machine.get_transitions(name):
            guard = "".join(str(condition.func) for condition in transition.conditions)
            found.setdefault((name, transition.source, guard), []).append(transition)
    for row in table.rows:
        source, target = state_name(row.source), state_name(row.target)
        declared = found.get((event_name(row.event), source, _guard(row.event)), [])
        if [transition.dest for transition in declared] != [None if source == target else target]:
            raise TableError(
                f"table {table.name!r}, row {row}: transitions declares it as {declared}"
            )
