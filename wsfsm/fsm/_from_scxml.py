"""Documents in SCXML as tables.

The document is parsed by expat, which here refuses each DTD, so no entity can be expanded and no file is
read. A document that is not a flat machine is refused with all reasons.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn
from xml.parsers import expat

from wsfsm._text import describe, readable, shortened
from wsfsm.exceptions import ConversionError
from wsfsm.fsm._codes import decoded
from wsfsm.fsm._conversion import ends, refusal, table_from
from wsfsm.fsm._scxml_events import ScxmlState, ScxmlTransition, rows_of
from wsfsm.fsm._table import Table

__all__ = ["read"]

_NAMESPACE: Final = "http://www.w3.org/2005/07/scxml"
_WHAT: Final = "the SCXML document"
_CONDITION: Final = re.compile(r"_event\.data\.guard\s*===?(.*)", re.DOTALL)
_NAME_LENGTH: Final = 1000

_CHILDREN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("scxml",),
        "scxml": ("state", "final"),
        "state": ("transition",),
        "final": (),
        "transition": ("log",),
        "log": (),
    }
)
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "scxml": ("name", "initial", "version", "datamodel", "binding"),
        "state": ("id",),
        "final": ("id",),
        "transition": ("event", "cond", "target", "type"),
        "log": ("expr",),
    }
)
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "parallel": "has parallel states",
        "history": "is a history of nested states",
        "initial": "is about nested states",
        "datamodel": "has data",
        "invoke": "has an effect",
        "onentry": "has an effect",
        "onexit": "has an effect",
        "script": "has an effect",
        "donedata": "has data",
    }
)


def read(document: str | bytes, name: str | None) -> Table[str]:
    """Return the table of a flat document.

    Raises:
        ConversionError: The document is not well-formed, has a DTD, or has something that cannot be
            in a table; the text lists everything.
        TableError: One of the checks refuses the table.
    """
    given: object = document
    if not isinstance(given, (str, bytes)):
        raise ConversionError(
            "from_scxml() needs the text of a document as str or bytes, for example "
            f"path.read_bytes(), got {describe(given)}"
        )
    if isinstance(given, str) and given.endswith(".scxml"):
        raise ConversionError(
            "from_scxml() needs the text of a document, not the name of its file; "
            f"pass Path({shortened(given)!r}).read_bytes()"
        )
    reader = _Reader()
    reader.parse(given)
    states = reader.checked()
    rows = [*rows_of(states)]
    ids = [decoded(state.id) for state in states]
    final = {decoded(state.id) for state in states if state.final} | ends(ids, rows)
    me = decoded(reader.name or "machine") if name is None else name
    return table_from(me, ids, decoded(reader.initial or states[0].id), final, rows)


class _Reader:
    """A parser that collects states, and reasons why they cannot be a flat machine."""

    def __init__(self) -> None:
        self.name = self.initial = ""
        self._states: dict[str, ScxmlState] = {}
        self._here = ScxmlState("", final=False)
        self._reasons: list[str] = []
        self._targets: dict[str, str] = {}
        self._open = [""]
        self._skipped = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_dtd

    def parse(self, document: str | bytes) -> None:
        """Parse a document.

        Raises:
            ConversionError: It is not well-formed, or has a DTD.
        """
        try:
            self._parser.Parse(document, True)  # noqa: FBT003 - the only form that it has
        except ConversionError:
            raise
        except expat.ExpatError as error:
            raise refusal(
                _WHAT,
                [f"line {error.lineno} is not well-formed XML ({expat.ErrorString(error.code)})"],
            ) from None
        except (ValueError, LookupError) as error:  # of a codec
            raise refusal(_WHAT, [f"its encoding is wrong ({readable(str(error))})"]) from None

    def checked(self) -> list[ScxmlState]:
        """Return the states.

        Raises:
            ConversionError: There are reasons not to.
        """
        self._reasons += [
            f"{where} is {readable(target)}, which is not the id of a state"
            for target, where in self._targets.items()
            if target not in self._states
        ]
        if not self._states:
            self._reasons.append("it has no states")
        if self._reasons:
            raise refusal(_WHAT, self._reasons)
        return [*self._states.values()]

    def _refuse_dtd(self, *_: object) -> NoReturn:
        raise refusal(_WHAT, [f"{self._at()} has a DTD, which could expand entities"])

    def _at(self, element: str = "") -> str:
        line = f"line {self._parser.CurrentLineNumber}"
        return f"{line}, <{readable(element)}>," if element else line

    def _refuse(self, element: str, reason: str) -> None:
        self._reasons.append(f"{self._at(element)} {reason}")

    def _text(self, text: str) -> None:
        if not self._skipped and text.strip():
            self._reasons.append(f"{self._at()} has text, {describe(text.strip())}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        inside = self._open[-1]
        self._open.append(element)
        if self._skipped:
            self._skipped += 1
        elif namespace != _NAMESPACE or element not in _CHILDREN[inside]:
            self._skipped = 1
            self._refuse(element, self._reason(namespace, element, inside))
        else:
            self._take(element, attributes)

    def _end(self, _: str) -> None:
        self._open.pop()
        self._skipped = max(self._skipped - 1, 0)

    def _reason(self, namespace: str, element: str, inside: str) -> str:
        if namespace != _NAMESPACE:
            return f"is not in the namespace of SCXML, {_NAMESPACE}"
        if not inside:
            return "is not an scxml element"
        if inside in {"state", "final"} and element in {"state", "final", "parallel"}:
            return "is a nested state"
        if element in _CHILDREN:
            return f"must not be inside of <{inside}>"
        what = _REASONS.get(element, "has an effect" if inside == "transition" else "is unknown")
        return f"{what}, so it cannot be in a table"

    def _take(self, element: str, attributes: dict[str, str]) -> None:
        for key in attributes:
            # those of other namespaces, which have a blank, are notes of an editor
            if key not in _ATTRIBUTES[element] and " " not in key:
                self._refuse(
                    element, f"has the attribute {readable(key)}, which cannot be in a table"
                )
        match element:
            case "scxml":
                self.name = attributes.get("name", "")
                self.initial = attributes.get("initial", "").strip()
                if self.initial:
                    self._targets.setdefault(self.initial, f"{self._at(element)} initial")
            case "state" | "final":
                self._take_state(element, attributes.get("id", ""))
            case "transition":
                self._here.transitions.append(self._transition(attributes))
            case _:
                output = _string(attributes.get("expr", ""))
                if output is None:
                    self._refuse(element, "has an expr that is not a literal string in quotes")
                else:
                    self._here.transitions[-1].outputs.append(output)

    def _take_state(self, element: str, id_: str) -> None:
        if not id_:
            self._refuse(element, "has no id")
        elif id_ in self._states:
            self._refuse(element, f"has the same id as another state, {readable(id_)}")
        self._here = self._states[id_] = ScxmlState(id_, element == "final")

    def _transition(self, attributes: dict[str, str]) -> ScxmlTransition:
        guard = None
        if "cond" in attributes:
            condition = _CONDITION.fullmatch(attributes["cond"].strip())
            guard = _string(condition[1]) if condition else None
            if guard is None:
                self._refuse(
                    "transition",
                    f"has the condition {describe(attributes['cond'])}, which is not of the form "
                    '_event.data.guard == "..."',
                )
            elif "target" not in attributes:
                self._refuse("transition", "has a condition, but no target")
        if attributes.get("type", "external") not in {"external", "internal"}:
            self._refuse("transition", f"has the type {readable(attributes['type'])}")
        target = attributes.get("target", "").split()
        if len(target) > 1 or ("target" in attributes and not target):
            self._refuse("transition", "must have a single target")
        for one in target:
            self._targets.setdefault(one, f"{self._at('transition')} target")
        return ScxmlTransition(self._events(attributes), guard, target[0] if target else None)

    def _events(self, attributes: dict[str, str]) -> tuple[str, ...]:
        events = attributes.get("event", "").split()
        if not events:
            self._refuse("transition", "has no event, so it would be taken at once")
        for event in events:
            if "*" in event or event.endswith("."):
                self._refuse(
                    "transition",
                    f"has a wildcard, {readable(event)}, instead of the names of events",
                )
            elif not all(event.split(".")):
                self._refuse("transition", f"has an event with an empty part, {readable(event)}")
            elif len(event) > _NAME_LENGTH:
                self._refuse("transition", f"has an event of more than {_NAME_LENGTH} characters")
        return (*events,)


def _string(expression: str) -> str | None:
    """Return the value of a literal string, or None if the expression is not one."""
    literal = expression.strip()
    if re.fullmatch(r"'[^'\\]*'", literal):
        return literal[1:-1]
    try:
        return str(json.loads(literal)) if literal.startswith('"') else None
    except ValueError:
        return None
