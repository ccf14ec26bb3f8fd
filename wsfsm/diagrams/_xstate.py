"""The JSON of XState 5, which Stately Studio opens too: https://stately.ai/docs/machines."""

import json
import re
from typing import Any, Final

from wsfsm.diagrams._model import PLAIN, Diagram, key_of, name_of, output_name
from wsfsm.fsm import Row, Table
from wsfsm.fsm._codes import encoded

__all__ = ["xstate"]

_WILD: Final = r"[*]$"  # "*" and "a.*" would be wildcards
_ID: Final = "^#"  # would begin the id of a state


def _key(state: Any) -> str:
    return encoded(name_of(state), _ID)


def _target(state: Any) -> str:
    """Write the name of a state beside the source; a dot would lead into another one."""
    return re.sub(r"[\\.]", r"\\\g<0>", _key(state))


def _machine(table: Table[Any]) -> dict[str, Any]:
    guards: dict[str, list[str]] = {}
    for name, guard in map(key_of, table.rows):
        known = guards.setdefault(name, [])
        if guard and guard not in known:
            known.append(guard)
    states: dict[str, Any] = {_key(state): {} for state in table.states}
    for row in table.rows:
        on = states[_key(row.source)].setdefault("on", {})
        name = key_of(row)[0]
        on.setdefault(encoded(name, _WILD), []).append(_transition(row, guards[name]))
    for state in map(_key, table.final):
        # a final state of XState allows no events
        if not states[state]:
            states[state]["type"] = "final"
    return {"initial": _key(table.initial), "states": states}


def _transition(row: Row[Any], guards: list[str]) -> dict[str, Any]:
    guard = key_of(row)[1]
    if guards and not guard:  # the event without a guard is another one than those with one
        guard = f"not ({' or '.join(guards)})"
    transition: dict[str, Any] = {"target": _target(row.target)}
    if guard:
        transition["guard"] = guard
    if row.outputs:
        transition["actions"] = [output_name(output) for output in row.outputs]
    if row.note:
        transition["description"] = row.note
    return transition


def xstate(diagram: Diagram) -> str:
    """Write a diagram as the JSON configuration of a machine in XState 5.

    Several machines are the regions of a parallel state. A guard is the name of one that you implement in
    XState, an output is an action, and the note of a row is its description. The description of the machine
    lists the couplings, which XState does not run. Its code replaces an asterisk at the end of an event
    (``_x002A_``) and a number sign at the beginning of a state, which have other meanings there.
    """
    machines = {table.name: _machine(table) for table in diagram.tables}
    title = "+".join(machines)
    parts = (
        next(iter(machines.values()))
        if len(machines) == 1
        else {"type": "parallel", "states": machines}
    )
    couplings = [PLAIN.coupling_text(diagram, coupling) for coupling in diagram.couplings]
    description = {"description": "; ".join(couplings)} if couplings else {}
    return f"{json.dumps({'id': title, **description, **parts}, indent=2)}\n"
