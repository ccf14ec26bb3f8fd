"""Playing for tests of pytest: on which target, and by which of the processes of a run.

The cases of a facade are played by their own tests, as they take a moment each. Those of a server
are played side by side when the first test needs one of them. What came of them is kept in a file
that all processes of a run share, and lock: whichever test comes first plays, and the others wait
for it, in whatever way pytest-xdist shares them out among its workers.
"""

import contextlib
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance.cases import Case
from wsfsm.conformance.facade_runner import check_facade
from wsfsm.conformance.facades import FacadeError, FacadeTarget, class_target, versions_of
from wsfsm.conformance.frameworks import facade_target
from wsfsm.conformance.report_json import from_json, to_json
from wsfsm.conformance.server_runner import check_server
from wsfsm.conformance.servers import CommandTarget, ServerTarget, TargetError, profile
from wsfsm.conformance.verdicts import Report

__all__ = ["named_server", "on_facade", "on_server"]

_PATIENCE: Final = 3600.0
"""Seconds for which another process may play. The lock of one that has died is gone at once."""

_CASE: Final = "wsfsm_server_case"


def _asked(kind: str, told: Any, make: Callable[[Any, pytest.Config], Any], config: Any) -> Any:
    """The target that a fixture gives or names."""
    option = f"wsfsm_{kind}"
    if not told:
        text = f"no {kind} is named: set the option {option}, or override the fixture {option}"
        pytest.fail(text, pytrace=False)
    try:
        return make(told, config)
    except (FacadeError, TargetError, ValueError) as error:
        pytest.fail(f"{option}: {error}", pytrace=False)


# ---------------------------------------------------------------- facades


def on_facade(request: pytest.FixtureRequest, told: Any) -> Report:
    """Play the case of a test on a facade.

    Args:
        request: Of the fixture that has the case as its parameter.
        told: The facade, or its name.
    """
    return check_facade(_asked("facade", told, _facade, request.config), [request.param])


def _facade(told: Any, _config: pytest.Config) -> FacadeTarget:
    if isinstance(told, str):
        return facade_target(told)
    if isinstance(told, FacadeTarget):
        return told
    name = f"{told.__module__}:{told.__qualname__}"
    return class_target(name, told, versions_of(told.__module__.partition(".")[0]))


# ---------------------------------------------------------------- servers


def named_server(text: str, config: pytest.Config) -> ServerTarget:
    """The server that a text names, or has the command of.

    Raises:
        TargetError: There is none of this name, or it is not installed.
        ValueError: A quotation mark is not closed.
    """
    name, *arguments = shlex.split(text)
    if name != "--":
        return profile(name, arguments)
    if not arguments:
        raise TargetError("no command follows --")
    command = tuple(word.replace("{rootdir}", str(config.rootpath)) for word in arguments)
    return CommandTarget(name=" ".join(arguments), command=command)


def _server(told: Any, config: pytest.Config) -> ServerTarget:
    if isinstance(told, str):
        return named_server(told, config)
    target: ServerTarget = told
    return target


def on_server(request: pytest.FixtureRequest, told: Any) -> Report:
    """Give what came of the case of a test on a server, and play all that go with it if need be.

    Args:
        request: Of the fixture that has the case as its parameter.
        told: The server, or its name or command.
    """
    target = _asked("server", told, _server, request.config)
    case: Case = request.param
    group = _group(request.node)
    with _ledger(request) as ledger:
        if not (ledger.read(group, case) or ledger.read(group, None)):
            _play(target, _together(request.node, group), group, ledger)
        text, error = ledger.read(group, case), ledger.read(group, None)
    if error:
        pytest.fail(error, pytrace=False)
    (report,) = from_json(text, [case])
    return report


def _group(item: pytest.Item) -> str:
    """What the tests have in common whose cases are played together: all but the case."""
    called = getattr(item, "callspec", None)
    if called is None or _CASE not in called.params:
        return ""
    others = sorted(f"{name}={index}" for name, index in called.indices.items() if name != _CASE)
    return " ".join([item.nodeid.partition("[")[0], *others])


def _together(item: pytest.Item, group: str) -> Iterable[Case]:
    """The cases that are played together."""
    items = [other for other in item.session.items if _group(other) == group]
    return {case.id: case for case in (_case_of(other) for other in (*items, item))}.values()


def _case_of(item: Any) -> Case:
    case: Case = item.callspec.params[_CASE]
    return case


def _play(target: ServerTarget, cases: Iterable[Case], group: str, ledger: "_Ledger") -> None:
    try:
        report = check_server(target, cases)
    except* TargetError as errors:
        ledger.write(group, None, "\n".join(_texts(errors)))
    else:
        for result in report.results:
            told = to_json([attrs.evolve(report, results=(result,))])
            ledger.write(group, result.case, told)


def _texts(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _texts(one)
    else:
        yield str(error)


@attrs.frozen
class _Ledger:
    """What came of cases, in a file."""

    _file: sqlite3.Connection

    def read(self, group: str, case: Case | None) -> str:
        """What is kept of a case, or why nothing of the group could be played; "" if nothing."""
        key = (group, "" if case is None else case.id)
        query = "SELECT text FROM played WHERE target = ? AND id = ?"
        (text,) = self._file.execute(query, key).fetchone() or ("",)
        return str(text)

    def write(self, group: str, case: Case | None, text: str) -> None:
        """Keep it."""
        row = (group, "" if case is None else case.id, text)
        self._file.execute("INSERT INTO played VALUES (?, ?, ?)", row)


@contextlib.contextmanager
def _ledger(request: pytest.FixtureRequest) -> Iterator[_Ledger]:
    """The file of this run, locked."""
    folder = request.getfixturevalue("tmp_path_factory").getbasetemp()
    worker = getattr(request.config, "workerinput", None)
    path = folder / "wsfsm.sqlite"
    if worker is not None:  # its folder is in that of the run
        path = folder.parent / f"wsfsm-{worker['testrunuid']}.sqlite"
    with contextlib.closing(
        sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS played "
            "(target TEXT, id TEXT, text TEXT, PRIMARY KEY (target, id))"
        )
        yield _Ledger(connection)
        connection.execute("COMMIT")
