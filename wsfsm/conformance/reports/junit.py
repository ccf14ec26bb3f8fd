"""Reports as JUnit XML, which CI servers read.

A target is a `testsuite`, and a case is a `testcase` whose `classname` is its section. The verdicts
`fail` and `timeout` are a `failure`, and `crash` is an `error`. A case is `skipped` if it is
unsupported, if its failure is known, or if its level does not count. The text has the trace.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from wsfsm.conformance.baseline import EMPTY, Baseline
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports._common import explain, one_line, version_line
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["to_junit"]


def to_junit(
    reports: Sequence[Report],
    *,
    least: Level = Level.SHOULD,
    baseline: Baseline = EMPTY,
) -> str:
    """Write reports.

    Args:
        reports: Reports on the targets.
        least: The weakest level whose failures count; crashes always do.
        baseline: Known failures, which count if they have another verdict now.

    Returns:
        The text, which declares UTF-8.
    """
    root = ET.Element("testsuites", name="wsfsm conformance")
    for report in reports:
        _add_suite(root, report, least, baseline)
    for kind in ("tests", "failures", "errors"):  # this element has no attribute skipped
        root.set(kind, str(sum(int(suite.get(kind, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ET.Element, report: Report, least: Level, baseline: Baseline) -> None:
    suite = ET.SubElement(root, "testsuite", name=one_line(report.target))
    if report.versions:
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", name="versions", value=version_line(report))
    for result in report.results:
        case = result.case
        element = ET.SubElement(
            suite, "testcase", name=one_line(case.id), classname=one_line(case.section)
        )
        tag, text = _outcome(report, result, least, baseline)
        if tag:
            outcome = ET.SubElement(element, tag, message=one_line(text))
            if tag != "skipped":
                outcome.set("type", result.verdict.value)
            outcome.text = "\n" + "\n".join(explain(result)) + "\n"
        elif result.verdict is not Verdict.PASS:
            seen = ET.SubElement(element, "system-out")
            seen.text = "\n".join([result.verdict.value, *explain(result)]) + "\n"
    suite.set("tests", str(len(report.results)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _outcome(report: Report, result: Result, least: Level, baseline: Baseline) -> tuple[str, str]:
    """The element of an outcome and its message, or empty texts if there is none."""
    if result.verdict is Verdict.UNSUPPORTED:
        return "skipped", result.reason
    if not result.verdict.is_failure:
        return "", ""
    known = baseline.find(report.target, result.case.id)
    if known is not None and known.verdict in {None, result.verdict}:
        return "skipped", f"known: {known.reason}"
    if not result.fails(least):
        return "skipped", f"fails, but is only a {result.case.level.value}: {result.reason}"
    return "error" if result.verdict is Verdict.CRASH else "failure", result.reason
