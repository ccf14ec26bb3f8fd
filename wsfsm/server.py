"""The server's side of a WebSocket without I/O: tell it what happens, do what it commands.

A server embeds one `ServerConnection` a connection. Whatever happens is one call: the request, a
frame, a message of the application, the end of the transport, a timer. The call steps the table
`wsfsm.tables.SERVER` and returns a list of commands (`wsfsm.commands`), to be done in order::

    connection = ServerConnection()
    for command in connection.receive_request("GET", headers):
        do(command)

Messages for the application wait in the connection: `ServerConnection.next_message`. What an
application may not send raises, out of `ServerConnection.send`, what it should raise into the
application. There are no sockets, tasks, clocks or frames in here; the guide in ``docs/`` tells
what a server adds.
"""

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from wsfsm import commands as do
from wsfsm import tables as on
from wsfsm.commands import Command, Timer
from wsfsm.effects import MAKERS, Effects, Maker
from wsfsm.engine import AnyEvent, Node
from wsfsm.errors import ClientDisconnected, MalformedMessage
from wsfsm.handshake import BadHandshake, Handshake, read_handshake
from wsfsm.messages import Close, ResponseBody, ResponseStart, Send
from wsfsm.policies import Policies
from wsfsm.states import ServerState
from wsfsm.types import Message
from wsfsm.validation import Sendable, outgoing

__all__ = [
    "BadHandshake",
    "ClientDisconnected",
    "Command",
    "Handshake",
    "Policies",
    "ServerConnection",
    "ServerState",
    "Timer",
]


class ServerConnection:
    """One WebSocket, as a server sees it.

    Methods called ``receive_...`` and `lost` tell what comes from the peer; `send`,
    `application_returned` and `application_raised` what comes from the application; `shutdown`
    and `timeout` what comes from the server. All return the commands that follow.

    Args:
        policies: The server's choices.

    Attributes:
        policies: The server's choices.
        handshake: What the request asked for; None before it came.

    Raises:
        IllegalTransition: Out of any method: this cannot happen in this state. From `send`, the
            application is to blame; from the others, the server is.
    """

    __slots__ = ("_effects", "_node", "handshake", "policies")

    def __init__(self, policies: Policies = Policies()) -> None:  # noqa: B008 - it is frozen
        self.policies = policies
        self.handshake: Handshake | None = None
        self._node: Node[ServerState] = on.SERVER.initial
        self._effects = Effects(policies)

    @property
    def state(self) -> ServerState:
        """The state of the server machine."""
        return self._node.state

    @property
    def is_over(self) -> bool:
        """Whether the application has been given its disconnect, taken or not."""
        return self._effects.is_over

    # What comes from the peer

    def receive_request(
        self,
        method: bytes | str,
        headers: Iterable[tuple[bytes, bytes]],
        http_version: str = "1.1",
    ) -> list[Command]:
        """The request for a WebSocket has come (RFC 6455 4.2.1); a bad one is refused.

        Args:
            method: Its method.
            headers: Its headers; names in any case.
            http_version: Its HTTP version.
        """
        try:
            self.handshake = read_handshake(method, headers, http_version)
        except BadHandshake as error:
            return self.receive_bad_request(error)
        return self._take(_COLUMNS[on.REQUEST])

    def receive_bad_request(self, error: BadHandshake) -> list[Command]:
        """Something has come that is no request for a WebSocket, or not even HTTP.

        Args:
            error: What is wrong, with the response to give (RFC 6455 4.2.2).
        """
        return self._take(_COLUMNS[on.BAD_REQUEST], error)

    def receive_early_data(self, data: bytes) -> list[Command]:
        """Bytes have come behind the request, before the command ReadFrames.

        They are held until then, up to the limit of the policies (RFC 6455 4.1: a client waits).

        Args:
            data: The bytes.
        """
        fits = self._effects.fits_early(data)
        return self._take(_COLUMNS[on.EARLY if fits else on.FLOOD], data)

    def receive_data(self, data: str | bytes) -> list[Command]:
        """A whole message has come, of one frame or more (RFC 6455 5.4, 5.6).

        Args:
            data: A str for a text, or bytes.
        """
        return self._take(_DATA, data)

    def receive_ping(self, payload: bytes) -> list[Command]:
        """A Ping frame has come (RFC 6455 5.5.2).

        Args:
            payload: Its payload, of at most 125 bytes.
        """
        return self._take(_COLUMNS[on.PING], payload)

    def receive_pong(self, payload: bytes) -> list[Command]:
        """A Pong frame has come (RFC 6455 5.5.3).

        Args:
            payload: Its payload, of at most 125 bytes.
        """
        awaited = self._effects.is_awaited(payload)
        return self._take(_COLUMNS[on.PONG if awaited else on.STRAY_PONG])

    def receive_close(self, code: int = 1005, reason: str = "") -> list[Command]:
        """A Close frame has come (RFC 6455 5.5.1).

        Args:
            code: Its code, one that may be in a frame: who reads frames checks that. 1005 if it
                has none (RFC 6455 7.1.5).
            reason: Its reason, of at most 123 bytes in UTF-8.
        """
        return self._take(_COLUMNS[on.CLOSE], Close(code, reason))

    def receive_error(self, code: int, reason: str = "") -> list[Command]:
        """Something has come that is no WebSocket (RFC 6455 7.1.7).

        Args:
            code: 1002 for a protocol error, 1007 for text that is not UTF-8, 1009 for a message
                that is too big.
            reason: What was wrong, in at most 123 bytes of UTF-8.
        """
        return self._take(_COLUMNS[on.ERROR], Close(code, reason))

    def receive_eof(self) -> list[Command]:
        """The peer has closed its side of the transport: FIN (RFC 6455 7.1.5)."""
        return self._take(_COLUMNS[on.EOF])

    def lost(self) -> list[Command]:
        """The transport is gone, for whatever reason. Nothing comes from the peer any more."""
        return self._take(_COLUMNS[on.LOST])

    # What comes from the application

    def send(self, message: Message) -> list[Command]:
        """The application sends a message.

        Args:
            message: What it has passed to ``send()``, whatever that is.

        Raises:
            MalformedMessage: It is not a message, or holds what cannot go on the wire. Nothing
                has changed.
            IllegalTransition: It must not be sent now. Nothing has changed.
            ClientDisconnected: The connection is over.
        """
        # nearly all messages: data, of the right type
        if type(message) is dict and message.get("type") == Send.type:
            text, data = message.get("text"), message.get("bytes")
            if type(text) is str and data is None:
                try:
                    return self._take(_SEND, do.SendText(text.encode()))
                except UnicodeEncodeError:
                    pass  # told below, where all that is malformed is
            elif type(data) is bytes and text is None:
                return self._take(_SEND, do.SendBytes(data))
        try:
            record = self._checked(message)
        except MalformedMessage:
            if on.MALFORMED in self._node.moves:
                self._take(_COLUMNS[on.MALFORMED])
            raise
        return self._take(_COLUMNS[self._event(record)], record)

    def application_returned(self) -> list[Command]:
        """The application has returned."""
        return self._take(_COLUMNS[on.RETURNED[self.policies.on_return]])

    def application_raised(self, exception: BaseException) -> list[Command]:
        """The application has raised (ASGI specification, Error Handling).

        Args:
            exception: What it has raised, alone or in groups.
        """
        own = self._is_own(exception)
        event = on.RAISED_GONE if own else on.RAISED[self.policies.on_exception]
        return self._take(_COLUMNS[event], exception)

    # What comes from the server

    def shutdown(self) -> list[Command]:
        """The server stops; any number of times, in any state."""
        return self._take(_COLUMNS[on.SHUTDOWN])

    def timeout(self, timer: Timer) -> list[Command]:
        """A timer has fired that was started and not stopped.

        Args:
            timer: Which one.
        """
        awaits = self.policies.ping_timeout is not None
        event = {
            Timer.HANDSHAKE: on.HANDSHAKE_TIMEOUT,
            Timer.PING: on.PING_DUE if awaits else on.PING_DUE_ONLY,
            Timer.PONG: on.PONG_TIMEOUT if self.wants_data else on.PONG_UNREAD,
            Timer.CLOSE: on.CLOSE_TIMEOUT,
        }[timer]
        return self._take(_COLUMNS[event])

    # What goes to the application

    @property
    def has_message(self) -> bool:
        """Whether there is a message for the application."""
        return self._effects.has_message

    @property
    def wants_data(self) -> bool:
        """Whether to read from the peer: not while too much waits for the application."""
        return not self._effects.full

    def next_message(self) -> Message | None:
        """Take the next message for the application.

        Returns:
            The message, or None: there is none yet. The last one, ``websocket.disconnect``, is
            given again and again.
        """
        return self._effects.next_message()

    # Inside

    def _take(self, column: "_Column", data: Any = None) -> list[Command]:
        after, makers = column[self._node]
        effects = self._effects
        commands = [command for make in makers if (command := make(effects, data)) is not None]
        self._node = after
        return commands

    def _checked(self, message: Message) -> Sendable:
        record = outgoing(message, self.handshake.subprotocols if self.handshake else ())
        if isinstance(record, ResponseBody) and (text := self._effects.misfit(record)):
            raise MalformedMessage(f'{record.type}: "body": {text}', key="body", message=message)
        return record

    def _event(self, record: Sendable) -> AnyEvent:
        if isinstance(record, ResponseStart):
            return on.DENIAL[self.policies.denial]
        if isinstance(record, ResponseBody):
            return on.BODY_MORE if record.more_body else on.BODY_LAST
        return record.type

    def _is_own(self, exception: BaseException) -> bool:
        """Whether it is nothing but our own ClientDisconnected, also out of task groups."""

        def ours(exc: BaseException) -> bool:
            return isinstance(exc, ClientDisconnected) and exc.origin is self._effects

        if isinstance(exception, BaseExceptionGroup):
            return exception.split(ours)[1] is None
        return ours(exception)


class _Column(dict[Node[ServerState], tuple[Node[ServerState], tuple[Maker, ...]]]):
    """What one event does in each state that allows it."""

    def __init__(self, event: AnyEvent) -> None:
        super().__init__(
            (node, (step.after, tuple(MAKERS[output] for output in step.emits)))
            for node, step in on.SERVER.column(event).items()
        )
        self.event = event

    def __missing__(self, node: Node[ServerState]) -> NoReturn:
        raise node.refusal(self.event)


_COLUMNS: Final = {event: _Column(event) for event in on.SERVER.table.events}
_DATA: Final = _COLUMNS[on.DATA]
_SEND: Final = _COLUMNS[Send.type]
