"""One WebSocket of uvicorn: does what the core commands, and decides nothing about the protocol."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar, cast

from uvicorn.config import Config
from uvicorn.server import ServerState as SharedState
from websockets.extensions import Extension  # noqa: TC002 - all imports are real

from wsfsm.integrations.frames import (
    FrameReader,
    control_frame,
    data_frame,
    long_frame_head,
    negotiate,
)
from wsfsm.integrations.uvicorn._access import AccessLog, log
from wsfsm.integrations.uvicorn._application import Application
from wsfsm.integrations.uvicorn._deadlines import Deadlines
from wsfsm.integrations.uvicorn._guard import guarded
from wsfsm.integrations.uvicorn._http import HTTPHandshake
from wsfsm.integrations.uvicorn._inbound import Inbound
from wsfsm.integrations.uvicorn._options import from_environment, own_headers, settled
from wsfsm.integrations.uvicorn._scope import make_scope
from wsfsm.integrations.uvicorn._traffic import Traffic, abort, look
from wsfsm.integrations.uvicorn._writer import FrameWriter
from wsfsm.server import BadHandshake, Handshake, Policies, ServerConnection, ServerState, commands
from wsfsm.server.commands import Command, Timer
from wsfsm.types import Scope

__all__ = ["WebSocketProtocol"]

_FAILURES: Final = 3  # of a connection, after which it is aborted
_LONG: Final = 2**18  # bytes of a payload whose copy costs more than a system call

_Handler = TypeVar("_Handler", bound=Callable[..., None])

_HANDLERS: Final[dict[type[Any], Callable[["WebSocketProtocol", Any], None]]] = {}


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
        "_application",
        "_config",
        "_connection",
        "_deadlines",
        "_doing",
        "_extensions",
        "_failures",
        "_heads",
        "_inbound",
        "_is_writable",
        "_loop",
        "_pinged_at",
        "_request",
        "_server_state",
        "_take",
        "_transport",
        "_writer",
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
        self._is_writable = True

    # Called by asyncio and uvicorn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by uvicorn, with the transport of the HTTP connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._writer = FrameWriter(self._transport, self._loop, self)
        self._application = Application(
            self._loop, self._connection, self._transport, self._writer, self
        )
        self._access = AccessLog(self._transport)
        self._server_state.connections.add(cast("Any", self))
        self._access.trace("WebSocket connection made")

    def data_received(self, data: bytes) -> None:
        """Called with the rebuilt head of the request first, then with all that arrives."""
        inbound = self._inbound
        try:
            if inbound is not None:
                inbound.feed(data)
            else:
                self._take(self, data)
        except Exception as error:  # noqa: BLE001 - it would be a fatal error of the transport
            self.fail(error)

    @guarded
    def eof_received(self) -> bool:
        """Called when the peer closes its side."""
        if self._inbound is not None:
            keeps_open = self._inbound.eof()
            if not keeps_open:  # also of TLS, whose transport does not say that it is closing
                self._writer.close()
            return keeps_open
        self.perform(self._connection.receive_eof())
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Called when the transport is gone."""
        self._writer.clear()
        self._lose()
        self._deadlines.stop_all()
        if not self._is_writable:  # asyncio does not call it for a transport that is gone
            self.resume_writing()
        self._access.trace("WebSocket connection lost")
        self.log_end()
        if self._application.is_done:
            self._release()

    @guarded
    def _lose(self) -> None:
        if self._inbound is not None:
            self._inbound.lost()
        else:
            self.perform(self._connection.connection_lost())

    def resume_reading(self) -> None:
        """Read on, if reading waits for the application and it has taken enough."""
        if self._inbound is not None and self._inbound.held:
            self._inbound.resume()

    def log_end(self) -> None:
        """Log the end of the connection, once."""
        # in this state, all that has arrived is read
        if self._access.is_open and self._connection.state is ServerState.CLOSED:
            self._access.closed(self._connection.ending)

    def pause_writing(self) -> None:
        """Called when the transport's buffer is above its high-water mark."""
        self._is_writable = False
        self._application.pause_writing()

    @guarded
    def resume_writing(self) -> None:
        """Called when the transport's buffer is below its low-water mark."""
        self._is_writable = True
        self._application.resume_writing()
        self.end_slice()

    @guarded
    def shutdown(self) -> None:
        """Called when the server stops."""
        self._application.stop()
        self.perform(self._connection.shutdown())

    # Called by the application

    @guarded
    def finish(self, exception: BaseException | None) -> None:
        """Called when the application has returned, or raised."""
        if exception is None:
            self.perform(self._connection.application_returned())
        else:
            self.perform(self._connection.application_raised(exception))

    @staticmethod
    def worded(error: Exception) -> Exception:
        """An error of the application's, as it is raised into it."""
        return error

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
            self.data_received(early)  # an eager task may have accepted already

    def _take_early(self, data: bytes) -> None:
        self.perform(self._connection.receive_early_data(data))

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
        self._application.wake()
        self.resume_reading()  # after a close all is read, whatever waits for the application

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
        app = cast("Any", self._config.loaded_app)
        task = self._application.start(app, self._access.scope, context)
        self._server_state.tasks.add(task)
        task.add_done_callback(self._ended)

    def _make_scope(self) -> Scope:
        subprotocols = cast("Handshake", self._connection.handshake).subprotocols
        return make_scope(
            self._request, subprotocols, self._transport, self._config, self._app_state
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._server_state.tasks.discard(task)
        self.log_end()
        if self._connection.state is ServerState.CLOSED:
            self._release()

    def _release(self) -> None:
        """Take the connection out of uvicorn's, and free its memory without a garbage collection."""
        self._server_state.connections.discard(cast("Any", self))
        self._inbound = None
        for part in (self._application, self._writer, self._deadlines):
            part.release()

    @_handles(commands.SendHandshake)
    def _send_handshake(self, command: commands.SendHandshake) -> None:
        handshake = cast("Handshake", self._connection.handshake)
        self._respond(self._heads.handshake(command, handshake, self._extensions[0]))
        self._access.accepted()

    @_handles(commands.ReadFrames)
    def _read_frames(self, command: commands.ReadFrames) -> None:
        reader = FrameReader(self._extensions[1], self._connection.policies.max_message_size)
        self._inbound = Inbound(self._connection, reader, self._transport, self._loop, self)
        del self._heads, self._request
        if command.held:
            self._inbound.feed(command.held)

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
        self._writer.write(head)

    @_handles(commands.SendBody)
    def _send_body(self, command: commands.SendBody) -> None:
        self._writer.add(self._heads.body(command), more=False)

    @_handles(commands.SendText, commands.SendBytes)
    def _send_data(self, command: commands.SendText | commands.SendBytes) -> None:
        text, payload = type(command) is commands.SendText, command.payload
        writer, extensions = self._writer, self._extensions[1]
        if len(payload) >= _LONG and not extensions:
            writer.write(long_frame_head(len(payload), text))
            writer.add(payload, more=False)
        else:
            frame = data_frame(payload, text, extensions)
            writer.add(frame, more=writer.may_keep and self._connection.has_message)

    def send_data(self, command: commands.SendText | commands.SendBytes) -> None:
        """Carry out the most frequent command, after which there is nothing to wake or to read."""
        if self._doing is not None:
            self._doing.append(command)
            return
        try:
            _HANDLERS[type(command)](self, command)
        except Exception as error:  # noqa: BLE001 - of the transport, or the library that compresses
            self.fail(error)

    @_handles(commands.SendPong)
    def _send_pong(self, command: commands.SendPong) -> None:
        self._writer.add_pong(command.payload)

    def end_slice(self) -> None:
        """Called after each slice of reading."""
        if self._is_writable:
            self._writer.write_pongs()

    @_handles(commands.SendPing)
    def _send_ping(self, command: commands.SendPing) -> None:
        self._pinged_at = self._loop.time()
        self._writer.write(control_frame(command))

    @_handles(commands.SendClose)
    def _send_close(self, command: commands.SendClose) -> None:
        self._writer.write_pongs()
        self._writer.write(control_frame(command))

    @_handles(commands.CloseTransport)
    def _close_transport(self, _: commands.CloseTransport) -> None:
        self._answered = True  # it is too late for that
        at_eof = self._inbound is not None and self._inbound.at_eof
        self._writer.close_transport(at_eof=at_eof)

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

    @guarded
    def fire(self, timer: Timer) -> None:
        """Called with a timer that fires."""
        sending, receiving = self._deadlines.progress(timer)
        if self._inbound is not None:
            self._inbound.watch()
        if timer is Timer.PONG and not (sending or receiving):
            self._access.trace("WebSocket keepalive ping timeout")
        self.perform(self._connection.timeout(timer, sending=sending, receiving=receiving))

    def look(self) -> tuple[Traffic, int]:
        """The counters of the transport, and how many frames were read."""
        inbound = self._inbound
        received, frames = (inbound.received, inbound.events) if inbound is not None else (0, 0)
        return look(self._transport, self._writer.written, received), frames

    @_handles(commands.LogError)
    def _log_error(self, command: commands.LogError) -> None:
        log(logging.ERROR, command.text)

    @_handles(commands.LogException)
    def _log_exception(self, command: commands.LogException) -> None:
        log(logging.ERROR, command.text + "\n", exception=command.exception)
