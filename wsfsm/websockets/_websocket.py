"""The WebSocket of an ASGI application: Starlette's API, driven by the tables.

A message makes one trip: application -> facade -> one look-up in a compiled row -> the
server's callable, and back. What is legal is decided in `wsfsm.tables` alone; this module
only asks.

As in Starlette's class, every method goes through `self.send`, `self.receive` and
`self._raise_on_disconnect`, and sees what an application puts in their place. Where data flows,
and they are the methods of this module, it is passed on without them: three more calls would
cost as much again as all the rest.
"""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import attrs

from wsfsm.exceptions import MalformedMessage, WebSocketDisconnect, WebSocketDisconnected
from wsfsm.requests import StateT
from wsfsm.tables import AFTER_DISCONNECT, APPLICATION, event_of
from wsfsm.tables.states import WebSocketState
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send
from wsfsm.websockets._errors import (
    header_pairs,
    no_more,
    not_open,
    not_received,
    not_sent,
    refuse,
    unexpected,
    unsendable,
    wrong_mode,
    wrong_type,
)
from wsfsm.websockets._joint import PRODUCT, Ended, Place, flowing_past
from wsfsm.websockets._standing import Standing, set_place
from wsfsm.websockets._turns import give_turn

__all__ = [
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]

_NORMAL: Final = 1000  # RFC 6455 7.4.1
_CONNECTED: Final = APPLICATION.nodes[WebSocketState.CONNECTED]
_DENIAL: Final = "websocket.http.response"
# json.dumps() would make an encoder for each message
_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class WebSocket(Standing[StateT]):
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

    __slots__ = ()

    def _move(self, place: Place) -> None:
        if place is _WATCHED or place is _FLOWING:
            # about send and receive, the class is asked at each message
            hook = self.__class__._raise_on_disconnect  # noqa: SLF001 - its own
            place = _FLOWING if hook is _RAISE and not self._hooked else _WATCHED
        set_place(self, place)

    # Receiving

    async def receive(self) -> Message:
        """Receive the next ASGI message, whatever it is.

        Raises:
            WebSocketDisconnected: The disconnect message has been received before.
            IllegalTransition: The server delivers a message that may not come now.
            MalformedMessage: The server delivers something that is not a message.
        """
        if not self._at.receives:
            await refuse(no_more(self._at))
        message = await self._receive()
        self._take(message)
        return message

    def _raise_on_disconnect(self, message: Message) -> None:
        """Raise `WebSocketDisconnect` for a disconnect message.

        The name is Starlette's: applications call it beside `receive`, and override it.
        """
        if message["type"] == AFTER_DISCONNECT.event:
            end = Ended.by_disconnect(PRODUCT.initial, message)
            raise WebSocketDisconnect(end.code, end.reason)

    async def _receive_watched(self) -> Message:
        """Receive for a method that wants data, through whatever has been put in between."""
        if self._at.application.state is not WebSocketState.CONNECTED:
            await refuse(not_open(self._at))
        message = await self.receive()
        self._raise_on_disconnect(message)
        return message

    async def receive_text(self) -> str:
        """Receive a text message.

        Raises:
            WebSocketDisconnect: The connection ends now, with its code and reason.
            WebSocketDisconnected: The connection was not accepted yet, or is over; its
                attributes have the code and the reason.
            UnexpectedFrame: The message is not text; it is kept in the error, and the
                connection stays usable.
        """
        # receive_text, receive_bytes and their send twins are the hot path: where the place allows
        # it, and the class has no other receive, the table is looked up here, without a call.
        if self.__class__.receive is self._at.own_receive:
            receive = self._receive
            message = await receive()
            try:
                after = self._at.receives[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not _FLOWING:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_watched()
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
            WebSocketDisconnected: The connection was not accepted yet, or is over; its
                attributes have the code and the reason.
            UnexpectedFrame: The message is not binary; it is kept in the error, and the
                connection stays usable.
        """
        if self.__class__.receive is self._at.own_receive:
            receive = self._receive
            message = await receive()
            try:
                after = self._at.receives[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not _FLOWING:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_watched()
        try:
            data: bytes | None = message["bytes"]
        except KeyError:
            data = None
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                raise unexpected("bytes", message)
            data = bytes(data)
        if "text" in message and message["text"] is not None:
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
        return await refuse(wrong_mode(mode))

    async def iter_text(self) -> AsyncIterator[str]:
        """Iterate over text messages until the connection ends.

        Raises:
            WebSocketDisconnected: It was not accepted yet, or was over before the first one.
        """
        begun = False
        try:
            while True:
                yield await self.receive_text()
                begun = True
        except WebSocketDisconnect:
            pass
        except WebSocketDisconnected:  # the body of the loop has closed it
            if not begun:
                raise

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over binary messages until the connection ends; else as `iter_text`."""
        begun = False
        try:
            while True:
                yield await self.receive_bytes()
                begun = True
        except WebSocketDisconnect:
            pass
        except WebSocketDisconnected:
            if not begun:
                raise

    async def iter_json(self) -> AsyncIterator[Any]:
        """Iterate over JSON text messages until the connection ends; else as `iter_text`."""
        begun = False
        try:
            while True:
                yield await self.receive_json()
                begun = True
        except WebSocketDisconnect:
            pass
        except WebSocketDisconnected:
            if not begun:
                raise

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
        except (KeyError, TypeError):  # of a guarded event, the type alone is not in the table
            try:
                event = event_of(message)
            except MalformedMessage as error:
                await refuse(error)
            if event not in at.takes:
                await refuse(not_sent(at, event))
            after = at.takes[event]
        if at.ending is not None:
            self._move(at.ending.then(after))
        elif after is not at:
            self._move(Ended.by_application(after, message) if after.last else after)
        if at.application.forwards:
            try:
                await self._send(message)
            except OSError as error:
                raise self._lost() from error

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
            error = wrong_type("accept", "subprotocol", subprotocol, "str or None")
            await refuse(error)
        try:
            pairs = [] if headers is None else header_pairs("accept", headers)
        except TypeError as error:
            await refuse(error)
        if "websocket.accept" not in self._at.sends:
            await refuse(not_sent(self._at, "websocket.accept"))
        if "websocket.connect" in self._at.receives:
            message = await self.receive()
            if message["type"] != "websocket.connect":  # another task was given the connect
                raise not_received(PRODUCT.initial, event_of(message))
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})

    async def send_text(self, data: str) -> None:
        """Send a text message.

        Raises:
            TypeError: `data` is not a str; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if not isinstance(data, str):
            await refuse(wrong_type("send_text", "data", data, "str"))
        if self.__class__.send is self._at.own_send:
            send = self._send
            try:
                await send({"type": "websocket.send", "text": data})
            except OSError as error:
                raise self._lost() from error
        else:
            await self.send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send a binary message.

        Args:
            data: The payload; of what can change, a copy is sent (ASGI: a byte string).

        Raises:
            TypeError: `data` is not bytes-like; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                expected = "bytes, bytearray or memoryview"
                await refuse(wrong_type("send_bytes", "data", data, expected))
            data = bytes(data)
        if self.__class__.send is self._at.own_send:
            send = self._send
            try:
                await send({"type": "websocket.send", "bytes": data})
            except OSError as error:
                raise self._lost() from error
        else:
            await self.send({"type": "websocket.send", "bytes": data})

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
        if mode not in {"text", "binary"}:
            await refuse(wrong_mode(mode))
        try:
            text = _encode(data)
        except Exception:
            await give_turn()
            raise
        if mode == "text":
            await WebSocket.send_text(self, text)
        else:
            await WebSocket.send_bytes(self, text.encode("utf-8"))

    async def close(self, code: int = _NORMAL, reason: str | None = None) -> None:
        """Close the connection; before the accept, reject it with HTTP 403.

        Before the accept neither code nor reason reaches the client, so that any are taken, and
        passed on to the server as they are. Where the client has left already there is nothing
        to close: nothing is sent, and nothing is raised. During a denial response there is no
        close either way: it is refused.

        Args:
            code: Close code (RFC 6455 7.4.1).
            reason: Close reason, at most 123 bytes of UTF-8 (RFC 6455 5.5);
                `wsfsm.truncate_reason` cuts a longer one.

        Raises:
            TypeError: The connection is open, and an argument is of the wrong type; nothing was
                sent.
            ValueError: The connection is open, and no Close frame can have this code or reason;
                nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        # defaults need no check, and neither does a close that does not go out as a frame
        if (code is not _NORMAL or reason is not None) and self._at.application is _CONNECTED:
            error = unsendable(self._at, code, reason)
            if error is not None:
                await refuse(error)
        await self.send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def send_denial_response(self, response: ASGIApp) -> None:
        """Reject the connection with an HTTP response of its own.

        Raises:
            RuntimeError: The server does not offer the extension.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if _DENIAL not in (self.scope.get("extensions") or ()):
            error = RuntimeError(
                "The server doesn't support the Websocket Denial Response extension.\n"
                f"{_DENIAL!r} is not among the scope's extensions; close() rejects with HTTP 403."
            )
            await refuse(error)
        await response(self.scope, self.receive, self.send)


_SEND: Final = WebSocket.send
_RECEIVE: Final = WebSocket.receive
_RAISE: Final = WebSocket._raise_on_disconnect  # noqa: SLF001 - of this module
_WATCHED: Final = PRODUCT.initial.receives["websocket.connect"].sends["websocket.accept"]
"""Where data flows, through whatever has been put in the place of those three."""
_FLOWING: Final = flowing_past(_WATCHED, send=_SEND, receive=_RECEIVE)
"""Where it goes past them, while they are the methods of the connection's class."""


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
