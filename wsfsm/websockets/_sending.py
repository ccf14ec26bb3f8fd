"""Sending messages and data, with the API of Starlette's class.

A message makes one trip: application -> one look-up in a compiled row -> the server's callable. What is
legal is decided in `wsfsm.tables` alone; this module only asks.

Where data flows, it goes past `send`, unless there is a hook; `wsfsm.websockets._states` says why and how.
"""

import logging
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from wsfsm.exceptions import MalformedMessage, explained
from wsfsm.origins import DENIAL
from wsfsm.requests import StateT
from wsfsm.tables import APPLICATION, event_of
from wsfsm.tables.events import LOST
from wsfsm.tables.states import ReadyState, WebSocketState
from wsfsm.types import ASGIAppLike, Message
from wsfsm.websockets import _errors
from wsfsm.websockets._denial import Origins, check_origin
from wsfsm.websockets._joint import OPEN, PRODUCT, START, End
from wsfsm.websockets._quirks import is_loss
from wsfsm.websockets._receiving import RECEIVE, Receiving
from wsfsm.websockets._states import set_end
from wsfsm.websockets._turns import give_turn, refuse

__all__ = ["Sending"]

_log: Final = logging.getLogger("wsfsm.websockets")

_NORMAL: Final = 1000  # RFC 6455 7.4.1
_PRIVATE: Final = range(4000, 5000)  # codes of applications (RFC 6455 7.4.2)
_CONNECT: Final[Message] = {"type": "websocket.connect"}
# A handler that only accepts or closes takes a short way, as data does: it saves two coroutines
_ACCEPTED: Final = START.on_receive["websocket.connect"].on_send["websocket.accept"]
_CLOSED: Final = OPEN.on_send["websocket.close"]
_DENIED: Final = {
    joint: joint.on_send["websocket.close"]
    for joint in PRODUCT.joints
    if joint.ready_state is ReadyState.CONNECTING and "websocket.close" in joint.on_send
}
_CONNECTED: Final = APPLICATION.nodes[WebSocketState.CONNECTED]


@cache  # once for each code
def warn_unseen_code(code: int) -> None:
    """Log that the client does not see a close code of the application's own before the accept."""
    _log.warning(
        "close(%d) before the accept: the client sees HTTP 403, and not the code. "
        "Accept the connection first, or reject it with deny().",
        code,
    )


class Sending(Receiving[StateT]):
    """A connection to which messages are sent too."""

    __slots__ = ()

    async def send(self, message: Any) -> None:
        """Send an ASGI message, whatever it is.

        Args:
            message: A mapping. For a type checker, it may be a `Message` or a typed dictionary, and the method
                may be overridden for one of them.

        Raises:
            WebSocketDisconnect: The transport is lost (code 1006); the server's exception is
                its cause. A close that meets the loss returns.
            ConnectionClosed: The connection is over.
            IllegalTransition: The message may not be sent now; nothing was sent.
            MalformedMessage: `message` is not a message.
        """
        joint = self._joint
        try:
            after = joint.on_send.get(message["type"])
        except (KeyError, TypeError):
            after = None
        if after is None:  # the type of a guarded event is not in the table
            try:
                event = event_of(message)
            except MalformedMessage as error:
                await refuse(error)
            after = joint.on_event.get(event)
            if after is None:
                await refuse(self._family.not_sent(joint, self._ended(), event))
        if after is not joint:
            if after.over and not joint.over:
                set_end(self, {**message})  # read if somebody asks for the end, which is rare
            self._enter(after)
        if joint.application.forwards:
            try:
                await self._send(message)
            except Exception as error:
                if not self._takes_loss(error, message["type"]):
                    raise

    def _takes_loss(self, error: Exception, sending: str) -> bool:
        """Take the loss of the transport, if the server's send reports it by this exception.

        Returns:
            Whether the exception is done with: a close that meets the loss has nothing left to close.

        Raises:
            WebSocketDisconnect: It is the loss, and another message was sent.
        """
        if not is_loss(error, sending):
            return False
        joint = self._joint
        if not joint.over:
            set_end(self, End.without_frame("transport"))
        self._enter(joint.on_event[LOST])
        if sending != "websocket.close":
            raise self._family.disconnect(1006) from error
        return True

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
        allowed_origins: Origins | None = None,
        timeout: float | None = None,
    ) -> None:
        """Accept the connection, after receiving its ``websocket.connect`` if that is still to come.

        Args:
            subprotocol: The subprotocol to speak, one of ``scope["subprotocols"]``.
            headers: Pairs of header name and value for the response of the handshake.
            allowed_origins: An `AllowedOrigins`, or origins for it, such as ``"https://example.org"``: pages
                of other origins are denied with HTTP 403 (RFC 6455 10.2). By default, all are accepted.
            timeout: As in `send_text`.

        Raises:
            TypeError: An argument is of the wrong type; nothing was received or sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect: The origin is not allowed, and the connection was denied; or as `send`.
            ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(
                timeout, Sending.accept, self, subprotocol, headers, allowed_origins=allowed_origins
            )
            return
        pairs: list[tuple[bytes, bytes]] = []
        if subprotocol is not None or headers is not None:
            pairs = await self._accept_headers(subprotocol, headers)
        accept = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs}
        if self._joint is not START and "websocket.accept" not in self._joint.on_send:
            await refuse(self._family.not_sent(self._joint, self._ended(), "websocket.accept"))
        if allowed_origins is not None:
            await check_origin(self, allowed_origins)
        if (
            self._joint is START
            and self.__class__.receive is RECEIVE
            and self.__class__.send is _SEND
        ):
            message = await self._receive()
            if message == _CONNECT and self._joint is START:
                self._enter(_ACCEPTED)
                try:
                    await self._send(accept)
                except Exception as error:
                    self._takes_loss(error, "websocket.accept")  # raises, if it is one
                    raise
                return
            self._take(message)
        else:
            message = await self._receive_connect()
        if message["type"] != "websocket.connect":  # another task received the connect
            raise self._family.not_received(START, None, event_of(message))
        await self.send(accept)

    async def _accept_headers(
        self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]] | None
    ) -> list[tuple[bytes, bytes]]:
        try:
            return _errors.accept_headers(subprotocol, headers)
        except TypeError as error:
            await refuse(error)

    async def _receive_connect(self) -> Message:
        """Receive the connect through the hooks; if the application has received it, return one."""
        if "websocket.connect" in self._joint.on_receive:
            return await self.receive()
        return _CONNECT

    async def send_text(self, data: str, timeout: float | None = None) -> None:
        """Send a text message.

        Args:
            data: The text.
            timeout: Seconds that it may take; None waits as long as the server does, for example until
                a slow client has taken earlier messages. After a timeout the message may still reach the
                client, or not.

        Raises:
            TimeoutError: The server did not take the message in time.
            TypeError: `data` is not a str; nothing was sent.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(timeout, Sending.send_text, self, data)
            return
        if not isinstance(data, str):
            await refuse(_errors.wrong_type("send_text", "data", data, "str"))
        if self._joint is OPEN and self.__class__.send is _SEND:
            send = self._send
            try:
                await send({"type": "websocket.send", "text": data})
            except Exception as error:
                if not self._takes_loss(error, "websocket.send"):
                    raise
        else:
            await self.send({"type": "websocket.send", "text": data})

    async def send_bytes(
        self, data: bytes | bytearray | memoryview, timeout: float | None = None
    ) -> None:
        """Send a binary message.

        Args:
            data: The payload. The server gets `bytes`, as ASGI says: others are copied.
            timeout: As in `send_text`.

        Raises:
            TypeError: `data` is not bytes-like; nothing was sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(timeout, Sending.send_bytes, self, data)
            return
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
                if not self._takes_loss(error, "websocket.send"):
                    raise
        else:
            await self.send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any, mode: str = "text", timeout: float | None = None) -> None:
        """Encode `data` as JSON, with `json_dumps`, and send it.

        Args:
            data: Anything that `json_dumps` takes.
            mode: ``"text"`` or ``"binary"`` (UTF-8), the kind of message to send.
            timeout: As in `send_text`.

        Raises:
            RuntimeError: `mode` is neither.
            TypeError, ValueError: `data` cannot be encoded; nothing was sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(timeout, Sending.send_json, self, data, mode)
            return
        if mode not in {"text", "binary"}:
            await refuse(_errors.wrong_mode(mode))
        try:
            encoded = self.json_dumps(data)
            if mode == "text":
                text = encoded if isinstance(encoded, str) else str(encoded, "utf-8")
            else:
                payload = encoded.encode("utf-8") if isinstance(encoded, str) else encoded
        except Exception:
            await give_turn()
            raise
        if mode == "text":
            await Sending.send_text(self, text)
        else:
            await Sending.send_bytes(self, payload)

    async def close(
        self, code: int = _NORMAL, reason: str | None = None, timeout: float | None = None
    ) -> None:
        """Close the connection; before the accept, reject it with HTTP 403.

        Before the accept neither code nor reason reaches the client, so both are passed on to the
        server unchecked; for each code of your own (4000 to 4999) a warning is logged once. If the
        client has left, there is nothing to close: nothing is raised, even if only the server knows
        it. After a close or a denial of your own, or a send that has failed, `ConnectionClosed` is
        raised; `aclose` is for a ``finally`` clause. During a denial response a close is refused.

        Args:
            code: Close code (RFC 6455 7.4.1).
            reason: Close reason, at most 123 bytes of UTF-8 (RFC 6455 5.5);
                `wsfsm.truncate_reason` cuts a longer one.
            timeout: As in `send_text`.

        Raises:
            TypeError: The connection is open, and an argument is of the wrong type; nothing was
                sent.
            ValueError: The connection is open, and no Close frame can have this code or reason;
                nothing was sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(timeout, Sending.close, self, code, reason)
            return
        # a check costs as much as the rest; defaults pass it, and only an open connection sends a frame
        if code is not _NORMAL or reason is not None:
            if self._joint.application is _CONNECTED:
                error = _errors.unsendable(self._joint, code, reason)
                if error is not None:
                    await refuse(error)
            elif code in _PRIVATE and self.ready_state is ReadyState.CONNECTING:
                warn_unseen_code(code)
        close = {"type": "websocket.close", "code": code, "reason": reason or ""}
        joint = self._joint
        closed = _CLOSED if joint is OPEN else _DENIED.get(joint)
        if closed is not None and self.__class__.send is _SEND:
            set_end(self, close.copy())
            self._enter(closed)
            try:
                await self._send(close)
            except Exception as error:
                if not self._takes_loss(error, "websocket.close"):
                    raise
        else:
            await self.send(close)

    async def send_denial_response(self, response: ASGIAppLike) -> None:
        """Reject the connection with an HTTP response of its own.

        Raises:
            RuntimeError: The server does not offer the extension.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if DENIAL not in (self.scope.get("extensions") or ()):
            error = RuntimeError(
                "The server doesn't support the Websocket Denial Response extension.\n"
                f"The scope's extensions do not list {DENIAL!r}; close() rejects with HTTP 403 instead."
            )
            await refuse(explained(error, "denial"))
        await response(self.scope, self.receive, self.send)


_SEND: Final = Sending.send
