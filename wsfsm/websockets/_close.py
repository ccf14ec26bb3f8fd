"""An application that does nothing but close."""

import attrs

from wsfsm.types import ReceiveLike, ScopeLike, SendLike

__all__ = ["WebSocketClose"]


def _text_or_empty(text: str | None) -> str:
    return text or ""


@attrs.frozen
class WebSocketClose:
    """An ASGI application that closes the connection; before the accept, HTTP 403.

    Attributes:
        code: Close code.
        reason: Close reason; None is the same as an empty one.
    """

    code: int = 1000
    reason: str = attrs.field(default=None, converter=_text_or_empty)

    async def __call__(
        self,
        scope: ScopeLike,  # noqa: ARG002 - the signature of ASGI
        receive: ReceiveLike,  # noqa: ARG002
        send: SendLike,
    ) -> None:
        """Close the connection."""
        await send({"type": "websocket.close", "code": self.code, "reason": self.reason})
