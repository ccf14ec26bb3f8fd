"""Patterns: tables that an observation has to match.

All keys of a pattern have to match; the observation may have more. In place of a value, a pattern
may have one of these tables, or one that represents a value (`wsfsm.conformance.values`):

| table | matches |
|---|---|
| `{ one_of = [...] }` | a value that one of the patterns matches |
| `{ between = [400, 499] }` | an integer from the first to the second, both included |
| `{ is = "text" }` | any `text`, `bytes`, `int`, `list` (a list or a tuple) or `dict` |
| `{ begins = "HTTP/" }` | a text, or bytes, that begin with this text |
| `{ absent = true }` | only a missing key |
| `{ unset = true }` | a missing key, or None |
| `{ has = [...] }` | a list that contains these items, and maybe others |
| `{ lacks = [...] }` | a list that contains none of these items, or a missing key |
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
    """Describe the difference between an observation and a pattern; "" if it matches.

    Args:
        pattern: The pattern.
        observed: The observation.

    Raises:
        CaseError: The pattern is wrong.
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
    """Whether a pattern is a table of keys, none of which represents a value."""
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
                raise CaseError(f"expected {' or '.join(_KINDS)} after is, not {expected!r}")
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
    """Describe a pattern for people."""
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
            return f"something that begins with {start!r}"
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
                except CaseError:  # a table with keys of these names
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
