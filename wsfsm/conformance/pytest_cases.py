"""Cases as tests of pytest: what ``pytest_wsfsm`` does once a project asks for it.

Which cases become tests, and how a test ends by what came of its case. `pytest_play` plays them.
"""

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance.baseline import Baseline, Known, read
from wsfsm.conformance.cases import Case, Kind, Level, load_folder, select
from wsfsm.conformance.facades import FacadeError
from wsfsm.conformance.frameworks import FACADES, facade_target
from wsfsm.conformance.pytest_play import named_server, on_facade, on_server
from wsfsm.conformance.report_parts import explained, plain
from wsfsm.conformance.servers import TargetError
from wsfsm.conformance.values import CaseError
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


def options(config: pytest.Config) -> _Options:
    """What the configuration says.

    Raises:
        pytest.UsageError: Something in it has no meaning.
    """
    if _KEY not in config.stash:
        config.stash[_KEY] = _read_options(config)
    return config.stash[_KEY]


def _read_options(config: pytest.Config) -> _Options:
    every = (*load_folder("server"), *load_folder("facade"))
    level = config.getini("wsfsm_level") or Level.MUST
    if level not in {Level.MUST, Level.SHOULD}:
        raise pytest.UsageError(f"wsfsm_level: {level!r} is neither 'must' nor 'should'")
    with _named("wsfsm_select"):
        chosen = select(every, ids=config.getini("wsfsm_select"))
    with _named("wsfsm_server"):
        if text := config.getini("wsfsm_server"):
            named_server(text, config)
    with _named("wsfsm_facade"):
        text = config.getini("wsfsm_facade")
        if text and text not in FACADES and not all(text.partition(":")):
            facade_target(text)  # which says what there is; those that exist are imported later
    file = config.getini("wsfsm_baseline")
    with _named("wsfsm_baseline"):
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


@contextlib.contextmanager
def _named(option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise pytest.UsageError(f"{option}: {error.filename}: {error.strerror}") from None
    except (CaseError, FacadeError, TargetError, ValueError) as error:
        raise pytest.UsageError(f"{option}: {error}") from None


# ---------------------------------------------------------------- collecting


def parametrize(metafunc: pytest.Metafunc, name: str, kind: Kind) -> None:
    """Make a test of each case, unless the test itself says of which.

    Args:
        metafunc: What asks for cases.
        name: The fixture by which it does.
        kind: What the cases are about.
    """
    config, node = metafunc.config, metafunc.definition
    plugins = config.pluginmanager
    if not plugins.is_registered(_GUARD):
        plugins.register(_GUARD)
    if any(name in _arguments(mark) for mark in node.iter_markers("parametrize")):
        return
    shared = kind == "server" and plugins.hasplugin("xdist")
    together = pytest.mark.xdist_group(f"{node.nodeid} on one worker")
    marks = [together] if shared else []
    chosen = options(config).cases[kind]
    metafunc.parametrize(
        name, [pytest.param(case, id=case.id, marks=marks) for case in chosen], indirect=True
    )


def _arguments(mark: pytest.Mark) -> Sequence[str]:
    """Names of the arguments that a test is parametrized with by a mark."""
    told: str | Sequence[str] = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in told.split(",")] if isinstance(told, str) else told


class _Guard:
    """The hook that catches a test that asks for a case and forgets to check it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        called = yield
        for name, argument in pyfuncitem.funcargs.items():
            if isinstance(argument, PlayedCase) and not argument.is_checked:
                pytest.fail(f"the test never calls {name}.check()", pytrace=False)
        return called


_GUARD: Final = _Guard()


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
    known: Known | None
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
            pytest.skip(plain(result.reason))
        if not result.verdict.is_failure:
            if known is not None:
                pytest.fail(self._explained(self._fixed(known)), pytrace=False)
            if result.verdict is not Verdict.PASS:
                self._tell()
            return
        headline = f"{result.verdict.value} on {self.target}: {result.reason}"
        if known is not None and known.verdict not in {None, result.verdict}:
            headline = f"known in {self._file} as {known.verdict}, and now {headline}"
        elif known is not None or not result.fails(self.level):
            level = result.case.level.value
            self._tell()
            pytest.xfail(f"known: {known.reason}" if known else f"only a {level}: {result.reason}")
        pytest.fail(self._explained(headline), pytrace=False)

    def _fixed(self, known: Known) -> str:
        whose = "" if known.target else ", or name there the targets that fail it"
        return f"fixed on {self.target}: remove it from {self._file}{whose}"

    def _explained(self, headline: str) -> str:
        case = f"{'case:':<13}{self.result.case.id}"
        return "\n".join([plain(headline), case, *explained(self.result)])

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
