"""Reports as JSON, which can be read again, so that those of several runs become one report.

``specs/conformance/report.schema.json`` describes the format. In an observation, values are written
as `wsfsm.conformance.values.to_json` writes them: for example, bytes are `{"bytes": "<base64>"}`.
Of texts and bytes longer than 4096, only the beginning is written.

A later version may add keys to any object without another number of the format; it does not remove
a key, or change its meaning. A case is looked up by its kind and id; the other keys of `case` are
for people.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from wsfsm.conformance._schemas import check
from wsfsm.conformance.cases import Case
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.values import from_json as value_from_json
from wsfsm.conformance.values import to_json as value_to_json
from wsfsm.conformance.verdicts import Report, Result, TraceEntry, Verdict

__all__ = ["FORMAT", "from_json", "to_json"]

FORMAT: Final = 1
"""Number of the format."""

_LONG: Final = 4096
"""Characters or bytes of a value that are written at most."""

_SUITE: Final = "wsfsm conformance"


def to_json(reports: Iterable[Report]) -> str:
    """Write reports.

    Args:
        reports: Reports on the targets.

    Returns:
        The text, in ASCII, with a newline at its end.
    """
    written = {
        "suite": _SUITE,
        "format": FORMAT,
        "reports": [_report_to_json(report) for report in reports],
    }
    return json.dumps(written, indent=1) + "\n"


def _report_to_json(report: Report) -> dict[str, Any]:
    counts = report.counts
    return {
        "target": report.target,
        "kind": report.kind,
        "versions": dict(report.versions),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict if verdict in counts},
        "results": [_result_to_json(result) for result in report.results],
    }


def _result_to_json(result: Result) -> dict[str, Any]:
    case = result.case
    return {
        "case": {
            "id": case.id,
            "kind": case.kind,
            "level": case.level.value,
            "section": case.section,
            "requirement": case.requirement,
        },
        "verdict": result.verdict.value,
        "reason": result.reason,
        "expected": result.expected,
        "observed": result.observed,
        "concurrent_failure": result.concurrent_failure,
        "output": result.output,
        "trace": [
            {
                "side": entry.side,
                "step": entry.step,
                "observation": {
                    str(key): value_to_json(_cut(item)) for key, item in entry.observation.items()
                },
                "states": entry.states,
                "mismatch": entry.mismatch,
            }
            for entry in result.trace
        ],
    }


def _cut(item: Any) -> Any:
    """Cut long texts and bytes in a value, because megabytes do not say more."""
    match item:
        case str() | bytes():
            return item[:_LONG]
        case list() | tuple():
            return [_cut(one) for one in item]
        case dict():
            return {key: _cut(one) for key, one in item.items()}
        case _:
            return item


def from_json(text: str, cases: Iterable[Case]) -> tuple[Report, ...]:
    """Read reports.

    Args:
        text: The text that `to_json` has written.
        cases: All cases, for servers and for facades.

    Raises:
        CaseError: The text is not such a report, or a case does not exist.
    """
    known: dict[tuple[str, str], Case] = {(case.kind, case.id): case for case in cases}
    try:
        written = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaseError(f"not a report of the suite, because it is not JSON ({error})") from None
    try:
        check(written, "report")
        return tuple(_report(report, known) for report in written["reports"])
    except CaseError as error:
        raise CaseError(f"not a report that can be read, because {error}") from None
    except (TypeError, ValueError, RecursionError) as error:  # a value of an observation
        raise CaseError(f"not a report that can be read, because of a value ({error})") from None


def _report(written: Mapping[str, Any], known: Mapping[tuple[str, str], Case]) -> Report:
    return Report(
        target=written["target"],
        kind=written["kind"],
        versions=written["versions"],
        results=tuple(_result(result, known) for result in written["results"]),
    )


def _result(written: Mapping[str, Any], known: Mapping[tuple[str, str], Case]) -> Result:
    kind, name = written["case"]["kind"], written["case"]["id"]
    if (kind, name) not in known:
        raise CaseError(f"there is no {kind} case {name!r} in this version of the suite")
    return Result(
        case=known[kind, name],
        verdict=Verdict(written["verdict"]),
        reason=written["reason"],
        expected=written["expected"],
        observed=written["observed"],
        trace=tuple(map(_entry, written["trace"])),
        concurrent_failure=written.get("concurrent_failure", ""),
        output=written.get("output", ""),
    )


def _entry(written: Mapping[str, Any]) -> TraceEntry:
    return TraceEntry(
        side=written["side"],
        step=written["step"],
        observation={key: value_from_json(item) for key, item in written["observation"].items()},
        states=written["states"],
        mismatch=written["mismatch"],
    )
