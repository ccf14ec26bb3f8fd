"""A task that receives ahead of the application, so that the application learns of the disconnect at once.

A server reports the disconnect as a message, which only an application that receives can see. While a
reader is there, it receives, keeps the messages in their order, and gives them to the application when it
asks. No message is lost: those that are left when the reader stops are still given first.
"""

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol

from wsfsm._loops import Bell, Interruption, Loop
from wsfsm.tables import AFTER_DISCONNECT
from wsfsm.types import Message, Receive

__all__ = ["BUFFER", "Reader", "Watched"]

BUFFER: Final = 64
"""Messages that a reader keeps; with so many, it waits until the application has taken one."""


class Watched(Protocol):
    """The functions of a WebSocket that a reader calls."""

    def _read_ahead(self, message: Message) -> None:
        """Take note of the disconnect `message`, which the application has not received yet."""

    def _stop_reading(self) -> None:
        """Let the application receive from the server again."""


class Reader:
    """Receives ahead of the application.

    Args:
        websocket: The connection.
        receive: The server's callable.
        loop: The event loop.

    Attributes:
        server: The server's callable.
        ended: Whether no message follows those that are kept: the disconnect is one of them, or the
            server's callable has failed.
        error: The exception that the server's callable raised.
    """

    def __init__(self, websocket: Watched, receive: Receive, loop: Loop) -> None:
        self.server = receive
        self.ended = False
        self.error: Exception | None = None
        self._websocket = websocket
        self._loop = loop
        self._buffer = 0
        self._kept: deque[Message | Exception] = deque()
        self._bell = Bell(loop)
        self._users = 0
        self._blocks: set[Interruption] = set()
        self._taker: str | None = None
        self._stop: Callable[[], Awaitable[None]] | None = None

    def wake(self) -> None:
        """Let all tasks that wait for this reader check their conditions."""
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
        """Receive, and keep up to `buffer` messages, until `stop` is called as often as this."""
        self._users += 1
        self._buffer = max(self._buffer, buffer)
        self._go_on()

    async def stop(self) -> None:
        """Stop receiving, unless another block needs it."""
        self._users -= 1
        if self._users or self._stop is None:
            return
        try:
            await self._stop()
        finally:
            self._stop = None
            self._go_on()  # a block may have begun in the meantime
            self._bell.ring()  # the application goes on with the server's callable
            self._release()

    def _go_on(self) -> None:
        if self._users and self._stop is None and not self.ended:
            self._stop = self._loop.spawn(self._run)

    async def receive(self) -> Message:
        """Return the next message; the application calls it in place of the server's callable.

        Raises:
            RuntimeError: Another task waits for the next message.
        """
        if self._taker is not None:
            raise RuntimeError(
                f"The task {self._loop.task_name()!r} cannot receive, because the task {self._taker!r} "
                "waits for the next message already.\nLet one task receive, and pass the messages on."
            )
        self._taker = self._loop.task_name()
        try:
            await self._bell.until(lambda: bool(self._kept) or self._stop is None)
        finally:
            self._taker = None
        if not self._kept:
            return await self.server()
        kept = self._kept.popleft()
        self._bell.ring()  # there is room
        self._release()
        if isinstance(kept, Exception):
            raise kept
        return kept

    def _release(self) -> None:
        if self._stop is None and not self._kept:
            self._websocket._stop_reading()  # noqa: SLF001 - the reader is a part of it

    async def _run(self) -> None:
        while not self.ended:
            await self._bell.until(lambda: len(self._kept) < self._buffer)
            try:
                message = await self.server()
            except Exception as error:  # noqa: BLE001 - the application gets it
                self.error = error
                self.ended = True
                self._kept.append(error)
            else:
                self._kept.append(message)
                self.ended = _is_disconnect(message)
                if self.ended:
                    self._websocket._read_ahead(message)  # noqa: SLF001 - as above
            self._bell.ring()
        for block in self._blocks:
            block.interrupt()


def _is_disconnect(message: Message) -> bool:
    try:
        return bool(message["type"] == AFTER_DISCONNECT.event)
    except (KeyError, TypeError):  # the application gets the malformed message
        return False
