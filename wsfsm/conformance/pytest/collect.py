"""Cases as tests of pytest: what ``pytest_wsfsm`` does once a project asks for it.

Which cases become tests, and how a test ends by what came of its case. `play` plays them, on what
`targets` finds.
"""

import itertools
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance.baseline import Baseline, KnownFailure, read
from wsfsm.conformance.cases import Case, Kind, Level, load_folder, select
from wsfsm.conformance.pytest.play import on_facade, on_server
from wsfsm.conformance.pytest.targets import PLUGIN, named, refused
from wsfsm.conformance.reports._common import explain, one_line
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["PlayedCase", "options", "parametrize", "played"]


@attrs.frozen(kw_only=True)
class _Options:
    """What the configuration says.

    Attributes:
        level: Weakest level that is demanded.
        cases: Cases that are selected, by what they are about.
        baseline: Known failures.
        file: Name of the file that they are in.
    """

    level: Level
    cases: Mapping[Kind, Sequence[Case]]
    baseline: Baseline
    file: str


_KEY: Final = pytest.StashKey[_Options]()

_NOTHING: Final = "no case is selected"


def options(config: pytest.Config) -> _Options:
    """What the configuration says. Once it is asked for, the other hooks are at work.

    Raises:
        pytest.UsageError: Something in it has no meaning.
    """
    if _KEY not in config.stash:
        config.stash[_KEY] = _read_options(config)
        config.pluginmanager.register(_HOOKS)
    return config.stash[_KEY]


def _read_options(config: pytest.Config) -> _Options:
    every = (*load_folder("server"), *load_folder("facade"))
    level = config.getini("wsfsm_level") or Level.MUST
    if level not in {Level.MUST, Level.SHOULD}:
        raise pytest.UsageError(f"wsfsm_level: {level!r} is neither 'must' nor 'should'")
    with named("wsfsm_select"):
        chosen = select(every, ids=config.getini("wsfsm_select"))
    if config.getini("wsfsm_server_name") and not config.getini("wsfsm_server"):
        raise pytest.UsageError(
            "wsfsm_server_name: it names what wsfsm_server says, which is not set"
        )
    file = config.getini("wsfsm_baseline")
    with named("wsfsm_baseline"):
        baseline = read(config.rootpath / file, every) if file else Baseline()
    return _Options(
        level=Level(level),
        cases={
            "server": [case for case in chosen if case.kind == "server"],
            "facade": [case for case in chosen if case.kind == "facade"],
        },
        baseline=baseline,
        file=file,
    )


# ---------------------------------------------------------------- collecting


def parametrize(metafunc: pytest.Metafunc, name: str, kind: Kind) -> None:
    """Make a test of each case, unless the test itself says of which.

    Args:
        metafunc: What asks for cases.
        name: The fixture by which it does.
        kind: What the cases are about.
    """
    config, node = metafunc.config, metafunc.definition
    chosen = options(config).cases[kind]
    if any(name in _arguments(mark) for mark in node.iter_markers("parametrize")):
        return
    marks = []
    if kind == "server" and config.pluginmanager.hasplugin("xdist"):  # else the mark is unknown
        marks = [pytest.mark.xdist_group(f"{node.nodeid} on one worker")]
    tests = [pytest.param(case, id=case.id, marks=marks) for case in chosen]
    nothing = [pytest.param(_NOTHING, id=_NOTHING)]  # and no skip, as by itself: that looks well
    metafunc.parametrize(name, tests or nothing, indirect=True)


def _arguments(mark: pytest.Mark) -> Sequence[str]:
    """Names of the arguments that a test is parametrized with by a mark."""
    told: str | Sequence[str] = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in told.split(",")] if isinstance(told, str) else told


class _Hooks:
    """What else is done in a run that may have cases."""

    @pytest.hookimpl(tryfirst=True)  # before a worker of pytest-xdist tells that it may have tests
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse what would let all tests of a kind fail, or have none.

        Raises:
            pytest.UsageError: There is such a thing.
        """
        kinds: tuple[Kind, ...] = ("server", "facade")
        found = (_empty(session.items, kind) for kind in kinds)
        more = (refused(session.items, kind, session.config) for kind in kinds)
        wrong = [text for text in (*found, *more) if text]
        if wrong:
            if hasattr(session.config, "workeroutput"):
                # by which the plugin passes it on to the process that is asked
                plugin: Any = session.config.pluginmanager.get_plugin(PLUGIN)
                session.config.workeroutput[plugin.WRONG] = wrong
            raise pytest.UsageError(*wrong)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Catch a test that asks for a case and forgets to check it."""
        called = yield
        for name, argument in pyfuncitem.funcargs.items():
            if isinstance(argument, PlayedCase) and not argument.is_checked:
                pytest.fail(f"the test never calls {name}.check()", pytrace=False)
        return called

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Tell of known failures that have been of no use, as a name may be wrong."""
        said = options(config)
        reports = itertools.chain.from_iterable(terminalreporter.stats.values())
        text = _unplayed(said, [_properties(report) for report in reports])
        if text:
            terminalreporter.write_line(one_line(text), yellow=True)


_HOOKS: Final = _Hooks()


def _empty(items: Iterable[pytest.Item], kind: Kind) -> str:
    """What is wrong with the selection, or ""."""
    name = f"wsfsm_{kind}_case"
    parameters = (getattr(item, "callspec", None) for item in items)
    if any(told is not None and told.params.get(name) == _NOTHING for told in parameters):
        return f"wsfsm_select: no {kind} case is selected, and a test asks for them"
    return ""


def _properties(report: object) -> Mapping[str, object]:
    """What a test has told of its case; of what is no report of a test, nothing."""
    return dict(getattr(report, "user_properties", ()))


def _unplayed(said: _Options, tests: Iterable[Mapping[str, object]]) -> str:
    """Known failures of cases that were played, but not on their target; "" if there are none."""
    played = [(told["wsfsm_case"], told["wsfsm_target"]) for told in tests if "wsfsm_case" in told]
    ids, targets = {case for case, _ in played}, {target for _, target in played}
    idle = [
        one for one in said.baseline.known if one.case in ids and one.target not in {*targets, ""}
    ]
    if not idle:
        return ""
    are = "known failure is" if len(idle) == 1 else "known failures are"
    names = ", ".join(sorted({repr(one.target) for one in idle}))
    others = ", ".join(sorted(map(repr, targets)))
    return (
        f"wsfsm: {len(idle)} {are} of targets that were not played: {names} in {said.file}; "
        f"played was {others}"
    )


# ---------------------------------------------------------------- checking


@attrs.define(kw_only=True, eq=False)
class PlayedCase:
    """A case that has been played: what the fixtures of cases give to a test.

    Attributes:
        result: What came of it.
        target: Name of what it was played on.
        known: The known failure that it is, or None.
        level: Weakest level that is demanded.
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
        """End the test as the verdict has it.

        A failure fails it. It is an expected failure if it is known, or is of a level that is not
        demanded. What is unsupported is skipped. All else passes, unless it is known to fail.
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
                self._tell()
            return
        # pytest's summary cuts it at the width of the terminal: what it is comes first
        headline = f"{result.verdict.value}: {result.reason}"
        if known is not None and known.verdict not in {None, result.verdict}:
            headline += f"; known in {self._file} as {known.verdict}"
        elif known is not None or not result.fails(self.level):
            level = result.case.level.value
            self._tell()
            pytest.xfail(f"known: {known.reason}" if known else f"only a {level}: {result.reason}")
        pytest.fail(self._explained(f"{headline} (on {self.target})"), pytrace=False)

    def _fixed(self, known: KnownFailure) -> str:
        whose = "" if known.target else ", or name there the targets that fail it"
        return f"fixed: remove it from {self._file}{whose} (on {self.target})"

    def _explained(self, headline: str) -> str:
        case = f"{'case:':<13}{self.result.case.id}"
        return "\n".join([one_line(headline), case, *explain(self.result)])

    def _tell(self) -> None:
        text = self._explained(f"{self.result.verdict.value} on {self.target}")
        self._item.add_report_section("call", "wsfsm", text)


def played(request: pytest.FixtureRequest, kind: Kind, told: Any) -> PlayedCase:
    """Play the case of a test.

    Args:
        request: Of the fixture that has the case as its parameter.
        kind: What the case is about.
        told: What it is to be played on, or its name.
    """
    report: Report = (on_server if kind == "server" else on_facade)(request, told)
    (result,) = report.results
    case, said = result.case, options(request.config)
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
        known=said.baseline.find(report.target, case.id),
        level=said.level,
        file=said.file,
        item=request.node,
    )
