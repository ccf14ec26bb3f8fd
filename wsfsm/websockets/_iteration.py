"""Iterating over messages."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

from wsfsm.exceptions import WebSocketDisconnect, WebSocketDisconnected, explained

__all__ = ["Iteration"]

T = TypeVar("T")


class Iteration(AsyncGenerator[T, None]):
    """An iteration over messages, which ends without an error when the connection ends.

    It has the methods of an asynchronous generator, but nothing runs in it between two messages: if it is
    not closed, an event loop has nothing to clean up, and trio nothing to warn of.

    Args:
        receive: Returns the next message.
        ends: The exceptions that report the end of the connection.
    """

    __slots__ = ("_begun", "_ends", "_over", "_receive")

    def __init__(
        self, receive: Callable[[], Awaitable[T]], ends: tuple[type[Exception], ...]
    ) -> None:
        self._ends = ends
        self._receive = receive
        self._begun = False
        self._over = False

    async def __anext__(self) -> T:
        if self._over:
            raise StopAsyncIteration
        try:
            message = await self._receive()
        except self._ends as error:
            # without a message, it is an error that the connection is not accepted yet, or was over before;
            # once begun, the body of the loop may have closed it
            if isinstance(error, WebSocketDisconnected) and not (
                self._begun or isinstance(error, WebSocketDisconnect)
            ):
                raise
            self._over = True
            raise StopAsyncIteration from None
        except StopAsyncIteration as error:  # it would look like the end of the iteration
            raise explained(
                RuntimeError("the server's receive raised StopAsyncIteration"), "server-order"
            ) from error
        self._begun = True
        return message

    async def asend(self, _: None, /) -> T:
        """Return the next message."""
        return await self.__anext__()

    async def athrow(self, error: Any, value: Any = None, traceback: Any = None, /) -> T:
        """End the iteration, and raise the error."""
        await self.aclose()
        return await super().athrow(error, value, traceback)

    async def aclose(self) -> None:
        """End the iteration."""
        self._over = True
