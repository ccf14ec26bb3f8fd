"""Servers as targets: profiles, how their processes are started and stopped, and our own results."""

import asyncio
import contextlib
import io
import itertools
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.server_targets import PYTHON, cases, verdicts
from helpers.uvicorn_server import in_time
from uvicorn.protocols.websockets import auto

from wsfsm.conformance import (
    CommandTarget,
    Level,
    TargetError,
    Verdict,
    check_server,
    load_folder,
    profile,
)
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

    @pytest.mark.parametrize(
        ("place", "told"),
        [("wsproto_impl:WSProtocol", "wsproto"), ("odd:Odd", "{}odd:Odd"), ("", "none")],
    )
    def test_versions_of_uvicorn_name_the_automatic_implementation(
        self, place: str, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = "uvicorn.protocols.websockets."
        module, _, name = place.partition(":")
        found = type(name, (), {"__module__": package + module}) if place else None
        monkeypatch.setattr(auto, "AutoWebSocketsProtocol", found)
        versions = profile("uvicorn").versions

        assert versions["--ws"] == f"{told.format(package)} (auto)"
        assert profile("uvicorn", ["--ws", "wsproto", "--ws=auto"]).versions == versions

    @pytest.mark.parametrize("words", [["--ws", "wsproto"], ["--ws=wsproto"]])
    def test_versions_of_uvicorn_omit_an_implementation_that_the_name_has(
        self, words: list[str]
    ) -> None:
        assert "--ws" not in profile("uvicorn", words).versions

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

            with targets._reserved_port() as port:
                assert port == ports[1]

    def test_port_is_reserved_until_the_end_of_the_block(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = itertools.islice(targets._PORTS, 2)
        monkeypatch.setattr(targets, "_PORTS", iter([first, first, second, first]))

        with targets._reserved_port() as one:
            with socket.create_server(("127.0.0.1", one)):  # as the server does
                pass
            with targets._reserved_port() as other:
                assert (one, other) == (first, second)
        with targets._reserved_port() as again:
            assert again == first


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
