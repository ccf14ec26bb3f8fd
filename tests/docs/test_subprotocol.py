"""The page about a subprotocol: its code is that of the example, and its commands run."""

import asyncio
import contextlib
import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from graphql_transport_ws import app, server, tables
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.uvicorn_server import in_time, serving

from wsfsm import Machine, TableError
from wsfsm.cli import main
from wsfsm.integrations.uvicorn import WebSocketProtocol

GUIDE: Final = Guide(ROOT / "docs" / "subprotocol.md")
FOLDER: Final = ROOT / "examples" / "graphql_transport_ws"
CODE: Final = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
PARTS: Final = re.findall(r"```python\n(.*?)```", GUIDE.text, re.DOTALL)
FILES: Final = dict(re.findall(r'```python title="(.*?)"\n(.*?)```', GUIDE.text, re.DOTALL))
PROSE: Final = re.sub(r"^```.*?^```", "", GUIDE.text, flags=re.MULTILINE | re.DOTALL)
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^    (\S.*)$", PROSE, re.MULTILINE)]
STEPS: Final = "Step a machine"


def runs(part: str) -> bool:
    return part in GUIDE.section(STEPS)


@pytest.mark.parametrize("part", [part for part in PARTS if not runs(part)])
def test_code_is_in_the_example(part: str) -> None:
    """Methods are shown like functions."""
    code, part = (re.sub(r"\n\n+", "\n", text) for text in (CODE, part))

    assert part in code or part in re.sub(r"^ {4}", "", code, flags=re.MULTILINE)


def test_machine_steps_as_it_is_printed() -> None:
    (part,) = filter(runs, PARTS)
    (text,) = re.findall(r"```text\n(.*?)```", GUIDE.section(STEPS), re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(part, str(GUIDE.path), "exec"), {})  # noqa: S102 - our own

    assert out.getvalue() == text


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize("name", ["operation", "connection"])
def test_picture_is_current(name: str) -> None:
    picture = f"../examples/graphql_transport_ws/{name}.svg"

    assert f"]({picture})\n" in GUIDE.text
    path = str(GUIDE.path.parent / picture)
    assert main(["diagram", f"{FOLDER / 'tables.py'}:{name.upper()}", "--check", path]) == 0


@pytest.mark.usefixtures("graphviz")
def test_commands_draw_and_explain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = [words[1:] for words in COMMANDS if words[0] == "wsfsm"]

    assert [main(words) for words in commands] == [0, 0]
    assert "It starts in free and runs for ever." in capfd.readouterr().out
    assert (tmp_path / "connection.svg").exists()


def test_server_is_started_as_in_the_tests() -> None:
    *uvicorn, option, protocol = next(words for words in COMMANDS if words[0] == "uvicorn")

    assert uvicorn == ["uvicorn", "--app-dir", "examples", f"{app.__name__}:app"]
    assert (option, protocol) == (
        "--ws",
        f"wsfsm.integrations.uvicorn:{WebSocketProtocol.__name__}",
    )


def test_client_prints_what_it_says(tmp_path: Path) -> None:
    (text,) = re.findall(r"```text\n(.*?)```", GUIDE.section("Run it"), re.DOTALL)
    client = FILES["client.py"]
    assert client.count("127.0.0.1:8000") == 1

    async def talk() -> None:
        async with serving(app.app, ws=WebSocketProtocol) as address:
            path = tmp_path / "client.py"
            path.write_text(client.replace("127.0.0.1:8000", address), encoding="utf-8")
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(path), stdout=asyncio.subprocess.PIPE
            )
            output, _ = await process.communicate()
        assert (process.returncode, output.decode()) == (0, text)

    in_time(talk)


def test_test_of_every_cell_passes_and_notices_each_change() -> None:
    names: dict[str, Any] = {}
    exec(FILES["test_operation.py"], names)  # noqa: S102 - our own
    names["test_every_cell"]()

    table = tables.OPERATION.table
    for row in table.rows:
        rows = tuple(other for other in table.rows if other is not row)
        with contextlib.suppress(TableError):  # it is noticed by the declaration
            names["OPERATION"] = Machine(attrs.evolve(table, rows=rows))
            with pytest.raises(AssertionError):
                names["test_every_cell"]()


def test_each_message_has_a_row_in_each_state() -> None:
    (said,) = re.findall(r"So each message of a client has a\s+row in each state", GUIDE.text)
    events = [e for e in tables.CONNECTION.table.events if isinstance(e, str) or e.is_message]

    assert said
    for node in tables.CONNECTION.nodes.values():
        assert {*events} <= {*node.moves}


def test_subprotocol_and_codes_are_those_of_the_example() -> None:
    codes = {
        str(output.code)
        for row in tables.CONNECTION.table.rows
        for output in row.outputs
        if isinstance(output, tables.Close)
    }

    assert codes == {"4400", "4401", "4403", "4408", "4409", "4429", "4500"}
    assert server.SUBPROTOCOL in GUIDE.text
    assert {*re.findall(r"\b4[0-9]{3}\b", PROSE)} - codes == {"4406"}


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]*)\)", GUIDE.text)

    assert links
    for path in links:
        assert (GUIDE.path.parent / path).exists(), path


def test_its_lines_have_no_more_than_120_characters() -> None:
    assert max(map(len, PROSE.splitlines())) <= 120
