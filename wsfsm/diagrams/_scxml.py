"""SCXML, the W3C's language for state machines: https://www.w3.org/TR/scxml/."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from wsfsm.diagrams._model import PLAIN, Diagram, key_of, name_of, output_name
from wsfsm.fsm import Row, Table
from wsfsm.fsm._codes import encoded

__all__ = ["scxml"]

# An id is an NCName, and an event is one word. Other letters than those of ASCII would be allowed in both,
# but not all readers know them.
_STATE: Final = r"[^A-Za-z0-9_.-]|^[0-9.-]"
_PART: Final = r"[^A-Za-z0-9_-]|^[0-9-]"
_EVENT: Final = r"[^A-Za-z0-9_.-]|^[.]|(?<=[.])[.]|[.]$"

_UNWRITTEN: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def _attribute(name: str, value: str) -> str:
    return f"{name}={quoteattr(value)}"


def _string(text: str) -> str:
    """Write a literal string, in the same way for ECMAScript and for Python."""
    written = json.dumps(text, ensure_ascii=False)
    return _UNWRITTEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _ids(table: Table[Any], *, alone: bool) -> dict[Any, str]:
    """Return the id of each state, which begins with the machine if this is one of several."""
    if alone:
        return {state: encoded(name_of(state), _STATE) for state in table.states}
    me = encoded(table.name, _PART)
    return {state: f"{me}.{encoded(name_of(state), _PART)}" for state in table.states}


def _states(table: Table[Any], ids: dict[Any, str]) -> Iterator[str]:
    leaving: dict[Any, list[Row[Any]]] = {state: [] for state in table.states}
    for row in table.rows:
        leaving[row.source].append(row)
    names = dict.fromkeys(key_of(row)[0] for row in table.rows)
    guarded = {name for name, guard in map(key_of, table.rows) if guard}
    for state in table.states:
        # a final element has no transitions, so a final state that allows events is another one
        final = state in table.final and not leaving[state]
        element, id_ = "final" if final else "state", _attribute("id", ids[state])
        lines = [*_transitions(leaving[state], ids, names, guarded)]
        if lines:
            yield f"<{element} {id_}>"
            yield from (f"  {line}" for line in lines)
            yield f"</{element}>"
        else:
            yield f"<{element} {id_}/>"


def _transitions(
    rows: list[Row[Any]], ids: dict[Any, str], names: Iterable[str], guarded: set[str]
) -> Iterator[str]:
    allowed = {key_of(row)[0] for row in rows}
    blocked = [
        (name, None)
        for name in names
        # an event also matches the transitions on each name that its own one begins with: a.b those on a
        if any(name.startswith(f"{shorter}.") for shorter in allowed)
        and (name not in allowed or name in guarded)
    ]
    # the first match counts, so names with more parts come first
    for name, row in sorted(
        [*((key_of(row)[0], row) for row in rows), *blocked], key=lambda one: -one[0].count(".")
    ):
        event = _attribute("event", encoded(name, _EVENT))
        if row is None:
            yield f"<transition {event}/>"
            continue
        guard = key_of(row)[1]
        condition = f"_event.data.guard == {_string(guard)}"
        attributes = [
            event,
            *[_attribute("cond", condition)] * (name in guarded),
            _attribute("target", ids[row.target]),
        ]
        if row.outputs:
            yield f"<transition {' '.join(attributes)}>"
            for output in map(output_name, row.outputs):
                yield f"  <log {_attribute('expr', _string(output))}/>"
            yield "</transition>"
        else:
            yield f"<transition {' '.join(attributes)}/>"


def _comment(text: str) -> str:
    # two hyphens would end a comment
    return f"<!-- {re.sub('-(?=-|$)', '- ', _string(text)[1:-1])} -->"


def scxml(diagram: Diagram) -> str:
    """Write a diagram as SCXML, for tools that run or draw state machines.

    Several machines are the regions of a ``parallel`` element, and each id begins with the name of its machine.
    A guard is a condition on ``_event.data.guard``, in an expression of ECMAScript. An output is a ``log``
    element. A coupling is only a comment. Characters that SCXML forbids in an id or an event are replaced
    by their codes, for example ``_x0020_`` for a space. An event that a state refuses is ignored, because
    SCXML has no refusals.
    """
    head = [
        'xmlns="http://www.w3.org/2005/07/scxml"',
        'version="1.0"',
        'datamodel="ecmascript"',
    ]
    if len(diagram.tables) == 1:
        table = diagram.tables[0]
        ids = _ids(table, alone=True)
        head += [
            _attribute("name", encoded(table.name, _STATE)),
            _attribute("initial", ids[table.initial]),
        ]
        parts = [*_states(table, ids)]
    else:
        parts = ["<parallel>"]
        for table in diagram.tables:
            ids = _ids(table, alone=False)
            me, initial = _attribute("id", encoded(table.name, _PART)), ids[table.initial]
            parts.append(f"  <state {me} {_attribute('initial', initial)}>")
            parts += [f"    {line}" for line in _states(table, ids)]
            parts.append("  </state>")
        parts.append("</parallel>")
    comments = [_comment(PLAIN.coupling_text(diagram, c)) for c in diagram.couplings]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<scxml {' '.join(head)}>",
            *(f"  {line}" for line in [*comments, *parts]),
            "</scxml>",
            "",
        ]
    )
