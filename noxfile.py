"""Run the tests on every installed CPython; `make check` calls this."""

import os

import nox

nox.needs_version = ">=2025.2"
nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    session.install("--quiet", "--upgrade", "pip>=25.1")
    session.install("--quiet", ".[demo]", "--group", "test")
    # test the installed package and not the folder, so that a file that the package lacks is noticed
    session.run(
        *("python", "-P", "-m", "pytest", "-m", "not long and not one_python"),
        *session.posargs,
        env={"CI": os.getenv("CI", "")},
    )
