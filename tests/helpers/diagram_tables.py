"""Machines with usual and unusual names, for tests of diagrams."""

from enum import Enum
from typing import Any
from xml.etree import ElementTree as ET

from wsfsm.fsm import Coupling, Event, Machine, Row, Table

SVG = "{http://www.w3.org/2000/svg}"


class Light(Enum):
    RED = 1
    OFF = 2


LIGHT = Machine(
    Table(
        name="light",
        states=(Light.RED, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(Row(Light.RED, "switch", Light.OFF),),
    )
)


ODD = "a\"q'<b>&amp;[x](y)|`c`*d*_e_ #1; : {z}\\n--> %% end"
ODDER = "two\nlines\t\x00</script>"


STRANGE = Table(
    name='na"me <i>',
    states=("", ODD, ODDER, "[*]"),
    initial="",
    final=("[*]",),
    rows=(
        Row("", Event(ODD, guard=ODDER), ODD, "no|te\nof [two](lines)"),
        Row("", Event('style: x#58; "', is_message=False), ODDER),
        Row(ODD, ODD, ODD),
        Row(ODD, "waits_for_it", ODDER),
        Row(ODDER, Event(" a b ", is_message=False), "[*]"),
    ),
)


def coupling(**changes: Any) -> Coupling[Any]:
    """A coupling of the light and the strange machine that changes nothing, with changes."""
    parts: dict[str, Any] = {
        "machine": "light",
        "event": "switch",
        "target": STRANGE.name,
        "still_allows": STRANGE.events,
        "forwards": True,
        "shown_as": None,
    }
    return Coupling(**(parts | changes))


def table_of(state: str, event: str | Event, name: str = "odd") -> Table[str]:
    """A table of one row."""
    end = f"end of {state}"
    return Table(name, (state, end), state, (end,), (Row(state, event, end, "a note"),))


def elements(drawn: bytes) -> dict[str, tuple[str, str, str]]:
    """Return title, class and text of the groups in an SVG, by id."""
    found: dict[str, tuple[str, str, str]] = {}
    for group in ET.fromstring(drawn).iter(f"{SVG}g"):  # noqa: S314 - drawn by ourselves
        if group.get("class"):
            # the graph holds all the others; only its own texts are its legend
            texts = group.findall(
                f"{SVG}text" if group.get("class") == "graph" else f".//{SVG}text"
            )
            text_of_group = "".join("".join(text.text or "" for text in texts).split())
            assert group.get("id") not in found
            found[group.get("id", "")] = (
                group.findtext(f"{SVG}title", ""),
                group.get("class", ""),
                text_of_group,
            )
    return found
