"""Known failures: a file that lists the failures a project accepts, and why, to report only changes.

The file is TOML, one table a failure:

    [[known]]
    case = "close.code-1006"
    target = "uvicorn"
    verdict = "fail"
    reason = "https://github.com/encode/uvicorn/issues/1"

Without `target` the failure is known for all targets, and without `verdict` any failure is. If two
tables apply, the one with a target counts. ``specs/conformance/known_failures.schema.json`` defines
which files are valid.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import attrs

from wsfsm.conformance._schemas import errors_of, read_toml
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
    "describe_idle",
    "read",
    "write",
]

NO_REASON: Final = "no reason given yet"
"""The reason of failures that are not reviewed yet."""

_HEAD: Final = (
    "# Known failures of the conformance suite. `wsfsm check` keeps the reasons when it writes\n"
    "# this file, but not your comments.\n"
)


@attrs.frozen(kw_only=True)
class KnownFailure:
    """A known failure.

    Attributes:
        case: Id of the case.
        reason: The reason to accept it.
        target: Name of the target, or "" for all targets.
        verdict: The failure, or None for any failure.
    """

    case: str
    reason: str
    target: str = ""
    verdict: Verdict | None = None

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Make a known failure of a table that matches the schema."""
        verdict = Verdict(table["verdict"]) if "verdict" in table else None
        return cls(**{**table, "verdict": verdict})

    def __str__(self) -> str:
        keys = {"case": self.case, "target": self.target, "verdict": self.verdict or ""}
        lines = [f"{key} = {_quoted(text)}\n" for key, text in keys.items() if text]
        return "[[known]]\n" + "".join(lines) + f"reason = {_quoted(self.reason)}\n"


def _quoted(text: str) -> str:
    """A string in TOML, which is JSON except for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@attrs.frozen
class Baseline:
    """All known failures.

    Attributes:
        known: The failures, in the order of the file.
    """

    known: tuple[KnownFailure, ...] = ()

    def idle(self, played: Collection[tuple[str, str]]) -> tuple[KnownFailure, ...]:
        """The known failures of cases that were played, but not on their target.

        Args:
            played: The cases and targets that were played, by their ids and names.
        """
        ids, targets = {case for case, _ in played}, {target for _, target in played}
        return tuple(k for k in self.known if k.case in ids and k.target not in {*targets, ""})

    def find(self, target: str, case: str) -> KnownFailure | None:
        """The known failure of a case on a target, or None."""
        fitting = [k for k in self.known if k.case == case and k.target in {target, ""}]
        return max(fitting, key=lambda known: known.target, default=None)


EMPTY: Final = Baseline()
"""No known failures."""


@attrs.frozen(kw_only=True)
class Change:
    """A failure, and the known failure of its case.

    Attributes:
        target: Name of the target.
        result: The result of the case.
        known: The known failure, or None.
    """

    target: str
    result: Result
    known: KnownFailure | None = None


@attrs.frozen(kw_only=True)
class Changes:
    """Results compared with the known failures.

    Attributes:
        new: Failures that are not known.
        known: Failures that are known.
        changed: Known cases that fail in another way.
        fixed: Known failures of cases that no longer fail, which should be removed.
    """

    new: tuple[Change, ...] = ()
    known: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    fixed: tuple[KnownFailure, ...] = ()

    @property
    def is_worse(self) -> bool:
        """Whether there are new or changed failures."""
        return bool(self.new or self.changed)


def describe_idle(
    idle: Iterable[KnownFailure], file: str, played: Collection[tuple[str, str]]
) -> str:
    """Say that known failures are of other targets than those that were played.

    Args:
        idle: The known failures, of `Baseline.idle`.
        file: Name of their file.
        played: The cases and targets that were played.
    """
    of = [one.target for one in idle]
    are = "known failure is" if len(of) == 1 else "known failures are"
    names, others = (
        ", ".join(sorted(map(repr, targets))) for targets in (set(of), {one for _, one in played})
    )
    return (
        f"{len(of)} {are} of targets that were not played: {names} in {file}; played was {others}"
    )


def read(path: Path, cases: Iterable[Case]) -> Baseline:
    """Read known failures.

    Args:
        path: The file.
        cases: All cases.

    Raises:
        CaseError: The file is wrong, or a case does not exist.
        OSError: The file cannot be read.
    """
    with errors_of(path):
        tables = read_toml(path, "known_failures")
        return _baseline(tables, {case.id for case in cases})


def _baseline(tables: Mapping[str, Any], ids: set[str]) -> Baseline:
    known = tuple(KnownFailure.from_table(table) for table in tables.get("known", []))
    unknown = sorted({one.case for one in known} - ids)
    if unknown:
        raise CaseError(f"there is no case {', '.join(unknown)}")
    pairs = [(one.case, one.target) for one in known]
    twice = sorted({case for case, target in pairs if pairs.count((case, target)) > 1})
    if twice:
        raise CaseError(f"{', '.join(twice)} is listed twice")
    return Baseline(known)


def compare(
    reports: Sequence[Report], baseline: Baseline, *, least: Level = Level.SHOULD
) -> Changes:
    """Compare results with the known failures.

    Args:
        reports: Reports on the targets.
        baseline: The known failures.
        least: The weakest level whose failures count, if they are not known.

    A known failure of a case or target that was not checked, or of a case that is unsupported now,
    is neither fixed nor a failure.
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
) -> Changes:
    """Write all failures as known.

    Args:
        path: The file, which is replaced.
        reports: Reports on the targets.
        baseline: The failures that were known. Their reasons are kept, and those that were not
            checked now.
        least: The weakest level whose failures are written, if they are not known.

    Returns:
        The changes to the file.

    Raises:
        OSError: The file cannot be written.
    """
    changes = compare(reports, baseline, least=least)
    known = {(one.case, one.target): one for one in baseline.known if one not in changes.fixed}
    for change in (*changes.changed, *changes.new):
        known[change.result.case.id, change.target] = _known_now(change)
    path.write_text("\n".join([_HEAD, *map(str, known.values())]), encoding="utf-8")
    return changes


def _known_now(change: Change) -> KnownFailure:
    return KnownFailure(
        case=change.result.case.id,
        target=change.target,
        verdict=change.result.verdict,
        reason=NO_REASON if change.known is None else change.known.reason,
    )
