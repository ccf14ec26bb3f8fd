"""Results as JSON, and read back again, so that those of several runs become one report.

The text is an object:

| key | value |
|---|---|
| `suite` | `"wsfsm conformance"` |
| `format` | 1; a reader refuses a number that it does not know |
| `reports` | a list, one object a target |

A report has `target`, `kind`, `versions` (a version by name), `counts` (how many cases by verdict)
and `results`. A result has `case` (an object: `id`, `kind`, `level`, `section`, `requirement`),
`verdict`, `reason`, `expected`, `observed`, `among` (what came of it while other cases were played,
if that was worse), `output` (what the server had printed when it had failed) and `trace`, a list of
steps with `side`, `did`, `saw`, `state` and `wrong`. What was seen is an object of values, written
as `wsfsm.conformance.values` lets values travel: bytes are `{"bytes": "<base64>"}`. Of texts and
bytes of more than 4096 only the beginning is written.

Keys may be added to any object without another number; none is taken away, or changes its
meaning. Reading looks a case up by its kind and id, and passes over the rest of what is told of it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from wsfsm.conformance.cases import Case
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.values import from_json as value_from_json
from wsfsm.conformance.values import to_json as value_to_json
from wsfsm.conformance.verdicts import Report, Result, TraceEntry, Verdict

__all__ = ["FORMAT", "from_json", "to_json"]

FORMAT: Final = 1
"""Number of the format."""

_LONG: Final = 4096
"""Characters or bytes of a value that are written."""

_SUITE: Final = "wsfsm conformance"


def to_json(reports: Iterable[Report]) -> str:
    """Write reports.

    Args:
        reports: What came of all targets.

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
    """A value of which long texts and bytes have been cut: megabytes say no more."""
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
        text: What `to_json` has written.
        cases: All cases that there are, of servers and of facades.

    Raises:
        CaseError: The text is no such report, or has a result of a case that is not there.
    """
    known: dict[tuple[str, str], Case] = {(case.kind, case.id): case for case in cases}
    try:
        written = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaseError(f"no report of conformance: not JSON ({error})") from None
    if not isinstance(written, Mapping) or written.get("suite") != _SUITE:
        raise CaseError(f'no report of conformance: it has no "suite" that is "{_SUITE}"')
    if written.get("format") != FORMAT:
        raise CaseError(
            f"a report of format {written.get('format')!r}, and only format {FORMAT} is understood"
        )
    try:
        return tuple(_report(report, known) for report in written["reports"])
    except CaseError:
        raise
    except KeyError as error:
        raise CaseError(f"no report of conformance: {error} is missing") from None
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise CaseError(f"no report of conformance: {error}") from None


def _report(written: Mapping[str, Any], known: Mapping[tuple[str, str], Case]) -> Report:
    return Report(
        target=_text(written["target"]),
        kind=_text(written["kind"]),
        versions={name: _text(version) for name, version in written["versions"].items()},
        results=tuple(_result(result, known) for result in written["results"]),
    )


def _result(written: Mapping[str, Any], known: Mapping[tuple[str, str], Case]) -> Result:
    name = (_text(written["case"]["kind"]), _text(written["case"]["id"]))
    if name not in known:
        raise CaseError(
            f"a result of the {name[0]} case {name[1]!r}, which is not there: was it made by"
            " another version?"
        )
    return Result(
        case=known[name],
        verdict=Verdict(written["verdict"]),
        reason=_text(written["reason"]),
        expected=_text(written["expected"]),
        observed=_text(written["observed"]),
        trace=tuple(map(_entry, written["trace"])),
        concurrent_failure=_text(written.get("concurrent_failure", "")),
        output=_text(written.get("output", "")),
    )


def _entry(written: Mapping[str, Any]) -> TraceEntry:
    return TraceEntry(
        side=_text(written["side"]),
        step=_text(written["step"]),
        observation={key: value_from_json(item) for key, item in written["observation"].items()},
        states=_text(written["states"]),
        mismatch=_text(written["mismatch"]),
    )


def _text(written: object) -> str:
    if not isinstance(written, str):
        raise TypeError(f"{written!r:.60} is not a text")
    return written
