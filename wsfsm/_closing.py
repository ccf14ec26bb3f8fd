"""The codes and reasons that a Close frame can carry: one rule for the facade and for servers.

A close before the accept becomes a response of HTTP: there, nothing of this applies.
"""

from typing import Final

from wsfsm._text import describe

__all__ = ["REASON_SIZE", "code_fault", "reason_fault", "truncate_reason"]

REASON_SIZE: Final = 123
"""Bytes of UTF-8 that a Close frame has for its reason (RFC 6455 5.5, 5.5.1)."""


def code_fault(code: int) -> str | None:
    """Find out why no Close frame can have this code.

    Args:
        code: A close code.

    Returns:
        The fault, to be read after the name of the argument or key; None if there is none.
    """
    # RFC 6455 7.4: defined or registered, and not one of those that are never on the wire
    if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999:
        return None
    return f"must be 1000-1003, 1007-1014 or 3000-4999, got {describe(code)}"


def reason_fault(reason: str) -> str | None:
    """Find out why no Close frame can have this reason.

    Args:
        reason: A close reason.

    Returns:
        The fault, to be read after the name of the argument or key; None if there is none.
    """
    try:
        size = len(reason.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return f"has no form in UTF-8, got {describe(reason)}"
    if size > REASON_SIZE:
        return f"must have at most {REASON_SIZE} bytes in UTF-8, got {size}"
    return None


def truncate_reason(reason: str) -> str:
    """Cut a close reason to the length that a Close frame has room for, between two characters.

    Nothing else cuts one: a reason that is too long is refused.

    Args:
        reason: A close reason; one that has no form in UTF-8 is given back as it is.
    """
    try:
        return reason.encode()[:REASON_SIZE].decode(errors="ignore")
    except UnicodeEncodeError:
        return reason
