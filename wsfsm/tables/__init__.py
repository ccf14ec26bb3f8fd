"""THE RULES: the legal order of events on an ASGI WebSocket. No other module decides it.

Theory of operation
===================

A WebSocket in ASGI is two small machines that run side by side:

- The **client** machine sees every message that the application *receives*: first
  ``websocket.connect``, then data, finally ``websocket.disconnect``.
- The **application** machine sees every message that the application *sends*: it accepts,
  closes or denies the connection, sends data, and closes. It also sees one event that is not a
  message: the loss of the transport, which a server reports by raising `OSError` in ``send``.

A row is a line of the specification: in this state, this event leads to that state. An event
without a row is refused: it changes nothing and is not passed on. If the meaning of a message depends
on a key, each meaning is an event. For example, ``websocket.http.response.body`` continues or ends
the response, depending on its ``more_body``.

The machines do not know each other. Couplings tie them together:

- `AFTER_DISCONNECT`: after ``websocket.disconnect`` no message of the application is delivered
  any more, and the application may only close its side.
- `AFTER_TRANSPORT_LOSS`: after the loss of the transport the client machine shows DISCONNECTED. The
  application may still receive the messages that the server has queued, up to the disconnect, because
  only the disconnect has the close code.
- `AFTER_READ_AHEAD`: a reader that receives ahead of the application has found the disconnect behind
  messages that the application has not received yet. The client machine shows DISCONNECTED and still
  takes those messages, and the application machine is bound by `AFTER_DISCONNECT` at once.

``specs/couplings.toml`` lists them. The facade has one more precondition, which is Starlette's and not
a rule of ASGI: it receives data only after the accept and before the close.

The **server** machine is the life of a connection in a server. It sees frames and the end of the
transport, messages and the end of the application, timers and the shutdown. Its rows have outputs: a
response or frame to write, a message to deliver, timers to start and to stop. An event without outputs
is discarded. Some decisions hold for the whole table:

- Each message that the server delivers or accepts is legal in the two other machines.
- After the end, every message of the application raises `ClientDisconnected`, except for
  ``websocket.close``, because nothing is left to close.
- The disconnect is delivered even if the application itself has ended, because it may have left tasks
  behind.
- On a protocol error the server sends a Close frame and closes the transport immediately, without
  waiting for the peer's Close, just as it does when the peer closes first.

A guard of an event is a policy of the server or a fact about the connection:

- The application returns [close] or [drop], depending on the policies.
- If the transport is lost while there is [unread data], the data is delivered first, and the state
  UNREAD lasts until then.
- A timer that fires reports whether the peer makes progress: it takes our bytes [sending], its bytes
  arrive [receiving], or neither [idle].
- If the server itself fails, the row depends on whether the handshake is [answered]: before the 101 the
  server sends an HTTP response, after it a Close frame, or it aborts the transport.

The notes cite a section of the ASGI *HTTP & WebSocket message format*, version 2.5, part "WebSocket"; of
the ASGI *specification* (Error Handling); of the ASGI *extensions*; or of an RFC.
"""

from wsfsm.tables.application import (
    AFTER_DISCONNECT,
    AFTER_READ_AHEAD,
    AFTER_TRANSPORT_LOSS,
    APPLICATION,
    CLIENT,
)
from wsfsm.tables.events import event_of
from wsfsm.tables.outputs import Output
from wsfsm.tables.server import SERVER
from wsfsm.tables.states import ReadyState, ServerState, WebSocketState

__all__ = [
    "AFTER_DISCONNECT",
    "AFTER_READ_AHEAD",
    "AFTER_TRANSPORT_LOSS",
    "APPLICATION",
    "CLIENT",
    "SERVER",
    "Output",
    "ReadyState",
    "ServerState",
    "WebSocketState",
    "event_of",
]
