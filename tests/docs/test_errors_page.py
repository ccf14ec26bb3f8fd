"""Every error has a section in docs/errors.md, and every section an error."""

import ast
import builtins
import importlib
import inspect
import pkgutil
import re
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.asgi import ROOT

import wsfsm
from wsfsm import APPLICATION, CLIENT, SERVER, ConnectionClosed, Machine, WebSocketDisconnected
from wsfsm.cli import main
from wsfsm.exceptions import Explained, IllegalTransition, explained

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
TOPICS = re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)
EXCEPTIONS = [
    name
    for name in wsfsm.exceptions.__all__
    if inspect.isclass(kind := getattr(wsfsm.exceptions, name)) and issubclass(kind, Exception)
]
EVENTS = [event for machine in (CLIENT, APPLICATION, SERVER) for event in machine.table.events]

# They are caught by the package itself, or mean what they mean everywhere in Python
ORDINARY = {"AttributeError", "KeyError", "StopAsyncIteration", "AssertionError", "SystemExit"}
# Modules whose errors are about programs, not about WebSockets: their texts say all that there is
PLAIN = (
    "conformance",
    "demo",
    "diagrams",
    "ext",
    "testing",
    "integrations/frames",
    "integrations/_",
)
PLAIN_TOO = {"wsfsm/_loops.py", "wsfsm/_urls.py", "wsfsm/datastructures.py", "wsfsm/cli.py"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "wsfsm").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def kinds() -> Iterator[type[Explained]]:
    """The public classes of errors that have a section."""
    for module in pkgutil.walk_packages(wsfsm.__path__, "wsfsm."):
        if not module.name.endswith("__main__"):
            loaded = importlib.import_module(module.name)
            for _, kind in inspect.getmembers(loaded, inspect.isclass):
                if issubclass(kind, Explained) and kind is not Explained:
                    yield kind


def written() -> Iterator[str]:
    """The topics in calls of `explained`, and those that one error gets."""
    for _, tree in sources():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name("explained"), args=[_, ast.Constant(str(topic))]):
                    yield topic
                case ast.Assign(
                    targets=[ast.Attribute(attr="topic")], value=ast.Constant(str(topic))
                ):
                    yield topic


def refused() -> Iterator[str]:
    """The topics of all events that some state refuses."""
    for machine in (CLIENT, APPLICATION, SERVER):
        for node in machine.nodes.values():
            for event in {*EVENTS} - {*node.moves}:
                yield node.refusal(event).topic


def test_every_section_is_that_of_an_error_and_every_error_has_one() -> None:
    classes = {kind.topic for kind in kinds() if isinstance(vars(kind).get("topic"), str)}
    uses = {
        WebSocketDisconnected().topic,
        WebSocketDisconnected(code=1000).topic,
        ConnectionClosed().topic,
        ConnectionClosed(machine="client").topic,
        IllegalTransition(machine="traffic light").topic,
    }

    assert len(TOPICS) == len(set(TOPICS))
    assert set(TOPICS) == classes | uses | {*written()} | {*refused()}


@pytest.mark.parametrize("machine", [CLIENT, APPLICATION, SERVER], ids=lambda m: m.name)
def test_every_cell_that_a_table_refuses_has_a_section(machine: Machine[Any]) -> None:
    own = {
        node.refusal(event).topic
        for node in machine.nodes.values()
        for event in machine.table.events
        if event not in node.moves
    }

    assert own
    assert own <= set(TOPICS)


def test_every_raised_error_of_python_has_a_topic() -> None:
    without = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if path not in PLAIN_TOO and not path.removeprefix("wsfsm/").startswith(PLAIN)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and hasattr(builtins, node.exc.func.id)
        and node.exc.func.id not in ORDINARY
    ]

    assert without == []


@pytest.mark.parametrize("topic", TOPICS)
def test_section_says_in_one_line_what_it_means_and_then_what_to_do(topic: str) -> None:
    section = PAGE.split(f"\n### {topic}\n\n")[1].split("\n#")[0]
    meaning, advice, *_ = section.split("\n\n")

    assert re.fullmatch(r".{20,118}\.", meaning)
    assert advice.rstrip().endswith(".")


class TestCommand:
    def test_command_lists_all_topics(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["error"]) == 0

        lines = capfd.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == TOPICS

    @pytest.mark.parametrize("topic", TOPICS)
    def test_command_shows_the_section(self, topic: str, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["error", topic]) == 0

        shown = capfd.readouterr().out
        assert PAGE.split(f"\n### {topic}\n\n")[1].startswith(shown.splitlines()[0])
        assert "\n#" not in shown
        assert "](" not in shown

    @pytest.mark.parametrize(
        ("word", "topics"),
        [("1006", {"disconnect", "close-code"}), ("nothing", {"timeout", "machine-not-found"})],
    )
    def test_command_lists_the_topics_with_a_word(
        self, word: str, topics: set[str], capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["error", word]) == 0

        assert {line.split()[0] for line in capfd.readouterr().out.splitlines()} >= topics

    @pytest.mark.parametrize("name", EXCEPTIONS)
    def test_command_finds_every_exception(
        self, name: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["error", name]) == 0

        assert capfd.readouterr().out

    @pytest.mark.parametrize(
        ("topic", "advice"),
        [
            ("nonsense", "unknown topic 'nonsense'; `wsfsm error` lists all of them"),
            ("unknown-stat", "; did you mean unknown-state? `wsfsm error` lists all of them"),
        ],
    )
    def test_command_refuses_an_unknown_topic(
        self, topic: str, advice: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            main(["error", topic])

        assert advice in capfd.readouterr().err


class TestNote:
    def test_traceback_names_the_command(self) -> None:
        for error in (IllegalTransition("text", machine="client"), explained(OSError(), "scope")):
            last = traceback.format_exception_only(error)[-1]
            topic = "server-order" if isinstance(error, IllegalTransition) else "scope"
            assert last == f"Run `wsfsm error {topic}` for an explanation.\n"

    def test_note_is_made_when_it_is_read(self) -> None:
        error = IllegalTransition("text", machine="application", event="websocket.send")
        assert "__notes__" not in vars(error)

        error.add_note("and another")
        assert error.__notes__ == [
            "Run `wsfsm error send-without-accept` for an explanation.",
            "and another",
        ]

    def test_notes_can_be_replaced(self) -> None:
        error = IllegalTransition("text")
        error.__notes__ = ["only this"]

        assert traceback.format_exception_only(error)[-1] == "only this\n"
