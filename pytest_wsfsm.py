"""The plugin of pytest: every conformance case is a test.

    pip install 'wsfsm[pytest]'

Specify a server by its name, or by the command that starts it, in the configuration of pytest:

    [tool.pytest.ini_options]
    wsfsm_server = "uvicorn --ws wsproto"

and write a test that requests a case:

    def test_server(wsfsm_server_case):
        wsfsm_server_case.check()

It becomes one test for each case, for example ``test_server[close.code-4000]``. For the class that a
framework gives its users, use `wsfsm_facade` and `wsfsm_facade_case`. ``docs/pytest.md`` is the guide.

For the tests of an application, `wsfsm_connect` is the client of `wsfsm.testing`, and
``docs/testing.md`` is the guide.

pytest loads this module in every project of an environment in which wsfsm is installed. The module is
outside of the package, so that nothing of wsfsm is imported in a project that does not use it.
"""

from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from wsfsm.conformance.pytest.collect import PlayedCase
    from wsfsm.testing import Client

__all__ = [
    "WRONG",
    "wsfsm_application",
    "wsfsm_connect",
    "wsfsm_facade",
    "wsfsm_facade_case",
    "wsfsm_profile",
    "wsfsm_server",
    "wsfsm_server_case",
]

_OPTIONS: Final = {
    "wsfsm_server": "the ASGI server to check: a name and arguments as `wsfsm check server` takes "
    'them, or "-- " and a command with {host}, {port}, {app}, {rootdir} and {python}',
    "wsfsm_server_name": "name of this server in reports and in the file of known failures (default: "
    "the words of wsfsm_server)",
    "wsfsm_facade": "the facade to check: a name as `wsfsm check facade` takes it, or module:Class",
    "wsfsm_baseline": "file of known failures, relative to the root directory",
    "wsfsm_level": "weakest level that is required: must (the default) or should",
}

WRONG: Final = "wsfsm_wrong"
"""Key of the errors that a worker of pytest-xdist returns to the process that runs it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    for name, text in _OPTIONS.items():
        parser.addini(name, text, type="string", default="")
    parser.addini(
        "wsfsm_select",
        'ids of the cases to play, or their beginnings up to a dot ("close"); all by default',
        type="args",
        default=[],
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a wrong configuration before any test runs.

    The server and the facade are checked later, when it is known whether a test uses them.

    Raises:
        pytest.UsageError: The configuration is wrong.
    """
    given = [_is_set(session.config, name) for name in (*_OPTIONS, "wsfsm_select")]
    if any(given):
        _suite().selection(session.config)


def _is_set(config: pytest.Config, name: str) -> bool:
    try:
        value = config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{name}: {error}") from None
    if name in _OPTIONS and not isinstance(value, str):
        raise pytest.UsageError(f"{name}: expected a text, not {value!r}")
    return bool(value)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case, for a test that requests cases.

    Raises:
        pytest.Collector.CollectError: A package that the suite needs is not installed.
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
        text = f"{error.name} is not installed; run pip install 'wsfsm[pytest]'"
        raise pytest.UsageError(text) from None
    return collect


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Refuse the errors that a worker of pytest-xdist found after it had collected its tests.

    Raises:
        pytest.UsageError: It found errors.
    """
    wrong = getattr(node, "workeroutput", {}).get(WRONG)
    if wrong:
        raise pytest.UsageError(*wrong)


@pytest.fixture(scope="session")
def wsfsm_server(pytestconfig: pytest.Config) -> Any:
    """The server to check: the option wsfsm_server. Override it to return such a text, or a target."""
    return pytestconfig.getini("wsfsm_server")


@pytest.fixture(scope="session")
def wsfsm_facade(pytestconfig: pytest.Config) -> Any:
    """The facade to check: the option wsfsm_facade. Override it to return such a text, or a class."""
    return pytestconfig.getini("wsfsm_facade")


@pytest.fixture
def wsfsm_server_case(request: pytest.FixtureRequest, wsfsm_server: Any) -> "PlayedCase":
    """A case that was played on the server. Call its check(), which ends the test by the verdict."""
    played: PlayedCase = _suite().played(request, "server", wsfsm_server)
    return played


@pytest.fixture
def wsfsm_facade_case(request: pytest.FixtureRequest, wsfsm_facade: Any) -> "PlayedCase":
    """A case that was played on the facade. Call its check(), which ends the test by the verdict."""
    played: PlayedCase = _suite().played(request, "facade", wsfsm_facade)
    return played


@pytest.fixture
def wsfsm_application() -> Any:
    """The application that `wsfsm_connect` connects to. Override it to return yours, or a handler."""
    pytest.fail(
        "wsfsm_connect does not know your application; define a fixture wsfsm_application that "
        "returns it, for example in conftest.py",
        pytrace=False,
    )


@pytest.fixture
def wsfsm_profile() -> Any:
    """The server that `wsfsm_connect` imitates: wsfsm. Override it to return another one.

    With ``@pytest.fixture(params=wsfsm.testing.SERVERS)`` and ``return request.param`` each test runs once
    for each server.
    """
    return "wsfsm"


@pytest.fixture
def wsfsm_connect(wsfsm_application: Any, wsfsm_profile: Any) -> "partial[Client]":
    """A function that connects a client: `wsfsm.testing.connect`, without its first argument."""
    from wsfsm.testing import connect  # noqa: PLC0415 - only where it is used

    return partial(connect, wsfsm_application, server=wsfsm_profile)
