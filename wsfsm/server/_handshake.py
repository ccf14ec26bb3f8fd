"""The client's opening handshake and its checks (RFC 6455 4.2.1)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

import attrs

__all__ = ["BadHandshake", "Handshake", "read_handshake"]

TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token (RFC 9110 5.6.2), for example a method, the name of a header or a subprotocol."""

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


class BadHandshake(ValueError):
    """A request cannot become a WebSocket; the text says why, and is the body of the response.

    Attributes:
        status: Status code of the HTTP response.
        headers: Headers of the HTTP response.
    """

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
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
    if method not in (b"GET", "GET"):
        raise BadHandshake(
            "WebSocket handshakes must use GET", status=405, headers=((b"allow", b"GET"),)
        )
    if not _HTTP_VERSION.fullmatch(http_version):
        raise BadHandshake("WebSocket handshakes must use HTTP/1.1 or later")
    if len(fields.get(b"host", [])) != 1:
        raise BadHandshake("WebSocket handshakes must have exactly one Host header")
    _check_upgrade(fields)
    # RFC 6455 does not define a body of a handshake; it would be read as frames
    if fields.get(b"content-length", [b"0"]) != [b"0"] or b"transfer-encoding" in fields:
        raise BadHandshake("WebSocket handshakes must not have a body")
    return Handshake(_key(fields), tuple(_subprotocols(fields)))


def _elements(fields: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    """Return the elements of a header that is a list, without empty ones (RFC 9110 5.6.1)."""
    elements = b",".join(fields.get(name, [])).split(b",")
    return [stripped for element in elements if (stripped := element.strip(b" \t"))]


def _check_upgrade(fields: dict[bytes, list[bytes]]) -> None:
    upgrade = [element.lower() for element in _elements(fields, b"upgrade")]
    connection = [element.lower() for element in _elements(fields, b"connection")]
    # RFC 9110 15.5.22, 7.8: a response with 426 names the required protocol in these headers
    required = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
    if b"websocket" not in upgrade or b"upgrade" not in connection:
        raise BadHandshake(
            "WebSocket handshakes must have the headers Upgrade: websocket and Connection: Upgrade",
            status=426,
            headers=required,
        )
    version = fields.get(b"sec-websocket-version", [])
    if version != [b"13"]:
        # RFC 6455 4.4: the response lists the supported versions
        raise BadHandshake(
            "Unsupported Sec-WebSocket-Version; this server supports version 13"
            if len(version) == 1
            else "WebSocket handshakes must have exactly one Sec-WebSocket-Version, 13",
            status=426 if len(version) == 1 else 400,
            headers=((b"sec-websocket-version", b"13"), *(required if len(version) == 1 else ())),
        )


def _key(fields: dict[bytes, list[bytes]]) -> bytes:
    keys = fields.get(b"sec-websocket-key", [])
    try:
        lengths = [len(b64decode(key, validate=True)) for key in keys]
    except binascii.Error:
        lengths = []
    if lengths != [16]:
        raise BadHandshake(
            "WebSocket handshakes must have exactly one Sec-WebSocket-Key of 16 bytes in base64"
        )
    return keys[0]


def _subprotocols(fields: dict[bytes, list[bytes]]) -> list[str]:
    offered = _elements(fields, b"sec-websocket-protocol")
    if not all(map(TOKEN.fullmatch, offered)):
        raise BadHandshake("The subprotocols in Sec-WebSocket-Protocol must be tokens")
    return [element.decode("ascii") for element in offered]
