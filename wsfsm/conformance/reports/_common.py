"""What all reports have in common: marks, columns, rows, and texts that any file can hold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from wsfsm.conformance._judge import Saw, told
from wsfsm.conformance.cases import Case, Level
from wsfsm.conformance.verdicts import Entry, Report, Result, Verdict

__all__ = [
    "MARKS",
    "MEANINGS",
    "by_case",
    "columns",
    "counted",
    "explained",
    "place",
    "plain",
    "said",
    "sections",
    "versions",
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
    Verdict.PASS: "what is demanded was seen",
    Verdict.NON_STRICT: "something else was seen that is let pass",
    Verdict.FAIL: "something else was seen",
    Verdict.TIMEOUT: "it was not seen in time",
    Verdict.CRASH: "the server has died of it, or would have died of the facade",
    Verdict.INFORMATIONAL: "nothing is demanded; what was seen is told",
    Verdict.UNSUPPORTED: "the case has no meaning here, or its beginning was not reached",
}
"""A verdict in a legend."""

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def plain(text: str) -> str:
    r"""A text that any file and terminal can hold, in one line.

    Line ends become spaces. Other control characters, marks that change the direction of writing,
    and halves of surrogate pairs are written as Python writes them, ``\x1b`` say.
    """
    lines = re.sub(r"[\r\n]\s*", " ", text)
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], lines)


def columns(reports: Iterable[Report]) -> tuple[str, ...]:
    """Names of the targets, each once: where two have one name, the later is numbered."""
    names: list[str] = []
    for report in reports:
        name, number = plain(report.target), 2
        while name in names:
            name, number = f"{plain(report.target)} ({number})", number + 1
        names.append(name)
    return tuple(names)


def sections(reports: Iterable[Report]) -> Mapping[str, Sequence[Case]]:
    """All cases that some report has a result of, by section, in the order in which they come."""
    found: dict[str, dict[tuple[str, str], Case]] = {}
    for report in reports:
        for case in (result.case for result in report.results):
            found.setdefault(case.section, {}).setdefault((case.kind, case.id), case)
    return {section: list(cases.values()) for section, cases in found.items()}


def by_case(report: Report) -> Mapping[tuple[str, str], Result]:
    """The results of a report, by kind and id of their cases."""
    return {(result.case.kind, result.case.id): result for result in report.results}


def counted(report: Report, level: Level) -> Mapping[Verdict, int]:
    """How many cases of a level came to each verdict."""
    return Report(
        target=report.target,
        kind=report.kind,
        versions={},
        results=tuple(result for result in report.results if result.case.level is level),
    ).counts


def versions(report: Report) -> str:
    """The versions of what a target is made of, in a line."""
    return ", ".join(f"{plain(name)} {plain(told)}" for name, told in report.versions.items())


def said(saw: Saw) -> str:
    """What was seen in a step, for people; "" if there was nothing to be seen."""
    return plain(told(saw))


def place(result: Result) -> int | None:
    """Which entry of the trace the verdict comes from, counted from 0; None if it is no failure.

    A failure is seen in the last entry with something wrong, for nothing is played after it; if
    there is none, when all was over. What is let pass is the first such entry.
    """
    wrong = [number for number, entry in enumerate(result.trace) if entry.wrong]
    if result.verdict.is_failure or result.verdict is Verdict.UNSUPPORTED:
        if wrong or result.verdict is Verdict.UNSUPPORTED:
            return wrong[-1] if wrong else None
        return len(result.trace) - 1 if result.trace else None
    return wrong[0] if wrong and result.verdict is Verdict.NON_STRICT else None


def explained(result: Result) -> tuple[str, ...]:
    """What came of a case, in lines: all that is told of it, and the trace."""
    case, where = result.case, place(result)
    told = [
        ("requirement", f"{case.requirement} ({case.section}, {case.level.value})"),
        ("note", case.note),
        ("reason", result.reason),
        ("expected", result.expected),
        ("observed", result.observed),
        ("among others", result.among),
    ]
    lines = [f"{name + ':':<13}{plain(text)}" for name, text in told if text]
    for number, entry in enumerate(result.trace):
        lines += _steps(number, entry, here=number == where)
    if result.output:
        lines.append("the server has printed:")
        lines += [f"    {plain(line)}" for line in result.output.splitlines()]
    return tuple(lines)


def _steps(number: int, entry: Entry, *, here: bool) -> list[str]:
    seen = said(entry.saw)
    lines = [f"{'>' if here else ' '} {number + 1:2}. {plain(entry.did)}  [{plain(entry.state)}]"]
    if seen:
        lines.append(f"      saw: {seen}")
    if entry.wrong:
        lines.append(f"      wrong: {plain(entry.wrong)}")
    return lines
