"""Cases: the requirements on servers and facades, read from the files in ``specs/conformance``.

A case is data. Its steps are taken one after the other; each is a step of one side, and yields an
observation. `expect` has the patterns that an observation has to match, `non_strict` those that are
tolerated, and `need` those without which the case does not apply. ``specs/conformance/README.md``
describes all of it for authors of cases, and of runners in other languages. The JSON schemas there
define which files are valid.
"""

import enum
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import attrs

from wsfsm.conformance._schemas import FOLDER, errors_of, read_toml
from wsfsm.conformance.patterns import Pattern
from wsfsm.conformance.values import CaseError, describe_value

__all__ = ["Case", "Kind", "Level", "Never", "Step", "load", "load_folder", "select"]

Kind = Literal["server", "facade"]

SIDES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "server": ("app", "client", "neighbour", "server", "wait"),
    "facade": ("call", "server", "look", "wait"),
}
_CHECKS: Final = ("need", "expect", "non_strict")


class Level(enum.StrEnum):
    """How strongly the text demands a case (RFC 2119)."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@attrs.frozen(kw_only=True)
class Step:
    """A step of a case.

    Attributes:
        side: The side that takes the step.
        action: The action of that side.
        arguments: Arguments of the action.
        need: Patterns, one of which has to match for the case to apply; empty: any.
        expect: Patterns, one of which has to match; empty: any.
        non_strict: Patterns that are tolerated instead.
        within: Seconds to wait for the observation, or None for the usual time.
    """

    side: str
    action: str
    arguments: Mapping[str, Any]
    need: tuple[Pattern, ...] = ()
    expect: tuple[Pattern, ...] = ()
    non_strict: tuple[Pattern, ...] = ()
    within: float | None = None

    @classmethod
    def from_table(cls, kind: Kind, table: Mapping[str, Any]) -> Self:
        """Make a step of a table that matches the schema."""
        side = next(side for side in SIDES[kind] if side in table)
        known = {side, "within", *_CHECKS}
        arguments = {key: item for key, item in table.items() if key not in known}
        action = table[side]
        if side == "wait":
            action, arguments = "wait", {"seconds": float(action)}
        within = float(table["within"]) if "within" in table else None
        checks = {key: _alternatives(table.get(key, [])) for key in _CHECKS}
        return cls(side=side, action=action, arguments=arguments, within=within, **checks)

    def __str__(self) -> str:
        if self.side == "wait":
            return f"wait {self.arguments['seconds']} s"
        given = ", ".join(f"{key}={describe_value(item)}" for key, item in self.arguments.items())
        return f"{self.side} {self.action}" + f"({given})" * bool(given)


def _alternatives(pattern: Pattern | Sequence[Pattern]) -> tuple[Pattern, ...]:
    return (pattern,) if isinstance(pattern, Mapping) else tuple(pattern)


@attrs.frozen(kw_only=True)
class Never:
    """Things that must not be observed in a case at any time.

    Attributes:
        wire: Texts that the server never writes.
        head: Texts that it never writes before the empty line that ends the head of its response.
        messages: Patterns that no message to the application matches.
    """

    wire: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    messages: tuple[Pattern, ...] = ()


@attrs.frozen(kw_only=True)
class Case:
    """A case.

    Attributes:
        id: Name, which never changes.
        kind: "server" or "facade".
        level: How strongly the text demands it; ``may`` demands nothing.
        section: The text that demands it, its version and section.
        requirement: The requirement, in one sentence.
        steps: The steps, in order.
        note: More that the reader should know, for example why nothing is required; or "".
        spec_version: The first `spec_version` that it applies to, or "".
        before: The first `spec_version` that it no longer applies to, or "".
        extension: The extension that it needs, or "".
        variant: The variant that the server is started as; "" is the usual way.
        exclusive: Whether no other case is played on its server.
        never: Things that must not be observed.
    """

    id: str
    kind: Kind
    level: Level
    section: str
    requirement: str
    steps: tuple[Step, ...]
    note: str = ""
    spec_version: str = ""
    before: str = ""
    extension: str = ""
    variant: str = ""
    exclusive: bool = False
    never: Never = Never()

    def __str__(self) -> str:
        return self.id


Setups = Mapping[str, Sequence[Mapping[str, Any]]]
"""Steps by which cases begin, by name."""


def _case(kind: Kind, setups: Setups, table: Mapping[str, Any]) -> Case:
    steps = [*_beginning(setups, table), *table["steps"]]
    return Case(
        id=table["id"],
        kind=kind,
        level=Level(table["level"]),
        section=table["section"],
        requirement=table["requirement"],
        note=table.get("note", ""),
        steps=tuple(Step.from_table(kind, step) for step in steps),
        exclusive=table.get("exclusive", False),
        never=Never(**{key: tuple(item) for key, item in table.get("never", {}).items()}),
        **table.get("needs", {}),
    )


def _beginning(setups: Setups, table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps by which a case begins, with its arguments of the request."""
    given = table["given"]
    if given not in setups:
        known = " or ".join(sorted(setups))
        raise CaseError(f"case {table['id']}, given should be {known}, not {given!r}")
    return [_requesting(step, table.get("request", {})) for step in setups[given]]


def _requesting(step: Mapping[str, Any], request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step of a setup, with the arguments of the case if it makes the request."""
    requests = step.get("client") == "request" or step.get("server") == "opens"
    return {**step, **request} if requests else step


def load(path: Path, kind: Kind, setups: Setups | None = None) -> tuple[Case, ...]:
    """Read the cases of a file.

    Args:
        path: The file.
        kind: The kind of its cases.
        setups: Steps by which a case may begin, by name.

    Raises:
        CaseError: The file is wrong.
        OSError: The file cannot be read.
    """
    with errors_of(path):
        tables = _read(path, kind).get("case", [])
        return tuple(_case(kind, setups or {}, table) for table in tables)


def _read(path: Path, kind: Kind) -> dict[str, Any]:
    # to check all of our own cases takes seconds, and the tests do it
    return read_toml(path, kind, trusted=path.is_relative_to(FOLDER))


@functools.cache
def load_folder(kind: Kind, folder: Path = FOLDER) -> tuple[Case, ...]:
    """Read all cases of a kind, in the order of the names of their files.

    Raises:
        CaseError: A file is wrong, or two cases have the same id.
        OSError: A file cannot be read.
    """
    path = folder / kind / "setups.toml"
    with errors_of(path):
        setups = _read(path, kind).get("setup", {})
    paths = sorted((folder / kind).glob("*.toml"))
    cases = [case for path in paths for case in load(path, kind, setups)]
    ids = [case.id for case in cases]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise CaseError(f"more than one case has the id {', '.join(twice)}")
    return tuple(cases)


def select(
    cases: Iterable[Case],
    *,
    ids: Sequence[str] = (),
    sections: Sequence[str] = (),
    levels: Sequence[Level] = (),
) -> tuple[Case, ...]:
    """Select cases that match all filters; an empty filter matches all cases.

    Args:
        cases: The cases.
        ids: Ids, or their beginnings up to a dot.
        sections: Parts of sections, in upper or lower case, for example "RFC 6455, 7.4".
        levels: Levels.

    Raises:
        CaseError: No case has one of the ids or sections.
    """
    kept = list(cases)
    for name in ids:
        if not any(_has_id(case, name) for case in kept):
            raise CaseError(f"no case has the id {name!r}, or an id that begins with it and a dot")
    for section in sections:
        if not any(section.lower() in case.section.lower() for case in kept):
            raise CaseError(f"no case has {section!r} in its section")
    return tuple(
        case
        for case in kept
        if (not ids or any(_has_id(case, name) for name in ids))
        and (not sections or any(s.lower() in case.section.lower() for s in sections))
        and (not levels or case.level in levels)
    )


def _has_id(case: Case, name: str) -> bool:
    return case.id == name or case.id.startswith(f"{name}.")
