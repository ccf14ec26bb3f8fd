"""Marks, legends and texts that all reports have in common."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from wsfsm.conformance._judge import Observation, describe_observation
from wsfsm.conformance.cases import Case, Level
from wsfsm.conformance.verdicts import Report, Result, TraceEntry, Verdict

__all__ = [
    "MARKS",
    "MEANINGS",
    "cases_by_section",
    "count_level",
    "deciding_step",
    "explain",
    "observation_line",
    "one_line",
    "results_by_case",
    "target_names",
    "unsupported_line",
    "version_line",
]

MARKS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "✓",
    Verdict.NON_STRICT: "≈",
    Verdict.FAIL: "✗",
    Verdict.TIMEOUT: "t",
    Verdict.CRASH: "!",
    Verdict.INFORMATIONAL: "i",
    Verdict.UNSUPPORTED: "–",  # noqa: RUF001 - a dash is wider than a hyphen, and stands out
}
"""A verdict in a matrix."""

MEANINGS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "the required behaviour was observed",
    Verdict.NON_STRICT: "something else was observed that is tolerated",
    Verdict.FAIL: "something else was observed",
    Verdict.TIMEOUT: "nothing was observed in time",
    Verdict.CRASH: "the case crashed the server, or a facade would have ended its server",
    Verdict.INFORMATIONAL: "nothing is required; the report says what was observed",
    Verdict.UNSUPPORTED: "the case does not apply here, or its beginning was not reached",
}
"""A verdict in a legend."""

_REASONS: Final = 5
"""The number of reasons why cases are unsupported that a line has room for."""

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def one_line(text: str) -> str:
    r"""Make a text fit for any file and terminal, in one line.

    Line ends become spaces. Other control characters, marks that change the direction of writing,
    and halves of surrogate pairs become escape sequences of Python, for example ``\x1b``.
    """
    joined = re.sub(r"[\r\n]\s*", " ", text)
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], joined)


def target_names(reports: Iterable[Report]) -> tuple[str, ...]:
    """Names of the targets, all different: a repeated name is numbered."""
    names: list[str] = []
    for report in reports:
        name, number = one_line(report.target), 2
        while name in names:
            name, number = f"{one_line(report.target)} ({number})", number + 1
        names.append(name)
    return tuple(names)


def cases_by_section(reports: Iterable[Report]) -> Mapping[str, Sequence[Case]]:
    """All cases with a result in any report, by section, in the order of the first result."""
    found: dict[str, dict[tuple[str, str], Case]] = {}
    for report in reports:
        for case in (result.case for result in report.results):
            found.setdefault(case.section, {}).setdefault((case.kind, case.id), case)
    return {section: list(cases.values()) for section, cases in found.items()}


def results_by_case(report: Report) -> Mapping[tuple[str, str], Result]:
    """The results of a report, by kind and id of their cases."""
    return {(result.case.kind, result.case.id): result for result in report.results}


def count_level(report: Report, level: Level) -> Mapping[Verdict, int]:
    """The number of cases of a level with each verdict."""
    return Report(
        target=report.target,
        kind=report.kind,
        versions={},
        results=tuple(result for result in report.results if result.case.level is level),
    ).counts


def unsupported_line(report: Report) -> str:
    """The number of unsupported cases, and how many for each reason, in a line; "" if there are none."""
    found = [result for result in report.results if result.verdict is Verdict.UNSUPPORTED]
    if not found:
        return ""
    reasons = Counter(map(_obstacle, found)).most_common()
    parts = [f"{count} {reason}" for reason, count in reasons[:_REASONS]]
    rest = sum(count for _, count in reasons[_REASONS:])
    parts += [f"{rest} for other reasons"] if rest else []
    return f"{len(found)} unsupported: {', '.join(parts)}"


def _obstacle(result: Result) -> str:
    """The reason why a case is unsupported, in a few words that many cases have in common."""
    if result.is_in_doubt:
        return "not reached"
    case, reason = result.case, one_line(result.reason)
    known = {
        f"before spec_version {case.before}": "for an older spec_version",
        f"to spec_version {case.spec_version} and later": "for a newer spec_version",
        f"the extension {case.extension}": f"without the extension {case.extension}",
        f"the variant {case.variant}": f"without the variant {case.variant}",
    }
    short = (text for part, text in known.items() if part in reason)
    return next(short, f"because {reason}")


def version_line(report: Report) -> str:
    """The versions of a target, in a line."""
    return ", ".join(f"{one_line(name)} {one_line(text)}" for name, text in report.versions.items())


def observation_line(observation: Observation) -> str:
    """An observation for people, in a line; "" if it is empty."""
    return one_line(describe_observation(observation))


def deciding_step(result: Result) -> int | None:
    """The index of the trace entry that decided the verdict; None if the verdict is not a failure.

    A failure is decided by the last entry with a mismatch, because no step is played after it; if
    no entry has one, by the last entry. A tolerated observation is the first such entry.
    """
    wrong = [number for number, entry in enumerate(result.trace) if entry.mismatch]
    if result.verdict.is_failure or result.verdict is Verdict.UNSUPPORTED:
        if wrong or result.verdict is Verdict.UNSUPPORTED:
            return wrong[-1] if wrong else None
        return len(result.trace) - 1 if result.trace else None
    return wrong[0] if wrong and result.verdict is Verdict.NON_STRICT else None


def explain(result: Result) -> tuple[str, ...]:
    """Everything about a result, in lines, with the trace."""
    case, deciding = result.case, deciding_step(result)
    parts = [
        ("requirement", f"{case.requirement} ({case.section}, {case.level.value})"),
        ("note", case.note),
        ("reason", result.reason),
        ("expected", result.expected),
        ("observed", result.observed),
        ("among others", result.concurrent_failure),
    ]
    lines = [f"{name + ':':<13}{one_line(text)}" for name, text in parts if text]
    for number, entry in enumerate(result.trace):
        lines += _explain_step(number, entry, decides=number == deciding)
    if result.output:
        lines.append("output of the server:")
        lines += [f"    {one_line(line)}" for line in result.output.splitlines()]
    return tuple(lines)


def _explain_step(number: int, entry: TraceEntry, *, decides: bool) -> list[str]:
    seen = observation_line(entry.observation)
    mark = ">" if decides else " "
    lines = [f"{mark} {number + 1:2}. {one_line(entry.step)}  [{one_line(entry.states)}]"]
    if seen:
        lines.append(f"      observed: {seen}")
    if entry.mismatch:
        lines.append(f"      wrong: {one_line(entry.mismatch)}")
    return lines
