"""The runner for facades: it plays cases in process and in virtual time, one after the other."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from wsfsm.conformance._judge import Observation, Record
from wsfsm.conformance.cases import Case, Step, load_folder
from wsfsm.conformance.facade import _clock
from wsfsm.conformance.facade._calls import (
    bind_call,
    bind_values,
    observe_exception,
    observe_task,
    signature_of,
)
from wsfsm.conformance.facade._fake_server import FakeServer, scope_of
from wsfsm.conformance.facade.adapters import (
    OPERATIONS,
    EndHandler,
    FacadeError,
    FacadeTarget,
    ScriptedHandler,
    maybe_await,
)
from wsfsm.conformance.values import CaseError, describe_value, message, value
from wsfsm.conformance.verdicts import Report, Result, Verdict
from wsfsm.types import ASGIApp

__all__ = ["check_facade"]

_USUAL: Final = 5.0  # virtual seconds to wait for an operation
_OPTIONS: Final = {"as", "of", "timeout"}


def check_facade(
    target: FacadeTarget,
    cases: Iterable[Case] | None = None,
    *,
    on_result: Callable[[Result], object] | None = None,
) -> Report:
    """Play cases on a facade.

    Args:
        target: The facade.
        cases: The cases; by default all cases for facades.
        on_result: Called with each result.

    Raises:
        CaseError: A case is wrong.
        FacadeError: The framework cannot make an application.
    """
    results = []
    with _quiet():
        for case in load_folder("facade") if cases is None else cases:
            result = _check(target, case)
            results.append(result)
            if on_result is not None:
                on_result(result)
    return Report(
        target=target.name, kind="facade", versions=target.versions, results=tuple(results)
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Disable logging, because frameworks log the errors that cases cause."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _check(target: FacadeTarget, case: Case) -> Result:
    play = _Play(target, case)
    try:
        return _clock.run(play.run())
    except SystemExit as error:
        return play.record.conclude(
            Verdict.CRASH, f"SystemExit({error.code!r}) would end the server"
        )
    except (asyncio.CancelledError, _clock.Stopped, _clock.Standstill) as error:
        reason = f"{type(error).__name__}({error}) would end the server's event loop"
        return play.record.conclude(Verdict.CRASH, reason)


class _UnsupportedError(Exception):
    pass


class _Play:
    """A case as it is played.

    Attributes:
        record: The trace and the result.
    """

    def __init__(self, target: FacadeTarget, case: Case) -> None:
        self.target = target
        self.case = case
        self._server = FakeServer()
        self.record = Record(case, states=self._server.states)
        self._application: asyncio.Task[None] | None = None
        self._operations: dict[str, asyncio.Task[Any]] = {}

    async def run(self) -> Result:
        """Play the case to its end, or to the first failure."""
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the trace has it
        self._handler = ScriptedHandler()
        try:
            for step in self.case.steps:
                if not self.record.judge(step, await self._play_step(step)):
                    break
        except _UnsupportedError as error:
            return self.record.conclude(Verdict.UNSUPPORTED, str(error))
        finally:
            await self._clean_up()
        self.record.check_never(self._server.all_sent, "a forbidden message was sent")
        return self.record.finish(_shows)

    # Taking steps

    async def _play_step(self, step: Step) -> Observation:
        match step.side:
            case "call":
                return await self._call(step)
            case "server":
                return await self._serve(step)
            case "look":
                return await self._look(step)
        await asyncio.sleep(step.arguments["seconds"])
        return {}

    async def _serve(self, step: Step) -> Observation:
        server, observation = self._server, dict[str, Any]()
        match step.action:
            case "opens":
                self._open(dict(step.arguments))
            case "gives":
                server.give(message(step.arguments.get("message", "nothing")))
            case "got":
                observation = (
                    {"message": server.sent.popleft()} if server.sent else {"nothing": True}
                )
            case "got all":
                observation = {"messages": list(server.sent)}
                server.sent.clear()
            case "fails":
                server.failing = True
            case "holds":
                server.hold()
            case "releases":
                server.release()
            case _:
                raise CaseError(f"{self.case.id}: server has no step {step.action!r}")
        await _clock.settle()
        return observation

    def _open(self, arguments: dict[str, Any]) -> None:
        changed = {key: value(item) for key, item in arguments.pop("scope", {}).items()}
        scope = scope_of(scope=changed, **arguments)
        try:
            app = self.target.application(self._handler)
        except Exception as error:
            text = f"{self.target.name} cannot make an application"
            raise FacadeError(f"{text}: {type(error).__name__}({error})") from error
        self._application = asyncio.get_running_loop().create_task(
            self._run_application(app, scope)
        )

    async def _run_application(self, app: ASGIApp, scope: Mapping[str, Any]) -> None:
        await app(dict(scope), self._server.receive, self._server.send)

    async def _look(self, step: Step) -> Observation:
        match step.action:
            case "state":
                try:
                    return dict(await self._operation("states")())
                except _UnsupportedError:
                    raise
                except Exception as error:  # noqa: BLE001 - the attributes may be anything
                    return observe_exception(error)
            case "application":
                return await self._outcome(self._opened(), step.within or _USUAL)
        raise CaseError(f"{self.case.id}: look has no step {step.action!r}")

    async def _call(self, step: Step) -> Observation:
        arguments = dict(step.arguments)
        options = {key: arguments.pop(key) for key in _OPTIONS & arguments.keys()}
        within, name = step.within or _USUAL, options.get("as", "")
        match step.action:
            case "cancel":
                task = self._started(options.get("of", ""))
                task.cancel()
            case "result":
                task = self._started(options.get("of", ""))
            case action if action in OPERATIONS:
                self._require_handler(action)
                given = bind_values(action, arguments)
                task = self._handler.start(self._do(action, given, options.get("timeout")))
                self._operations[name] = self._operations[""] = task
            case action:
                raise CaseError(f"{self.case.id}: call has no step {action!r}")
        if name:
            await _clock.settle()
            within = 0
        return await self._outcome(task, within)

    def _started(self, name: str) -> asyncio.Task[Any]:
        if name not in self._operations:
            raise CaseError(
                f"{self.case.id}: no operation was started" + f" as {name!r}" * bool(name)
            )
        return self._operations[name]

    async def _do(self, name: str, given: Mapping[str, Any], timeout: float | None) -> Any:  # noqa: ASYNC109 - the case has it
        await self._handler.entered()
        operation = self._operation(name)
        call = bind_call(name, operation, given)
        if call is None:
            has = f"{self.target.name} has {signature_of(name, operation)}"
            raise _UnsupportedError(f"{has}, which does not take {describe_value(given)}")
        work = maybe_await(call())
        return await (work if timeout is None else asyncio.wait_for(work, timeout))

    def _operation(self, name: str) -> Callable[..., Any]:
        adapter = self._handler.adapter
        found = None if adapter is None else adapter.operation(name)
        if found is None:
            needs = {} if adapter is None else adapter.needs
            raise _UnsupportedError(f"{self.target.name} has no {needs.get(name, f'{name}()')}")
        return found

    def _require_handler(self, action: str) -> None:
        """Refuse operations of a handler that the framework has ended, unless they only receive."""
        receives = action.startswith("receive")
        if self._opened().done() and self._handler.adapter is not None and not receives:
            raise _UnsupportedError(
                f"the handler in {self.target.name} has ended before {action}()"
            )

    def _opened(self) -> asyncio.Task[None]:
        if self._application is None:
            raise CaseError(f"{self.case.id}: no step opens a connection")
        return self._application

    async def _outcome(self, task: asyncio.Task[Any], within: float) -> Observation:
        """Observe a task, or the application if it ends first."""
        application = self._opened()
        await asyncio.wait({task, application}, timeout=within, return_when="FIRST_COMPLETED")
        await _clock.settle()
        if not task.done():
            if application.done() and within:
                observed = observe_task(application)  # its return is not an answer
                return {
                    **{k: observed[k] for k in observed if k != "returns"},
                    "application": "ended",
                }
            return {"waits": True}
        error = None if task.cancelled() else task.exception()
        if isinstance(error, _UnsupportedError):
            raise error
        ended = None if task.cancelled() or error is not None else task.result()
        if isinstance(ended, EndHandler):
            self._handler.end(ended)
            return await self._outcome(application, within)
        return observe_task(task)

    async def _clean_up(self) -> None:
        self._server.release()
        self._handler.cancel()
        if self._application is not None:
            self._application.cancel()
        await _clock.settle()


def _shows(step: Step) -> bool:
    """Whether a step observes the subject of a case, and not only its beginning."""
    return not step.need and (step.side in {"call", "look"} or step.action.startswith("got"))
