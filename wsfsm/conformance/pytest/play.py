"""Playing the cases of tests: on which target, and which of them together.

The cases of a facade are played by their own tests, because each takes a moment. Those of a server
are played side by side when the first test needs one of them. With pytest-xdist, any worker may run
any of the tests, so the results go to a file, which is locked while they are played. (To require
``--dist=loadgroup`` instead is not enough: pytest-xdist 3.8 ignores the groups with pytest 9.2.)
"""

import functools
import hashlib
import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import pytest
from filelock import FileLock

from wsfsm.conformance.cases import Case, Kind, load_folder
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.pytest.targets import facade, server
from wsfsm.conformance.reports.json import from_json, to_json
from wsfsm.conformance.server.runner import check_server
from wsfsm.conformance.server.targets import ServerTarget, TargetError
from wsfsm.conformance.verdicts import Report, Result

__all__ = ["on_facade", "on_server"]

_CASE: Final = "wsfsm_server_case"


@functools.cache
def _every(kind: Kind) -> Mapping[str, Case]:
    return {case.id: case for case in load_folder(kind)}


def _case(kind: Kind, given: Any) -> Case | None:
    """The case that a parameter is, or is the id of; None if it does not exist."""
    return given if isinstance(given, Case) else _every(kind).get(str(given))


def _requested_case(request: pytest.FixtureRequest, kind: Kind) -> Case:
    """The case that a test requests."""
    if not hasattr(request, "param"):
        text = f"{request.fixturename} has no case; make it an argument of the test"
        pytest.fail(text, pytrace=False)
    case = _case(kind, request.param)
    if case is None:
        pytest.fail(f"there is no {kind} case {request.param!r}", pytrace=False)
    return case


_Target = TypeVar("_Target")


def _requested_target(
    make: Callable[[Any, pytest.Config], _Target], given: Any, config: pytest.Config
) -> _Target:
    """The target that a fixture returns or names."""
    try:
        return make(given, config)
    except pytest.UsageError as error:
        text = str(error)
    pytest.fail(text, pytrace=False)  # outside, or the text would be shown again as the context


# ---------------------------------------------------------------- facades


def on_facade(request: pytest.FixtureRequest, given: Any) -> Report:
    """Play the case of a test on a facade.

    Args:
        request: The request of the fixture that has the case as its parameter.
        given: The facade, or its name.
    """
    case = _requested_case(request, "facade")
    return check_facade(_requested_target(facade, given, request.config), [case])


# ---------------------------------------------------------------- servers


@attrs.define
class _Played:
    """Cases that were played together.

    Attributes:
        report: The report on those that have a result.
        error: The reason why the others have none, or "".
    """

    report: Report
    error: str = ""


_PLAYED: Final = pytest.StashKey[dict[str, _Played]]()


def on_server(request: pytest.FixtureRequest, given: Any) -> Report:
    """Report on the case of a test on a server, after playing the cases of its group if need be.

    Args:
        request: The request of the fixture that has the case as its parameter.
        given: The server, or its name or command.
    """
    target = _requested_target(server, given, request.config)
    case = _requested_case(request, "server")
    groups = request.config.stash.setdefault(_PLAYED, {})
    group = _group(request.node)
    if group not in groups:
        cases = _together(request.node, group)
        groups[group] = _once(_path(request, group), cases, lambda: _play(target, cases))
    played = groups[group]
    results = tuple(result for result in played.report.results if result.case.id == case.id)
    if not results:
        error, played.error = played.error, _shortened(played.error)
        pytest.fail(error, pytrace=False)
    return attrs.evolve(played.report, results=results)


def _path(request: pytest.FixtureRequest, group: str) -> Path:
    """The file of a group, which is the same for all workers of a run."""
    folder: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    name = f"wsfsm-{hashlib.sha256(group.encode()).hexdigest()[:16]}"
    worker = getattr(request.config, "workerinput", None)
    if worker is None:
        return folder / name
    return folder.parent / f"{name}-{worker['testrunuid']}"


def _once(path: Path, cases: Iterable[Case], play: Callable[[], _Played]) -> _Played:
    """Play the cases of a group, or read the results if another worker has played them."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            played = play()
            text = {"report": to_json([played.report]), "error": played.error}
            path.write_text(json.dumps(text), encoding="utf-8")
    text = json.loads(path.read_text(encoding="utf-8"))
    (report,) = from_json(text["report"], cases)
    return _Played(report, text["error"])


def _shortened(error: str) -> str:
    """An error for the tests after the first one, which shows all of it."""
    headline, _, more = error.partition("\n")
    return f"{headline} (see the first of these tests)" if more else headline


def _group(item: pytest.Item) -> str:
    """The name of the group of tests whose cases are played together: all but the case is equal."""
    called: Any = getattr(item, "callspec", None)
    if called is None or _CASE not in called.params:
        return ""
    others = sorted(f"{name}={index}" for name, index in called.indices.items() if name != _CASE)
    function: Any = item
    return " ".join([f"{function.parent.nodeid}::{function.originalname}", *others])


def _together(item: Any, group: str) -> tuple[Case, ...]:
    """The cases that are played together, each once."""
    items: list[Any] = [other for other in item.session.items if _group(other) == group]
    found = (_case("server", other.callspec.params[_CASE]) for other in items)
    return tuple({case.id: case for case in found if case is not None}.values())


def _play(target: ServerTarget, cases: Iterable[Case]) -> _Played:
    results: list[Result] = []
    try:
        return _Played(check_server(target, cases, on_result=results.append))
    except Exception as error:  # noqa: BLE001 - any error would be the same for each test
        report = Report(
            target=target.name, kind="server", versions=target.versions, results=tuple(results)
        )
        return _Played(report, _text(error))


def _text(error: Exception) -> str:
    if isinstance(error, TargetError):
        return str(error)
    lines = traceback.format_exception(error)
    return f"the cases cannot be played on the server: {error!r}\n{''.join(lines)}"
