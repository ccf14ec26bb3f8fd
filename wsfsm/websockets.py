"""The WebSocket of an ASGI application: Starlette's API, driven by the tables.

A message makes one trip: application -> facade -> one look-up in a compiled row -> the
server's callable, and back. What is legal is decided in `wsfsm.tables` alone; this module
only asks.
"""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar, Final, cast

import attrs

from wsfsm import arguments
from wsfsm.errors import WebSocketDisconnect, WebSocketDisconnected
from wsfsm.refusals import Ending, Standing, not_open, refused, unexpected
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.states import WebSocketState
from wsfsm.tables import (
    APPLICATION,
    CLIENT,
    CLIENT_GONE,
    LOST,
    OPEN,
    TRANSPORT_LOST,
    event_of,
)
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]

_DENIAL: Final = "websocket.http.response"
_FIRST_CLIENT: Final = CLIENT.initial
_FIRST_APPLICATION: Final = APPLICATION.initial
_CLIENT_GONE: Final = APPLICATION.bound(CLIENT_GONE)
_TRANSPORT_LOST: Final = CLIENT.bound(TRANSPORT_LOST)


def _raise_on_disconnect(message: Message) -> None:
    if message["type"] == CLIENT_GONE.event:
        ending = Ending.by_disconnect(message)
        raise WebSocketDisconnect(ending.code, ending.reason)


class WebSocket(HTTPConnection[StateT]):
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

    __slots__ = ("_application", "_client", "_direct", "_ending", "_receive", "_send")

    _unhooked: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass with its own send or receive sees every message of the other methods too
        cls._unhooked = cls.send is WebSocket.send and cls.receive is WebSocket.receive

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") != "websocket":
            raise ValueError(
                f"WebSocket needs a scope of type 'websocket', got {scope.get('type')!r}"
            )
        self.scope = scope
        self._receive = receive
        self._send = send
        self._client = _FIRST_CLIENT
        self._application = _FIRST_APPLICATION
        self._ending: Ending | None = None
        self._direct = self._unhooked

    # States

    @property
    def client_state(self) -> WebSocketState:
        """State of the client machine, which sees what the application receives.

        After the loss of the transport it reads DISCONNECTED. Tests may set it.
        """
        return self._client.state

    @client_state.setter
    def client_state(self, state: WebSocketState) -> None:
        self._set(client=state, application=self._application.state)

    @property
    def application_state(self) -> WebSocketState:
        """State of the application machine, which sees what the application sends.

        Tests may set it.
        """
        return self._application.state

    @application_state.setter
    def application_state(self, state: WebSocketState) -> None:
        self._set(client=self._client.state, application=state)

    def _set(self, client: WebSocketState, application: WebSocketState) -> None:
        for machine, state in ((CLIENT, client), (APPLICATION, application)):
            if state not in machine.nodes:
                known = ", ".join(map(str, machine.nodes))
                raise ValueError(f"{machine.name}_state must be one of {known}, got {state!r}")
        self._client, self._application = CLIENT.nodes[client], APPLICATION.nodes[application]
        self._ending = None
        if self._application.terminal:
            self._ending = Ending(1006, "", "application")
        if self._client.terminal:
            self._ending = Ending(1006, "", "client")
            self._application = _CLIENT_GONE[self._application]

    # Receiving

    async def receive(self) -> Message:
        """Receive the next ASGI message, whatever it is.

        Raises:
            ConnectionClosed: The disconnect message has been received before.
            IllegalTransition: The server delivers a message that may not come now.
            MalformedMessage: The server delivers something that is not a message.
        """
        if self._client.terminal:
            raise refused(self._standing(), self._client, "websocket.receive", "receive")
        message = await self._receive()
        self._take(message)
        return message

    def _take(self, message: Message) -> None:
        """Step the client machine."""
        event = event_of(message)
        after = self._client.moves.get(event)
        if after is None:
            raise refused(self._standing(), self._client, event, "receive")
        self._client = after
        if event == CLIENT_GONE.event:
            if self._ending is None or self._ending.closed_by == "transport":
                self._ending = Ending.by_disconnect(message)
            self._application = _CLIENT_GONE[self._application]

    async def _receive_indirectly(self) -> Message:
        """Receive for a method that wants data, if the connection is open at all."""
        if self._application.state is not OPEN.state or not self._application.delivers:
            raise not_open(self._standing())
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
        if self._direct and self._application is OPEN:
            message = await self._receive()
            try:
                after = self._client.moves[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not self._client:
                self._take(message)
                _raise_on_disconnect(message)
        else:
            message = await self._receive_indirectly()
        try:
            text = message["text"]
        except KeyError:
            text = None
        if text is None or ("bytes" in message and message["bytes"] is not None):
            raise unexpected("text", message)
        return cast("str", text)

    async def receive_bytes(self) -> bytes:
        """Receive a binary message.

        Raises:
            WebSocketDisconnect: The connection ends now, with its code and reason.
            ConnectionClosed: The connection is over.
            WebSocketDisconnected: The connection was not accepted yet.
            UnexpectedFrame: The message is not binary; it is kept in the error, and the
                connection stays usable.
        """
        if self._direct and self._application is OPEN:
            message = await self._receive()
            try:
                after = self._client.moves[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not self._client:
                self._take(message)
                _raise_on_disconnect(message)
        else:
            message = await self._receive_indirectly()
        try:
            data = message["bytes"]
        except KeyError:
            data = None
        if data is None or ("text" in message and message["text"] is not None):
            raise unexpected("bytes", message)
        return cast("bytes", data)

    async def receive_json(self, mode: str = "text") -> Any:
        """Receive a message and decode it as JSON.

        Args:
            mode: ``"text"`` or ``"binary"`` (UTF-8), the kind of message to expect.

        Raises:
            RuntimeError: `mode` is neither.
            json.JSONDecodeError: The message is not JSON; the connection stays usable.
            WebSocketDisconnect, WebSocketDisconnected, UnexpectedFrame: as `receive_text`.
        """
        if arguments.is_text(mode):
            return json.loads(await WebSocket.receive_text(self))
        return json.loads((await WebSocket.receive_bytes(self)).decode("utf-8"))

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
        before = self._application
        try:
            after = before.moves[message["type"]]
        except (KeyError, TypeError):
            event = event_of(message)  # of a guarded event, the type alone is not in the table
            try:
                after = before.moves[event]
            except KeyError:
                raise refused(self._standing(), before, event, "send") from None
        self._application = after
        if after.terminal and self._ending is None:
            self._ending = Ending.by_application(message)
        if before.delivers:
            try:
                await self._send(message)
            except OSError as error:
                raise self._lost() from error

    def _lost(self) -> WebSocketDisconnect:
        """Take the loss of the transport, which an `OSError` out of the server's send tells."""
        self._application = self._application.moves.get(LOST, self._application)
        self._client = _TRANSPORT_LOST[self._client]
        if self._ending is None:
            self._ending = Ending(1006, "", "transport")
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
        arguments.check("accept", "subprotocol", subprotocol, str, None)
        headers = arguments.header_pairs("accept", headers)
        if "websocket.accept" not in self._application.moves:
            raise refused(self._standing(), self._application, "websocket.accept", "send")
        if self._client is _FIRST_CLIENT:
            await self.receive()
        await self.send(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers}
        )

    async def send_text(self, data: str) -> None:
        """Send a text message.

        Raises:
            TypeError: `data` is not a str; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if type(data) is not str:
            arguments.check("send_text", "data", data, str)
        if not self._direct:
            return await self.send({"type": "websocket.send", "text": data})
        try:
            self._application = self._application.moves["websocket.send"]
        except KeyError:
            raise refused(self._standing(), self._application, "websocket.send", "send") from None
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
        if type(data) is not bytes:
            arguments.check("send_bytes", "data", data, bytes, bytearray, memoryview)
        if not self._direct:
            return await self.send({"type": "websocket.send", "bytes": data})
        try:
            self._application = self._application.moves["websocket.send"]
        except KeyError:
            raise refused(self._standing(), self._application, "websocket.send", "send") from None
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
        as_text = arguments.is_text(mode)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        if as_text:
            await WebSocket.send_text(self, text)
        else:
            await WebSocket.send_bytes(self, text.encode("utf-8"))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection; before the accept, reject it with HTTP 403.

        Where the client has left already there is nothing to close: nothing is sent, and
        nothing is raised.

        Args:
            code: Close code (RFC 6455 7.4.1).
            reason: Close reason, at most 123 bytes of UTF-8 (RFC 6455 5.5).

        Raises:
            TypeError: An argument is of the wrong type; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        arguments.check("close", "code", code, int)
        arguments.check("close", "reason", reason, str, None)
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

    def _standing(self) -> Standing:
        return Standing(self._client, self._application, self._ending)


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
