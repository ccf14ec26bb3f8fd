"""Playing for tests of pytest: on which target, and by which of the processes of a run.

The cases of a facade are played by their own tests, as they take a moment each. Those of a server
are played side by side when the first test needs one of them. What came of them is kept in a file
that all processes of a run share, and lock: whichever test comes first plays, and the others wait
for it, in whatever way pytest-xdist shares them out among its workers.
"""

import contextlib
import functools
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import attrs
import pytest

from wsfsm.conformance.cases import Case, Kind, load_folder
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.pytest.targets import facade, server
from wsfsm.conformance.reports.json import from_json, to_json
from wsfsm.conformance.server.runner import check_server
from wsfsm.conformance.server.targets import ServerTarget, TargetError
from wsfsm.conformance.verdicts import Report, Result

__all__ = ["on_facade", "on_server"]

_PATIENCE: Final = 3600.0
"""Seconds for which another process may play. The lock of one that has died is gone at once."""

_CASE: Final = "wsfsm_server_case"


@functools.cache
def _every(kind: Kind) -> Mapping[str, Case]:
    return {case.id: case for case in load_folder(kind)}


def _case(kind: Kind, told: Any) -> Case | None:
    """The case that a parameter is, or is the id of; None if there is none."""
    return told if isinstance(told, Case) else _every(kind).get(str(told))


def _asked_case(request: pytest.FixtureRequest, kind: Kind) -> Case:
    """The case that a test asks for."""
    if not hasattr(request, "param"):
        text = f"{request.fixturename} has no case: let it be an argument of the test"
        pytest.fail(text, pytrace=False)
    case = _case(kind, request.param)
    if case is None:
        pytest.fail(f"no {kind} case is called {request.param!r}", pytrace=False)
    return case


_Target = TypeVar("_Target")


def _asked(
    make: Callable[[Any, pytest.Config], _Target], told: Any, config: pytest.Config
) -> _Target:
    """The target that a fixture gives or names."""
    try:
        return make(told, config)
    except pytest.UsageError as error:
        text = str(error)
    pytest.fail(text, pytrace=False)  # here, or the text would come once more as its context


# ---------------------------------------------------------------- facades


def on_facade(request: pytest.FixtureRequest, told: Any) -> Report:
    """Play the case of a test on a facade.

    Args:
        request: Of the fixture that has the case as its parameter.
        told: The facade, or its name.
    """
    case = _asked_case(request, "facade")
    return check_facade(_asked(facade, told, request.config), [case])


# ---------------------------------------------------------------- servers


def on_server(request: pytest.FixtureRequest, told: Any) -> Report:
    """Give what came of the case of a test on a server, and play all that go with it if need be.

    Args:
        request: Of the fixture that has the case as its parameter.
        told: The server, or its name or command.
    """
    target = _asked(server, told, request.config)
    case = _asked_case(request, "server")
    group = _group(request.node)
    with _ledger(request) as ledger:
        if not (ledger.read(group, case) or ledger.read(group, None)):
            _play(target, _together(request.node, group), group, ledger)
        text = ledger.read(group, case)
        if not text:
            error = ledger.read(group, None)
            ledger.write(group, None, _shortened(error))
    if not text:
        pytest.fail(error, pytrace=False)
    (report,) = from_json(text, [case])
    return report


def _shortened(error: str) -> str:
    """An error, once it has been told in full."""
    headline, _, more = error.partition("\n")
    return f"{headline} (the first of these tests tells more)" if more else headline


def _group(item: pytest.Item) -> str:
    """What the tests have in common whose cases are played together: all but the case."""
    called = getattr(item, "callspec", None)
    if called is None or _CASE not in called.params:
        return ""
    others = sorted(f"{name}={index}" for name, index in called.indices.items() if name != _CASE)
    function: Any = item
    return " ".join([f"{function.parent.nodeid}::{function.originalname}", *others])


def _together(item: Any, group: str) -> Iterable[Case]:
    """The cases that are played together, each once."""
    items: list[Any] = [other for other in item.session.items if _group(other) == group]
    found = (_case("server", other.callspec.params[_CASE]) for other in items)
    return {case.id: case for case in found if case is not None}.values()


def _play(target: ServerTarget, cases: Iterable[Case], group: str, ledger: "_Ledger") -> None:
    def keep(result: Result) -> None:
        one = Report(target=target.name, kind="server", versions=target.versions, results=(result,))
        ledger.write(group, result.case, to_json([one]))

    try:
        check_server(target, cases, on_result=keep)
    except Exception as error:  # noqa: BLE001 - whatever it is, it would come again each time
        ledger.write(group, None, _text(error))


def _text(error: Exception) -> str:
    if isinstance(error, TargetError):
        return str(error)
    lines = traceback.format_exception(error)
    return f"the server cannot be played on: {error!r}\n{''.join(lines)}"


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
        self._file.execute("INSERT OR REPLACE INTO played VALUES (?, ?, ?)", row)


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
