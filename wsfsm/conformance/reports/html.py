"""Reports as one self-contained HTML page, with the matrix and every trace.

``report.js`` draws the page from one JSON object. The page loads nothing, and its policy forbids it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wsfsm.conformance.cases import Case
from wsfsm.conformance.reports._common import (
    MARKS,
    MEANINGS,
    cases_by_section,
    deciding_step,
    observation_line,
    one_line,
    results_by_case,
    target_names,
    version_line,
)
from wsfsm.conformance.verdicts import Report, Result

__all__ = ["to_html"]

_STATIC: Final = Path(__file__).parent / "static"
_SLOT: Final = re.compile(r"\{\{(\w+)\}\}")


def to_html(reports: Sequence[Report], *, date: str = "") -> str:
    """Write reports.

    Args:
        reports: Reports on the targets.
        date: Date of the reports, or "" for none.

    Returns:
        The page, in ASCII except for the characters of the templates.
    """
    slots = {
        "data": _script_json(_data(reports, date)),
        "style": _file("report.css"),
        "script": _file("report.js"),
        "client": _diagram("client"),
        "application": _diagram("application"),
    }
    return _SLOT.sub(lambda found: slots[found[1]], _file("report.html"))


def _file(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _script_json(data: Mapping[str, Any]) -> str:
    """JSON that is safe in a script element: it cannot end the script, or begin a comment."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _diagram(machine: str) -> str:
    """The picture of a machine as a part of the page, with ids that are unique in it."""
    picture = _file(f"{machine}.svg")
    picture = picture[picture.index("<svg") :]
    picture = re.sub(r"<!--.*?-->\s*|<title>.*?</title>\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace(' id="', ' id="picture:')
    label = f'role="img" aria-label="diagram of the {machine} machine"'
    return picture.replace("<svg", f"<svg {label}", 1)


def _data(reports: Sequence[Report], date: str) -> dict[str, Any]:
    results = [results_by_case(report) for report in reports]
    kinds = dict.fromkeys(report.kind for report in reports)
    return {
        "date": one_line(date),
        "verdicts": [
            {
                "name": verdict.value,
                "mark": mark,
                "meaning": MEANINGS[verdict],
                "failure": verdict.is_failure,
            }
            for verdict, mark in MARKS.items()
        ],
        "targets": [
            {"name": name, "kind": one_line(report.kind), "versions": version_line(report)}
            for report, name in zip(reports, target_names(reports), strict=True)
        ],
        "sections": [
            {
                "name": one_line(section),
                "title": one_line(f"{section}, of {kind}s" if len(kinds) > 1 else section),
                "cases": [_case(case, results) for case in cases],
            }
            for kind in kinds
            for section, cases in cases_by_section(r for r in reports if r.kind == kind).items()
        ],
    }


def _case(case: Case, results: Sequence[Mapping[tuple[str, str], Result]]) -> dict[str, Any]:
    found = [by.get((case.kind, case.id)) for by in results]
    return {
        "id": one_line(case.id),
        "kind": case.kind,
        "level": case.level.value,
        "requirement": one_line(case.requirement),
        "note": one_line(case.note),
        "results": [None if result is None else _result(result) for result in found],
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "verdict": result.verdict.value,
        "reason": one_line(result.reason),
        "expected": one_line(result.expected),
        "observed": one_line(result.observed),
        "concurrent_failure": one_line(result.concurrent_failure),
        "output": "\n".join(map(one_line, result.output.splitlines())),
        "deciding_step": deciding_step(result),
        "trace": [
            {
                "side": entry.side,
                "step": one_line(entry.step),
                "observation": observation_line(entry.observation),
                "states": one_line(entry.states),
                "mismatch": one_line(entry.mismatch),
            }
            for entry in result.trace
        ],
    }
