"""The server machine: the life of a connection in a server, on one page and in its order."""

from typing import Final

from wsfsm.fsm import SAME, AnyEvent, Machine, Table, in_state
from wsfsm.tables.events import (
    BAD_REQUEST,
    BODY_LAST,
    BODY_MORE,
    CLOSE_FRAME,
    CLOSE_TIMEOUT,
    DENIAL,
    EARLY_DATA,
    EARLY_DATA_OVERFLOW,
    EOF,
    FAILED,
    HANDSHAKE_TIMEOUT,
    LOST,
    LOST_UNREAD,
    MALFORMED,
    MESSAGE,
    PING,
    PING_DUE,
    PING_DUE_NO_PONG,
    PONG,
    PONG_TIMEOUT,
    PROTOCOL_ERROR,
    RAISED,
    RAISED_CLIENT_DISCONNECTED,
    REQUEST,
    RETURNED,
    SHUTDOWN,
    SHUTDOWN_TIMEOUT,
    UNSOLICITED_PONG,
)
from wsfsm.tables.outputs import Output as Out
from wsfsm.tables.states import ServerState

__all__ = ["SERVER"]

IDLE: Final = ServerState.IDLE
CONNECTING: Final = ServerState.CONNECTING
DENIAL_HELD: Final = ServerState.DENIAL_HELD
DENIAL_STREAMING: Final = ServerState.DENIAL_STREAMING
OPEN: Final = ServerState.OPEN
UNREAD: Final = ServerState.UNREAD
CLOSING: Final = ServerState.CLOSING
DRAINING: Final = ServerState.DRAINING
CLOSED: Final = ServerState.CLOSED

ACCEPT: Final = "websocket.accept"
SEND: Final = "websocket.send"
CLOSE: Final = "websocket.close"

# Events that lead to the same row
SENDS: Final[tuple[AnyEvent, ...]] = (
    ACCEPT,
    SEND,
    *DENIAL.values(),
    BODY_MORE,
    BODY_LAST,
    MALFORMED,
)
RETURN: Final = tuple(RETURNED.values())
RAISE: Final = tuple(RAISED.values())
FRAMES: Final = (MESSAGE, PING, UNSOLICITED_PONG, CLOSE_FRAME, PROTOCOL_ERROR, EOF)
RECEIVED: Final = (REQUEST, BAD_REQUEST, EARLY_DATA, EARLY_DATA_OVERFLOW, *FRAMES)

# Outputs that belong together
BEGIN: Final = (Out.CONNECT, Out.START_HANDSHAKE_TIMER, Out.START_APPLICATION)
ANSWERED: Final = (Out.STOP_HANDSHAKE_TIMER,)
SWITCH_PROTOCOLS: Final = (Out.SEND_101, Out.START_PING_TIMER, Out.READ_FRAMES)
STOP_PINGS: Final = (Out.STOP_PING_TIMER, Out.STOP_PONG_TIMER)
HANG_UP: Final = (Out.CLOSE_TRANSPORT, Out.START_CLOSE_TIMER)  # FIN, then wait for the peer's
END: Final = (Out.DISCONNECT, *HANG_UP)
AWAIT_CLOSE: Final = (Out.DISCONNECT, Out.START_CLOSE_TIMER)  # our Close is sent
AWAIT_CLOSE_SOON: Final = (Out.DISCONNECT, Out.START_SHUTDOWN_TIMER)
HANG_UP_SOON: Final = (Out.CLOSE_TRANSPORT, Out.START_SHUTDOWN_TIMER)
END_SOON: Final = (Out.DISCONNECT, *HANG_UP_SOON)
HURRY: Final = (Out.STOP_SHUTDOWN_TIMER, Out.START_SHUTDOWN_TIMER)
LOG_AND_CLOSE: Final = (Out.LOG_RAISED, Out.CLOSE_RAISED)
CUT_OFF: Final = (Out.DISCONNECT, Out.ABORT_TRANSPORT)
STOP_TIMERS: Final = (Out.STOP_CLOSE_TIMER, Out.STOP_SHUTDOWN_TIMER)

# The rows are aligned by hand, so that you can read them as a table.
# fmt: off

ROWS: Final = (
    #   event                     next              outputs                                             cited
    *in_state(IDLE,  # no request yet
        (REQUEST,                 CONNECTING,       BEGIN,                                              "Connect; RFC 6455 4.2.1"),
        (BAD_REQUEST,             DRAINING,         (Out.SEND_REFUSAL, *HANG_UP),                       "RFC 6455 4.2.2"),
        (EOF,                     DRAINING,         HANG_UP,                                            "RFC 6455 7.1.1"),
        (LOST,                    CLOSED,           (),                                                 "RFC 6455 7.1.4"),
        (SHUTDOWN,                DRAINING,         HANG_UP_SOON,                                       "RFC 6455 7.1.1"),
        (FAILED["unanswered"],    DRAINING,         (Out.LOG_FAILURE, Out.SEND_500, *HANG_UP),          "RFC 6455 4.2.2"),
    ),
    *in_state(CONNECTING,  # the application has not answered the handshake; until then, a client must wait
        (ACCEPT,                  OPEN,             (*ANSWERED, *SWITCH_PROTOCOLS),                     "Accept; RFC 6455 4.2.2"),
        (CLOSE,                   DRAINING,         (*ANSWERED, Out.SEND_403, *END),                    "Close"),
        (DENIAL["hold"],          DENIAL_HELD,      (*ANSWERED, Out.HOLD_HEAD),                         "Websocket Denial Response"),
        (DENIAL["flush"],         DENIAL_STREAMING, (*ANSWERED, Out.SEND_HEAD),                         "Websocket Denial Response"),
        (RETURN,                  DRAINING,         (*ANSWERED, Out.LOG_RETURNED, Out.SEND_500, *END),  "Error Handling"),
        (RAISE,                   DRAINING,         (*ANSWERED, Out.LOG_RAISED, Out.SEND_500, *END),    "Error Handling"),
        (EARLY_DATA,              SAME,             (Out.HOLD_DATA,),                                   "RFC 6455 4.1"),
        (EARLY_DATA_OVERFLOW,     DRAINING,         (*ANSWERED, Out.SEND_400, *END),                    "RFC 6455 4.1"),
        (EOF,                     DRAINING,         (*ANSWERED, *END),                                  "Disconnect; RFC 6455 7.1.5"),
        (LOST,                    CLOSED,           (*ANSWERED, Out.DISCONNECT),                        "Disconnect; RFC 6455 7.1.5"),
        (SHUTDOWN,                DRAINING,         (*ANSWERED, Out.SEND_SHUTDOWN_STATUS, *END_SOON),   "RFC 9110 15.6.4"),
        (HANDSHAKE_TIMEOUT,       DRAINING,         (Out.SEND_503, *END),                               "RFC 9110 15.6.4"),
        (FAILED["unanswered"],    DRAINING,         (*ANSWERED, Out.LOG_FAILURE, Out.SEND_500, *END),   "RFC 6455 4.2.2"),
    ),
    *in_state(DENIAL_HELD,  # nothing of the denial is on the wire, so an error response can replace it
        (BODY_MORE,               DENIAL_STREAMING, (Out.SEND_HEAD, Out.SEND_BODY),                     "Response Body"),
        (BODY_LAST,               DRAINING,         (Out.SEND_DENIAL, *END),                            "Response Body"),
        (RETURN,                  DRAINING,         (Out.LOG_RETURNED, Out.SEND_500, *END),             "Error Handling"),
        (RAISE,                   DRAINING,         (Out.LOG_RAISED, Out.SEND_500, *END),               "Error Handling"),
        (SHUTDOWN_TIMEOUT,        DRAINING,         (Out.SEND_SHUTDOWN_STATUS, *END_SOON),              "RFC 9110 15.6.4"),
    ),
    *in_state(DENIAL_STREAMING,  # the head is sent; a body that is cut short must not look complete
        (BODY_MORE,               SAME,             (Out.SEND_BODY,),                                   "Response Body"),
        (BODY_LAST,               DRAINING,         (Out.SEND_BODY, *END),                              "Response Body"),
        (RETURN,                  DRAINING,         (Out.LOG_RETURNED, *CUT_OFF),                       "RFC 9112 8"),
        (RAISE,                   DRAINING,         (Out.LOG_RAISED, *CUT_OFF),                         "RFC 9112 8"),
        (SHUTDOWN_TIMEOUT,        DRAINING,         CUT_OFF,                                            "RFC 9112 8"),
        (FAILED["answered"],      DRAINING,         (Out.LOG_FAILURE, *CUT_OFF),                        "RFC 9112 8"),
    ),
    *in_state((DENIAL_HELD, DENIAL_STREAMING),  # no frames follow, and the application is about to end
        ((EARLY_DATA, EARLY_DATA_OVERFLOW), SAME,   (),                                                 "RFC 6455 4.1"),
        (EOF,                     DRAINING,         END,                                                "Disconnect; RFC 6455 7.1.5"),
        (LOST,                    CLOSED,           (Out.STOP_SHUTDOWN_TIMER, Out.DISCONNECT),          "Disconnect; RFC 6455 7.1.5"),
        (SHUTDOWN,                SAME,             HURRY,                                              "Websocket Denial Response"),
        (FAILED["unanswered"],    DRAINING,         (Out.LOG_FAILURE, Out.SEND_500, *END),              "RFC 6455 4.2.2"),
    ),
    *in_state(OPEN,  # traffic, keep-alive, then the ends by our side and by the peer
        (SEND,                    SAME,             (Out.SEND_DATA,),                                   "Send"),
        (MESSAGE,                 SAME,             (Out.RECEIVE,),                                     "Receive"),
        (PING,                    SAME,             (Out.SEND_PONG,),                                   "RFC 6455 5.5.2"),
        (PONG,                    SAME,             (Out.STOP_PONG_TIMER, Out.START_PING_TIMER),        "RFC 6455 5.5.3"),
        (UNSOLICITED_PONG,        SAME,             (),                                                 "RFC 6455 5.5.3"),
        (PING_DUE,                SAME,             (Out.SEND_PING, Out.START_PONG_TIMER),              "RFC 6455 5.5.2"),
        (PING_DUE_NO_PONG,        SAME,             (Out.SEND_PING, Out.START_PING_TIMER),              "RFC 6455 5.5.2"),
        # a peer that takes our data may not have reached the Ping behind it; one that sends is alive
        ((PONG_TIMEOUT["sending"], PONG_TIMEOUT["receiving"]), SAME, (Out.SEND_PING, Out.START_PONG_TIMER), "RFC 6455 5.5.2"),
        (PONG_TIMEOUT["idle"],    DRAINING,         (*STOP_PINGS, Out.CLOSE_SILENT, *END),              "Disconnect; RFC 6455 7.4.1"),
        (CLOSE,                   CLOSING,          (*STOP_PINGS, Out.CLOSE_AS_ASKED, *AWAIT_CLOSE),    "Close; RFC 6455 7.1.2"),
        (RETURNED["close"],       CLOSING,          (*STOP_PINGS, Out.CLOSE_RETURNED, *AWAIT_CLOSE),    "RFC 6455 7.4.1"),
        (RETURNED["drop"],        DRAINING,         (*STOP_PINGS, *END),                                "RFC 6455 7.1.5"),
        (RAISED["close"],         CLOSING,          (*STOP_PINGS, *LOG_AND_CLOSE, *AWAIT_CLOSE),        "Error Handling; RFC 6455 7.4.1"),
        (RAISED["drop"],          DRAINING,         (*STOP_PINGS, Out.LOG_RAISED, *END),                "Error Handling; RFC 6455 7.1.5"),
        (SHUTDOWN,                CLOSING,          (*STOP_PINGS, Out.CLOSE_SHUTDOWN, *AWAIT_CLOSE_SOON), "Disconnect; RFC 6455 7.4.2"),
        (FAILED["unanswered"],    DRAINING,         (*STOP_PINGS, Out.LOG_FAILURE, Out.SEND_500, *END), "RFC 6455 4.2.2"),
        (FAILED["answered"],      DRAINING,         (*STOP_PINGS, Out.LOG_FAILURE, Out.CLOSE_RAISED, *END), "Disconnect; RFC 6455 7.4.1"),
        # the server answers the Close, and is the first to close the transport
        (CLOSE_FRAME,             DRAINING,         (*STOP_PINGS, Out.CLOSE_ECHO, *END),                "Disconnect; RFC 6455 5.5.1"),
        (PROTOCOL_ERROR,          DRAINING,         (*STOP_PINGS, Out.CLOSE_ERROR, *END),               "Disconnect; RFC 6455 7.1.7"),
        (EOF,                     DRAINING,         (*STOP_PINGS, *END),                                "Disconnect; RFC 6455 7.1.5"),
        (LOST,                    CLOSED,           (*STOP_PINGS, Out.DISCONNECT),                      "Disconnect; RFC 6455 7.1.5"),
        (LOST_UNREAD,             UNREAD,           STOP_PINGS,                                         "Receive"),
    ),
    *in_state(UNREAD,  # the transport is gone; data that arrived before is delivered before the disconnect
        (MESSAGE,                 SAME,             (Out.RECEIVE,),                                     "Receive"),
        ((PING, UNSOLICITED_PONG), SAME,            (),                                                 "RFC 6455 7.1.4"),
        (CLOSE_FRAME,             CLOSED,           (Out.TAKE_CLOSE, Out.DISCONNECT),                   "Disconnect; RFC 6455 7.1.5"),
        ((PROTOCOL_ERROR, EOF, SHUTDOWN), CLOSED,   (Out.DISCONNECT,),                                  "Disconnect; RFC 6455 7.1.5"),
        (CLOSE,                   CLOSED,           (Out.DISCONNECT,),                                  "Close"),
        (SENDS,                   SAME,             (Out.RAISE_GONE,),                                  "Disconnected Client"),
        ((*RETURN, RAISED_CLIENT_DISCONNECTED), CLOSED, (Out.DISCONNECT,),                              "Disconnected Client"),
        (RAISE,                   CLOSED,           (Out.LOG_RAISED, Out.DISCONNECT),                   "Error Handling"),
        (FAILED["answered"],      CLOSED,           (Out.LOG_FAILURE, Out.DISCONNECT),                  "Disconnect; RFC 6455 7.1.5"),
    ),
    *in_state(CLOSING,  # our Close is sent; after the peer's, the server is the first to close the transport
        ((MESSAGE, UNSOLICITED_PONG), SAME,         (),                                                 "RFC 6455 1.4, RFC 6455 5.5.3"),
        (PING,                    SAME,             (Out.SEND_PONG,),                                   "RFC 6455 5.5.2"),
        ((CLOSE_FRAME, PROTOCOL_ERROR, EOF), DRAINING, (Out.STOP_CLOSE_TIMER, *HANG_UP),                "RFC 6455 7.1.1"),
        (SHUTDOWN,                DRAINING,         (Out.STOP_CLOSE_TIMER, Out.CLOSE_TRANSPORT, *HURRY), "RFC 6455 7.1.1"),
        (CLOSE_TIMEOUT["idle"],   DRAINING,         (Out.ABORT_TRANSPORT,),                             "RFC 6455 7.1.1"),
        # our Close waits behind data that the peer is still taking
        (CLOSE_TIMEOUT["sending"], SAME,            (Out.START_CLOSE_TIMER,),                           "RFC 6455 7.1.1"),
        # the peer cannot send its Close in the middle of a frame
        (CLOSE_TIMEOUT["receiving"], SAME,          (Out.START_CLOSE_TIMER,),                           "RFC 6455 5.4"),
    ),
    *in_state(DRAINING,  # everything is sent, and the transport is being closed
        ((*RECEIVED,),            SAME,             (),                                                 "RFC 6455 1.4"),
        (SHUTDOWN,                SAME,             HURRY,                                              "RFC 6455 7.1.1"),
        ((CLOSE_TIMEOUT["idle"], CLOSE_TIMEOUT["receiving"]), SAME, (Out.ABORT_TRANSPORT,),             "RFC 6455 7.1.1"),
        (CLOSE_TIMEOUT["sending"], SAME,            (Out.START_CLOSE_TIMER,),                           "RFC 6455 7.1.1"),
    ),
    *in_state((CLOSING, DRAINING),
        ((LOST, LOST_UNREAD),     CLOSED,           STOP_TIMERS,                                        "RFC 6455 7.1.4"),
        (SHUTDOWN_TIMEOUT,        DRAINING,         (Out.STOP_CLOSE_TIMER, Out.ABORT_TRANSPORT),        "RFC 6455 7.1.1"),
        (FAILED["unanswered"],    DRAINING,         (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.SEND_500, *HANG_UP), "RFC 6455 4.2.2"),
        (FAILED["answered"],      DRAINING,         (Out.STOP_CLOSE_TIMER, Out.LOG_FAILURE, Out.ABORT_TRANSPORT), "RFC 6455 7.1.7"),
    ),
    *in_state(CLOSED,
        ((SHUTDOWN, *RECEIVED),   SAME,             (),                                                 "RFC 6455 7.1.4"),
        (tuple(FAILED.values()),  SAME,             (Out.LOG_FAILURE,),                                 "RFC 6455 7.1.4"),
    ),
    *in_state((CLOSING, DRAINING, CLOSED),  # the application goes on after the end
        (SENDS,                   SAME,             (Out.RAISE_GONE,),                                  "Disconnected Client"),
        (CLOSE,                   SAME,             (),                                                 "Close"),
        ((*RETURN, RAISED_CLIENT_DISCONNECTED), SAME, (),                                               "Disconnected Client"),
        (RAISE,                   SAME,             (Out.LOG_RAISED,),                                  "Error Handling"),
    ),
)

# fmt: on

SERVER: Final = Machine(
    Table(name="server", states=tuple(ServerState), initial=IDLE, final=(CLOSED,), rows=ROWS)
)
