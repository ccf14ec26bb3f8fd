"""Servers that a runner leaves behind, however it ends."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from helpers.server_targets import is_gone

from wsfsm.conformance.server import _reaper

pytestmark = pytest.mark.one_python

SERVER = """
import os, subprocess, sys, time
from wsfsm.conformance.server._reaper import untrack, track
server = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(60)"],
    stdout=subprocess.DEVNULL,
    start_new_session=True,
)
track(server.pid)
"""


def left_by(code: str) -> list[int]:
    """The processes that a runner which ends at once has started: the server comes first."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", SERVER + code],
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return [int(pid) for pid in done.stdout.split()]


class TestKilledRunner:
    def test_reaper_ends_the_servers_of_a_killed_runner(self) -> None:
        (server,) = left_by("print(server.pid, flush=True); os._exit(0)")

        assert is_gone(server, 10)

    def test_reaper_leaves_an_untracked_server_alone(self) -> None:
        (server,) = left_by("untrack(server.pid); print(server.pid, flush=True); os._exit(0)")

        assert not is_gone(server, 0.5)
        os.kill(server, signal.SIGKILL)

    def test_forked_child_of_the_runner_does_not_keep_its_servers_alive(self) -> None:
        server, child = left_by("""
child = os.fork()
if not child:
    os.close(1)
    time.sleep(60)
print(server.pid, child, flush=True)
os._exit(0)
""")

        assert is_gone(server, 10)
        assert not is_gone(child, 0)
        os.kill(child, signal.SIGKILL)


class TestForking:
    def test_forked_child_closes_the_inherited_pipe_and_starts_its_own_reaper(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        theirs, ours = os.pipe()
        inherited = _reaper._Reaper(None, ours, os.getpid() + 1)  # type: ignore[arg-type]
        monkeypatch.setattr(_reaper, "_reapers", [inherited])

        _reaper._close_inherited()
        assert os.read(theirs, 1) == b""
        os.close(theirs)
        _reaper._end(inherited)  # as the child does in the end: it is not its own

        _reaper.track(2**22 + 1)  # a group that there is not
        _reaper.untrack(2**22 + 1)
        (_, started) = _reaper._reapers
        assert started.runner == os.getpid()
        with suppress(ProcessLookupError):
            started.process.kill()
            started.process.wait(10)
        _reaper.untrack(1)  # nobody hears it
        os.close(started.pipe)
