"""WebSockets in uvicorn, on the protocol core of wsfsm.

Use it instead of uvicorn's own classes::

    uvicorn main:app --ws wsfsm.integrations.uvicorn:WebSocketProtocol

The class carries out the commands of the core, and decides nothing about the protocol. It uses the
extensions of ``websockets``, like uvicorn's own classes, and h11 for requests in another form than the one
that uvicorn passes on.

Where servers may choose, `CompatWebSocketProtocol` does the same as uvicorn's own classes.

uvicorn cannot pass options to such a class. To change its `Policies`, set environment variables, for
example ``WSFSM_SERVER_CLOSE_TIMEOUT=5``, or write a subclass::

    class MyProtocol(WebSocketProtocol):
        policies = Policies(close_timeout=5)
"""

from wsfsm.integrations.uvicorn._compat import CompatWebSocketProtocol
from wsfsm.integrations.uvicorn._protocol import WebSocketProtocol

__all__ = ["CompatWebSocketProtocol", "WebSocketProtocol"]
