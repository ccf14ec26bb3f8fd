"""Servers as targets for tests of the runner, and the verdicts of a report."""

import os
import sys
from typing import Any

from helpers.uvicorn_server import comes_true
from wsfsm.conformance import CommandTarget, Report, load_folder, select
from wsfsm.conformance.cases import Case

PYTHON = sys.executable
UVICORN = (
    *(PYTHON, "-m", "uvicorn", "--host", "{host}", "--port", "{port}", "--log-level", "error"),
    *("--ws", "wsfsm.integrations.uvicorn:WebSocketProtocol"),
)


def uvicorn(app: str, **more: Any) -> CommandTarget:
    command = (*UVICORN, "--app-dir", "tests", f"helpers.conformance_app:{app}")
    return CommandTarget(name=app, command=command, **more)


def cases(*ids: str) -> tuple[Case, ...]:
    return select(load_folder("server"), ids=ids)


def is_gone(pid: int, within: float) -> bool:
    """Whether a process ends in so many seconds."""

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return comes_true(gone, within)


def verdicts(report: Report) -> dict[str, str]:
    return {result.case.id: str(result.verdict) for result in report.results}
