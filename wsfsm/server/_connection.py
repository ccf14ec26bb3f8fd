"""The protocol core for one connection: `ServerConnection`."""

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from wsfsm.exceptions import ClientDisconnected, MalformedMessage
from wsfsm.fsm import AnyEvent, Node
from wsfsm.messages import MESSAGES, Accept, Close, ResponseBody, ResponseStart, Send, type_of
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
    """One WebSocket of a server, without I/O.

    Call a method for each event, and carry out the commands that it returns:

    - events of the peer: ``receive_...`` and `connection_lost`;
    - events of the application: `send`, `application_returned` and `application_raised`;
    - events of the server: `shutdown`, `timeout` and `failed`.

    Args:
        policies: The server's choices.

    Attributes:
        handshake: The request for a WebSocket; None before it is received.

    Raises:
        IllegalTransition: The event is not allowed in this state. Each method can raise this. From
            `send` it is a mistake of the application, from the other methods one of the server.
    """

    __slots__ = ("_data", "_node", "handshake")

    def __init__(self, policies: Policies = Policies()) -> None:  # noqa: B008 - it is immutable
        self.handshake: Handshake | None = None
        self._node: Node[ServerState] = SERVER.initial
        self._data = ConnectionData(policies)

    @property
    def policies(self) -> Policies:
        """The server's choices. You may replace them; this affects only later decisions."""
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
        """Whether the disconnect is ready for the application, or was delivered already."""
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
        """Receive the request for a WebSocket (RFC 6455 4.2.1). A bad request is refused.

        Args:
            method: Method of the request.
            headers: Headers of the request; names in any case.
            http_version: HTTP version of the request.
        """
        try:
            self.handshake = read_handshake(method, headers, http_version)
        except BadHandshake as error:
            return self.receive_bad_request(error)
        return self._take(_REQUEST)

    def receive_bad_request(self, error: BadHandshake) -> list[Command]:
        """Receive bytes that are not a request for a WebSocket, or not HTTP at all.

        Args:
            error: The mistake and the response to it (RFC 6455 4.2.2).
        """
        return self._take(_COLUMNS[events.BAD_REQUEST], error)

    def receive_early_data(self, data: bytes) -> list[Command]:
        """Receive bytes that follow the request, before the command ReadFrames.

        They are held until then, up to the limit of the policies. A client should not send any,
        because it must wait for the answer to its handshake (RFC 6455 4.1).

        Args:
            data: The bytes.
        """
        fits = self._data.fits_early(data)
        return self._take(_COLUMNS[events.EARLY_DATA if fits else events.EARLY_DATA_OVERFLOW], data)

    def receive_message(self, data: str | bytes) -> list[Command]:
        """Receive a whole message, of one frame or several (RFC 6455 5.4, 5.6).

        Args:
            data: A str for a text message, bytes for a binary message.
        """
        return self._take(_DATA, data)

    def receive_ping(self, payload: bytes) -> list[Command]:
        """Receive a Ping frame (RFC 6455 5.5.2).

        Args:
            payload: Payload of the frame, at most 125 bytes.
        """
        return self._take(_COLUMNS[events.PING], payload)

    def receive_pong(self, payload: bytes) -> list[Command]:
        """Receive a Pong frame (RFC 6455 5.5.3).

        Args:
            payload: Payload of the frame, at most 125 bytes.
        """
        awaited = self._data.is_awaited(payload)
        return self._take(_COLUMNS[events.PONG if awaited else events.UNSOLICITED_PONG])

    def receive_close(self, code: int = 1005, reason: str = "") -> list[Command]:
        """Receive a Close frame (RFC 6455 5.5.1).

        Args:
            code: Close code, or 1005 if the frame does not have one (RFC 6455 7.1.5). The frame
                reader must check that the code is allowed in a frame.
            reason: Close reason, at most 123 bytes in UTF-8.
        """
        return self._take(_CLOSE_FRAME, Close(code, reason))

    def receive_error(self, code: int, reason: str = "") -> list[Command]:
        """Receive bytes that break the protocol or a limit, and fail the connection (RFC 6455 7.1.7).

        Args:
            code: Close code for the answer: 1002 for a protocol error, 1007 for text that is not
                UTF-8, 1009 for a message that is too big.
            reason: A description, at most 123 bytes in UTF-8.
        """
        return self._take(_COLUMNS[events.PROTOCOL_ERROR], Close(code, reason))

    def receive_eof(self) -> list[Command]:
        """Receive the end of the stream (FIN): the peer has closed its side (RFC 6455 7.1.5)."""
        return self._take(_EOF)

    def connection_lost(self, *, unread: bool = False) -> list[Command]:
        """Report that the transport is gone, for any reason. Nothing can be sent any more.

        Args:
            unread: Whether frames arrived before that you have not passed on yet, because
                `should_read` is False. Pass them on when it is True again, and call `receive_eof`
                after the last one.
        """
        return self._take(_LOST_UNREAD if unread else _LOST)

    # Events of the application

    def send(self, message: Message) -> list[Command]:
        """Take a message of the application.

        Args:
            message: The argument of the application's ``send()``, of any type.

        Raises:
            MalformedMessage: The argument is not a message, or has a value that cannot go on the
                wire. Nothing has changed.
            IllegalTransition: The message is not allowed now. Nothing has changed.
            ClientDisconnected: The connection is over.
        """
        # short cuts for nearly all messages: data of the right type, and an accept without a choice
        if type(message) is dict:
            kind = message.get("type")
            if kind == Send.type:
                text, data = message.get("text"), message.get("bytes")
                if type(text) is str and data is None:
                    try:
                        return self._take(_SEND, commands.SendText(text.encode()))
                    except UnicodeEncodeError:
                        pass  # reported below, like other malformed messages
                elif type(data) is bytes and text is None:
                    return self._take(_SEND, commands.SendBytes(data))
            elif kind == Accept.type and message.get("subprotocol") is None:
                headers = message.get("headers")
                if headers is None or (type(headers) is list and not headers):
                    return self._take(_ACCEPT, _PLAIN_ACCEPT)
        try:
            record = self._checked(message)
        except MalformedMessage:
            if events.MALFORMED in self._node.moves:
                self._take(_COLUMNS[events.MALFORMED])
            raise
        return self._take(_COLUMNS[self._event(record)], record)

    def application_returned(self) -> list[Command]:
        """Report that the application has returned."""
        return self._take(_COLUMNS[events.RETURNED[self._data.policies.on_return]])

    def application_raised(self, exception: BaseException) -> list[Command]:
        """Report that the application has raised (ASGI specification, Error Handling).

        Args:
            exception: The exception, or an exception group.
        """
        own = self._is_own(exception)
        event = (
            events.RAISED_CLIENT_DISCONNECTED if own else events.RAISED[self.policies.on_exception]
        )
        return self._take(_COLUMNS[event], exception)

    # Events of the server

    def shutdown(self) -> list[Command]:
        """Report that the server stops. You may call this several times, in any state."""
        return self._take(_COLUMNS[events.SHUTDOWN])

    def timeout(
        self, timer: Timer, *, sending: bool = False, receiving: bool = False
    ) -> list[Command]:
        """Report that a timer has fired, that is, it was started and not stopped.

        `sending` and `receiving` matter only for `Timer.PONG` and `Timer.CLOSE`, which fire when the
        peer does not make progress.

        Args:
            timer: The timer.
            sending: Whether our Ping or Close waited behind other data when the timer was
                started, and the peer has taken some of it since.
            receiving: Whether bytes of the peer have arrived since then; for `Timer.CLOSE`, bytes of
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
        """Report a failure of the server itself, for example while it carried out a command.

        Discard all commands that you have not carried out yet.

        Args:
            exception: The error, which is logged.
            answered: Whether it is too late for an HTTP response, because a part of one was written,
                the transport was closed, or another failure was reported before.
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
        """Whether to read from the peer. False while too much data waits for the application."""
        return not self._data.full

    def next_message(self) -> Message | None:
        """Take the next message for the application.

        Returns:
            The message, or None if there is no message yet. The last message,
            ``websocket.disconnect``, is returned by every later call too.
        """
        return self._data.next_message()

    # Inside

    def _take(self, column: "_Column", data: Any = None) -> list[Command]:
        after, handlers = column[self._node]
        own = self._data
        if len(handlers) == 1:  # as for data
            command = handlers[0](own, data)
            self._node = after
            return [] if command is None else [command]
        commands: list[Command] = []
        for handle in handlers:
            command = handle(own, data)
            if command is not None:
                commands.append(command)
        self._node = after
        return commands

    def _checked(self, message: Message) -> Sendable:
        if self._node not in _WRITES_CLOSE and type_of(message, MESSAGES) == Close.type:
            return Close()  # its code and reason need no check, because they do not go on the wire
        offered = self.handshake.subprotocols if self.handshake else ()
        record = outgoing(message, offered, mend=self.policies.wrong_accept == "mend")
        if isinstance(record, ResponseBody) and (text := self._data.check_content_length(record)):
            raise MalformedMessage(f'{record.type}: "body" {text}', key="body", message=message)
        return record

    def _event(self, record: Sendable) -> AnyEvent:
        if isinstance(record, ResponseStart):
            return events.DENIAL[self.policies.denial]
        if isinstance(record, ResponseBody):
            return events.BODY_MORE if record.more_body else events.BODY_LAST
        return record.type

    def _is_own(self, exception: BaseException) -> bool:
        """Check whether an exception is our own ClientDisconnected, or a group of nothing else."""

        def ours(exc: BaseException | None) -> bool:
            if type(exc).__name__ == "WebSocketDisconnect":  # frameworks raise theirs from ours
                exc = exc.__cause__ or exc.__context__  # type: ignore[union-attr]
            token = self._data.token
            return isinstance(exc, ClientDisconnected) and exc.origin is token is not None

        # not by split(), because the application's own class of groups may not support it
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
_ACCEPT: Final = _COLUMNS[Accept.type]
_PLAIN_ACCEPT: Final = Accept()
_REQUEST: Final = _COLUMNS[events.REQUEST]
_CLOSE_FRAME: Final = _COLUMNS[events.CLOSE_FRAME]
_EOF: Final = _COLUMNS[events.EOF]
_LOST: Final = _COLUMNS[events.LOST]
_LOST_UNREAD: Final = _COLUMNS[events.LOST_UNREAD]
_WRITES_CLOSE: Final = frozenset(
    node
    for node, step in SERVER.transitions_on(Close.type).items()
    if Output.CLOSE_AS_ASKED in step.outputs
)
