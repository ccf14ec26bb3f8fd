"""Heads of HTTP/1.1, and the bodies of responses, by the library ``h11``."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

import h11
from websockets.utils import accept_key

from wsfsm.commands import SendBody, SendHandshake, SendResponse, StartResponse
from wsfsm.server import BadHandshake, Handshake

__all__ = ["Heads"]

Pair = tuple[bytes, bytes]

_SIZE: Final = 2**20  # bytes of a head; the server in front of this has a limit of its own
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_CLOSE: Final = (b"connection", b"close")
_UNSIZED: Final = (204, 304)  # a length would promise a body (RFC 9110 8.6)


class Heads:
    """Reads the request for a WebSocket, and writes what answers it.

    Args:
        own: Headers that the server gives to each response.
    """

    __slots__ = ("_asks_for_head", "_http", "_own")

    def __init__(self, own: Iterable[Pair] = ()) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_SIZE)
        self._own = own
        self._asks_for_head = False

    def read(self, data: bytes) -> h11.Request | None:
        """Take bytes from the peer; the request, once its head is complete.

        Raises:
            BadHandshake: This is not HTTP/1.1.
        """
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise BadHandshake(str(error), status=error.error_status_hint) from None
        if not isinstance(event, h11.Request):
            return None
        self._asks_for_head = event.method == b"HEAD"
        return event

    @property
    def rest(self) -> bytes:
        """What has come behind the request."""
        return bytes(self._http.trailing_data[0])

    def handshake(
        self, command: SendHandshake, handshake: Handshake, extensions: str | None
    ) -> bytes:
        """The head that completes a handshake (RFC 6455 4.2.2)."""
        headers = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", accept_key(handshake.key.decode()).encode()),
        ]
        if command.subprotocol is not None:
            headers.append((b"sec-websocket-protocol", command.subprotocol.encode()))
        if extensions is not None:
            headers.append((b"sec-websocket-extensions", extensions.encode()))
        return self._write(
            h11.InformationalResponse(
                status_code=101, reason=_PHRASES[101], headers=headers + self._all(command.headers)
            )
        )

    def response(self, command: SendResponse) -> bytes:
        """A whole response."""
        headers = command.headers
        if command.status not in _UNSIZED and all(n != b"content-length" for n, _ in headers):
            headers += ((b"content-length", str(len(command.body)).encode()),)
        start = self.start(StartResponse(command.status, headers))
        body = b"" if self._asks_for_head else command.body  # RFC 9110 9.3.2
        return start + self.body(SendBody(body, more_body=False))

    def start(self, command: StartResponse) -> bytes:
        """The head of a response; its body is chunked if it has no content-length."""
        return self._write(
            h11.Response(
                status_code=command.status,
                reason=_PHRASES.get(command.status, b""),
                headers=[*self._all(command.headers), _CLOSE],
            )
        )

    def body(self, command: SendBody) -> bytes:
        """A part of the body of a response."""
        part = self._write(h11.Data(data=command.body))
        return part if command.more_body else part + self._write(h11.EndOfMessage())

    def _all(self, headers: Sequence[Pair]) -> list[Pair]:
        # one Date a response (RFC 9110 6.6.1): the application's, if it has one
        dated = any(name == b"date" for name, _ in headers)
        return [*(own for own in self._own if not (dated and own[0] == b"date")), *headers]

    def _write(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""
