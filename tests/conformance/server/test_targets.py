"""Targets that are processes: how they are started, watched and stopped; and our own results."""

import asyncio
import contextlib
import io
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.server_targets import PYTHON, cases, uvicorn, verdicts
from helpers.uvicorn_server import in_time

from wsfsm.conformance import (
    CaseError,
    CommandTarget,
    Level,
    Result,
    TargetError,
    Verdict,
    check_server,
    load_folder,
    profile,
)
from wsfsm.conformance.cases import Case, Step
from wsfsm.conformance.server import profiles, targets
from wsfsm.conformance.server import runner as server_runner
from wsfsm.conformance.server._reaper import start

pytestmark = pytest.mark.one_python


class TestWsfsmServers:
    def test_wsfsm_server_passes_the_cases_that_need_a_process(self) -> None:
        chosen = cases("tls", "send.while-working", "shutdown.open")
        report = check_server(profile("wsfsm"), chosen, jobs=20)

        assert report.failures(Level.MAY) == ()
        assert report.counts[Verdict.UNSUPPORTED] == 0

    @pytest.mark.long
    @pytest.mark.parametrize("name", ["wsfsm", "wsfsm-compat"])
    def test_wsfsm_server_passes_every_must_and_should_case(self, name: str) -> None:
        report = check_server(profile(name), jobs=20)

        assert report.failures(Level.MAY) == ()
        assert report.counts[Verdict.NON_STRICT] == 0
        assert report.counts[Verdict.PASS] >= 230
        assert {r.case.id for r in report.results if r.verdict is Verdict.UNSUPPORTED} == {
            *(c.id for c in load_folder("server") if c.before),
            "close.waiting-reset",  # the disconnect does not wait for the client's answer
        }


class TestProfiles:
    def test_arguments_are_added_to_the_command_of_a_profile(self) -> None:
        target = profile("uvicorn", ["--ws", "wsproto"])

        assert target.name == "uvicorn --ws wsproto"
        assert target.command[-2:] == ("--ws", "wsproto")
        assert "uvicorn" in target.versions

    def test_command_target_has_no_versions(self) -> None:
        assert CommandTarget(name="x", command=("x",)).versions == {}

    def test_unknown_profile_is_refused(self) -> None:
        with pytest.raises(
            TargetError, match="unknown server 'nginx'; choose one of uvicorn, wsfsm"
        ):
            profile("nginx")

    def test_profile_of_a_server_that_is_not_installed_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        missing = CommandTarget(name="x", command=(), packages=("wsfsm-no-such-package",))
        monkeypatch.setattr(profiles, "PROFILES", {"x": missing})

        with pytest.raises(TargetError, match="wsfsm-no-such-package is not installed"):
            profile("x")
        assert "wsfsm-no-such-package" not in missing.versions


class TestStarting:
    @pytest.mark.parametrize(
        ("command", "wrong"),
        [
            (("wsfsm-no-such-command",), "x cannot be started: .*wsfsm-no-such-command"),
            ((PYTHON, "\0"), "x cannot be started: embedded null byte"),
            ((), "x does not have a command"),
            ((PYTHON, "-c", "print('so long'); exit(7)"), "x exits with status 7 before it listens on port .*:\nso long"),
        ],
    )  # fmt: skip
    def test_command_that_does_not_start_is_reported(
        self, command: Sequence[str], wrong: str
    ) -> None:
        with pytest.raises(TargetError, match=wrong):
            check_server(CommandTarget(name="x", command=tuple(command)), cases("send.text"))

    def test_command_that_never_listens_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(targets, "_STARTING", 0.3)
        command = (PYTHON, "-c", "import time; print('yes', flush=True); time.sleep(60)")

        with pytest.raises(
            TargetError, match=r"does not listen on 127\.0\.0\.1:.* after 0 seconds"
        ):
            check_server(CommandTarget(name="x", command=command), cases("send.text"))

    def test_server_that_ignores_sigterm_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(targets, "_STOPPING", 0.2)
        code = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""
        target = CommandTarget(name="x", command=(PYTHON, "-c", code, "{port}"))

        async def main() -> None:
            async with target.running("127.0.0.1:1", "") as serving:
                assert serving.exit_reason() == ""
                await serving.stop()
                assert await serving.exit_status(0.1) is None
                assert serving.exit_reason() == ""

        in_time(main)


class TestPorts:
    def test_port_in_use_is_skipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports = [sock.getsockname()[1] for sock in (taken, free)]
            free.close()
            monkeypatch.setattr(targets, "_PORTS", iter(ports))

            assert targets._free_port() == ports[1]


class TestPrivatePaths:
    def test_folders_of_this_machine_are_removed_from_the_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        inner = tmp_path / "inner"
        inner.mkdir()
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr(sys, "base_prefix", "/")
        monkeypatch.chdir(inner)

        assert targets._without_folders(f"{inner}/a {tmp_path}/b /c") == ".../a .../b /c"

    def test_deleted_working_folder_does_not_fail_the_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()

        assert targets._without_folders("a/b") == "a/b"


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


LISTENS = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
"""


def script(code: str) -> CommandTarget:
    return CommandTarget(name="x", command=(PYTHON, "-c", LISTENS + code, "{port}"))


def refuses(host: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) != 0


class Dying:
    """A process that is killed, and takes a while to be gone."""

    pid = 2**22 + 1  # which there is not
    returncode: int | None = None

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def wait(self) -> int:
        await self.gone.wait()
        self.returncode = -9
        return self.returncode


class TestProcesses:
    def test_killed_process_is_awaited_in_spite_of_cancellations(self) -> None:
        async def main() -> None:
            process: Any = Dying()
            start()
            ending = asyncio.ensure_future(targets._Process("", 0, process, io.BytesIO()).end())
            for _ in range(3):
                await asyncio.sleep(0.01)
                ending.cancel()
            await asyncio.sleep(0.01)
            assert not ending.done()
            process.gone.set()
            await asyncio.wait([ending])
            assert ending.cancelled()
            assert process.returncode == -9

        in_time(main)

    @pytest.mark.parametrize("after", ["", "listener.accept(); listener.accept();"])
    def test_server_that_leaves_the_foreground_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, after: str
    ) -> None:
        monkeypatch.setattr("wsfsm.conformance.server.runner._REACHING", 2.0)
        code = f"if os.fork(): {after} os._exit(0)\ntime.sleep(60)"
        with pytest.raises(TargetError, match=r"(Start it|Run it) in the foreground"):
            check_server(script(code), cases("send.text"))

    def test_listener_of_another_process_is_not_taken_for_an_exited_server(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(targets, "_listens", lambda *_: True)
        process: Any = Dying()
        process.returncode = 3

        async def main() -> None:
            with tempfile.TemporaryFile() as output:
                output.write(b"the port is taken")
                output.flush()
                await script("")._listening(targets._Process("", 4711, process, output))

        told = r"listens on port 4711, but .* exited with status 3. Start it in the foreground. .*:\nthe port is taken"
        with pytest.raises(TargetError, match=told):
            in_time(main)

    def test_children_of_an_exited_server_are_killed(self) -> None:
        code = """
if os.fork():
    listener.accept()
    listener.accept()
    os._exit(0)
time.sleep(60)
"""

        async def main() -> None:
            async with script(code).running("127.0.0.1:1", "") as serving:
                host, port = serving.host, serving.port
                with socket.create_connection((host, port)):
                    assert await serving.exit_status(5) == 0
                assert not refuses(host, port)
            while not refuses(host, port):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)

        in_time(main)

    def test_output_tail_is_the_last_part_of_a_long_output(self) -> None:
        code = "print('x' * 10_000_000, end='so long', flush=True); listener.accept(); os._exit(3)"

        async def main() -> None:
            async with script(code).running("127.0.0.1:1", "") as serving:
                await serving.exit_status(5)
                assert serving.exit_reason() == "the server exited by itself with status 3"
                assert serving.output_tail().endswith("xso long")
                assert len(serving.output_tail()) <= 2000

        in_time(main)

    def test_server_that_dies_before_the_first_case_is_a_target_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @contextlib.asynccontextmanager
        async def running(*_arguments: Any) -> AsyncIterator[Any]:
            yield targets._Process("127.0.0.1", 1, Dead(), sys.stdin.buffer)  # type: ignore[arg-type]

        class Dead:
            returncode = 1

        async def reached(_session: Any, _serving: Any, _variant: str) -> None:
            """It was alive then."""

        monkeypatch.setattr(CommandTarget, "running", running)
        monkeypatch.setattr(targets._Process, "exit_reason", lambda _: "dead")
        monkeypatch.setattr(targets._Process, "output_tail", lambda _: "")
        monkeypatch.setattr(server_runner._ServerCheck, "reach", reached)
        report = check_server(script(""), cases("handshake.status", "handshake.post"))

        assert set(verdicts(report).values()) == {"crash"}


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
    def test_unusual_server_is_judged(self, name: str, ids: list[str], verdict: str) -> None:
        report = check_server(uvicorn(name), cases(*ids))

        assert set(verdicts(report).values()) == {verdict}
