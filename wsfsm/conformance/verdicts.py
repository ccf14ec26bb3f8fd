"""Verdicts: what came of a case, and of all cases of a target."""

import enum
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from wsfsm.conformance.cases import Case, Level

__all__ = ["Entry", "Report", "Result", "Verdict"]


class Verdict(enum.StrEnum):
    """What came of a case.

    Attributes:
        PASS: What is demanded was seen.
        NON_STRICT: Something else was seen that is let pass.
        FAIL: Something else was seen.
        TIMEOUT: It was not seen in time; it is a failure too.
        CRASH: The server has died of it, or a facade would have ended its server; it is a failure
            too, whatever the level.
        INFORMATIONAL: Nothing is demanded; what was seen is told.
        UNSUPPORTED: The case has no meaning for the target, or its beginning was not reached.
    """

    PASS = "pass"  # noqa: S105 - it is no password
    NON_STRICT = "non-strict"
    FAIL = "fail"
    TIMEOUT = "timeout"
    CRASH = "crash"
    INFORMATIONAL = "informational"
    UNSUPPORTED = "unsupported"

    @property
    def is_failure(self) -> bool:
        """Whether it is a failure."""
        return self in _FAILURES


_FAILURES: Final = frozenset({Verdict.FAIL, Verdict.TIMEOUT, Verdict.CRASH})


@attrs.frozen(kw_only=True)
class Entry:
    """What was done and seen in a step.

    Attributes:
        side: Who took it.
        did: What was done.
        saw: What was seen.
        state: States of client and application after it, as the application could know them.
        wrong: What is wrong with what was seen, or "".
    """

    side: str
    did: str
    saw: Mapping[str, Any]
    state: str
    wrong: str = ""


@attrs.frozen(kw_only=True)
class Result:
    """What came of a case.

    Attributes:
        case: The case.
        verdict: The verdict.
        reason: Why, in a sentence; "" for a pass.
        expected: What was expected where it went wrong, or "".
        observed: What was seen there, or all that was seen where nothing is demanded.
        trace: What was done and seen, step by step.
        among: What came of it while other cases were played on the same server, if that was worse.
        output: What the server had printed last when it had failed, in lines.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    expected: str = ""
    observed: str = ""
    trace: tuple[Entry, ...] = ()
    among: str = ""
    output: str = ""

    @property
    def is_in_doubt(self) -> bool:
        """Whether another case on the same server may have brought it about."""
        # what has no meaning by the scope or the target has nothing that was expected
        unreached = self.verdict is Verdict.UNSUPPORTED and self.expected
        return self.verdict.is_failure or bool(unreached)

    def fails(self, least: Level) -> bool:
        """Whether it is a failure of a case of this level, or a stronger one; a crash always."""
        levels = list(Level)
        demanded = levels.index(self.case.level) <= levels.index(least)
        return self.verdict.is_failure and (demanded or self.verdict is Verdict.CRASH)


@attrs.frozen(kw_only=True)
class Report:
    """What came of all cases of a target.

    Attributes:
        target: Name of the target.
        kind: What it is.
        versions: Versions of what it is made of, by name.
        results: Results, in the order of the cases.
    """

    target: str
    kind: str
    versions: Mapping[str, str]
    results: tuple[Result, ...]

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many cases came to each verdict."""
        return Counter(result.verdict for result in self.results)

    def failures(self, least: Level = Level.SHOULD) -> tuple[Result, ...]:
        """The failures of cases of this level and of stronger ones, and the crashes."""
        return tuple(result for result in self.results if result.fails(least))
