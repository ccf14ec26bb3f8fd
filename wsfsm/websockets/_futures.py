"""Receiving from a server whose receive returns a future, and loses the message if that is cancelled."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, Final

from wsfsm.types import Message

__all__ = ["COMPILED", "KeptFutures"]

COMPILED: Final = BuiltinFunctionType
"""Type of a receive that may return a future: that of granian is not written in Python."""


class KeptFutures:
    """The receive of a server whose futures outlive a receiver that is cancelled, for example by a timeout.

    The next receiver gets the message of such a future.

    Args:
        receive: The server's callable.
    """

    __slots__ = ("_kept", "_receive")

    def __init__(self, receive: Callable[[], Any]) -> None:
        self._receive = receive
        self._kept: deque[asyncio.Future[Message]] = deque()

    async def __call__(self) -> Message:
        """Return the next message."""
        future = self._kept.popleft() if self._kept else self._receive()
        if not asyncio.isfuture(future):
            message: Message = await future
            return message
        try:
            # a timeout of 0 seconds would be over before a message that is there is received
            if not future.done():
                await asyncio.wait([future])  # which does not cancel it
        except asyncio.CancelledError:
            self._kept.append(future)
            raise
        return future.result()
