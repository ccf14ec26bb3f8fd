"""The handlers that turn outputs of the server machine into commands, and their data.

`ConnectionData` is the extended state of a connection: the messages that wait for the application, and
the data that one output leaves for a later one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from secrets import token_bytes
from typing import Any, ClassVar, Final, NoReturn, TypeAlias

import attrs

from wsfsm.exceptions import ClientDisconnected
from wsfsm.messages import (
    Accept,
    Close,
    Connect,
    Disconnect,
    Receive,
    ResponseBody,
    ResponseStart,
    Send,
)
from wsfsm.server import commands
from wsfsm.server._handshake import BadHandshake
from wsfsm.server._policies import Policies
from wsfsm.server.commands import Command, Timer
from wsfsm.tables.outputs import Output
from wsfsm.types import Message

__all__ = ["ConnectionData", "OutputHandler"]

_MESSAGE_COST: Final = (
    100  # bytes of memory that a message takes in addition to its payload, roughly
)
_BODILESS: Final = frozenset({204, 205, 304})  # RFC 9110 15.3.5, 15.3.6, 15.4.5
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)
_CLOSE_TRANSPORT: Final = commands.CloseTransport()
_STOP_PONG_TIMER: Final = commands.StopTimer(Timer.PONG)
_NO_CLOSE: Final = Close(1006)  # RFC 6455 7.1.5
_NO_HEAD: Final = ResponseStart(403)  # a placeholder, which is never sent


OutputHandler: TypeAlias = Callable[["ConnectionData", Any], Command | None]
"""A function that handles an output: it updates the connection, and returns a command or None."""


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


def _response(status: int) -> Command:
    return commands.SendResponse(status, _TEXT, _PHRASES.get(status, f"Status {status}").encode())


def _always(command: Command) -> OutputHandler:
    return lambda _, __: command


_SECONDS: Final = {
    Timer.HANDSHAKE: "handshake_timeout",
    Timer.PING: "ping_interval",
    Timer.PONG: "ping_timeout",
    Timer.CLOSE: "close_timeout",
    Timer.SHUTDOWN: "shutdown_timeout",
}


def _start(timer: Timer) -> OutputHandler:
    def start(own: "ConnectionData", _: object) -> Command | None:
        seconds: float | None = getattr(own.policies, _SECONDS[timer])
        return None if seconds is None else commands.StartTimer(timer, seconds)

    return start


def _close_with(code: int, reason: str = "") -> OutputHandler:
    close = Close(code, reason)
    return lambda own, _: own._send_close(close)  # noqa: SLF001 - it is one of the handlers


class ConnectionData:
    """The extended state of a connection, and the handlers of the outputs.

    Args:
        policies: The server's choices.

    Attributes:
        policies: The server's choices.
        full: Whether too much data waits for the application.
        token: Marks the exceptions of this connection, without a reference to it.
    """

    __slots__ = (
        "_awaited",
        "_ending",
        "_has_reason",
        "_head",
        "_held",
        "_last",
        "_later",
        "_next",
        "_remaining",
        "_size",
        "full",
        "policies",
        "token",
    )

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        # nearly always one message waits at most, and an empty deque takes 700 bytes
        self._next: Message | None = None
        self._later: deque[Message] | None = None
        self._size = 0  # of the messages in the inbox
        self.full = False
        self._ending: Close | None = None  # the Close frame that decided the end
        self._has_reason = False  # whether the disconnect has a reason, possibly an empty one
        self._last: Message | None = None  # websocket.disconnect
        self._held = b""
        self._head = _NO_HEAD  # of a denial response
        self._remaining: int | None = None  # bytes of the body of a denial response
        self._awaited: bytes | None = None
        self.token: object = None

    @property
    def has_message(self) -> bool:
        """Whether there is a message for the application."""
        return self._next is not None or self._last is not None

    @property
    def is_over(self) -> bool:
        """Whether the disconnect is ready for the application, or was delivered already."""
        return self._last is not None

    @property
    def ending(self) -> Close:
        """The close code and reason with which the connection ended; 1006 before its end."""
        return self._ending or _NO_CLOSE

    def next_message(self) -> Message | None:
        """Take the next message for the application, or None. The disconnect is never used up."""
        message = self._next
        if message is not None:
            if self._later is None:
                self._next = None
            else:
                self._next = self._later.popleft()
                self._later = self._later or None
            self._size -= _MESSAGE_COST + len(message.get("text") or message.get("bytes") or b"")
            if self.full and self._size <= self.policies.low_water:
                self.full = False
            return message
        return None if self._last is None else dict(self._last)

    def fits_early(self, data: bytes) -> bool:
        """Check whether there is room for more early data."""
        return len(self._held) + len(data) <= self.policies.max_early_data

    def is_awaited(self, pong: bytes) -> bool:
        """Check whether a Pong answers our last Ping."""
        return pong == self._awaited

    def check_content_length(self, part: ResponseBody) -> str:
        """Explain how a part of a denial response contradicts its content-length, or return ""."""
        left = self._remaining
        size = len(part.body)
        if left is None or size == left or (size < left and part.more_body):
            return ""
        which = "at most" if part.more_body else "exactly"
        return f"must have a size of {which} {left}, the rest of the content-length, got {size}"

    # Handlers of the outputs

    def _connect(self, _: object) -> None:
        self._deliver({"type": Connect.type}, 0)

    def _receive(self, data: str | bytes) -> None:
        kind = "text" if isinstance(data, str) else "bytes"
        self._deliver({"type": Receive.type, kind: data}, len(data))

    def _deliver(self, message: Message, size: int) -> None:
        if self._next is None:
            self._next = message
        elif self._later is None:
            self._later = deque((message,))
        else:
            self._later.append(message)
        self._size += size + _MESSAGE_COST
        if self._size > self.policies.high_water:
            self.full = True

    def _disconnect(self, _: object) -> None:
        ended = self.ending
        self._last = {"type": Disconnect.type, "code": ended.code}
        if self._has_reason:
            self._last["reason"] = ended.reason

    def _gone(self, _: object) -> NoReturn:
        ended = self.ending
        self.token = self.token or object()
        raise ClientDisconnected(
            "the connection has ended, so nothing can be sent any more; close code "
            f"{ended.code}{f' ({ended.reason})' if ended.reason else ''}",
            code=ended.code,
            reason=ended.reason,
            origin=self.token,
        )

    def _hold_data(self, data: bytes) -> None:
        self._held += data

    def _read_frames(self, _: object) -> Command:
        held, self._held = self._held, b""
        return commands.ReadFrames(held)

    def _send_data(self, data: commands.SendText | commands.SendBytes | Send) -> Command:
        if not isinstance(data, Send):
            return data
        return (
            commands.SendBytes(data.bytes or b"")
            if data.text is None
            else commands.SendText(data.text.encode())
        )

    def _send_101(self, record: Accept) -> Command:
        return commands.SendHandshake(record.subprotocol, record.headers)

    def _send_shutdown_status(self, _: object) -> Command:
        return _response(self.policies.shutdown_status)

    def _send_refusal(self, error: BadHandshake) -> Command:
        return commands.SendResponse(error.status, (*_TEXT, *error.headers), str(error).encode())

    def _hold_head(self, record: ResponseStart) -> None:
        if record.status in _BODILESS:
            kept = tuple(pair for pair in record.headers if pair[0] != b"content-length")
            self._head = attrs.evolve(record, headers=kept)
        else:
            self._head = record
            self._remaining = next(
                (int(value) for name, value in record.headers if name == b"content-length"), None
            )

    def _send_head(self, record: ResponseStart | ResponseBody) -> Command:
        if isinstance(record, ResponseStart):
            self._hold_head(record)
        return commands.StartResponse(self._head.status, self._head.headers)

    def _send_body(self, record: ResponseBody) -> Command:
        return commands.SendBody(self._part(record.body), record.more_body)

    def _send_denial(self, record: ResponseBody) -> Command:
        return commands.SendResponse(self._head.status, self._head.headers, self._part(record.body))

    def _part(self, body: bytes) -> bytes:
        if self._head.status in _BODILESS:
            return b""
        if self._remaining is not None:
            self._remaining -= len(body)
        return body

    def _send_ping(self, _: object) -> Command:
        payload = token_bytes(4)  # random, so that a peer that does not read cannot guess it
        self._awaited = None if self.policies.ping_timeout is None else payload
        return commands.SendPing(payload)

    def _stop_pong_timer(self, _: object) -> Command:
        self._awaited = None  # if the same Pong arrives again, it is unsolicited
        return _STOP_PONG_TIMER

    def _send_pong(self, payload: bytes) -> Command:
        return commands.SendPong(payload)

    def _send_close(self, close: Close) -> Command:
        self._take_close(close)
        self.full = False  # the peer's answer must be read, even if data waits for the application
        return commands.SendClose(close.code, close.reason)

    def _take_close(self, close: Close) -> None:
        self._ending = close
        self._has_reason = True

    def _send_close_shutdown(self, _: object) -> Command:
        command = self._send_close(Close(self.policies.shutdown_code))
        self._has_reason = False  # this Close does not have one
        return command

    def _close_transport(self, _: object) -> Command:
        self.full = False  # the peer's FIN must be read
        return _CLOSE_TRANSPORT

    def _log_raised(self, exception: BaseException) -> Command:
        return commands.LogException("Exception in ASGI application", exception)

    def _log_failure(self, exception: BaseException) -> Command:
        return commands.LogException("Internal error on a WebSocket connection", exception)

    HANDLERS: ClassVar[Mapping[Output, OutputHandler]] = {
        Output.START_APPLICATION: _always(commands.StartApplication()),
        Output.CONNECT: _connect,
        Output.RECEIVE: _receive,
        Output.DISCONNECT: _disconnect,
        Output.RAISE_GONE: _gone,
        Output.HOLD_DATA: _hold_data,
        Output.SEND_101: _send_101,
        Output.READ_FRAMES: _read_frames,
        Output.SEND_400: _always(_response(400)),
        Output.SEND_403: _always(commands.SendResponse(403, (), b"")),
        Output.SEND_500: _always(_response(500)),
        Output.SEND_503: _always(_response(503)),
        Output.SEND_REFUSAL: _send_refusal,
        Output.SEND_SHUTDOWN_STATUS: _send_shutdown_status,
        Output.HOLD_HEAD: _hold_head,
        Output.SEND_HEAD: _send_head,
        Output.SEND_BODY: _send_body,
        Output.SEND_DENIAL: _send_denial,
        Output.SEND_DATA: _send_data,
        Output.SEND_PING: _send_ping,
        Output.SEND_PONG: _send_pong,
        Output.CLOSE_AS_ASKED: _send_close,
        Output.CLOSE_ECHO: _send_close,
        Output.CLOSE_ERROR: _send_close,
        Output.CLOSE_SHUTDOWN: _send_close_shutdown,
        Output.CLOSE_RETURNED: _close_with(1000),
        Output.CLOSE_RAISED: _close_with(1011),
        Output.CLOSE_SILENT: _close_with(1011, "keepalive ping timeout"),
        Output.TAKE_CLOSE: _take_close,
        Output.CLOSE_TRANSPORT: _close_transport,
        Output.ABORT_TRANSPORT: _always(commands.AbortTransport()),
        Output.START_HANDSHAKE_TIMER: _start(Timer.HANDSHAKE),
        Output.STOP_HANDSHAKE_TIMER: _always(commands.StopTimer(Timer.HANDSHAKE)),
        Output.START_PING_TIMER: _start(Timer.PING),
        Output.STOP_PING_TIMER: _always(commands.StopTimer(Timer.PING)),
        Output.START_PONG_TIMER: _start(Timer.PONG),
        Output.STOP_PONG_TIMER: _stop_pong_timer,
        Output.START_CLOSE_TIMER: _start(Timer.CLOSE),
        Output.STOP_CLOSE_TIMER: _always(commands.StopTimer(Timer.CLOSE)),
        Output.START_SHUTDOWN_TIMER: _start(Timer.SHUTDOWN),
        Output.STOP_SHUTDOWN_TIMER: _always(commands.StopTimer(Timer.SHUTDOWN)),
        Output.LOG_RETURNED: _always(
            commands.LogError(
                "ASGI application returned without completing its response to the handshake; "
                "it must send websocket.accept, websocket.close, or a whole denial response"
            )
        ),
        Output.LOG_RAISED: _log_raised,
        Output.LOG_FAILURE: _log_failure,
    }
    """The handler of each output, in the order of `Output`."""
