"""The facade beside Starlette's class: the same, but for what specs/starlette.toml says."""

import re
import textwrap
from types import ModuleType
from typing import Any

import pytest
import starlette.datastructures
import starlette.requests
from helpers.asgi import Server, run, scope, spec
from helpers.starlette_scripts import (
    STARLETTE,
    WSFSM,
    Call,
    Session,
    agree,
    explains,
    first_difference,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

import wsfsm.datastructures
import wsfsm.requests
from wsfsm.types import Message

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

SPEC = spec("starlette")
DIFFERENCES = SPEC["difference"]
SCRIPTS = SPEC["script"]
LIBRARIES: dict[str, list[ModuleType]] = {
    "starlette": [STARLETTE, starlette.requests, starlette.datastructures],
    "wsfsm": [WSFSM, wsfsm.requests, wsfsm.datastructures],
}


def value(item: Any, key: str = "") -> Any:
    """Convert values that TOML lacks: None, and bytes under the keys that hold bytes."""
    if item == "None":
        return None
    return item.encode() if key in ("bytes", "body") else item


def calls(example: dict[str, Any]) -> list[Call]:
    """The calls of an example; the first finds all that is delivered."""
    *first, last = [Call(name, tuple(args)) for name, *args in example["calls"]]
    incoming = tuple(
        {key: value(item, key) for key, item in message.items()}
        for message in example.get("incoming", [])
    )
    last = Call(last.method, last.args, failing=example.get("failing", False))
    made = [*first, last]
    return [Call(made[0].method, made[0].args, incoming, made[0].failing), *made[1:]]


EXAMPLES = [
    pytest.param(row, example, id=f"{row['id']}-{i}")
    for row in DIFFERENCES
    for i, example in enumerate(row["example"])
]


class TestDeliberateDifferences:
    @pytest.mark.parametrize(("row", "example"), EXAMPLES)
    def test_example_shows_the_difference_on_both_classes(
        self, row: dict[str, Any], example: dict[str, Any]
    ) -> None:
        *before, last = calls(example)
        sessions = Session(STARLETTE), Session(WSFSM)
        for call in before:
            seen = [session.do(call) for session in sessions]
            assert agree(*seen), f"the example differs too early, at {call}"
        states = sessions[0].states
        theirs, ours = (session.do(last) for session in sessions)

        assert not agree(theirs, ours)
        assert re.fullmatch(example["starlette"], str(theirs)), str(theirs)
        assert re.fullmatch(example["wsfsm"], str(ours)), str(ours)
        assert explains(row, last, states, theirs, ours)

    @pytest.mark.parametrize("library", LIBRARIES)
    @pytest.mark.parametrize("row", SCRIPTS, ids=[row["id"] for row in SCRIPTS])
    def test_script_shows_the_difference_on_both_classes(
        self, row: dict[str, Any], library: str
    ) -> None:
        names = {k: v for module in reversed(LIBRARIES[library]) for k, v in vars(module).items()}

        assert re.fullmatch(row[library], script(row["code"], names))

    def test_differences_have_unique_ids_and_reasons(self) -> None:
        ids = [row["id"] for row in DIFFERENCES + SCRIPTS]

        assert len(set(ids)) == len(ids)
        assert all(row["what"] and row["why"] for row in DIFFERENCES + SCRIPTS)


def script(code: str, names: dict[str, Any]) -> str:
    """Run the code of a row, and return its outcome."""

    def connected(*incoming: Message, cls: Any = None, **keys: Any) -> tuple[Any, Server]:
        server = Server([{"type": "websocket.connect"}, *incoming])
        websocket = (cls or names["WebSocket"])(scope(**keys), server.receive, server.send)
        run(websocket.accept())
        return websocket, server

    space = {**names, "connected": connected, "scope": scope}
    source = f"async def main():\n{textwrap.indent(code, '    ')}\n"
    exec(source, space)  # noqa: S102 - the project's own specification
    try:
        result = run(space["main"]())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return f"raises {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return "returns" if result is None else f"returns {result!r}"


INCOMING: list[dict[str, Any]] = [
    {"type": "websocket.connect"},
    {"type": "websocket.receive", "text": "1"},
    {"type": "websocket.receive", "text": "not JSON"},
    {"type": "websocket.receive", "bytes": b"1"},
    {"type": "websocket.receive", "text": "1", "bytes": None},
    {"type": "websocket.receive", "text": None, "bytes": b"2"},
    {"type": "websocket.receive", "text": "3", "bytes": b"3"},
    {"type": "websocket.receive", "text": None, "bytes": None},
    {"type": "websocket.receive"},
    {"type": "websocket.disconnect", "code": 1001, "reason": "bye"},
    {"type": "websocket.disconnect", "code": 4000},
    {"type": "websocket.disconnect", "code": None, "reason": None},
    {"type": "websocket.disconnect"},
    {"type": "http.request"},
    {"no": "type"},
]
OUTGOING: list[dict[str, Any]] = [
    {"type": "websocket.accept"},
    {"type": "websocket.send", "text": "x"},
    {"type": "websocket.close"},
    {"type": "websocket.close", "code": 4000, "reason": "bye"},
    {"type": "websocket.http.response.start", "status": 401, "headers": []},
    {"type": "websocket.http.response.body", "body": b"x", "more_body": True},
    {"type": "websocket.http.response.body", "body": b"x"},
    {"type": "websocket.connect"},
    {"type": "transport lost"},
    {},
]
METHODS: list[tuple[Any, ...]] = [
    ("receive",),
    ("accept",),
    ("accept", "chat", [(b"a", b"b")]),
    ("receive_text",),
    ("receive_bytes",),
    ("receive_json",),
    ("receive_json", "binary"),
    ("receive_json", "other"),
    ("iter_text",),
    ("iter_bytes",),
    ("iter_json",),
    ("send_text", "x"),
    ("send_text", b"x"),
    ("send_bytes", b"x"),
    ("send_bytes", "x"),
    ("send_json", {"ä": [1, None]}),
    ("send_json", [1], "binary"),
    ("send_json", [1], "other"),
    ("close",),
    ("close", 4000, "bye"),
    ("close", "1000"),
    ("close", 1006),
    ("close", 401),
    ("close", 1008, ["the errors that FastAPI has found"]),
    ("close", 4000, "x" * 124),
    *(("send", message) for message in OUTGOING),
]


@st.composite
def scripts(draw: st.DrawFn) -> list[Call]:
    """Calls with what the server delivers before each; most begin as connections do."""
    made = []
    if draw(st.integers(0, 4)):
        made.append(Call("accept", (), ({"type": "websocket.connect"},)))
    for _ in range(draw(st.integers(1, 6))):
        method, *args = draw(st.sampled_from(METHODS))
        incoming = draw(st.lists(st.sampled_from(INCOMING), max_size=2))
        made.append(Call(method, tuple(args), tuple(incoming), draw(st.integers(0, 6)) == 6))
    return made


def check_calls(made: list[Call]) -> None:
    """Check that both classes do the same, except for differences that are listed."""
    different = first_difference(made)
    if different is None:
        return
    call, states, theirs, ours = different
    rows = [row["id"] for row in DIFFERENCES if explains(row, call, states, theirs, ours)]
    event(f"difference {rows}")

    assert rows, f"{call} in {'/'.join(states)}\nstarlette: {theirs}\nwsfsm: {ours}"


@pytest.mark.parametrize("examples", [500, pytest.param(3000, marks=pytest.mark.long)])
def test_any_calls_agree_except_for_deliberate_differences(examples: int) -> None:
    settings(max_examples=examples)(given(scripts())(check_calls))()
