"""The codes and reasons that a Close frame can have; the facade and servers share these rules.

They do not apply to a close before the accept, because that becomes an HTTP response.
"""

from typing import Final

from wsfsm._text import describe

__all__ = ["REASON_SIZE", "code_fault", "reason_fault", "truncate_reason"]

REASON_SIZE: Final = 123
"""The longest reason of a Close frame, in bytes of UTF-8 (RFC 6455 5.5, 5.5.1)."""


def code_fault(code: int) -> str | None:
    """Explain why a Close frame cannot have this code, if it cannot.

    Args:
        code: A close code.

    Returns:
        A text that continues the name of the argument or key; None if the value is valid.
    """
    # RFC 6455 7.4: defined or registered, and allowed on the wire
    if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999:
        return None
    return f"must be 1000-1003, 1007-1014 or 3000-4999, got {describe(code)}"


def reason_fault(reason: str) -> str | None:
    """Explain why a Close frame cannot have this reason, if it cannot.

    Args:
        reason: A close reason.

    Returns:
        A text that continues the name of the argument or key; None if the value is valid.
    """
    try:
        size = len(reason.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return f"must be encodable as UTF-8, got {describe(reason)}"
    if size > REASON_SIZE:
        return f"must have at most {REASON_SIZE} bytes in UTF-8, got {size}"
    return None


def truncate_reason(reason: str) -> str:
    """Cut a close reason to the 123 bytes that fit into a Close frame, between two characters.

    Use it for reasons that can be longer, because a reason that is too long is refused.

    Args:
        reason: A close reason. If it cannot be encoded as UTF-8, it is returned unchanged.
    """
    try:
        return reason.encode()[:REASON_SIZE].decode(errors="ignore")
    except UnicodeEncodeError:
        return reason
