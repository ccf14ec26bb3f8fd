"""What is wrong with what is passed to the facade's methods, found before anything happens."""

from collections.abc import Iterable

from wsfsm.errors import MalformedMessage, shown
from wsfsm.messages import Accept

__all__ = ["header_pairs", "wrong_mode", "wrong_type"]


def wrong_type(call: str, name: str, value: object, expected: str) -> TypeError:
    """The error for a `value` of the wrong type, passed to the method `call` as `name`."""
    return TypeError(f"{call}() takes {expected} as {name!r}, got {shown(value)}; nothing was sent")


def header_pairs(call: str, headers: Iterable[Iterable[bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers as a list.

    Raises:
        TypeError: `headers`, passed to the method `call`, are not pairs of bytes.
    """
    try:
        return list(Accept(headers=headers).headers)
    except MalformedMessage:
        raise wrong_type(call, "headers", headers, "pairs of bytes") from None


def wrong_mode(mode: str) -> RuntimeError:
    """The error for a `mode` that is not that of text or binary messages."""
    return RuntimeError(f'The "mode" argument should be "text" or "binary".\nIt is {mode!r}.')
