"""The command ``wsfsm check``: which cases it plays on what, and what ends it."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.check_command import MUST, ONE, SHOULD, Capture, Patch, facade, failed, server, written
from helpers.server_targets import is_gone
from helpers.uvicorn_server import comes_true

from wsfsm.cli import main
from wsfsm.conformance import (
    Case,
    CommandTarget,
    Report,
    Result,
    TargetError,
    Verdict,
    cli,
    load_folder,
)
from wsfsm.conformance.server import profiles

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("wide")]


# ---------------------------------------------------------------- which cases


def listed(arguments: Sequence[str], capsys: Capture) -> list[list[str]]:
    """Level, id and section of what is listed."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [line.split(maxsplit=2) for line in out.splitlines()]


class TestListing:
    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_list_has_all_cases_with_level_and_section(self, kind: Any, capsys: Capture) -> None:
        assert listed(["check", kind, "--list"], capsys) == [
            [case.level.value, case.id, case.section] for case in load_folder(kind)
        ]

    @pytest.mark.parametrize(
        ("options", "belongs"),
        [
            (["--id", "accept.headers"], lambda c: c.id == "accept.headers"),
            (["--id", "accept", "--id", "send"], lambda c: c.id.split(".")[0] in {"accept", "send"}),
            (["--section", "close"], lambda c: "Close" in c.section),
            (
                ["--section", "6455", "--section", "9110"],
                lambda c: "6455" in c.section or "9110" in c.section,
            ),
            (["--level", "may"], lambda c: c.level == "may"),
            (["--level", "must", "--level", "may"], lambda c: c.level != "should"),
            (
                ["--id", "accept", "--section", "6455", "--level", "must"],
                lambda c: c.id.startswith("accept.") and "6455" in c.section and c.level == "must",
            ),
            (["uvicorn", "--id", "accept.headers"], lambda c: c.id == "accept.headers"),
        ],
    )  # fmt: skip
    def test_list_has_only_the_selected_cases(
        self, options: list[str], belongs: Callable[[Case], bool], capsys: Capture
    ) -> None:
        ids = [case.id for case in load_folder("server") if belongs(case)]

        assert ids
        assert [name for _, name, _ in listed(server("--list", *options), capsys)] == ids

    def test_list_is_not_wrapped_in_a_narrow_terminal(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        monkeypatch.setenv("COLUMNS", "20")

        assert len(listed(server("--list", "--id", "accept.headers"), capsys)) == 1

    def test_list_plays_no_case(self, monkeypatch: Patch, capsys: Capture) -> None:
        monkeypatch.setattr(cli, "check_facade", None)

        assert listed(facade("wsfsm", "--list", "--id", MUST), capsys)

    @pytest.mark.parametrize("words", [["server", "--list"], ["facade", "wsfsm", "--id", MUST]])
    def test_closed_pipe_leaves_no_traceback(self, words: list[str]) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(  # noqa: S603 - our own
                [sys.executable, "-m", "wsfsm", "check", *words],
                stdout=writer,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
        finally:
            os.close(writer)

        assert (done.returncode, done.stderr) == (1, b"")


class TestSelecting:
    @pytest.mark.parametrize("command", [server("uvicorn"), server("--list"), facade("wsfsm")])
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--id", "nope"], "no case has the id 'nope', or an id that begins with it and a dot"),
            (
                ["--id", "accept", "--id", "acc"],
                "no case has the id 'acc', or an id that begins with it and a dot",
            ),
            (["--section", "RFC 1"], "no case has 'RFC 1' in its section"),
            (["--section", "6455", "--section", "Nope"], "no case has 'Nope' in its section"),
        ],
    )
    def test_filter_without_a_match_is_named(
        self, command: list[str], options: list[str], told: str, capsys: Capture
    ) -> None:
        assert failed([*command, *options], capsys) == told

    @pytest.mark.parametrize(
        "words",
        [
            server("uvicorn", "--id", "send.text", "--level", "may"),
            server("--list", "--id", "accept.headers", "--section", "RFC"),
            facade("wsfsm", "--id", MUST, "--level", "should"),
        ],
    )
    def test_combination_of_filters_without_a_match_is_an_error(
        self, words: list[str], capsys: Capture
    ) -> None:
        assert failed(words, capsys) == "no case matches all of the filters"

    def test_only_selected_cases_are_played(self, tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        main(facade("wsfsm", "--id", MUST, "--id", SHOULD, "--level", "must", "--json", str(path)))

        (report,) = written(path)
        assert [result.case.id for result in report.results] == [MUST]


# ---------------------------------------------------------------- what is checked


@attrs.frozen
class Asked:
    """What the runner for servers was asked for."""

    target: CommandTarget
    cases: tuple[str, ...]
    jobs: int


@pytest.fixture
def asked(monkeypatch: Patch) -> list[Asked]:
    """What is asked for of a runner that starts nothing."""
    calls: list[Asked] = []

    def check_server(
        target: CommandTarget, cases: Sequence[Case], *, on_result: Any, jobs: int
    ) -> Report:
        calls.append(Asked(target, tuple(case.id for case in cases), jobs))
        results = tuple(Result(case=case, verdict=Verdict.PASS) for case in cases)
        for result in results:
            on_result(result)
        return Report(target=target.name, kind="server", versions={}, results=results)

    monkeypatch.setattr(cli, "check_server", check_server)
    return calls


class TestServerCommand:
    def test_server_is_started_with_its_arguments(self, tmp_path: Path, capsys: Capture) -> None:
        path = tmp_path / "x.json"
        words = ("wsfsm", *ONE, "--id", "accept.headers", "--json", str(path), "--ws", "wsproto")

        assert main(server(*words)) == 0
        (report,) = written(path)
        assert report.target == "wsfsm in uvicorn --ws wsproto"
        assert [(r.case.id, r.verdict) for r in report.results] == [
            ("accept.headers", Verdict.PASS),
            ("send.text", Verdict.PASS),
        ]
        out, err = capsys.readouterr()
        assert "wsfsm in uvicorn --ws wsproto" in out
        assert err == ""

    def test_placeholders_in_a_command_are_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        command = [sys.executable, *("-m", "uvicorn", "{app}", "--host", "{host}"), "--port={port}"]

        assert main(server(*ONE, "--json", str(path), "-q", "--", *command)) == 0
        (report,) = written(path)
        assert report.target == " ".join(command)
        assert report.counts == {Verdict.PASS: 1}

    @pytest.mark.parametrize(
        "words",
        [
            ["uvicorn", *ONE, "--jobs", "3", "--ws", "wsproto"],
            ["--jobs", "3", *ONE, "uvicorn", "--ws", "wsproto"],
            ["--jobs", "3", "uvicorn", *ONE, "--ws", "wsproto"],
            ["uvicorn", "--ws", "wsproto", "--id=send.text", "--jobs=3"],
            ["uvicorn", "--ws", *ONE, "wsproto", "--jobs", "3", "--"],
        ],
    )
    def test_options_are_read_before_and_after_the_name(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server(*words)) == 0
        assert [(a.target.name, a.cases, a.jobs) for a in asked] == [
            ("uvicorn --ws wsproto", ("send.text",), 3)
        ]

    @pytest.mark.parametrize("words", [["--i", "send.text"], ["--lis"], ["--ids=x"]])
    def test_unknown_option_belongs_to_the_server(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server("uvicorn", *ONE, *words)) == 0
        assert asked[0].target.command[-len(words) :] == tuple(words)

    def test_words_after_two_dashes_are_the_command(self, asked: list[Asked]) -> None:
        assert main(server(*ONE, "--", "x", "--jobs", "3", "--", "-q", "{port}")) == 0
        assert asked[0].target.command == ("x", "--jobs", "3", "--", "-q", "{port}")

    def test_variants_of_a_command_are_passed_on(self, asked: list[Asked]) -> None:
        limit, ping = ("--variant", "limit=--max '64 KiB'"), ("--variant", "keepalive=--ping=1")
        tls = ("--variant", "tls=--cert {cert} --key {key}")

        assert main(server(*limit, *ping, *tls, *ONE, "--", "x", "{port}")) == 0
        assert asked[0].target.variants == {
            "limit": ("--max", "64 KiB"),
            "keepalive": ("--ping=1",),
            "tls": ("--cert", "{cert}", "--key", "{key}"),
        }

    def test_name_option_names_the_target(self, asked: list[Asked]) -> None:
        assert main(server(*ONE, "--name", "mine", "--", "x", "{port}")) == 0
        assert main(server("uvicorn", *ONE, "--name=mine too", "--ws", "wsproto")) == 0
        assert [a.target.name for a in asked] == ["mine", "mine too"]

    def test_eight_cases_are_played_concurrently_by_default(self, asked: list[Asked]) -> None:
        assert main(server("uvicorn", *ONE)) == 0
        assert asked[0].jobs == 8


class TestFacadeCommand:
    @pytest.mark.parametrize("name", ["wsfsm", "starlette", "wsfsm:WebSocket"])
    def test_facade_is_checked(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "x.json"

        assert main(facade(name, "--id", MUST, "--json", str(path))) == 0
        (report,) = written(path)
        assert (report.target, report.kind, report.counts) == (name, "facade", {Verdict.PASS: 1})

    def test_options_are_read_before_the_name_of_a_facade(self, capsys: Capture) -> None:
        assert main(facade("--id", MUST, "--quiet", "wsfsm")) == 0
        assert "pass" in capsys.readouterr().out


# ---------------------------------------------------------------- what ends it


class TestTargetsThatCannotBeChecked:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("nope", "unknown facade 'nope'; choose one of wsfsm, "),
            ("nope:Class", "nope cannot be imported (No module named 'nope'); is nope installed?"),
            ("wsfsm:Nope", "wsfsm has no class or function 'Nope'"),
            ("wsfsm:", "unknown facade 'wsfsm:'; choose"),
        ],
    )
    def test_unknown_facade_is_reported(self, name: str, told: str, capsys: Capture) -> None:
        assert failed(facade(name), capsys).startswith(told)

    def test_framework_that_is_not_installed_is_reported(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        monkeypatch.setitem(sys.modules, "quart", None)

        assert failed(facade("quart"), capsys).endswith("is quart installed?")

    def test_unknown_server_is_reported(self, capsys: Capture) -> None:
        told = failed(server("nginx"), capsys)
        assert told.startswith("unknown server 'nginx'; choose one of uvicorn, ")

    def test_server_that_is_not_installed_is_reported(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        missing = CommandTarget(name="x", command=(), packages=("wsfsm-no-such-package",))
        monkeypatch.setattr(profiles, "PROFILES", {"x": missing})

        assert (
            failed(server("x"), capsys)
            == "wsfsm-no-such-package is not installed; install it in this environment"
        )

    # The first is played beside others on one server, the second on a server of its own.
    @pytest.mark.parametrize("case", ["send.text", "flow.send-waits"])
    def test_server_that_cannot_be_started_is_reported_in_one_line(
        self, case: str, capsys: Capture
    ) -> None:
        told = failed(server("--id", case, "--", "wsfsm-no-such-command", "{port}"), capsys)
        assert told == (
            "wsfsm-no-such-command {port} cannot be started: "
            "[Errno 2] No such file or directory: 'wsfsm-no-such-command'"
        )

    def test_server_that_exits_is_reported_with_its_output(self, capsys: Capture) -> None:
        told = failed(server("uvicorn", *ONE, "--no-such-option"), capsys)

        assert told.startswith(
            "uvicorn --no-such-option exits with status 2 before it listens on port "
        )
        assert "No such option" in told

    @pytest.mark.parametrize(
        ("error", "status", "told"),
        [
            (OSError(errno.EMFILE, "Too many"), 2, f"wsfsm: [Errno {errno.EMFILE}] Too many\n"),
            (OSError(errno.ENOENT, "Gone", "x"), 2, "wsfsm: x: Gone\n"),
            (TargetError("it is gone"), 2, "wsfsm: it is gone\n"),
            (BrokenPipeError(), 1, ""),
            (KeyboardInterrupt(), 130, "wsfsm: interrupted\n"),
        ],
    )
    def test_error_that_ends_the_check_is_reported(
        self,
        error: BaseException,
        status: int,
        told: str,
        monkeypatch: Patch,
        capsys: Capture,
    ) -> None:
        def check_facade(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(cli, "check_facade", check_facade)

        assert main(facade("wsfsm")) == status
        assert capsys.readouterr() == ("", told)

    @pytest.mark.parametrize("module", ["rich", "h11"])
    @pytest.mark.parametrize(
        "words", [facade("wsfsm"), facade("--list"), server("uvicorn"), ["check", "report", "x"]]
    )
    def test_missing_extra_is_reported_with_the_command_to_install_it(
        self, module: str, words: list[str]
    ) -> None:
        # in a process of its own: here they are imported already
        code = """
import sys

class Missing:
    def find_spec(name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Missing)
from wsfsm.cli import main
sys.exit(main(sys.argv[2:]))
"""
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", code, module, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stdout) == (2, "")
        needs = "run pip install 'wsfsm[conformance]'"
        assert done.stderr == f"wsfsm: the module {module} is missing; {needs}\n"


class TestInterrupts:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_stops_the_server_and_leaves_no_traceback(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        file = tmp_path / "pid"
        code = """
import os, sys, time
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
        command = (sys.executable, "-c", code, str(file))
        checking = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *server(*ONE, "--", *command, "{port}")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        pid = int(_when_written(file))
        checking.send_signal(number)

        assert checking.communicate(timeout=30) == (b"", b"wsfsm: interrupted\n")
        assert checking.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    @pytest.mark.parametrize(
        "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
    )
    def test_server_that_ignores_sigterm_does_not_outlive_the_command(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        file = tmp_path / "pid"
        code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(0.3)  # a runner that is killed while it starts a server has told nobody of it
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
        command = (sys.executable, "-c", code, str(file), "{port}")
        checking = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *server(*ONE, "--", *command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        pid = int(_when_written(file))
        checking.send_signal(number)
        time.sleep(0.3)
        checking.send_signal(number)  # who is impatient does it again

        _, told = checking.communicate(timeout=30)
        if number in {signal.SIGTERM, signal.SIGHUP}:
            assert (checking.returncode, told) == (130, b"wsfsm: interrupted\n")
        assert checking.returncode in {130, -number}
        assert is_gone(pid, 30), f"{pid} is still there"


def _when_written(path: Path) -> str:
    """A line, once it is there."""
    assert comes_true(lambda: path.exists() and path.read_text().endswith("\n"), 30), (
        f"{path.name} is not written"
    )
    return path.read_text()
