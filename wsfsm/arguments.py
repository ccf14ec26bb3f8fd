"""What is wrong with what is passed to the facade's methods, found before anything happens."""

import reprlib
from collections.abc import Iterable

__all__ = ["header_pairs", "wrong_mode", "wrong_type"]


def wrong_type(call: str, name: str, value: object, expected: str) -> TypeError:
    """The error for a `value` of the wrong type, passed to the method `call` as `name`."""
    return TypeError(
        f"{call}() takes {expected} as {name!r}, got {type(value).__name__} "
        f"{reprlib.repr(value)}; nothing was sent"
    )


def header_pairs(call: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers as a list.

    Raises:
        TypeError: `headers`, passed to the method `call`, are not pairs of bytes.
    """
    if not isinstance(headers, Iterable):
        raise wrong_type(call, "headers", headers, "pairs of bytes")
    pairs = list(headers)
    for pair in pairs:
        if not _is_pair(pair):
            raise wrong_type(call, "headers", pair, "pairs of bytes")
    return pairs


def _is_pair(pair: object) -> bool:
    return isinstance(pair, (tuple, list)) and [type(part) for part in pair] == [bytes, bytes]


def wrong_mode(mode: str) -> RuntimeError:
    """The error for a `mode` that is not that of text or binary messages."""
    return RuntimeError(f'The "mode" argument should be "text" or "binary".\nIt is {mode!r}.')
