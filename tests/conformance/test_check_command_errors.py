"""The command ``wsfsm check``: targets that cannot be checked, and interrupts."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.check_command import ONE, Capture, Patch, facade, failed, server
from helpers.server_targets import is_gone
from helpers.uvicorn_server import comes_true

from wsfsm.cli import main
from wsfsm.conformance import (
    CommandTarget,
    TargetError,
    cli,
)
from wsfsm.conformance.server import profiles

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("wide")]


# ---------------------------------------------------------------- interrupts and errors


class TestTargetsThatCannotBeChecked:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("nope", "unknown facade 'nope'; choose one of wsfsm, "),
            ("nope:Class", "nope cannot be imported (No module named 'nope'); is nope installed?"),
            ("wsfsm:Nope", "wsfsm has no class or function 'Nope'"),
            ("wsfsm:", "unknown facade 'wsfsm:'; choose"),
        ],
    )
    def test_unknown_facade_is_reported(self, name: str, told: str, capsys: Capture) -> None:
        assert failed(facade(name), capsys).startswith(told)

    def test_framework_that_is_not_installed_is_reported(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        monkeypatch.setitem(sys.modules, "quart", None)

        assert failed(facade("quart"), capsys).endswith("is quart installed?")

    def test_unknown_server_is_reported(self, capsys: Capture) -> None:
        told = failed(server("nginx"), capsys)
        assert told.startswith("unknown server 'nginx'; choose one of uvicorn, ")

    def test_server_that_is_not_installed_is_reported(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        missing = CommandTarget(name="x", command=(), packages=("wsfsm-no-such-package",))
        monkeypatch.setattr(profiles, "PROFILES", {"x": missing})

        assert (
            failed(server("x"), capsys)
            == "wsfsm-no-such-package is not installed; install it in this environment"
        )

    # The first is played beside others on one server, the second on a server of its own.
    @pytest.mark.parametrize("case", ["send.text", "flow.send-waits"])
    def test_server_that_cannot_be_started_is_reported_in_one_line(
        self, case: str, capsys: Capture
    ) -> None:
        told = failed(server("--id", case, "--", "wsfsm-no-such-command", "{port}"), capsys)
        assert told == (
            "wsfsm-no-such-command {port} cannot be started: "
            "[Errno 2] No such file or directory: 'wsfsm-no-such-command'"
        )

    def test_server_that_exits_is_reported_with_its_output(self, capsys: Capture) -> None:
        told = failed(server("uvicorn", *ONE, "--no-such-option"), capsys)

        assert told.startswith(
            "uvicorn --no-such-option exits with status 2 before it listens on port "
        )
        assert "No such option" in told

    @pytest.mark.parametrize(
        ("error", "status", "told"),
        [
            (OSError(errno.EMFILE, "Too many"), 2, f"wsfsm: [Errno {errno.EMFILE}] Too many\n"),
            (OSError(errno.ENOENT, "Gone", "x"), 2, "wsfsm: x: Gone\n"),
            (TargetError("it is gone"), 2, "wsfsm: it is gone\n"),
            (BrokenPipeError(), 1, ""),
            (KeyboardInterrupt(), 130, "wsfsm: interrupted\n"),
        ],
    )
    def test_error_that_ends_the_check_is_reported(
        self,
        error: BaseException,
        status: int,
        told: str,
        monkeypatch: Patch,
        capsys: Capture,
    ) -> None:
        def check_facade(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(cli, "check_facade", check_facade)

        assert main(facade("wsfsm")) == status
        assert capsys.readouterr() == ("", told)

    @pytest.mark.parametrize("module", ["rich", "h11"])
    @pytest.mark.parametrize(
        "words", [facade("wsfsm"), facade("--list"), server("uvicorn"), ["check", "report", "x"]]
    )
    def test_missing_extra_is_reported_with_the_command_to_install_it(
        self, module: str, words: list[str]
    ) -> None:
        # in a process of its own: here they are imported already
        code = """
import sys

class Missing:
    def find_spec(name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Missing)
from wsfsm.cli import main
sys.exit(main(sys.argv[2:]))
"""
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", code, module, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stdout) == (2, "")
        needs = "run pip install 'wsfsm[conformance]'"
        assert done.stderr == f"wsfsm: the module {module} is missing; {needs}\n"


class TestInterrupts:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_stops_the_server_and_leaves_no_traceback(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        file = tmp_path / "pid"
        code = """
import os, sys, time
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
        command = (sys.executable, "-c", code, str(file))
        checking = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *server(*ONE, "--", *command, "{port}")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        pid = int(_when_written(file))
        checking.send_signal(number)

        assert checking.communicate(timeout=30) == (b"", b"wsfsm: interrupted\n")
        assert checking.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    @pytest.mark.parametrize(
        "number",
        [
            signal.SIGTERM,
            *(
                pytest.param(number, marks=pytest.mark.long)
                for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
            ),
        ],
    )
    def test_server_that_ignores_sigterm_does_not_outlive_the_command(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        file = tmp_path / "pid"
        code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(0.3)  # a runner that is killed while it starts a server has not tracked it yet
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
        command = (sys.executable, "-c", code, str(file), "{port}")
        checking = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "wsfsm", *server(*ONE, "--", *command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        pid = int(_when_written(file))
        checking.send_signal(number)
        time.sleep(0.3)
        checking.send_signal(number)  # an impatient user does it again

        _, told = checking.communicate(timeout=30)
        if number in {signal.SIGTERM, signal.SIGHUP}:
            assert (checking.returncode, told) == (130, b"wsfsm: interrupted\n")
        assert checking.returncode in {130, -number}
        assert is_gone(pid, 30), f"{pid} is still there"


def _when_written(path: Path) -> str:
    """A line, once it is there."""
    assert comes_true(lambda: path.exists() and path.read_text().endswith("\n"), 30), (
        f"{path.name} is not written"
    )
    return path.read_text()
