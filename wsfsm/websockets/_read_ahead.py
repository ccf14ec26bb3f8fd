"""A task that receives ahead of the application, so that the application learns of the disconnect at once.

A server reports the disconnect as a message, which only an application that receives can see. While a
reader is there, it receives, keeps the messages in their order, and gives them to the application when it
asks. No message is lost: those that are left when the reader stops are still given first.
"""

import contextlib
import logging
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol, cast

from wsfsm._loops import Bell, Interruption, Loop
from wsfsm.messages import Receive as ReceiveMessage
from wsfsm.tables import AFTER_DISCONNECT
from wsfsm.types import Message, Receive
from wsfsm.websockets._exclusive import second_receiver, task_name
from wsfsm.websockets._turns import refuse

__all__ = ["BUFFER", "Reader", "Watched"]

_log: Final = logging.getLogger("wsfsm.websockets")
_DATA: Final = ReceiveMessage.type

BUFFER: Final = 64
"""Messages that a reader keeps; with so many, it waits until the application has taken one."""


class Watched(Protocol):
    """The functions of a WebSocket that a reader calls."""

    def _read_ahead(self, message: Message) -> None:
        """Take note of the disconnect `message`, which the application has not received yet."""

    def _stop_reading(self, reader: "Reader") -> None:
        """Let the application receive from the server again, and not from `reader`."""


class Reader:
    """Receives ahead of the application.

    Args:
        websocket: The connection.
        receive: The server's callable.
        loop: The event loop.
        ended: Whether the application has received the disconnect already.

    Attributes:
        server: The server's callable.
        ended: Whether no message follows those that are kept: the disconnect is one of them or was
            received, or the server's callable has failed.
        error: The exception that the server's callable raised.
        closer: The task that has ended the connection during a block; None before.
    """

    def __init__(self, websocket: Watched, receive: Receive, loop: Loop, *, ended: bool) -> None:
        self.server = receive
        self.ended = ended
        self.error: BaseException | None = None
        self.closer: object = None
        self._websocket = weakref.ref(websocket)  # which refers to this reader
        self._loop = loop
        self._buffer = 0
        self._kept: deque[Message | BaseException] = deque()
        self._bell = Bell(loop)
        self._users = 0
        self._blocks: set[Interruption] = set()
        self._taker: str | None = None
        self._asking = self._stopping = False
        self._taken = self._warned = False
        self._stop: Callable[[], Awaitable[None]] | None = None

    def connection_over(self, *, last: bool) -> None:
        """Take note of the end of the connection, from whichever task.

        Args:
            last: Whether no message follows.
        """
        if self.closer is None:
            self.closer = self._loop.task()
        if last:
            self._end()
        else:
            self._bell.ring()

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait until a condition is met, or the last message has been received."""
        await self._bell.until(lambda: met() or self.ended)

    @contextlib.contextmanager
    def interrupts(self, block: Interruption) -> Iterator[None]:
        """Interrupt a block when the last message has been received."""
        self._blocks.add(block)
        if self.ended:
            block.interrupt()
        try:
            yield
        finally:
            self._blocks.discard(block)

    def start(self, buffer: int) -> None:
        """Receive, and keep up to `buffer` messages, until `stop` is called as often as this.

        If all blocks that need the reader want to keep none, data is thrown away.
        """
        self._users += 1
        self._buffer = max(self._buffer, buffer)
        self._settle()
        self._bell.ring()  # there may be more room

    async def stop(self) -> None:
        """Stop receiving, unless another block needs it."""
        self._users -= 1
        if self._users:
            return
        stop, self._stopping = self._stop, True
        try:
            if stop is not None:
                await stop()
        finally:
            if self._stop is stop:  # else another block has begun, ended, and stopped it already
                self._stop, self._stopping = None, False
                self._settle()
                self._bell.ring()  # the application goes on with the server's callable

    def _settle(self) -> None:
        """Receive if a block needs it, or else let the application go on without the reader."""
        if self._stop is not None or self._asking:
            return
        if not self._users:
            if not self._kept and self._taker is None:
                websocket = self._websocket()
                if websocket is not None:  # else nobody can use it any more
                    websocket._stop_reading(self)  # noqa: SLF001 - the reader is a part of it
        elif not self.ended:
            self._stop = self._loop.spawn(self._run)

    async def receive(self) -> Message:
        """Return the next message; the application calls it in place of the server's callable.

        Raises:
            RuntimeError: Another task waits for the next message.
        """
        if self._taker is not None:
            await refuse(second_receiver(self._taker))
        self._taker = task_name()
        try:
            await self._bell.until(lambda: bool(self._kept) or self._stop is None or self.ended)
            kept = self._kept.popleft() if self._kept else await self._ask()
        finally:
            self._taker = None
            self._settle()
        self._taken = True
        self._bell.ring()  # there is room
        if isinstance(kept, BaseException):
            raise kept
        return kept

    async def _ask(self) -> Message:
        """Receive from the server, because the reader does not; it does not begin meanwhile."""
        self._asking = True
        try:
            message = await self.server()
        finally:
            self._asking = False
        if _is_disconnect(message):
            self._end()
        return message

    async def _run(self) -> None:
        try:
            while not (self.ended or self._stopping):
                if len(self._kept) >= self._buffer > 0:
                    self._warn()
                    await self._bell.until(lambda: len(self._kept) < self._buffer)
                message = await self.server()
                if self._buffer or self._taker is not None or _type(message) != _DATA:
                    self._keep(message)
        except Exception as error:  # noqa: BLE001 - the application gets it
            self._fail(error)
        except BaseException as error:
            if not self._stopping:  # for example, all tasks are cancelled
                self._fail(error)
            # anything else is for the application, and not for the loop
            if self._loop.is_cancellation(error):
                raise

    def _warn(self) -> None:
        if not self._taken and not self._warned:
            self._warned = True
            _log.warning(
                "until_disconnect() keeps %d messages that the application has not received, and waits, so it "
                "does not see the client leave. Receive them, or pass buffer=0 to throw them away.",
                self._buffer,
            )

    def _keep(self, message: Message) -> None:
        self._kept.append(message)
        if _is_disconnect(message):
            # it is there, because the block that needs the reader holds it
            cast("Watched", self._websocket())._read_ahead(message)  # noqa: SLF001 - as above
            self._end()
        self._bell.ring()

    def _fail(self, error: BaseException) -> None:
        self._kept.append(error)
        self.error = error
        self._end()

    def _end(self) -> None:
        self.ended = True
        self._bell.ring()
        for block in self._blocks:
            block.interrupt()


def _type(message: Message) -> object:
    try:
        return message["type"]
    except (KeyError, TypeError):  # the application gets the malformed message
        return None


def _is_disconnect(message: Message) -> bool:
    return _type(message) == AFTER_DISCONNECT.event
