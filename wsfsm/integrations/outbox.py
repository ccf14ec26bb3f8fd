"""What is written to a transport of asyncio: at once, or a turn's frames by one system call."""

import asyncio
from typing import Final

__all__ = ["Outbox"]

_KEPT: Final = 2**16  # bytes that are kept at most


class Outbox:
    """Writes to a transport, in order.

    A system call costs more than all the rest of a small message, so the frames of a turn of the
    loop go out together; waiting for the end of the turn costs a client that waits for one
    answer, so the first frame goes out at once where it seems to be the only one.

    Args:
        transport: The transport.
        loop: Its loop.

    Attributes:
        crowded: Whether so much was added in this turn that it should end.
    """

    __slots__ = ("_flushing", "_hurry", "_kept", "_loop", "_size", "_transport", "crowded")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept: list[bytes] = []
        self._size = 0  # of them
        self._hurry = True
        self._flushing = False
        self.crowded = False

    def write(self, data: bytes) -> None:
        """Write at once, behind what is kept."""
        self.flush()
        self._transport.write(data)

    def add(self, frame: bytes, *, more: bool) -> None:
        """Write a frame at once, or at the end of the turn.

        Args:
            frame: The frame.
            more: Whether the application has more messages to answer.
        """
        if self._hurry and not more and not self._kept:
            self._hurry = False
            self._transport.write(frame)
            return
        self._kept.append(frame)
        self._size += len(frame)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._end_turn)
        if self._size > _KEPT:
            self.crowded = True
            self.flush()

    def answer(self) -> None:
        """The application takes a message: what it sends next is probably an answer."""
        self._hurry = True

    def flush(self) -> None:
        """Write what is kept."""
        if self._kept:
            self._transport.write(b"".join(self._kept))
            self.clear()

    def clear(self) -> None:
        """Forget what is kept."""
        self._kept.clear()
        self._size = 0

    def _end_turn(self) -> None:
        self._flushing = self.crowded = False
        self._hurry = True
        self.flush()
