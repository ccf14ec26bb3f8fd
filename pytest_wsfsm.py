"""The plugin of pytest: every conformance case is a test.

    pip install 'wsfsm[pytest]'

A server by its name, or by the command that starts it, in the configuration of pytest:

    [tool.pytest.ini_options]
    wsfsm_server = "uvicorn --ws wsproto"

and a test that asks for a case of it:

    def test_server(wsfsm_server_case):
        wsfsm_server_case.check()

It becomes one test a case, ``test_server[close.code-4000]`` say. For the class that a framework
gives its users it is `wsfsm_facade` and `wsfsm_facade_case`. ``docs/pytest.md`` is the guide.

pytest loads this module in every project of an environment that wsfsm is installed in. It stands
beside the package, and not in it, so that nothing of wsfsm is imported where it is not used.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from wsfsm.conformance.pytest.collect import PlayedCase

__all__ = [
    "WRONG",
    "wsfsm_facade",
    "wsfsm_facade_case",
    "wsfsm_server",
    "wsfsm_server_case",
]

_OPTIONS: Final = {
    "wsfsm_server": "the ASGI server to check: a name and arguments as `wsfsm check server` takes "
    'them, or "-- " and a command with {host}, {port}, {app}, {rootdir} and {python}',
    "wsfsm_server_name": "what this server is called in reports and in the file of known failures; "
    "the text itself if it is not told",
    "wsfsm_facade": "the facade to check: a name as `wsfsm check facade` takes it, or module:Class",
    "wsfsm_baseline": "file of known failures, relative to the root directory",
    "wsfsm_level": "weakest level that is demanded: must (the default) or should",
}

WRONG: Final = "wsfsm_wrong"
"""Where a worker of pytest-xdist puts what is wrong, for the process that is asked."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what may stand in the configuration."""
    for name, told in _OPTIONS.items():
        parser.addini(name, told, type="string", default="")
    parser.addini(
        "wsfsm_select",
        'ids of the cases to play, or the beginnings of ids ("close"); all if there are none',
        type="args",
        default=[],
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a wrong configuration before anything runs, but for what is to be checked.

    That is looked at once it is known which tests there are.

    Raises:
        pytest.UsageError: It is wrong.
    """
    given = [_is_set(session.config, name) for name in (*_OPTIONS, "wsfsm_select")]
    if any(given):
        _suite().options(session.config)


def _is_set(config: pytest.Config, name: str) -> bool:
    try:
        told = config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{name}: {error}") from None
    if name in _OPTIONS and not isinstance(told, str):
        raise pytest.UsageError(f"{name}: {told!r} is no text")
    return bool(told)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case, where a test asks for cases.

    Raises:
        pytest.Collector.CollectError: What the suite needs is not installed.
    """
    for name, kind in (("wsfsm_server_case", "server"), ("wsfsm_facade_case", "facade")):
        if name in metafunc.fixturenames:
            try:
                suite = _suite()
            except pytest.UsageError as error:
                raise pytest.Collector.CollectError(str(error)) from None
            suite.parametrize(metafunc, name, kind)


def _suite() -> ModuleType:
    try:
        from wsfsm.conformance.pytest import collect  # noqa: PLC0415 - only where it is used
    except ImportError as error:
        told = f"{error.name} is missing: pip install 'wsfsm[pytest]'"
        raise pytest.UsageError(told) from None
    return collect


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Refuse what a worker of pytest-xdist has found wrong once it had collected its tests.

    Raises:
        pytest.UsageError: It has found something.
    """
    wrong = getattr(node, "workeroutput", {}).get(WRONG)
    if wrong:
        raise pytest.UsageError(*wrong)


@pytest.fixture(scope="session")
def wsfsm_server(pytestconfig: pytest.Config) -> Any:
    """The server to check: the option wsfsm_server. Override it with such a text, or a target."""
    return pytestconfig.getini("wsfsm_server")


@pytest.fixture(scope="session")
def wsfsm_facade(pytestconfig: pytest.Config) -> Any:
    """The facade to check: the option wsfsm_facade. Override it with such a text, or a class."""
    return pytestconfig.getini("wsfsm_facade")


@pytest.fixture
def wsfsm_server_case(request: pytest.FixtureRequest, wsfsm_server: Any) -> "PlayedCase":
    """A case played on the server: its check() passes, skips, is an expected failure, or fails."""
    played: PlayedCase = _suite().played(request, "server", wsfsm_server)
    return played


@pytest.fixture
def wsfsm_facade_case(request: pytest.FixtureRequest, wsfsm_facade: Any) -> "PlayedCase":
    """A case played on the facade: its check() passes, skips, is an expected failure, or fails."""
    played: PlayedCase = _suite().played(request, "facade", wsfsm_facade)
    return played
