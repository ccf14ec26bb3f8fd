"""The command ``wsfsm check``: its statuses, the files it writes and reads, and its usage."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from helpers.check_command import (
    BAD,
    CASES,
    MUST,
    ONE,
    SHOULD,
    Capture,
    Patch,
    facade,
    failed,
    written,
)

from wsfsm.cli import main
from wsfsm.conformance import Verdict, baseline, cli
from wsfsm.conformance.reports.json import to_json

pytestmark = pytest.mark.usefixtures("wide")


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


class TestExitStatus:
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
    def test_status_is_1_if_a_required_case_fails(
        self, name: str, case: str, options: list[str], status: int, capsys: Capture
    ) -> None:
        assert main(facade(name, "--id", case, *options)) == status
        assert (f"fail {case}" in capsys.readouterr().out) is bool(status)

    def test_status_is_1_for_a_crash_at_any_level(self, deadly: str, capsys: Capture) -> None:
        assert main(facade(deadly, "--id", SHOULD)) == 1
        assert f"crash {SHOULD}" in capsys.readouterr().out

    def test_status_is_the_same_in_quiet_mode(self, capsys: Capture) -> None:
        assert main(facade(BAD, "--id", MUST, "-q")) == 1
        assert MUST not in capsys.readouterr().out

    def test_status_is_2_if_no_required_case_was_judged(self, capsys: Capture) -> None:
        assert main(facade("builtins:slice", "--id", "send.text")) == 2  # it has no methods
        told = (
            "none of the 1 cases that require something was judged: builtins:slice has no accept()"
        )
        assert told in capsys.readouterr().err

    def test_status_is_2_if_no_case_was_judged(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "known.toml"
        more = ("--level", "may", "--baseline", str(path), "--update-baseline")
        assert main(facade("builtins:slice", "--id", "tasks", *more)) == 2
        assert "none of the 7 cases was judged: builtins:slice has no" in capsys.readouterr().err
        assert not path.exists()


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
    def test_all_report_formats_are_written_at_once(
        self, command: str, reports: list[str], tmp_path: Path
    ) -> None:
        words = [BAD, "--id", MUST] if command == "facade" else [reports[1]]
        files = {form: tmp_path / f"x.{form}" for form in ("html", "json", "junit")}
        options = [word for form, path in files.items() for word in (f"--{form}", str(path))]

        assert main(["check", command, *words, *options]) == 1
        assert "</html>" in files["html"].read_text(encoding="utf-8")
        assert written(files["json"])[0].target == BAD
        root = ET.fromstring(files["junit"].read_bytes())  # noqa: S314 - our own
        assert root[0].get("failures") == "1"

    def test_file_that_cannot_be_written_is_reported_after_the_results(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        path = tmp_path / "x.xml"

        words = ("--html", "/dev/full", "--junit", str(path))
        assert main(facade(BAD, "--id", MUST, *words)) == 2
        out, err = capsys.readouterr()
        assert err == "wsfsm: /dev/full: No space left on device\n"
        assert f"fail {MUST}" in out
        assert "<testsuites" in path.read_text(encoding="utf-8")

    def test_terminal_with_another_encoding_shows_the_results(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "import wsfsm\nclass Mine(wsfsm.WebSocket):\n"
            "    async def receive_text(self):\n        return await super().receive_text() + '!'\n"
        )
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *facade("mine:Mine", "--id", "receive.any-text")],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stderr) == (1, "")
        assert "\\u" in done.stdout


class TestReportCommand:
    def test_targets_of_several_files_are_merged(self, reports: list[str], tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        main(["check", "report", *reports, "--json", str(path)])

        assert [report.target for report in written(path)] == ["wsfsm", BAD]

    def test_file_without_results_is_an_error(self, tmp_path: Path, capsys: Capture) -> None:
        path = tmp_path / "x.json"
        path.write_text(to_json([]), encoding="utf-8")

        assert failed(["check", "report", str(path)], capsys) == f"there are no results in {path}"

    def test_merged_report_can_be_merged_again(self, reports: list[str], tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        main(["check", "report", *reports, "--json", str(path)])
        main(["check", "report", str(path), reports[0], "--json", str(path)])

        assert [report.target for report in written(path)] == ["wsfsm", BAD, "wsfsm"]

    @pytest.mark.parametrize(
        ("which", "options", "status"),
        [([0], [], 0), ([1], [], 1), ([0, 1], [], 1), ([0], ["--fail-on", "should"], 0)],
    )
    def test_status_of_a_merged_report_counts_all_targets(
        self, which: list[int], options: list[str], status: int, reports: list[str]
    ) -> None:
        files = [reports[index] for index in which]

        assert main(["check", "report", *files, *options]) == status

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "not a report of the suite, because it is not JSON"),
            (b"{", "not a report of the suite, because it is not JSON"),
            (b"[]", "not a report that can be read, because the file should be a table"),
            (b"\xff", "'utf-8' codec can't decode byte 0xff"),
            (
                b'{"suite": "wsfsm conformance", "format": 9, "reports": []}',
                "not a report that can be read, because format should be 1, not 9",
            ),
        ],
    )
    def test_malformed_report_is_named(
        self, content: bytes, why: str, reports: list[str], tmp_path: Path, capsys: Capture
    ) -> None:
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        capsys.readouterr()

        told = failed(["check", "report", reports[0], str(path)], capsys)
        assert told.startswith(f"{path}: {why}")

    def test_missing_report_is_named(self, tmp_path: Path, capsys: Capture) -> None:
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
    def test_only_changes_from_the_baseline_are_failures(
        self, *, text: str, name: str, status: int, told: str, path: Path, capsys: Capture
    ) -> None:
        path.write_text(text)

        assert main(facade(name, "--id", MUST, "--baseline", str(path), "-q")) == status
        assert capsys.readouterr().out.splitlines()[-1] == told
        assert path.read_text() == text

    def test_new_failures_of_should_cases_count_on_request(self, path: Path) -> None:
        path.write_text("")
        words = facade(BAD, "--id", SHOULD, "--baseline", str(path))

        assert [main(words), main([*words, "--fail-on", "should"])] == [0, 1]

    def test_junit_report_skips_known_failures(self, path: Path, tmp_path: Path) -> None:
        path.write_text(known(MUST))
        file = tmp_path / "x.xml"
        main(facade(BAD, "--id", MUST, "--baseline", str(path), "--junit", str(file)))

        suite = ET.fromstring(file.read_bytes())[0]  # noqa: S314 - our own
        assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")

    def test_reports_are_compared_with_the_baseline(self, path: Path, reports: list[str]) -> None:
        path.write_text(known(MUST))

        assert main(["check", "report", *reports, "--baseline", str(path)]) == 0

    def test_missing_baseline_is_written(self, path: Path) -> None:
        words = facade(BAD, "--id", MUST, "--baseline", str(path))

        assert main([*words, "--update-baseline"]) == 0
        assert baseline.read(path, CASES).known == (
            baseline.KnownFailure(
                case=MUST, target=BAD, verdict=Verdict.FAIL, reason=baseline.NO_REASON
            ),
        )
        assert main(words) == 0

    def test_updated_baseline_keeps_reasons(self, path: Path) -> None:
        path.write_text(known(MUST))
        words = ("--id", MUST, "--id", SHOULD, "--fail-on", "should", "--baseline", str(path))

        assert main(facade(BAD, *words, "--update-baseline")) == 0
        assert [(one.case, one.reason) for one in baseline.read(path, CASES).known] == [
            (MUST, "see #1"),
            (SHOULD, baseline.NO_REASON),
        ]

    @pytest.mark.parametrize(
        ("text", "name", "level", "told"),
        [
            ("", BAD, "must", "1 failure written (1 new); 1 of level should left out, see"),
            ("", BAD, "should", "2 failures written (2 new)"),
            (known(MUST) + known(SHOULD), BAD, "must", "2 failures written (no changes)"),
            (known(MUST, "crash"), BAD, "should", "2 failures written (1 new, 1 changed)"),
            (known(MUST), "wsfsm", "must", "0 failures written (1 fixed and removed)"),
        ],
    )
    def test_update_prints_the_number_of_failures(
        self, *, text: str, name: str, level: str, told: str, path: Path, capsys: Capture
    ) -> None:
        path.write_text(text)
        words = ("--id", MUST, "--id", SHOULD, "--fail-on", level, "--baseline", str(path))

        assert main(facade(name, *words, "--update-baseline")) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith(f"{path}: {told}")
        assert line.endswith("--fail-on should") is ("left out" in told)

    @pytest.mark.parametrize(
        ("of", "told"),
        [
            (["a"], "1 known failure is of targets that were not played: 'a' in {}; played was "),
            (["b", "a"], "2 known failures are of targets that were not played: 'a', 'b' in {}; "),
            (["a", BAD], ""),
            (["a", ""], ""),
        ],
    )
    def test_baseline_of_other_targets_is_reported(
        self, of: list[str], told: str, path: Path, capsys: Capture
    ) -> None:
        path.write_text("".join(known(MUST) + f'target = "{one}"\n' * bool(one) for one in of))
        main(facade(BAD, "--id", MUST, "--baseline", str(path)))

        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith(told.format(path))
        assert last.endswith(f"played was '{BAD}'" if told else " 1 known")

    def test_updated_baseline_drops_fixed_failures(self, path: Path) -> None:
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
            (known("nope"), "known.toml: there is no case nope"),
        ],
    )
    @pytest.mark.parametrize("command", ["facade", "report"])
    def test_malformed_baseline_is_reported_before_any_case_is_played(
        self,
        *,
        command: str,
        text: str | None,
        told: str,
        path: Path,
        monkeypatch: Patch,
        capsys: Capture,
    ) -> None:
        monkeypatch.setattr(cli, "check_facade", None)
        if text is not None:
            path.write_text(text)

        wrong = failed(["check", command, "wsfsm", "--baseline", str(path)], capsys)
        assert wrong.startswith(told.format(path))


# ---------------------------------------------------------------- usage


def refused(arguments: Sequence[str], capsys: Capture) -> str:
    """Return the error of a wrong usage."""
    with pytest.raises(SystemExit) as info:
        main(arguments)
    out, err = capsys.readouterr()
    assert (info.value.code, out) == (2, "")
    return err


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ([], "required: WHAT"),
            (["client"], "invalid choice: 'client'"),
            (["server"], "name a server, or pass the command that starts it after --"),
            (["server", "--"], "name a server, or pass the command that starts it after --"),
            (["server", *ONE], "name a server, or pass the command that starts it after --"),
            (["server", "uvicorn", "--", "x"], "and not both"),
            (["server", "--list", "uvicorn", "--", "x"], "and not both"),
            (
                ["server", "--ws", "x", "uvicorn"],
                "unknown option --ws; pass a server's options after its name",
            ),
            (["server", "--i", "send", "uvicorn"], "unknown option --i"),
            (["server", "--list", "--all"], "unknown option --all"),
            (["server", "x", "--jobs", "0"], "argument --jobs: expected a number above 0, not '0'"),
            (
                ["server", "x", "--jobs", "-1"],
                "argument --jobs: expected a number above 0, not '-1'",
            ),
            (
                ["server", "x", "--jobs", "many"],
                "argument --jobs: expected a number above 0, not 'many'",
            ),
            (
                ["server", "--variant", "stop=x", "--", "x"],
                "--variant: expected keepalive=ARGUMENTS or",
            ),
            (
                ["server", "--variant", "limit=", "--", "x"],
                "--variant: expected keepalive=ARGUMENTS or",
            ),
            (["server", "--variant", "limit='", "--", "x"], "No closing quotation"),
            (
                ["server", "--variant", "limit=1", "uvicorn"],
                "--variant: uvicorn has its own; pass them only for a command",
            ),
            (["server", "--", "x", "--port", "1"], "the command lacks {port}"),
            (["server", "x", "--jobs"], "argument --jobs: expected one argument"),
            (
                ["server", "x", "--level", "shall"],
                "--level: expected must or should or may, not 'shall'",
            ),
            (["server", "x", "--fail-on", "may"], "--fail-on: expected must or should, not 'may'"),
            (["server", "x", "--json"], "argument --json: expected one argument"),
            (
                ["server", "x", "--update-baseline"],
                "--update-baseline: specify the file of known failures too",
            ),
            (["facade"], "name a facade, or pass module:Class"),
            (["facade", "--id", MUST], "name a facade, or pass module:Class"),
            (["facade", "wsfsm", "quart"], "unrecognized arguments: quart"),
            (["facade", "wsfsm", "--jobs", "3"], "unrecognized arguments: --jobs 3"),
            (
                ["facade", "x", "--update-baseline"],
                "--update-baseline: specify the file of known failures too",
            ),
            (
                ["facade", "wsfsm", "--html", "no/x"],
                "--html: expected a file in an existing folder, not no/x",
            ),
            (
                ["facade", "wsfsm", "--json", "."],
                "--json: expected a file in an existing folder, not .",
            ),
            (
                ["facade", "wsfsm", "--html", "x", "--junit", "./x"],
                "--html and --junit name the same file, x",
            ),
            (
                ["facade", "wsfsm", "--baseline", "no/x", "--update-baseline"],
                "--baseline: expected a file in an existing folder, not no/x",
            ),
            (["report"], "the following arguments are required: FILE"),
            (["report", "x", "--id", MUST], "unrecognized arguments: --id"),
            (["report", "a", "x", "--html", "./x"], "FILE and --html name the same file, x"),
            (
                ["report", "x", "--update-baseline"],
                "--update-baseline: specify the file of known failures too",
            ),
        ],
    )
    def test_wrong_usage_has_status_2(self, words: list[str], told: str, capsys: Capture) -> None:
        assert told in refused(["check", *words], capsys)


class TestHelp:
    @pytest.mark.parametrize("kind", ["server", "facade", "report"])
    def test_help_lists_every_report_format(self, kind: str, capsys: Capture) -> None:
        with pytest.raises(SystemExit) as info:
            main(["check", kind, "--help"])

        assert info.value.code == 0
        out = capsys.readouterr().out
        assert all(f"--{form} FILE" in out for form in ("html", "json", "junit"))
