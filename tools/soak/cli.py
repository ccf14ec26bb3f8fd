"""The command: plays on all targets at once, and prints the outcomes."""

import argparse
import asyncio
import importlib.util
import random
from collections.abc import Sequence

from tools.soak import report
from tools.soak.outcome import Outcome
from tools.soak.phase import Options, run
from tools.soak.plan import TARGETS
from tools.soak.planning import KINDS

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a soak; return 1 if there was any fault."""
    options = _parser().parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311
    targets = options.target or list(TARGETS)
    missing = [name for name in targets if importlib.util.find_spec(TARGETS[name].loop) is None]
    targets = [name for name in targets if name not in missing]
    _say(f"seed {seed}")
    if missing:
        _say(f"skipped, because their event loop is not installed: {', '.join(missing)}")
    settings = Options(
        seed=seed,
        seconds=options.seconds,
        parallel=options.parallel,
        only=options.only,
        kind=options.kind,
        app=options.app,
        ws=options.ws,
    )
    failed = 0
    for done in asyncio.run(_run(targets, settings)):
        _say(*report.outcome(done))
        for found in done.failures[: options.show]:
            _say(*report.failure(found))
        if len(done.failures) > options.show:
            _say(f"... and {len(done.failures) - options.show} more failures")
        failed += len(done.failures) + len(done.faults)
    _say(f"{failed} faults" if failed else "no faults")
    return min(failed, 1)


async def _run(targets: Sequence[str], settings: Options) -> list[Outcome]:
    """Play on all targets at once, because conversations wait most of the time."""
    return list(await asyncio.gather(*(run(target, settings) for target in targets)))


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)  # noqa: T201 - a report is printed


def _parser() -> argparse.ArgumentParser:
    defaults = Options(seed=0, seconds=0)
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=60.0, help="seconds during which conversations begin")
    add("--seed", type=int, help="the seed of the conversations (default: random)")
    add("--target", action="append", choices=TARGETS, help="a target to play on; may be repeated")
    add("--only", type=int, metavar="NUMBER", help="play only the conversation with this number")
    add("--kind", choices=KINDS, default="", help="play only conversations of this kind")
    add(
        "--parallel",
        type=int,
        default=defaults.parallel,
        help="the number of conversations at a time on each target",
    )
    add(
        "--show",
        type=int,
        default=2,
        metavar="FAILURES",
        help="the number of failures to show for each target",
    )
    add("--app", default=defaults.app, help="the application of the server")
    add(
        "--ws",
        default=defaults.ws,
        help="the server's class for WebSockets, instead of the target's",
    )
    return parser
