"""A session of the demo: the application's side of the connections of one page.

A page gets updates, which are ready for JSON. Each has the key ``now``, the state of everything on this side
(`Session.now`), and one of these:

- ``session``: the name of the session, which is the first update;
- ``entry``: an event of a machine, taken or refused, or an abort of the transport;
- ``error``: the text of an error that is not an event of a machine;
- ``synced``: the token of a command ``sync``. All that earlier commands and messages have caused on this
  side is in the updates before it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from wsfsm.diagrams import anchor
from wsfsm.exceptions import IllegalTransition, WebSocketDisconnect
from wsfsm.messages import Accept, Close, Disconnect, ResponseBody, ResponseStart, Send
from wsfsm.tables import event_of
from wsfsm.tables.events import BODY_LAST, LOST
from wsfsm.types import Message, Receive, Scope
from wsfsm.types import Send as ASGISend
from wsfsm.websockets import WebSocket

__all__ = ["ABORT", "SERVER_STATE", "Session"]

ABORT: Final = "wsfsm.demo.abort"
"""Key of the scope's extensions with which the demo's server lets the application abort the transport."""

SERVER_STATE: Final = "wsfsm.demo.state"
"""Key of the scope's extensions with a function that returns the name of the state of the server machine."""


class _NothingArrived(Exception):
    """The application would have to wait for a message."""


@attrs.define(eq=False)
class _Connection:
    """A connection of a session.

    Attributes:
        number: The number of the connection in its session.
        scope: Its scope.
        inbox: Messages that the server has delivered and the application has not received.
        arrived: The number of data messages that the server has delivered.
        sent: The number of data messages that were passed to the server.
        dropped: Whether the transport was aborted.
        over: Whether the server has delivered the disconnect.
    """

    number: int
    scope: Scope
    send: ASGISend
    inbox: deque[Message] = attrs.field(factory=deque)
    arrived: int = 0
    sent: int = 0
    dropped: bool = False
    over: bool = False
    websocket: WebSocket = attrs.field(init=False)

    @websocket.default
    def _wrap(self) -> WebSocket:
        return WebSocket(self.scope, self._next, self.send)

    async def _next(self) -> Message:
        if not self.inbox:
            raise _NothingArrived
        return self.inbox.popleft()

    @property
    def states(self) -> dict[str, str]:
        websocket = self.websocket
        return {
            "client": websocket.client_state.name,
            "application": websocket.application_state.name,
        }


class Session:
    """The application's side of the connections of a page, which steers it.

    Args:
        report: Called with each update for the page.
    """

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._update = report
        self._connection: _Connection | None = None
        self._lock = asyncio.Lock()  # held by a command, or by the work on a message
        self._number = 0
        self._reading = True
        self._echo = True

    @property
    def now(self) -> dict[str, Any]:
        """The state of everything on this side."""
        switches = {"reading": self._reading, "echo": self._echo}
        connection = self._connection
        if connection is None:
            return {"connection": 0, **switches}
        return {
            "connection": connection.number,
            **connection.states,
            "server": connection.scope["extensions"][SERVER_STATE](),
            "allowed": connection.websocket.allowed,
            "waiting": len(connection.inbox),
            "arrived": connection.arrived,
            "sent": connection.sent,
            "dropped": connection.dropped,
            "over": connection.over,
            **switches,
        }

    async def run(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        """Run the application of a connection until its end. It replaces an earlier connection."""
        async with self._lock:
            await self._leave()
            self._number += 1
            connection = self._connection = _Connection(self._number, scope, send)
        while not connection.over:
            message = await receive()
            async with self._lock:
                connection.inbox.append(message)
                connection.arrived += message["type"] == "websocket.receive"
                connection.over = message["type"] == Disconnect.type
                if connection is self._connection:
                    await self._take_all(connection)
                    self._report()

    async def end(self) -> None:
        """End the current connection, if there is one."""
        async with self._lock:
            await self._leave()

    async def perform(self, command: Mapping[str, Any]) -> None:
        """Carry out a command of the page. Errors are reported to the page."""
        name = command.get("do")
        action = getattr(self, f"_do_{name}", None)
        if action is None:
            self._report(error=f"unknown command {name!r}")
            return
        values = {str(key): value for key, value in command.items() if key != "do"}
        async with self._lock:
            try:
                await action(**values)
            except Exception as error:  # noqa: BLE001 - a page may send anything, and shows the error
                self._report(error=f"{name}: {error}")

    # Commands of the page

    async def _do_accept(self) -> None:
        await self._send(lambda: Accept().to_message())

    async def _do_send(self, text: str) -> None:
        await self._send(lambda: Send(text=text).to_message())

    async def _do_close(self, code: int = 1000, reason: str = "") -> None:
        await self._send(lambda: Close(code, reason).to_message())

    async def _do_start(self, status: int = 401) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await self._send(lambda: ResponseStart(status, headers).to_message())

    async def _do_more(self, text: str = "") -> None:
        await self._send(lambda: ResponseBody(text.encode(), more_body=True).to_message())

    async def _do_body(self, text: str = "") -> None:
        await self._send(lambda: ResponseBody(text.encode()).to_message())

    async def _do_receive(self) -> None:
        if self._connection is None:
            self._report(error="There is no connection to receive from. Press Connect first.")
        elif not await self._take(self._connection):
            self._report(error="Nothing has arrived, so receive() would wait.")

    async def _do_reading(self, on: bool) -> None:  # noqa: FBT001 - a switch
        self._reading = bool(on)
        if self._connection is not None:
            await self._take_all(self._connection)
        self._report()

    async def _do_echo(self, on: bool) -> None:  # noqa: FBT001 - a switch
        self._echo = bool(on)
        self._report()

    async def _do_drop(self) -> None:
        connection = self._connection
        if connection is None or connection.over:
            self._report(error="There is no connection to drop. Press Connect first.")
            return
        connection.dropped = True
        connection.scope["extensions"][ABORT]()
        entry = {"side": "transport", "event": "aborted", "connection": connection.number}
        self._report(entry=entry)

    async def _do_leave(self) -> None:
        await self._leave()
        self._report()

    async def _do_forget(self) -> None:
        await self._leave()
        self._connection = None
        self._number, self._reading, self._echo = 0, True, True
        self._report()

    async def _do_sync(self, token: int) -> None:
        self._report(synced=token)

    # Sending

    async def _leave(self) -> None:
        """End the connection as politely as its state allows."""
        connection = self._connection
        if connection is None or connection.over:
            return
        allowed = connection.websocket.allowed
        if Close.type in allowed:
            await self._do_close(1001)
        elif str(BODY_LAST) in allowed:
            await self._do_body()

    async def _send(self, make: Callable[[], Mapping[str, Any]], *, echo: bool = False) -> None:
        connection = self._connection
        if connection is None:
            self._report(error="There is no connection to send on. Press Connect first.")
            return
        before = connection.states
        message: Message = {}
        event = "malformed message"
        error: Exception | None = None
        try:
            message = dict(make())
            event = str(event_of(message))
            await connection.websocket.send(message)
            connection.sent += message["type"] == Send.type
        except IllegalTransition as refusal:
            error = refusal
        except WebSocketDisconnect as loss:
            error, event = loss, str(LOST)
        except Exception as other:  # noqa: BLE001 - the page shows any exception of the server
            error = other
        self._report_event(connection, "application", event, before, message, error, echo=echo)

    # Receiving

    async def _take_all(self, connection: _Connection) -> None:
        while self._reading and connection.inbox:
            await self._take(connection)

    async def _take(self, connection: _Connection) -> bool:
        """Receive one message; return whether the application would not have to wait for it."""
        websocket, before = connection.websocket, connection.states
        try:
            message = await websocket.receive()
        except _NothingArrived:
            return False
        except RuntimeError as error:
            self._report_event(connection, "client", "websocket.receive", before, {}, error)
            return True
        self._report_event(connection, "client", str(event_of(message)), before, message)
        data = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        if self._echo and data and websocket.can_send:
            await self._send(lambda: {"type": Send.type, **data}, echo=True)
        return True

    # Reporting

    def _report(self, **update: Any) -> None:
        self._update({**update, "now": self.now})

    def _report_event(  # noqa: PLR0913, PLR0917 - one argument for each column of the log
        self,
        connection: _Connection,
        machine: str,
        event: str,
        before: dict[str, str],
        message: Message,
        error: Exception | None = None,
        *,
        echo: bool = False,
    ) -> None:
        taken = error is None or event == str(LOST)
        entry = {
            "side": machine,
            "event": event,
            "message": _shown(message),
            "connection": connection.number,
            "before": before,
            "after": connection.states,
            "edge": anchor(machine, before[machine], event) if taken else None,
            "error": error and {"type": type(error).__name__, "text": str(error)},
            "echo": echo,
        }
        self._report(entry=entry)


def _shown(message: Message) -> dict[str, Any]:
    """Return the keys of a message that are worth showing, ready for JSON."""
    shown = {}
    for key, value in message.items():
        if key in ("type", "headers") or value in (None, "", b"", False):
            continue
        if isinstance(value, bytes):
            shown[key] = value.decode() if key == "body" else value.hex(" ")
        else:
            shown[key] = value
    return shown
