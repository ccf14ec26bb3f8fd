"""Cases as tests: which cases become tests, and how a test ends by the verdict of its case.

``pytest_wsfsm`` imports this module once a project uses it. `play` plays the cases, on the targets
of `targets`.
"""

import itertools
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance.baseline import Baseline, KnownFailure, describe_idle
from wsfsm.conformance.cases import Case, Kind, Level
from wsfsm.conformance.options import Options
from wsfsm.conformance.pytest.play import on_facade, on_server
from wsfsm.conformance.pytest.targets import PLUGIN, refusal, usage_errors
from wsfsm.conformance.reports._common import explain, one_line
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["PlayedCase", "parametrize", "played", "selection"]


@attrs.frozen(kw_only=True)
class _Selection:
    """The configuration, as it applies to the tests.

    Attributes:
        fail_on: The weakest level that is required.
        cases: The selected cases, by their kind.
        baseline: The known failures.
        file: Name of the file of known failures.
    """

    fail_on: Level
    cases: Mapping[Kind, Sequence[Case]]
    baseline: Baseline
    file: str


_KEY: Final = pytest.StashKey[_Selection]()

_NOTHING: Final = "no case is selected"


def selection(config: pytest.Config) -> _Selection:
    """Read the configuration, and activate the other hooks.

    Raises:
        pytest.UsageError: An option is wrong.
    """
    if _KEY not in config.stash:
        config.stash[_KEY] = _read(config)
        config.pluginmanager.register(_HOOKS)
    return config.stash[_KEY]


def _read(config: pytest.Config) -> _Selection:
    file = config.getini("wsfsm_baseline")
    with usage_errors("ids"):  # pytest splits the text, and a quotation mark may be missing
        ids = config.getini("wsfsm_select")
        options = Options(
            ids=ids,
            fail_on=config.getini("wsfsm_level") or Level.MUST,
            baseline=config.rootpath / file if file else None,
            # not its words, because the target does not matter without a test that uses it
            server=["..."] * bool(config.getini("wsfsm_server")),
            name=config.getini("wsfsm_server_name"),
        )
        cases = options.cases("server", "facade")
    with usage_errors("baseline"):
        baseline = options.known_failures()
    return _Selection(
        fail_on=options.fail_on,
        cases={
            "server": [case for case in cases if case.kind == "server"],
            "facade": [case for case in cases if case.kind == "facade"],
        },
        baseline=baseline,
        file=file,
    )


# ---------------------------------------------------------------- collecting


def parametrize(metafunc: pytest.Metafunc, name: str, kind: Kind) -> None:
    """Make a test of each case, unless the test is parametrized with cases already.

    Args:
        metafunc: The test function.
        name: The fixture by which it requests cases.
        kind: Kind of the cases.
    """
    config, node = metafunc.config, metafunc.definition
    chosen = selection(config).cases[kind]
    if any(name in _arguments(mark) for mark in node.iter_markers("parametrize")):
        return
    marks = []
    if kind == "server" and config.pluginmanager.hasplugin(
        "xdist"
    ):  # otherwise the mark is unknown
        marks = [pytest.mark.xdist_group(f"{node.nodeid} on one worker")]
    tests = [pytest.param(case, id=case.id, marks=marks) for case in chosen]
    nothing = [pytest.param(_NOTHING, id=_NOTHING)]  # not a skip, which would look like success
    metafunc.parametrize(name, tests or nothing, indirect=True)


def _arguments(mark: pytest.Mark) -> Sequence[str]:
    """Names of the arguments that a mark parametrizes."""
    names: str | Sequence[str] = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


class _Hooks:
    """Hooks for a run that may have cases."""

    @pytest.hookimpl(tryfirst=True)  # before a worker of pytest-xdist reports its tests
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse errors that would make all tests of a kind fail, or leave none.

        Raises:
            pytest.UsageError: There is such an error.
        """
        items, config = session.items, session.config
        kinds: tuple[Kind, ...] = ("server", "facade")
        wrong = [
            *(_empty(items, kind) for kind in kinds),
            *(refusal(items, kind, config) for kind in kinds),
        ]
        wrong = [text for text in wrong if text]
        if wrong:
            if hasattr(session.config, "workeroutput"):
                # the plugin passes it on to the process that runs the workers
                plugin: Any = session.config.pluginmanager.get_plugin(PLUGIN)
                session.config.workeroutput[plugin.WRONG] = wrong
            raise pytest.UsageError(*wrong)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Fail a test that requests a case and does not check it."""
        called = yield
        for name, argument in pyfuncitem.funcargs.items():
            if isinstance(argument, PlayedCase) and not argument.is_checked:
                pytest.fail(f"the test never calls {name}.check()", pytrace=False)
        return called

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Report known failures of targets that were not played, because a name may be wrong."""
        reports = itertools.chain.from_iterable(terminalreporter.stats.values())
        text = _unplayed(selection(config), [_properties(report) for report in reports])
        if text:
            terminalreporter.write_line(one_line(text), yellow=True)


_HOOKS: Final = _Hooks()


def _empty(items: Iterable[pytest.Item], kind: Kind) -> str:
    """The error if the selection is empty, or ""."""
    name = f"wsfsm_{kind}_case"
    parameters = (getattr(item, "callspec", None) for item in items)
    if any(one is not None and one.params.get(name) == _NOTHING for one in parameters):
        return f"wsfsm_select: no {kind} case is selected, and a test requests them"
    return ""


def _properties(report: object) -> Mapping[str, object]:
    """The properties that a test has recorded; empty if it is not the report of a test."""
    return dict(getattr(report, "user_properties", ()))


def _unplayed(selected: _Selection, tests: Iterable[Mapping[str, object]]) -> str:
    """The known failures of cases that were not played on their target, or ""."""
    played = [
        (str(one["wsfsm_case"]), str(one["wsfsm_target"])) for one in tests if "wsfsm_case" in one
    ]
    idle = selected.baseline.idle(played)
    return f"wsfsm: {describe_idle(idle, selected.file, played)}" if idle else ""


# ---------------------------------------------------------------- checking


@attrs.define(kw_only=True, eq=False)
class PlayedCase:
    """A case that was played, as a test gets it from a fixture.

    Attributes:
        result: The result.
        target: Name of the target.
        known: The known failure of the case on this target, or None.
        level: The weakest level that is required.
        is_checked: Whether `check` was called.
    """

    result: Result
    target: str
    known: KnownFailure | None
    level: Level
    is_checked: bool = False
    _file: str
    _item: pytest.Item

    def check(self) -> None:
        """End the test by the verdict.

        A failure fails the test. If it is known, or its level is not required, it is an expected
        failure. An unsupported case is skipped. Any other verdict passes, unless a failure is known.
        """
        __tracebackhide__ = True
        self.is_checked = True
        result, known = self.result, self.known
        if result.verdict is Verdict.UNSUPPORTED:
            pytest.skip(one_line(result.reason))
        if not result.verdict.is_failure:
            if known is not None:
                pytest.fail(self._explained(self._fixed(known)), pytrace=False)
            if result.verdict is not Verdict.PASS:
                self._report()
            return
        # the verdict is first, because pytest's summary cuts the text at the width of the terminal
        headline = f"{result.verdict.value}: {result.reason}"
        if known is not None and known.verdict not in {None, result.verdict}:
            headline += f"; known in {self._file} as {known.verdict}"
        elif known is not None or not result.fails(self.level):
            level = result.case.level.value
            self._report()
            pytest.xfail(f"known: {known.reason}" if known else f"only a {level}: {result.reason}")
        pytest.fail(self._explained(f"{headline} (on {self.target})"), pytrace=False)

    def _fixed(self, known: KnownFailure) -> str:
        whose = "" if known.target else ", or list the targets that fail"
        return f"fixed: remove it from {self._file}{whose} (on {self.target})"

    def _explained(self, headline: str) -> str:
        case = f"{'case:':<13}{self.result.case.id}"
        return "\n".join([one_line(headline), case, *explain(self.result)])

    def _report(self) -> None:
        text = self._explained(f"{self.result.verdict.value} on {self.target}")
        self._item.add_report_section("call", "wsfsm", text)


def played(request: pytest.FixtureRequest, kind: Kind, given: Any) -> PlayedCase:
    """Play the case of a test.

    Args:
        request: The request of the fixture that has the case as its parameter.
        kind: Kind of the case.
        given: The target, or its name.
    """
    report: Report = (on_server if kind == "server" else on_facade)(request, given)
    (result,) = report.results
    case, selected = result.case, selection(request.config)
    request.node.user_properties += [
        ("wsfsm_case", case.id),
        ("wsfsm_target", report.target),
        ("wsfsm_verdict", result.verdict.value),
        ("wsfsm_level", case.level.value),
        ("wsfsm_section", case.section),
        ("wsfsm_requirement", case.requirement),
    ]
    return PlayedCase(
        result=result,
        target=report.target,
        known=selected.baseline.find(report.target, case.id),
        level=selected.fail_on,
        file=selected.file,
        item=request.node,
    )
