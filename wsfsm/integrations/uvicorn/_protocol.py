"""One WebSocket of uvicorn: does what the core commands, and decides nothing about the protocol."""

import asyncio
import contextvars
import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar, cast

from uvicorn.config import Config
from uvicorn.server import ServerState as SharedState
from websockets.extensions import Extension  # noqa: TC002 - all imports are real

from wsfsm.exceptions import ClientDisconnected, IllegalTransition, MalformedMessage
from wsfsm.integrations.frames import FrameReader, control_frame, data_frame, negotiate
from wsfsm.integrations.uvicorn._access import AccessLog, log
from wsfsm.integrations.uvicorn._deadlines import Deadlines
from wsfsm.integrations.uvicorn._http import HTTPHandshake
from wsfsm.integrations.uvicorn._inbound import Inbound
from wsfsm.integrations.uvicorn._options import from_environment, own_headers, settled
from wsfsm.integrations.uvicorn._scope import make_scope
from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic, abort, can_half_close, look
from wsfsm.integrations.uvicorn._waiters import Gate, Waiters
from wsfsm.integrations.uvicorn._writer import FrameWriter
from wsfsm.messages import Close, Disconnect
from wsfsm.server import BadHandshake, Handshake, Policies, ServerConnection, ServerState, commands
from wsfsm.server.commands import Command, Timer
from wsfsm.types import Message, Scope

__all__ = ["WebSocketProtocol"]

_MANY: Final = 100  # refused messages, after which an application does not seem to look
_PATIENCE: Final = 3  # times that the disconnect is reported while the server stops
_LOOK: Final = 0.1  # seconds between looks at data that the peer has not taken
_FAILURES: Final = 3  # of a connection, after which it is aborted

_Handler = TypeVar("_Handler", bound=Callable[..., None])

_HANDLERS: Final[dict[type[Any], Callable[["WebSocketProtocol", Any], None]]] = {}


_Called = TypeVar("_Called", bound=Callable[..., Any])


def _guarded(called: _Called) -> _Called:
    """Let no error of this class or its libraries out of a method that others call."""

    @functools.wraps(called)
    def guarded(self: "WebSocketProtocol", *args: Any, **keys: Any) -> Any:
        try:
            return called(self, *args, **keys)
        except Exception as error:  # noqa: BLE001 - of whatever is done
            self.fail(error)
            return None

    return cast("_Called", guarded)


def _handles(*kinds: type[Any]) -> Callable[[_Handler], _Handler]:
    """Mark the method that does commands of some kinds."""

    def register(doer: _Handler) -> _Handler:
        _HANDLERS.update(dict.fromkeys(kinds, doer))
        return doer

    return register


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket of uvicorn, made by it for a request with ``Upgrade: websocket``.

    Args:
        config: uvicorn's options.
        server_state: What connections of a server share.
        app_state: State of the lifespan.

    Attributes:
        policies: The server's choices; those on pings and the size of messages are uvicorn's
            options ``ws_ping_interval``, ``ws_ping_timeout`` and ``ws_max_size``.
    """

    policies: ClassVar[Policies] = from_environment(Policies())

    __slots__ = (
        "_access",
        "_answered",
        "_app_state",
        "_config",
        "_connection",
        "_deadlines",
        "_doing",
        "_ends",
        "_extensions",
        "_failures",
        "_gate",
        "_heads",
        "_inbound",
        "_is_dismissed",
        "_is_writable",
        "_loop",
        "_outbox",
        "_pinged_at",
        "_receivers",
        "_refusals",
        "_request",
        "_server_state",
        "_stopping",
        "_take",
        "_task",
        "_transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: SharedState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        policies = settled(self.policies, config)
        self._connection = ServerConnection(policies)
        self._doing: list[Command] | None = None  # commands that are being done
        self._failures = 0
        # for the handshake, and gone after it
        self._take: Callable[[WebSocketProtocol, bytes], None] = WebSocketProtocol._take_head
        self._heads = HTTPHandshake(
            own_headers(server_state.default_headers), policies.max_head_size
        )
        self._extensions: tuple[str | None, Sequence[Extension]] = (None, ())
        self._answered = False
        # for frames
        self._inbound: Inbound | None = None
        self._deadlines = Deadlines(self._loop, self)
        self._pinged_at = 0.0
        # for the application
        self._task: asyncio.Task[None] | None = None
        self._receivers = Waiters(self._loop)
        self._gate = Gate(self._loop)  # of writing
        self._is_writable = True
        self._ends = 0  # how often the disconnect was reported
        self._refusals = 0  # messages that were refused
        self._stopping = self._is_dismissed = False

    # Called by asyncio and uvicorn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by uvicorn, with the transport of the HTTP connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox = FrameWriter(self._transport, self._loop, self)
        self._access = AccessLog(self._transport)
        self._server_state.connections.add(cast("Any", self))
        self._access.trace("WebSocket connection made")

    def data_received(self, data: bytes) -> None:
        """Called with the rebuilt head of the request first, then with all that arrives."""
        try:
            self._take(self, data)
        except Exception as error:  # noqa: BLE001 - it would be a fatal error of the transport
            self.fail(error)

    @_guarded
    def eof_received(self) -> bool:
        """Called when the peer has closed its side."""
        if self._inbound is not None:
            keeps_open = self._inbound.eof()
            if not keeps_open:  # also of TLS, whose transport does not say that it is closing
                self._outbox.close()
            return keeps_open
        self.perform(self._connection.receive_eof())
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Called when the transport is gone."""
        self._outbox.clear()
        self._lose()
        self._deadlines.stop_all()
        self.resume_writing()  # asyncio does not call it for a transport that is gone
        self._access.trace("WebSocket connection lost")
        self._log_end()
        if self._task is None or self._task.done():
            self._server_state.connections.discard(cast("Any", self))

    @_guarded
    def _lose(self) -> None:
        if self._inbound is not None:
            self._inbound.lost()
        else:
            self.perform(self._connection.connection_lost())

    def _log_end(self) -> None:
        if self._connection.state is ServerState.CLOSED:  # and all that has arrived is read
            self._access.closed(self._connection.ending)

    def pause_writing(self) -> None:
        """Called when the transport's buffer is above its high-water mark."""
        self._is_writable = False
        if not self._connection.is_over:
            self._gate.close()

    @_guarded
    def resume_writing(self) -> None:
        """Called when the transport's buffer is below its low-water mark."""
        self._is_writable = True
        self._gate.open()
        self.end_slice()

    @_guarded
    def shutdown(self) -> None:
        """Called when the server stops."""
        self._stopping = True
        # calls from now on say whether the application goes on for ever
        self._ends, self._refusals = min(self._ends, 1), 0
        self.perform(self._connection.shutdown())

    # The application

    async def _run(self) -> None:
        try:
            result = await self._config.loaded_app(
                self._access.scope, cast("Any", self._receive), cast("Any", self._send)
            )
        except BaseException as exception:  # noqa: BLE001 - as uvicorn's own classes
            self._finish(exception)
        else:
            if result is not None:
                text = "ASGI callable should return None, but returned '%s'."
                log(logging.ERROR, text, result)
            self._finish(None)

    @_guarded
    def _finish(self, exception: BaseException | None) -> None:
        if exception is None or self._is_dismissed:
            self.perform(self._connection.application_returned())
        else:
            self.perform(self._connection.application_raised(exception))

    async def _receive(self) -> Message:
        connection, outbox = self._connection, self._outbox
        outbox.asked()
        message = connection.next_message()
        if message is None:
            outbox.flush()
            while message is None:
                await self._receivers.wait()
                message = connection.next_message()
            outbox.waited()
            if self._receivers and connection.has_message:
                self._receivers.wake()
        if self._inbound is not None and self._inbound.held:
            self._inbound.resume()
        if message["type"] == Disconnect.type:
            self._ends += 1
            if self._ends > 1:  # longer each time, up to a second
                await self._pause(2 ** min(self._ends, 12) / 4000 if self._ends > 2 else 0)
            else:
                self._log_end()
        return message

    async def _send(self, message: Message) -> None:
        # a close waits behind data in the transport, and not in front of it
        if self._gate.is_shut and not _is_close(message):
            await self._gate.wait()
        if self._transport.is_closing():  # its loss is reported first
            await asyncio.sleep(0)
        try:
            commands = self._connection.send(message)
        except (ClientDisconnected, IllegalTransition, MalformedMessage) as error:
            await self._pause_sending()
            raise self._worded(error) from None
        self.perform(commands)
        if not commands:  # there was nothing left to close
            await self._pause_sending()
        if self._outbox.crowded:  # it is somebody else's turn
            await asyncio.sleep(0)
            self._outbox.rested()

    def _worded(self, error: Exception) -> Exception:
        """An error of the application's, as it is raised into it."""
        return error

    async def _pause_sending(self) -> None:
        self._refusals += 1
        await self._pause(0.001 if self._refusals > _MANY else 0)

    async def _pause(self, seconds: float) -> None:
        """Wait before a call that leads to nothing ends, so that no application loops without end."""
        if self._stopping and max(self._ends, self._refusals / _MANY) > _PATIENCE:
            self._is_dismissed = True
            cast("asyncio.Task[None]", self._task).cancel()
        await asyncio.sleep(seconds)

    # Reading

    def _take_head(self, data: bytes) -> None:
        try:
            request = self._heads.read(data)
            if request is None:
                return
            if self._config.ws_per_message_deflate:
                offers = [v for name, v in request.headers if name == b"sec-websocket-extensions"]
                self._extensions = negotiate(offers)
        except BadHandshake as error:
            commands = self._connection.receive_bad_request(error)
        else:
            self._request = request
            commands = self._connection.receive_request(
                request.method, request.headers, request.http_version
            )
        early = self._heads.rest
        self._take = WebSocketProtocol._take_early
        self.perform(commands)
        if early:
            self._take(self, early)  # an eager task may have accepted already

    def _take_early(self, data: bytes) -> None:
        self.perform(self._connection.receive_early_data(data))

    def _take_frames(self, data: bytes) -> None:
        cast("Inbound", self._inbound).feed(data)

    # Doing what the core commands

    def perform(self, commands: list[Command]) -> None:
        """Do commands of the core; what raises brings the connection to a valid end."""
        if self._doing is not None:  # a command has led to more: they are done behind it
            self._doing += commands
            return
        if commands:
            self._doing = commands
            try:
                for command in commands:
                    _HANDLERS[type(command)](self, command)
            except Exception as error:  # noqa: BLE001 - of whatever does a command
                self._doing = None
                self.fail(error)
            finally:  # also where a KeyboardInterrupt comes through
                self._doing = None
        if self._receivers and self._connection.has_message:
            self._receivers.wake()
        if self._gate.is_shut and self._connection.is_over:
            self._gate.open()  # so that the tasks that wait see the end
        if self._inbound is not None and self._inbound.held:
            self._inbound.resume()  # after a close all is read, whatever waits for the application

    def fail(self, error: Exception) -> None:
        """Bring the connection to a valid end after an error of this class or its libraries."""
        self._failures += 1
        if self._failures > _FAILURES:
            text = "Internal errors on a WebSocket connection, which is aborted\n"
            log(logging.ERROR, text, exception=error)
            abort(self._transport)
            return
        self._deadlines.stop_all()
        answered, self._answered = self._answered, True
        self.perform(self._connection.failed(error, answered=answered))

    @_handles(commands.StartApplication)
    def _start_application(self, _: commands.StartApplication) -> None:
        self._access.scope = self._make_scope()
        context = contextvars.Context() if self._config.reset_contextvars else None
        task = self._task = self._loop.create_task(self._run(), context=context)
        self._server_state.tasks.add(task)
        task.add_done_callback(self._ended)

    def _make_scope(self) -> Scope:
        scope = make_scope(self._request, self._transport, self._config, self._app_state)
        scope["subprotocols"] = list(cast("Handshake", self._connection.handshake).subprotocols)
        return scope

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._server_state.tasks.discard(task)
        self._log_end()
        if self._connection.state is ServerState.CLOSED:
            self._server_state.connections.discard(cast("Any", self))

    @_handles(commands.SendHandshake)
    def _send_handshake(self, command: commands.SendHandshake) -> None:
        handshake = cast("Handshake", self._connection.handshake)
        self._respond(self._heads.handshake(command, handshake, self._extensions[0]))
        self._access.accepted()

    @_handles(commands.ReadFrames)
    def _read_frames(self, command: commands.ReadFrames) -> None:
        reader = FrameReader(self._extensions[1], self._connection.policies.max_message_size)
        self._inbound = Inbound(self._connection, reader, self._transport, self._loop, self)
        self._take = WebSocketProtocol._take_frames
        del self._heads, self._request
        if command.held:
            self._take_frames(command.held)

    @_handles(commands.SendResponse)
    def _send_response(self, command: commands.SendResponse) -> None:
        self._respond(self._heads.response(command))
        self._access.responded(command.status, command.body)

    @_handles(commands.StartResponse)
    def _start_response(self, command: commands.StartResponse) -> None:
        self._respond(self._heads.start(command))
        self._access.responded(command.status)

    def _respond(self, head: bytes) -> None:
        self._answered = True
        self._outbox.write(head)

    @_handles(commands.SendBody)
    def _send_body(self, command: commands.SendBody) -> None:
        self._outbox.add(self._heads.body(command), more=False)

    @_handles(commands.SendText, commands.SendBytes)
    def _send_data(self, command: commands.SendText | commands.SendBytes) -> None:
        text = type(command) is commands.SendText
        frame = data_frame(command.payload, text, self._extensions[1])
        self._outbox.add(frame, more=self._connection.has_message)

    @_handles(commands.SendPong)
    def _send_pong(self, command: commands.SendPong) -> None:
        self._outbox.add_pong(command.payload)

    def end_slice(self) -> None:
        """Called after each slice of reading."""
        if self._is_writable:
            self._outbox.write_pongs()

    @_handles(commands.SendPing)
    def _send_ping(self, command: commands.SendPing) -> None:
        self._pinged_at = self._loop.time()
        self._outbox.write(control_frame(command))

    @_handles(commands.SendClose)
    def _send_close(self, command: commands.SendClose) -> None:
        self._outbox.write_pongs()
        self._outbox.write(control_frame(command))

    @_handles(commands.CloseTransport)
    def _close_transport(self, _: commands.CloseTransport) -> None:
        self._answered = True  # it is too late for that
        self._outbox.finish()
        ended = self._inbound is not None and self._inbound.at_eof
        if ended or not can_half_close(self._transport):
            self._close_when_taken()
        elif not self._transport.is_closing():
            try:
                self._transport.write_eof()
            except OSError:  # the peer is gone already
                self._transport.abort()

    @_guarded
    def _close_when_taken(self) -> None:
        """Close both sides, once the peer has taken nearly all: a close of TLS has its own limit."""
        # a transport of TLS cannot be aborted if it is closed twice
        if self._transport.is_closing():
            return
        if self.look()[0].waiting > IN_FLIGHT:
            self._loop.call_later(_LOOK, self._close_when_taken)
        else:
            self._transport.close()

    @_handles(commands.AbortTransport)
    def _abort_transport(self, _: commands.AbortTransport) -> None:
        self._answered = True
        abort(self._transport)

    @_handles(commands.StartTimer)
    def _start_timer(self, command: commands.StartTimer) -> None:
        self._deadlines.start(command.timer, command.seconds)

    @_handles(commands.StopTimer)
    def _stop_timer(self, command: commands.StopTimer) -> None:
        self._deadlines.stop(command.timer)

    @_guarded
    def fire(self, timer: Timer) -> None:
        """Called with a timer that fires."""
        sending, receiving = self._deadlines.progress(timer)
        if self._inbound is not None:
            self._inbound.watch()
        self.perform(self._connection.timeout(timer, sending=sending, receiving=receiving))

    def look(self) -> tuple[Traffic, int]:
        """The counters of the transport, and how many frames were read."""
        inbound = self._inbound
        received, frames = (inbound.received, inbound.events) if inbound is not None else (0, 0)
        return look(self._transport, self._outbox.written, received), frames

    @_handles(commands.LogError)
    def _log_error(self, command: commands.LogError) -> None:
        log(logging.ERROR, command.text)

    @_handles(commands.LogException)
    def _log_exception(self, command: commands.LogException) -> None:
        log(logging.ERROR, command.text + "\n", exception=command.exception)


def _is_close(message: Message) -> bool:
    return isinstance(message, dict) and message.get("type") == Close.type
