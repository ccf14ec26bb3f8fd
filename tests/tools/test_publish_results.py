"""What is published of other people's servers, and what must not be."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.asgi import ROOT

from tools import publish_results
from wsfsm.conformance import (
    FACADES,
    FacadeError,
    Report,
    Result,
    TargetError,
    Verdict,
    baseline,
    facade_target,
    load_folder,
)

CASES = [*load_folder("server"), *load_folder("facade")]
REVIEWED = baseline.read(publish_results.REVIEWED, CASES)
PUBLISHED = (ROOT / "specs" / "RESULTS.md").read_text(encoding="utf-8")

Run = Callable[..., int]


def failing(target: str, kind: str, verdict: Verdict, name: str) -> Report:
    case = next(case for case in CASES if case.id == name)
    result = Result(case=case, verdict=verdict, reason="it is so")
    return Report(target=target, kind=kind, versions={}, results=(result,))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs it on a server and a facade of which this came."""

    def run(server: Report | Exception, facade: Report | Exception, *words: str) -> int:
        def play(report: Report | Exception) -> Any:
            def check(*_: Any, **__: Any) -> Report:
                if isinstance(report, Exception):
                    raise report
                return report

            return check

        def later(*_: Any, **__: Any) -> Any:
            return asyncio.to_thread(play(server))

        monkeypatch.setattr(publish_results, "play_cases", later)
        monkeypatch.setattr(publish_results, "check_facade", play(facade))
        chosen = ("--servers", "wsfsm", "--facades", "wsfsm")
        return publish_results.main([*chosen, "--into", str(tmp_path), *words])

    return run


GOOD = failing("granian", "server", Verdict.PASS, "connect.first")
WELL = failing("quart", "facade", Verdict.PASS, "accept.message")


def test_results_are_written(run: Run, tmp_path: Path) -> None:
    assert run(GOOD, WELL) == 0
    assert "granian" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "granian" in (tmp_path / "RESULTS.html").read_text(encoding="utf-8")


def test_check_option_writes_nothing(run: Run, tmp_path: Path) -> None:
    assert run(GOOD, WELL, "--check") == 0
    assert list(tmp_path.iterdir()) == []


def test_failure_that_is_not_reviewed_is_not_published(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing("granian", "server", Verdict.FAIL, "connect.first"), WELL) == 1
    assert list(tmp_path.iterdir()) == []
    assert "granian: connect.first (fail) is not reviewed: it is so" in capsys.readouterr().err


def test_check_option_only_reports_new_failures_of_other_servers(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing("granian", "server", Verdict.FAIL, "connect.first"), WELL, "--check") == 0
    assert "granian: connect.first (fail) is not reviewed: it is so" in capsys.readouterr().err


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.NON_STRICT])
def test_failure_of_wsfsm_is_not_published(
    run: Run, verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing("wsfsm in uvicorn", "server", verdict, "connect.first"), WELL) == 1
    assert "wsfsm in uvicorn does not pass connect.first" in capsys.readouterr().err


def test_server_that_does_not_start_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(TargetError("it does not start"), WELL) == 2
    assert capsys.readouterr().err.endswith("it does not start\n")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("profile", TargetError("it is not there")),
        ("facade_target", FacadeError("it is not there")),
    ],
)
def test_target_that_is_not_installed_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    def missing(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(publish_results, name, missing)

    assert run(GOOD, WELL, "--check") == 2


def test_reviewed_failure_that_passes_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing("granian", "server", Verdict.PASS, "accept.headers"), WELL) == 1
    assert "granian: accept.headers does not fail any more" in capsys.readouterr().err


def test_unstable_verdict_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = iter([Verdict.PASS, Verdict.UNSUPPORTED])

    async def play(*_: Any, **__: Any) -> Report:
        return failing("granian", "server", next(verdicts), "connect.first")

    monkeypatch.setattr(publish_results, "play_cases", play)
    words = ["--servers", "wsfsm", "--facades", "--times", "2", "--check"]
    assert publish_results.main(words) == 1
    told = "granian: the verdict of connect.first differs, pass and unsupported"
    assert told in capsys.readouterr().err


def test_all_facades_are_played_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    played = []

    def check(target: Any) -> Report:
        played.append(target.name)
        return WELL

    monkeypatch.setattr(publish_results, "check_facade", check)

    assert publish_results.main(["--servers", "--check"]) == 0
    assert played == [facade_target(name).name for name in FACADES]


class TestPublishedResults:
    def test_published_results_have_all_cases_at_their_levels(self) -> None:
        rows = re.findall(r"^\| (\S+) \| (must|should|may) \|", PUBLISHED, re.MULTILINE)

        assert sorted(rows) == sorted((case.id, case.level.value) for case in CASES)

    def test_published_failures_are_the_reviewed_ones(self) -> None:
        listed = PUBLISHED.split("\n## Failures\n")[1].split("\n### ")[1:]
        claimed = [
            (text.split(": ")[0], *found)
            for text in listed
            for found in re.findall(r"^- \*\*(\S+)\*\* \((?:\w+, )?(\w+)\)", text, re.MULTILINE)
        ]

        reviewed = [(known.target, known.case, str(known.verdict)) for known in REVIEWED.known]
        assert sorted(claimed) == sorted(reviewed)

    @pytest.mark.parametrize("target", sorted(publish_results.OURS))
    def test_published_failures_do_not_include_wsfsm(self, target: str) -> None:
        assert f"\n### {target}: none\n" in PUBLISHED

    def test_reviewed_failures_have_a_reason(self) -> None:
        assert all(len(known.reason) > len(baseline.NO_REASON) for known in REVIEWED.known)

    def test_published_results_have_no_local_path(self) -> None:
        assert not re.search(r"/(root|home|tmp|work|Users|usr)/", PUBLISHED)
