"""The client machine and the application machine, and the couplings that tie them together."""

from typing import Final

from wsfsm.fsm import Coupling, Machine, Table, in_state
from wsfsm.tables.events import BODY_LAST, BODY_MORE, LOST, READ_AHEAD
from wsfsm.tables.states import WebSocketState

__all__ = [
    "AFTER_DISCONNECT",
    "AFTER_READ_AHEAD",
    "AFTER_TRANSPORT_LOSS",
    "APPLICATION",
    "CLIENT",
]

CONNECTING: Final = WebSocketState.CONNECTING
CONNECTED: Final = WebSocketState.CONNECTED
RESPONSE: Final = WebSocketState.RESPONSE
DISCONNECTED: Final = WebSocketState.DISCONNECTED

# The rows are aligned by hand, so that you can read them as tables.
# fmt: off

CLIENT: Final = Machine(Table(
    name="client",
    states=(CONNECTING, CONNECTED, DISCONNECTED),
    initial=CONNECTING,
    final=(DISCONNECTED,),
    rows=(
        #   event                           next          cited
        *in_state(CONNECTING,
            ("websocket.connect",           CONNECTED,    "Connect: sent when the client opens a connection"),
        ),
        *in_state(CONNECTED,
            ("websocket.receive",           CONNECTED,    "Receive: a data message from the client"),
            ("websocket.disconnect",        DISCONNECTED, "Disconnect: the connection is lost or closed"),
        ),
        *in_state(DISCONNECTED),  # nothing follows (Disconnect)
    ),
))

APPLICATION: Final = Machine(Table(
    name="application",
    states=(CONNECTING, CONNECTED, RESPONSE, DISCONNECTED),
    initial=CONNECTING,
    final=(DISCONNECTED,),
    rows=(
        #   event                            next          cited
        *in_state(CONNECTING,
            ("websocket.accept",              CONNECTED,    "Accept: completes the handshake"),
            ("websocket.close",               DISCONNECTED, "Close: before the accept, HTTP 403"),
            ("websocket.http.response.start", RESPONSE,     "Websocket Denial Response (extension)"),
            (LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),
        ),
        *in_state(CONNECTED,
            ("websocket.send",                CONNECTED,    "Send: a data message to the client"),
            ("websocket.close",               DISCONNECTED, "Close: with its code, 1000 by default"),
            (LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),
        ),
        *in_state(RESPONSE,
            (BODY_MORE,                       RESPONSE,     "Websocket Denial Response; Response Body: more_body"),
            (BODY_LAST,                       DISCONNECTED, "Websocket Denial Response; Response Body: complete"),
            (LOST,                            DISCONNECTED, "Disconnected Client: send() raises OSError"),
        ),
        *in_state(DISCONNECTED),  # nothing follows (Close; Websocket Denial Response)
    ),
))

# fmt: on

AFTER_DISCONNECT: Final[Coupling[WebSocketState]] = Coupling(
    machine="client",
    event="websocket.disconnect",
    target="application",
    still_allows=("websocket.close", LOST),
    forwards=False,
    shown_as=None,
    note="Disconnect: future calls of send() may raise. A close has nothing left to close.",
)

AFTER_TRANSPORT_LOSS: Final = Coupling(
    machine="application",
    event=LOST,
    target="client",
    still_allows=("websocket.connect", "websocket.receive", "websocket.disconnect"),
    forwards=True,
    shown_as=DISCONNECTED,
    note="Disconnected Client: send() may raise slightly before the disconnect event is received.",
)

AFTER_READ_AHEAD: Final = Coupling(
    machine="reader",
    event=READ_AHEAD,
    target="client",
    still_allows=("websocket.connect", "websocket.receive", "websocket.disconnect"),
    forwards=True,
    shown_as=DISCONNECTED,
    note="The disconnect was read ahead of messages that the application has not received yet. "
    "The application machine is bound by AFTER_DISCONNECT at once.",
)
