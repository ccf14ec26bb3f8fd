"""The application of a connection: its task, and its callables receive and send."""

import asyncio
import logging
from contextvars import Context
from typing import Final, Protocol, cast

from wsfsm.exceptions import ClientDisconnected, IllegalTransition, MalformedMessage
from wsfsm.integrations.uvicorn._access import log
from wsfsm.integrations.uvicorn._waiters import Gate, Waiters
from wsfsm.integrations.uvicorn._writer import FrameWriter
from wsfsm.messages import Close, Disconnect
from wsfsm.server import Command, ServerConnection
from wsfsm.server.commands import SendBytes, SendText
from wsfsm.types import ASGIApp, Message, Scope

__all__ = ["Application"]

_DATA: Final = frozenset({SendText, SendBytes})
_MANY: Final = 100  # refused messages, after which the application seems to ignore the exceptions
_PATIENCE: Final = 3  # times that the disconnect is reported while the server stops


class Host(Protocol):
    """The protocol that an application belongs to."""

    def perform(self, commands: list[Command]) -> None:
        """Carry out commands of the core."""

    def send_data(self, command: SendText | SendBytes) -> None:
        """Carry out the most frequent command, in less time than `perform`."""

    def finish(self, exception: BaseException | None) -> None:
        """Handle the end of the application."""

    def resume_reading(self) -> None:
        """Resume reading, if it waits for the application."""

    def log_end(self) -> None:
        """Log the end of the connection, if it is not logged yet."""

    @staticmethod
    def worded(error: Exception) -> Exception:
        """Return an error of the application with the text that it is raised with."""


class _Ended:
    """Takes the place of the protocol when both the connection and the task have ended.

    Other tasks of the application may still call its callables.
    """

    def resume_reading(self) -> None:
        """Do nothing, because nothing is left to be read."""

    def log_end(self) -> None:
        """Do nothing, because the end is logged already."""


_ENDED: Final = cast("Host", _Ended())


class Application:
    """Runs the application, and passes messages between it and the core.

    Args:
        loop: The event loop.
        connection: The core.
        transport: The transport.
        writer: The writer of frames.
        host: The protocol that the application belongs to.

    Attributes:
        task: The task of the application, or None before it starts.
    """

    __slots__ = (
        "_connection",
        "_disconnects",
        "_gate",
        "_host",
        "_is_cancelled",
        "_loop",
        "_receivers",
        "_refusals",
        "_stopping",
        "_transport",
        "_worded",
        "_writer",
        "task",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: ServerConnection,
        transport: asyncio.Transport,
        writer: FrameWriter,
        host: Host,
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._transport = transport
        self._writer = writer
        self._host = host
        self._worded = host.worded
        self.task: asyncio.Task[None] | None = None
        self._receivers = Waiters(loop)
        self._gate: Gate | None = None  # shut while writing is paused
        self._disconnects = 0  # the number of times that the disconnect was reported
        self._refusals = 0  # the number of refused messages
        self._stopping = self._is_cancelled = False

    @property
    def is_done(self) -> bool:
        """Whether the task has ended, or has never started."""
        return self.task is None or self.task.done()

    def start(self, app: ASGIApp, scope: Scope, context: Context | None) -> asyncio.Task[None]:
        """Start the task of the application."""
        # an eager task runs before this returns
        self.task = self._loop.create_task(self._run(app, scope), context=context)
        return self.task

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            result = await app(scope, self._receive, self._send)  # type: ignore[func-returns-value]
        except BaseException as exception:  # noqa: BLE001 - like uvicorn's own classes
            # if we cancelled the application because it did not stop, that is not its failure
            self._host.finish(None if self._is_cancelled else exception)
        else:
            if result is not None:
                text = "ASGI callable should return None, but returned '%s'."
                log(logging.ERROR, text, result)
            self._host.finish(None)

    def wake(self) -> None:
        """Wake the tasks that wait for a message or for the end."""
        if self._receivers.first is not None and self._connection.has_message:
            self._receivers.wake()
        if self._gate is not None and self._gate.is_shut and self._connection.is_over:
            self._gate.open()

    def pause_writing(self) -> None:
        """Make tasks wait before they send."""
        if not self._connection.is_over:
            if self._gate is None:
                self._gate = Gate(self._loop)
            self._gate.close()

    def resume_writing(self) -> None:
        """Let tasks send again."""
        if self._gate is not None:
            self._gate.open()

    def release(self) -> None:
        """Release the protocol, which has ended like the task."""
        self._host = _ENDED

    def stop(self) -> None:
        """Note that the server stops, and count from now on whether the application goes on for ever."""
        self._stopping = True
        self._disconnects, self._refusals = min(self._disconnects, 1), 0

    async def _receive(self) -> Message:
        connection, writer = self._connection, self._writer
        writer.receive_called()
        message = connection.next_message()
        if message is None:
            writer.flush()
            receivers = self._receivers
            while message is None:
                waiter = receivers.join()
                try:
                    await waiter
                except asyncio.CancelledError:
                    receivers.leave(waiter)
                    raise
                message = connection.next_message()
            writer.receive_waited()
            if receivers.first is not None and connection.has_message:
                receivers.wake()
        self._host.resume_reading()
        if message["type"] == Disconnect.type:
            self._disconnects += 1
            if self._disconnects > 1:  # longer each time, up to a second
                await self._pause(
                    2 ** min(self._disconnects, 12) / 4000 if self._disconnects > 2 else 0
                )
            else:
                self._host.log_end()
        return message

    async def _send(self, message: Message) -> None:
        # do not hold back a close, because it can wait in the transport, behind the data
        gate = self._gate
        if gate is not None and gate.is_shut and not _is_close(message):
            await gate.wait()
        if self._transport.is_closing():  # let the loop report its loss first
            await asyncio.sleep(0)
        try:
            commands = self._connection.send(message)
        except (ClientDisconnected, IllegalTransition, MalformedMessage) as error:
            await self._pause_sending()
            raise self._worded(error) from None
        if len(commands) == 1 and type(commands[0]) in _DATA:
            self._host.send_data(commands[0])  # type: ignore[arg-type]  # checked above
        elif commands:
            self._host.perform(commands)
        else:  # a close after the end, or one that lets the disconnect overtake unread data
            self.wake()
            await self._pause_sending()
        if self._writer.should_yield:  # give other tasks a turn
            await asyncio.sleep(0)
            self._writer.turn_ended()

    async def _pause_sending(self) -> None:
        self._refusals += 1
        await self._pause(0.001 if self._refusals > _MANY else 0)

    async def _pause(self, seconds: float) -> None:
        """Wait after a call without effect, so that an application that repeats it does not block the loop."""
        if self._stopping and max(self._disconnects, self._refusals / _MANY) > _PATIENCE:
            self._is_cancelled = True
            cast("asyncio.Task[None]", self.task).cancel()
        await asyncio.sleep(seconds)


def _is_close(message: Message) -> bool:
    return isinstance(message, dict) and message.get("type") == Close.type
