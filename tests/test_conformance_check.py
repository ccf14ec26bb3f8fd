"""The command ``wsfsm check``: what it plays, tells and writes, and how it fails."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree as ET

import attrs
import pytest

from wsfsm import conformance
from wsfsm.cli import main
from wsfsm.conformance import (
    Case,
    CommandTarget,
    Report,
    Result,
    TargetError,
    Verdict,
    baseline,
    load_folder,
    servers,
)
from wsfsm.conformance.report_json import from_json

MUST, SHOULD = "accept.message", "accept.connect-with-another-key"
"""Cases of facades of these levels."""

BAD: Final = "builtins:object"  # no facade at all: it fails both
CASES = [*load_folder("server"), *load_folder("facade")]

Capture: TypeAlias = pytest.CaptureFixture[str]
Patch: TypeAlias = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def wide(monkeypatch: Patch) -> None:
    """A terminal that breaks no lines, and that has no colours."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def facade(*words: str) -> list[str]:
    return ["check", "facade", *words]


def server(*words: str) -> list[str]:
    return ["check", "server", *words]


def refused(arguments: Sequence[str], capsys: Capture) -> str:
    """What is told when a usage is refused."""
    with pytest.raises(SystemExit) as info:
        main(arguments)
    out, err = capsys.readouterr()
    assert (info.value.code, out) == (2, "")
    return err


def failed(arguments: Sequence[str], capsys: Capture) -> str:
    """What is told when something could not be checked, without the name of the command."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("wsfsm: ")
    return err.removeprefix("wsfsm: ").removesuffix("\n")


def written(path: Path) -> tuple[Report, ...]:
    """The reports of a file."""
    return from_json(path.read_text(encoding="utf-8"), CASES)


# ---------------------------------------------------------------- which cases


def listed(arguments: Sequence[str], capsys: Capture) -> list[list[str]]:
    """Level, id and section of what is listed."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [line.split(maxsplit=2) for line in out.splitlines()]


class TestListing:
    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_all_cases_are_listed_with_their_level_and_section(
        self, kind: Any, capsys: Capture
    ) -> None:
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
    def test_what_is_asked_for_is_listed(
        self, options: list[str], belongs: Callable[[Case], bool], capsys: Capture
    ) -> None:
        ids = [case.id for case in load_folder("server") if belongs(case)]

        assert ids
        assert [name for _, name, _ in listed(server("--list", *options), capsys)] == ids

    def test_a_narrow_terminal_breaks_no_line(self, monkeypatch: Patch, capsys: Capture) -> None:
        monkeypatch.setenv("COLUMNS", "20")

        assert len(listed(server("--list", "--id", "accept.headers"), capsys)) == 1

    def test_nothing_is_played(self, monkeypatch: Patch, capsys: Capture) -> None:
        monkeypatch.setattr(conformance, "check_facade", None)

        assert listed(facade("wsfsm", "--list", "--id", MUST), capsys)

    @pytest.mark.parametrize("words", [["server", "--list"], ["facade", "wsfsm", "--id", MUST]])
    def test_a_reader_that_goes_away_leaves_no_traceback(self, words: list[str]) -> None:
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
            (["--id", "nope"], "no case is called 'nope', or begins with it"),
            (["--id", "accept", "--id", "acc"], "no case is called 'acc', or begins with it"),
            (["--section", "RFC 1"], "no case is of a section 'RFC 1'"),
            (["--section", "6455", "--section", "Nope"], "no case is of a section 'Nope'"),
        ],
    )
    def test_what_asks_for_no_case_is_told(
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
    def test_what_no_case_is_all_of_is_told(self, words: list[str], capsys: Capture) -> None:
        assert failed(words, capsys) == "no case is all of what is asked for"

    def test_only_what_is_asked_for_is_played(self, tmp_path: Path) -> None:
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

    monkeypatch.setattr(conformance, "check_server", check_server)
    return calls


ONE: Final = ("--id", "send.text")


class TestServers:
    def test_a_server_is_started_with_its_arguments(self, tmp_path: Path, capsys: Capture) -> None:
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

    def test_a_command_is_told_where_to_listen(self, tmp_path: Path) -> None:
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
    def test_options_may_stand_before_and_after_the_name(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server(*words)) == 0
        assert [(a.target.name, a.cases, a.jobs) for a in asked] == [
            ("uvicorn --ws wsproto", ("send.text",), 3)
        ]

    @pytest.mark.parametrize("words", [["--i", "send.text"], ["--lis"], ["--ids=x"]])
    def test_what_only_begins_like_an_option_is_the_servers(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server("uvicorn", *ONE, *words)) == 0
        assert asked[0].target.command[-len(words) :] == tuple(words)

    def test_everything_after_two_dashes_is_the_command(self, asked: list[Asked]) -> None:
        assert main(server(*ONE, "--", "x", "--jobs", "3", "--", "-q", "{port}")) == 0
        assert asked[0].target.command == ("x", "--jobs", "3", "--", "-q", "{port}")

    def test_eight_cases_are_played_side_by_side(self, asked: list[Asked]) -> None:
        assert main(server("uvicorn", *ONE)) == 0
        assert asked[0].jobs == 8


class TestFacades:
    @pytest.mark.parametrize("name", ["wsfsm", "starlette", "wsfsm:WebSocket"])
    def test_a_facade_is_checked(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "x.json"

        assert main(facade(name, "--id", MUST, "--json", str(path))) == 0
        (report,) = written(path)
        assert (report.target, report.kind, report.counts) == (name, "facade", {Verdict.PASS: 1})

    def test_options_may_stand_before_the_name(self, capsys: Capture) -> None:
        assert main(facade("--id", MUST, "--quiet", "wsfsm")) == 0
        assert "pass" in capsys.readouterr().out


# ---------------------------------------------------------------- statuses


@pytest.fixture
def deadly(monkeypatch: Patch) -> str:
    """A facade that would end its server."""

    def leave(*_: object) -> None:
        raise SystemExit(3)

    module = ModuleType("deadly")
    module.Facade = leave  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "deadly", module)
    return "deadly:Facade"


class TestStatus:
    @pytest.mark.parametrize(
        ("name", "case", "options", "status"),
        [
            ("wsfsm", MUST, ["--fail-on", "should"], 0),
            (BAD, MUST, [], 1),
            (BAD, MUST, ["--fail-on", "must"], 1),
            (BAD, MUST, ["--fail-on=should"], 1),
            (BAD, SHOULD, [], 0),
            (BAD, SHOULD, ["--fail-on", "must"], 0),
            (BAD, SHOULD, ["--fail-on", "should"], 1),
        ],
    )
    def test_it_is_1_if_what_is_looked_for_fails(
        self, name: str, case: str, options: list[str], status: int, capsys: Capture
    ) -> None:
        assert main(facade(name, "--id", case, *options)) == status
        assert (f"fail {case}" in capsys.readouterr().out) is bool(status)

    def test_it_is_1_for_a_crash_whatever_the_level(self, deadly: str, capsys: Capture) -> None:
        assert main(facade(deadly, "--id", SHOULD)) == 1
        assert f"crash {SHOULD}" in capsys.readouterr().out

    def test_it_is_the_same_if_the_failures_are_not_listed(self, capsys: Capture) -> None:
        assert main(facade(BAD, "--id", MUST, "-q")) == 1
        assert MUST not in capsys.readouterr().out


# ---------------------------------------------------------------- files


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    """Files of a good and of a bad facade."""
    paths = [str(tmp_path / "good.json"), str(tmp_path / "bad.json")]
    for name, path in zip(["wsfsm", BAD], paths, strict=True):
        main(facade(name, "--id", MUST, "--id", SHOULD, "--json", path, "-q"))
    return paths


class TestFiles:
    @pytest.mark.parametrize("command", ["facade", "report"])
    def test_all_forms_are_written_at_once(
        self, command: str, reports: list[str], tmp_path: Path
    ) -> None:
        words = [BAD, "--id", MUST] if command == "facade" else [reports[1]]
        files = {form: tmp_path / f"x.{form}" for form in ("html", "json", "junit", "markdown")}
        options = [word for form, path in files.items() for word in (f"--{form}", str(path))]

        assert main(["check", command, *words, *options]) == 1
        assert "</html>" in files["html"].read_text(encoding="utf-8")
        assert written(files["json"])[0].target == BAD
        root = ET.fromstring(files["junit"].read_bytes())  # noqa: S314 - our own
        assert root[0].get("failures") == "1"
        assert f"| {BAD} | facade |" in files["markdown"].read_text(encoding="utf-8")

    @pytest.mark.parametrize("form", ["html", "json", "junit", "markdown"])
    @pytest.mark.parametrize(
        ("place", "why"), [("missing/x", "No such file or directory"), ("", "Is a directory")]
    )
    def test_what_cannot_be_written_is_told_and_the_results_too(
        self, form: str, place: str, why: str, tmp_path: Path, capsys: Capture
    ) -> None:
        path = tmp_path / place

        assert main(facade(BAD, "--id", MUST, f"--{form}", str(path))) == 2
        out, err = capsys.readouterr()
        assert err == f"wsfsm: {path}: {why}\n"
        assert f"fail {MUST}" in out


class TestReport:
    def test_targets_stand_side_by_side(self, reports: list[str], tmp_path: Path) -> None:
        path = tmp_path / "x.md"
        main(["check", "report", *reports, "--markdown", str(path)])

        lines = path.read_text(encoding="utf-8").splitlines()
        assert f"| case | level | wsfsm | {BAD} |" in lines
        assert f"| {MUST} | must | ✓ | ✗ |" in lines

    def test_reports_can_be_made_of_reports(self, reports: list[str], tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        main(["check", "report", *reports, "--json", str(path)])
        main(["check", "report", str(path), reports[0], "--json", str(path)])

        assert [report.target for report in written(path)] == ["wsfsm", BAD, "wsfsm"]

    @pytest.mark.parametrize(
        ("which", "options", "status"),
        [([0], [], 0), ([1], [], 1), ([0, 1], [], 1), ([0], ["--fail-on", "should"], 0)],
    )
    def test_the_status_is_that_of_all(
        self, which: list[int], options: list[str], status: int, reports: list[str]
    ) -> None:
        files = [reports[index] for index in which]

        assert main(["check", "report", *files, *options]) == status

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "no report of conformance: not JSON"),
            (b"{", "no report of conformance: not JSON"),
            (b"[]", 'no report of conformance: it has no "suite"'),
            (b"\xff", "'utf-8' codec can't decode byte 0xff"),
            (b'{"suite": "wsfsm conformance", "format": 9}', "a report of format 9"),
        ],
    )
    def test_a_broken_file_is_named(
        self, content: bytes, why: str, reports: list[str], tmp_path: Path, capsys: Capture
    ) -> None:
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        capsys.readouterr()

        told = failed(["check", "report", reports[0], str(path)], capsys)
        assert told.startswith(f"{path}: {why}")

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path, capsys: Capture) -> None:
        path = tmp_path / "x.json"

        told = failed(["check", "report", str(path)], capsys)
        assert told == f"{path}: No such file or directory"


# ---------------------------------------------------------------- known failures


def known(case: str, verdict: str = "fail", reason: str = "see #1") -> str:
    return f'[[known]]\ncase = "{case}"\nverdict = "{verdict}"\nreason = "{reason}"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


class TestBaseline:
    @pytest.mark.parametrize(
        ("text", "name", "status", "told"),
        [
            ("", BAD, 1, "1 new, 0 changed, 0 fixed; 0 known"),
            (known(MUST), BAD, 0, "0 new, 0 changed, 0 fixed; 1 known"),
            (known(MUST, "crash"), BAD, 1, "0 new, 1 changed, 0 fixed; 0 known"),
            (known(MUST), "wsfsm", 0, "0 new, 0 changed, 1 fixed; 0 known"),
            (known(SHOULD), "wsfsm", 0, "0 new, 0 changed, 0 fixed; 0 known"),
        ],
    )
    def test_only_changes_are_failures(
        self, *, text: str, name: str, status: int, told: str, path: Path, capsys: Capture
    ) -> None:
        path.write_text(text)

        assert main(facade(name, "--id", MUST, "--baseline", str(path), "-q")) == status
        assert capsys.readouterr().out.splitlines()[-1] == told
        assert path.read_text() == text

    def test_new_failures_of_a_should_can_count(self, path: Path) -> None:
        path.write_text("")
        words = facade(BAD, "--id", SHOULD, "--baseline", str(path))

        assert [main(words), main([*words, "--fail-on", "should"])] == [0, 1]

    def test_junit_knows_them(self, path: Path, tmp_path: Path) -> None:
        path.write_text(known(MUST))
        file = tmp_path / "x.xml"
        main(facade(BAD, "--id", MUST, "--baseline", str(path), "--junit", str(file)))

        suite = ET.fromstring(file.read_bytes())[0]  # noqa: S314 - our own
        assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")

    def test_reports_are_held_against_it(self, path: Path, reports: list[str]) -> None:
        path.write_text(known(MUST))

        assert main(["check", "report", *reports, "--baseline", str(path)]) == 0

    def test_a_file_that_is_not_there_is_written(self, path: Path) -> None:
        words = facade(BAD, "--id", MUST, "--baseline", str(path))

        assert main([*words, "--update-baseline"]) == 0
        assert baseline.read(path, CASES).known == (
            baseline.Known(case=MUST, target=BAD, verdict=Verdict.FAIL, reason=baseline.NO_REASON),
        )
        assert main(words) == 0

    def test_reasons_are_kept_when_it_is_updated(self, path: Path) -> None:
        path.write_text(known(MUST))
        words = ("--id", MUST, "--id", SHOULD, "--fail-on", "should", "--baseline", str(path))

        assert main(facade(BAD, *words, "--update-baseline")) == 0
        assert [(one.case, one.reason) for one in baseline.read(path, CASES).known] == [
            (MUST, "see #1"),
            (SHOULD, baseline.NO_REASON),
        ]

    def test_what_is_fixed_goes_when_it_is_updated(self, path: Path) -> None:
        path.write_text(known(MUST))

        assert (
            main(facade("wsfsm", "--id", MUST, "--baseline", str(path), "--update-baseline")) == 0
        )
        assert baseline.read(path, CASES).known == ()

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (None, "{}: No such file or directory"),
            ("known", "known.toml: Expected '='"),
            (known("nope"), "known.toml: no case is called nope"),
        ],
    )
    @pytest.mark.parametrize("command", ["facade", "report"])
    def test_a_wrong_file_is_told_before_anything_is_played(
        self,
        *,
        command: str,
        text: str | None,
        told: str,
        path: Path,
        monkeypatch: Patch,
        capsys: Capture,
    ) -> None:
        monkeypatch.setattr(conformance, "check_facade", None)
        if text is not None:
            path.write_text(text)

        wrong = failed(["check", command, "wsfsm", "--baseline", str(path)], capsys)
        assert wrong.startswith(told.format(path))

    def test_a_file_that_cannot_be_updated_is_told(self, path: Path, capsys: Capture) -> None:
        file = path / "known.toml"
        words = ("--baseline", str(file), "--update-baseline")

        assert main(facade("wsfsm", "--id", MUST, *words)) == 2
        assert capsys.readouterr().err == f"wsfsm: {file}: No such file or directory\n"


# ---------------------------------------------------------------- refusals and failures


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ([], "required: WHAT"),
            (["client"], "invalid choice: 'client'"),
            (["server"], "name a server, or give a command after --"),
            (["server", "--"], "name a server, or give a command after --"),
            (["server", *ONE], "name a server, or give a command after --"),
            (["server", "uvicorn", "--", "x"], "and not both"),
            (["server", "--list", "uvicorn", "--", "x"], "and not both"),
            (["server", "--ws", "x", "uvicorn"], "--ws is no option; those of a server come after"),
            (["server", "--i", "send", "uvicorn"], "--i is no option"),
            (["server", "--list", "--all"], "--all is no option"),
            (["server", "x", "--jobs", "0"], "argument --jobs: '0' is no number from 1 on"),
            (["server", "x", "--jobs", "-1"], "argument --jobs: '-1' is no number from 1 on"),
            (["server", "x", "--jobs", "many"], "argument --jobs: 'many' is no number from 1 on"),
            (["server", "x", "--jobs"], "argument --jobs: expected one argument"),
            (["server", "x", "--level", "shall"], "invalid choice: 'shall'"),
            (["server", "x", "--fail-on", "may"], "invalid choice: 'may'"),
            (["server", "x", "--json"], "argument --json: expected one argument"),
            (["server", "x", "--update-baseline"], "--update-baseline needs --baseline FILE"),
            (["facade"], "name a facade, or module:Class"),
            (["facade", "--id", MUST], "name a facade, or module:Class"),
            (["facade", "wsfsm", "quart"], "unrecognized arguments: quart"),
            (["facade", "wsfsm", "--jobs", "3"], "unrecognized arguments: --jobs 3"),
            (["facade", "x", "--update-baseline"], "--update-baseline needs --baseline FILE"),
            (["report"], "the following arguments are required: FILE"),
            (["report", "x", "--id", MUST], "unrecognized arguments: --id"),
            (["report", "x", "--update-baseline"], "--update-baseline needs --baseline FILE"),
        ],
    )
    def test_a_wrong_usage_has_status_2(self, words: list[str], told: str, capsys: Capture) -> None:
        assert told in refused(["check", *words], capsys)


class TestNotChecked:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("nope", "no facade is called 'nope': it is one of wsfsm, "),
            ("nope:Class", "nope cannot be imported (No module named 'nope'); is nope installed?"),
            ("wsfsm:Nope", "wsfsm has no class or function 'Nope'"),
            ("wsfsm:", "no facade is called 'wsfsm:'"),
        ],
    )
    def test_a_facade_that_is_not_there_is_told(
        self, name: str, told: str, capsys: Capture
    ) -> None:
        assert failed(facade(name), capsys).startswith(told)

    def test_a_framework_that_is_not_installed_is_told(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        monkeypatch.setitem(sys.modules, "quart", None)

        assert failed(facade("quart"), capsys).endswith("is quart installed?")

    def test_a_server_that_nobody_knows_is_told(self, capsys: Capture) -> None:
        told = failed(server("nginx"), capsys)
        assert told.startswith("no server is known as 'nginx', only uvicorn, ")

    def test_a_server_that_is_not_installed_is_told(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        missing = CommandTarget(name="x", command=(), packages=("wsfsm-no-such-package",))
        monkeypatch.setattr(servers, "PROFILES", {"x": missing})

        assert failed(server("x"), capsys) == "wsfsm-no-such-package is not installed"

    # The first is played beside others on one server, the second on a server of its own.
    @pytest.mark.parametrize("case", ["send.text", "flow.send-waits"])
    def test_a_server_that_cannot_be_started_is_told_in_one_line(
        self, case: str, capsys: Capture
    ) -> None:
        told = failed(server("--id", case, "--", "wsfsm-no-such-command", "{port}"), capsys)
        assert told == (
            "wsfsm-no-such-command {port} cannot be started: "
            "[Errno 2] No such file or directory: 'wsfsm-no-such-command'"
        )

    def test_the_last_words_of_a_server_that_ends_are_told(self, capsys: Capture) -> None:
        told = failed(server("uvicorn", *ONE, "--no-such-option"), capsys)

        assert told.startswith("uvicorn --no-such-option ends before it listens on port ")
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
    def test_what_ends_it_is_told(
        self,
        error: BaseException,
        status: int,
        told: str,
        monkeypatch: Patch,
        capsys: Capture,
    ) -> None:
        def check_facade(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(conformance, "check_facade", check_facade)

        assert main(facade("wsfsm")) == status
        assert capsys.readouterr() == ("", told)

    @pytest.mark.parametrize("module", ["rich", "h11"])
    @pytest.mark.parametrize(
        "words", [facade("wsfsm"), facade("--list"), server("uvicorn"), ["check", "report", "x"]]
    )
    def test_without_the_extra_it_is_told_how_to_install_it(
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
        assert done.stderr == f"wsfsm: {module} is missing: pip install 'wsfsm[conformance]'\n"


class TestInterrupting:
    def test_ctrl_c_stops_the_server_and_leaves_no_traceback(self, tmp_path: Path) -> None:
        file = tmp_path / "pid"
        code = """
import os, sys, time
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
        command = (sys.executable, "-c", code, str(file))
        checking = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *server(*ONE, "--", *command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        pid = int(_when_written(file))
        checking.send_signal(signal.SIGINT)

        assert checking.communicate(timeout=30) == (b"", b"wsfsm: interrupted\n")
        assert checking.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _when_written(path: Path) -> str:
    """A line, once it is there."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return text
        time.sleep(0.02)
    raise AssertionError(f"{path.name} is not written")


class TestHelp:
    @pytest.mark.parametrize("kind", ["server", "facade", "report"])
    def test_it_tells_of_every_form(self, kind: str, capsys: Capture) -> None:
        with pytest.raises(SystemExit) as info:
            main(["check", kind, "--help"])

        assert info.value.code == 0
        out = capsys.readouterr().out
        assert all(f"--{form} FILE" in out for form in ("html", "json", "junit", "markdown"))
