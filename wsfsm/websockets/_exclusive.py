"""Refusing a second task that receives while another one waits for the next message."""

import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from wsfsm._loops import current_loop
from wsfsm.exceptions import explained
from wsfsm.types import Message
from wsfsm.websockets._turns import refuse

__all__ = ["CHECKED", "ExclusiveReceive", "second_receiver", "task_name"]

CHECKED: Final = sys.flags.dev_mode
"""Whether each connection is checked: in the development mode of Python (``python -X dev``)."""


def task_name() -> str:
    """Return the name of the calling task; "?" if no known event loop runs it."""
    with contextlib.suppress(RuntimeError):
        return current_loop().task_name()
    return "?"


def second_receiver(first: str) -> RuntimeError:
    """Make the error for the calling task, which cannot receive because of another task."""
    return explained(
        RuntimeError(
            f"The task {task_name()!r} cannot receive, because the task {first!r} waits for the next message "
            "already.\nLet one task receive, and pass the messages on."
        ),
        "two-receivers",
    )


class ExclusiveReceive:
    """The receive of a server, for one task at a time.

    Most servers give each message to any task that waits, so two receivers would split the messages.

    Args:
        receive: The server's callable.
    """

    __slots__ = ("_receive", "_taker")

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self._taker: str | None = None

    async def __call__(self) -> Message:
        """Return the next message.

        Raises:
            RuntimeError: Another task waits for it.
        """
        if self._taker is not None:
            await refuse(second_receiver(self._taker))
        self._taker = task_name()
        try:
            message: Message = await self._receive()
        finally:
            self._taker = None
        return message
