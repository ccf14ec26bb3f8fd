"""The first page: its code and commands do what it says."""

import contextlib
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide
from helpers.site import blocks
from helpers.uvicorn_server import in_time, serving
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from wsfsm.cli import main

GUIDE = Guide(ROOT / "docs" / "start.md")
FIRST, DENYING, MISTAKE, LIGHT = blocks(GUIDE.text, "python")


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "start.md", "exec"), names)  # noqa: S102 - our own
    return names


def test_first_application_echoes_on_a_server() -> None:
    async def talk() -> None:
        async with serving(run(FIRST)["app"]) as address, connect(f"ws://{address}/") as client:
            await client.send("hello")
            assert await client.recv() == "you said: hello"

    in_time(talk)


def test_second_application_refuses_a_client_without_a_token() -> None:
    async def talk() -> None:
        async with serving(run(DENYING)["app"]) as address:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{address}/"):
                    pass
            assert refused.value.response.status_code == 403
            assert refused.value.response.body == b"The token is wrong."
            async with connect(f"ws://{address}/?token=secret") as client:
                await client.send("hello")
                assert await client.recv() == "you said: hello"

    in_time(talk)


def test_mistake_prints_the_error_that_is_shown() -> None:
    (shown,) = blocks(GUIDE.text, "text")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run(MISTAKE)

    assert out.getvalue() == shown


@pytest.mark.usefixtures("graphviz")
def test_commands_draw_and_explain_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run(LIGHT)
    (tmp_path / "light.py").write_text(LIGHT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    commands = [words for words in GUIDE.commands if words[0] == "wsfsm"]
    assert len(commands) == 3
    for _, *words in commands:
        assert main(words) == 0
    shown = capfd.readouterr()
    assert (tmp_path / "light.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert "stateDiagram-v2" in shown.out
    assert "red -> green" in shown.out
    assert shown.err == ""


def test_extras_and_the_version_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert GUIDE.first_cells("Get wsfsm") == sorted(project["optional-dependencies"])
    packages = {re.split("[>=]", requirement)[0] for requirement in project["dependencies"]}
    assert packages == {"attrs", "transitions"}
    (wheel,) = re.findall(r"wsfsm-(.*?)-py3-none-any\.whl", GUIDE.text)
    assert wheel == project["version"]
