"""All cases on all servers and facades that are installed; `make conformance` calls it.

Writes `specs/RESULTS.md` and `specs/RESULTS.html`. Servers are named in public there: a failure
that `specs/conformance/weighed.toml` does not know has not been weighed against the text, and is
not published. Status 0: all is written; 1: one of our own targets fails something, or a failure is
not weighed; 2: a target cannot be checked.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from wsfsm.conformance import (
    FACADES,
    FacadeError,
    Level,
    Report,
    TargetError,
    Verdict,
    baseline,
    check_facade,
    check_server,
    facade_target,
    load_folder,
    profile,
)
from wsfsm.conformance.report_html import to_html
from wsfsm.conformance.report_markdown import to_markdown
from wsfsm.conformance.report_table import Progress, show_reports

SPECS: Final = Path(__file__).resolve().parents[1] / "specs"
WEIGHED: Final = SPECS / "conformance" / "weighed.toml"
SERVERS: Final = (
    ("wsfsm",),
    ("wsfsm-compat",),
    ("uvicorn", "--ws", "websockets-sansio"),
    ("uvicorn", "--ws", "wsproto"),
    ("uvicorn", "--ws", "websockets"),
    ("hypercorn",),
    ("daphne",),
    ("granian",),
)
OURS: Final = {"wsfsm", "wsfsm in uvicorn", "wsfsm-compat in uvicorn"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; the status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--servers", nargs="*", metavar="NAME", help="only servers of these names")
    parser.add_argument("--facades", nargs="*", metavar="NAME", help="only these facades")
    parser.add_argument("--into", type=Path, default=SPECS, help="folder (default: specs)")
    arguments = parser.parse_args(argv)
    try:
        reports = [*_servers(arguments.servers), *_facades(arguments.facades)]
    except TargetError as error:
        _say(str(error))
        return 2
    weighed = baseline.read(WEIGHED, [*load_folder("server"), *load_folder("facade")])
    wrong = [*_own_failures(reports), *_not_weighed(reports, weighed)]
    show_reports(reports, Console(), least=Level.SHOULD, failures=False)
    for line in wrong:
        _say(line)
    if not (arguments.check or wrong):
        date = datetime.now(UTC).date().isoformat()
        markdown = to_markdown(reports, date, baseline=weighed)
        (arguments.into / "RESULTS.md").write_text(markdown, encoding="utf-8")
        (arguments.into / "RESULTS.html").write_text(to_html(reports, date=date), encoding="utf-8")
    return 1 if wrong else 0


def _say(line: str) -> None:
    Console(stderr=True, soft_wrap=True).print(line, markup=False, highlight=False)


def _servers(names: Sequence[str] | None) -> Iterator[Report]:
    cases = load_folder("server")
    for name, *more in SERVERS:
        if names is None or name in names:
            try:
                target = profile(name, more)
            except TargetError as error:  # it is not installed
                _say(str(error))
                continue
            with Progress(target.name, len(cases)) as progress:
                report = check_server(target, cases, on_result=progress.on_result)
            yield report


def _facades(names: Sequence[str] | None) -> Iterator[Report]:
    for name in FACADES if names is None else names:
        try:
            target = facade_target(name)
        except FacadeError as error:
            _say(str(error))
            continue
        yield check_facade(target)


def _own_failures(reports: Sequence[Report]) -> Iterator[str]:
    """What must not be: our own targets pass every must and every should."""
    for report in reports:
        if report.target in OURS:
            for result in report.results:
                lenient = result.verdict is Verdict.NON_STRICT
                if result.fails(Level.SHOULD) or lenient:
                    yield f"{report.target} does not pass {result.case.id}: {result.reason}"


def _not_weighed(reports: Sequence[Report], weighed: baseline.Baseline) -> Iterator[str]:
    others = [report for report in reports if report.target not in OURS]
    for change in baseline.compare(others, weighed).new:
        result = change.result
        yield f"{change.target}: {result.case.id} is not weighed: {result.reason}"


if __name__ == "__main__":
    sys.exit(main())
