"""The class under test, with a patience that fits into a soak."""

import attrs

from wsfsm.integrations import uvicorn

__all__ = ["CompatWebSocketProtocol", "WebSocketProtocol"]

_CLOSE: float = 3.0  # seconds


class WebSocketProtocol(uvicorn.WebSocketProtocol):
    """The class, which waits less long for the end of a connection."""

    policies = attrs.evolve(uvicorn.WebSocketProtocol.policies, close_timeout=_CLOSE)

    __slots__ = ()


class CompatWebSocketProtocol(uvicorn.CompatWebSocketProtocol):
    """The same for the class that does as uvicorn's own ones."""

    policies = attrs.evolve(uvicorn.CompatWebSocketProtocol.policies, close_timeout=_CLOSE)

    __slots__ = ()
