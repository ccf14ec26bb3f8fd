"""The facade cases on our own class and on those of the frameworks."""

import asyncio
import platform
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from helpers.asgi import ROOT
from helpers.facade_cases import ACCEPT, CONNECT, OPENS, play

from wsfsm import WebSocket
from wsfsm.conformance import baseline
from wsfsm.conformance._judge import describe_observation
from wsfsm.conformance._schemas import FOLDER
from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.cases import Case, Level, Never, Step, load, load_folder
from wsfsm.conformance.facade._fake_server import FakeServer, strip_subclasses
from wsfsm.conformance.facade.adapters import FacadeError, class_target
from wsfsm.conformance.facade.frameworks import FACADES, facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict
from wsfsm.tables import event_of
from wsfsm.tables.events import LOST

HTTP_EXCEPTIONS = {case.id for case in load_folder("facade") if ".exception" in case.id} | {
    "denial.how-exceptions-end"
}

CASES = load_folder("facade")
REVIEWED = baseline.read(FOLDER / "reviewed_failures.toml", [*load_folder("server"), *CASES])


def verdicts(report: Report) -> dict[str, Verdict]:
    return {result.case.id: result.verdict for result in report.results}


EVENTS = {
    "accept": "websocket.accept",
    "send_text": "websocket.send",
    "send_bytes": "websocket.send",
    "close": "websocket.close",
    "deny": "websocket.http.response.start",
}


def all_cells() -> Iterator[tuple[str, str, str]]:
    """The cells of the matrices in specs."""
    for machine in ("client", "application"):
        text = (ROOT / "specs" / f"{machine}.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        yield from ((machine, s, event) for s in table["states"] for event in table["events"])


def cells(report: Report) -> set[tuple[str, str, str]]:
    """The cells that the cases of a report meet: the state before a step, and what it asks for."""
    met = set()
    for result in report.results:
        before, failing = "CONNECTING/CONNECTING", False
        for step, entry in zip(result.case.steps, result.trace, strict=False):
            client, application = before.split("/")
            message = step.arguments.get("message", {})
            event = str(event_of(message)) if "type" in message else EVENTS.get(step.action, "")
            failing = failing or step.action == "fails"
            if step.action == "gives":
                met.add(("client", client, event))
            elif step.side == "call":
                met.add(("application", application, str(LOST) if failing else event))
            before = entry.states
    return met


class TestFacadeCases:
    def test_suite_has_more_than_eighty_facade_cases(self) -> None:
        assert len(load_folder("facade")) > 80

    def test_case_has_an_expectation_unless_its_level_is_may(self) -> None:
        for case in load_folder("facade"):
            expects = any(step.expect for step in case.steps)
            assert case.level is Level.MAY or expects or case.never.messages, case.id
            assert case.level is not Level.MAY or not expects, case.id

    def test_case_ids_begin_with_the_name_of_their_file(self) -> None:
        names = tomllib.loads((FOLDER / "facade" / "setups.toml").read_text(encoding="utf-8"))
        for path in (FOLDER / "facade").glob("*.toml"):
            for case in load(path, "facade", names["setup"]):
                assert case.id.partition(".")[0] == path.stem

    def test_every_cell_of_both_machines_has_a_case(self) -> None:
        met = cells(check_facade(facade_target("wsfsm")))

        assert set(all_cells()) <= met


class TestWsfsmFacade:
    def test_wsfsm_facade_passes_every_must_and_should_case(self) -> None:
        report = check_facade(facade_target("wsfsm"))
        lacking = {i for i, v in verdicts(report).items() if v is Verdict.UNSUPPORTED}
        other = {
            result.case.id
            for result in report.results
            if result.case.level is not Level.MAY and result.verdict is not Verdict.PASS
        }

        # it has no exception for an HTTP response
        assert lacking == HTTP_EXCEPTIONS
        assert other == lacking & {case.id for case in CASES if case.level is not Level.MAY}

    def test_results_are_passed_to_the_callback_in_order(self) -> None:
        seen: list[Result] = []
        report = check_facade(facade_target("wsfsm"), on_result=seen.append)

        assert tuple(seen) == report.results
        assert (report.target, report.kind, set(report.versions)) == (
            "wsfsm",
            "facade",
            {"wsfsm", "CPython"},
        )

    def test_trace_has_the_states_after_each_step(self) -> None:
        result = play(OPENS, CONNECT, ACCEPT, {"server": "fails"}, {"call": "close"})

        assert [entry.states for entry in result.trace] == [
            "CONNECTING/CONNECTING",
            "CONNECTING/CONNECTING",
            "CONNECTED/CONNECTED",
            "CONNECTED/CONNECTED",
            "DISCONNECTED/DISCONNECTED",
        ]


class TestFrameworks:
    @pytest.mark.parametrize("name", FACADES)
    def test_framework_fails_only_cases_that_are_reviewed(self, name: str) -> None:
        report = check_facade(facade_target(name))

        assert baseline.compare([report], REVIEWED).new == ()
        assert Verdict.CRASH not in report.counts

    @pytest.mark.parametrize("name", FACADES)
    @pytest.mark.long
    def test_three_runs_have_the_same_results(self, name: str) -> None:
        first, second, third = (check_facade(facade_target(name)).results for _ in range(3))

        assert first == second == third

    def test_class_is_checked_without_its_framework(self) -> None:
        report = check_facade(facade_target("starlette.websockets:WebSocket"))
        behind = check_facade(facade_target("starlette"))

        assert {r.case.id for r in report.failures()} <= {r.case.id for r in behind.failures()}
        assert report.versions["starlette"]


class TestTargets:
    @pytest.mark.parametrize("name", ["nothing", "wsfsm:", ":WebSocket", "wsfsm:Nothing.at_all"])
    def test_facade_that_does_not_exist_is_refused(self, name: str) -> None:
        with pytest.raises(FacadeError):
            facade_target(name)

    @pytest.mark.parametrize(
        ("name", "module"), [("quart", "quart"), ("channels", "django.conf"), ("nowhere:A", "-")]
    )
    def test_missing_framework_is_named_in_the_error(
        self, name: str, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(FacadeError, match=r"is (quart|django|nowhere) installed\?"):
            facade_target(name)

    def test_version_of_an_unknown_package_is_left_out(self) -> None:
        assert installed_versions("no-such-package-anywhere", "") == installed_versions()
        assert installed_versions()["CPython"] == platform.python_version()

    def test_operations_that_a_class_lacks_are_unsupported(self) -> None:
        class Bare:
            def __init__(self, scope: Any, receive: Any, send: Any) -> None:
                self.close = 5

        target = class_target("bare", Bare, {})

        operations = [case for case in load_folder("facade") if case.id.startswith("receive.")]
        report = check_facade(target, operations)
        assert set(verdicts(report).values()) == {Verdict.UNSUPPORTED}


class TestVerdicts:
    def test_system_exit_of_the_application_is_a_crash(self) -> None:
        class Exiting(WebSocket[Any]):
            async def send_text(self, data: str) -> None:
                sys.exit(3)

        target = class_target("exiting", Exiting, {})
        result = play(OPENS, CONNECT, ACCEPT, {"call": "send_text", "data": "a"}, target=target)

        assert (result.verdict, len(result.trace)) == (Verdict.CRASH, 3)

    def test_operation_without_an_end_is_a_timeout(self) -> None:
        receive = {"call": "receive_text", "within": 1, "expect": {"returns": "a"}}
        result = play(OPENS, CONNECT, ACCEPT, receive)

        assert result.verdict is Verdict.TIMEOUT
        assert (result.expected, result.observed) == ("returns: 'a'", "waits")

    def test_first_non_strict_observation_is_reported(self) -> None:
        lenient = {"server": "got", "expect": {"messages": 1}, "non_strict": {"nothing": True}}
        result = play(OPENS, lenient, lenient)

        assert result.verdict is Verdict.NON_STRICT
        assert result.observed == "nothing was sent"

    def test_forbidden_message_does_not_fail_a_may_case(
        self,
    ) -> None:
        case = Case(
            id="made.up",
            kind="facade",
            level=Level.MAY,
            section="none",
            requirement="none",
            steps=tuple(Step.from_table("facade", step) for step in (OPENS, CONNECT, ACCEPT)),
            never=Never(messages=({"type": "websocket.accept"},)),
        )
        (result,) = check_facade(facade_target("wsfsm"), [case]).results

        assert result.verdict is Verdict.INFORMATIONAL

    def test_handler_that_leaves_ends_once(self) -> None:
        leave = {"call": "leave", "as": "leaving"}
        seen = play(OPENS, CONNECT, ACCEPT, leave, {"call": "result"}, level="may")

        assert seen.trace[-1].observation == {"returns": None}

    def test_case_whose_beginning_is_not_reached_is_unsupported(self) -> None:
        result = play(OPENS, {"server": "got", "need": {"message": {"type": "x"}}})

        assert result.verdict is Verdict.UNSUPPORTED
        assert "the beginning of the case was not reached" in result.reason

    def test_case_without_a_connection_is_refused(self) -> None:
        with pytest.raises(CaseError, match="no step opens a connection"):
            play(ACCEPT)

    @pytest.mark.parametrize(
        "step", [{"call": "dance"}, {"server": "dances"}, {"look": "away"}], ids=str
    )
    def test_unknown_step_is_refused(self, step: Mapping[str, str]) -> None:
        with pytest.raises(CaseError, match=r"away|dance"):
            play(OPENS, step)

    def test_states_of_a_handler_that_was_never_called_are_unsupported(self) -> None:
        result = play({"server": "opens"}, {"look": "state"}, target=facade_target("falcon"))

        assert result.verdict is Verdict.UNSUPPORTED

    def test_argument_that_the_operation_does_not_take_is_unsupported(self) -> None:
        result = play(OPENS, CONNECT, {"call": "accept", "colour": "red"})

        assert result.verdict is Verdict.UNSUPPORTED

    def test_pending_operation_is_not_the_result_of_an_application_that_ended(self) -> None:
        waiting = {"call": "receive_text", "as": "waiting"}
        leave = {"call": "leave"}
        result = {"call": "result", "of": "waiting"}
        seen = play(OPENS, CONNECT, ACCEPT, waiting, leave, result, level="may")

        assert seen.trace[-1].observation == {"application": "ended"}


class TestFakeServer:
    def test_fake_server_accepts_messages_that_the_tables_do_not_know(self) -> None:
        async def main() -> FakeServer:
            server = FakeServer()
            await server.send({"text": "a"})
            await server.send({"type": "unknown"})
            return server

        server = asyncio.run(main())
        assert server.all_sent == [{"text": "a"}, {"type": "unknown"}]
        assert str(server.states) == "CONNECTING/CONNECTING"

    def test_strip_subclasses_converts_values_to_plain_types(self) -> None:
        class Code(int):
            pass

        code = strip_subclasses({"a": [(Code(5), True, None)]})["a"][0][0]
        assert type(code) is int


class TestObservations:
    def test_observations_are_described_in_words(self) -> None:
        assert (
            describe_observation({"raises": ["KeyError", "Exception"], "text": "'a'"})
            == "raises KeyError ('a')"
        )
        assert describe_observation({"raises": ["KeyError"], "text": ""}) == "raises KeyError"
        assert describe_observation({"waits": True}) == "waits"


class Unshown:
    def __repr__(self) -> str:
        raise ValueError("no")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no")

    @property
    def code(self) -> int:
        raise ValueError("no")


class FalsyError(Exception):
    def __bool__(self) -> bool:
        return False


def holding_itself() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def odd(accept: Callable[[], Any]) -> Any:
    """The target whose accept() does this."""

    class Odd:
        def __init__(self, *_callables: Any) -> None:
            pass

        async def accept(self) -> Any:
            return accept()

    return class_target("odd", Odd, {})


class TestOddFacades:
    """None of them ends the check."""

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (holding_itself(), "<list without JSON>"),
            (10**5000, "<int without JSON>"),
        ],
        ids=["a list that holds itself", "an int of too many digits"],
    )
    def test_result_that_does_not_fit_in_a_report_is_observed_as_text(
        self, given: Any, told: str
    ) -> None:
        result = play(OPENS, ACCEPT | {"expect": {"returns": told}}, target=odd(lambda: given))

        assert result.verdict is Verdict.PASS, result

    def test_object_with_a_failing_repr_is_observed_by_its_class(self) -> None:
        result = play(OPENS, ACCEPT | {"expect": {"returns": 1}}, target=odd(Unshown))

        assert result.observed == "returns: <Unshown without a repr>"

    @pytest.mark.parametrize("error", [UnprintableError(), FalsyError()], ids=repr)
    def test_exception_with_a_failing_str_or_bool_is_observed_by_its_class(
        self, error: Exception
    ) -> None:
        def accept() -> None:
            raise error

        expected = {"raises": {"has": [type(error).__name__]}, "text": ""}
        result = play(OPENS, ACCEPT | {"expect": expected}, target=odd(accept))

        assert result.verdict is Verdict.PASS, result

    @pytest.mark.parametrize(
        ("end", "why"),
        [
            (lambda: [task.cancel() for task in asyncio.all_tasks()], "CancelledError"),
            (lambda: asyncio.get_running_loop().stop(), "Stopped"),
        ],
        ids=["cancels all tasks", "stops the loop"],
    )
    def test_facade_that_ends_the_loop_is_a_crash(self, end: Callable[[], Any], why: str) -> None:
        result = play(OPENS, ACCEPT, target=odd(end))

        assert result.verdict is Verdict.CRASH
        assert result.reason.startswith(why)

    def test_endless_iteration_is_observed_up_to_100_items(self) -> None:
        class Endless(WebSocket):
            async def iter_text(self) -> AsyncIterator[str]:
                while True:
                    yield "again"

        iterate = {"call": "iterate", "expect": {"returns": ["again"] * 100}}
        target = class_target("endless", Endless, {})
        assert play(OPENS, CONNECT, ACCEPT, iterate, target=target).verdict is Verdict.PASS

    def test_missing_state_attribute_is_observed_as_an_exception(self) -> None:
        class Stateless(WebSocket):
            client_state: Any = None

        target = class_target("stateless", Stateless, {})
        expected = {"raises": {"has": ["AttributeError"]}}
        result = play(OPENS, CONNECT, ACCEPT, {"look": "state", "expect": expected}, target=target)

        assert result.verdict is Verdict.PASS, result
