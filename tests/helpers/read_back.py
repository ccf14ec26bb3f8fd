"""SCXML and the JSON of XState, read by the rules of the tools that read them."""

import json
import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from wsfsm.fsm import AnyEvent, Event

SCXML: Final = "{http://www.w3.org/2005/07/scxml}"
CONDITION: Final = re.compile(r'_event\.data\.guard == (".*")')
NCNAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
DESCRIPTOR: Final = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)


def parts(event: AnyEvent) -> tuple[str, str]:
    """Name and guard of an event."""
    return (event.name, event.guard) if isinstance(event, Event) else (event, "")


class Scxml:
    """A document. An element counts in the order of the document (SCXML 3.13)."""

    def __init__(self, text: str) -> None:
        self.root = ET.fromstring(text)  # noqa: S314 - written by ourselves
        self.states = {
            element.attrib["id"]: element
            for element in self.root.iter()
            if element.tag in {f"{SCXML}state", f"{SCXML}final"}
        }
        ids = [element.attrib["id"] for element in self.root.iter() if "id" in element.attrib]
        assert len(ids) == len(set(ids))
        assert all(map(NCNAME.fullmatch, ids))

    def after(self, state: str, code: str, guard: str) -> tuple[str | None, list[str]]:
        """Target, or None if nothing happens, and outputs of an event in a state."""
        for transition in self.states[state].findall(f"{SCXML}transition"):
            descriptor = transition.attrib["event"]
            assert DESCRIPTOR.fullmatch(descriptor)
            condition = (
                CONDITION.fullmatch(transition.get("cond", "")) if transition.get("cond") else None
            )
            assert (condition is None) == ("cond" not in transition.attrib)
            # each word of the descriptor equals one of the name (SCXML 3.12.1)
            if f"{code}.".startswith(f"{descriptor}.") and (
                condition is None or json.loads(condition[1]) == guard
            ):
                logs = [json.loads(log.attrib["expr"]) for log in transition.findall(f"{SCXML}log")]
                target = transition.get("target")
                assert target is None or target in self.states
                return target, logs
        return None, []


class XState:
    """A machine of XState."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.states = config["states"]
        self.initial = config["initial"]

    def after(self, state: str, name: str, holds: str | None) -> tuple[str | None, list[str]]:
        """As above, where one guard holds."""
        on = self.states[state].get("on", {})
        assert not any(key.endswith("*") for key in on)
        for transition in on.get(name, []):
            if transition.get("guard") in {None, holds}:
                path = re.findall(r"((?:\\.|[^.\\])*)(?:\.|$)", transition["target"], re.DOTALL)[
                    :-1
                ]
                (target,) = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in path)
                assert target in self.states
                assert not target.startswith("#")
                return target, transition.get("actions", [])
        return None, []
