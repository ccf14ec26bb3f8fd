"""Checks of what is passed to the facade's methods, before anything happens."""

import reprlib
from collections.abc import Iterable

__all__ = ["check", "header_pairs", "is_text"]


def check(call: str, name: str, value: object, *expected: type | None) -> None:
    """Check the type of an argument.

    Raises:
        TypeError: `value`, passed to the method `call` as `name`, is of none of the
            `expected` types, and is not None where None is expected.
    """
    if not any(value is None if kind is None else isinstance(value, kind) for kind in expected):
        names = " or ".join("None" if kind is None else kind.__name__ for kind in expected)
        raise TypeError(
            f"{call}() takes {names} as {name!r}, got {type(value).__name__} "
            f"{reprlib.repr(value)}; nothing was sent"
        )


def header_pairs(
    call: str, headers: Iterable[tuple[bytes, bytes]] | None
) -> list[tuple[bytes, bytes]]:
    """The headers as a list.

    Raises:
        TypeError: `headers`, passed to the method `call`, are not pairs of bytes.
    """
    check(call, "headers", headers, Iterable, None)
    pairs = list(headers or ())
    for pair in pairs:
        check(call, "headers: pair", pair, tuple, list)
        for part in pair:
            check(call, "headers: name or value", part, bytes)
        if len(pair) != 2:
            raise TypeError(f"{call}() takes headers as pairs, got {reprlib.repr(pair)}")
    return pairs


def is_text(mode: str) -> bool:
    """Whether a `mode` is that of text, not binary.

    Raises:
        RuntimeError: It is neither.
    """
    if mode not in {"text", "binary"}:
        raise RuntimeError(f'The "mode" argument should be "text" or "binary".\nIt is {mode!r}.')
    return mode == "text"
