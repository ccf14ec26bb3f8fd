"""The classes under test, with a shorter timeout for soaks."""

import attrs

from wsfsm.integrations import uvicorn

__all__ = ["CompatWebSocketProtocol", "WebSocketProtocol"]

_CLOSE: float = 3.0  # seconds


class WebSocketProtocol(uvicorn.WebSocketProtocol):
    """The class in uvicorn, with a shorter close timeout."""

    policies = attrs.evolve(uvicorn.WebSocketProtocol.policies, close_timeout=_CLOSE)

    __slots__ = ()


class CompatWebSocketProtocol(uvicorn.CompatWebSocketProtocol):
    """The compat class, with a shorter close timeout."""

    policies = attrs.evolve(uvicorn.CompatWebSocketProtocol.policies, close_timeout=_CLOSE)

    __slots__ = ()
