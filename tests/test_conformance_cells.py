"""The cases about servers leave out no cell of the machines' matrices."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from support import ROOT

from wsfsm.conformance import Case, Step, load_folder
from wsfsm.conformance.values import message

CASES = load_folder("server")
LOST = "transport lost"


def machine(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "specs" / f"{name}.toml").read_text(encoding="utf-8"))


APPLICATION, CLIENT = machine("application"), machine("client")


def cells(spec: dict[str, Any], *, refused: bool) -> list[tuple[str, str]]:
    return [
        (state, event)
        for state in spec["states"]
        for event in spec["events"]
        if spec[state][event].get("refused", False) is refused
    ]


def event_of(step: Step) -> str:
    """The event of the application's machine that a step is, or ""."""
    if step.side == "client" and step.action in {"fin", "reset"}:
        return LOST
    if (step.side, step.action) != ("app", "send"):
        return ""
    sent = message(step.arguments["message"])
    name = str(sent.get("type", ""))
    if name == "websocket.http.response.body":
        return f"{name} [{'' if sent.get('more_body') else 'not '}more_body]"
    return name if name in APPLICATION["events"] else ""


def events_of(case: Case) -> Iterator[tuple[str, str]]:
    """The cells of the application's machine that a case comes through."""
    state = APPLICATION["initial"]
    for step in case.steps:
        if (step.side, step.action) == ("client", "request"):
            state = APPLICATION["initial"]
        if event := event_of(step):
            yield state, event
            state = APPLICATION[state][event].get("next", state)


def receives_of(case: Case) -> Iterator[tuple[str, Step]]:
    """What a case receives, and in which state of the client's machine."""
    state = CLIENT["initial"]
    for step in case.steps:
        if (step.side, step.action) == ("client", "request"):
            state = CLIENT["initial"]
        if (step.side, step.action) == ("app", "receive"):
            yield state, step
            for event in CLIENT["events"]:
                if (step.need or step.expect) and not wrong(step, event):
                    state = CLIENT[state][event].get("next", state)
                    break


def wrong(step: Step, event: str) -> bool:
    """Whether it is none of the messages that a step asks for."""
    types = [pattern.get("message", {}).get("type") for pattern in (*step.need, *step.expect)]
    return event not in types


@pytest.mark.parametrize("refused", [False, True])
def test_an_application_does_everything_in_every_state(refused: bool) -> None:
    played = {cell for case in CASES for cell in events_of(case)}
    left_out = [cell for cell in cells(APPLICATION, refused=refused) if cell not in played]
    assert left_out == []


def test_every_message_that_may_come_is_asked_for() -> None:
    asked = {
        (state, event)
        for case in CASES
        for state, step in receives_of(case)
        for event in CLIENT["events"]
        if step.expect and not wrong(step, event)
    }
    assert [cell for cell in cells(CLIENT, refused=False) if cell not in asked] == []


def test_every_message_that_must_not_come_fails_a_case() -> None:
    caught = {
        (state, event)
        for case in CASES
        for state, step in receives_of(case)
        for event in CLIENT["events"]
        if case.level == "must" and step.expect and wrong(step, event)
    }
    assert [cell for cell in cells(CLIENT, refused=True) if cell not in caught] == [
        ("DISCONNECTED", "websocket.disconnect")  # the text does not say that it comes once
    ]
