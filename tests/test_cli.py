"""The command: what it prints and writes, and how it fails."""

import errno
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.processes import into_closed_pipe

from wsfsm import cli
from wsfsm.cli import main
from wsfsm.diagrams import DIAGRAMS, SUFFIXES, dot, markdown, mermaid

FakeRender = list[tuple[Any, str]]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> FakeRender:
    """Record the diagrams to render, without Graphviz."""
    asked: FakeRender = []

    def render(diagram: Any, form: str) -> bytes:
        asked.append((diagram, form))
        return form.encode()

    monkeypatch.setattr(cli, "render", render)
    return asked


def refused(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Return the error of a wrong usage."""
    with pytest.raises(SystemExit) as info:
        main(arguments)
    out, err = capfd.readouterr()
    assert (info.value.code, out) == (2, "")
    return err


class TestPrinting:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["-f", "dot"], dot(DIAGRAMS["both"])),
            (["both", "--format", "mermaid"], mermaid(DIAGRAMS["both"])),
            (["client", "--format=dot"], dot(DIAGRAMS["client"])),
            (["application", "--format", "markdown"], markdown(DIAGRAMS["application"])),
            ([], markdown(DIAGRAMS["both"])),
        ],
    )
    def test_diagram_command_prints_the_named_diagram(
        self, arguments: list[str], expected: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", *arguments]) == 0
        assert capfd.readouterr() == (expected, "")

    def test_png_can_be_redirected(
        self, rendered: FakeRender, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", "-f", "png"]) == 0
        assert capfd.readouterr().out == "png"
        assert rendered == [(DIAGRAMS["both"], "png")]

    def test_png_is_refused_on_a_terminal(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(os, "isatty", lambda fd: fd == 1)

        assert "use -o FILE, or redirect the output" in refused(["diagram", "-f", "png"], capfd)


class TestFiles:
    @pytest.mark.parametrize(("form", "suffix"), SUFFIXES.items())
    def test_suffix_of_the_file_decides_the_format(
        self, form: str, suffix: str, rendered: FakeRender, tmp_path: Path
    ) -> None:
        path = tmp_path / f"picture{suffix}"

        assert main(["diagram", "client", "-o", str(path)]) == 0
        assert path.read_text() == form
        assert rendered == [(DIAGRAMS["client"], form)]

    def test_format_option_overrides_the_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.txt"

        assert main(["diagram", "--format", "dot", "--output", str(path)]) == 0
        assert path.read_text() == dot(DIAGRAMS["both"])

    def test_unknown_suffix_is_refused(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        told = refused(["diagram", "-o", str(tmp_path / "picture.gif")], capfd)

        assert "picture.gif is not that of a format; use --format" in told
        assert not [*tmp_path.iterdir()]

    def test_write_option_writes_all_diagrams(self, rendered: FakeRender, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "folder"

        assert main(["diagram", "--write", str(folder)]) == 0
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            f"{name}{suffix}": form
            for name in DIAGRAMS
            for form, suffix in SUFFIXES.items()
            if form != "png"
        }
        assert len(rendered) == 28


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "required: COMMAND"),
            (["draw"], "invalid choice: 'draw'"),
            (["diagram", "peer"], "invalid name 'peer'; use client, application, both, server, or"),
            (["diagram", "peer:"], "invalid name 'peer:'"),
            (["diagram", "--check", "x.png"], "PNG cannot be checked"),
            (["diagram", "--check", "x.gif"], "x.gif is not that of a format"),
            (["diagram", "--check", "x.svg", "-o", "y.svg"], "not allowed with argument"),
            (["diagram", "-f", "gif"], "invalid choice: 'gif'"),
            (["diagram", "--write", "x", "-o", "y.svg"], "not allowed with argument"),
            (["diagram", "client", "--write", "x"], "--write writes all diagrams"),
            (["diagram", "--write", "x", "-f", "dot"], "--write writes all diagrams"),
            (["diagram", "--write", "x", "--merge-edges"], "--write writes all diagrams"),
        ],
    )
    def test_wrong_usage_has_status_2(
        self, arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert told in refused(arguments, capfd)


class TestFailures:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (
                ["-o", "{}/missing/x.dot"],
                "cannot write {}/missing/x.dot: No such file or directory",
            ),
            (["-f", "dot", "-o", "{}"], "cannot write {}: Is a directory"),
            (["--write", "{}/file"], "cannot create the folder {}/file: File exists"),
        ],
    )
    def test_file_that_cannot_be_written_has_status_1(
        self,
        arguments: list[str],
        told: str,
        rendered: FakeRender,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "file").touch()

        assert main(["diagram", *(word.format(tmp_path) for word in arguments)]) == 1
        assert capfd.readouterr() == ("", f"wsfsm: {told.format(tmp_path)}\n")

    @pytest.mark.parametrize(
        "arguments", [["-f", "svg"], ["-f", "png", "-o", "{}/x.png"], ["--write", "{}/new"]]
    )
    def test_missing_graphviz_is_reported_and_nothing_is_written(
        self,
        arguments: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        assert main(["diagram", *(word.format(tmp_path) for word in arguments)]) == 1
        out, err = capfd.readouterr()
        assert out == ""
        assert "install the package 'graphviz'" in err
        assert err.endswith(", or use --format mermaid\n") == ("--write" not in arguments)
        assert not [*tmp_path.iterdir()]

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            (errno.ENOSPC, "wsfsm: cannot write to standard output: No space left on device\n"),
            (errno.EPIPE, ""),
        ],
    )
    def test_standard_output_that_fails_has_status_1(
        self,
        code: int,
        told: str,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        def failing(*args: Any, **kwargs: Any) -> Any:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(cli, "open", failing, raising=False)

        assert main(["diagram"]) == 1
        assert capfd.readouterr() == ("", told)

    def test_closed_pipe_leaves_no_traceback(self) -> None:
        assert into_closed_pipe("diagram", "-f", "dot") == (1, b"")


class TestVersion:
    def test_version_is_that_of_the_installed_package(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(cli, "version", {"wsfsm": "1.2.3"}.__getitem__)

        with pytest.raises(SystemExit) as info:
            main(["--version"])

        assert info.value.code == 0
        assert capfd.readouterr() == ("wsfsm 1.2.3\n", "")

    def test_version_of_a_source_tree_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def missing(name: str) -> str:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(cli, "version", missing)

        assert main(["--version"]) == 1
        assert capfd.readouterr() == (
            "",
            "wsfsm: the version is unknown, because wsfsm is not installed\n",
        )


class TestModule:
    def test_python_m_wsfsm_is_the_command(self) -> None:
        # Not by runpy: pytest's loader, which an installed plugin's modules get, has no get_code
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wsfsm", "diagram", "client", "-f", "dot"],
            capture_output=True,
            check=False,
            text=True,
            timeout=30,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, dot(DIAGRAMS["client"]), "")

    def test_import_of_main_runs_nothing(self) -> None:
        assert importlib.import_module("wsfsm.__main__").main is main
