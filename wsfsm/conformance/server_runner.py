"""The runner for servers: it plays cases on a server, and tells what came of each."""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from time import monotonic
from typing import Any, Final

import attrs

from wsfsm.conformance import player
from wsfsm.conformance.cases import Case, Step, load_folder
from wsfsm.conformance.control import Control, Remote
from wsfsm.conformance.observing import Record, expects
from wsfsm.conformance.patterns import described, mismatch
from wsfsm.conformance.servers import ServerTarget, Serving
from wsfsm.conformance.values import CaseError, message, value
from wsfsm.conformance.verdicts import Report, Result, Verdict
from wsfsm.conformance.wire import Client, frames, request

__all__ = ["check_server", "play_cases"]

PATIENCE: Final = 3.0  # seconds for what is expected to come
QUIET: Final = 0.4  # seconds after which nothing is expected to come any more
JOBS: Final = 8  # cases that are played side by side
_SERVERS: Final = 3  # servers that run side by side, with a case each
_DYING: Final = 2.0  # seconds that a server that dies may take for it
_LIMIT: Final = 60.0  # seconds for a case, whatever its steps say

OnResult = Callable[[Result], None]


def check_server(
    target: ServerTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: OnResult | None = None,
    jobs: int = JOBS,
) -> Report:
    """Play cases on a server.

    Args:
        target: The server.
        cases: The cases; by default all that are about servers.
        on_result: Is called with each result as it comes.
        jobs: How many cases are played side by side.

    Raises:
        TargetError: The server cannot be started.
    """
    return asyncio.run(play_cases(target, cases, on_result=on_result, jobs=jobs))


async def play_cases(
    target: ServerTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: OnResult | None = None,
    jobs: int = JOBS,
) -> Report:
    """As `check_server`, inside a running event loop."""
    chosen = load_folder("server") if cases is None else tuple(cases)
    async with Control.running() as control:
        session = _Session(target, control, on_result or _ignore, jobs)
        await session.play(chosen)
    order = {case.id: index for index, case in enumerate(chosen)}
    results = sorted(session.results, key=lambda result: order[result.case.id])
    return Report(
        target=target.name, kind="server", versions=target.versions, results=tuple(results)
    )


def _ignore(_result: Result) -> None:
    """Nobody wants to know."""


@attrs.define
class _Session:
    target: ServerTarget
    control: Control
    on_result: OnResult
    jobs: int
    results: list[Result] = attrs.field(factory=list)
    runs: "itertools.count[int]" = attrs.field(factory=itertools.count)

    def tell(self, result: Result) -> None:
        self.results.append(result)
        self.on_result(result)

    async def play(self, cases: Iterable[Case]) -> None:
        together: dict[str, list[Case]] = {}
        alone: list[Case] = []
        for case in cases:
            if not self.target.has(case.variant):
                reason = f"the target cannot be started for it ({case.variant})"
                self.tell(Record(case).conclude(Verdict.UNSUPPORTED, reason))
            elif case.alone:
                alone.append(case)
            else:
                together.setdefault(case.variant, []).append(case)
        for variant, left in together.items():
            while left:
                left = await self.play_together(variant, left, alone)  # noqa: PLW2901 - the rest
        await self.play_alone(alone)

    async def play_together(
        self, variant: str, cases: Iterable[Case], alone: list[Case]
    ) -> list[Case]:
        """Play cases side by side on one server.

        A failure says nothing here, as another case may have brought it about; nor does anything
        that was seen while the server died. Such cases are played once more, alone.

        Returns:
            The cases that are left over because the server has died.
        """
        waiting = list(cases)[::-1]
        fresh: deque[tuple[float, Result]] = deque()

        def settle(before: float) -> None:
            while fresh and fresh[0][0] < before:
                result = fresh.popleft()[1]
                if result.verdict.is_failure:
                    alone.append(result.case)
                else:
                    self.tell(result)

        async def work(serving: Serving) -> None:
            while waiting and not serving.died():
                result = await self.play_case(waiting.pop(), serving)
                fresh.append((monotonic(), result))
                if not serving.died():
                    settle(monotonic() - _DYING)

        async with self.target.running(self.control.address, variant) as serving:
            await _side_by_side(self.jobs, lambda: work(serving))
            died = await self.dies(serving)
        if died:
            alone += [result.case for _, result in fresh]
        else:
            settle(monotonic() + 1)
        return waiting[::-1]

    async def play_alone(self, cases: Iterable[Case]) -> None:
        """Play cases on a server each."""
        waiting = list(cases)[::-1]

        async def work() -> None:
            while waiting:
                case = waiting.pop()
                async with self.target.running(self.control.address, case.variant) as serving:
                    result = await self.play_case(case, serving)
                    if died := await self.dies(serving):
                        result = attrs.evolve(result, verdict=Verdict.CRASH, reason=died)
                self.tell(result)

        await _side_by_side(_SERVERS, work)

    async def dies(self, serving: Serving) -> str:
        """How a server has died, or is just dying; "" if it lives."""
        if serving.stopped or await self.serves(serving):
            return ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DYING):
                while not serving.died():  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.02)
        return serving.died() or "it does not serve its application any more"

    async def serves(self, serving: Serving) -> bool:
        """Whether a request reaches the application."""
        name = str(next(self.runs))
        with self.control.expecting(name) as remote:
            try:
                client = await Client.connect(serving.host, serving.port)
            except OSError:
                return False
            client.write(request((player.RUN, name.encode())))
            arrived = await remote.is_there(_DYING)
            client.leave()
        return arrived

    async def play_case(self, case: Case, serving: Serving) -> Result:
        record = Record(case)
        name = str(next(self.runs))
        with self.control.expecting(name) as remote:
            run = _Run(record, serving, remote, name)
            try:
                async with asyncio.timeout(_LIMIT):
                    return await run.play()
            except TimeoutError:
                return record.conclude(Verdict.TIMEOUT, f"it takes more than {_LIMIT:.0f} seconds")
            finally:
                run.leave()


async def _side_by_side(count: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(work())


class _Run:
    """One run of a case."""

    def __init__(self, record: Record, serving: Serving, remote: Remote, name: str) -> None:
        self.record = record
        self.serving = serving
        self.remote = remote
        self.name = name
        self.client: Client | None = None
        self.messages: list[Mapping[str, Any]] = []

    async def play(self) -> Result:
        for step in self.record.case.steps:
            seen = await self.take(step)
            if not self.is_for_it(seen) or not self.record.saw(step, seen):
                break
        self.look_for_what_must_never_be()
        return self.record.finish()

    def leave(self) -> None:
        if self.client is not None:
            self.client.leave()

    async def take(self, step: Step) -> Mapping[str, Any]:
        operation = _OPERATIONS.get((step.side, step.action))
        if operation is None:
            raise CaseError(f"{self.record.case.id}: no step is called {step.side} {step.action}")
        if step.within is not None:
            within = step.within
        else:
            within = QUIET if expects(step, "waits") else PATIENCE
        return await operation(self, step, within)

    def is_for_it(self, _seen: Mapping[str, Any]) -> bool:
        """Whether the case has a meaning for this server; told once its scope is known."""
        case, scope = self.record.case, self.remote.scope
        if not scope or self.record.result is not None:
            return self.record.result is None
        has = _version(scope.get("asgi", {}).get("spec_version", "2.0"))
        if case.spec_version and has < _version(case.spec_version):
            self.unsupported(f"it is about spec_version {case.spec_version} and later")
        elif case.before and has >= _version(case.before):
            self.unsupported(f"it is about servers before spec_version {case.before}")
        elif case.extension and case.extension not in (scope.get("extensions") or {}):
            self.unsupported(f"the server does not offer the extension {case.extension}")
        return self.record.result is None

    def unsupported(self, reason: str) -> None:
        self.record.conclude(Verdict.UNSUPPORTED, reason)

    def look_for_what_must_never_be(self) -> None:
        if self.record.result is not None:
            return
        never = self.record.case.never
        wire = bytes(self.client.seen).lower() if self.client else b""
        for text in never.wire:
            if text.encode("latin-1").lower() in wire:
                self.record.conclude(
                    Verdict.FAIL,
                    "what must never be written was written",
                    expected=f"no {text!r} on the wire",
                    observed=f"{text!r} on the wire",
                )
        for pattern in never.messages:
            for seen in self.messages:
                if not mismatch(pattern, seen):
                    self.record.conclude(
                        Verdict.FAIL,
                        "the application has received what it must never receive",
                        expected=f"no message with {described(pattern)}",
                        observed=f"message: {dict(seen)}",
                    )

    # ------------------------------------------------------------ the application's steps

    async def app_receive(self, _step: Step, within: float) -> Mapping[str, Any]:
        seen = await self.remote.do({"do": "receive"}, within)
        if "message" in seen:
            self.messages.append(seen["message"])
            self.record.states.received(seen["message"])
        return seen

    async def app_send(self, step: Step, within: float) -> Mapping[str, Any]:
        sent = message(step.arguments["message"])
        times = step.arguments.get("times", 1)
        seen = await self.remote.do({"do": "send", "message": sent, "times": times}, within)
        if seen.get("returns"):
            self.record.states.sent(sent)
        return seen

    async def app_finish(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self.remote.do({"do": "finish"}, within)

    async def app_scope(self, _step: Step, within: float) -> Mapping[str, Any]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.remote.arrived.wait(), within)
        scope = self.remote.scope
        return {"scope": scope, "headers": _by_name(scope)} if scope else {"gone": True}

    async def app_return(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self.remote.tell("return")

    async def app_raise(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self.remote.tell("raise")

    async def app_raise_again(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self.remote.tell("raise again")

    async def app_ends(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self.remote.ended(within)

    # ------------------------------------------------------------ the client's steps

    async def client_request(self, step: Step, _within: float) -> Mapping[str, Any]:
        given = step.arguments
        headers = [(player.RUN, self.name.encode())]
        headers += [(_bytes(name), _bytes(item)) for name, item in given.get("headers", [])]
        if "offers" in given:
            headers.append((b"sec-websocket-protocol", ", ".join(given["offers"]).encode()))
        data = request(
            *headers,
            without=[name.encode() for name in given.get("without", [])],
            method=given.get("method", "GET").encode(),
            target=given.get("target", "/").encode(),
            version=given.get("version", "1.1").encode(),
        )
        data += _bytes(given.get("body", "")) + frames(given.get("frames", []))
        self.leave()
        try:
            self.client = await Client.connect(self.serving.host, self.serving.port)
        except OSError as error:
            return {"raises": type(error).__name__}
        self.client.write(data)
        return {"done": True}

    def _connected(self) -> Client:
        if self.client is None:
            raise CaseError(f"{self.record.case.id}: the client has asked for nothing yet")
        return self.client

    async def client_send(self, step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().write(frames(step.arguments["frames"]))
        return {"done": True}

    async def client_write(self, step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().write(_bytes(step.arguments["data"]))
        return {"done": True}

    async def client_fin(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().half_close()
        return {"done": True}

    async def client_reset(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().reset()
        return {"done": True}

    async def client_pause(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().pause()
        return {"done": True}

    async def client_response(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().response(within)

    async def client_frame(self, step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().frame(within, pings=step.arguments.get("pings", False))

    async def client_end(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().end(within)

    async def client_nothing(self, step: Step, _within: float) -> Mapping[str, Any]:
        return await self._connected().nothing(step.within or QUIET)

    # ------------------------------------------------------------ the others

    async def server_stop(self, _step: Step, _within: float) -> Mapping[str, Any]:
        await self.serving.stop()
        return {"done": True}

    async def server_exit(self, _step: Step, within: float) -> Mapping[str, Any]:
        status = await self.serving.exit_status(within)
        return {"waits": True} if status is None else {"exit": status}

    async def wait(self, step: Step, _within: float) -> Mapping[str, Any]:
        await asyncio.sleep(step.arguments["seconds"])
        return {"done": True}


_OPERATIONS: Final[
    Mapping[tuple[str, str], Callable[[_Run, Step, float], Awaitable[Mapping[str, Any]]]]
] = {
    ("app", "receive"): _Run.app_receive,
    ("app", "send"): _Run.app_send,
    ("app", "finish"): _Run.app_finish,
    ("app", "scope"): _Run.app_scope,
    ("app", "return"): _Run.app_return,
    ("app", "raise"): _Run.app_raise,
    ("app", "raise again"): _Run.app_raise_again,
    ("app", "ends"): _Run.app_ends,
    ("client", "request"): _Run.client_request,
    ("client", "send"): _Run.client_send,
    ("client", "write"): _Run.client_write,
    ("client", "fin"): _Run.client_fin,
    ("client", "reset"): _Run.client_reset,
    ("client", "pause"): _Run.client_pause,
    ("client", "response"): _Run.client_response,
    ("client", "frame"): _Run.client_frame,
    ("client", "end"): _Run.client_end,
    ("client", "nothing"): _Run.client_nothing,
    ("server", "stop"): _Run.server_stop,
    ("server", "exit"): _Run.server_exit,
    ("wait", "wait"): _Run.wait,
}


def _bytes(raw: Any) -> bytes:
    """Bytes that a case writes as such, or as text."""
    plain: str | bytes = value(raw)
    return plain.encode("latin-1") if isinstance(plain, str) else plain


def _by_name(scope: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each header of a scope, by its name in lower case."""
    found: dict[str, list[str]] = {}
    for name, item in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(item.decode("latin-1"))
    return found


def _version(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text).split(".") if part.isdigit())
