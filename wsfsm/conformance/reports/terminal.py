"""Reports in a terminal: a table, the failures, the changes, and a progress bar.

Needs the extra ``conformance``.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from wsfsm.conformance.baseline import Changes
from wsfsm.conformance.cases import Level
from wsfsm.conformance.reports._common import (
    count_level,
    explain,
    one_line,
    target_names,
    unsupported_line,
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
        f'the conformance suite needs {error.name}; run pip install "wsfsm[conformance]"',
        name=error.name,
    ) from None

__all__ = ["Progress", "show_changes", "show_reports", "show_written"]

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
    """Print a table for each target, and then the failures.

    Args:
        reports: Reports on the targets.
        console: The terminal.
        least: The weakest level whose failures are listed; crashes always are.
        failures: Whether to list failures.
    """
    names = target_names(reports)
    for report, name in zip(reports, names, strict=True):
        console.print(_table(report, name))
        if unsupported := unsupported_line(report):
            console.print(Text(unsupported), soft_wrap=True)
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
        text = f"{weaker} more failures of weaker levels; --fail-on should lists them"
        console.print(Text(text), soft_wrap=True)


def _show_asides(console: Console, name: str, report: Report) -> None:
    """Print cases that did not fail, and deserve a look at the server or the machine."""
    found = report.results
    unreached = [r for r in found if r.is_in_doubt and r.verdict is Verdict.UNSUPPORTED]
    if unreached:
        text = f"Beginning not reached, so not judged: {len(unreached)}  {name}"
        console.print(Text(text, style="bold"))
    for result in unreached:
        console.print(
            Text(f"  {one_line(result.case.id)}: {one_line(result.reason)}"), soft_wrap=True
        )
    spoilt = [result for result in found if result.concurrent_failure]
    if spoilt:
        text = f"As required alone, but not among other cases: {len(spoilt)}  {name}"
        console.print(Text(text, style="bold"))
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
    """Print the differences from the known failures.

    Args:
        changes: The changes.
        console: The terminal.
    """
    for title, listed in (("New failures", changes.new), ("Changed failures", changes.changed)):
        if listed:
            console.print(Text(f"{title}: {len(listed)}", style="bold"))
        for change in listed:
            known = _was(change.known.verdict, change.known.reason) if change.known else ""
            _show_failure(console, one_line(change.target), change.result, known)
    if changes.fixed:
        console.print(Text(f"Fixed, please remove: {len(changes.fixed)}", style="bold"))
    for one in changes.fixed:
        console.print(Text(f"  {one_line(one.case)}  {one_line(one.target) or 'all targets'}"))
    console.print(
        Text(
            f"{len(changes.new)} new, {len(changes.changed)} changed, {len(changes.fixed)} fixed;"
            f" {len(changes.known)} known"
        )
    )


def show_written(path: Path, written: Changes, console: Console, *, left_out: int) -> None:
    """Print how many failures were written to the file of known failures.

    Args:
        path: The file.
        written: The changes to it.
        console: The terminal.
        left_out: The number of failures of a weaker level, which were not written.
    """
    total = len(written.new) + len(written.changed) + len(written.known)
    numbers = {"new": written.new, "changed": written.changed, "fixed and removed": written.fixed}
    parts = ", ".join(f"{len(found)} {what}" for what, found in numbers.items() if found)
    text = f"{one_line(str(path))}: {total} failure{'' if total == 1 else 's'} written"
    text += f" ({parts})" if parts else " (no changes)"
    if left_out:
        text += f"; {left_out} of level should left out, see --fail-on should"
    console.print(Text(text), soft_wrap=True)


def _was(verdict: Verdict | None, reason: str) -> str:
    return f"{verdict.value if verdict else 'any failure'}, {reason}"


class Progress:
    """A progress bar, which is shown only in a terminal.

    Args:
        target: Name of the target.
        total: The number of cases.
        console: The terminal; by default stderr.
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
