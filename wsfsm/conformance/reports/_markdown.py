"""Reports as Markdown, for ``specs/RESULTS.md``."""

from collections.abc import Iterator, Sequence

from wsfsm.conformance.baseline import EMPTY, Baseline
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports._common import (
    MARKS,
    MEANINGS,
    cases_by_section,
    count_level,
    one_line,
    results_by_case,
    target_names,
    version_line,
)
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["to_markdown"]


def to_markdown(
    reports: Sequence[Report], date: str, *, baseline: Baseline = EMPTY, more: str = ""
) -> str:
    """Write reports.

    Args:
        reports: Reports on the targets.
        date: Date of the reports.
        baseline: Known failures, whose reasons are shown.
        more: Markdown for the beginning.

    Returns:
        Versions, counts, the matrix of cases and targets, and the failures.
    """
    names = target_names(reports)
    parts = [
        ["# Results of the conformance suite", "", f"Made on {one_line(date)}.", "", more],
        ["## Targets", "", *_targets(reports, names)],
        ["## Counts", "", *_counts(reports, names)],
        ["## Matrix", "", *_legend()],
        *_matrices(reports, names),
        ["## Failures", "", *_failures(reports, names, baseline)],
    ]
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def _targets(reports: Sequence[Report], names: Sequence[str]) -> Iterator[str]:
    yield from _row("target", "kind", "versions")
    yield "|---|---|---|"
    for report, name in zip(reports, names, strict=True):
        yield from _row(name, report.kind, version_line(report))


def _counts(reports: Sequence[Report], names: Sequence[str]) -> Iterator[str]:
    """The number of cases by verdict; failures other than crashes are counted by level, too."""
    verdicts = [verdict for verdict in Verdict if any(verdict in r.counts for r in reports)]
    yield from _row("target", "cases", *verdicts, "failures of must", "of should")
    yield "|---|" + "---:|" * (len(verdicts) + 3)
    for report, name in zip(reports, names, strict=True):
        counts = report.counts
        numbers = [counts.get(verdict, 0) for verdict in verdicts]
        failed = [
            # a crash says nothing about the requirement of the case
            sum(count_level(report, level).get(v, 0) for v in (Verdict.FAIL, Verdict.TIMEOUT))
            for level in (Level.MUST, Level.SHOULD)
        ]
        yield from _row(name, len(report.results), *numbers, *failed)


def _legend() -> Iterator[str]:
    for verdict, mark in MARKS.items():
        yield f"- {mark} {verdict.value}: {MEANINGS[verdict]}"
    yield "- an empty cell: not checked"


def _matrices(reports: Sequence[Report], names: Sequence[str]) -> Iterator[list[str]]:
    """A matrix for each kind of target, because the kinds have no case in common."""
    named = list(zip(reports, names, strict=True))
    for kind in dict.fromkeys(report.kind for report in reports):
        alike = [(report, name) for report, name in named if report.kind == kind]
        chosen, theirs = [report for report, _ in alike], [name for _, name in alike]
        yield [f"### Of each {kind}", "", *_matrix(chosen, theirs)]


def _matrix(reports: Sequence[Report], names: Sequence[str]) -> Iterator[str]:
    results = [results_by_case(report) for report in reports]
    for section, cases in cases_by_section(reports).items():
        yield f"#### {_text(section)}"
        yield ""
        yield from _row("case", "level", *names)
        yield "|---|---|" + ":---:|" * len(names)
        for case in cases:
            cells = [found.get((case.kind, case.id)) for found in results]
            marks = ["" if cell is None else MARKS[cell.verdict] for cell in cells]
            yield from _row(case.id, case.level, *marks)
        yield ""


def _failures(reports: Sequence[Report], names: Sequence[str], baseline: Baseline) -> Iterator[str]:
    for report, name in zip(reports, names, strict=True):
        failures = report.failures(Level.SHOULD)
        yield f"### {_text(name)}: {len(failures) or 'none'}"
        yield ""
        for result in failures:
            yield from _failure(result)
            known = baseline.find(report.target, result.case.id)
            if known is not None:
                yield f"  - why: {_text(known.reason)}"
        if failures:
            yield ""


def _failure(result: Result) -> Iterator[str]:
    case = result.case
    crash = result.verdict is Verdict.CRASH
    about = result.verdict if crash else f"{case.level}, {result.verdict}"
    yield f"- **{_text(case.id)}** ({about}), {_text(case.section)}:"
    yield f"  {_text(case.requirement)}"
    if result.reason and not (result.expected or result.observed):
        yield f"  - {_text(result.reason)}"
    for name, text in (("expected", result.expected), ("observed", result.observed)):
        if text:
            yield f"  - {name}: {_code(text)}"


def _row(*cells: object) -> Iterator[str]:
    yield "| " + " | ".join(_text(str(cell)) for cell in cells) + " |"


def _text(text: str) -> str:
    """A text with the marks of Markdown escaped."""
    escaped = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in "\\`*_[]|#~" else char for char in escaped)


def _code(text: str) -> str:
    """A text as code, whatever backticks it contains."""
    shown = one_line(text)
    fence = "`"
    while fence in shown:
        fence += "`"
    pad = " " * (shown[:1] == "`" or shown[-1:] == "`")
    return f"{fence}{pad}{shown}{pad}{fence}"
