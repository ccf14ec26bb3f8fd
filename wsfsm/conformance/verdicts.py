"""Verdicts: the result of a case, and the report on all cases of a target."""

import enum
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from wsfsm.conformance.cases import Case, Level

__all__ = ["Report", "Result", "TraceEntry", "Verdict"]


class Verdict(enum.StrEnum):
    """The verdict on a case.

    Attributes:
        PASS: The required behaviour was observed.
        NON_STRICT: Something else was observed that is tolerated.
        FAIL: Something else was observed.
        TIMEOUT: Nothing was observed in time; counts as a failure.
        CRASH: The case crashed the server, or a facade would have ended its server; counts as a
            failure at any level.
        INFORMATIONAL: Nothing is required; the result says what was observed.
        UNSUPPORTED: The case does not apply to the target, or its beginning was not reached.
    """

    PASS = "pass"  # noqa: S105 - not a password
    NON_STRICT = "non-strict"
    FAIL = "fail"
    TIMEOUT = "timeout"
    CRASH = "crash"
    INFORMATIONAL = "informational"
    UNSUPPORTED = "unsupported"

    @property
    def is_failure(self) -> bool:
        """Whether the verdict is a failure."""
        return self in _FAILURES


_FAILURES: Final = frozenset({Verdict.FAIL, Verdict.TIMEOUT, Verdict.CRASH})


@attrs.frozen(kw_only=True)
class TraceEntry:
    """A step as it was played.

    Attributes:
        side: The side that took the step.
        step: The step, as text.
        observation: The observation of the step.
        states: States of client and application after it, as the application could know them.
        mismatch: The difference between the observation and the expected one, or "".
    """

    side: str
    step: str
    observation: Mapping[str, Any]
    states: str
    mismatch: str = ""


@attrs.frozen(kw_only=True)
class Result:
    """The result of a case.

    Attributes:
        case: The case.
        verdict: The verdict.
        reason: The reason for the verdict, in a sentence; "" for a pass.
        expected: The expected observation in the step that decided, or "".
        observed: The observation there; all observations if nothing is required.
        trace: The steps as they were played.
        concurrent_failure: The verdict and reason while other cases were played on the same
            server, if those were worse.
        output: The last lines that the server printed, if the case failed.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    expected: str = ""
    observed: str = ""
    trace: tuple[TraceEntry, ...] = ()
    concurrent_failure: str = ""
    output: str = ""

    @property
    def is_in_doubt(self) -> bool:
        """Whether another case on the same server may have caused the result."""
        # a case that does not apply, because of the scope or the target, has nothing expected
        unreached = self.verdict is Verdict.UNSUPPORTED and self.expected
        return self.verdict.is_failure or bool(unreached)

    def fails(self, least: Level) -> bool:
        """Whether it is a crash, or a failure of a case of this level or a stronger one."""
        levels = list(Level)
        required = levels.index(self.case.level) <= levels.index(least)
        return self.verdict.is_failure and (required or self.verdict is Verdict.CRASH)


@attrs.frozen(kw_only=True)
class Report:
    """The results of all cases on a target.

    Attributes:
        target: Name of the target.
        kind: "server" or "facade".
        versions: Versions of the packages that the target consists of, by name.
        results: The results, in the order of the cases.
    """

    target: str
    kind: str
    versions: Mapping[str, str]
    # asyncio makes the repr of each report: it is the result of a task, which a signal handler holds
    results: tuple[Result, ...] = attrs.field(repr=lambda results: f"<{len(results)} results>")

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """The number of cases with each verdict."""
        return Counter(result.verdict for result in self.results)

    def failures(self, least: Level = Level.SHOULD) -> tuple[Result, ...]:
        """The crashes, and the failures of cases of this level and of stronger ones."""
        return tuple(result for result in self.results if result.fails(least))
