"""The runner for servers: it plays cases on a server, and decides which failures count."""

import asyncio
import contextlib
import itertools
import math
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from time import monotonic
from typing import Any, Final

import attrs

from wsfsm.conformance._judge import Record
from wsfsm.conformance.cases import Case, load_folder
from wsfsm.conformance.server._client import RawClient, request
from wsfsm.conformance.server._control import Control
from wsfsm.conformance.server._interrupts import interruptible
from wsfsm.conformance.server._shared import SharedServer
from wsfsm.conformance.server._steps import Run
from wsfsm.conformance.server.app import CONTROL, RUN
from wsfsm.conformance.server.targets import (
    APPLICATION,
    AS_USUAL,
    RunningServer,
    ServerTarget,
    TargetError,
)
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["check_server", "play_cases"]

JOBS: Final = 8  # cases that are played side by side
SERVERS: Final = 6  # servers that run side by side, with a case each
_DYING: Final = 2.0  # seconds that a dying server may take to exit
_LATE: Final = 1.5  # seconds that a server which still responds is watched for its exit
_REACHING: Final = 10.0  # seconds in which a request reaches the application of a busy server
_LIMIT: Final = 60.0  # seconds for a case in total

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
        cases: The cases; by default all cases for servers.
        on_result: Called with each result, as soon as it counts.
        jobs: The number of cases that are played side by side on one server.
        servers: The number of servers that run side by side, for cases that need one each.

    Raises:
        CaseError: A case is wrong.
        TargetError: The server cannot be started, or no request reaches its application.
        KeyboardInterrupt: The check was interrupted by a signal.
    """
    interrupts: list[int] = []

    async def playing() -> Report:
        with interruptible(interrupts):
            return await play_cases(target, cases, on_result=on_result, jobs=jobs, servers=servers)

    try:
        return asyncio.run(playing())
    finally:
        if interrupts:  # even if there is a report, or another error
            raise KeyboardInterrupt from None


async def play_cases(
    target: ServerTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: OnResult | None = None,
    jobs: int = JOBS,
    servers: int = SERVERS,
) -> Report:
    """Play cases on a server, as `check_server` does, in a running event loop."""
    chosen = load_folder("server") if cases is None else tuple(cases)
    async with Control.running() as control:
        check = _ServerCheck(target, control, on_result or _ignore, jobs, servers)
        await check.play(chosen)
    results = sorted(check.results, key=lambda result: check.order[result.case.id])
    return Report(
        target=target.name, kind="server", versions=target.versions, results=tuple(results)
    )


def _ignore(_result: Result) -> None:
    """Ignore a result."""


def _crash(result: Result, how: str) -> Result:
    return attrs.evolve(
        result,
        verdict=Verdict.CRASH,
        reason=how,
        expected="the server keeps running",
        observed=re.split("[:;]", how)[0],
    )


@attrs.define
class _ServerCheck:
    """The check of a server.

    Attributes:
        target: The server.
        control: The control channel of the application.
        on_result: Called with each result that counts.
        jobs: The number of cases that are played side by side on one server.
        servers: The number of servers that run side by side.
        results: The results that count, as they are decided.
        order: The position of each case, by id.
        suspected: Failures among other cases, by id.
        broken: The error with which a variant can no longer be started.
        runs: Names of the runs.
        deaths: For each server that died, the ids of the cases that may have caused it.
        reached: Variants whose application was reached.
    """

    target: ServerTarget
    control: Control
    on_result: OnResult
    jobs: int
    servers: int
    results: list[Result] = attrs.field(factory=list)
    order: dict[str, int] = attrs.field(factory=dict)
    suspected: dict[str, Result] = attrs.field(factory=dict)
    broken: dict[str, str] = attrs.field(factory=dict)
    runs: "itertools.count[int]" = attrs.field(factory=itertools.count)
    deaths: list[frozenset[str]] = attrs.field(factory=list)
    reached: set[str] = attrs.field(factory=set)

    def report(self, result: Result) -> None:
        """Add a result that counts."""
        self.results.append(result)
        self.on_result(result)

    async def play(self, cases: Iterable[Case]) -> None:
        """Play all cases."""
        together: dict[str, list[Case]] = {}
        alone: list[Case] = []
        for number, case in enumerate(cases):
            self.order[case.id] = number
            if not self.target.has(case.variant):
                reason = f"the server does not have the variant {case.variant}"
                self.report(Record(case).conclude(Verdict.UNSUPPORTED, reason))
            elif case.exclusive:
                alone.append(case)
            else:
                together.setdefault(case.variant, []).append(case)
        # variants first, so that wrong arguments are noticed before the long part
        for variant, left in sorted(together.items(), key=lambda item: not item[0]):
            while left:
                left = await self.play_together(variant, left, alone)  # noqa: PLW2901 - the rest
        await self.play_alone(alone)
        self.attribute_deaths()

    @contextlib.asynccontextmanager
    async def started(self, variant: str) -> AsyncIterator[RunningServer | None]:
        """Start the server, and yield None if it can no longer be started.

        Raises:
            TargetError: It could not be started in this way before either, or no request reaches
                its application.
        """
        variant = _as_started(variant)
        async with contextlib.AsyncExitStack() as stack:
            server = None
            for last in (False, True):
                if variant in self.broken:
                    break
                try:
                    running = self.target.running(self.control.address, variant)
                    server = await stack.enter_async_context(running)
                    break
                except TargetError as error:
                    if variant not in self.reached:
                        raise
                    if last:  # the first failure may be gone, for example a port in use
                        self.broken[variant] = str(error)
            if server is not None:
                await self.reach(server, variant)
            yield server

    def give_up(self, variant: str, cases: Iterable[Case]) -> list[Case]:
        """Report a crash for each case, because the server can no longer be started."""
        variant = _as_started(variant)
        for case in cases:
            reason = f"the server ran before, and can no longer be started: {self.broken[variant]}"
            self.report(_crash(Record(case).conclude(Verdict.CRASH), reason))
        return []

    async def reach(self, server: RunningServer, variant: str) -> None:
        """Check once that requests reach the application, or every case would fail.

        Raises:
            TargetError: No request reaches it.
        """
        if not (variant in self.reached or await self.responds(server, _REACHING)):
            if died := server.exit_reason():
                why = f"; {died}. Run it in the foreground until it is stopped."
            else:
                why = f". Serve the application from a process that inherits {CONTROL}."
            raise TargetError(
                f"{self.target.name} listens, but no request reaches {APPLICATION} with its "
                f"headers{why} Output of the server:\n{server.output_tail()}"
            )
        self.reached.add(variant)

    def attribute_deaths(self) -> None:
        """Attribute each death that no case reproduced alone to the last of its cases."""
        verdicts = {result.case.id: result.verdict for result in self.results}
        crashed = {name for name, verdict in verdicts.items() if verdict is Verdict.CRASH}
        blamed = {
            max(suspects, key=self.order.__getitem__): ", ".join(sorted(suspects))
            for suspects in self.deaths
            if not suspects & crashed
        }
        self.results = [
            _crash(result, f"the server died while these were played: {blamed[result.case.id]}")
            if result.case.id in blamed
            else result
            for result in self.results
        ]

    async def play_together(
        self, variant: str, cases: Iterable[Case], alone: list[Case]
    ) -> list[Case]:
        """Play cases side by side on one server.

        A failure does not count here, because another case may have caused it; nor does any result
        from shortly before the server died or stopped responding. Such cases are played again, alone.

        Returns:
            The cases that are left over because the server no longer responds.
        """
        waiting = list(cases)[::-1]
        before = len(waiting)
        shared = SharedServer()

        async def work(server: RunningServer) -> None:
            while waiting and shared.responds and not server.exit_reason():
                shared.add(await self.play_case(waiting.pop(), server))
                async with shared.probing:
                    until = monotonic() - _DYING
                    if shared.is_due(until):
                        shared.responds = await self.responds(server, _REACHING)
                        if shared.responds and not server.exit_reason():
                            self.count(shared.outlived(until), alone)

        async with self.started(variant) as server:
            if server is None:
                return self.give_up(variant, cases)
            await _side_by_side(self.jobs, lambda: work(server))
            died = await self.death_of(server, late=True)
        if shared.responds and not died:
            self.count(shared.outlived(math.inf), alone)
            return waiting[::-1]
        suspects = list(shared.outlived(math.inf))
        alone += [result.case for result in suspects]
        if not died:
            late = f"the server did not answer for {_REACHING:.0f} seconds"
            self.suspected |= {
                result.case.id: attrs.evolve(result, verdict=Verdict.TIMEOUT, reason=late)
                for result in suspects
            }
        elif suspects:
            self.deaths.append(frozenset(result.case.id for result in suspects))
        if len(waiting) == before:  # the server died before any case was played
            alone.append(waiting.pop())
        return waiting[::-1]

    def count(self, results: Iterable[Result], alone: list[Case]) -> None:
        """Report results, except those of cases that have to be played again, alone."""
        for result in results:
            if result.is_in_doubt:
                alone.append(result.case)
                self.suspected[result.case.id] = result
            else:
                self.report(result)

    async def play_alone(self, cases: Iterable[Case]) -> None:
        """Play cases on a server each."""
        waiting = list(cases)[::-1]
        suspects = frozenset().union(*self.deaths)

        async def work() -> None:
            while waiting:
                case = waiting.pop()
                async with self.started(case.variant) as server:
                    if server is None:
                        self.give_up(case.variant, [case])
                        continue
                    result = await self.play_case(case, server)
                    died = await self.death_of(server, late=case.id in suspects)
                    output = server.output_tail()
                if died:
                    result = attrs.evolve(_crash(result, died), output=output)
                elif result.verdict.is_failure:
                    result = attrs.evolve(result, output=output)
                elif not result.is_in_doubt and case.id in self.suspected:
                    before = self.suspected[case.id]
                    result = attrs.evolve(
                        result, concurrent_failure=f"{before.verdict}: {before.reason}"
                    )
                self.report(result)

        await _side_by_side(self.servers, work)

    async def death_of(self, server: RunningServer, *, late: bool = False) -> str:
        """How a server has died, or is just dying; "" if it lives.

        Args:
            server: The server.
            late: Whether to watch a server that still responds, because it may exit a moment later.
        """
        if server.stopped:
            return ""
        responds = await self.responds(server)
        if responds and not (late and server.is_subprocess):
            return ""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_until_exit(server), _LATE if responds else _DYING)
        # a server that lives may be busy
        if server.exit_reason() or await self.responds(server, _REACHING):
            return server.exit_reason()
        return "requests no longer reach the application"

    async def responds(self, server: RunningServer, within: float = _DYING) -> bool:
        """Whether a request reaches the application, in so many seconds."""
        name = str(next(self.runs))
        with self.control.expecting(name) as app:
            try:
                client = await RawClient.connect(server.host, server.port, server.tls)
            except OSError:
                return False
            client.write(request((RUN, name.encode())))
            arrived = await app.is_running(within)
            client.abort()
        return arrived

    async def play_case(self, case: Case, server: RunningServer) -> Result:
        """Play a case once."""
        record = Record(case)
        name = str(next(self.runs))
        run = Run(record, server, self.control, name)
        try:
            async with asyncio.timeout(_LIMIT):
                return await run.play()
        except TimeoutError:
            reason = f"the case takes more than {_LIMIT:.0f} seconds"
            return record.conclude(Verdict.TIMEOUT, reason)
        finally:
            run.leave()


def _as_started(variant: str) -> str:
    """The variant whose arguments a server is started with, because some variants have none."""
    return "" if variant in AS_USUAL else variant


async def _until_exit(server: RunningServer) -> None:
    while not server.exit_reason():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.02)


async def _side_by_side(count: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(work())
    except ExceptionGroup as errors:
        # the first one is enough, because the server and the files are the same for all
        known = (CaseError, TargetError)
        found = (error for error in errors.exceptions if isinstance(error, known))
        raise next(found, errors) from None
