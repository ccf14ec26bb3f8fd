"""WebSockets in uvicorn, on the protocol core of wsfsm.

In place of uvicorn's own classes::

    uvicorn main:app --ws wsfsm.integrations.uvicorn:WebSocketProtocol

The class does what the core commands, and decides nothing about the protocol. Requests are read by
h11 and extensions are those of ``websockets``, both of which uvicorn's own classes use too.

`CompatWebSocketProtocol` does what uvicorn's own classes do where servers may choose.

uvicorn passes no options of a class on, so there are two other ways to set its `Policies`:
environment variables such as ``WSFSM_SERVER_CLOSE_TIMEOUT=5``, and a subclass::

    class MyProtocol(WebSocketProtocol):
        policies = Policies(close_timeout=5)
"""

from wsfsm.integrations.uvicorn._compat import CompatWebSocketProtocol
from wsfsm.integrations.uvicorn._protocol import WebSocketProtocol

__all__ = ["CompatWebSocketProtocol", "WebSocketProtocol"]
