"""The end of an iteration over messages."""

from types import TracebackType
from typing import Final, Self

from wsfsm.exceptions import WebSocketDisconnect, WebSocketDisconnected

__all__ = ["Iteration"]

_ENDS: Final = (WebSocketDisconnect, WebSocketDisconnected)


class Iteration:
    """A context manager that leaves an iteration without an error when the connection ends.

    Attributes:
        begun: Whether there was a message. Without one, a connection that is not accepted yet, or
            that was over before, is an error.
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        # once begun, the body of the loop may have closed the connection
        return isinstance(error, _ENDS if self.begun else WebSocketDisconnect)
