"""THE RULES: what may follow what on an ASGI WebSocket. No other module decides that.

Theory of operation
===================

A WebSocket in ASGI is two small machines that run side by side:

- The **client** machine sees every message that the application *receives*: first
  ``websocket.connect``, then data, at last ``websocket.disconnect``.
- The **application** machine sees every message that the application *sends*: it accepts,
  closes or denies the connection, sends data, and closes. It also sees the one thing that
  nobody sends: the transport is lost, which a server tells by an `OSError` out of ``send``.

A row is a line of the specification: in this state, this event leads to that state. What no
row allows is refused, changes nothing and reaches nobody. A message whose meaning depends on
a key is one event for each meaning: ``websocket.http.response.body`` goes on or ends the
response by its ``more_body``.

The machines know nothing of each other. What ties them is three couplings:

- after ``websocket.disconnect``, nothing that the application sends is delivered any more,
  and all that it may still do is to close its side;
- after the loss of the transport the client reads DISCONNECTED, yet the application may
  receive what the server has queued, down to the disconnect that holds the real close code;
- data is passed only while the application is in the state `OPEN`.

The notes name a section of the ASGI *HTTP & WebSocket message format*, version 2.5, part
"WebSocket", or of the ASGI *extensions*.
"""

from collections.abc import Mapping
from typing import Any, Final

from wsfsm.engine import AnyEvent, Coupling, Event, Machine, Row, Table
from wsfsm.errors import MalformedMessage, shown
from wsfsm.states import WebSocketState

__all__ = [
    "APPLICATION",
    "BODY_LAST",
    "BODY_MORE",
    "CLIENT",
    "CLIENT_GONE",
    "LOST",
    "OPEN",
    "TRANSPORT_LOST",
    "event_of",
]

CONNECTING = WebSocketState.CONNECTING
CONNECTED = WebSocketState.CONNECTED
RESPONSE = WebSocketState.RESPONSE
DISCONNECTED = WebSocketState.DISCONNECTED

BODY: Final = "websocket.http.response.body"
BODY_MORE: Final = Event(BODY, guard="more_body")
BODY_LAST: Final = Event(BODY, guard="not more_body")
LOST: Final = Event("transport lost", informal=True)

# The rows are aligned by hand, to be read as tables.
# fmt: off

CLIENT: Final = Machine(Table(
    name="client",
    states=(CONNECTING, CONNECTED, DISCONNECTED),
    initial=CONNECTING,
    terminal=(DISCONNECTED,),
    rows=(
        #   state       event                   next          note
        Row(CONNECTING, "websocket.connect",    CONNECTED,    "Connect: sent when the client opens a connection"),

        Row(CONNECTED,  "websocket.receive",    CONNECTED,    "Receive: a data message from the client"),
        Row(CONNECTED,  "websocket.disconnect", DISCONNECTED, "Disconnect: the connection is lost, whoever closed it"),

        # DISCONNECTED: nothing follows (Disconnect)
    ),
))

APPLICATION: Final = Machine(Table(
    name="application",
    states=(CONNECTING, CONNECTED, RESPONSE, DISCONNECTED),
    initial=CONNECTING,
    terminal=(DISCONNECTED,),
    rows=(
        #   state       event                            next          note
        Row(CONNECTING, "websocket.accept",              CONNECTED,    "Accept: completes the handshake"),
        Row(CONNECTING, "websocket.close",               DISCONNECTED, "Close: before the accept, HTTP 403"),
        Row(CONNECTING, "websocket.http.response.start", RESPONSE,     "Websocket Denial Response (extension)"),
        Row(CONNECTING, LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),

        Row(CONNECTED,  "websocket.send",                CONNECTED,    "Send: a data message to the client"),
        Row(CONNECTED,  "websocket.close",               DISCONNECTED, "Close: with its code, 1000 by default"),
        Row(CONNECTED,  LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),

        Row(RESPONSE,   BODY_MORE,                       RESPONSE,     "Websocket Denial Response; Response Body: more_body"),
        Row(RESPONSE,   BODY_LAST,                       DISCONNECTED, "Websocket Denial Response; Response Body: complete"),
        Row(RESPONSE,   LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),

        # DISCONNECTED: nothing follows (Close; Websocket Denial Response)
    ),
))

CLIENT_GONE: Final[Coupling[WebSocketState]] = Coupling(
    machine="client",  event="websocket.disconnect",
    binds="application", keeps=("websocket.close", LOST), delivers=False, reads=None,
    note="Disconnect: expect future calls to send() to raise. A close has nothing left to close.",
)

TRANSPORT_LOST: Final = Coupling(
    machine="application",  event=LOST,
    binds="client", keeps=("websocket.connect", "websocket.receive", "websocket.disconnect"),
    delivers=True, reads=DISCONNECTED,
    note="Disconnected Client: send() may raise slightly before the disconnect event is received.",
)

# fmt: on

OPEN: Final = APPLICATION.nodes[CONNECTED]
"""Where data is passed (Connect: not before the accept; Close: not after it)."""


def event_of(message: Mapping[str, Any]) -> AnyEvent:
    """The event of the tables that an ASGI message is.

    Args:
        message: A message with a ``type``.

    Returns:
        Its type, or for ``websocket.http.response.body`` the event of its ``more_body``.

    Raises:
        MalformedMessage: It is not a mapping, or its ``type`` is missing or not a str.
    """
    known: object = message
    kind = known.get("type") if isinstance(known, Mapping) else None
    if not isinstance(kind, str):
        raise MalformedMessage(
            f"An ASGI message is a mapping with a str under 'type', got {shown(message)}",
            key="type",
            message=message,
        )
    if kind == BODY:
        return BODY_MORE if message.get("more_body", False) else BODY_LAST
    return kind
