"""Steps of server cases: variants, times, and steps without a meaning."""

from typing import Any

import attrs
import pytest
from helpers.server_targets import cases, uvicorn, verdicts

from wsfsm.conformance import (
    CaseError,
    Result,
    Verdict,
    check_server,
)
from wsfsm.conformance.cases import Case, Step

pytestmark = pytest.mark.one_python


class TestVariants:
    def test_cases_of_a_missing_variant_are_unsupported(self) -> None:
        report = check_server(uvicorn("app"), cases("keepalive", "frames.limit"))

        assert set(verdicts(report).values()) == {"unsupported"}
        assert {result.reason for result in report.results} == {
            "the server does not have the variant keepalive",
            "the server does not have the variant limit",
        }

    def test_cases_of_another_version_or_extension_are_unsupported(self) -> None:
        target = uvicorn("app")
        needy = [
            attrs.evolve(cases("scope.type")[0], id="a.version", spec_version="9.0"),
            attrs.evolve(cases("scope.type")[0], id="a.past", before="2.0"),
            attrs.evolve(cases("scope.type")[0], id="an.extension", extension="x"),
        ]

        report = check_server(target, needy)

        assert [r.reason for r in report.results] == [
            "the case applies to spec_version 9.0 and later",
            "the case applies to servers before spec_version 2.0",
            "the server does not offer the extension x",
        ]


def with_steps(*tables: dict[str, Any], **more: Any) -> Case:
    """A case of these steps."""
    steps = tuple(Step.from_table("server", table) for table in tables)
    return attrs.evolve(cases("scope.type")[0], steps=steps, **more)


class TestSteps:
    def play(self, case: Case) -> Result:
        (result,) = check_server(uvicorn("app"), [case]).results
        return result

    def test_case_that_takes_too_long_is_a_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._LIMIT", 0.1)

        result = self.play(with_steps({"wait": 5}))

        assert (result.verdict, result.reason) == (
            Verdict.TIMEOUT,
            "the case takes more than 0 seconds",
        )

    @pytest.mark.parametrize(
        ("step", "wrong"),
        [
            ({"app": "dance"}, "scope.type: app dance: app has no step 'dance'"),
            (
                {"client": "fin"},
                "scope.type: client fin: no step connects the client before this one",
            ),
            ({"neighbour": "reset"}, "no step connects the neighbour before this one"),
            ({"app": "send"}, r"an argument is missing or wrong \(KeyError\('message'"),
            ({"client": "request", "frames": [{"close": 2**16}]}, "missing or wrong .*error"),
            (
                {"client": "request", "frames": [{"text": "", "x": 1}]},
                "missing or wrong .TypeError",
            ),
        ],
    )
    def test_step_without_a_meaning_is_refused(self, step: dict[str, Any], wrong: str) -> None:
        with pytest.raises(CaseError, match=wrong):
            self.play(with_steps(step))

    def test_ended_application_is_observed_as_gone(self) -> None:
        gone = {"gone": True}
        result = self.play(
            with_steps(
                {"client": "request"},
                {"app": "scope", "need": {"scope": {"type": "websocket"}}},
                {"app": "return"},
                {"app": "ends", "expect": gone},
                {"app": "receive", "expect": gone},
                {"app": "send", "message": {"type": "x"}, "expect": gone},
            )
        )
        assert result.verdict is Verdict.PASS, result

    def test_application_that_never_started_is_observed_as_gone(self) -> None:
        gone = {"gone": True}
        result = self.play(
            with_steps(
                {"app": "receive", "within": 0.05, "expect": gone},
                {"app": "scope", "within": 0.05, "expect": gone},
                {"app": "ends", "within": 0.05, "expect": gone},
            )
        )
        assert result.verdict is Verdict.PASS, result

    def test_send_that_waits_and_is_then_refused_does_not_change_the_states(self) -> None:
        case = with_steps(
            {"client": "request"},
            {"app": "receive"},
            {"app": "send", "message": {"type": "websocket.accept"}},
            {
                "app": "send",
                "message": {"type": "websocket.close"},
                "within": 0.1,
                "expect": {"waits": True},
            },
            {"app": "finish", "expect": {"raises": {"has": ["ValueError"]}}},
        )
        (result,) = check_server(uvicorn("hesitates"), [case]).results

        assert result.verdict is Verdict.PASS, result
        assert [entry.states for entry in result.trace[-2:]] == [
            "CONNECTED/DISCONNECTED",
            "CONNECTED/CONNECTED",
        ]

    def test_receive_all_times_out_without_a_disconnect(self) -> None:
        result = self.play(
            with_steps(
                {"client": "request"},
                {"app": "receive"},
                {"app": "receive all", "within": 0.1, "expect": {"waits": True}},
                {"client": "reset"},
                {"app": "receive all", "expect": {"count": 0, "size": 0}},
            )
        )
        assert result.verdict is Verdict.PASS, result
        assert [e.states.partition("/")[0] for e in result.trace[2:]] == ["CONNECTED"] * 2 + ["DISCONNECTED"]  # fmt: skip

    def test_raise_again_without_an_exception_raises_its_own(self) -> None:
        result = self.play(
            with_steps(
                {"client": "request"},
                {"app": "raise again"},
                {"client": "response", "expect": {"status": 500}},
            )
        )
        assert result.verdict is Verdict.PASS, result

    def test_wait_for_the_exit_of_a_running_server_times_out(self) -> None:
        step = {"server": "exit", "within": 0.05, "expect": {"waits": True}}
        assert self.play(with_steps(step)).verdict is Verdict.PASS

    def test_refused_connection_is_observed_as_an_exception(self) -> None:
        result = self.play(
            with_steps(
                {"server": "stop"},
                {"server": "exit", "within": 10.0, "need": {"exit": {"is": "int"}}},
                {"client": "request", "expect": {"raises": {"has": ["ConnectionRefusedError"]}}},
            )
        )
        assert result.verdict is Verdict.PASS, result


class TestUnusualServers:
    def test_refused_connection_fails_the_next_expectation(self) -> None:
        case = with_steps(
            {"server": "stop"},
            {"server": "exit", "within": 10.0, "need": {"exit": {"is": "int"}}},
            {"client": "request"},
            {"client": "response", "expect": {"status": 101}},
        )
        (result,) = check_server(uvicorn("app"), [case]).results

        assert result.verdict is Verdict.FAIL
        assert result.reason.startswith(
            "client response: the client could not connect (ConnectionRefused"
        )

    @pytest.mark.parametrize(
        ("name", "ids", "verdict"),
        [
            ("called_twice", ["connect.first"], "fail"),
            ("without_asgi", ["scope.type"], "pass"),
            ("odd_extensions", ["denial.status"], "unsupported"),
            ("odd_headers", ["scope.headers-duplicates"], "fail"),
            ("no_messages", ["connect.first"], "fail"),
        ],
    )
    def test_unusual_server_is_judged(
        self, name: str, ids: list[str], verdict: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # a server whose application is called twice never exits by itself
        monkeypatch.setattr("wsfsm.conformance.server.targets._STOPPING", 1.0)
        report = check_server(uvicorn(name), cases(*ids))

        assert set(verdicts(report).values()) == {verdict}
