"""Play all cases on all servers and facades, and publish the results; `make conformance` calls this.

It writes `specs/RESULTS.md`, and `specs/RESULTS.html`, which has every trace and is too big for git. They
name other projects in public, so results are published only if every failure of them is reviewed, that is,
compared with the text of its section and listed in `specs/conformance/reviewed_failures.toml`.

Exit status: 0 if the results are written; 1 if one of our own targets fails a case, a failure is not
reviewed, a reviewed case does not fail any more, or verdicts differ between repetitions; 2 if a target
cannot be checked.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from rich.console import Console

from wsfsm.conformance import (
    FACADES,
    FacadeError,
    Level,
    Report,
    ServerTarget,
    TargetError,
    Verdict,
    baseline,
    check_facade,
    facade_target,
    load_folder,
    play_cases,
    profile,
)
from wsfsm.conformance.reports._markdown import to_markdown
from wsfsm.conformance.reports.html import to_html
from wsfsm.conformance.reports.terminal import Progress, show_reports

SPECS: Final = Path(__file__).resolve().parents[1] / "specs"
REVIEWED: Final = SPECS / "conformance" / "reviewed_failures.toml"
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
MORE: Final = (
    "`make conformance` plays all cases again, and writes a page with every step of every case and the\n"
    "states after it. The requirements are in [conformance/](conformance/README.md). Several failures can\n"
    "have one cause, as their reasons say. A crash counts only as a crash, not as a failure of must or\n"
    "should."
)
OURS: Final = {"wsfsm", "wsfsm in uvicorn", "wsfsm-compat in uvicorn"}


def main(argv: Sequence[str] | None = None) -> int:
    """Play and publish; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and do not fail because of failures that are not reviewed",
    )
    parser.add_argument("--servers", nargs="*", metavar="NAME", help="play only on these servers")
    parser.add_argument("--facades", nargs="*", metavar="NAME", help="play only on these facades")
    parser.add_argument(
        "--times", type=int, default=1, help="play this often, and compare verdicts"
    )
    parser.add_argument(
        "--into", type=Path, default=SPECS, metavar="DIR", help="write to DIR (default: specs)"
    )
    arguments = parser.parse_args(argv)
    try:
        runs = [
            *asyncio.run(_servers(arguments.servers, arguments.times)),
            *_facades(arguments.facades, arguments.times),
        ]
    except (FacadeError, TargetError) as error:
        _say(str(error))
        return 2
    reports = [first for first, *_ in runs]
    reviewed = baseline.read(REVIEWED, [*load_folder("server"), *load_folder("facade")])
    others = [report for report in reports if report.target not in OURS]
    news = list(_not_reviewed(others, reviewed))
    wrong = [*_own_failures(reports), *_changing(runs)]
    if not arguments.check:  # a release of another project must not fail our CI
        wrong += news
    show_reports(reports, Console(), least=Level.SHOULD, failures=False)
    for line in dict.fromkeys([*wrong, *news]):
        _say(line)
    if not (arguments.check or wrong):
        date = datetime.now(UTC).date().isoformat()
        markdown = to_markdown(reports, date, baseline=reviewed, more=MORE)
        (arguments.into / "RESULTS.md").write_text(markdown, encoding="utf-8")
        (arguments.into / "RESULTS.html").write_text(to_html(reports, date=date), encoding="utf-8")
    return 1 if wrong else 0


def _say(line: str) -> None:
    Console(stderr=True, soft_wrap=True).print(line, markup=False, highlight=False)


async def _servers(names: Sequence[str] | None, times: int) -> list[list[Report]]:
    """Play on all servers, two at a time, because the runners wait most of the time."""
    cases = load_folder("server")
    chosen = [server for server in SERVERS if names is None or server[0] in names]
    targets = [profile(name, more) for name, *more in chosen]
    turn = asyncio.Semaphore(2)

    async def play(target: ServerTarget) -> list[Report]:
        async with turn:
            began = monotonic()
            runs = [
                await play_cases(target, cases, on_result=progress.on_result) for _ in range(times)
            ]
            _say(f"{target.name}: {(monotonic() - began) / times:.0f} s")
            return runs

    with Progress("servers", len(cases) * len(targets) * times) as progress:
        return await asyncio.gather(*map(play, targets))


def _facades(names: Sequence[str] | None, times: int) -> Iterator[list[Report]]:
    for name in FACADES if names is None else names:
        target = facade_target(name)
        yield [check_facade(target) for _ in range(times)]


def _own_failures(reports: Sequence[Report]) -> Iterator[str]:
    """Report every must and should that one of our own targets does not pass."""
    for report in reports:
        if report.target in OURS:
            for result in report.results:
                lenient = result.verdict is Verdict.NON_STRICT
                if result.fails(Level.SHOULD) or lenient:
                    yield f"{report.target} does not pass {result.case.id}: {result.reason}"


def _not_reviewed(reports: Sequence[Report], reviewed: baseline.Baseline) -> Iterator[str]:
    changes = baseline.compare(reports, reviewed)
    for change in (*changes.new, *changes.changed):
        result = change.result
        case = f"{result.case.id} ({result.verdict})"
        yield f"{change.target}: {case} is not reviewed: {result.reason}"
    for known in changes.fixed:
        yield f"{known.target}: {known.case} does not fail any more"


def _changing(runs: Sequence[Sequence[Report]]) -> Iterator[str]:
    for reports in runs:
        for results in zip(*(report.results for report in reports), strict=True):
            verdicts = list(dict.fromkeys(result.verdict for result in results))
            if len(verdicts) > 1:
                yield (
                    f"{reports[0].target}: the verdict of {results[0].case.id} differs, "
                    f"{' and '.join(verdicts)}"
                )


if __name__ == "__main__":
    sys.exit(main())
