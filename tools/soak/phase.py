"""Plays many conversations on one target, and compares the server before and after them."""

import asyncio
import itertools
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import attrs

from tools.soak import client
from tools.soak.application import FAREWELL
from tools.soak.judging import judge
from tools.soak.leftovers import Leftovers
from tools.soak.logs import complaints
from tools.soak.neighbour import Neighbour
from tools.soak.outcome import Failure, Outcome, grown, leaked
from tools.soak.plan import TARGETS
from tools.soak.planning import KINDS, plan
from tools.soak.server import ServerError, SoakServer, ask, serving

__all__ = ["Options", "run"]

_WARM: Final = 2  # conversations of each kind before the first measurement
_GRACE: Final = 8.0  # seconds that a server may take to stop
_TICK: Final = 0.01  # seconds
_DELAYED: Final = 1.5  # seconds of delay after which this process may cause faults itself
_CLASSES: Final = {
    False: "tools.soak.protocol:WebSocketProtocol",
    True: "tools.soak.protocol:CompatWebSocketProtocol",
}


@attrs.frozen(kw_only=True)
class Options:
    """The options of a phase.

    Args:
        seed: Seed of all conversations.
        seconds: Seconds during which conversations begin.
        parallel: Number of conversations at a time.
        only: Number of the only conversation to play; None plays as many as there is time for.
        kind: Kind of the conversations; "" for all kinds.
        app: Application of the server.
        ws: The server's class for WebSockets; "" for that of the target.
        settling: Seconds that a server may take to release its resources.
    """

    seed: int
    seconds: float
    parallel: int = 10
    only: int | None = None
    kind: str = ""
    app: str = "tools.soak.application:app"
    ws: str = ""
    settling: float = 15.0


async def run(target: str, options: Options) -> Outcome:
    """Play on a target.

    Args:
        target: Name of the target.
        options: The options.

    Raises:
        ServerError: The server of the target cannot be started.
    """
    outcome = Outcome(target)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        ws = options.ws or _CLASSES[TARGETS[target].compat]
        async with serving(TARGETS[target], options.app, ws, Path(folder)) as server:
            phase = _Phase(server, options, outcome)
            try:
                await phase.play()
                await phase.stop()
            except* (ServerError, OSError) as errors:
                outcome.faults += map(str, errors.exceptions)
            for complaint, at in complaints(server.entries()):
                outcome.faults.append(
                    f"{complaint}\n  (during the conversations {outcome.during(at)})"
                )
    return outcome


class _Phase:
    def __init__(self, server: SoakServer, options: Options, outcome: Outcome) -> None:
        self._server = server
        self._options = options
        self._outcome = outcome
        self._delayed_at = 0.0  # time of the last delay of this process

    async def play(self) -> None:
        ticking = asyncio.create_task(self._tick())
        try:
            await self._play()
        finally:
            ticking.cancel()

    async def _play(self) -> None:
        options = self._options
        if options.only is not None:
            await self._one(options.only, options.kind)
            return
        # the first conversations load modules and fill caches, which does not count as growth
        kinds = [options.kind] if options.kind else [kind for kind in KINDS if kind != "unread"]
        warming = enumerate(["talk", *kinds * _WARM], 1)
        await asyncio.gather(*(self._one(-number, kind) for number, kind in warming))
        self._outcome.before = await self._settled({})
        async with Neighbour(self._server.address) as neighbour:
            await self._many()
        self._outcome.gaps = neighbour.gaps
        self._outcome.faults += neighbour.faults
        self._outcome.after = await self._settled(self._outcome.before)
        self._outcome.faults += grown(self._outcome)

    async def _many(self) -> None:
        numbers = itertools.count()
        end = time.monotonic() + self._options.seconds

        async def one_after_the_other() -> None:
            while time.monotonic() < end:
                await self._one(next(numbers), self._options.kind)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.parallel):
                group.create_task(one_after_the_other())

    async def _one(self, number: int, kind: str) -> None:
        """Play and judge a conversation."""
        conversation = plan(self._options.seed, self._outcome.target, number, kind)
        reports: list[dict[str, Any]] = []
        start = time.monotonic()

        async def ended() -> None:
            reports.append(await ask(self._server.address, "/report", name=conversation.name))

        seen = await client.play(conversation, self._server.address, ended)
        if not reports:
            await ended()
        faults = judge(conversation, seen, reports[0])
        kinds, outcome = self._outcome.kinds, self._outcome
        outcome.spans.append((start, time.monotonic(), number))
        kinds[conversation.kind] = kinds.get(conversation.kind, 0) + 1
        received = [what for _, what, _ in reports[0].get("events", ()) if what == "received"]
        outcome.messages += len(seen.messages) + len(received)
        if faults and self._delayed_at > start:
            outcome.doubtful += 1  # to the server, a delayed client looks like one that is gone
        elif faults:
            outcome.failures.append(Failure(conversation, faults, seen, reports[0]))

    async def _settled(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return the server's resources once it has no more than before, or after a limit."""
        end = time.monotonic() + self._options.settling
        turns = dict.fromkeys(("longest turn", "slowest turn"), 0.0)
        while True:
            state: dict[str, Any] = await ask(self._server.address, "/state")
            turns = {key: max(turn, state[key]) for key, turn in turns.items()}
            state |= turns
            if time.monotonic() > end or not leaked(before, state):
                return state
            await asyncio.sleep(0.3)

    async def _tick(self) -> None:
        """Measure the delays of this process."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            lag = now - last - _TICK
            last = now
            self._outcome.lag = max(self._outcome.lag, lag)
            if lag > _DELAYED:
                self._delayed_at = now

    async def stop(self) -> None:
        """Stop the server, with open connections unless only one conversation is played."""
        outcome = self._outcome
        left = Leftovers(self._server.address, 500 if TARGETS[outcome.target].compat else 503)
        try:
            if self._options.only is None:
                await left.open()
            stopping = asyncio.create_task(self._server.stop())
            await left.see()
            outcome.stopping, status = await stopping
        finally:
            left.leave()
        outcome.faults += left.faults
        if outcome.stopping > _GRACE:
            outcome.faults.append(f"the server took {outcome.stopping:.1f} s to stop")
        # uvicorn raises the signal again at its end
        if status not in {0, -signal.SIGTERM}:
            outcome.faults.append(f"the server ended with status {status}")
        if not any(entry.text == FAREWELL for entry in self._server.entries()):
            outcome.faults.append("the lifespan was not shut down")
