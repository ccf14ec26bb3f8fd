"""The client's opening handshake and its checks (RFC 6455 4.2.1)."""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import attrs

from wsfsm.exceptions import Explained

__all__ = ["BadHandshake", "Handshake", "read_handshake"]

_Fields: TypeAlias = dict[bytes, tuple[bytes, ...]]
"""Values of headers, by name in lower case."""

_READ: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"host",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that are read."""

_NO_BODY: Final = (b"0",)
"""The only Content-Length of a handshake."""

TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token (RFC 9110 5.6.2), for example a method, the name of a header or a subprotocol."""

_KEY: Final = re.compile(rb"[0-9A-Za-z+/]{22}==")
"""16 bytes in base64."""

_HTTP_VERSION: Final = re.compile(r"1\.[1-9]|[2-9](\.\d)?")


@attrs.frozen
class Handshake:
    """A valid handshake.

    Attributes:
        key: Value of Sec-WebSocket-Key.
        subprotocols: The subprotocols that the client offers, in its order of preference.
    """

    key: bytes
    subprotocols: tuple[str, ...]


class BadHandshake(Explained, ValueError):
    """A request cannot become a WebSocket; the text says why, and is the body of the response.

    Attributes:
        status: Status code of the HTTP response.
        headers: Headers of the HTTP response.
    """

    topic = "bad-handshake"

    def __init__(
        self, text: str, *, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        ValueError.__init__(self, text)
        self.status = status
        self.headers = headers


def read_handshake(
    method: bytes | str, headers: Iterable[tuple[bytes, bytes]], http_version: str = "1.1"
) -> Handshake:
    """Read a client's opening handshake (RFC 6455 4.2.1).

    Args:
        method: Method of the request.
        headers: Headers of the request; names in any case, values unchanged.
        http_version: HTTP version of the request, for example ``"1.1"``.

    Raises:
        BadHandshake: The request is not a valid handshake; the exception has the response to it
            (RFC 6455 4.2.2, 4.4).
    """
    fields: _Fields = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in _READ:
            values = (value.strip(b" \t"),)
            fields[lowered] = fields[lowered] + values if lowered in fields else values
    if method not in (b"GET", "GET"):
        raise BadHandshake(
            "WebSocket handshakes must use GET", status=405, headers=((b"allow", b"GET"),)
        )
    if http_version != "1.1" and not _HTTP_VERSION.fullmatch(http_version):
        raise BadHandshake("WebSocket handshakes must use HTTP/1.1 or later")
    if len(fields.get(b"host", ())) != 1:
        raise BadHandshake("WebSocket handshakes must have exactly one Host header")
    _check_upgrade(fields)
    # RFC 6455 does not define a body of a handshake; it would be read as frames
    if b"transfer-encoding" in fields or fields.get(b"content-length", _NO_BODY) != _NO_BODY:
        raise BadHandshake("WebSocket handshakes must not have a body")
    return Handshake(_key(fields), _subprotocols(fields))


def _elements(values: Iterable[bytes]) -> list[bytes]:
    """Return the elements of a header that is a list, without empty ones (RFC 9110 5.6.1)."""
    elements = b",".join(values).split(b",")
    return [stripped for element in elements if (stripped := element.strip(b" \t"))]


def _names(fields: _Fields, name: bytes, wanted: bytes) -> bool:
    """Check whether a header that is a list has an element, in any case."""
    values = [value.lower() for value in fields.get(name, ())]
    return values == [wanted] or wanted in _elements(values)


def _check_upgrade(fields: _Fields) -> None:
    # RFC 9110 15.5.22, 7.8: a response with 426 names the required protocol in these headers
    required = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
    if not (_names(fields, b"upgrade", b"websocket") and _names(fields, b"connection", b"upgrade")):
        raise BadHandshake(
            "WebSocket handshakes must have the headers Upgrade: websocket and Connection: Upgrade",
            status=426,
            headers=required,
        )
    version = fields.get(b"sec-websocket-version", ())
    if version != (b"13",):
        # RFC 6455 4.4: the response lists the supported versions
        raise BadHandshake(
            "Unsupported Sec-WebSocket-Version; this server supports version 13"
            if len(version) == 1
            else "WebSocket handshakes must have exactly one Sec-WebSocket-Version, 13",
            status=426 if len(version) == 1 else 400,
            headers=((b"sec-websocket-version", b"13"), *(required if len(version) == 1 else ())),
        )


def _key(fields: _Fields) -> bytes:
    keys = fields.get(b"sec-websocket-key", ())
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise BadHandshake(
            "WebSocket handshakes must have exactly one Sec-WebSocket-Key of 16 bytes in base64"
        )
    return keys[0]


def _subprotocols(fields: _Fields) -> tuple[str, ...]:
    values = fields.get(b"sec-websocket-protocol")
    if values is None:
        return ()
    offered = _elements(values)
    if not all(map(TOKEN.fullmatch, offered)):
        raise BadHandshake("The subprotocols in Sec-WebSocket-Protocol must be tokens")
    return tuple([element.decode("ascii") for element in offered])
