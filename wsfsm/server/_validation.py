"""Checks of the messages that an application sends, before the machine sees them.

The records of `messages` check types. The checks here are about values: whether a frame or an HTTP head
can hold them. A message that is refused has changed nothing. Two checks are elsewhere: `_outputs` counts
the bytes of a denial response and compares them with its content-length, and `_connection` has a short
cut for data messages of the right type, because nearly all messages are of that kind.
"""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from wsfsm._closing import code_fault, reason_fault
from wsfsm._text import describe
from wsfsm.exceptions import MalformedMessage
from wsfsm.messages import Accept, Close, ResponseBody, ResponseStart, Send, type_of
from wsfsm.server._handshake import TOKEN

__all__ = ["Sendable", "clean_header", "outgoing"]

Sendable: TypeAlias = Accept | Send | Close | ResponseStart | ResponseBody
"""The record of a message that an application sends."""

# RFC 9110 5.5: visible characters and obs-text, with blanks between them
_VALUE: Final = re.compile(rb"[\x21-\x7e\x80-\xff]+([ \t]+[\x21-\x7e\x80-\xff]+)*|")

_LENGTH: Final = re.compile(rb"[0-9]{1,18}")

_SUBPROTOCOL: Final = b"sec-websocket-protocol"

_OWNED: Final = frozenset(
    {
        b"connection",
        b"content-length",  # RFC 9110 8.6: not allowed in a response with 101
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-version",
        _SUBPROTOCOL,
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of the 101 response that only the server may write (RFC 6455 4.2.2; ASGI 2.5, Accept)."""

_OVERRULED: Final = frozenset({b"connection", b"transfer-encoding"})
"""Headers of a denial response that the server replaces by its own (ASGI 2.5, Response Start)."""


def outgoing(message: Any, subprotocols: Collection[str], *, mend: bool = False) -> Sendable:
    """Check a message of the application, and return its record.

    Args:
        message: The argument of the application's ``send()``.
        subprotocols: The subprotocols that the client offers.
        mend: Whether to correct a wrong accept (see `Policies.wrong_accept`).

    Raises:
        MalformedMessage: An application cannot send this type, a key is missing or has a wrong type,
            or a value cannot go on the wire.
    """
    kind = _SENDABLE[type_of(message, _SENDABLE)]
    key = _PAYLOADS.get(kind)
    if key is not None and isinstance(message.get(key), (bytearray, memoryview)):
        with suppress(ValueError):  # a released memoryview; it is refused below
            message = {**message, key: bytes(message[key])}  # a copy, which cannot change later
    record = kind.from_message(message)
    try:
        if isinstance(record, Accept):
            return _accept(record, subprotocols, mend=mend)
        return _CHECKS[kind](record)
    except MalformedMessage as error:
        error.message = message
        raise


def _wrong(record: Sendable, key: str, text: str) -> MalformedMessage:
    return MalformedMessage(f'{record.type}: "{key}" {text}', key=key)


def _utf8(record: Sendable, key: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _wrong(record, key, f"must be encodable as UTF-8, got {describe(text)}") from None


def _accept(record: Accept, subprotocols: Collection[str], *, mend: bool) -> Accept:
    chosen, headers = record.subprotocol, _headers(record, record.headers)
    if mend:
        in_headers = [value.decode("latin-1") for name, value in headers if name == _SUBPROTOCOL]
        chosen = chosen or (in_headers[0] if in_headers else None) or None
        headers = tuple(pair for pair in headers if pair[0] not in _OWNED)
    elif chosen is not None and chosen not in subprotocols:
        offered = ", ".join(subprotocols) or "none"
        raise _wrong(
            record,
            "subprotocol",
            f"must be one that the client offers ({offered}), got {describe(chosen)}",
        )
    if chosen is not None and not TOKEN.fullmatch(chosen.encode("utf-8", "replace")):
        raise _wrong(record, "subprotocol", f"must be a token, got {describe(chosen)}")
    for name, _ in headers:
        if name in _OWNED:
            raise _wrong(
                record, "headers", f"must not have {describe(name)}, which the server writes"
            )
    if chosen == record.subprotocol and headers == record.headers:
        return record
    return attrs.evolve(record, subprotocol=chosen, headers=headers)


def _send(record: Send) -> Send:
    if record.text is not None:
        _utf8(record, "text", record.text)
    return record


def _close(record: Close) -> Close:
    if fault := code_fault(record.code):
        raise _wrong(record, "code", fault)
    if fault := reason_fault(record.reason):
        raise _wrong(record, "reason", fault)
    return record


def _start(record: ResponseStart) -> ResponseStart:
    # an interim response, for example 101, would not end the handshake
    if not 200 <= record.status <= 599:
        raise _wrong(record, "status", f"must be 200-599, got {describe(record.status)}")
    headers = _headers(record, record.headers)
    lengths = [value for name, value in headers if name == b"content-length"]
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise _wrong(
            record,
            "headers",
            f"must have at most one content-length, and it must be a number, got {describe(lengths)}",
        )
    kept = tuple(pair for pair in headers if pair[0] not in _OVERRULED)
    return attrs.evolve(record, headers=kept)


def _body(record: ResponseBody) -> ResponseBody:
    return record


_CHECKS: Final[MappingProxyType[type[Sendable], Callable[[Any], Sendable]]] = MappingProxyType(
    {Send: _send, Close: _close, ResponseStart: _start, ResponseBody: _body}
)

_SENDABLE: Final[MappingProxyType[str, type[Sendable]]] = MappingProxyType(
    {kind.type: kind for kind in (Accept, *_CHECKS)}
)

_PAYLOADS: Final = MappingProxyType({Send: "bytes", ResponseBody: "body"})
"""Keys whose value may be any bytes-like object."""


def _headers(
    record: Accept | ResponseStart, headers: Collection[tuple[bytes, bytes]]
) -> tuple[tuple[bytes, bytes], ...]:
    """Normalize headers: names in lower case, values without surrounding blanks."""
    checked = []
    for name, value in headers:
        if not TOKEN.fullmatch(name):  # this refuses pseudo headers too, because of their colon
            raise _wrong(record, "headers", f"must have tokens as names, got {describe(name)}")
        header = clean_header(name, value)
        if header is None:
            raise _wrong(
                record,
                "headers",
                f"must not have control characters in values, got {describe(value)}",
            )
        checked.append(header)
    return tuple(checked)


def clean_header(name: bytes, value: bytes) -> tuple[bytes, bytes] | None:
    """Normalize a header: the name in lower case, the value without surrounding blanks.

    Returns:
        The header, or None if it is not valid in HTTP (RFC 9110 5.1, 5.5).
    """
    stripped = value.strip(b" \t")
    if not (TOKEN.fullmatch(name) and _VALUE.fullmatch(stripped)):
        return None
    return name.lower(), stripped
