r"""Values of cases: in TOML, as JSON on the control channel, and described for people.

TOML has neither byte strings nor null. In a case, a table with one of these keys represents a value:

| table | value |
|---|---|
| `{ bytes = "a\u00ff" }` | bytes, one for each character from U+0000 to U+00FF |
| `{ hex = "61ff" }` | bytes |
| `{ text = "a", times = 3 }` | text; `times` repeats it, and also bytes |
| `{ none = true }` | None |
| `{ code_points = [0xd800] }` | text of these code points, which a file cannot contain |
| `{ array = [...] }` | a list whose items are values again |
| `{ bytearray = "a" }`, `{ memoryview = "a" }` | the same bytes as one of these types |
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from wsfsm.exceptions import Explained

__all__ = ["CaseError", "describe_value", "from_json", "message", "to_json", "value"]

_LONG: Final = 60  # length up to which a text or byte string is not shortened


class CaseError(Explained, ValueError):
    """A wrong case, file of cases or known failures, or report."""

    topic = "check"


def value(raw: Any) -> Any:
    """Return the value that an item of a file represents.

    Raises:
        CaseError: A table does not represent a value.
    """
    if isinstance(raw, list):
        return [value(item) for item in raw]
    if not isinstance(raw, Mapping):
        return raw
    try:
        return _tagged(raw)
    except CaseError:  # the error of an item is more specific
        raise
    except (ValueError, TypeError, OverflowError, MemoryError):
        text = "expected a value, for example a text, a number or { bytes = 'a' }"
        raise CaseError(f"{text}, not {dict(raw)}") from None


def _tagged(raw: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one return a tag
    tags = dict(raw)
    times = tags.pop("times", 1)
    if type(times) is not int or times < 0:
        raise TypeError("times is not a number of times")
    match tags:
        case {"bytes": str(text)} if len(tags) == 1:
            return text.encode("latin-1") * times
        case {"hex": str(digits)} if len(tags) == 1:
            return bytes.fromhex(digits) * times
        case {"text": str(text)} if len(tags) == 1:
            return text * times
        case {"none": True} if len(raw) == 1:
            return None
        case {"code_points": list(points)} if len(raw) == 1:
            return "".join(map(chr, points))
        case {"array": list(items)} if len(raw) == 1:
            return [value(item) for item in items]
        case {"bytearray": str(text)} if len(raw) == 1:
            return bytearray(text.encode("latin-1"))
        case {"memoryview": str(text)} if len(raw) == 1:
            return memoryview(text.encode("latin-1"))
    raise TypeError("no key represents a value")


def message(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ASGI message that a table of a file represents.

    Raises:
        CaseError: The item is not a table, or a table in it does not represent a value.
    """
    if not isinstance(raw, Mapping):
        raise CaseError(f"expected a table for a message, not {raw!r}")
    return {key: value(item) for key, item in raw.items()}


def to_json(python: Any) -> Any:
    """Convert a value to JSON, in which a table has one key, the type of the value.

    An object of a type that ASGI does not have (for example in the state of a lifespan) becomes text.
    """
    match python:
        case bytes() | bytearray() | memoryview():
            return {type(python).__name__: base64.b64encode(python).decode()}
        case tuple() | list():
            kind = "list" if isinstance(python, list) else "tuple"
            return {kind: [to_json(item) for item in python]}
        case Mapping():
            return {"dict": [[str(key), to_json(item)] for key, item in python.items()]}
        case None | bool() | int() | float() | str():
            return python
    return {"other": repr(type(python))}


def from_json(encoded: Any) -> Any:  # noqa: PLR0911 - one return a type
    """Convert JSON back to the value; an object of a type that ASGI does not have remains text."""
    match encoded:
        case {"bytes": data}:
            return base64.b64decode(data)
        case {"bytearray": data}:
            return bytearray(base64.b64decode(data))
        case {"memoryview": data}:
            return memoryview(base64.b64decode(data))
        case {"list": items}:
            return [from_json(item) for item in items]
        case {"tuple": items}:
            return tuple(from_json(item) for item in items)
        case {"dict": pairs}:
            return {key: from_json(item) for key, item in pairs}
        case {"other": name}:
            return name
    return encoded


def describe_value(python: Any) -> str:
    """Describe a value for people, shortened if it is long."""
    match python:
        case str() | bytes() if len(python) > _LONG:
            return f"{python[:24]!r}... ({len(python)} {'B' if isinstance(python, bytes) else 'characters'})"
        case Mapping():
            return (
                "{"
                + ", ".join(f"{key}: {describe_value(item)}" for key, item in python.items())
                + "}"
            )
        case list() | tuple():
            left, right = "[]" if isinstance(python, list) else "()"
            return left + ", ".join(map(describe_value, python)) + right
    try:
        return repr(python)
    except Exception:  # noqa: BLE001 - an unknown class, or an int of too many digits
        return f"<{type(python).__name__} without a repr>"
