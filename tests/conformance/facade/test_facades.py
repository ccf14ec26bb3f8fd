"""The facade cases on our own class and on those of the frameworks."""

import platform
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.asgi import ROOT
from helpers.facade_cases import ACCEPT, CONNECT, OPENS, play

from wsfsm.conformance import baseline
from wsfsm.conformance._schemas import FOLDER
from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.cases import Level, load, load_folder
from wsfsm.conformance.facade.adapters import FacadeError, class_target
from wsfsm.conformance.facade.frameworks import FACADES, facade_target
from wsfsm.conformance.facade.runner import check_facade
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
