"""Texts for errors."""

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
        # Python refuses to write long ones, as its versions do in different words
        return super().repr_int(x, level) if x.bit_length() <= _BITS else f"({x.bit_length()} bits)"


_repr: Final = _Repr().repr


def describe(value: object) -> str:
    """Describe a value in an error's text: its type and a short repr, whatever it is."""
    if isinstance(value, (str, bytes, bytearray)):
        value = value[:_LENGTH]  # the repr of all of it would cost more than the error
    try:
        text = _repr(value)
    except Exception:  # noqa: BLE001 - any repr may fail
        text = "(without a repr)"
    return f"{type(value).__name__} {text}"


def printable(text: str) -> str:
    """A text on one line, with what cannot be printed written as its escape sequence."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(name: str) -> str:
    """The beginning of a name that is too long for an error's text."""
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}..."


def readable(name: str) -> str:
    """A name for an error's text: printable, not empty and not too long."""
    return printable(shortened(name)) or '""'


def listed(names: Collection[str]) -> str:
    """Names for an error's text: the first ones, and how many more there are."""
    first = ", ".join(readable(name) for name, _ in zip(names, range(_NAMES), strict=False))
    return first if len(names) <= _NAMES else f"{first} and {len(names) - _NAMES} more"
