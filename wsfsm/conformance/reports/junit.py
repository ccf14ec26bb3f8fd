"""Results as JUnit XML, which the servers of continuous integration read.

A target is a `testsuite`, a case a `testcase` whose `classname` is its section. What is not as
demanded, or not in time, is a `failure`; a crash is an `error`. What is unsupported, known, or
fails and is not demanded strongly enough is `skipped`. Each says why in its text, with the trace.
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
        reports: What came of all targets.
        least: The weakest level whose failures are failures here; crashes always are.
        baseline: Failures that are known; those whose verdict is another now are failures again.

    Returns:
        The text, with a declaration that says UTF-8.
    """
    root = ET.Element("testsuites", name="wsfsm conformance")
    for report in reports:
        _add_suite(root, report, least, baseline)
    for kind in ("tests", "failures", "errors"):  # the form has no other here
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
        tag, told = _outcome(report, result, least, baseline)
        if tag:
            outcome = ET.SubElement(element, tag, message=one_line(told))
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
    """The element of an outcome and its message, or empty texts for none."""
    if result.verdict is Verdict.UNSUPPORTED:
        return "skipped", result.reason
    if not result.verdict.is_failure:
        return "", ""
    known = baseline.find(report.target, result.case.id)
    if known is not None and known.verdict in {None, result.verdict}:
        return "skipped", f"known: {known.reason}"
    if not result.fails(least):
        return "skipped", f"fails, but only by {result.case.level.value}: {result.reason}"
    return "error" if result.verdict is Verdict.CRASH else "failure", result.reason
