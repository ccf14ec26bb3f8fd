"""Patterns: what is expected of an observation, and whether it is met.

An observation is a table of what was seen; a pattern is a table of what should have been: all of
its keys must match, and others may be there. Where a value is expected, these tables are patterns,
besides those that stand for a value (`wsfsm.conformance.values`):

| table | matches |
|---|---|
| `{ one_of = [...] }` | what one of the patterns matches |
| `{ between = [400, 499] }` | a number from one to the other, both included |
| `{ is = "text" }` | any `text`, `bytes`, `int`, `list` (a list or a tuple) or `dict` |
| `{ begins = "HTTP/" }` | a text, or bytes, that begin with this text |
| `{ absent = true }` | only a key that is not there |
| `{ unset = true }` | a key that is not there, or None |
| `{ has = [...] }` | a list that has these items, among others |
| `{ lacks = [...] }` | a list that has none of these items |
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wsfsm.conformance.values import CaseError, describe_value, value

__all__ = ["Pattern", "describe_pattern", "mismatch"]

Pattern = Mapping[str, Any]

_TABLES: Final = {"message", "headers", "scope"}
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "text": str,
    "bytes": bytes,
    "int": int,
    "list": (list, tuple),
    "dict": Mapping,
}
_TAGS: Final = {"one_of", "between", "is", "begins", "absent", "unset", "has", "lacks"}
_VALUES: Final = {"bytes", "hex", "text", "none", "code_points", "array", "bytearray", "memoryview"}


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING: Final = _Missing()


def mismatch(pattern: Pattern, observed: Mapping[str, Any]) -> str:
    """What is wrong with an observation, in a few words; "" if nothing is.

    Args:
        pattern: A table of patterns.
        observed: A table of values.

    Raises:
        CaseError: The pattern has a table that is none.
    """
    for key, expected in pattern.items():
        got = observed.get(key, _MISSING)
        if _is_table(key, expected):
            inner = mismatch(expected, got) if isinstance(got, Mapping) else _unlike("some", got)
            wrong = f" {inner}" if inner else ""
        else:
            inner = _mismatch(expected, got)
            wrong = f": {inner}" if inner else ""
        if wrong:
            return f"{key}{wrong}"
    return ""


def _is_table(key: str, expected: Any) -> bool:
    """Whether a pattern is a table of keys, none of which stands for a value."""
    return key in _TABLES and isinstance(expected, Mapping) and not expected.keys() & _TAGS


def _mismatch(expected: Any, got: Any) -> str:
    if isinstance(expected, Mapping):
        return _of_table(expected, got)
    if isinstance(expected, list):
        if isinstance(got, (list, tuple)) and len(got) == len(expected):
            pairs = zip(expected, got, strict=True)
            return next((wrong for pair in pairs if (wrong := _mismatch(*pair))), "")
        return _unlike(describe_value(expected), got)
    same = type(expected) is type(got) and expected == got
    return "" if same else _unlike(describe_value(expected), got)


def _of_table(expected: Mapping[str, Any], got: Any) -> str:
    tag = next(iter(expected.keys() & _TAGS), None)
    if tag is not None:
        return "" if _meets(tag, expected[tag], got) else _unlike(describe_pattern(expected), got)
    if expected.keys() & _VALUES:
        return _mismatch_value(value(expected), got)
    if not isinstance(got, Mapping):
        return _unlike(describe_pattern(expected), got)
    return mismatch(expected, got)


def _mismatch_value(expected: Any, got: Any) -> str:
    same = type(expected) is type(got) and expected == got
    return "" if same else _unlike(describe_value(expected), got)


def _meets(tag: str, expected: Any, got: Any) -> bool:  # noqa: PLR0911 - one return a pattern
    match tag:
        case "one_of":
            return any(not _mismatch(pattern, got) for pattern in expected)
        case "between":
            low, high = expected
            return type(got) is int and low <= got <= high
        case "is":
            if expected not in _KINDS:
                raise CaseError(f"a value is {' or '.join(_KINDS)}, and never {expected!r}")
            return isinstance(got, _KINDS[expected]) and type(got) is not bool
        case "begins":
            start = expected.encode("latin-1") if isinstance(got, bytes) else expected
            return isinstance(got, (str, bytes)) and got.startswith(start)
        case "absent":
            return got is _MISSING
        case "unset":
            return got is _MISSING or got is None
        case "has":
            return _is_list(got) and all(_contains(got, item) for item in expected)
    return got is _MISSING or (_is_list(got) and not any(_contains(got, i) for i in expected))


def _is_list(got: Any) -> bool:
    return isinstance(got, (list, tuple))


def _contains(got: Sequence[Any], pattern: Any) -> bool:
    return any(not _mismatch(pattern, item) for item in got)


def _unlike(expected: str, got: Any) -> str:
    return f"expected {expected}, got {describe_value(got)}"


def describe_pattern(pattern: Any) -> str:  # noqa: C901, PLR0911 - one return a pattern
    """A pattern for people."""
    match pattern:
        case list():
            return "[" + ", ".join(map(describe_pattern, pattern)) + "]"
        case {"one_of": choices}:
            return " or ".join(map(describe_pattern, choices))
        case {"between": [low, high]}:
            return f"{low} to {high}"
        case {"is": kind}:
            return f"any {kind}"
        case {"begins": start}:
            return f"what begins with {start!r}"
        case {"absent": _}:
            return "nothing"
        case {"unset": _}:
            return "nothing or None"
        case {"has": items}:
            return "a list with " + ", ".join(map(describe_pattern, items))
        case {"lacks": items}:
            return "a list without " + ", ".join(map(describe_pattern, items))
        case Mapping():
            if pattern.keys() & _VALUES and not pattern.keys() - _VALUES - {"times"}:
                try:
                    return describe_value(value(pattern))
                except CaseError:  # it is a table whose keys have such names
                    pass
            return ", ".join(_entry(key, item) for key, item in pattern.items())
    return describe_value(pattern)


def _entry(key: str, item: Any) -> str:
    if item is True:
        return key
    if item == {"absent": True}:
        return f"no {key}"
    if _is_table(key, item):
        return f"{key} {{{', '.join(_entry(k, i) for k, i in item.items())}}}"
    return f"{key}: {describe_pattern(item)}"
