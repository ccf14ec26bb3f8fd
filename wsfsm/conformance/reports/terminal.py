"""Results in a terminal: a table, the failures, what has changed, and a bar while it runs.

Needs the extra ``conformance``.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from wsfsm.conformance.baseline import Changes
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports._common import (
    count_level,
    explain,
    one_line,
    target_names,
    version_line,
)
from wsfsm.conformance.verdicts import Report, Result, Verdict

try:
    import rich.progress
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ImportError as error:
    raise ImportError(
        f'the conformance suite needs {error.name}: install it with pip install "wsfsm[conformance]"',
        name=error.name,
    ) from None

__all__ = ["Progress", "show_changes", "show_reports"]

_STYLES = {
    Verdict.PASS: "green",
    Verdict.NON_STRICT: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.TIMEOUT: "bold red",
    Verdict.CRASH: "bold white on red",
    Verdict.INFORMATIONAL: "cyan",
    Verdict.UNSUPPORTED: "dim",
}


def show_reports(
    reports: Sequence[Report],
    console: Console,
    *,
    least: Level = Level.SHOULD,
    failures: bool = True,
) -> None:
    """Print a table of each target, and then the failures.

    Args:
        reports: What came of all targets.
        console: Where to print.
        least: The weakest level whose failures are listed; crashes always are.
        failures: Whether to list the failures at all.
    """
    names = target_names(reports)
    for report, name in zip(reports, names, strict=True):
        console.print(_table(report, name))
    named = list(zip(names, reports, strict=True))
    listed = [(name, result) for name, report in named for result in report.failures(least)]
    if not failures:
        return
    if listed:
        console.print()
        console.print(Text(f"Failures: {len(listed)}", style="bold"))
        for name, result in listed:
            _show_failure(console, name, result)
    weaker = sum(len(report.failures(Level.SHOULD)) for report in reports) - len(listed)
    for name, report in named:
        _show_asides(console, name, report)
    if weaker > 0:
        told = f"{weaker} more of weaker cases: --fail-on should lists them"
        console.print(Text(told), soft_wrap=True)


def _show_asides(console: Console, name: str, report: Report) -> None:
    """Print what is no failure, and may be one of the server's, or of the machine's."""
    found = report.results
    unreached = [r for r in found if r.is_in_doubt and r.verdict is Verdict.UNSUPPORTED]
    if unreached:
        console.print(Text(f"Not reached, and not judged: {len(unreached)}  {name}", style="bold"))
    for result in unreached:
        console.print(
            Text(f"  {one_line(result.case.id)}: {one_line(result.reason)}"), soft_wrap=True
        )
    spoilt = [result for result in found if result.concurrent_failure]
    if spoilt:
        told = f"As demanded alone, but not among other cases: {len(spoilt)}  {name}"
        console.print(Text(told, style="bold"))
    for result in spoilt:
        console.print(
            Text(f"  {one_line(result.case.id)}: {one_line(result.concurrent_failure)}"),
            soft_wrap=True,
        )


def _table(report: Report, name: str) -> Table:
    table = Table(
        title=Text(name, style="bold"),
        title_justify="left",
        caption=Text(version_line(report), overflow="fold"),
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("verdict", no_wrap=True)
    for level in Level:
        table.add_column(level.value, justify="right", no_wrap=True)
    table.add_column("all", justify="right", no_wrap=True)
    levels = [count_level(report, level) for level in Level]
    for verdict in Verdict:
        total = report.counts.get(verdict, 0)
        if total:
            numbers = [str(counts.get(verdict) or "") for counts in levels]
            table.add_row(Text(verdict.value, style=_STYLES[verdict]), *numbers, str(total))
    table.add_section()
    sums = [str(sum(counts.values())) for counts in levels]
    table.add_row("all", *sums, str(len(report.results)))
    return table


def _show_failure(console: Console, name: str, result: Result, known: str = "") -> None:
    head = Text()
    head.append(f"{result.verdict.value} ", style=_STYLES[result.verdict])
    head.append(one_line(result.case.id), style="bold")
    head.append(f"  {name}")
    console.print(head, soft_wrap=True)
    for line in explain(result):
        console.print(Text(f"  {line}"), soft_wrap=True)
    if known:
        console.print(Text(f"  {'known:':<13}{one_line(known)}"), soft_wrap=True)


def show_changes(changes: Changes, console: Console) -> None:
    """Print what is not as it is known.

    Args:
        changes: What has changed.
        console: Where to print.
    """
    for title, listed in (("New failures", changes.new), ("Changed failures", changes.changed)):
        if listed:
            console.print(Text(f"{title}: {len(listed)}", style="bold"))
        for change in listed:
            told = _was(change.known.verdict, change.known.reason) if change.known else ""
            _show_failure(console, one_line(change.target), change.result, told)
    if changes.fixed:
        console.print(Text(f"Fixed, and to be removed: {len(changes.fixed)}", style="bold"))
    for known in changes.fixed:
        console.print(Text(f"  {one_line(known.case)}  {one_line(known.target) or 'all targets'}"))
    console.print(
        Text(
            f"{len(changes.new)} new, {len(changes.changed)} changed, {len(changes.fixed)} fixed;"
            f" {len(changes.known)} known"
        )
    )


def _was(verdict: Verdict | None, reason: str) -> str:
    return f"{verdict.value if verdict else 'any failure'}, {reason}"


class Progress:
    """A bar that shows how many cases are done; nothing is printed where there is no terminal.

    Args:
        target: Name of the target.
        total: How many cases there are.
        console: Where to print; by default on stderr.
    """

    def __init__(self, target: str, total: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._failures = 0
        self._progress = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}", markup=False),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[failures]} failed", markup=False),
            rich.progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(one_line(target), total=total, failures=0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def on_result(self, result: Result) -> None:
        """Count a result."""
        self._failures += result.verdict.is_failure
        self._progress.update(self._task, advance=1, failures=self._failures)
