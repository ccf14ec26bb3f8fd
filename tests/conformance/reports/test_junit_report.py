"""Reports as JUnit XML."""

from xml.etree import ElementTree as ET

import pytest
from helpers.sample_reports import BAD, CODE, DEAD, GOOD, REPORTS, report, result

from wsfsm.conformance.baseline import Baseline, KnownFailure
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports.junit import to_junit
from wsfsm.conformance.verdicts import Report, TraceEntry, Verdict


def parsed(
    *reports: Report, least: Level = Level.SHOULD, known: KnownFailure | None = None
) -> ET.Element:
    baseline = Baseline((known,) if known else ())
    text = to_junit(reports, least=least, baseline=baseline)
    return ET.fromstring(text.encode())  # noqa: S314 - our own


def outcome(root: ET.Element, case: str, suite: int = 0) -> ET.Element | None:
    found = root[suite].find(f"testcase[@name='{case}']")
    assert found is not None
    return next(iter(found), None)


def numbers(element: ET.Element) -> tuple[str | None, ...]:
    return tuple(element.get(kind) for kind in ("tests", "failures", "errors", "skipped"))


def test_each_target_is_a_suite_with_its_counts() -> None:
    root = parsed(*REPORTS)

    assert [suite.get("name") for suite in root] == ["good", "bad", "facade"]
    assert [numbers(suite) for suite in root] == [
        ("5", "0", "0", "0"),
        ("6", "3", "1", "2"),
        ("1", "1", "0", "0"),
    ]
    assert numbers(root) == ("12", "4", "1", None)


def test_versions_are_a_property_of_the_suite() -> None:
    assert parsed(GOOD)[0].find("properties/property[@value='good 1.0']") is not None


def test_a_target_without_versions_has_no_properties() -> None:
    bare = Report(target="bare", kind="server", versions={}, results=())

    assert list(parsed(bare)[0]) == []


def test_section_is_the_class_name_of_a_test_case() -> None:
    found = parsed(GOOD)[0].find("testcase")

    assert found is not None
    assert found.get("classname") == "ASGI WebSocket 2.5, Close"


def test_passed_case_is_an_empty_element() -> None:
    assert outcome(parsed(GOOD), "close.code") is None


@pytest.mark.parametrize(
    ("case", "tag", "kind"),
    [
        ("close.code", "failure", "fail"),
        ("deny.status", "failure", "timeout"),
        ("deny.dead", "error", "crash"),
        ("close.reason", "skipped", None),
    ],
)
def test_verdict_decides_the_element_of_a_case(case: str, tag: str, kind: str | None) -> None:
    found = outcome(parsed(BAD), case)

    assert found is not None
    assert (found.tag, found.get("type")) == (tag, kind)


def test_failure_has_the_requirement_and_the_observation() -> None:
    found = outcome(parsed(BAD), "close.code")

    assert found is not None
    assert found.get("message") == "app receive: message code: expected 1000, got 1006"
    assert found.text is not None
    for told in (
        "requirement: What close.code demands. (ASGI WebSocket 2.5, Close, must)",
        "note:        Some say 1006.",
        "expected:    message {code: 1000}",
        "observed:    message {code: 1006}",
        "   1. client request  [CONNECTING/CONNECTING]",
        "      observed: message: {type: 'websocket.connect'}, done",
        ">  4. app receive  [DISCONNECTED/CONNECTED]",
        "      wrong: message code: expected 1000, got 1006",
    ):
        assert told in found.text


def test_observed_exception_is_shown_by_its_class() -> None:
    entry = TraceEntry(
        side="app", step="app send", observation={"raises": ["OSError", "Exception"]}, states=""
    )
    found = outcome(parsed(report("bad", result(CODE, Verdict.FAIL, trace=(entry,)))), "close.code")

    assert found is not None
    assert "      observed: raises OSError\n" in (found.text or "")


def test_non_strict_and_informational_results_are_output() -> None:
    for case, verdict in (("deny.wild", "non-strict"), ("close.order", "informational")):
        found = outcome(parsed(GOOD), case)

        assert found is not None
        assert found.tag == "system-out"
        assert (found.text or "").startswith(f"{verdict}\n")


def test_failure_of_a_weaker_level_is_skipped() -> None:
    found = outcome(parsed(BAD), "close.order")

    assert found is not None
    assert found.tag == "skipped"
    assert (found.get("message") or "").startswith("fails, but is only a may: app receive")


def test_failure_of_a_weaker_level_counts_when_the_level_is_required() -> None:
    assert numbers(parsed(BAD, least=Level.MAY)[0]) == ("6", "4", "1", "1")


@pytest.mark.parametrize("verdict", [Verdict.FAIL, None])
def test_known_failure_is_skipped_with_its_reason(verdict: Verdict | None) -> None:
    known = KnownFailure(case="close.code", target="bad", verdict=verdict, reason="see #1")
    found = outcome(parsed(BAD, known=known), "close.code")

    assert found is not None
    assert (found.tag, found.get("message")) == ("skipped", "known: see #1")


def test_known_failure_with_another_verdict_is_a_failure() -> None:
    known = KnownFailure(case="close.code", verdict=Verdict.FAIL, reason="see #1")
    found = outcome(parsed(report("bad", result(CODE, Verdict.TIMEOUT)), known=known), "close.code")

    assert found is not None
    assert found.tag == "failure"


def test_junit_escapes_markup_and_control_characters() -> None:
    text = to_junit(REPORTS)
    found = outcome(parsed(BAD), "deny.wild")

    assert text.encode()
    assert found is not None
    assert found.text is not None
    assert r"]]> </script><!-- & \x1b[31m \x00 \ud800 \u202e é 漢" in found.text


def test_crash_without_a_trace_is_an_error() -> None:
    found = outcome(parsed(report("bad", result(DEAD, Verdict.CRASH))), "deny.dead")

    assert found is not None
    assert found.tag == "error"
