"""The tests on every CPython that is at hand; `make check` calls it."""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
# Tests of the conformance suite and of tools: long, for the most part spent in waiting for servers
# and browsers, and run by `make test` on one Python and by tools/newer_pythons on the newest
ON_ONE_PYTHON = (
    "autobahn_suite",
    "bench_server",
    "conformance_check",
    "conformance_html",
    "conformance_orphans",
    "conformance_server_deaths",
    "conformance_server_mutants",
    "conformance_server_mutants_streams",
    "conformance_server_mutants_wire",
    "conformance_servers",
    "demo_browser",
    "newer_pythons",
    "pytest_guide",
    "pytest_options",
    "pytest_servers",
    "soak_phase",
)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    session.install("--quiet", "--upgrade", "pip>=25.1")
    session.install("--quiet", ".[demo]", "--group", "test")
    left_out = [Path("tests", f"test_{name}.py") for name in ON_ONE_PYTHON]
    for path in left_out:
        path.resolve(strict=True)
    # the installed package is tested, not the folder: the working tree must not hide a file
    # that the package lacks
    session.run(
        *("python", "-P", "-m", "pytest", "-m", "not long"),
        *(f"--ignore={path}" for path in left_out),
        *session.posargs,
        env={"CI": os.getenv("CI", "")},
    )
