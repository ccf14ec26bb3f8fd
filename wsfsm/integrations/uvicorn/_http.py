"""HTTP/1.1: requests are read with the library ``h11``, responses are written from checked parts.

uvicorn reads a request too, and passes on a head that it has rebuilt. A head in just that form is split
here, because h11 takes ten times as long; every other one is read by h11.
"""

import re
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs
import h11
from websockets.utils import accept_key

from wsfsm.server import BadHandshake, Handshake
from wsfsm.server.commands import SendBody, SendHandshake, SendResponse, StartResponse

__all__ = ["HTTPHandshake", "Request"]

Pair = tuple[bytes, bytes]

_END: Final = b"\r\n\r\n"
# The form that uvicorn builds. All that matches is valid for h11 too, with the same parts.
_REQUEST_LINE: Final = re.compile(rb"GET (/[\x21-\x7e]*) HTTP/1\.1")
_HEADER_LINE: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ((?:[\x21-\x7e\x80-\xff](?:[ -~\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)"
)
_COMMON: Final = frozenset(
    {
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"host",
        b"origin",
        b"pragma",
        b"sec-websocket-extensions",
        b"sec-websocket-version",
        b"upgrade",
        b"user-agent",
    }
)
"""Headers that many clients send with the same value, which is never a secret; a subprotocol may be a token."""
_known: Final[dict[bytes, Pair]] = {}
"""Lines of such headers, so that each is read only once, and all connections share its parts."""
_MANY: Final = 256  # lines
_LONG: Final = 256  # bytes of a line
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: "
)
_CLOSE: Final = (b"connection", b"close")
_CHUNKED: Final = (b"transfer-encoding", b"chunked")
_UNSIZED: Final = (204, 304)  # these must not have a content-length (RFC 9110 8.6)


@attrs.frozen
class Request:
    """The head of a request.

    Attributes:
        method: The method.
        target: The request target in origin-form, for example ``b"/chat?room=1"``.
        headers: The headers, with names in lower case.
        http_version: The HTTP version, for example ``"1.1"``.
    """

    method: bytes
    target: bytes
    headers: list[Pair]
    http_version: str


class HTTPHandshake:
    """Reads the request for a WebSocket, and encodes the response.

    Args:
        own: Headers that the server adds to each response. They must be valid.
        max_size: Bytes that the head of the request may have.
    """

    __slots__ = ("_chunked", "_http", "_left", "_max_size", "_own", "_tail", "_without_body")

    def __init__(self, own: Iterable[Pair] = (), max_size: int = 2**16) -> None:
        self._http: h11.Connection | None = None
        self._own = own
        self._max_size = self._left = max_size
        self._tail = b""
        self._without_body = self._chunked = False

    def read(self, data: bytes) -> Request | None:
        """Take bytes from the peer, and return the request once its head is complete.

        Raises:
            BadHandshake: The bytes are not HTTP/1.1, or the head is too big.
        """
        if self._http is None:
            if len(data) <= self._max_size and (request := _split(data)) is not None:
                return request
            self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._max_size)
        seen = self._tail + data
        at = seen.find(_END)
        size = (len(seen) if at < 0 else at + len(_END)) - len(self._tail)
        if size > self._left:
            raise BadHandshake("The head of the request is too large", status=431)
        self._left -= size
        self._tail = seen[-3:]
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise BadHandshake(str(error), status=error.error_status_hint) from None
        if not isinstance(event, h11.Request):
            return None
        self._without_body = event.method == b"HEAD"  # RFC 9110 9.3.2
        target, headers = _origin_form(event.target, list(event.headers))
        return Request(event.method, target, headers, event.http_version.decode())

    @property
    def rest(self) -> bytes:
        """The bytes that follow the request."""
        return b"" if self._http is None else bytes(self._http.trailing_data[0])

    def handshake(
        self, command: SendHandshake, handshake: Handshake, extensions: str | None
    ) -> bytes:
        """Encode the head that completes a handshake (RFC 6455 4.2.2)."""
        headers: list[Pair] = []
        if command.subprotocol is not None:
            headers.append((b"sec-websocket-protocol", command.subprotocol.encode()))
        if extensions is not None:
            headers.append((b"sec-websocket-extensions", extensions.encode()))
        headers += self._dated(command.headers)
        headers += command.headers
        accept = accept_key(handshake.key.decode()).encode()
        return b"%b%b\r\n%b\r\n" % (_SWITCH, accept, _lines(headers))

    def response(self, command: SendResponse) -> bytes:
        """Encode a whole response."""
        headers = command.headers
        if command.status not in _UNSIZED and not _has(headers, b"content-length"):
            headers += ((b"content-length", str(len(command.body)).encode()),)
        body = b"" if self._without_body else command.body
        return self.start(StartResponse(command.status, headers)) + body

    def start(self, command: StartResponse) -> bytes:
        """Encode the head of a response. Its body is chunked if there is no content-length."""
        headers = command.headers
        self._without_body |= command.status in _UNSIZED
        self._chunked = not self._without_body and not _has(headers, b"content-length")
        framing = [_CHUNKED] if self._chunked else []
        return self._head(command.status, [*self._dated(headers), *headers, *framing, _CLOSE])

    def body(self, command: SendBody) -> bytes:
        """Encode a part of the body of a response."""
        if not self._chunked:
            return command.body
        part = b"%x\r\n%b\r\n" % (len(command.body), command.body) if command.body else b""
        return part if command.more_body else part + b"0\r\n\r\n"

    def _dated(self, headers: Collection[Pair]) -> Iterable[Pair]:
        # only one Date for each response (RFC 9110 6.6.1), preferably the application's
        if not headers:
            return self._own
        dated = _has(headers, b"date")
        return [own for own in self._own if not (dated and own[0] == b"date")]

    def _head(self, status: int, headers: Iterable[Pair]) -> bytes:
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, _PHRASES.get(status, b""), _lines(headers))


def _split(data: bytes) -> Request | None:
    """Split a head in the form that uvicorn builds; return None for any other bytes."""
    if not data.endswith(_END):
        return None
    first, *lines = data[: -len(_END)].split(b"\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    # h11 knows the rules of these headers
    if (
        request_line is None
        or data.count(b"\nhost:") != 1
        or b"\ncontent-length:" in data
        or b"\ntransfer-encoding:" in data
    ):
        return None
    headers: list[Pair] = []
    for line in lines:
        pair = _known.get(line) or _pair(line)
        if pair is None:
            return None
        headers.append(pair)
    return Request(b"GET", request_line[1], headers, "1.1")


def _pair(line: bytes) -> Pair | None:
    """Split the line of a header, and keep it if other clients are likely to send it too."""
    found = _HEADER_LINE.fullmatch(line)
    if found is None:
        return None
    pair = found[1], found[2]
    if pair[0] in _COMMON and len(line) <= _LONG:
        if len(_known) >= _MANY:
            _known.clear()
        _known[line] = pair
    return pair


def _lines(headers: Iterable[Pair]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


def _has(headers: Iterable[Pair], wanted: bytes) -> bool:
    return any(name == wanted for name, _ in headers)


def _origin_form(target: bytes, headers: list[Pair]) -> tuple[bytes, list[Pair]]:
    """Convert a target to a path, and take the Host header from the target (RFC 9112 3.2.2).

    Raises:
        BadHandshake: The target is neither a path nor a URL.
    """
    if target.startswith(b"/"):
        return target, headers
    try:
        scheme, host, path, query, _ = urlsplit(target)
    except ValueError:
        scheme = host = b""
    host = host.rpartition(b"@")[2]
    if scheme.lower() not in (b"http", b"https", b"ws", b"wss") or host[:1] in (b"", b":"):
        raise BadHandshake("The target of the request must be a path or a URL")
    if b"?" in target:
        query = b"?" + query
    headers = [(b"host", host) if name == b"host" else (name, value) for name, value in headers]
    return (path or b"/") + query, headers
