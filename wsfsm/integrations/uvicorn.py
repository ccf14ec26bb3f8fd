"""WebSockets in uvicorn, on the protocol core of wsfsm.

In place of uvicorn's own classes::

    uvicorn main:app --ws wsfsm.integrations.uvicorn:WebSocketProtocol

The class does what the core commands, and decides nothing about the protocol. HTTP heads are
h11's, frames are those of ``websockets``, both of which uvicorn's own classes use too.

`CompatWebSocketProtocol` does what uvicorn's own classes do where servers may choose.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar, cast

import attrs
from uvicorn.config import Config
from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.utils import (
    get_client_addr,
    get_path_with_query_string,
    get_remote_addr,
)
from uvicorn.server import ServerState
from websockets.extensions import Extension  # noqa: TC002 - all imports are real

from wsfsm import commands as do
from wsfsm.commands import Command, Timer
from wsfsm.integrations.frames import FrameReader, control_frame, data_frame, negotiate
from wsfsm.integrations.heads import Heads
from wsfsm.integrations.outbox import Outbox
from wsfsm.integrations.scopes import make_scope
from wsfsm.integrations.waiters import Waiters
from wsfsm.server import BadHandshake, Handshake, Policies, ServerConnection
from wsfsm.types import Message, Scope

__all__ = ["CompatWebSocketProtocol", "WebSocketProtocol"]

_logger: Final = logging.getLogger("uvicorn.error")


@lru_cache(maxsize=16)
def _settled(
    policies: Policies, interval: float | None, timeout: float | None, size: int | None
) -> Policies:
    """The policies with uvicorn's options, in which 0 turns pings off."""
    return attrs.evolve(
        policies,
        ping_interval=interval or None,
        ping_timeout=timeout or None,
        max_message_size=size,
    )


_Doer = TypeVar("_Doer", bound=Callable[..., None])

_DO: Final[dict[type[Any], Callable[["WebSocketProtocol", Any], None]]] = {}


def _does(*kinds: type[Any]) -> Callable[[_Doer], _Doer]:
    """Mark the method that does commands of some kinds."""

    def register(doer: _Doer) -> _Doer:
        _DO.update(dict.fromkeys(kinds, doer))
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

    policies: ClassVar[Policies] = Policies()

    __slots__ = (
        "_app_state",
        "_blocked",
        "_choked",
        "_config",
        "_connection",
        "_extensions",
        "_headers",
        "_heads",
        "_loop",
        "_outbox",
        "_reader",
        "_reading",
        "_receivers",
        "_scope",
        "_senders",
        "_server_state",
        "_take",
        "_target",
        "_timers",
        "_transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._connection = ServerConnection(
            _settled(
                self.policies, config.ws_ping_interval, config.ws_ping_timeout, config.ws_max_size
            )
        )
        self._take: Callable[[WebSocketProtocol, bytes], None] = WebSocketProtocol._take_head
        # for the handshake, and gone after it
        self._heads = Heads(server_state.default_headers)
        self._scope: Scope = {}
        self._extensions: tuple[str | None, Sequence[Extension]] = (None, ())
        # for frames
        self._reader: FrameReader | None = None
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        # tasks that wait in receive() and in send()
        self._receivers = Waiters(self._loop)
        self._senders = Waiters(self._loop)
        self._reading = True
        self._blocked = False  # writing
        self._choked = False  # by Pongs

    # What asyncio and uvicorn tell

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by uvicorn, with the transport of the HTTP connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox = Outbox(self._transport, self._loop)
        self._server_state.connections.add(cast("Any", self))
        self._trace("WebSocket connection made")

    def data_received(self, data: bytes) -> None:
        """Called with the rebuilt head of the request first, then with what comes."""
        self._take(self, data)

    def eof_received(self) -> None:
        """Called when the peer has closed its side; the transport closes itself afterwards."""
        self._tell_error()
        self._perform(self._connection.receive_eof())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Called when the transport is gone."""
        self._tell_error()
        self._outbox.clear()
        self._perform(self._connection.lost())
        self._server_state.connections.discard(cast("Any", self))
        self.resume_writing()  # asyncio does not call it for a transport that is gone
        self._trace("WebSocket connection lost")

    def pause_writing(self) -> None:
        """Called when the transport's buffer is above its high-water mark."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Called when the transport's buffer is below its low-water mark."""
        self._blocked = self._choked = False
        self._senders.wake()
        if not self._reading:
            self._set_reading()

    def shutdown(self) -> None:
        """Called when the server stops."""
        self._perform(self._connection.shutdown())

    # The application

    async def _run(self) -> None:
        try:
            result = await self._config.loaded_app(
                self._scope, cast("Any", self._receive), cast("Any", self._send)
            )
        except BaseException as exception:  # noqa: BLE001 - as uvicorn's own classes
            self._perform(self._connection.application_raised(exception))
        else:
            if result is not None:
                _logger.error("ASGI callable should return None, but returned '%s'.", result)
            self._perform(self._connection.application_returned())

    async def _receive(self) -> Message:
        self._outbox.answer()
        while (message := self._connection.next_message()) is None:
            self._outbox.flush()
            await self._receivers.wait()
        if not self._reading:
            self._set_reading()
        return message

    async def _send(self, message: Message) -> None:
        while self._blocked and not self._connection.is_over:
            await self._senders.wait()
        if self._transport.is_closing():  # its loss is to be told first
            await asyncio.sleep(0)
        self._perform(self._connection.send(message))
        if self._outbox.crowded:  # it is somebody else's turn
            await asyncio.sleep(0)

    # Reading

    def _take_head(self, data: bytes) -> None:
        try:
            request = self._heads.read(data)
            if request is None:
                return
            self._headers = list(request.headers)  # h11's own kind of list is slow to walk
            if self._config.ws_per_message_deflate:
                offers = [v for name, v in self._headers if name == b"sec-websocket-extensions"]
                self._extensions = negotiate(offers)
        except BadHandshake as error:
            commands = self._connection.receive_bad_request(error)
        else:
            self._target = request.target
            commands = self._connection.receive_request(
                request.method, self._headers, request.http_version.decode()
            )
        early = self._heads.rest
        self._take = WebSocketProtocol._take_early
        self._perform(commands)
        if early:
            self._take_early(early)

    def _take_early(self, data: bytes) -> None:
        self._perform(self._connection.receive_early_data(data))

    def _take_frames(self, data: bytes) -> None:
        reader = cast("FrameReader", self._reader)
        self._take_commands(reader, reader.feed(data))

    def _take_commands(self, reader: FrameReader, commands: list[Command]) -> None:
        self._perform(commands)
        if reader.error is not None:
            if self._connection.has_message:  # the application has a turn to answer it
                self._loop.call_soon(self._tell_error)
            else:
                self._tell_error()

    def _tell_error(self) -> None:
        if self._reader is not None and self._reader.error is not None:
            error, self._reader.error = self._reader.error, None
            self._perform(self._connection.receive_error(*error))

    def _set_reading(self) -> None:
        self._reading = self._connection.wants_data and not self._choked
        if not self._transport.is_closing():
            if self._reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
        if self._reading and self._reader is not None:
            self._take_commands(self._reader, self._reader.resume())

    # Doing what the core commands

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            _DO[type(command)](self, command)
        if self._receivers and self._connection.has_message:
            self._receivers.wake()
        if self._senders and self._connection.is_over:
            self._senders.wake()
        if self._reading is not self._connection.wants_data and not self._choked:
            self._set_reading()

    @_does(do.StartApplication)
    def _start_application(self, _: do.StartApplication) -> None:
        self._scope = self._make_scope()
        context = contextvars.Context() if self._config.reset_contextvars else None
        task = self._loop.create_task(self._run(), context=context)
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    @_does(do.SendHandshake)
    def _send_handshake(self, command: do.SendHandshake) -> None:
        self._log_access("[accepted]")
        handshake = cast("Handshake", self._connection.handshake)
        self._outbox.write(self._heads.handshake(command, handshake, self._extensions[0]))

    @_does(do.ReadFrames)
    def _read_frames(self, command: do.ReadFrames) -> None:
        limit = self._connection.policies.max_message_size
        self._reader = FrameReader(self._connection, self._extensions[1], limit)
        self._take = WebSocketProtocol._take_frames
        del self._heads, self._target, self._headers
        if command.held:
            self._take_frames(command.held)

    @_does(do.SendResponse)
    def _send_response(self, command: do.SendResponse) -> None:
        self._log_access(str(command.status))
        self._outbox.write(self._heads.response(command))

    @_does(do.StartResponse)
    def _start_response(self, command: do.StartResponse) -> None:
        self._log_access(str(command.status))
        self._outbox.write(self._heads.start(command))

    @_does(do.SendBody)
    def _send_body(self, command: do.SendBody) -> None:
        self._outbox.write(self._heads.body(command))

    @_does(do.SendText, do.SendBytes)
    def _send_data(self, command: do.SendText | do.SendBytes) -> None:
        text = type(command) is do.SendText
        frame = data_frame(command.payload, text, self._extensions[1])
        self._outbox.add(frame, more=self._connection.has_message)

    @_does(do.SendPing, do.SendPong, do.SendClose)
    def _send_control(self, command: do.SendPing | do.SendPong | do.SendClose) -> None:
        self._outbox.write(control_frame(command))
        # whoever pings without end and reads nothing is not read either
        if self._blocked and type(command) is do.SendPong and not self._choked:
            self._choked = True
            self._set_reading()

    @_does(do.CloseTransport)
    def _close_transport(self, _: do.CloseTransport) -> None:
        self._outbox.flush()
        if not self._transport.can_write_eof():  # TLS has no half-closed connections
            self._transport.close()
        elif not self._transport.is_closing():
            try:
                self._transport.write_eof()
            except OSError:  # the peer is gone already
                self._transport.abort()

    @_does(do.AbortTransport)
    def _abort_transport(self, _: do.AbortTransport) -> None:
        self._transport.abort()

    @_does(do.StartTimer)
    def _start_timer(self, command: do.StartTimer) -> None:
        self._stop_timer(command)
        self._timers[command.timer] = self._loop.call_later(
            command.seconds, self._fire, command.timer
        )

    @_does(do.StopTimer)
    def _stop_timer(self, command: do.StartTimer | do.StopTimer) -> None:
        handle = self._timers.pop(command.timer, None)
        if handle is not None:
            handle.cancel()

    def _fire(self, timer: Timer) -> None:
        del self._timers[timer]
        self._perform(self._connection.timeout(timer))

    @_does(do.LogError)
    def _log_error(self, command: do.LogError) -> None:
        _logger.error(command.text)

    @_does(do.LogException)
    def _log_exception(self, command: do.LogException) -> None:
        _logger.error("%s\n", command.text, exc_info=command.exception)

    # What uvicorn tells applications and logs

    def _make_scope(self) -> Scope:
        scope = make_scope(
            self._target, self._headers, self._transport, self._config, self._app_state
        )
        handshake = cast("Handshake", self._connection.handshake)
        scope["subprotocols"] = list(handshake.subprotocols)
        return scope

    def _log_access(self, answer: str) -> None:
        if self._scope:  # there is none of a request that was refused
            scope = cast("Any", self._scope)
            _logger.info(
                '%s - "WebSocket %s" %s',
                get_client_addr(scope),
                get_path_with_query_string(scope),
                answer,
            )

    def _trace(self, text: str) -> None:
        if _logger.isEnabledFor(TRACE_LOG_LEVEL):
            client = get_remote_addr(self._transport)
            prefix = f"{client[0]}:{client[1]} - " if client else ""
            _logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, text)


class CompatWebSocketProtocol(WebSocketProtocol):
    """The same with the choices of uvicorn's own classes.

    There is no Close frame when the application ends, the head of a denial response is flushed
    at once, and handshakes that are not answered when the server stops are answered with 500.
    """

    policies = Policies(on_return="drop", on_exception="drop", denial="flush", shutdown_status=500)

    __slots__ = ()
