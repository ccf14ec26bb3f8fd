"""Cases that tests make up, played on a facade."""

from collections.abc import Mapping
from typing import Any

from wsfsm.conformance import Level, Result, check_facade, facade_target
from wsfsm.conformance.cases import Case, Step

OPENS = {"server": "opens"}
CONNECT = {"server": "gives", "message": {"type": "websocket.connect"}}
ACCEPT = {"call": "accept"}


def play(*steps: Mapping[str, Any], level: str = "must", target: Any = None) -> Result:
    """Play a case of our own making on our own class."""
    case = Case(
        id="made.up",
        kind="facade",
        level=Level(level),
        section="none",
        requirement="none",
        steps=tuple(Step.from_table("facade", step) for step in steps),
    )
    (result,) = check_facade(target or facade_target("wsfsm"), [case]).results
    return result
