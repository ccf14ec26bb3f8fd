"""The WebSocket of an ASGI application: Starlette's API, driven by the tables.

A message makes one trip: application -> facade -> one look-up in a compiled row -> the
server's callable, and back. What is legal is decided in `wsfsm.tables` alone; this module
only asks.
"""

import json
from abc import ABCMeta
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import attrs

from wsfsm import arguments
from wsfsm.errors import WebSocketDisconnect, WebSocketDisconnected
from wsfsm.joint import STRAIGHT, Ended, Pair, Place, Standing
from wsfsm.refusals import not_open, not_received, not_sent, unexpected
from wsfsm.requests import StateT
from wsfsm.states import WebSocketState
from wsfsm.tables import CLIENT_GONE, LOST, OPEN, event_of
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]

_DENIAL: Final = "websocket.http.response"
# json.dumps() would make an encoder for each message
_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_HOOKED: Final = Pair()
_flowing: Place | None = STRAIGHT.at(WebSocketState.CONNECTED, WebSocketState.CONNECTED)
"""Where data flows, and nothing overrides send or receive: the hot path starts here."""


def _raise_on_disconnect(message: Message) -> None:
    if message["type"] == CLIENT_GONE.event:
        end = Ended.by_disconnect(STRAIGHT.initial, message)
        raise WebSocketDisconnect(end.code, end.reason)


class _Watched(ABCMeta):
    """Notices that send or receive is replaced on a class that exists already."""

    def __setattr__(cls, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in {"send", "receive"}:
            # by a decorator, a tracer or a mock: from now on nobody takes the short way past it
            global _flowing  # noqa: PLW0603 - the hot path looks nowhere else
            _flowing = None


class WebSocket(Standing[StateT], metaclass=_Watched):
    """One WebSocket connection, as the application sees it.

    The class is a drop-in for Starlette's (and so FastAPI's) of the same name; every
    deliberate difference is listed in ``specs/starlette.toml``.

    Args:
        scope: The connection scope, of type ``"websocket"``.
        receive: The server's callable that gives the next message.
        send: The server's callable that takes a message.

    Raises:
        ValueError: The scope is of another type.
    """

    __slots__ = ("_receive", "_send")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass with its own send or receive sees every message of the other methods too:
        # its connections go through joints of their own, so that none of them is _flowing.
        straight = cls.send is WebSocket.send and cls.receive is WebSocket.receive
        cls._pair = STRAIGHT if straight else _HOOKED
        cls._initial = cls._pair.initial

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") != "websocket":
            kind = scope.get("type")
            raise ValueError(f"WebSocket needs a scope of type 'websocket', got {kind!r}")
        self.scope = scope
        self._receive = receive
        self._send = send
        self._at = self._initial

    # Receiving

    async def receive(self) -> Message:
        """Receive the next ASGI message, whatever it is.

        Raises:
            ConnectionClosed: The disconnect message has been received before.
            IllegalTransition: The server delivers a message that may not come now.
            MalformedMessage: The server delivers something that is not a message.
        """
        if self._at.client.terminal:
            raise not_received(self._at, "websocket.receive")
        message = await self._receive()
        self._take(message)
        return message

    def _take(self, message: Message) -> None:
        """Step the client machine."""
        at = self._at
        try:
            after = at.receives[message["type"]]
        except (KeyError, TypeError):
            raise not_received(at, event_of(message)) from None
        ending: Ended | None = at.ending
        if message["type"] == CLIENT_GONE.event:
            told = Ended.by_disconnect(after, message)
            # a loss that a send has told before may get its real code only now
            lost = ending is not None and ending.closed_by == "transport"
            if ending is None or (lost and told.code != ending.code):
                ending = told
        self._at = after if ending is None else ending.then(after)

    async def _receive_indirectly(self) -> Message:
        """Receive for a method that wants data, if there is any to come."""
        if self._at.application.state is not OPEN.state:
            raise not_open(self._at)
        message = await self.receive()
        _raise_on_disconnect(message)
        return message

    async def receive_text(self) -> str:
        """Receive a text message.

        Raises:
            WebSocketDisconnect: The connection ends now, with its code and reason.
            ConnectionClosed: The connection is over.
            WebSocketDisconnected: The connection was not accepted yet.
            UnexpectedFrame: The message is not text; it is kept in the error, and the
                connection stays usable.
        """
        # receive_text, receive_bytes and their send twins are the hot path: the table is
        # looked up in place, since each further call costs as much as the look-up itself.
        if self._at is _flowing:
            message = await self._receive()
            try:
                after = self._at.receives[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not _flowing:
                self._take(message)
                _raise_on_disconnect(message)
        else:
            message = await self._receive_indirectly()
        try:
            text: str | None = message["text"]
        except KeyError:
            text = None
        if not isinstance(text, str) or ("bytes" in message and message["bytes"] is not None):
            raise unexpected("text", message)
        return text

    async def receive_bytes(self) -> bytes:
        """Receive a binary message.

        Raises:
            WebSocketDisconnect: The connection ends now, with its code and reason.
            ConnectionClosed: The connection is over.
            WebSocketDisconnected: The connection was not accepted yet.
            UnexpectedFrame: The message is not binary; it is kept in the error, and the
                connection stays usable.
        """
        if self._at is _flowing:
            message = await self._receive()
            try:
                after = self._at.receives[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not _flowing:
                self._take(message)
                _raise_on_disconnect(message)
        else:
            message = await self._receive_indirectly()
        try:
            data: bytes | None = message["bytes"]
        except KeyError:
            data = None
        if not isinstance(data, (bytes, bytearray, memoryview)) or (
            "text" in message and message["text"] is not None
        ):
            raise unexpected("bytes", message)
        return data

    async def receive_json(self, mode: str = "text") -> Any:
        """Receive a message and decode it as JSON.

        Args:
            mode: ``"text"`` or ``"binary"`` (UTF-8), the kind of message to expect.

        Raises:
            RuntimeError: `mode` is neither.
            json.JSONDecodeError: The message is not JSON; the connection stays usable.
            WebSocketDisconnect, WebSocketDisconnected, UnexpectedFrame: as `receive_text`.
        """
        if mode == "text":
            return json.loads(await WebSocket.receive_text(self))
        if mode == "binary":
            return json.loads((await WebSocket.receive_bytes(self)).decode("utf-8"))
        raise arguments.wrong_mode(mode)

    async def iter_text(self) -> AsyncIterator[str]:
        """Iterate over text messages until the connection ends."""
        try:
            while True:
                yield await self.receive_text()
        except WebSocketDisconnect:
            pass

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over binary messages until the connection ends."""
        try:
            while True:
                yield await self.receive_bytes()
        except WebSocketDisconnect:
            pass

    async def iter_json(self) -> AsyncIterator[Any]:
        """Iterate over JSON text messages until the connection ends."""
        try:
            while True:
                yield await self.receive_json()
        except WebSocketDisconnect:
            pass

    # Sending

    async def send(self, message: Message) -> None:
        """Send an ASGI message, whatever it is.

        Raises:
            WebSocketDisconnect: The transport is lost (code 1006); the server's `OSError` is
                its cause.
            ConnectionClosed: The connection is over.
            IllegalTransition: The message may not be sent now; nothing was sent.
            MalformedMessage: That is not a message.
        """
        at = self._at
        try:
            after = at.sends[message["type"]]
        except (KeyError, TypeError):
            event = event_of(message)  # of a guarded event, the type alone is not in the table
            try:
                after = at.takes[event]
            except KeyError:
                raise not_sent(at, event) from None
        if at.ending is not None:
            self._at = at.ending.then(after)
        else:
            self._at = Ended.by_application(after, message) if after.last else after
        if at.application.delivers:
            try:
                await self._send(message)
            except OSError as error:
                raise self._lost() from error

    def _lost(self) -> WebSocketDisconnect:
        """Take the loss of the transport, which an `OSError` out of the server's send tells."""
        after, ending = self._at.takes[LOST], self._at.ending
        self._at = ending.then(after) if ending else Ended(after, 1006, "", "transport")
        return WebSocketDisconnect(1006)

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """Accept the connection, after waiting for its ``websocket.connect`` if need be.

        Args:
            subprotocol: The subprotocol to speak, one of ``scope["subprotocols"]``.
            headers: Pairs of header name and value for the response of the handshake.

        Raises:
            TypeError: An argument is of the wrong type; nothing was received or sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if subprotocol is not None and not isinstance(subprotocol, str):
            raise arguments.wrong_type("accept", "subprotocol", subprotocol, "str or None")
        pairs = [] if headers is None else arguments.header_pairs("accept", headers)
        if "websocket.accept" not in self._at.sends:
            raise not_sent(self._at, "websocket.accept")
        if "websocket.connect" in self._at.receives:
            message = await self.receive()
            if message["type"] != "websocket.connect":  # another task was given the connect
                raise not_received(self._initial, event_of(message))
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})

    async def send_text(self, data: str) -> None:
        """Send a text message.

        Raises:
            TypeError: `data` is not a str; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if type(data) is not str and not isinstance(data, str):
            raise arguments.wrong_type("send_text", "data", data, "str")
        if self._at is not _flowing:
            return await self.send({"type": "websocket.send", "text": data})
        self._at = self._at.sends["websocket.send"]
        try:
            await self._send({"type": "websocket.send", "text": data})
        except OSError as error:
            raise self._lost() from error

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message.

        Raises:
            TypeError: `data` is not bytes-like; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if type(data) is not bytes and not isinstance(data, (bytearray, memoryview, bytes)):
            raise arguments.wrong_type("send_bytes", "data", data, "bytes, bytearray or memoryview")
        if self._at is not _flowing:
            return await self.send({"type": "websocket.send", "bytes": data})
        self._at = self._at.sends["websocket.send"]
        try:
            await self._send({"type": "websocket.send", "bytes": data})
        except OSError as error:
            raise self._lost() from error

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Encode `data` as JSON, without spaces and without escaping, and send it.

        Args:
            data: Anything that `json.dumps` takes.
            mode: ``"text"`` or ``"binary"`` (UTF-8), the kind of message to send.

        Raises:
            RuntimeError: `mode` is neither.
            TypeError, ValueError: `data` cannot be encoded; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if mode == "text":
            await WebSocket.send_text(self, _encode(data))
        elif mode == "binary":
            await WebSocket.send_bytes(self, _encode(data).encode("utf-8"))
        else:
            raise arguments.wrong_mode(mode)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection; before the accept, reject it with HTTP 403.

        Where the client has left already there is nothing to close: nothing is sent, and
        nothing is raised. During a denial response there is no close either way: it is refused.

        Args:
            code: Close code (RFC 6455 7.4.1).
            reason: Close reason, at most 123 bytes of UTF-8 (RFC 6455 5.5).

        Raises:
            TypeError: An argument is of the wrong type; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if type(code) is bool or not isinstance(code, int):
            raise arguments.wrong_type("close", "code", code, "int")
        if reason is not None and not isinstance(reason, str):
            raise arguments.wrong_type("close", "reason", reason, "str or None")
        await self.send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def send_denial_response(self, response: ASGIApp) -> None:
        """Reject the connection with an HTTP response of its own.

        Raises:
            RuntimeError: The server does not offer the extension.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if _DENIAL not in (self.scope.get("extensions") or ()):
            raise RuntimeError(
                "The server doesn't support the Websocket Denial Response extension.\n"
                f"{_DENIAL!r} is not among the scope's extensions; close() rejects with HTTP 403."
            )
        await response(self.scope, self.receive, self.send)


def _text_or_empty(text: str | None) -> str:
    return text or ""


@attrs.frozen
class WebSocketClose:
    """An ASGI application that closes the connection; before the accept, HTTP 403.

    Attributes:
        code: Close code.
        reason: Close reason; None is taken as none.
    """

    code: int = 1000
    reason: str = attrs.field(default=None, converter=_text_or_empty)

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - the signature of ASGI
        receive: Receive,  # noqa: ARG002
        send: Send,
    ) -> None:
        """Close the connection."""
        await send({"type": "websocket.close", "code": self.code, "reason": self.reason})
