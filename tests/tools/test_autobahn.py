"""The program that runs Autobahn|Testsuite and judges it, tried with a suite of our own making."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import autobahn as suite

pytestmark = [pytest.mark.long, pytest.mark.one_python]


def result(behaviour: str = "OK", closing: str = "OK", code: int | None = 1000) -> dict[str, Any]:
    return {"behavior": behaviour, "behaviorClose": closing, "remoteCloseCode": code}


class TestComplaints:
    def test_good_results_have_no_complaints(self) -> None:
        results = {
            "1.1": result(),
            "1.2": result("INFORMATIONAL", "INFORMATIONAL"),
            **{f"3.{number}": result("NON-STRICT") for number in range(7)},
        }

        assert suite.complaints(results) == []
        assert suite.summary(results) == "1 INFORMATIONAL, 7 NON-STRICT, 1 OK"

    @pytest.mark.parametrize("behaviour", ["FAILED", "WRONG CODE", "UNCLEAN", "UNIMPLEMENTED", ""])
    def test_other_behaviour_is_a_complaint(self, behaviour: str) -> None:
        assert suite.complaints({"1.1": result(behaviour)}) == [f"case 1.1: {behaviour}"]

    @pytest.mark.parametrize("closing", ["FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT"])
    def test_other_closing_behaviour_is_a_complaint(self, closing: str) -> None:
        assert suite.complaints({"7.1": result("OK", closing, 1005)}) == [
            f"case 7.1: closing was {closing}, with code 1005"
        ]

    def test_too_many_non_strict_results_are_a_complaint(self) -> None:
        found = suite.complaints({f"3.{number}": result("NON-STRICT") for number in range(8)})

        assert found[0].startswith("8 cases are NON-STRICT: 3.0, 3.1")

    def test_empty_result_is_a_complaint(self) -> None:
        assert suite.complaints({}) == ["no case was run"]


def fake(folder: Path, behaviour: str) -> None:
    """A program in the place of the suite's: it opens a WebSocket, and writes results."""
    program = folder / "py27" / "bin" / "wstest"
    program.parent.mkdir(parents=True)
    program.write_text(f"""#!{sys.executable}
import json, pathlib, sys
from websockets.sync.client import connect

spec = json.loads(pathlib.Path(sys.argv[-1]).read_text())
with connect(spec["servers"][0]["url"], max_size=None) as client:
    for data in ("text", b"bytes"):
        client.send(data)
        assert client.recv() == data
case = {{"behavior": "{behaviour}", "behaviorClose": "OK", "remoteCloseCode": 1000}}
cases = set(spec["cases"]) - set(spec["exclude-cases"])
index = {{"wsfsm": {{case_id: case for case_id in cases}}}}
pathlib.Path(spec["outdir"], "index.json").write_text(json.dumps(index))
""")
    program.chmod(0o755)


class TestRunning:
    def test_suite_runs_all_cases_against_separate_servers(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fake(tmp_path, "OK")

        assert suite.main(["--install", str(tmp_path)]) == 0
        assert capsys.readouterr().out == "11 cases: 11 OK\n"

    def test_suite_reports_failed_cases(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fake(tmp_path, "FAILED")

        assert suite.main(["--install", str(tmp_path), "--quick"]) == 1
        assert "case 12.*: FAILED\n" in capsys.readouterr().out

    def test_failure_of_wstest_is_an_error(self, tmp_path: Path) -> None:
        fake(tmp_path, "OK")
        (tmp_path / "py27" / "bin" / "wstest").write_text("#!/bin/sh\necho broken; exit 3\n")

        with pytest.raises(SystemExit, match="wstest failed: broken"):
            suite.main(["--install", str(tmp_path)])

    @pytest.mark.parametrize("python", ["no-such-python", sys.executable])
    def test_suite_needs_python_27(self, python: str, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match=r"needs Python 2\.7, not .*; specify"):
            suite.python27(python)


def test_longest_cases_are_among_the_groups() -> None:
    cases = json.dumps(suite.GROUPS)

    assert all(f'"{case.split(".")[0]}.*"' in cases for case in suite.LONG)
