"""The runner for facades: verdicts, observations, and unusual facades."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest
from helpers.facade_cases import ACCEPT, CONNECT, OPENS, play

from wsfsm import WebSocket
from wsfsm.conformance._judge import describe_observation
from wsfsm.conformance.cases import Case, Level, Never, Step
from wsfsm.conformance.facade._fake_server import FakeServer, strip_subclasses
from wsfsm.conformance.facade.adapters import class_target
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Verdict


class TestVerdicts:
    def test_system_exit_of_the_application_is_a_crash(self) -> None:
        class Exiting(WebSocket[Any]):
            async def send_text(self, data: str, timeout: float | None = None) -> None:
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
            async def iter_text(self) -> AsyncGenerator[str, None]:
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
