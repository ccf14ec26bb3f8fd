"""The server's side of a WebSocket without I/O: pass in what happens, do the commands.

A server embeds one `ServerConnection` a connection. Each thing that happens is one call: the request,
a frame, a message of the application, the end of the transport, a timer. The call steps the table
`wsfsm.tables.SERVER` and returns a list of commands (`wsfsm.commands`), to be done in order::

    connection = ServerConnection()
    for command in connection.receive_request("GET", headers):
        do(command)

Messages for the application wait in the connection: `ServerConnection.next_message`. For a message
that an application may not send, `ServerConnection.send` raises the exception that is to be raised
into the application. There are no sockets, tasks, clocks or frames in here; the guide in ``docs/``
says what a server adds.
"""

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from wsfsm import commands as do
from wsfsm import tables as on
from wsfsm.commands import Command, Output, Timer
from wsfsm.effects import MAKERS, Effects, Maker
from wsfsm.engine import AnyEvent, Node
from wsfsm.errors import ClientDisconnected, MalformedMessage
from wsfsm.handshake import BadHandshake, Handshake, read_handshake
from wsfsm.messages import MESSAGES, Close, ResponseBody, ResponseStart, Send, type_of
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

    Methods called ``receive_...`` and `lost` are for what the peer does; `send`,
    `application_returned` and `application_raised` for what the application does; `shutdown`,
    `timeout` and `failed` for what the server does. All return the commands that follow.

    Args:
        policies: The server's choices.

    Attributes:
        handshake: The request for a WebSocket; None before it was received.

    Raises:
        IllegalTransition: Out of any method: this cannot happen in this state. From `send`, the
            application is to blame; from the others, the server is.
    """

    __slots__ = ("_effects", "_node", "handshake")

    def __init__(self, policies: Policies = Policies()) -> None:  # noqa: B008 - it is frozen
        self.handshake: Handshake | None = None
        self._node: Node[ServerState] = on.SERVER.initial
        self._effects = Effects(policies)

    @property
    def policies(self) -> Policies:
        """The server's choices; they may be changed, for what is decided from then on."""
        return self._effects.policies

    @policies.setter
    def policies(self, policies: Policies) -> None:
        self._effects.policies = policies

    @property
    def state(self) -> ServerState:
        """The state of the server machine."""
        return self._node.state

    @property
    def is_over(self) -> bool:
        """Whether the application has been given its disconnect, taken or not."""
        return self._effects.is_over

    @property
    def ending(self) -> Close:
        """The close code and reason with which the connection ended; 1006 before its end."""
        return self._effects.ending

    # What comes from the peer

    def receive_request(
        self,
        method: bytes | str,
        headers: Iterable[tuple[bytes, bytes]],
        http_version: str = "1.1",
    ) -> list[Command]:
        """Take the request for a WebSocket (RFC 6455 4.2.1); a bad one is refused.

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
        """Take bytes that are not a request for a WebSocket, or not even HTTP.

        Args:
            error: What is wrong, with the response to give (RFC 6455 4.2.2).
        """
        return self._take(_COLUMNS[on.BAD_REQUEST], error)

    def receive_early_data(self, data: bytes) -> list[Command]:
        """Take bytes behind the request, before the command ReadFrames.

        They are held until then, up to the limit of the policies (RFC 6455 4.1: a client waits).

        Args:
            data: The bytes.
        """
        fits = self._effects.fits_early(data)
        return self._take(_COLUMNS[on.EARLY if fits else on.FLOOD], data)

    def receive_data(self, data: str | bytes) -> list[Command]:
        """Take a whole message, of one frame or more (RFC 6455 5.4, 5.6).

        Args:
            data: A str for a text, or bytes.
        """
        return self._take(_DATA, data)

    def receive_ping(self, payload: bytes) -> list[Command]:
        """Take a Ping frame (RFC 6455 5.5.2).

        Args:
            payload: Its payload, of at most 125 bytes.
        """
        return self._take(_COLUMNS[on.PING], payload)

    def receive_pong(self, payload: bytes) -> list[Command]:
        """Take a Pong frame (RFC 6455 5.5.3).

        Args:
            payload: Its payload, of at most 125 bytes.
        """
        awaited = self._effects.is_awaited(payload)
        return self._take(_COLUMNS[on.PONG if awaited else on.STRAY_PONG])

    def receive_close(self, code: int = 1005, reason: str = "") -> list[Command]:
        """Take a Close frame (RFC 6455 5.5.1).

        Args:
            code: Its code, one that may be in a frame, which the reader of frames checks. 1005 if
                it has none (RFC 6455 7.1.5).
            reason: Its reason, of at most 123 bytes in UTF-8.
        """
        return self._take(_COLUMNS[on.CLOSE], Close(code, reason))

    def receive_error(self, code: int, reason: str = "") -> list[Command]:
        """Take an error of the peer: bytes that break the protocol or a limit (RFC 6455 7.1.7).

        Args:
            code: Close code to answer with: 1002 for a protocol error, 1007 for text that is not
                UTF-8, 1009 for a message that is too big.
            reason: A description, in at most 123 bytes of UTF-8.
        """
        return self._take(_COLUMNS[on.ERROR], Close(code, reason))

    def receive_eof(self) -> list[Command]:
        """Take the end of the stream, FIN: the peer has closed its side (RFC 6455 7.1.5)."""
        return self._take(_COLUMNS[on.EOF])

    def lost(self, *, unread: bool = False) -> list[Command]:
        """Take the loss of the transport, for any reason. Nothing can be sent any more.

        Args:
            unread: Whether there are frames that arrived before and that you have not passed on
                yet, because `wants_data` is False. Pass them on when it is True again, and call
                `receive_eof` after the last of them.
        """
        return self._take(_COLUMNS[on.LOST_UNREAD if unread else on.LOST])

    # What comes from the application

    def send(self, message: Message) -> list[Command]:
        """Take a message of the application.

        Args:
            message: The argument of its ``send()``, of any type.

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
                    pass  # reported below, with all that is malformed
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
        """Take the return of the application."""
        return self._take(_COLUMNS[on.RETURNED[self.policies.on_return]])

    def application_raised(self, exception: BaseException) -> list[Command]:
        """Take an exception of the application (ASGI specification, Error Handling).

        Args:
            exception: The exception, alone or in groups.
        """
        own = self._is_own(exception)
        event = on.RAISED_GONE if own else on.RAISED[self.policies.on_exception]
        return self._take(_COLUMNS[event], exception)

    # What comes from the server

    def shutdown(self) -> list[Command]:
        """Take a stop of the server; any number of times, in any state."""
        return self._take(_COLUMNS[on.SHUTDOWN])

    def timeout(
        self, timer: Timer, *, sending: bool = False, receiving: bool = False
    ) -> list[Command]:
        """Take a timer that has fired, that is, was started and not stopped.

        The two facts matter for `Timer.PONG` and `Timer.CLOSE`, which are about a peer that makes
        no progress.

        Args:
            timer: Which one.
            sending: Whether our Ping or Close waited behind other data when the timer was
                started, and the peer has taken some of it since.
            receiving: Whether bytes of the peer have arrived since then; for `Timer.CLOSE`, of
                a frame that is not complete yet.
        """
        awaits = self.policies.ping_timeout is not None
        progress = "sending" if sending else "receiving" if receiving else "idle"
        event = {
            Timer.HANDSHAKE: on.HANDSHAKE_TIMEOUT,
            Timer.PING: on.PING_DUE if awaits else on.PING_DUE_ONLY,
            Timer.PONG: on.PONG_TIMEOUT[progress],
            Timer.CLOSE: on.CLOSE_TIMEOUT[progress],
            Timer.SHUTDOWN: on.SHUTDOWN_TIMEOUT,
        }[timer]
        return self._take(_COLUMNS[event])

    def failed(self, exception: BaseException, *, answered: bool) -> list[Command]:
        """Take a failure of the server itself, for example while it did a command.

        Commands that are not done yet are to be forgotten.

        Args:
            exception: The error, which is logged.
            answered: Whether it is too late for an HTTP response: a part of one was written, the
                transport was closed, or another failure was passed on before.
        """
        event = on.FAILED["answered" if answered else "unanswered"]
        return self._take(_COLUMNS[event], exception)

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
        if self._node not in _WRITES_CLOSE and type_of(message, MESSAGES) == Close.type:
            return Close()  # neither its code nor its reason goes on the wire
        offered = self.handshake.subprotocols if self.handshake else ()
        record = outgoing(message, offered, mend=self.policies.wrong_accept == "mend")
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

        def ours(exc: BaseException | None) -> bool:
            if type(exc).__name__ == "WebSocketDisconnect":  # frameworks raise theirs out of ours
                exc = exc.__cause__ or exc.__context__  # type: ignore[union-attr]
            token = self._effects.token
            return isinstance(exc, ClientDisconnected) and exc.origin is token is not None

        # not by split(): a group of the application's own may refuse to be divided
        if isinstance(exception, BaseExceptionGroup):
            return all(map(self._is_own, exception.exceptions))
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
_WRITES_CLOSE: Final = frozenset(
    node
    for node, step in on.SERVER.column(Close.type).items()
    if Output.CLOSE_AS_ASKED in step.emits
)
