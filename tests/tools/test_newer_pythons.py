"""The script that runs the tests on newer Pythons, with programs that stand in for root's."""

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.asgi import ROOT
from helpers.uvicorn_server import comes_true

pytestmark = pytest.mark.one_python

SCRIPT = ROOT / "tools" / "newer_pythons"
FAKES = {
    "id": "echo 0",
    # both are given options, and then the command to run
    "setpriv": 'while [ "$1" != unshare ]; do shift; done; exec "$@"',
    "unshare": 'while [ "$1" != "${1#--}" ]; do shift; done; exec "$@"',
    "apt-get": 'case "$1" in indextargets) cat "$FAKES/mirrors" ;; install) exit 100 ;; esac',
    "debootstrap": r"""
        for target in "$@"; do case "$target" in */partial) break ;; esac; done
        mkdir -p "$target/usr/bin" "$target/proc" "$target/dev" "$target/tmp"
        for program in python3.14 python3.15 redis-server; do
            printf '#!/bin/sh\n' >"$target/usr/bin/$program"
            chmod +x "$target/usr/bin/$program"
        done
        echo "E: it was said here" >&2; exit "$(cat "$FAKES/debootstraps")"
    """,
    "mount": "",
    "git": r"printf 'README.md\0no such file\0docs/servers.md\0'",
    "chroot": r"""
        cd "$1/srv/wsfsm/checkout"; find . -type f | sort | xargs echo
        case "$*" in *"/pip "*) exit "$(cat "$FAKES/pips")" ;; *" -m pytest "*) exit "$(cat "$FAKES/pytests")" ;; esac
    """,
}
"""Programs of /bin/sh, controlled by files beside them."""


class Machine:
    """A machine on which the script runs.

    Args:
        folder: Folder for its programs and for the Pythons.
    """

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.pythons = folder / "pythons"
        for name, text in FAKES.items():
            self.install(name, text)
        self.state = {"debootstraps": "0", "pips": "0", "pytests": "0"}
        self.state["mirrors"] = "cdrom:[a disc]/\nhttp://mirror.test/debian/\nhttp://other.test/\n"

    def install(self, name: str, text: str) -> None:
        program = self.programs / name
        record = f'echo {name} "$@" >>"$FAKES/calls"'
        program.write_text(f"#!/bin/sh\n{record}\n{text}\n", encoding="utf-8")
        program.chmod(0o755)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        for name, text in self.state.items():
            (self.programs / name).write_text(text, encoding="utf-8")
        return subprocess.Popen(  # noqa: S603 - a script of this project
            [SCRIPT, *arguments],
            env={
                "PATH": f"{self.programs}:/usr/bin:/bin",
                "FAKES": str(self.programs),
                "HOME": str(self.programs),
                "NEWER_PYTHONS_FOLDER": str(self.pythons),
                "PIP_CERT": "/cert",
                "PIP_FIND_LINKS": "/wheels",
                "http_proxy": "http://proxy.test",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit status and output of the script."""
        with self.start(*arguments, **environment) as process:
            try:
                output, _ = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, output

    def calls(self, program: str) -> list[str]:
        """The arguments with which a program was called."""
        lines = (self.programs / "calls").read_text(encoding="utf-8").splitlines()
        return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == program]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split()[2] != "Z"


def sentence(output: str) -> str:
    """The last line, which says why it ends."""
    return output.splitlines()[-1].removeprefix("newer Pythons: ")


class TestSkipping:
    def test_script_is_skipped_without_root(self, machine: Machine) -> None:
        machine.install("id", "echo 1000")
        machine.install("sudo", "exit 1")
        status, output = machine.run()

        assert (status, sentence(output)) == (77, "skipped, because chroot needs root")

    def test_script_uses_sudo_where_it_needs_no_password(self, machine: Machine) -> None:
        machine.install("id", "echo 1000")
        machine.install("sudo", "")

        assert machine.run("-x") == (0, "")
        assert machine.calls("sudo")[1] == f"--non-interactive --preserve-env {SCRIPT} -x"

    def test_script_is_skipped_where_namespaces_are_not_allowed(self, machine: Machine) -> None:
        machine.install("unshare", "exit 1")
        status, output = machine.run()

        assert (status, sentence(output)) == (
            77,
            "skipped, because it cannot create namespaces",
        )

    def test_script_is_skipped_where_debootstrap_cannot_be_installed(
        self, machine: Machine
    ) -> None:
        (machine.programs / "debootstrap").unlink()
        status, output = machine.run()

        assert (status, sentence(output)) == (
            77,
            "skipped, because debootstrap cannot be installed",
        )
        assert machine.calls("apt-get") == ["update -qq", "install -qq -y debootstrap"]

    def test_script_is_skipped_where_apt_has_no_mirror_of_debian(self, machine: Machine) -> None:
        machine.state["mirrors"] = "cdrom:[a disc]/\n"
        status, output = machine.run()

        assert (status, sentence(output)) == (
            77,
            "skipped, because apt does not have a mirror of Debian",
        )
        assert "update -qq" in machine.calls("apt-get")
        assert not machine.calls("debootstrap")

    def test_script_is_skipped_where_nothing_can_be_mounted(self, machine: Machine) -> None:
        machine.install("mount", "exit 32")
        status, output = machine.run()

        assert (status, sentence(output)) == (77, "skipped, because nothing can be mounted")


class TestInstalling:
    def test_pythons_are_installed_from_the_mirror_of_apt(self, machine: Machine) -> None:
        assert machine.run()[0] == 0
        assert machine.calls("debootstrap") == [
            (
                "--variant=minbase"
                " --include=python3.15,python3.15-venv,python3.14,python3.14-venv,"
                "ca-certificates,graphviz,redis-server"
                f" sid {machine.pythons}/partial http://mirror.test/debian/"
            )
        ]

    def test_pythons_are_reused_for_a_week(self, machine: Machine) -> None:
        assert machine.run()[0] == 0
        assert machine.run()[0] == 0
        assert len(machine.calls("debootstrap")) == 1

        os.utime(machine.pythons / "sid", (0, 0))
        assert machine.run()[0] == 0
        assert len(machine.calls("debootstrap")) == 2

    def test_pythons_are_not_reused_for_another_version(self, machine: Machine) -> None:
        assert machine.run()[0] == 0

        machine.run(NEWER_PYTHONS="3.16")
        assert "--include=python3.16,python3.16-venv," in machine.calls("debootstrap")[1]

    def test_failed_installation_leaves_nothing_to_reuse(self, machine: Machine) -> None:
        machine.state["debootstraps"] = "1"
        status, output = machine.run()

        assert status == 3
        assert "E: it was said here" in output
        assert sentence(output) == f"debootstrap fails, see {machine.pythons}/log"
        assert not (machine.pythons / "sid").exists()

        machine.state["debootstraps"] = "0"
        assert machine.run()[0] == 0

    def test_concurrent_runs_do_not_disturb_each_other(self, machine: Machine) -> None:
        machine.pythons.mkdir()
        with (machine.pythons / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            status, output = machine.run()

        assert (status, sentence(output)) == (3, f"another run uses {machine.pythons}")


class TestRunning:
    def test_installed_package_is_tested_in_a_copy_of_the_checkout(self, machine: Machine) -> None:
        status, output = machine.run("-x", "tests/test_cli.py")
        calls = [
            call.partition(""" sh -c cd /srv/wsfsm/checkout && exec "$@" sh """)
            for call in machine.calls("chroot")
        ]
        commands = [command for _, _, command in calls]

        assert status == 0
        for python, left_out in (("3.14", " and not one_python"), ("3.15", "")):
            folder = f"/srv/wsfsm/{python}"
            expected = [
                f"python{python} -m venv {folder}",
                f"{folder}/bin/pip install -qq --upgrade pip>=25.1",
                f"{folder}/bin/pip install -qq .[demo] --group test",
                f"{folder}/bin/python -VV",
                (
                    f"{folder}/bin/python -P -m pytest -m not long and not browser{left_out}"
                    " -x tests/test_cli.py"
                ),
            ]
            assert [c for c in commands if python in c] == expected
        assert "./README.md ./docs/servers.md" in output.splitlines()  # and no deleted one
        assert {before for before, _, _ in calls} == {
            (
                f"{machine.pythons}/sid env -i PIP_CERT=/cert http_proxy=http://proxy.test HOME=/root"
                " LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin WSFSM_REQUIRE_TOOLS=1"
            )
        }

    def test_failing_tests_fail_the_script_after_all_pythons(self, machine: Machine) -> None:
        machine.state["pytests"] = "1"
        status, output = machine.run(NEWER_PYTHONS_LIMIT="1000")

        assert status == 1
        assert [line for line in output.splitlines() if "the tests fail" in line] == [
            f"newer Pythons: the tests fail on {python}, or take longer than 1000 seconds"
            for python in ("3.14", "3.15")
        ]

    def test_tests_that_take_too_long_fail_the_script(self, machine: Machine) -> None:
        machine.install("chroot", 'case "$*" in *" -m pytest "*) exec sleep 60 ;; esac')

        assert machine.run(NEWER_PYTHONS="3.15", NEWER_PYTHONS_LIMIT="0.2")[0] == 1

    def test_failed_installation_of_packages_is_not_a_test_failure(self, machine: Machine) -> None:
        machine.state["pips"] = "1"
        status, output = machine.run()

        assert (status, sentence(output)) == (
            3,
            "the packages that the tests need cannot be installed on 3.14",
        )

    def test_processes_of_the_script_end_with_it(self, machine: Machine) -> None:
        machine.install("chroot", 'echo $PPID $$ >"$FAKES/pids"; exec sleep 60')
        with machine.start() as process:
            pids = machine.programs / "pids"
            assert comes_true(lambda: pids.exists() and len(pids.read_text().split()) == 2, 30)
            timeout, sleep = map(int, pids.read_text().split())
            inside = int(Path(f"/proc/{timeout}/stat").read_text().split()[3])
            try:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 143
                assert comes_true(lambda: not is_running(inside), 30)
            finally:
                os.kill(sleep, signal.SIGKILL)  # the namespace, of which it was the first, would

        options = "--mount --pid --fork"
        assert machine.calls("unshare") == [
            f"{options} true",
            f"{options} --kill-child {SCRIPT} --inside",
        ]
        assert machine.calls("setpriv") == [
            f"--pdeathsig KILL unshare {options} --kill-child {SCRIPT} --inside"
        ]
