"""The outputs of the server machine."""

from enum import Enum

__all__ = ["Output"]


class Output(Enum):
    """An output of the server machine. The value is its name in ``specs/server.toml``."""

    START_APPLICATION = "start application"
    CONNECT = "deliver connect"
    RECEIVE = "deliver receive"
    DISCONNECT = "deliver disconnect"
    RAISE_GONE = "raise ClientDisconnected"

    HOLD_DATA = "hold data"
    SEND_101 = "send 101"
    READ_FRAMES = "read frames"
    SEND_400 = "send 400"
    SEND_403 = "send 403"
    SEND_500 = "send 500"
    SEND_503 = "send 503"
    SEND_REFUSAL = "send refusal"
    SEND_SHUTDOWN_STATUS = "send shutdown status"
    HOLD_HEAD = "hold denial head"
    SEND_HEAD = "send denial head"
    SEND_BODY = "send denial body"
    SEND_DENIAL = "send denial whole"

    SEND_DATA = "send data"
    SEND_PING = "send ping"
    SEND_PONG = "send pong"
    CLOSE_AS_ASKED = "send close of application"
    CLOSE_ECHO = "send close of peer"
    CLOSE_ERROR = "send close of error"
    CLOSE_SHUTDOWN = "send close of shutdown"
    CLOSE_RETURNED = "send close 1000"
    CLOSE_RAISED = "send close 1011"
    CLOSE_SILENT = "send close 1011 of keep-alive"
    TAKE_CLOSE = "note close of peer"

    CLOSE_TRANSPORT = "close transport"
    ABORT_TRANSPORT = "abort transport"

    START_HANDSHAKE_TIMER = "start handshake timer"
    STOP_HANDSHAKE_TIMER = "stop handshake timer"
    START_PING_TIMER = "start ping timer"
    STOP_PING_TIMER = "stop ping timer"
    START_PONG_TIMER = "start pong timer"
    STOP_PONG_TIMER = "stop pong timer"
    START_CLOSE_TIMER = "start close timer"
    STOP_CLOSE_TIMER = "stop close timer"
    START_SHUTDOWN_TIMER = "start shutdown timer"
    STOP_SHUTDOWN_TIMER = "stop shutdown timer"

    LOG_RETURNED = "log return"
    LOG_RAISED = "log exception"
    LOG_FAILURE = "log failure"
