"""The soak on a server in a process of its own, right and broken."""

import asyncio
import importlib.util
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.asgi import ROOT
from helpers.soak_conversations import conversation

from tools.soak import cli, phase
from tools.soak.outcome import Outcome
from tools.soak.phase import Options, run
from tools.soak.plan import TARGETS, Application, Client
from tools.soak.server import ServerError, ask, serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(autouse=True)
def _broken_ones_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))


def soaked(app: str = "", target: str = "asyncio-tcp", **options: object) -> Outcome:
    told: dict[str, object] = {
        "seed": 1,
        "seconds": 0.5,
        "parallel": 4,
        "kind": "denied",
        "settling": 2.0,
        **options,
    }
    if app:
        told["app"] = f"helpers.soak_broken_apps:{app}"
    return asyncio.run(run(target, Options(**told)))  # type: ignore[arg-type]


def main(*arguments: str) -> int:
    return cli.main(["--seconds", "0.5", "--seed", "1", "--kind", "denied", *arguments])


def starting(lines: Sequence[str], *starts: str) -> bool:
    return all(any(line.startswith(start) for line in lines) for start in starts)


def test_correct_servers_have_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    status = main("--target", "asyncio-unix", "--target", "asyncio-tls")

    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "seed 1"
    assert printed.splitlines()[-1] == "no faults"
    assert status == 0
    for target in ("asyncio-unix", "asyncio-tls"):
        found = re.search(rf"^{target}: (\d+) conversations", printed, re.MULTILINE)
        assert found is not None
        assert int(found[1]) > 2


def test_one_conversation_can_be_played_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--target", "asyncio-tcp", "--only", "5") == 0
    assert "asyncio-tcp: 1 conversations, 0 messages (1 denied)" in capsys.readouterr().out


def test_python_m_tools_soak_is_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", "--help"])

    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("tools.soak", run_name="__main__")

    assert "python -m tools.soak" in capsys.readouterr().out


def test_silent_client_waits_for_the_account_of_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = conversation(Client(end="silence"), Application(end="return"))
    monkeypatch.setattr(phase, "plan", lambda *_: silent)

    done = soaked(only=0)

    assert (done.failures, done.faults, done.count) == ([], [], 1)


def test_leaks_are_noticed() -> None:
    done = soaked("leaking")

    assert done.failures == []
    assert starting(
        done.faults,
        "tasks are left: {'Event.wait': ",
        "timers are left: ",
        "descriptors are left: {'socket': ",
        "objects are left: ",
        "the server has grown by ",
    )


def test_blocked_loop_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.outcome._MANY", 1)
    monkeypatch.setattr(phase, "_WARM", 0)

    done = soaked("blocking")

    assert starting(done.faults, "one turn of the event loop took ")


def test_tracebacks_and_a_stop_that_fails_are_noticed() -> None:
    done = soaked("complaining")

    assert starting(done.faults, "the lifespan was not shut down")
    assert any("nobody has planned this" in fault for fault in done.faults)


def test_death_of_a_server_is_noticed() -> None:
    done = soaked("dying")

    assert starting(done.faults, "/report is not answered")


def test_fault_is_reported_with_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = cli.main(
        ["--seconds", "0.5", "--seed", "1", "--kind", "denied", "--target", "asyncio-tcp",
         "--app", "helpers.soak_broken_apps:undenied", "--show", "1"]
    )  # fmt: skip

    printed = capsys.readouterr().out
    assert status == 1
    assert "status: 418 instead of " in printed
    assert 'repeat: make soak SEED=1 ARGS="--target asyncio-tcp --only -' in printed
    assert " more failures" in printed
    assert re.search(r"^\d+ faults$", printed, re.MULTILINE)


def test_server_that_does_not_start_is_an_error() -> None:
    with pytest.raises(ServerError, match="the server does not start"):
        soaked("nowhere")


def test_server_does_not_outlive_an_exception(tmp_path: Path) -> None:
    app, ws = Options(seed=0, seconds=0).app, "auto"

    async def main() -> None:
        async with serving(TARGETS["asyncio-tcp"], app, ws, tmp_path) as server:
            address = server.address
            raise KeyError(await ask(address, "/state"), address)

    with pytest.raises(KeyError) as caught:
        asyncio.run(main())
    with pytest.raises(ServerError):
        asyncio.run(ask(caught.value.args[1], "/state"))


def test_target_of_a_loop_that_is_not_installed_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "asyncio" or None)

    assert main("--target", "uvloop-tcp", "--target", "asyncio-tcp", "--only", "1") == 0
    assert "loop is not installed: uvloop-tcp" in capsys.readouterr().out


def test_failure_while_the_soak_is_delayed_is_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase, "_TICK", 0.0)
    monkeypatch.setattr(phase, "_DELAYED", -1.0)  # at any time

    done = soaked("undenied", only=1)

    assert (done.failures, done.doubtful) == ([], 1)


def test_server_that_takes_long_to_stop_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase, "_GRACE", 0.0)

    assert starting(soaked(only=1).faults, "the server took ")


def test_server_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.server._STOPPING", 0.5)
    monkeypatch.setattr("tools.soak.leftovers._PATIENCE", 0.5)

    faults = soaked("lingering", only=1).faults

    assert starting(faults, "the server ended with status -9", "the lifespan was not shut down")


def test_ends_of_all_connections_at_the_shutdown_are_checked() -> None:
    compat = soaked(seconds=0.0, ws="tools.soak.protocol:CompatWebSocketProtocol")

    assert compat.faults == ["at the stop, a pending handshake got 500 instead of 503"]


def test_targets_cover_loops_transports_pings_and_compat() -> None:
    targets = TARGETS.values()

    assert {target.loop for target in targets} == {"asyncio", "uvloop"}
    assert {target.transport for target in targets} == {"tcp", "tls", "unix"}
    assert {(target.pings, target.compat) for target in targets} >= {(True, True), (False, False)}
    assert TARGETS[conversation().target].name == conversation().target
