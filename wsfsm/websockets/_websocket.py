"""The WebSocket of an ASGI application."""

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Self, TypeVar

from wsfsm._closing import truncate_reason
from wsfsm._loops import current_loop
from wsfsm._text import describe
from wsfsm.exceptions import (
    IllegalTransition,
    WebSocketDisconnect,
    WebSocketDisconnected,
    explained,
)
from wsfsm.messages import Close, ResponseBody, ResponseStart
from wsfsm.requests import StateT
from wsfsm.tables.events import BODY_LAST, READ_AHEAD
from wsfsm.types import Message
from wsfsm.websockets import _errors
from wsfsm.websockets._denial import HeadersLike, deny
from wsfsm.websockets._iteration import Iteration
from wsfsm.websockets._quirks import refuses_code
from wsfsm.websockets._read_ahead import BUFFER, Reader
from wsfsm.websockets._receiving import decoded, set_receive
from wsfsm.websockets._sending import Sending
from wsfsm.websockets._turns import give_turn, refuse

__all__ = ["WebSocket"]

T = TypeVar("T")

_log: Final = logging.getLogger("wsfsm.websockets")

_NEVER_SENT: Final = frozenset({1005, 1006, 1015})  # RFC 6455 7.4.1
_FAILED: Final = 1011  # RFC 6455 7.4.1


async def _attempt(ending: Awaitable[None]) -> Exception | None:
    """End a connection, and return the error if the server has failed; that is logged."""
    try:
        await ending
    except (WebSocketDisconnect, IllegalTransition):
        pass  # it has ended in the meantime
    except Exception as error:  # noqa: BLE001 - for example of a server that does not take the code
        _log.warning("The server failed to close a WebSocket.", exc_info=True)
        return error
    return None


class WebSocket(Sending[StateT]):
    """One WebSocket connection, as the application sees it.

    The class is a drop-in for Starlette's (and so FastAPI's) of the same name; every
    deliberate difference is listed in ``specs/starlette.toml``.

    At the end of ``async with websocket:`` the connection is closed: with 1000 at the end of the block,
    or with 1011 if an exception ends it, which is raised on. Before the accept the handshake is denied
    instead, with 403 or 500. If the client has left, the exceptions that report it end the block quietly,
    also in an exception group.

    Args:
        scope: The connection scope, of type ``"websocket"``.
        receive: The server's callable that gives the next message.
        send: The server's callable that takes a message.

    Raises:
        ValueError: The scope is of another type.
    """

    __slots__ = ()
    _unsent_body: bytes = b""  # of a denial response that was given up after its head

    # Receiving

    async def receive_data(self, timeout: float | None = None) -> str | bytes:
        """Receive a message of either kind.

        Args:
            timeout: As in `receive_text`.

        Returns:
            A str for a text message, bytes for a binary message.

        Raises:
            TimeoutError, WebSocketDisconnect, WebSocketDisconnected, UnexpectedFrame: as `receive_text`.
        """
        if timeout is not None:
            return await self._within(timeout, WebSocket.receive_data, self)
        message = await self._receive_through_hooks()
        text, data = message.get("text"), message.get("bytes")
        if data is None and isinstance(text, str):
            return text
        if text is None and isinstance(data, (bytes, bytearray, memoryview)):
            return bytes(data)
        raise _errors.unexpected("text or bytes", message)

    async def receive_as(
        self, decode: Callable[[str | bytes], T], timeout: float | None = None
    ) -> T:
        """Receive a message of either kind and decode it.

        Args:
            decode: Makes a value of the message, for example ``Move.model_validate_json`` of pydantic, or
                ``msgspec.json.Decoder(Move).decode``. An exception that it raises is raised on, with the
                message as its attribute ``doc``, and the connection stays usable.
            timeout: As in `receive_text`.

        Raises:
            TimeoutError, WebSocketDisconnect, WebSocketDisconnected, UnexpectedFrame: as `receive_text`.
        """
        if timeout is not None:
            return await self._within(timeout, WebSocket.receive_as, self, decode)
        return decoded(decode, await WebSocket.receive_data(self))

    def __aiter__(self) -> AsyncGenerator[str | bytes, None]:  # noqa: PYI058 - can be closed
        """Iterate over messages of either kind until the connection ends; else as `iter_text`."""
        return Iteration(self.receive_data, self._family.ends)

    # Sending

    async def send_as(
        self, value: T, encode: Callable[[T], str | bytes], timeout: float | None = None
    ) -> None:
        """Encode a value and send it: as text if `encode` returns a str, as binary if it returns bytes.

        Args:
            value: The value.
            encode: Makes the message, for example ``Move.model_dump_json`` of pydantic, or
                ``msgspec.json.encode``. An exception that it raises is raised on, and nothing is sent.
            timeout: As in `send_text`.

        Raises:
            TypeError: The result of `encode` is neither str nor bytes; nothing was sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is not None:
            await self._within(timeout, WebSocket.send_as, self, value, encode)
            return
        try:
            encoded = encode(value)
        except Exception:
            await give_turn()
            raise
        if isinstance(encoded, str):
            await Sending.send_text(self, encoded)
        else:
            await Sending.send_bytes(self, encoded)

    # Before the accept

    def negotiate(self, subprotocols: Iterable[str]) -> str | None:
        """Choose a subprotocol for `accept` (RFC 6455 4.2.2).

        Args:
            subprotocols: The subprotocols that the application speaks, the best first.

        Returns:
            The first of them that the client offers; None if it offers none of them.

        Raises:
            TypeError: `subprotocols` is one str.
        """
        if isinstance(subprotocols, (str, bytes)):
            raise explained(
                TypeError(
                    f"negotiate() takes a list of subprotocols, got {describe(subprotocols)}"
                ),
                "wrong-argument",
            )
        offered = self.scope.get("subprotocols") or ()
        if not isinstance(offered, (list, tuple)):
            offered = self.scope["subprotocols"] = [*offered]  # an iterator runs out
        return next((name for name in subprotocols if name in offered), None)

    async def deny(
        self,
        status: int = 403,
        *,
        headers: HeadersLike = (),
        body: str | bytes = b"",
        timeout: float | None = None,
    ) -> None:
        """Reject the connection with an HTTP response.

        A server without the ASGI extension "Websocket Denial Response" answers with HTTP 403, without the
        headers and the body.

        Args:
            status: Status of the response, from 200 to 599.
            headers: Headers of the response, as a mapping of str, or as pairs of bytes. A content-length,
                and the content-type of a str, are added unless they are there.
            body: Body of the response.
            timeout: As in `send_text`.

        Raises:
            ValueError, TypeError: An argument is wrong; nothing was sent.
            TimeoutError: as `send_text`.
            WebSocketDisconnect, ConnectionClosed, IllegalTransition: as `send`.
        """
        if timeout is None:
            await deny(self, status, headers, body)
        else:
            await self._within(timeout, WebSocket.deny, self, status, headers=headers, body=body)

    # The end

    async def aclose(
        self, code: int = 1000, reason: str | None = None, timeout: float | None = None
    ) -> None:
        """Close the connection if it is not over, and raise nothing about its state.

        Before the accept the handshake is denied with HTTP 403; a denial response that has been started
        is completed. An error of the server is logged.

        Args:
            code: Close code, as in `close`. The codes 1005, 1006 and 1015, which are received and never sent,
                are sent as 1000, so that you can pass on the code of another connection.
            reason: Close reason; one that is too long is cut.
            timeout: Seconds that it may take; None waits as long as the server does, for example until a
                slow client has taken earlier messages. After a timeout, end the handler.

        Raises:
            ValueError, TypeError: The connection is open, and no Close frame can have this code or reason.
        """
        if timeout is not None:
            with contextlib.suppress(TimeoutError):
                await self._within(timeout, WebSocket.aclose, self, code, reason)
            return
        if Close.type in self._joint.on_send:
            code = Close().code if code in _NEVER_SENT else code
            reason = truncate_reason(reason) if isinstance(reason, str) else reason
            if (error := _errors.unsendable(self._joint, code, reason, call="aclose")) is not None:
                await refuse(error)
            error = await _attempt(self.close(code, reason))
            if error is not None and refuses_code(error):
                with contextlib.suppress(Exception):
                    await self._send({**Close().to_message()})
        elif BODY_LAST in self._joint.on_event:
            body = self._unsent_body
            await _attempt(self.send({"type": ResponseBody.type, "body": body, "more_body": False}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None:
            await self.aclose()
            return False
        if self._reports_end(error):
            return True
        # a server that cancels the task ends the connection itself
        if isinstance(error, Exception) and not self._is_handled(error):
            await self._fail()
        return False

    def _reports_end(self, error: BaseException, *, of_others: bool = False) -> bool:
        """Whether an exception, or a group of them, only reports that this connection has ended.

        The use of a connection after the application itself has closed it is a mistake, unless other
        tasks have closed it.
        """
        if isinstance(error, BaseExceptionGroup):
            return all(self._reports_end(each, of_others=of_others) for each in error.exceptions)
        if isinstance(error, WebSocketDisconnected) and not of_others:
            return self.closed_by not in {None, "application"}
        return self._joint.over and isinstance(error, self._family.ends)

    async def _fail(self) -> None:
        """End the connection because of an exception of the application."""
        if ResponseStart.type in self._joint.on_send:
            await _attempt(self.deny(500, body="Internal Server Error"))
        # a part of a response must not look complete; and an exception must not look like a normal
        # end, which aclose() makes of a code that the server refuses
        elif Close.type in self._joint.on_send:
            await _attempt(self.close(_FAILED))

    def _is_handled(self, error: Exception) -> bool:  # noqa: ARG002 - subclasses need it
        """Whether a framework ends the connection because of an exception."""
        return False

    @contextlib.asynccontextmanager
    async def until_disconnect(self, *, buffer: int = BUFFER) -> AsyncIterator[None]:
        """Run a block until the client leaves, on asyncio or trio.

        The disconnect is noticed even if the block only sends or waits: it is cancelled then, and
        execution goes on after it. Afterwards `close_code`, `close_reason` and `closed_by` give the reason.
        The exceptions that report the end of the connection by the client, or by another task, do not
        leave the block, and neither do groups of them.

        Meanwhile messages are received ahead of the application, which gets all of them, in their order.
        Enter the block in the task that receives, or while no task receives.

        Args:
            buffer: Messages that are received ahead at most. If the application does not take them, the
                server waits, and the disconnect after them is not seen; a warning is logged then. With 0, data
                that arrives while the application does not wait for it is thrown away.

        Raises:
            ValueError: `buffer` is not an int, or negative.
            RuntimeError: Neither asyncio nor trio runs the task.
            Exception: One that the server's callable raised, which ends the block.
        """
        if type(buffer) is not int or buffer < 0:
            raise explained(
                ValueError(f"until_disconnect(): 'buffer' must be at least 0, got {buffer!r}"),
                "wrong-argument",
            )
        loop, was_over = current_loop(), self._joint.over
        async with self._reading(buffer) as reader:
            try:
                async with loop.interruptible() as block:
                    with reader.interrupts(block):
                        yield
            except Exception as error:
                of_others = not was_over and reader.closer is not loop.task()
                if not self._reports_end(error, of_others=of_others):
                    raise

    async def wait_closed(self) -> None:
        """Wait until the connection has ended, by either side; messages are kept for the application.

        Receive before and after it, or in the task that waits, because two tasks cannot receive at once.

        Raises:
            RuntimeError: Neither asyncio nor trio runs the task.
            Exception: One that the server's callable raised.
        """
        if self._joint.over:
            return
        async with self._reading(BUFFER) as reader:
            await reader.until(lambda: self._joint.over)

    @contextlib.asynccontextmanager
    async def _reading(self, buffer: int) -> AsyncIterator[Reader]:
        """Receive ahead of the application during a block; an error of the server ends it."""
        reader = self._reader
        if reader is None:
            reader = Reader(self, self._receive, current_loop(), ended=not self._joint.on_receive)
            vars(self)["_reader"] = reader
            set_receive(self, reader.receive)
        reader.start(buffer)
        try:
            yield reader
        finally:
            await reader.stop()
        if reader.error is not None:
            raise reader.error

    def _read_ahead(self, message: Message) -> None:
        self._end_by_client(message)
        self._enter(self._joint.on_event[READ_AHEAD])

    def _stop_reading(self, reader: Reader) -> None:
        if self._reader is reader:
            del vars(self)["_reader"]
        if self._receive == reader.receive:  # else somebody has wrapped it
            set_receive(self, reader.server)
