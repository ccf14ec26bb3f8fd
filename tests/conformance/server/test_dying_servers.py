"""Servers that die or stop responding while cases are played, and the cases that are blamed."""

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.broken_servers.building import broken_server
from helpers.conformance_app import other
from helpers.server_targets import PYTHON, cases, uvicorn, verdicts

from wsfsm.conformance import CommandTarget, Level, Result, TargetError, Verdict, check_server
from wsfsm.conformance.server.targets import ServerTarget

pytestmark = pytest.mark.one_python


class Noisy:
    """A server that something happens to when its versions are read."""

    name = "noisy"

    def __init__(self, target: ServerTarget, happens: Callable[[], None]) -> None:
        self._happens = happens
        self.has, self.running = target.has, target.running

    @property
    def versions(self) -> dict[str, str]:
        self._happens()
        return {}


def interrupt() -> None:
    signal.raise_signal(signal.SIGTERM)


def interrupt_and_fail() -> None:
    interrupt()
    raise RuntimeError("it fails")


class TestSignals:
    @pytest.mark.parametrize("happens", [interrupt, interrupt_and_fail])
    def test_interrupt_at_the_end_of_a_check_is_raised(self, happens: Callable[[], None]) -> None:
        with pytest.raises(KeyboardInterrupt):
            check_server(Noisy(broken_server("good"), happens), cases("send.text"))

    @pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
    def test_error_of_the_target_is_not_taken_for_an_interrupt(
        self, error: type[BaseException]
    ) -> None:
        def happens() -> None:
            raise error

        with pytest.raises(error):
            check_server(Noisy(broken_server("good"), happens), cases("send.text"))

    def test_signal_handler_of_the_caller_stays_installed(self) -> None:
        def handler(*_: Any) -> None:
            """It does something of its own."""

        before = signal.signal(signal.SIGTERM, handler)
        try:
            check_server(broken_server("good"), cases("send.text"))
            assert signal.getsignal(signal.SIGTERM) is handler
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_check_runs_in_a_thread_without_signal_handlers(self) -> None:
        with ThreadPoolExecutor() as pool:
            report = pool.submit(check_server, broken_server("good"), cases("send.text")).result()

        assert verdicts(report) == {"send.text": "pass"}


class TestDeadAndDeafServers:
    @pytest.mark.long
    def test_crash_is_attributed_to_its_case(self) -> None:
        told: list[Result] = []
        chosen = cases("accept", "send.text", "send.bytes", "connect.first")

        report = check_server(uvicorn("crashes"), chosen, on_result=told.append)

        crashed = [r for r in report.results if r.verdict is Verdict.CRASH]
        assert {r.case.id for r in crashed} == {
            "accept.twice",
            "accept.twice-lives",
            "accept.twice-on-the-wire",
        }
        assert crashed[0].reason == "the server exited by itself with status 3"
        assert "it is deadly" in crashed[0].output
        assert {r.case.id for r in report.failures(Level.MUST)} == {r.case.id for r in crashed}
        assert len(report.results) == len(chosen) == len(told)

    def test_server_that_runs_but_does_not_respond_is_a_crash(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._REACHING", 2.0)
        report = check_server(uvicorn("deaf"), cases("accept.twice", "send.text"))

        assert verdicts(report) == {"accept.twice": "crash", "send.text": "pass"}
        (crash,) = report.failures()
        assert crash.reason == "requests no longer reach the application"

    @pytest.mark.long
    def test_deaf_server_fails_only_the_case_that_made_it_deaf(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("_DYING", "_REACHING"):
            monkeypatch.setattr(f"wsfsm.conformance.server.runner.{name}", 1.0)
        chosen = cases("accept.twice", "send", "receive")
        good = {
            result.case.id: str(result.verdict)
            for result in check_server(uvicorn("app"), chosen).results
        }

        found = verdicts(check_server(uvicorn("deaf"), chosen))

        assert found == {**good, "accept.twice": "crash"}

    def test_server_without_the_scripted_application_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._REACHING", 0.2)

        with pytest.raises(TargetError, match="other listens, but no request reaches wsfsm"):
            check_server(uvicorn("other"), cases("send.text"))

    def test_server_in_process_without_the_scripted_application_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._REACHING", 0.2)
        target = broken_server("mute", lambda _app: other)

        with pytest.raises(TargetError, match="mute listens, but no request reaches wsfsm"):
            check_server(target, cases("send.text"))

    @pytest.mark.long
    def test_crash_that_no_case_reproduces_alone_names_the_cases_that_ran(self) -> None:
        report = check_server(uvicorn("tires"), cases("send.text", "send.bytes", "connect.first"))

        (crash,) = report.failures()
        assert crash.verdict is Verdict.CRASH
        assert crash.reason.startswith(
            "the server died while these were played: connect.first, send"
        )
        assert (crash.expected, crash.observed) == (
            "the server keeps running",
            "the server died while these were played",
        )

    def test_late_crash_is_attributed_to_its_case(self) -> None:
        chosen = cases("close.code-4000", "close.code-3000", "send.text", "receive.text")

        report = check_server(uvicorn("dies_late"), chosen)

        assert verdicts(report) == {
            "close.code-4000": "crash",
            "close.code-3000": "pass",
            "send.text": "pass",
            "receive.text": "pass",
        }

    @pytest.mark.parametrize(
        ("app", "ids", "passed"),
        [
            ("app", ("send.text", "shutdown.open", "shutdown.connecting"), {"send.text"}),
            ("crashes", ("accept.twice", "send.text", "send.bytes"), set()),
        ],
    )
    def test_server_that_does_not_restart_is_reported_once(
        self, app: str, ids: tuple[str, ...], passed: set[str], tmp_path: Path
    ) -> None:
        code = f"""
import pathlib, sys, uvicorn
starts = pathlib.Path({str(tmp_path)!r}, "starts")
with starts.open("a") as file: print("start", file=file)
if len(starts.read_text().split()) > 1: sys.exit("no more")
sys.argv[1:] = [*sys.argv[1:], "--log-level", "error", "--app-dir", "tests"]
uvicorn.main()
"""
        command = (PYTHON, "-c", code, f"helpers.conformance_app:{app}", "--port", "{port}")
        target = CommandTarget(name="x", command=command)

        report = check_server(target, cases(*ids), jobs=1, servers=1)

        found = verdicts(report)
        assert found == {name: "pass" if name in passed else "crash" for name in ids}
        told = {r.reason.partition(" on port")[0] for r in report.failures(Level.MAY)}
        assert told == {
            "the server ran before, and can no longer be started: x exits with status 1 before it listens"
        }
        assert len((tmp_path / "starts").read_text().split()) == 3

    def test_variant_that_never_starts_is_a_target_error(self) -> None:
        target = uvicorn("app", variants={"limit": ("--no-such-option",)})

        with pytest.raises(TargetError, match="No such option"):
            check_server(target, cases("send.text", "frames.limit"))

    def test_temporary_deafness_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._REACHING", 1.5)
        # those that take their time may be late on a busy machine
        chosen = [case for case in cases("receive") if "many" not in case.id][:12]

        report = check_server(uvicorn("sleeps"), chosen, jobs=2)

        assert not report.failures()
        late = [
            result
            for result in report.results
            if "did not answer for 2 seconds" in result.concurrent_failure
        ]
        assert late


class TestAdditionalInformation:
    def test_failure_has_the_output_of_the_server(self) -> None:
        (result,) = check_server(uvicorn("talks"), cases("send.text")).results

        assert result.verdict is Verdict.TIMEOUT
        assert "asked for websocket.send" in result.output
        assert not check_server(uvicorn("talks"), cases("send.bytes")).results[0].output

    def test_failure_that_occurs_only_concurrently_is_reported(self) -> None:
        report = check_server(uvicorn("crowded"), cases("send.text", "send.bytes", "receive.text"))

        assert set(verdicts(report).values()) == {"pass"}
        assert any(
            r.concurrent_failure.startswith("unsupported: app receive") for r in report.results
        )
