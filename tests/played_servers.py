"""Servers that tests of the runner play on, and what came of it."""

import sys
from typing import Any

from wsfsm.conformance import CommandTarget, Report, load_folder, select
from wsfsm.conformance.cases import Case

PYTHON = sys.executable
UVICORN = (
    *(PYTHON, "-m", "uvicorn", "--host", "{host}", "--port", "{port}", "--log-level", "error"),
    *("--ws", "wsfsm.integrations.uvicorn:WebSocketProtocol"),
)


def uvicorn(app: str, **more: Any) -> CommandTarget:
    command = (*UVICORN, "--app-dir", "tests", f"conformance_app:{app}")
    return CommandTarget(name=app, command=command, **more)


def cases(*ids: str) -> tuple[Case, ...]:
    return select(load_folder("server"), ids=ids)


def verdicts(report: Report) -> dict[str, str]:
    return {result.case.id: str(result.verdict) for result in report.results}
