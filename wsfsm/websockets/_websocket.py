"""The WebSocket of an ASGI application: Starlette's API, driven by the tables.

A message makes one trip: application -> facade -> one look-up in a compiled row -> the
server's callable, and back. What is legal is decided in `wsfsm.tables` alone; this module
only asks.

Where data flows, it goes past `send` and `receive`, unless there is a hook; `wsfsm.websockets._states`
says why and how.
"""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from wsfsm.exceptions import MalformedMessage, WebSocketDisconnect
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.tables import AFTER_DISCONNECT, APPLICATION, event_of
from wsfsm.tables.events import LOST
from wsfsm.tables.states import WebSocketState
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send
from wsfsm.websockets import _errors
from wsfsm.websockets._iteration import Iteration
from wsfsm.websockets._joint import OPEN, PRODUCT, End
from wsfsm.websockets._quirks import is_loss
from wsfsm.websockets._states import StateAttributes, set_end, set_joint
from wsfsm.websockets._turns import give_turn, refuse

__all__ = ["WebSocket"]

_NORMAL: Final = 1000  # RFC 6455 7.4.1
_CONNECTED: Final = APPLICATION.nodes[WebSocketState.CONNECTED]
_INITIAL: Final = PRODUCT.initial
_DENIAL: Final = "websocket.http.response"
# json.dumps() would make an encoder for each message
_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class WebSocket(StateAttributes[StateT]):
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
    _receive: Receive
    _send: Send

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            kind = scope["type"]
        except KeyError:
            kind = None
        if kind != "websocket":
            raise ValueError(f"WebSocket needs a scope of type 'websocket', got {kind!r}")
        # assignments would go through __setattr__, and cost several times as much
        _set_scope(self, scope)
        _set_receive(self, receive)
        _set_send(self, send)
        set_joint(self, _INITIAL)

    # Receiving

    async def receive(self) -> Message:
        """Receive the next ASGI message, whatever it is.

        Raises:
            WebSocketDisconnected: The disconnect message has been received before.
            IllegalTransition: The server delivers a message that is not allowed now.
            MalformedMessage: The server delivers something that is not a message.
        """
        if not self._joint.on_receive:
            await refuse(self._family.no_more(self._joint, self._ended()))
        message = await self._receive()
        self._take(message)
        return message

    def _take(self, message: Message) -> None:
        joint = self._joint
        try:
            after = joint.on_receive[message["type"]]
        except (KeyError, TypeError):
            raise self._family.not_received(joint, self._ended(), event_of(message)) from None
        if after is not joint:
            if message["type"] == AFTER_DISCONNECT.event:
                end = End.by_client(message)
                # a send may have reported the loss before the real code arrives
                known = self._ended()
                if known is None or (known.closed_by == "transport" and known.code != end.code):
                    set_end(self, end)
            self._enter(after)

    async def _receive_through_hooks(self) -> Message:
        """Receive data as Starlette does, through `receive` and `_raise_on_disconnect`."""
        if self._joint.application.state is not WebSocketState.CONNECTED:
            await refuse(self._family.not_open(self._joint, self._ended()))
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
        # receive_bytes begins alike: a function for both would cost 4 % of an echo, a coroutine 10 %
        if self._joint is OPEN and self.__class__.receive is _RECEIVE:
            receive = self._receive
            message = await receive()
            try:
                after = self._joint.on_receive[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not OPEN:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_through_hooks()
        try:
            text: str | None = message["text"]
        except KeyError:
            text = None
        if not isinstance(text, str) or ("bytes" in message and message["bytes"] is not None):
            raise _errors.unexpected("text", message)
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
        if self._joint is OPEN and self.__class__.receive is _RECEIVE:
            receive = self._receive
            message = await receive()
            try:
                after = self._joint.on_receive[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not OPEN:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_through_hooks()
        try:
            data: bytes | None = message["bytes"]
        except KeyError:
            data = None
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                raise _errors.unexpected("bytes", message)
            data = bytes(data)
        if "text" in message and message["text"] is not None:
            raise _errors.unexpected("bytes", message)
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
        return await refuse(_errors.wrong_mode(mode))

    async def iter_text(self) -> AsyncIterator[str]:
        """Iterate over text messages until the connection ends.

        Raises:
            WebSocketDisconnected: The connection was not accepted yet, or was over before.
        """
        with Iteration() as iteration:
            while True:
                yield await self.receive_text()
                iteration.begun = True

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over binary messages until the connection ends; else as `iter_text`."""
        with Iteration() as iteration:
            while True:
                yield await self.receive_bytes()
                iteration.begun = True

    async def iter_json(self) -> AsyncIterator[Any]:
        """Iterate over JSON text messages until the connection ends; else as `iter_text`."""
        with Iteration() as iteration:
            while True:
                yield await self.receive_json()
                iteration.begun = True

    # Sending

    async def send(self, message: Message) -> None:
        """Send an ASGI message, whatever it is.

        Raises:
            WebSocketDisconnect: The transport is lost (code 1006); the server's exception is
                its cause. A close that meets the loss returns.
            ConnectionClosed: The connection is over.
            IllegalTransition: The message may not be sent now; nothing was sent.
            MalformedMessage: `message` is not a message.
        """
        joint = self._joint
        try:
            after = joint.on_send[message["type"]]
        except (KeyError, TypeError):  # the type of a guarded event is not in the table
            try:
                event = event_of(message)
            except MalformedMessage as error:
                await refuse(error)
            if event not in joint.on_event:
                await refuse(self._family.not_sent(joint, self._ended(), event))
            after = joint.on_event[event]
        if after is not joint:
            if after.over and not joint.over:
                set_end(self, End.by_application(message))
            self._enter(after)
        if joint.application.forwards:
            try:
                await self._send(message)
            except Exception as error:
                if not is_loss(error, message["type"]):
                    raise
                lost = self._lost()
                if message["type"] != "websocket.close":  # nothing is left to close
                    raise lost from error

    def _lost(self) -> WebSocketDisconnect:
        """Take the loss of the transport, which the server's send reports by an exception."""
        joint = self._joint
        if not joint.over:
            set_end(self, End.without_frame("transport"))
        self._enter(joint.on_event[LOST])
        return self._family.disconnect(1006)

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """Accept the connection, after receiving its ``websocket.connect`` if that is still to come.

        Args:
            subprotocol: The subprotocol to speak, one of ``scope["subprotocols"]``.
            headers: Pairs of header name and value for the response of the handshake.

        Raises:
            TypeError: An argument is of the wrong type; nothing was received or sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if subprotocol is not None and not isinstance(subprotocol, str):
            error = _errors.wrong_type("accept", "subprotocol", subprotocol, "str or None")
            await refuse(error)
        try:
            pairs = [] if headers is None else _errors.header_pairs("accept", headers)
        except TypeError as error:
            await refuse(error)
        if "websocket.accept" not in self._joint.on_send:
            await refuse(self._family.not_sent(self._joint, self._ended(), "websocket.accept"))
        if "websocket.connect" in self._joint.on_receive:
            message = await self.receive()
            if message["type"] != "websocket.connect":  # another task received the connect
                raise self._family.not_received(_INITIAL, None, event_of(message))
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})

    async def send_text(self, data: str) -> None:
        """Send a text message.

        Raises:
            TypeError: `data` is not a str; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if not isinstance(data, str):
            await refuse(_errors.wrong_type("send_text", "data", data, "str"))
        if self._joint is OPEN and self.__class__.send is _SEND:
            send = self._send
            try:
                await send({"type": "websocket.send", "text": data})
            except Exception as error:
                if not is_loss(error, "websocket.send"):
                    raise
                raise self._lost() from error
        else:
            await self.send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send a binary message.

        Args:
            data: The payload. The server gets `bytes`, as ASGI says: others are copied.

        Raises:
            TypeError: `data` is not bytes-like; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                expected = "bytes, bytearray or memoryview"
                await refuse(_errors.wrong_type("send_bytes", "data", data, expected))
            data = bytes(data)
        if self._joint is OPEN and self.__class__.send is _SEND:
            send = self._send
            try:
                await send({"type": "websocket.send", "bytes": data})
            except Exception as error:
                if not is_loss(error, "websocket.send"):
                    raise
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
            await refuse(_errors.wrong_mode(mode))
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

        Before the accept neither code nor reason reaches the client, so both are passed on to
        the server unchecked. After the client has left there is nothing to close: nothing is
        raised, even if only the server knows it. During a denial response a close is refused.

        Args:
            code: Close code (RFC 6455 7.4.1).
            reason: Close reason, at most 123 bytes of UTF-8 (RFC 6455 5.5);
                `wsfsm.truncate_reason` cuts a longer one.

        Raises:
            TypeError: The connection is open, and an argument is of the wrong type; nothing was
                sent.
            ValueError: The connection is open, and no Close frame can have this code or reason;
                nothing was sent.
            ConnectionClosed, IllegalTransition: as `send`.
        """
        # a check costs as much as the rest; defaults pass it, and only an open connection sends a frame
        if (code is not _NORMAL or reason is not None) and self._joint.application is _CONNECTED:
            error = _errors.unsendable(self._joint, code, reason)
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
                f"The scope's extensions do not list {_DENIAL!r}; close() rejects with HTTP 403 instead."
            )
            await refuse(error)
        await response(self.scope, self.receive, self.send)


_SEND: Final = WebSocket.send
_RECEIVE: Final = WebSocket.receive
_set_scope: Final = vars(HTTPConnection)["scope"].__set__
_set_receive: Final = vars(WebSocket)["_receive"].__set__
_set_send: Final = vars(WebSocket)["_send"].__set__
