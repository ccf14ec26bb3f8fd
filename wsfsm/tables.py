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

The machines know nothing of each other. What ties them is three couplings:

- after ``websocket.disconnect``, nothing that the application sends is delivered any more,
  and all that it may still do is to close its side;
- after the loss of the transport the client reads DISCONNECTED, yet the application may
  receive what the server has queued, down to the disconnect that holds the real close code;
- data is passed only while the application is in the state `OPEN`.

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

from collections.abc import Mapping
from typing import Any, Final

from wsfsm.commands import Output as Out
from wsfsm.engine import AnyEvent, Coupling, Event, Machine, Row, Table
from wsfsm.errors import MalformedMessage, shown
from wsfsm.states import ServerState as S
from wsfsm.states import WebSocketState

__all__ = [
    "APPLICATION",
    "BAD_REQUEST",
    "BODY_LAST",
    "BODY_MORE",
    "CLIENT",
    "CLIENT_GONE",
    "CLOSE",
    "CLOSE_TIMEOUT",
    "DATA",
    "DENIAL",
    "EARLY",
    "EOF",
    "ERROR",
    "FAILED",
    "FLOOD",
    "HANDSHAKE_TIMEOUT",
    "LOST",
    "LOST_UNREAD",
    "MALFORMED",
    "OPEN",
    "PING",
    "PING_DUE",
    "PING_DUE_ONLY",
    "PONG",
    "PONG_TIMEOUT",
    "RAISED",
    "RAISED_GONE",
    "REQUEST",
    "RETURNED",
    "SERVER",
    "SHUTDOWN",
    "SHUTDOWN_TIMEOUT",
    "STRAY_PONG",
    "TRANSPORT_LOST",
    "event_of",
]

CONNECTING = WebSocketState.CONNECTING
CONNECTED = WebSocketState.CONNECTED
RESPONSE = WebSocketState.RESPONSE
DISCONNECTED = WebSocketState.DISCONNECTED

START: Final = "websocket.http.response.start"
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

# What happens to a server: on the wire, ...
REQUEST: Final = Event("handshake request", informal=True)
BAD_REQUEST: Final = Event("bad handshake request", informal=True)
EARLY: Final = Event("early data", guard="within the limit", informal=True)
FLOOD: Final = Event("early data", guard="beyond the limit", informal=True)
DATA: Final = Event("data message", informal=True)
PING: Final = Event("ping frame", informal=True)
PONG: Final = Event("pong frame", guard="awaited", informal=True)
STRAY_PONG: Final = Event("pong frame", guard="not awaited", informal=True)
CLOSE: Final = Event("close frame", informal=True)
ERROR: Final = Event("protocol error", informal=True)
EOF: Final = Event("end of stream", informal=True)
LOST_UNREAD: Final = Event("transport lost", guard="unread data", informal=True)
# ... in the application, beside the messages that it sends, ...
DENIAL: Final = {p: Event(START, guard=p) for p in ("hold", "flush")}
MALFORMED: Final = Event("malformed message", informal=True)
RETURNED: Final = {p: Event("application returned", guard=p, informal=True) for p in ("close", "drop")}
RAISED: Final = {p: Event("application raised", guard=p, informal=True) for p in ("close", "drop")}
RAISED_GONE: Final = Event("application raised", guard="ClientDisconnected", informal=True)
# ... and in the server itself.
SHUTDOWN: Final = Event("shutdown", informal=True)
HANDSHAKE_TIMEOUT: Final = Event("handshake timeout", informal=True)
PING_DUE: Final = Event("ping due", guard="pong expected", informal=True)
PING_DUE_ONLY: Final = Event("ping due", guard="no pong expected", informal=True)
PONG_TIMEOUT: Final = {p: Event("pong timeout", guard=p, informal=True) for p in ("idle", "sending", "receiving")}
CLOSE_TIMEOUT: Final = {p: Event("close timeout", guard=p, informal=True) for p in ("idle", "sending", "receiving")}
SHUTDOWN_TIMEOUT: Final = Event("shutdown timeout", informal=True)
FAILED: Final = {p: Event("server failed", guard=p, informal=True) for p in ("unanswered", "answered")}

_ANSWERED: Final = (Out.STOP_HANDSHAKE_TIMER,)
_LINGER: Final = (Out.CLOSE_TRANSPORT, Out.START_CLOSE_TIMER)
_LEAVE: Final = (Out.DISCONNECT, *_LINGER)
_STOP: Final = (Out.CLOSE_TRANSPORT, Out.START_SHUTDOWN_TIMER)
_SOON: Final = (Out.STOP_SHUTDOWN_TIMER, Out.START_SHUTDOWN_TIMER)
_QUIET: Final = (Out.STOP_PING_TIMER, Out.STOP_PONG_TIMER)
_OVER: Final = (Out.STOP_CLOSE_TIMER, Out.STOP_SHUTDOWN_TIMER)
_SENDS: Final[tuple[AnyEvent, ...]] = ("websocket.accept", "websocket.send", *DENIAL.values(), BODY_MORE, BODY_LAST, MALFORMED)
_HEARD: Final = (DATA, PING, STRAY_PONG, CLOSE, ERROR, EOF)

SERVER: Final = Machine(Table(
    name="server",
    states=tuple(S),
    initial=S.IDLE,
    terminal=(S.DEAD,),
    rows=(
        #   state         event                       next          note                                                                                  gives out
        Row(S.IDLE,       REQUEST,                    S.CONNECTING, "Connect; RFC 6455 4.2.1",                                                            (Out.CONNECT, Out.START_HANDSHAKE_TIMER, Out.START_APPLICATION)),
        Row(S.IDLE,       BAD_REQUEST,                S.DRAIN,      "RFC 6455 4.2.2: an HTTP error, such as 426 with the version that is understood",     (Out.SEND_REFUSAL, *_LINGER)),
        Row(S.IDLE,       EOF,                        S.DRAIN,      "RFC 6455 7.1.1",                                                                     _LINGER),
        Row(S.IDLE,       LOST,                       S.DEAD,       "RFC 6455 7.1.4"),
        Row(S.IDLE,       SHUTDOWN,                   S.DRAIN,      "RFC 6455 7.1.1",                                                                     _STOP),
        Row(S.IDLE,       FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (Out.LOG_FAILURE, Out.SEND_500, *_LINGER)),

        Row(S.CONNECTING, "websocket.accept",         S.OPEN,       "Accept; RFC 6455 4.2.2",                                                             (*_ANSWERED, Out.SEND_101, Out.START_PING_TIMER, Out.READ_FRAMES)),
        Row(S.CONNECTING, "websocket.close",          S.DRAIN,      "Close: before the accept, HTTP 403",                                                 (*_ANSWERED, Out.SEND_403, *_LEAVE)),
        Row(S.CONNECTING, DENIAL["hold"],             S.DENY_HEAD,  "Websocket Denial Response: the head may wait for the first body",                    (*_ANSWERED, Out.HOLD_HEAD)),
        Row(S.CONNECTING, DENIAL["flush"],            S.DENY_BODY,  "Websocket Denial Response",                                                          (*_ANSWERED, Out.SEND_HEAD)),
        *(Row(S.CONNECTING, event,                    S.DRAIN,      "Error Handling: there is no answer, and there will be none",                         (*_ANSWERED, Out.LOG_RETURNED, Out.SEND_500, *_LEAVE)) for event in RETURNED.values()),
        *(Row(S.CONNECTING, event,                    S.DRAIN,      "Error Handling: the server closes what the application has left",                    (*_ANSWERED, Out.LOG_RAISED, Out.SEND_500, *_LEAVE)) for event in RAISED.values()),
        Row(S.CONNECTING, EARLY,                      S.CONNECTING, "RFC 6455 4.1: a client waits; what does not is kept for the frames' reader",         (Out.HOLD_DATA,)),
        Row(S.CONNECTING, FLOOD,                      S.DRAIN,      "RFC 6455 4.1: a client waits",                                                       (*_ANSWERED, Out.SEND_400, *_LEAVE)),
        Row(S.CONNECTING, EOF,                        S.DRAIN,      "Disconnect; RFC 6455 7.1.5: 1006",                                                   (*_ANSWERED, *_LEAVE)),
        Row(S.CONNECTING, LOST,                       S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (*_ANSWERED, Out.DISCONNECT)),
        Row(S.CONNECTING, SHUTDOWN,                   S.DRAIN,      "RFC 9110 15.6.4: Service Unavailable",                                               (*_ANSWERED, Out.SEND_SHUTDOWN_STATUS, Out.DISCONNECT, *_STOP)),
        Row(S.CONNECTING, HANDSHAKE_TIMEOUT,          S.DRAIN,      "RFC 9110 15.6.4: Service Unavailable",                                               (Out.SEND_503, *_LEAVE)),
        Row(S.CONNECTING, FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (*_ANSWERED, Out.LOG_FAILURE, Out.SEND_500, *_LEAVE)),

        Row(S.DENY_HEAD,  BODY_MORE,                  S.DENY_BODY,  "Websocket Denial Response; Response Body",                                           (Out.SEND_HEAD, Out.SEND_BODY)),
        Row(S.DENY_HEAD,  BODY_LAST,                  S.DRAIN,      "Websocket Denial Response; Response Body",                                           (Out.SEND_DENIAL, *_LEAVE)),
        *(Row(S.DENY_HEAD,  event,                    S.DRAIN,      "Error Handling: nothing is on the wire, so an error response still can be",          (Out.LOG_RETURNED, Out.SEND_500, *_LEAVE)) for event in RETURNED.values()),
        *(Row(S.DENY_HEAD,  event,                    S.DRAIN,      "Error Handling: nothing is on the wire, so an error response still can be",          (Out.LOG_RAISED, Out.SEND_500, *_LEAVE)) for event in RAISED.values()),
        Row(S.DENY_HEAD,  EARLY,                      S.DENY_HEAD,  "RFC 6455 4.1: a client waits; there will be no frames"),
        Row(S.DENY_HEAD,  FLOOD,                      S.DENY_HEAD,  "RFC 6455 4.1: a client waits; there will be no frames"),
        Row(S.DENY_HEAD,  EOF,                        S.DRAIN,      "Disconnect; RFC 6455 7.1.5: 1006",                                                   _LEAVE),
        Row(S.DENY_HEAD,  LOST,                       S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (Out.STOP_SHUTDOWN_TIMER, Out.DISCONNECT)),
        Row(S.DENY_HEAD,  SHUTDOWN,                   S.DENY_HEAD,  "Websocket Denial Response: the application is about to end it",                      _SOON),
        Row(S.DENY_HEAD,  SHUTDOWN_TIMEOUT,           S.DRAIN,      "RFC 9110 15.6.4: Service Unavailable",                                               (Out.SEND_SHUTDOWN_STATUS, Out.DISCONNECT, *_STOP)),
        Row(S.DENY_HEAD,  FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (Out.LOG_FAILURE, Out.SEND_500, *_LEAVE)),

        Row(S.DENY_BODY,  BODY_MORE,                  S.DENY_BODY,  "Websocket Denial Response; Response Body",                                           (Out.SEND_BODY,)),
        Row(S.DENY_BODY,  BODY_LAST,                  S.DRAIN,      "Websocket Denial Response; Response Body",                                           (Out.SEND_BODY, *_LEAVE)),
        *(Row(S.DENY_BODY,  event,                    S.DRAIN,      "RFC 9112 8: a body that is not complete must not look complete",                     (Out.LOG_RETURNED, Out.DISCONNECT, Out.ABORT_TRANSPORT)) for event in RETURNED.values()),
        *(Row(S.DENY_BODY,  event,                    S.DRAIN,      "RFC 9112 8: a body that is not complete must not look complete",                     (Out.LOG_RAISED, Out.DISCONNECT, Out.ABORT_TRANSPORT)) for event in RAISED.values()),
        Row(S.DENY_BODY,  EARLY,                      S.DENY_BODY,  "RFC 6455 4.1: a client waits; there will be no frames"),
        Row(S.DENY_BODY,  FLOOD,                      S.DENY_BODY,  "RFC 6455 4.1: a client waits; there will be no frames"),
        Row(S.DENY_BODY,  EOF,                        S.DRAIN,      "Disconnect; RFC 6455 7.1.5: 1006",                                                   _LEAVE),
        Row(S.DENY_BODY,  LOST,                       S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (Out.STOP_SHUTDOWN_TIMER, Out.DISCONNECT)),
        Row(S.DENY_BODY,  SHUTDOWN,                   S.DENY_BODY,  "Websocket Denial Response: the application is about to end it",                      _SOON),
        Row(S.DENY_BODY,  SHUTDOWN_TIMEOUT,           S.DRAIN,      "RFC 9112 8: a body that is not complete must not look complete",                     (Out.DISCONNECT, Out.ABORT_TRANSPORT)),
        Row(S.DENY_BODY,  FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (Out.LOG_FAILURE, Out.SEND_500, *_LEAVE)),
        Row(S.DENY_BODY,  FAILED["answered"],         S.DRAIN,      "RFC 9112 8: a body that is not complete must not look complete",                     (Out.LOG_FAILURE, Out.DISCONNECT, Out.ABORT_TRANSPORT)),

        Row(S.OPEN,       "websocket.send",           S.OPEN,       "Send",                                                                               (Out.SEND_DATA,)),
        Row(S.OPEN,       "websocket.close",          S.CLOSING,    "Close; RFC 6455 7.1.2",                                                              (*_QUIET, Out.CLOSE_AS_ASKED, Out.DISCONNECT, Out.START_CLOSE_TIMER)),
        Row(S.OPEN,       RETURNED["close"],          S.CLOSING,    "RFC 6455 7.4.1: 1000, the purpose is fulfilled",                                     (*_QUIET, Out.CLOSE_RETURNED, Out.DISCONNECT, Out.START_CLOSE_TIMER)),
        Row(S.OPEN,       RETURNED["drop"],           S.DRAIN,      "RFC 6455 7.1.5: the peer reads 1006",                                                (*_QUIET, *_LEAVE)),
        Row(S.OPEN,       RAISED["close"],            S.CLOSING,    "Error Handling; RFC 6455 7.4.1: 1011, an unexpected condition",                      (*_QUIET, Out.LOG_RAISED, Out.CLOSE_RAISED, Out.DISCONNECT, Out.START_CLOSE_TIMER)),
        Row(S.OPEN,       RAISED["drop"],             S.DRAIN,      "Error Handling; RFC 6455 7.1.5: the peer reads 1006",                                (*_QUIET, Out.LOG_RAISED, *_LEAVE)),
        Row(S.OPEN,       DATA,                       S.OPEN,       "Receive",                                                                            (Out.RECEIVE,)),
        Row(S.OPEN,       PING,                       S.OPEN,       "RFC 6455 5.5.2",                                                                     (Out.SEND_PONG,)),
        Row(S.OPEN,       PONG,                       S.OPEN,       "RFC 6455 5.5.3",                                                                     (Out.STOP_PONG_TIMER, Out.START_PING_TIMER)),
        Row(S.OPEN,       STRAY_PONG,                 S.OPEN,       "RFC 6455 5.5.3: a response is not expected"),
        Row(S.OPEN,       CLOSE,                      S.DRAIN,      "Disconnect; RFC 6455 5.5.1: the Close is answered; 7.1.1: the server closes first",  (*_QUIET, Out.CLOSE_ECHO, *_LEAVE)),
        Row(S.OPEN,       ERROR,                      S.DRAIN,      "Disconnect; RFC 6455 7.1.7: fail the connection",                                    (*_QUIET, Out.CLOSE_ERROR, *_LEAVE)),
        Row(S.OPEN,       EOF,                        S.DRAIN,      "Disconnect; RFC 6455 7.1.5: 1006",                                                   (*_QUIET, *_LEAVE)),
        Row(S.OPEN,       LOST,                       S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (*_QUIET, Out.DISCONNECT)),
        Row(S.OPEN,       LOST_UNREAD,                S.UNREAD,     "Receive: before the disconnect",                                                     _QUIET),
        Row(S.OPEN,       SHUTDOWN,                   S.CLOSING,    "Disconnect; RFC 6455 7.4.2: 1012, the service restarts",                             (*_QUIET, Out.CLOSE_SHUTDOWN, Out.DISCONNECT, Out.START_SHUTDOWN_TIMER)),
        Row(S.OPEN,       PING_DUE,                   S.OPEN,       "RFC 6455 5.5.2: a keep-alive",                                                       (Out.SEND_PING, Out.START_PONG_TIMER)),
        Row(S.OPEN,       PING_DUE_ONLY,              S.OPEN,       "RFC 6455 5.5.2: a keep-alive",                                                       (Out.SEND_PING, Out.START_PING_TIMER)),
        Row(S.OPEN,       PONG_TIMEOUT["idle"],       S.DRAIN,      "Disconnect; RFC 6455 7.4.1: 1011, an unexpected condition",                          (*_QUIET, Out.CLOSE_SILENT, *_LEAVE)),
        Row(S.OPEN,       PONG_TIMEOUT["sending"],    S.OPEN,       "RFC 6455 5.5.2: the peer takes data, and the Ping waits behind it",                  (Out.SEND_PING, Out.START_PONG_TIMER)),
        Row(S.OPEN,       PONG_TIMEOUT["receiving"],  S.OPEN,       "RFC 6455 5.5.2: the peer is responsive, and a Pong waits behind its data",           (Out.SEND_PING, Out.START_PONG_TIMER)),
        Row(S.OPEN,       FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (*_QUIET, Out.LOG_FAILURE, Out.SEND_500, *_LEAVE)),
        Row(S.OPEN,       FAILED["answered"],         S.DRAIN,      "Disconnect; RFC 6455 7.4.1: 1011, an unexpected condition",                          (*_QUIET, Out.LOG_FAILURE, Out.CLOSE_RAISED, *_LEAVE)),

        Row(S.UNREAD,     DATA,                       S.UNREAD,     "Receive",                                                                            (Out.RECEIVE,)),
        *(Row(S.UNREAD,     event,                    S.UNREAD,     "RFC 6455 7.1.4: nothing can be sent") for event in (PING, STRAY_PONG)),
        Row(S.UNREAD,     CLOSE,                      S.DEAD,       "Disconnect; RFC 6455 7.1.5: the code of the Close that was received",                (Out.TAKE_CLOSE, Out.DISCONNECT)),
        *(Row(S.UNREAD,     event,                    S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (Out.DISCONNECT,)) for event in (ERROR, EOF)),
        Row(S.UNREAD,     "websocket.close",          S.DEAD,       "Close: there is nothing left to close",                                              (Out.DISCONNECT,)),
        *(Row(S.UNREAD,     event,                    S.UNREAD,     "Disconnected Client: send() raises OSError",                                         (Out.RAISE_GONE,)) for event in _SENDS),
        *(Row(S.UNREAD,     event,                    S.DEAD,       "Disconnected Client: and the exception is not logged",                               (Out.DISCONNECT,)) for event in (*RETURNED.values(), RAISED_GONE)),
        *(Row(S.UNREAD,     event,                    S.DEAD,       "Error Handling",                                                                     (Out.LOG_RAISED, Out.DISCONNECT)) for event in RAISED.values()),
        Row(S.UNREAD,     SHUTDOWN,                   S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (Out.DISCONNECT,)),
        Row(S.UNREAD,     FAILED["answered"],         S.DEAD,       "Disconnect; RFC 6455 7.1.5: 1006",                                                   (Out.LOG_FAILURE, Out.DISCONNECT)),

        Row(S.CLOSING,    DATA,                       S.CLOSING,    "RFC 6455 1.4: data after the Close is discarded"),
        Row(S.CLOSING,    PING,                       S.CLOSING,    "RFC 6455 5.5.2: answered unless a Close was received",                               (Out.SEND_PONG,)),
        Row(S.CLOSING,    STRAY_PONG,                 S.CLOSING,    "RFC 6455 5.5.3"),
        *(Row(S.CLOSING,    event,                    S.DRAIN,      "RFC 6455 7.1.1: nothing more is awaited, and the server closes first",               (Out.STOP_CLOSE_TIMER, *_LINGER)) for event in (CLOSE, ERROR, EOF)),
        *(Row(S.CLOSING,    event,                    S.DEAD,       "RFC 6455 7.1.4",                                                                     _OVER) for event in (LOST, LOST_UNREAD)),
        Row(S.CLOSING,    SHUTDOWN,                   S.DRAIN,      "RFC 6455 7.1.1",                                                                     (Out.STOP_CLOSE_TIMER, Out.CLOSE_TRANSPORT, *_SOON)),
        Row(S.CLOSING,    SHUTDOWN_TIMEOUT,           S.DRAIN,      "RFC 6455 7.1.1: a peer that does not answer is waited for only so long",             (Out.STOP_CLOSE_TIMER, Out.ABORT_TRANSPORT)),
        Row(S.CLOSING,    CLOSE_TIMEOUT["idle"],      S.DRAIN,      "RFC 6455 7.1.1: a peer that does not answer is waited for only so long",             (Out.ABORT_TRANSPORT,)),
        Row(S.CLOSING,    CLOSE_TIMEOUT["sending"],   S.CLOSING,    "RFC 6455 7.1.1: the peer takes data, and the Close waits behind it",                 (Out.START_CLOSE_TIMER,)),
        Row(S.CLOSING,    CLOSE_TIMEOUT["receiving"], S.CLOSING,    "RFC 6455 5.4: a Close cannot be sent in the middle of a frame",                      (Out.START_CLOSE_TIMER,)),
        Row(S.CLOSING,    FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.SEND_500, *_LINGER)),
        Row(S.CLOSING,    FAILED["answered"],         S.DRAIN,      "RFC 6455 7.1.7: fail the connection",                                                (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.ABORT_TRANSPORT)),

        *(Row(S.DRAIN,      event,                    S.DRAIN,      "RFC 6455 1.4: what comes after the Close is discarded") for event in (REQUEST, BAD_REQUEST, EARLY, FLOOD, *_HEARD)),
        *(Row(S.DRAIN,      event,                    S.DEAD,       "RFC 6455 7.1.4",                                                                     _OVER) for event in (LOST, LOST_UNREAD)),
        Row(S.DRAIN,      SHUTDOWN,                   S.DRAIN,      "RFC 6455 7.1.1: it is closing already, and has less time for it from now on",        _SOON),
        Row(S.DRAIN,      SHUTDOWN_TIMEOUT,           S.DRAIN,      "RFC 6455 7.1.1: a peer that does not close is waited for only so long",              (Out.STOP_CLOSE_TIMER, Out.ABORT_TRANSPORT)),
        *(Row(S.DRAIN,      event,                    S.DRAIN,      "RFC 6455 7.1.1: a peer that does not close is waited for only so long",              (Out.ABORT_TRANSPORT,)) for event in (CLOSE_TIMEOUT["idle"], CLOSE_TIMEOUT["receiving"])),
        Row(S.DRAIN,      CLOSE_TIMEOUT["sending"],   S.DRAIN,      "RFC 6455 7.1.1: the peer takes data, and the end waits behind it",                   (Out.START_CLOSE_TIMER,)),
        Row(S.DRAIN,      FAILED["unanswered"],       S.DRAIN,      "RFC 6455 4.2.2: an HTTP response",                                                   (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.SEND_500, *_LINGER)),
        Row(S.DRAIN,      FAILED["answered"],         S.DRAIN,      "RFC 6455 7.1.7: fail the connection",                                                (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.ABORT_TRANSPORT)),

        *(Row(S.DEAD,       event,                    S.DEAD,       "RFC 6455 7.1.4: it is closed already") for event in (SHUTDOWN, REQUEST, BAD_REQUEST, EARLY, FLOOD, *_HEARD)),
        *(Row(S.DEAD,       event,                    S.DEAD,       "RFC 6455 7.1.4: it is closed already",                                               (Out.LOG_FAILURE,)) for event in FAILED.values()),

        # the end, as the application sees it: the same however it came
        *(Row(state,        event,                    state,        "Disconnected Client: send() raises OSError",                                         (Out.RAISE_GONE,)) for state in (S.CLOSING, S.DRAIN, S.DEAD) for event in _SENDS),
        *(Row(state,        "websocket.close",        state,        "Close: there is nothing left to close")                                              for state in (S.CLOSING, S.DRAIN, S.DEAD)),
        *(Row(state,        event,                    state,        "Disconnected Client: and the exception is not logged")                               for state in (S.CLOSING, S.DRAIN, S.DEAD) for event in (*RETURNED.values(), RAISED_GONE)),
        *(Row(state,        event,                    state,        "Error Handling",                                                                     (Out.LOG_RAISED,)) for state in (S.CLOSING, S.DRAIN, S.DEAD) for event in RAISED.values()),
    ),
))

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
