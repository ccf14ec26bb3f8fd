"""Cases: what is demanded of servers and facades, read from the files in ``specs/conformance``.

A case is data. Its steps are done one after the other; each is a step of one side. What a step
sees is an observation; `expect` says what must be seen, `non_strict` what may be let pass, and
`need` what must be seen for the case to have a meaning at all. ``specs/conformance/README.md``
tells all of it to those who write cases, or a runner in another language.
"""

import enum
import functools
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import attrs

from wsfsm.conformance.patterns import Pattern
from wsfsm.conformance.values import CaseError, describe_value

__all__ = ["Case", "Kind", "Level", "Never", "Step", "load", "load_folder", "select"]

Kind = Literal["server", "facade"]

_HERE: Final = Path(__file__).parent
_SOURCE: Final = _HERE.parents[1] / "specs" / "conformance"
FOLDER: Final = _HERE / "data" if (_HERE / "data").is_dir() else _SOURCE
"""Where the cases are: in the package, or in the tree that it is run from."""

SIDES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "server": ("app", "client", "neighbour", "server", "wait"),
    "facade": ("call", "server", "look", "wait"),
}
_CHECKS: Final = ("need", "expect", "non_strict")


class Level(enum.StrEnum):
    """How strongly the text demands what a case is about (RFC 2119)."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@attrs.frozen(kw_only=True)
class Step:
    """A step of a case.

    Attributes:
        side: Who takes it.
        action: What is done.
        arguments: What it is done with.
        need: Patterns, one of which what is seen matches if the case has a meaning; empty: any.
        expect: Patterns, one of which it must match; empty: any.
        non_strict: Patterns that are let pass instead.
        within: Seconds in which it must be seen, or None for the usual time.
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
        """Read a step.

        Raises:
            CaseError: The table has no side, or more than one, or what has no meaning.
        """
        if not isinstance(table, Mapping):
            raise CaseError(f"a step is a table, and not {table!r}")
        sides = [side for side in SIDES[kind] if side in table]
        if len(sides) != 1:
            raise CaseError(f"a step has one of {', '.join(SIDES[kind])}: {dict(table)}")
        (side,) = sides
        known = {side, "within", *_CHECKS}
        arguments = {key: item for key, item in table.items() if key not in known}
        action = table[side]
        if side == "wait":
            action, arguments = "wait", {"seconds": _seconds(action)}
        if not isinstance(action, str):
            raise CaseError(f"what {side} does is told as text, and not {action!r}")
        within = _seconds(table["within"]) if "within" in table else None
        checks = {key: _alternatives(table.get(key, [])) for key in _CHECKS}
        return cls(side=side, action=action, arguments=arguments, within=within, **checks)

    def __str__(self) -> str:
        if self.side == "wait":
            return f"wait {self.arguments['seconds']} s"
        said = ", ".join(f"{key}={describe_value(item)}" for key, item in self.arguments.items())
        return f"{self.side} {self.action}" + f"({said})" * bool(said)


def _alternatives(pattern: Pattern | Sequence[Pattern]) -> tuple[Pattern, ...]:
    listed = [pattern] if isinstance(pattern, Mapping) else pattern
    return _listed(listed, Mapping, "a pattern is a table, alone or in a list")


def _listed(listed: Any, kind: type, rule: str) -> tuple[Any, ...]:
    if not isinstance(listed, list) or not all(isinstance(item, kind) for item in listed):
        raise CaseError(f"{rule}, and not {listed!r}")
    return tuple(listed)


def _seconds(told: Any) -> float:
    if type(told) not in {int, float} or not 0 <= told < math.inf:
        raise CaseError(f"seconds are a number from 0 on, and not {told!r}")
    return float(told)


@attrs.frozen(kw_only=True)
class Never:
    """What must not be seen in a case, at any time.

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
        id: What it is called, the same for ever.
        kind: What it is about.
        level: How strongly it is demanded; nothing is demanded by `may`.
        section: The text that demands it, its version and section.
        requirement: What is demanded, in one sentence.
        steps: What is done and seen, in order.
        note: What else is to be known: why nothing is demanded, say; or "".
        spec_version: The least `spec_version` that it holds for, or "".
        before: The least `spec_version` that it does not hold for any more, or "".
        extension: The extension that it needs, or "".
        variant: How the server is to be started: "" is as usual.
        exclusive: Whether no other case is played on its server.
        never: What must not be seen.
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


_CASE_KEYS: Final = {
    "id",
    "level",
    "section",
    "requirement",
    "note",
    "needs",
    "given",
    "request",
    "steps",
    "never",
    "exclusive",
}


def _case(
    kind: Kind, setups: Mapping[str, Sequence[Mapping[str, Any]]], table: Mapping[str, Any]
) -> Case:
    name = table.get("id", "a case without an id")
    try:
        _look_at_types(table)
        before = _beginning(setups, table)
        kinds = {"wire": str, "head": str, "messages": Mapping}
        never = {
            key: _listed(item, kinds.get(key, object), f"never.{key} is a list of its items")
            for key, item in table.get("never", {}).items()
        }
        steps = tuple(Step.from_table(kind, step) for step in [*before, *table["steps"]])
        return Case(
            id=table["id"],
            kind=kind,
            level=Level(table["level"]),
            section=table["section"],
            requirement=table["requirement"],
            note=table.get("note", ""),
            steps=steps,
            exclusive=table.get("exclusive", False),
            never=Never(**never),
            **table.get("needs", {}),
        )
    except KeyError as error:
        raise CaseError(f"{name}: {error.args[0]} is missing") from None
    except (CaseError, TypeError, ValueError) as error:
        raise CaseError(f"{name}: {error}") from None


_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    **dict.fromkeys(("id", "section", "requirement", "note", "given"), (str, "a text")),
    **dict.fromkeys(("needs", "request", "never"), (Mapping, "a table")),
    "steps": (list, "a list"),
    "exclusive": (bool, "true or false"),
}


def _look_at_types(table: Mapping[str, Any]) -> None:
    for key, (kind, called) in _TYPES.items():
        if key in table and not isinstance(table[key], kind):
            raise CaseError(f"{key} is {called}, and not {table[key]!r}")
    for key, item in table.get("needs", {}).items():
        if not isinstance(item, str):
            raise CaseError(f"needs.{key} is a text, and not {item!r}")


def _beginning(
    setups: Mapping[str, Sequence[Mapping[str, Any]]], table: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The steps by which a case begins."""
    unknown = table.keys() - _CASE_KEYS
    if unknown:
        raise CaseError(f"nothing is known of {', '.join(sorted(unknown))}")
    given = table.get("given")
    if given is None:
        return []
    if given not in setups:
        raise CaseError(f"given {given!r} is not among {', '.join(sorted(setups))}")
    return [_asking(step, table.get("request", {})) for step in setups[given]]


def _asking(step: Mapping[str, Any], request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step of a setup; what the case says of its request is added where it is made."""
    asks = step.get("client") == "request" or step.get("server") == "opens"
    return {**step, **request} if asks else step


def load(path: Path, kind: Kind, setups: Mapping[str, Any] | None = None) -> tuple[Case, ...]:
    """The cases of a file.

    Args:
        path: The file.
        kind: What its cases are about.
        setups: Steps by which a case may begin, by name.

    Raises:
        CaseError: The file says what has no meaning.
        OSError: It cannot be read.
    """
    try:
        tables = _listed(_read(path).get("case", []), Mapping, "cases are tables [[case]]")
        return tuple(_case(kind, setups or {}, table) for table in tables)
    except CaseError as error:
        raise CaseError(f"{path.name}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or nested without end
        raise CaseError(str(error)) from None


@functools.cache
def load_folder(kind: Kind, folder: Path = FOLDER) -> tuple[Case, ...]:
    """All cases about servers, or about facades, in the order of the files' names.

    Raises:
        CaseError: A file says what has no meaning, or two cases have the same id.
        OSError: A file cannot be read.
    """
    setups = _setups(folder / kind / "setups.toml")
    paths = sorted((folder / kind).glob("*.toml"))
    cases = [case for path in paths for case in load(path, kind, setups)]
    ids = [case.id for case in cases]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise CaseError(f"more than one case is called {', '.join(twice)}")
    return tuple(cases)


def _setups(path: Path) -> Mapping[str, Any]:
    try:
        setups = _read(path).get("setup", {})
        steps = setups.values() if isinstance(setups, Mapping) else [setups]
        for listed in steps:
            _listed(listed, Mapping, "a setup is a list of steps")
    except CaseError as error:
        raise CaseError(f"{path.name}: {error}") from None
    return dict(setups)


def select(
    cases: Iterable[Case],
    *,
    ids: Sequence[str] = (),
    sections: Sequence[str] = (),
    levels: Sequence[Level] = (),
) -> tuple[Case, ...]:
    """Those of some cases that are asked for; what is empty asks for all.

    Args:
        cases: The cases.
        ids: Ids, or the beginnings of ids up to a dot.
        sections: Parts of sections, in upper or lower case: "Close" or "RFC 6455 7.4".
        levels: Levels.

    Raises:
        CaseError: One of the ids or sections is that of no case.
    """
    kept = list(cases)
    for name in ids:
        if not any(_is_called(case, name) for case in kept):
            raise CaseError(f"no case is called {name!r}, or begins with it")
    for section in sections:
        if not any(section.lower() in case.section.lower() for case in kept):
            raise CaseError(f"no case is of a section {section!r}")
    return tuple(
        case
        for case in kept
        if (not ids or any(_is_called(case, name) for name in ids))
        and (not sections or any(s.lower() in case.section.lower() for s in sections))
        and (not levels or case.level in levels)
    )


def _is_called(case: Case, name: str) -> bool:
    return case.id == name or case.id.startswith(f"{name}.")
