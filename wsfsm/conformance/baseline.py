"""Known failures: a file in which a project says which there are, and why, to be told of changes.

The file is TOML, one table a failure:

    [[known]]
    case = "close.code-1006"
    target = "uvicorn"
    verdict = "fail"
    reason = "https://github.com/encode/uvicorn/issues/1"

Without a `target` it is known of all targets, and without a `verdict` whatever failure it is. Of
two tables that both fit, the one with a target counts.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import attrs

from wsfsm.conformance.cases import Case, Level
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = [
    "EMPTY",
    "NO_REASON",
    "Baseline",
    "Change",
    "Changes",
    "KnownFailure",
    "compare",
    "read",
    "write",
]

NO_REASON: Final = "no reason given yet"
"""The reason of failures that nobody has looked at."""

_HEAD: Final = (
    "# Known failures of the conformance suite. `wsfsm check` keeps the reasons when it writes\n"
    "# this file anew, and no other comments than these.\n"
)


@attrs.frozen(kw_only=True)
class KnownFailure:
    """A known failure.

    Attributes:
        case: Id of the case.
        reason: Why it is let be.
        target: Name of the target, or "" for all.
        verdict: The failure, or None for any.
    """

    case: str
    reason: str
    target: str = ""
    verdict: Verdict | None = None

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read a known failure.

        Raises:
            CaseError: The table says what has no meaning.
        """
        name = table.get("case", "one without a case")
        unknown = table.keys() - {"case", "reason", "target", "verdict"}
        if unknown:
            raise CaseError(f"{name}: nothing is known of {', '.join(sorted(unknown))}")
        for key in ("case", "reason", "target", "verdict"):
            told = table.get(key, "" if key in {"target", "verdict"} else None)
            if not isinstance(told, str):
                raise CaseError(f"{name}: {key} {'is missing' if told is None else 'is no text'}")
        failures = [verdict.value for verdict in Verdict if verdict.is_failure]
        verdict = table.get("verdict")
        if verdict is not None and verdict not in failures:
            raise CaseError(f"{name}: {verdict!r} is no failure, as {', '.join(failures)} are")
        return cls(
            case=table["case"],
            reason=table["reason"],
            target=table.get("target", ""),
            verdict=None if verdict is None else Verdict(verdict),
        )

    def __str__(self) -> str:
        told = {"case": self.case, "target": self.target, "verdict": self.verdict or ""}
        lines = [f"{key} = {_quoted(text)}\n" for key, text in told.items() if text]
        return "[[known]]\n" + "".join(lines) + f"reason = {_quoted(self.reason)}\n"


def _quoted(text: str) -> str:
    """A string as TOML has it: as JSON, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@attrs.frozen
class Baseline:
    """All known failures.

    Attributes:
        known: They, in the order of the file.
    """

    known: tuple[KnownFailure, ...] = ()

    def find(self, target: str, case: str) -> KnownFailure | None:
        """What is known of a case of a target."""
        fitting = [k for k in self.known if k.case == case and k.target in {target, ""}]
        return max(fitting, key=lambda known: known.target, default=None)


EMPTY: Final = Baseline()
"""Nothing is known."""


@attrs.frozen(kw_only=True)
class Change:
    """A failure, and what is known of it.

    Attributes:
        target: Name of the target.
        result: What came of the case.
        known: What is known of it, or None.
    """

    target: str
    result: Result
    known: KnownFailure | None = None


@attrs.frozen(kw_only=True)
class Changes:
    """Results beside what is known.

    Attributes:
        new: Failures that nothing is known of.
        known: Failures as they are known.
        changed: Failures that are known as other ones.
        fixed: What is known of cases that no longer fail; to be removed.
    """

    new: tuple[Change, ...] = ()
    known: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    fixed: tuple[KnownFailure, ...] = ()

    @property
    def is_worse(self) -> bool:
        """Whether there are failures that are not known as such."""
        return bool(self.new or self.changed)


def read(path: Path, cases: Iterable[Case]) -> Baseline:
    """Read known failures.

    Args:
        path: The file.
        cases: All cases that there are.

    Raises:
        CaseError: The file says what has no meaning, or names a case that is not there.
        OSError: It cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or nested without end
        raise CaseError(f"{path.name}: {error}") from None
    try:
        return _baseline(tables, {case.id for case in cases})
    except CaseError as error:
        raise CaseError(f"{path.name}: {error}") from None


def _baseline(tables: Mapping[str, Any], ids: set[str]) -> Baseline:
    listed = tables.get("known", [])
    tabular = isinstance(listed, list) and all(isinstance(one, Mapping) for one in listed)
    if tables.keys() - {"known"} or not tabular:
        raise CaseError("it has tables [[known]], and nothing else")
    known = tuple(KnownFailure.from_table(table) for table in listed)
    unknown = sorted({one.case for one in known} - ids)
    if unknown:
        raise CaseError(f"no case is called {', '.join(unknown)}")
    told = [(one.case, one.target) for one in known]
    twice = sorted({case for case, target in told if told.count((case, target)) > 1})
    if twice:
        raise CaseError(f"{', '.join(twice)} is known twice")
    return Baseline(known)


def compare(
    reports: Sequence[Report], baseline: Baseline, *, least: Level = Level.SHOULD
) -> Changes:
    """Hold results against what is known.

    Args:
        reports: What came of all targets.
        baseline: What is known of them.
        least: The weakest level whose failures count, if they are not known.

    What is known of cases or targets that were not checked now, or of cases that are unsupported
    now, is neither fixed nor a failure.
    """
    new, as_known, changed = list[Change](), list[Change](), list[Change]()
    failing, passing = set[KnownFailure](), set[KnownFailure]()
    for report in reports:
        for result in report.results:
            known = baseline.find(report.target, result.case.id)
            change = Change(target=report.target, result=result, known=known)
            if known is None:
                if result.fails(least):
                    new.append(change)
            elif result.verdict.is_failure:
                failing.add(known)
                same = known.verdict in {None, result.verdict}
                (as_known if same else changed).append(change)
            elif result.verdict is not Verdict.UNSUPPORTED:
                passing.add(known)
    fixed = tuple(known for known in baseline.known if known in passing - failing)
    return Changes(new=tuple(new), known=tuple(as_known), changed=tuple(changed), fixed=fixed)


def write(
    path: Path,
    reports: Sequence[Report],
    baseline: Baseline = EMPTY,
    *,
    least: Level = Level.SHOULD,
) -> None:
    """Write all failures as known.

    Args:
        path: The file; what is in it is replaced.
        reports: What came of all targets.
        baseline: What was known: its reasons are kept, and so is what was not checked now.
        least: The weakest level whose failures are written, if they are not known.

    Raises:
        OSError: It cannot be written.
    """
    changes = compare(reports, baseline, least=least)
    known = {(one.case, one.target): one for one in baseline.known if one not in changes.fixed}
    for change in (*changes.changed, *changes.new):
        known[change.result.case.id, change.target] = _known_now(change)
    path.write_text("\n".join([_HEAD, *map(str, known.values())]), encoding="utf-8")


def _known_now(change: Change) -> KnownFailure:
    return KnownFailure(
        case=change.result.case.id,
        target=change.target,
        verdict=change.result.verdict,
        reason=NO_REASON if change.known is None else change.known.reason,
    )
