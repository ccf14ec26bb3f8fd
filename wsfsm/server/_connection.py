"""One WebSocket, as a server sees it: `ServerConnection`."""

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from wsfsm.exceptions import ClientDisconnected, MalformedMessage
from wsfsm.fsm import AnyEvent, Node
from wsfsm.messages import MESSAGES, Close, ResponseBody, ResponseStart, Send, type_of
from wsfsm.server import commands
from wsfsm.server._handshake import BadHandshake, Handshake, read_handshake
from wsfsm.server._outputs import ConnectionData, OutputHandler
from wsfsm.server._policies import Policies
from wsfsm.server._validation import Sendable, outgoing
from wsfsm.server.commands import Command, Timer
from wsfsm.tables import SERVER, events
from wsfsm.tables.outputs import Output
from wsfsm.tables.states import ServerState
from wsfsm.types import Message

__all__ = ["ServerConnection"]


class ServerConnection:
    """One WebSocket, as a server sees it.

    Methods called ``receive_...`` and `connection_lost` are for what the peer does; `send`,
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

    __slots__ = ("_data", "_node", "handshake")

    def __init__(self, policies: Policies = Policies()) -> None:  # noqa: B008 - it is frozen
        self.handshake: Handshake | None = None
        self._node: Node[ServerState] = SERVER.initial
        self._data = ConnectionData(policies)

    @property
    def policies(self) -> Policies:
        """The server's choices; they may be changed, for what is decided from then on."""
        return self._data.policies

    @policies.setter
    def policies(self, policies: Policies) -> None:
        self._data.policies = policies

    @property
    def state(self) -> ServerState:
        """The state of the server machine."""
        return self._node.state

    @property
    def is_over(self) -> bool:
        """Whether the application has been given its disconnect, taken or not."""
        return self._data.is_over

    @property
    def ending(self) -> Close:
        """The close code and reason with which the connection ended; 1006 before its end."""
        return self._data.ending

    # Events of the peer

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
        return self._take(_COLUMNS[events.REQUEST])

    def receive_bad_request(self, error: BadHandshake) -> list[Command]:
        """Take bytes that are not a request for a WebSocket, or not even HTTP.

        Args:
            error: What is wrong, with the response to give (RFC 6455 4.2.2).
        """
        return self._take(_COLUMNS[events.BAD_REQUEST], error)

    def receive_early_data(self, data: bytes) -> list[Command]:
        """Take bytes behind the request, before the command ReadFrames.

        They are held until then, up to the limit of the policies (RFC 6455 4.1: a client waits).

        Args:
            data: The bytes.
        """
        fits = self._data.fits_early(data)
        return self._take(_COLUMNS[events.EARLY_DATA if fits else events.EARLY_DATA_OVERFLOW], data)

    def receive_message(self, data: str | bytes) -> list[Command]:
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
        return self._take(_COLUMNS[events.PING], payload)

    def receive_pong(self, payload: bytes) -> list[Command]:
        """Take a Pong frame (RFC 6455 5.5.3).

        Args:
            payload: Its payload, of at most 125 bytes.
        """
        awaited = self._data.is_awaited(payload)
        return self._take(_COLUMNS[events.PONG if awaited else events.UNSOLICITED_PONG])

    def receive_close(self, code: int = 1005, reason: str = "") -> list[Command]:
        """Take a Close frame (RFC 6455 5.5.1).

        Args:
            code: Its code, one that may be in a frame, which the reader of frames checks. 1005 if
                it has none (RFC 6455 7.1.5).
            reason: Its reason, of at most 123 bytes in UTF-8.
        """
        return self._take(_COLUMNS[events.CLOSE_FRAME], Close(code, reason))

    def receive_error(self, code: int, reason: str = "") -> list[Command]:
        """Take an error of the peer: bytes that break the protocol or a limit (RFC 6455 7.1.7).

        Args:
            code: Close code to answer with: 1002 for a protocol error, 1007 for text that is not
                UTF-8, 1009 for a message that is too big.
            reason: A description, in at most 123 bytes of UTF-8.
        """
        return self._take(_COLUMNS[events.PROTOCOL_ERROR], Close(code, reason))

    def receive_eof(self) -> list[Command]:
        """Take the end of the stream, FIN: the peer has closed its side (RFC 6455 7.1.5)."""
        return self._take(_COLUMNS[events.EOF])

    def connection_lost(self, *, unread: bool = False) -> list[Command]:
        """Take the loss of the transport, for any reason. Nothing can be sent any more.

        Args:
            unread: Whether there are frames that arrived before and that you have not passed on
                yet, because `should_read` is False. Pass them on when it is True again, and call
                `receive_eof` after the last of them.
        """
        return self._take(_COLUMNS[events.LOST_UNREAD if unread else events.LOST])

    # Events of the application

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
                    return self._take(_SEND, commands.SendText(text.encode()))
                except UnicodeEncodeError:
                    pass  # reported below, with all that is malformed
            elif type(data) is bytes and text is None:
                return self._take(_SEND, commands.SendBytes(data))
        try:
            record = self._checked(message)
        except MalformedMessage:
            if events.MALFORMED in self._node.moves:
                self._take(_COLUMNS[events.MALFORMED])
            raise
        return self._take(_COLUMNS[self._event(record)], record)

    def application_returned(self) -> list[Command]:
        """Take the return of the application."""
        return self._take(_COLUMNS[events.RETURNED[self.policies.on_return]])

    def application_raised(self, exception: BaseException) -> list[Command]:
        """Take an exception of the application (ASGI specification, Error Handling).

        Args:
            exception: The exception, alone or in groups.
        """
        own = self._is_own(exception)
        event = (
            events.RAISED_CLIENT_DISCONNECTED if own else events.RAISED[self.policies.on_exception]
        )
        return self._take(_COLUMNS[event], exception)

    # Events of the server

    def shutdown(self) -> list[Command]:
        """Take a stop of the server; any number of times, in any state."""
        return self._take(_COLUMNS[events.SHUTDOWN])

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
            Timer.HANDSHAKE: events.HANDSHAKE_TIMEOUT,
            Timer.PING: events.PING_DUE if awaits else events.PING_DUE_NO_PONG,
            Timer.PONG: events.PONG_TIMEOUT[progress],
            Timer.CLOSE: events.CLOSE_TIMEOUT[progress],
            Timer.SHUTDOWN: events.SHUTDOWN_TIMEOUT,
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
        event = events.FAILED["answered" if answered else "unanswered"]
        return self._take(_COLUMNS[event], exception)

    # Messages for the application

    @property
    def has_message(self) -> bool:
        """Whether there is a message for the application."""
        return self._data.has_message

    @property
    def should_read(self) -> bool:
        """Whether to read from the peer: not while too much waits for the application."""
        return not self._data.full

    def next_message(self) -> Message | None:
        """Take the next message for the application.

        Returns:
            The message, or None: there is none yet. The last one, ``websocket.disconnect``, is
            given again and again.
        """
        return self._data.next_message()

    # Inside

    def _take(self, column: "_Column", data: Any = None) -> list[Command]:
        after, handlers = column[self._node]
        own = self._data
        commands = [command for handle in handlers if (command := handle(own, data)) is not None]
        self._node = after
        return commands

    def _checked(self, message: Message) -> Sendable:
        if self._node not in _WRITES_CLOSE and type_of(message, MESSAGES) == Close.type:
            return Close()  # neither its code nor its reason goes on the wire
        offered = self.handshake.subprotocols if self.handshake else ()
        record = outgoing(message, offered, mend=self.policies.wrong_accept == "mend")
        if isinstance(record, ResponseBody) and (text := self._data.check_content_length(record)):
            raise MalformedMessage(f'{record.type}: "body": {text}', key="body", message=message)
        return record

    def _event(self, record: Sendable) -> AnyEvent:
        if isinstance(record, ResponseStart):
            return events.DENIAL[self.policies.denial]
        if isinstance(record, ResponseBody):
            return events.BODY_MORE if record.more_body else events.BODY_LAST
        return record.type

    def _is_own(self, exception: BaseException) -> bool:
        """Whether it is nothing but our own ClientDisconnected, also out of task groups."""

        def ours(exc: BaseException | None) -> bool:
            if type(exc).__name__ == "WebSocketDisconnect":  # frameworks raise theirs out of ours
                exc = exc.__cause__ or exc.__context__  # type: ignore[union-attr]
            token = self._data.token
            return isinstance(exc, ClientDisconnected) and exc.origin is token is not None

        # not by split(): a group of the application's own may refuse to be divided
        if isinstance(exception, BaseExceptionGroup):
            return all(map(self._is_own, exception.exceptions))
        return ours(exception)


class _Column(dict[Node[ServerState], tuple[Node[ServerState], tuple[OutputHandler, ...]]]):
    """The transitions of one event, by state."""

    def __init__(self, event: AnyEvent) -> None:
        super().__init__(
            (node, (step.target, tuple(ConnectionData.HANDLERS[output] for output in step.outputs)))
            for node, step in SERVER.transitions_on(event).items()
        )
        self.event = event

    def __missing__(self, node: Node[ServerState]) -> NoReturn:
        raise node.refusal(self.event)


_COLUMNS: Final = {event: _Column(event) for event in SERVER.table.events}
_DATA: Final = _COLUMNS[events.MESSAGE]
_SEND: Final = _COLUMNS[Send.type]
_WRITES_CLOSE: Final = frozenset(
    node
    for node, step in SERVER.transitions_on(Close.type).items()
    if Output.CLOSE_AS_ASKED in step.outputs
)
