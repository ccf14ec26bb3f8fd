r"""Values of cases: as they stand in TOML, as they travel to a player, and as they are shown.

TOML has no byte strings and no None. In a case, a table with one of these keys stands for a value:

| table | value |
|---|---|
| `{ bytes = "a\u00ff" }` | bytes, one for each character from U+0000 to U+00FF |
| `{ hex = "61ff" }` | bytes |
| `{ text = "a", times = 3 }` | text; `times` repeats it, as it does bytes |
| `{ none = true }` | None |
| `{ code_points = [0xd800] }` | text of these code points, which no file can hold as such |
| `{ array = [...] }` | a list whose items are values again |
| `{ bytearray = "a" }`, `{ memoryview = "a" }` | the same bytes as one of these types |
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CaseError", "describe_value", "from_json", "message", "to_json", "value"]

_LONG: Final = 60  # characters of a text or byte string that are shown whole


class CaseError(ValueError):
    """A file of cases, or of known failures, that says what has no meaning."""


def value(raw: Any) -> Any:
    """The value that something in a file stands for.

    Raises:
        CaseError: It is a table that stands for none.
    """
    if isinstance(raw, list):
        return [value(item) for item in raw]
    if not isinstance(raw, Mapping):
        return raw
    try:
        return _tagged(raw)
    except CaseError:  # of an item, which tells more
        raise
    except (ValueError, TypeError, OverflowError, MemoryError):
        raise CaseError(f"no value is written like this: {dict(raw)}") from None


def _tagged(raw: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one return a tag
    tags = dict(raw)
    times = tags.pop("times", 1)
    if type(times) is not int or times < 0:
        raise TypeError("times is a number from 0 on")
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
    raise TypeError("no key of it stands for a value")


def message(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ASGI message that a table of a file stands for.

    Raises:
        CaseError: It is no table, or a key has a table that stands for no value.
    """
    if not isinstance(raw, Mapping):
        raise CaseError(f"a message is a table, and not {raw!r}")
    return {key: value(item) for key, item in raw.items()}


def to_json(python: Any) -> Any:
    """A value as it travels: JSON, in which a table has one key that tells its type.

    What is of no type that ASGI has (an object in the state of a lifespan, say) goes as a text.
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


def from_json(travelled: Any) -> Any:  # noqa: PLR0911 - one return a type
    """The value again; a tuple is a tuple, and what was of no type of ASGI a text."""
    match travelled:
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
    return travelled


def describe_value(python: Any) -> str:
    """A value for people, shortened where it is long."""
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
    except Exception:  # noqa: BLE001 - of a class that nobody knows, or an int of too many digits
        return f"<{type(python).__name__} that cannot be shown>"
