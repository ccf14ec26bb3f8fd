"""`wsfsm diagram` of your own machines, and the check of a file."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from helpers.asgi import ROOT
from helpers.machines_app import PLANT, PUMP, VALVE

from wsfsm.cli import main
from wsfsm.diagrams import (
    CHOSEN,
    DIAGRAMS,
    SENT,
    Diagram,
    combine,
    dot,
    explain,
    markdown,
    mermaid,
    moves_of,
    svg,
)
from wsfsm.tables import CLIENT

APP = "helpers.machines_app"
FILE = str(ROOT / "tests" / "helpers" / "machines_app.py")


class TestNames:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ([f"{APP}:VALVE"], dot(Diagram([VALVE]))),
            ([f"{FILE}:VALVE"], dot(Diagram([VALVE]))),
            ([f"{APP}:Works.SPARE"], dot(Diagram([PUMP], merge_edges=True))),
            ([f"{APP}:PUMP", "--no-merge-edges"], dot(Diagram([PUMP]))),
            ([f"{APP}:VALVE", "--merge-edges"], dot(Diagram([VALVE], merge_edges=True))),
            ([f"{APP}:PLANT"], dot(PLANT)),
            (["server", "--outputs"], dot(attrs.evolve(DIAGRAMS["server"], outputs=True))),
            ([f"{APP}:PUMP", "--no-outputs"], dot(attrs.evolve(combine([PUMP]), outputs=False))),
            (["client", "--state", "CONNECTED"], dot(moves_of(DIAGRAMS["client"], "CONNECTED"))),
            ([f"{APP}:VALVE", "--kinds", "sent"], dot(Diagram([VALVE], kinds={"valve": SENT}))),
            (["client", f"{APP}:VALVE", "--kinds", "event,valve = sent"], dot(Diagram([CLIENT, VALVE], kinds={"client": CHOSEN, "valve": SENT}))),
            (["client", f"{APP}:VALVE"], dot(Diagram([CLIENT, VALVE], kinds=DIAGRAMS["client"].kinds))),
        ],
    )  # fmt: skip
    def test_name_leads_to_a_machine_a_table_or_a_diagram(
        self, words: list[str], expected: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", "-f", "dot", *words]) == 0
        assert capfd.readouterr() == (expected, "")

    def test_several_names_are_drawn_side_by_side(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["diagram", f"{APP}:PUMP", f"{APP}:VALVE"]) == 0
        assert capfd.readouterr().out == markdown(Diagram([PUMP, VALVE]))

    def test_machine_of_a_file_in_the_current_folder_is_found_by_the_script(
        self, tmp_path: Path
    ) -> None:
        text = Path(FILE).read_text(encoding="utf-8")
        (tmp_path / "plant.py").write_text(text, encoding="utf-8")
        # -P, because `python -m` would add the folder, and the installed script does not
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wsfsm", "diagram", "plant:VALVE", "-f", "mermaid"],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            text=True,
            timeout=30,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, mermaid(Diagram([VALVE])), "")

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            ([f"{APP}:PRESSURE"], f"{APP}:PRESSURE must be a Machine, a Table or a Diagram, got dict "),
            ([f"{APP}:PIPE"], f"{APP} has no 'PIPE'; it has VALVE, PUMP, PLANT\n"),
            (["no_such_module:PUMP"], "there is no module 'no_such_module'; specify "),
            (["no/such/file.py:PUMP"], "there is no file no/such/file.py\n"),
            (["client", "--state", "OPEN"], "there is no state 'OPEN'; client has CONNECTING, CONNECTED, DISCONNECTED\n"),
            ([f"{APP}:VALVE", "--kinds", "tap=sent"], "there is no machine 'tap'; the diagram has valve\n"),
            ([f"{APP}:PUMP"] * 2, "a diagram must have machines with different names, got pump, pump\n"),
        ],
    )  # fmt: skip
    def test_name_that_leads_to_no_machine_has_status_1(
        self, names: list[str], said: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", *names]) == 1
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith(f"wsfsm: {said}")


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--kinds", "told"], "argument --kinds: must be sent, received, event, or MACHINE=KIND"),
            (["--state", "CONNECTED", "-f", "scxml"], "scxml has the whole machine; omit --state, or choose "),
            (["--state", "CONNECTED", "-f", "xstate"], "xstate has the whole machine; omit --state, or choose "),
            (["--state", "CONNECTED", "--write", "it"], "omit the names and other options"),
        ],
    )  # fmt: skip
    def test_wrong_option_has_status_2(
        self, options: list[str], said: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        names = [] if "--write" in options else ["client"]
        with pytest.raises(SystemExit) as raised:
            main(["diagram", *names, *options])

        assert raised.value.code == 2
        assert said in capfd.readouterr().err


class TestCheck:
    @pytest.mark.parametrize("suffix", [".dot", ".mmd", ".puml", ".md", ".scxml", ".json"])
    def test_file_that_has_just_been_written_is_current(
        self, suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = str(tmp_path / f"pump{suffix}")
        command = ["diagram", f"{APP}:PUMP"]

        assert main([*command, "-o", path]) == main([*command, "--check", path]) == 0
        assert capfd.readouterr() == ("", "")

    @pytest.mark.usefixtures("graphviz")
    def test_svg_is_stale_only_if_it_shows_something_else(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "valve.svg"
        path.write_bytes(svg(Diagram([VALVE])).replace(b'width="', b'width="1'))
        command = ["diagram", f"{APP}:VALVE", "--check", str(path)]

        assert main(command) == 0
        path.write_bytes(svg(Diagram([PUMP])))
        assert main(command) == 1

    @pytest.mark.parametrize(
        "options",
        [
            [],
            ["-f", "dot"],
            ["--merge-edges"],
            ["--no-merge-edges"],
            ["--outputs"],
            ["--no-outputs"],
            ["--kinds", "sent,valve=received"],
            ["--state", "open"],
        ],
    )
    def test_stale_file_has_status_1_and_the_command_that_it_names_writes_it(
        self, options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "the valve.mmd"
        path.write_text("stateDiagram-v2\n", encoding="utf-8")
        command = ["diagram", f"{APP}:VALVE", *options]

        assert main([*command, "--check", str(path)]) == 1
        out, err = capfd.readouterr()
        assert out == ""
        before, advice, end = err.split("`")
        assert (before, end) == (f"wsfsm: {path} is stale; run ", "\n")
        program, *words = shlex.split(advice)
        assert program == "wsfsm"
        assert main(words) == main([*command, "--check", str(path)]) == 0

    def test_missing_file_has_status_1(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "both.md"

        assert main(["diagram", "--check", str(path)]) == 1
        said = f"wsfsm: {path} does not exist; run `wsfsm diagram -o {path}`\n"
        assert capfd.readouterr() == ("", said)

    def test_file_that_cannot_be_read_has_status_1(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", "-f", "dot", "--check", str(tmp_path)]) == 1
        assert capfd.readouterr() == ("", f"wsfsm: cannot read {tmp_path}: Is a directory\n")

    def test_committed_diagrams_are_current(self, capfd: pytest.CaptureFixture[str]) -> None:
        for name in DIAGRAMS:
            assert main(["diagram", name, "--check", str(ROOT / "diagrams" / f"{name}.mmd")]) == 0


class TestExplain:
    @pytest.mark.parametrize(
        ("names", "diagram"),
        [
            ([], DIAGRAMS["both"]),
            ([f"{FILE}:VALVE"], Diagram([VALVE])),
            ([f"{APP}:PUMP", f"{APP}:VALVE"], Diagram([PUMP, VALVE])),
        ],
    )
    def test_explanation_is_plain_text_unless_in_a_terminal(
        self, names: list[str], diagram: Diagram, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["explain", *names]) == 0
        assert capfd.readouterr() == (explain(diagram), "")

    @pytest.mark.parametrize("installed", [True, False])
    def test_explanation_in_a_terminal_is_shown_with_rich_where_it_is_installed(
        self,
        installed: bool,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(os, "isatty", lambda fd: fd == 1)
        if not installed:
            monkeypatch.setitem(sys.modules, "rich.table", None)

        assert main(["explain", f"{APP}:VALVE"]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        assert (out == explain(Diagram([VALVE]))) != installed
        assert "open -> shut; refused in shut" in out

    @pytest.mark.parametrize(("name", "status"), [("peer", 2), (f"{APP}:PIPE", 1)])
    def test_wrong_name_has_the_status_of_the_diagram_command(
        self, name: str, status: int, capfd: pytest.CaptureFixture[str]
    ) -> None:
        try:
            found = main(["explain", name])
        except SystemExit as error:
            found = int(error.code or 0)

        assert found == status
        assert name.rpartition(":")[2] in capfd.readouterr().err
