"""The runner for servers: it plays cases on a server, and tells what came of each."""

import asyncio
import contextlib
import itertools
import math
import re
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from time import monotonic
from typing import Any, Final, cast

import attrs

from wsfsm.conformance._judge import Record
from wsfsm.conformance.cases import Case, load_folder
from wsfsm.conformance.server._client import Client, request
from wsfsm.conformance.server._control import Control
from wsfsm.conformance.server._steps import Run
from wsfsm.conformance.server.app import CONTROL, RUN
from wsfsm.conformance.server.targets import (
    APPLICATION,
    AS_USUAL,
    ServerTarget,
    Serving,
    TargetError,
)
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["check_server", "play_cases"]

JOBS: Final = 8  # cases that are played side by side
SERVERS: Final = 6  # servers that run side by side, with a case each
_DYING: Final = 2.0  # seconds that a server that dies may take for it
_LATE: Final = 1.5  # seconds after which a server that still served is taken to live on
_REACHING: Final = 10.0  # seconds in which a request reaches the application of a busy server
_LIMIT: Final = 60.0  # seconds for a case, whatever its steps say

OnResult = Callable[[Result], None]


def check_server(
    target: ServerTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: OnResult | None = None,
    jobs: int = JOBS,
    servers: int = SERVERS,
) -> Report:
    """Play cases on a server.

    Args:
        target: The server.
        cases: The cases; by default all that are about servers.
        on_result: Is called with each result as it comes.
        jobs: How many cases are played side by side on one server.
        servers: How many servers run side by side, where cases need one each.

    Raises:
        CaseError: A case says what has no meaning.
        TargetError: The server cannot be started, or its application is not reached.
    """
    interrupts: list[int] = []

    async def playing() -> Report:
        with _interruptible(interrupts):
            return await play_cases(target, cases, on_result=on_result, jobs=jobs, servers=servers)

    try:
        return asyncio.run(playing())
    finally:
        if interrupts:  # whatever came of it
            raise KeyboardInterrupt from None


@contextlib.contextmanager
def _interruptible(interrupts: list[int]) -> Iterator[None]:
    """Let who ends the runner by a signal end the servers with it, as Ctrl-C does.

    Args:
        interrupts: Where the numbers of the signals are added.
    """
    loop = asyncio.get_running_loop()
    task = cast("asyncio.Task[Report]", asyncio.current_task())

    def interrupt(number: int, _frame: object) -> None:
        # an exception from here would come up anywhere, in a task too, which asyncio tells of
        loop.call_soon_threadsafe(hurry if interrupts else task.cancel)
        interrupts.append(number)

    def hurry() -> None:  # no server that is being stopped is waited for any more
        for waiting in asyncio.all_tasks(loop):
            waiting.cancel()

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) is signal.SIG_DFL:  # else somebody has an opinion
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def play_cases(
    target: ServerTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: OnResult | None = None,
    jobs: int = JOBS,
    servers: int = SERVERS,
) -> Report:
    """As `check_server`, inside a running event loop."""
    chosen = load_folder("server") if cases is None else tuple(cases)
    async with Control.running() as control:
        session = _Session(target, control, on_result or _ignore, jobs, servers)
        await session.play(chosen)
    results = sorted(session.results, key=lambda result: session.order[result.case.id])
    return Report(
        target=target.name, kind="server", versions=target.versions, results=tuple(results)
    )


def _ignore(_result: Result) -> None:
    """Nobody wants to know."""


def _crash(result: Result, how: str) -> Result:
    return attrs.evolve(
        result,
        verdict=Verdict.CRASH,
        reason=how,
        expected="the server goes on",
        observed=re.split("[:;]", how)[0],
    )


@attrs.define
class _Together:
    """Results of cases that are played side by side on one server.

    Attributes:
        served: Whether the server still serves its application, as far as is known.
        looking: Held while that is looked for.
    """

    served: bool = True
    looking: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    _fresh: deque[tuple[float, Result]] = attrs.field(factory=deque, init=False)

    def add(self, result: Result) -> None:
        """A case has just ended."""
        self._fresh.append((monotonic(), result))

    def has_any(self, until: float) -> bool:
        """Whether there are results that came before a time."""
        return bool(self._fresh) and self._fresh[0][0] < until

    def is_to_be_looked_at(self, until: float) -> bool:
        """Whether to see that the server has outlived the results that came before a time."""
        return self.served and self.has_any(until)

    def outlived(self, until: float) -> Iterator[Result]:
        """Take the results that came before a time."""
        while self.has_any(until):
            yield self._fresh.popleft()[1]


@attrs.define
class _Session:
    target: ServerTarget
    control: Control
    on_result: OnResult
    jobs: int
    servers: int
    results: list[Result] = attrs.field(factory=list)
    order: dict[str, int] = attrs.field(factory=dict)
    doubted: dict[str, Result] = attrs.field(factory=dict)
    broken: dict[str, str] = attrs.field(factory=dict)
    runs: "itertools.count[int]" = attrs.field(factory=itertools.count)
    deaths: list[frozenset[str]] = attrs.field(factory=list)
    reached: set[str] = attrs.field(factory=set)

    def tell(self, result: Result) -> None:
        self.results.append(result)
        self.on_result(result)

    async def play(self, cases: Iterable[Case]) -> None:
        together: dict[str, list[Case]] = {}
        alone: list[Case] = []
        for number, case in enumerate(cases):
            self.order[case.id] = number
            if not self.target.has(case.variant):
                reason = f"the target cannot be started for it ({case.variant})"
                self.tell(Record(case).conclude(Verdict.UNSUPPORTED, reason))
            elif case.alone:
                alone.append(case)
            else:
                together.setdefault(case.variant, []).append(case)
        # a variant that is told wrongly is noticed before the long part
        for variant, left in sorted(together.items(), key=lambda item: not item[0]):
            while left:
                left = await self.play_together(variant, left, alone)  # noqa: PLW2901 - the rest
        await self.play_alone(alone)
        self.blame()

    @contextlib.asynccontextmanager
    async def started(self, variant: str) -> AsyncIterator[Serving | None]:
        """Start the server; None if it cannot be started any more.

        Raises:
            TargetError: It could never be started so, or its application is not reached.
        """
        variant = _as_started(variant)
        async with contextlib.AsyncExitStack() as stack:
            serving = None
            for last in (False, True):
                if variant in self.broken:
                    break
                try:
                    running = self.target.running(self.control.address, variant)
                    serving = await stack.enter_async_context(running)
                    break
                except TargetError as error:
                    if variant not in self.reached:
                        raise
                    if last:  # what stood in its way may have gone
                        self.broken[variant] = str(error)
            if serving is not None:
                await self.reach(serving, variant)
            yield serving

    def give_up(self, variant: str, cases: Iterable[Case]) -> list[Case]:
        """Tell of cases for which the server cannot be started."""
        variant = _as_started(variant)
        for case in cases:
            reason = f"it was started before, and cannot be again: {self.broken[variant]}"
            self.tell(_crash(Record(case).conclude(Verdict.CRASH), reason))
        return []

    async def reach(self, serving: Serving, variant: str) -> None:
        """See once that requests reach the application, before a case blames the server for it."""
        if not (variant in self.reached or await self.serves(serving, _REACHING)):
            if died := serving.died():
                why = f", and {died}: it has to run in the foreground until it is stopped."
            else:
                why = f": is it served, by a process that inherits {CONTROL}?"
            raise TargetError(
                f"{self.target.name} listens, but no request reaches {APPLICATION} with its "
                f"headers{why} Its last words:\n{serving.words()}"
            )
        self.reached.add(variant)

    def blame(self) -> None:
        """Tell of each death among several cases of which none has brought it about alone."""
        verdicts = {result.case.id: result.verdict for result in self.results}
        crashed = {name for name, verdict in verdicts.items() if verdict is Verdict.CRASH}
        blamed = {
            max(suspects, key=self.order.__getitem__): ", ".join(sorted(suspects))
            for suspects in self.deaths
            if not suspects & crashed
        }
        self.results = [
            _crash(result, f"it has died while these were played: {blamed[result.case.id]}")
            if result.case.id in blamed
            else result
            for result in self.results
        ]

    async def play_together(
        self, variant: str, cases: Iterable[Case], alone: list[Case]
    ) -> list[Case]:
        """Play cases side by side on one server.

        A failure says nothing here, as another case may have brought it about; nor does anything
        that was seen while the server died, or grew deaf. Such cases are played once more, alone.

        Returns:
            The cases that are left over because the server serves no more.
        """
        waiting = list(cases)[::-1]
        before = len(waiting)
        together = _Together()

        async def work(serving: Serving) -> None:
            while waiting and together.served and not serving.died():
                together.add(await self.play_case(waiting.pop(), serving))
                async with together.looking:
                    until = monotonic() - _DYING
                    if together.is_to_be_looked_at(until):
                        together.served = await self.serves(serving, _REACHING)
                        if together.served and not serving.died():
                            self.settle(together.outlived(until), alone)

        async with self.started(variant) as serving:
            if serving is None:
                return self.give_up(variant, cases)
            await _side_by_side(self.jobs, lambda: work(serving))
            died = await self.dies(serving, late=True)
        if together.served and not died:
            self.settle(together.outlived(math.inf), alone)
            return waiting[::-1]
        suspects = list(together.outlived(math.inf))
        alone += [result.case for result in suspects]
        if not died:
            late = f"the server did not answer for {_REACHING:.0f} seconds"
            self.doubted |= {
                result.case.id: attrs.evolve(result, verdict=Verdict.TIMEOUT, reason=late)
                for result in suspects
            }
        elif suspects:
            self.deaths.append(frozenset(result.case.id for result in suspects))
        if len(waiting) == before:  # it has died before anything was played
            alone.append(waiting.pop())
        return waiting[::-1]

    def settle(self, results: Iterable[Result], alone: list[Case]) -> None:
        """Tell results, but for what has to be seen again, alone."""
        for result in results:
            if result.is_in_doubt:
                alone.append(result.case)
                self.doubted[result.case.id] = result
            else:
                self.tell(result)

    async def play_alone(self, cases: Iterable[Case]) -> None:
        """Play cases on a server each."""
        waiting = list(cases)[::-1]
        suspects = frozenset().union(*self.deaths)

        async def work() -> None:
            while waiting:
                case = waiting.pop()
                async with self.started(case.variant) as serving:
                    if serving is None:
                        self.give_up(case.variant, [case])
                        continue
                    result = await self.play_case(case, serving)
                    died = await self.dies(serving, late=case.id in suspects)
                    output = serving.words()
                if died:
                    result = attrs.evolve(_crash(result, died), output=output)
                elif result.verdict.is_failure:
                    result = attrs.evolve(result, output=output)
                elif not result.is_in_doubt and case.id in self.doubted:
                    doubted = self.doubted[case.id]
                    result = attrs.evolve(result, among=f"{doubted.verdict}: {doubted.reason}")
                self.tell(result)

        await _side_by_side(self.servers, work)

    async def dies(self, serving: Serving, *, late: bool = False) -> str:
        """How a server has died, or is just dying; "" if it lives.

        Args:
            serving: The server.
            late: Whether one is waited for that still serves, and dies a moment later.
        """
        if serving.stopped:
            return ""
        served = await self.serves(serving)
        if served and not (late and serving.apart):
            return ""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_until_it_died(serving), _LATE if served else _DYING)
        # one that lives may be busy
        if serving.died() or await self.serves(serving, _REACHING):
            return serving.died()
        return "it does not serve its application any more"

    async def serves(self, serving: Serving, within: float = _DYING) -> bool:
        """Whether a request reaches the application, in so many seconds."""
        name = str(next(self.runs))
        with self.control.expecting(name) as remote:
            try:
                client = await Client.connect(serving.host, serving.port, serving.tls)
            except OSError:
                return False
            client.write(request((RUN, name.encode())))
            arrived = await remote.is_there(within)
            client.leave()
        return arrived

    async def play_case(self, case: Case, serving: Serving) -> Result:
        record = Record(case)
        name = str(next(self.runs))
        run = Run(record, serving, self.control, name)
        try:
            async with asyncio.timeout(_LIMIT):
                return await run.play()
        except TimeoutError:
            return record.conclude(Verdict.TIMEOUT, f"it takes more than {_LIMIT:.0f} seconds")
        finally:
            run.leave()


def _as_started(variant: str) -> str:
    """The variant by whose arguments a server is started: some have no own."""
    return "" if variant in AS_USUAL else variant


async def _until_it_died(serving: Serving) -> None:
    while not serving.died():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.02)


async def _side_by_side(count: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(work())
    except ExceptionGroup as errors:
        # of the same server and the same files the others say the same
        told = (error for error in errors.exceptions if isinstance(error, (CaseError, TargetError)))
        raise next(told, errors) from None
