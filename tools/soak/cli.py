"""The command: plays on all targets at once, and prints what was found."""

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
    """Run a soak; gives 1 if anything was wrong."""
    options = _parser().parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311
    targets = options.target or list(TARGETS)
    missing = [name for name in targets if importlib.util.find_spec(TARGETS[name].loop) is None]
    targets = [name for name in targets if name not in missing]
    _say(f"seed {seed}")
    if missing:
        _say(f"not installed: the loops of {', '.join(missing)}")
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
    _say(f"{failed} faults" if failed else "all is well")
    return min(failed, 1)


async def _run(targets: Sequence[str], settings: Options) -> list[Outcome]:
    """Play on all targets at once: most conversations wait for something most of the time."""
    return list(await asyncio.gather(*(run(target, settings) for target in targets)))


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)  # noqa: T201 - a report is printed


def _parser() -> argparse.ArgumentParser:
    defaults = Options(seed=0, seconds=0)
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=60.0, help="for how long conversations begin")
    add("--seed", type=int, help="seed of all that is random")
    add("--target", action="append", choices=TARGETS, help="play on this one; may be repeated")
    add("--only", type=int, metavar="NUMBER", help="play one conversation, alone")
    add("--kind", choices=KINDS, default="", help="play conversations of one kind")
    add(
        "--parallel",
        type=int,
        default=defaults.parallel,
        help="conversations at a time, on each target",
    )
    add("--show", type=int, default=2, metavar="FAILURES", help="as many are shown of each target")
    add("--app", default=defaults.app, help="the application of the server")
    add("--ws", default=defaults.ws, help="its class for WebSockets, in place of the target's")
    return parser
