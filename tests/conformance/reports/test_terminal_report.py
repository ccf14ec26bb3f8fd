"""Reports in a terminal."""

import importlib
import io
import sys

import pytest
from helpers.sample_reports import BAD, CODE, GOOD, REASON, REPORTS, case, failed, report, result
from rich.console import Console

from wsfsm.conformance.baseline import Baseline, KnownFailure, compare
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports.terminal import Progress, show_changes, show_reports
from wsfsm.conformance.server._steps import _why_not
from wsfsm.conformance.verdicts import Report, Verdict


def console(*, terminal: bool = False, width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def shown(*reports: Report, least: Level = Level.SHOULD, failures: bool = True) -> str:
    to = console()
    show_reports(reports, to, least=least, failures=failures)
    return text(to)


def cells(shown: str, first: str) -> list[str]:
    line = next(line for line in shown.splitlines() if line.lstrip().startswith(first))
    return line.split()


class TestReports:
    def test_each_target_has_a_table_of_verdicts_and_levels(self) -> None:
        told = shown(BAD, failures=False)

        assert cells(told, "verdict") == ["verdict", "must", "should", "may", "all"]
        assert cells(told, "fail") == ["fail", "1", "1", "1", "3"]
        assert cells(told, "crash") == ["crash", "1", "1"]
        assert cells(told, "all") == ["all", "2", "2", "2", "6"]
        assert "non-strict" not in told
        assert "bad 1.0" in told

    def test_failures_are_listed_with_their_requirement(self) -> None:
        told = shown(*REPORTS)
        lines = [line.rstrip() for line in told.splitlines()]
        start = lines.index("fail close.code  bad")

        assert lines[start + 1] == (
            "  requirement: What close.code demands. (ASGI WebSocket 2.5, Close, must)"
        )
        assert "  expected:    message {code: 1000}" in lines[start:]
        assert "  >  4. app receive  [DISCONNECTED/CONNECTED]" in lines[start:]
        assert "Failures: 5" in lines
        assert "close.order" not in told

    def test_report_counts_failures_that_are_not_listed(self) -> None:
        told = "1 more failures of weaker levels; --fail-on should lists them"
        assert told in shown(*REPORTS, least=Level.MUST)
        assert "weaker" not in shown(*REPORTS)
        assert "weaker" not in shown(BAD, least=Level.MAY)

    def test_report_lists_unreached_cases_and_concurrent_failures(self) -> None:
        aside = report(
            "aside",
            result(CODE, Verdict.UNSUPPORTED, reason="not there", expected="waits"),
            result(REASON, concurrent_failure="fail: too late"),
        )
        lines = shown(aside).splitlines()
        start = lines.index("Beginning not reached, so not judged: 1  aside")

        assert lines[start : start + 4] == [
            "Beginning not reached, so not judged: 1  aside",
            "  close.code: not there",
            "As required alone, but not among other cases: 1  aside",
            "  close.reason: fail: too late",
        ]

    def test_report_counts_the_reasons_of_unsupported_cases(self) -> None:
        cases = [
            case("a.old", before="2.4"),
            case("a.older", before="2.1"),
            case("a.new", spec_version="2.5"),
            case("a.deny", extension="websocket.http.response"),
            case("a.tls", variant="tls"),
        ]
        reasons = [
            *(_why_not(one, {"asgi": {"spec_version": "2.4"}}) for one in cases[:-1]),
            "the server does not have the variant tls",
        ]
        results = [
            result(one, Verdict.UNSUPPORTED, reason=reason)
            for one, reason in zip(cases, reasons, strict=True)
        ]
        unreached = result(CODE, Verdict.UNSUPPORTED, reason="?", expected="waits")
        missing = result(REASON, Verdict.UNSUPPORTED, reason="it has no accept()\x1b")

        assert shown(report("x", *results)).splitlines()[-1] == (
            "5 unsupported: 2 for an older spec_version, 1 for a newer spec_version, "
            "1 without the extension websocket.http.response, 1 without the variant tls"
        )
        assert (
            "2 unsupported: 1 not reached, 1 because it has no accept()\\x1b"
            in shown(report("x", unreached, missing)).splitlines()
        )
        assert ", 1 not reached, 1 for other reasons\n" in shown(
            report("x", *results, *results, unreached, missing)
        )
        assert " unsupported:" not in shown(GOOD)

    def test_failure_shows_the_output_of_the_server(self) -> None:
        lines = shown(report("loud", result(CODE, Verdict.FAIL, output="a\nb\x1b"))).splitlines()

        assert lines[-3:] == ["  output of the server:", "      a", "      b\\x1b"]

    def test_failures_of_weaker_levels_are_listed_on_request(self) -> None:
        assert "fail close.order" in shown(BAD, least=Level.MAY)

    def test_failure_without_an_expectation_shows_its_reason(self) -> None:
        assert "  nothing came in time" in shown(BAD)

    def test_report_without_failures_has_no_list_of_failures(self) -> None:
        assert "Failures" not in shown(GOOD)

    def test_terminal_report_escapes_control_characters(self) -> None:
        told = shown(*REPORTS)

        assert "\x1b" not in told
        assert told.encode()
        assert "[31m" in told

    def test_markup_of_rich_in_texts_is_shown_as_text(self) -> None:
        odd = report("[bold]x[/bold]", failed(CODE))

        assert "[bold]x[/bold]" in shown(odd)

    def test_narrow_terminal_does_not_cut_failures(self) -> None:
        to = console(width=40)
        show_reports(REPORTS, to)

        assert "expected:    message {code: 1000}" in text(to)


class TestChanges:
    def told(self, *known: KnownFailure) -> str:
        to = console()
        reports = [
            report("bad", failed(CODE, Verdict.CRASH), *BAD.results[3:4]),
            report("good", result(GOOD.results[1].case)),
        ]
        show_changes(compare(reports, Baseline(known)), to)
        return text(to)

    def test_new_failures_are_listed(self) -> None:
        told = self.told()

        assert "New failures: 2" in told
        assert "crash close.code  bad" in told
        assert "2 new, 0 changed, 0 fixed; 0 known" in told

    def test_changed_failures_show_the_known_verdict_and_reason(self) -> None:
        told = self.told(KnownFailure(case="close.code", verdict=Verdict.FAIL, reason="see #1"))

        assert "Changed failures: 1" in told
        assert "known:       fail, see #1" in told
        assert "1 new, 1 changed, 0 fixed; 0 known" in told

    def test_fixed_failures_are_listed_for_removal(self) -> None:
        told = self.told(
            KnownFailure(case="close.reason", reason=""),
            KnownFailure(case="close.code", reason="it is so"),
            KnownFailure(case="deny.status", target="bad", reason="too"),
        )

        assert "Fixed, please remove: 1\n  close.reason  all targets\n" in told
        assert "0 new, 0 changed, 1 fixed; 2 known" in told
        assert "New failures" not in told


class TestProgress:
    def test_progress_counts_results_and_failures(self) -> None:
        to = console(terminal=True)
        with Progress("[b]bad", 2, to) as progress:
            progress.on_result(result(CODE))
            progress.on_result(failed(CODE))

        assert "[b]bad" in text(to)
        assert "2/2" in text(to)
        assert "1 failed" in text(to)

    def test_progress_prints_nothing_without_a_terminal(self) -> None:
        to = console()
        with Progress("bad", 1, to) as progress:
            progress.on_result(result(CODE))

        assert text(to) == ""

    def test_progress_does_not_print_to_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Progress("bad", 1) as progress:
            progress.on_result(result(CODE))

        assert capsys.readouterr() == ("", "")


def test_missing_rich_is_reported_with_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.delitem(sys.modules, "wsfsm.conformance.reports.terminal")

    with pytest.raises(ImportError, match=r'pip install "wsfsm\[conformance\]"'):
        importlib.import_module("wsfsm.conformance.reports.terminal")
