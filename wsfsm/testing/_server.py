"""The server of a test: the sans-I/O core of wsfsm, without a transport, and the client's end of it.

The core decides everything that a server decides. Above it, `wsfsm.tables` refuses each message that the
application machine does not allow, and a profile changes what an application sees to what it sees on
another server. Below it, a client takes the frames in order and answers a Close at once.
"""

from collections import deque
from typing import TYPE_CHECKING, Final, NoReturn

import attrs

from wsfsm._loops import Bell, Loop
from wsfsm.exceptions import ClientDisconnected, IllegalTransition
from wsfsm.messages import Accept, Close, Disconnect, Receive, ResponseStart
from wsfsm.origins import DENIAL
from wsfsm.server import Policies, ServerConnection, commands
from wsfsm.tables import APPLICATION, event_of
from wsfsm.tables.states import ServerState, WebSocketState
from wsfsm.testing._profiles import Cause, ServerProfile
from wsfsm.testing._trace import Trace
from wsfsm.types import Message
from wsfsm.websockets._turns import give_turn

if TYPE_CHECKING:
    from wsfsm.fsm import Node

__all__ = ["Accepted", "Closed", "Denied", "InMemoryServer"]

_NO_CLOSE: Final = 1006  # RFC 6455 7.1.5
_NORMAL: Final = Close().code
_RAISED: Final = 1011  # RFC 6455 7.4.1

Pairs = tuple[tuple[bytes, bytes], ...]


@attrs.frozen
class Accepted:
    """The application has accepted the connection.

    Attributes:
        subprotocol: The chosen subprotocol, or None.
        headers: Headers of the application in the response to the handshake.
    """

    subprotocol: str | None
    headers: Pairs


@attrs.frozen
class Denied:
    """The handshake was rejected with an HTTP response.

    Attributes:
        status: Status code.
        headers: Headers of the response.
        body: The body.
        complete: Whether the whole body was sent.
    """

    status: int
    headers: Pairs = ()
    body: bytes = b""
    complete: bool = True


@attrs.frozen
class Closed:
    """The end of a connection, as the client sees it.

    Attributes:
        code: Close code of the Close frame that the client received; 1006 without one.
        reason: Close reason, an empty string when there is none.
    """

    code: int
    reason: str = ""


class InMemoryServer:
    """The server and the client's end of a connection.

    Args:
        loop: The event loop.
        profile: The server to imitate.
        trace: Takes everything that happens.
        strict: Whether the application machine refuses messages, before the core sees them.

    Attributes:
        bell: Rings at each change.
        answer: The answer to the handshake; None while there is none.
        closed: The end of the connection as the client sees it; None before.
        inbox: The messages that the client has not taken yet.
        paused: Whether the client reads nothing.
        is_started: Whether the handshake is valid, so that the application has to run.
    """

    def __init__(self, loop: Loop, profile: ServerProfile, trace: Trace, *, strict: bool) -> None:
        policies = Policies(
            on_return="close" if profile.code_returned == _NORMAL else "drop",
            on_exception="close" if profile.code_raised == _RAISED else "drop",
        )
        self.core = ServerConnection(policies)
        self.answer: Accepted | Denied | None = None
        self.closed: Closed | None = None
        self.inbox: deque[str | bytes] = deque()
        self.paused = self.is_started = False
        self.bell = Bell(loop)
        self._profile = profile
        self._trace = trace
        self._strict = strict
        self._node: Node[WebSocketState] = APPLICATION.initial
        self._wire: deque[commands.Command] = deque()  # sent, and not read by the client yet
        self._lost = False  # the client's end of the transport is gone
        self._has_closed = False  # the client has sent a Close
        self._cause: Cause | None = None
        self._early = True  # until the connection is accepted
        self._last: Message | None = None  # the disconnect, once it is received
        self._has_ended = False  # the application has returned or raised
        self._denied = Denied(500, complete=False)  # while the body of a denial response arrives

    # The client

    def request(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the handshake."""
        self._perform(self.core.receive_request("GET", headers))

    def message(self, data: str | bytes) -> None:
        """Send a message."""
        self._perform(self.core.receive_message(data))

    def close(self, code: int, reason: str) -> None:
        """Send a Close."""
        self._ended_by("client")
        self._has_closed = True
        self._perform(self.core.receive_close(code, reason))

    def drop(self) -> None:
        """Lose the transport, with everything on it that the client has not read."""
        if self._lost:
            return
        self._lost = True
        self._wire.clear()
        self.closed = self.closed or Closed(_NO_CLOSE)
        self._ended_by("leave" if self._early else "lost")
        self._perform(self.core.connection_lost())

    def resume(self) -> None:
        """Read again."""
        self.paused = False
        self._read()

    # The application

    async def receive(self) -> Message:
        """Pass the next message to the application."""
        if self._last is not None:
            if not self._profile.repeats:
                await self.bell.until(lambda: False)
            await give_turn()
            message = self._profile.repeated(self._last)
            self._trace.received(message)
            return message
        await self.bell.until(self._has_message)
        message = self.core.next_message() or {}
        if message["type"] == Disconnect.type:
            ending = self.core.ending
            self._last = message = self._profile.disconnect(
                self._cause or "end", ending.code, ending.reason
            )
        elif message["type"] == Receive.type and self._profile.both_keys:
            message = {"text": None, "bytes": None, **message}
        self._trace.received(message)
        return message

    def _has_message(self) -> bool:
        if not self.core.has_message:
            return False
        return self._cause not in self._profile.silent or not self.core.is_over

    async def send(self, message: Message) -> None:
        """Take a message of the application.

        Raises:
            MalformedMessage: It is not a message that can be sent.
            IllegalTransition: It is not allowed now.
            OSError: The connection is over, on most servers; see `ServerProfile`.
        """
        try:
            event = event_of(message)
            before = self._node
            node = before.step(event) if self._strict else before
            if message["type"] == ResponseStart.type and not self._profile.denial:
                self._refuse_denial()
        except RuntimeError as error:
            await give_turn()
            self._trace.refused(message, error)
            raise
        if message["type"] != Close.type:
            if self.paused:
                self._trace.note("application", "waits in send, because the client reads nothing")
            await self.bell.until(lambda: not self.paused or self.core.is_over)
        over = self.core.is_over
        try:
            ending = self.core.send(message)
        except ClientDisconnected as error:
            await give_turn()
            self._enter(before, node)
            self._sent_late(message, error)
            return
        except RuntimeError as error:
            await give_turn()
            self._trace.refused(message, error)
            raise
        self._enter(before, node)
        if over:  # a close, for which nothing is left to do
            await give_turn()
            self._sent_late(message, None)
            return
        self._trace.sent(message)
        self._note_end(message)
        self._perform(ending)
        await give_turn()

    def _enter(self, before: "Node[WebSocketState]", node: "Node[WebSocketState]") -> None:
        # another task may have closed the connection while a send waited
        if self._node is before:
            self._node = node

    def _refuse_denial(self) -> NoReturn:
        raise IllegalTransition(
            f"Expected no denial response, because the extensions in the scope do not list {DENIAL!r}. "
            "Send websocket.close, which rejects with HTTP 403.",
            machine=APPLICATION.name,
            state=self._node.state,
            event=ResponseStart.type,
            allowed=self._node.allowed,
        )

    def _sent_late(self, message: Message, gone: ClientDisconnected | None) -> None:
        """Return or raise, as the server does for a message after the end."""
        profile = self._profile
        late = self._has_ended or self._last is not None
        if message["type"] == Close.type:
            kind = profile.close_after if late else None
        elif message["type"] == Accept.type:
            kind = profile.accept_when_lost
        else:
            kind = profile.send_after if late else profile.send_when_lost
        if kind is None:
            self._trace.sent(message)
            return
        error: Exception = kind(
            profile.text_after.format(type=message["type"])
            or f"{profile.name} sends nothing after the end of the connection"
        )
        if gone is not None and kind is OSError:
            error = gone
        if isinstance(error, OSError):
            self._trace.lost(message, error)
        else:
            self._trace.refused(message, error)
        raise error

    def _note_end(self, message: Message) -> None:
        if message["type"] == Accept.type:
            self._early = False
        elif message["type"] == Close.type:
            self._ended_by("reject" if self._early else "close")
        elif message["type"] == ResponseStart.type:
            self._ended_by("deny")

    def ended(self, error: BaseException | None) -> None:
        """Take the end of the application."""
        self._has_ended = True
        profile = self._profile
        code = profile.code_returned if error is None else profile.code_raised
        if self.core.state is ServerState.OPEN:
            if code is None:
                self.bell.ring()
                return
            self._ended_by("end")
            if code not in (_NO_CLOSE, _NORMAL if error is None else _RAISED):
                self._wire.append(commands.SendClose(code))
        self._perform(
            self.core.application_returned()
            if error is None
            else self.core.application_raised(error)
        )

    # The wire

    def _ended_by(self, cause: Cause) -> None:
        self._cause = self._cause or cause

    def _perform(self, ordered: list[commands.Command]) -> None:
        for command in ordered:
            match command:
                case commands.LogError(text) | commands.LogException(text):
                    self._trace.note("server", f"logs {text!r}")
                case commands.StartTimer() | commands.StopTimer() | commands.ReadFrames():
                    pass  # the client answers at once, so that no timer fires
                case commands.StartApplication():
                    self.is_started = True
                case _:
                    self._wire.append(command)
        self._read()

    def _read(self) -> None:
        while self._wire and not self.paused:
            self._take(self._wire.popleft())
        self.bell.ring()

    def _take(self, command: commands.Command) -> None:
        match command:
            case commands.SendHandshake(subprotocol, headers):
                self.answer = Accepted(subprotocol, headers)
            case commands.SendText(payload):
                self.inbox.append(payload.decode())
            case commands.SendBytes(payload):
                self.inbox.append(payload)
            case commands.SendClose(code, reason):
                self.closed = self.closed or Closed(code, reason)
                if not self._has_closed:
                    self._has_closed = True
                    self._perform(self.core.receive_close(code))
            case commands.CloseTransport() | commands.AbortTransport():
                self.answer = self.answer or self._denied
                self.drop()
            case _:
                self._take_denial(command)

    def _take_denial(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendResponse):
            self.answer = Denied(command.status, command.headers, command.body)
        elif isinstance(command, commands.StartResponse):
            self._denied = Denied(command.status, command.headers, complete=False)
        else:
            assert isinstance(command, commands.SendBody)  # noqa: S101 - it sends nothing else
            body = self._denied.body + command.body
            self._denied = attrs.evolve(self._denied, body=body, complete=not command.more_body)
