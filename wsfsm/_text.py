"""Helpers for the texts of errors and log lines."""

import reprlib
from collections.abc import Collection
from typing import Final

__all__ = ["describe", "listed", "printable", "readable", "shortened"]

_LENGTH: Final = 100  # more than reprlib shows
_BITS: Final = 2048  # less than any limit of sys.set_int_max_str_digits()
_NAME_LENGTH: Final = 200
_NAMES: Final = 40


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to convert long ones, and each version words its error differently
        return super().repr_int(x, level) if x.bit_length() <= _BITS else f"({x.bit_length()} bits)"


_repr: Final = _Repr().repr


def describe(value: object) -> str:
    """Describe any value for the text of an error: its type and a short repr."""
    if isinstance(value, (str, bytes, bytearray)):
        value = value[:_LENGTH]  # a repr of the whole value would be slow
    try:
        text = _repr(value)
    except Exception:  # noqa: BLE001 - any repr may fail
        text = "(without a repr)"
    return f"{type(value).__name__} {text}"


def printable(text: str) -> str:
    """Escape all characters that cannot be printed, line breaks too."""
    if text.isprintable():  # nearly each text
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(name: str) -> str:
    """Cut a name that is too long for the text of an error."""
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}..."


def readable(name: str) -> str:
    """Make a name fit for the text of an error: printable, not empty and not too long."""
    return printable(shortened(name)) or '""'


def listed(names: Collection[str]) -> str:
    """List names for the text of an error: the first ones, and how many more there are."""
    first = ", ".join(readable(name) for name, _ in zip(names, range(_NAMES), strict=False))
    return first if len(names) <= _NAMES else f"{first} and {len(names) - _NAMES} more"
