"""THE RULES: the legal order of events on an ASGI WebSocket. No other module decides that.

Theory of operation
===================

A WebSocket in ASGI is two small machines that run side by side:

- The **client** machine sees every message that the application *receives*: first
  ``websocket.connect``, then data, at last ``websocket.disconnect``.
- The **application** machine sees every message that the application *sends*: it accepts,
  closes or denies the connection, sends data, and closes. It also sees one event that is not a
  message: the loss of the transport, which a server reports by an `OSError` out of ``send``.

A row is a line of the specification: in this state, this event leads to that state. An event
without a row is refused, changes nothing and reaches nobody. A message whose meaning depends on
a key is one event for each meaning: ``websocket.http.response.body`` continues or ends the
response, depending on its ``more_body``.

The machines do not know each other. Two couplings tie them together:

- `AFTER_DISCONNECT`: after ``websocket.disconnect`` no message of the application is delivered
  any more, and the application may only close its side;
- `AFTER_TRANSPORT_LOSS`: after the loss of the transport the client shows DISCONNECTED, yet the
  application may receive the messages that the server has queued, down to the disconnect, because
  that has the close code.

``specs/couplings.toml`` lists both. The facade has one more precondition, which is Starlette's and not
a rule of ASGI: it receives data only after the accept, and not after the close.

The **server** machine is the life of a connection in a server: it sees the frames and the end of the
transport, the messages of the application and its end, timers and shutdown. Its rows have outputs: a
response or frame to write, a message to deliver, timers to start and to stop. Each message that it
delivers or takes is legal in the two other machines. After the end every message of the application
raises `ClientDisconnected`, except for ``websocket.close``, because nothing is left to close. The
disconnect is delivered even if the application itself has ended, because it may have left tasks
behind. An event without outputs is discarded. A policy of the server is a guard of the event: for
example, the application returns [close] or [drop]. On a protocol error the server sends a Close frame
and closes the transport immediately, without waiting for the peer's Close, just as it does when the
peer closes first.

Three more guards are facts about the connection. Bytes that arrived before the loss of the transport
are delivered first: the state UNREAD lasts until they are read. A timer that fires reports whether the
peer makes progress: it takes our bytes [sending], its bytes arrive [receiving], or neither [idle].
If the server itself fails, the row depends on whether the handshake is [answered] yet: there
is an HTTP response before the 101, and a Close frame or an abort after it.

The notes name a section of the ASGI *HTTP & WebSocket message format*, version 2.5, part
"WebSocket", of the ASGI *specification* (Error Handling), of the ASGI *extensions*, or of an
RFC.
"""

from wsfsm.tables.application import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT
from wsfsm.tables.events import event_of
from wsfsm.tables.outputs import Output
from wsfsm.tables.server import SERVER
from wsfsm.tables.states import ServerState, WebSocketState

__all__ = [
    "AFTER_DISCONNECT",
    "AFTER_TRANSPORT_LOSS",
    "APPLICATION",
    "CLIENT",
    "SERVER",
    "Output",
    "ServerState",
    "WebSocketState",
    "event_of",
]
