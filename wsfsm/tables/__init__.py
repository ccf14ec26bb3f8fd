"""THE RULES: what may follow what on an ASGI WebSocket. No other module decides that.

Theory of operation
===================

A WebSocket in ASGI is two small machines that run side by side:

- The **client** machine sees every message that the application *receives*: first
  ``websocket.connect``, then data, at last ``websocket.disconnect``.
- The **application** machine sees every message that the application *sends*: it accepts,
  closes or denies the connection, sends data, and closes. It also sees the one thing that
  nobody sends: the transport is lost, which a server reports by an `OSError` out of ``send``.

A row is a line of the specification: in this state, this event leads to that state. What no
row allows is refused, changes nothing and reaches nobody. A message whose meaning depends on
a key is one event for each meaning: ``websocket.http.response.body`` goes on or ends the
response by its ``more_body``.

The machines know nothing of each other. Two couplings tie them together:

- `AFTER_DISCONNECT`: after ``websocket.disconnect`` nothing that the application sends is delivered
  any more, and the application may only close its side;
- `AFTER_TRANSPORT_LOSS`: after the loss of the transport the client shows DISCONNECTED, yet the
  application may receive what the server has queued, down to the disconnect with the close code.

``specs/couplings.toml`` has both. The facade has one more precondition, which is Starlette's and not
a rule of ASGI: it receives data only after the accept, and not after the close.

The **server** machine is the life of a connection in a server: it sees the frames and the end of the
transport, the messages of the application and its end, timers and shutdown. Its rows also say
what an event gives out: what to write, what to deliver, which timers to start and to stop. Each
message that it delivers or takes is legal in the two other machines. After the end every
message of the application raises ClientDisconnected, except for ``websocket.close``, which has
nothing left to close; the disconnect is delivered even when the application itself has ended, for
tasks that it has left behind. A row that gives out nothing says that an event is of no more
interest. Where servers may choose, the choice is a guard of the event: the application returns
[close] or [drop]. A protocol error is answered with a Close, and the transport is closed at once, as
after the peer's own Close: its answer is not waited for.

Three more guards are facts about the connection. Bytes that arrived before the loss of the transport
are delivered first: the state UNREAD lasts until they are read. A timer that fires says whether the
peer makes progress: it takes our bytes [sending], its bytes arrive [receiving], or neither [idle].
And where the server itself fails, the row depends on whether the handshake is [answered] yet: there
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
