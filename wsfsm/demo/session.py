"""A session of the demo: the application side of the connection that a page shows."""

import asyncio
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from wsfsm.diagrams import anchor
from wsfsm.exceptions import IllegalTransition, WebSocketDisconnect
from wsfsm.messages import Accept, Close, Disconnect, ResponseBody, ResponseStart, Send
from wsfsm.tables import event_of
from wsfsm.tables.events import LOST
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message
from wsfsm.websockets import WebSocket

__all__ = ["ABORT", "Session"]

ABORT: Final = "wsfsm.demo.abort"
"""Key of the scope's extensions with which the demo's server lets the application abort the transport."""


class Session:
    """The application side of a connection, steered by a page.

    Args:
        report: Called with each update for the page, ready for JSON.
    """

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report
        self._websocket: WebSocket | None = None
        self._number = 0  # of the connection
        self._over = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._echo = True
        self._reading = True

    async def run(self, websocket: WebSocket) -> None:
        """Run the application of a connection, until it ends or another connection replaces it."""
        self.end()
        self._websocket = websocket
        self._number += 1
        self._over = over = asyncio.Event()
        self._report_state(websocket)
        if self._reading:
            self._start_reading(websocket)
        try:
            await over.wait()
        finally:
            if self._websocket is websocket:
                self._stop_reading()

    def end(self) -> None:
        """Release the current connection, if there is one."""
        self._stop_reading()
        self._over.set()

    async def perform(self, command: Mapping[str, Any]) -> None:
        """Carry out a command of the page. Errors are reported to the page."""
        action = getattr(self, f"_do_{command.get('do')}", None)
        if action is None:
            self._report({"error": f"unknown command {command.get('do')!r}"})
            return
        values = {str(key): value for key, value in command.items() if key != "do"}
        try:
            await action(**values)
        except Exception as error:  # noqa: BLE001 - a page may send anything, and shows the error
            self._report({"error": f"{command.get('do')}: {error}"})

    # Commands of the page

    async def _do_accept(self, subprotocol: str | None = None) -> None:
        await self._send(lambda: dict(Accept(subprotocol or None).to_message()))

    async def _do_text(self, text: str) -> None:
        await self._send(lambda: dict(Send(text=text).to_message()))

    async def _do_bytes(self, text: str) -> None:
        await self._send(lambda: dict(Send(bytes=text.encode()).to_message()))

    async def _do_close(self, code: int = 1000, reason: str = "") -> None:
        await self._send(lambda: dict(Close(code, reason).to_message()))

    async def _do_start(self, status: int = 401) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await self._send(lambda: dict(ResponseStart(status, headers).to_message()))

    async def _do_body(self, text: str = "", more_body: bool = False) -> None:  # noqa: FBT001, FBT002 - it is a key of the message
        await self._send(lambda: dict(ResponseBody(text.encode(), more_body).to_message()))

    async def _do_receive(self) -> None:
        if self._websocket is None:
            self._report({"error": "there is no connection to receive from; connect first"})
        elif self._reader is not None:
            self._report({"error": "the application is receiving already"})
        else:
            self._reader = asyncio.create_task(self._receive_once(self._websocket))

    async def _do_reading(self, on: bool) -> None:  # noqa: FBT001 - a switch
        self._reading = bool(on)
        if not self._reading:
            self._stop_reading()
        elif self._reader is None and self._websocket is not None:
            self._start_reading(self._websocket)

    async def _do_echo(self, on: bool) -> None:  # noqa: FBT001 - a switch
        self._echo = bool(on)

    async def _do_drop(self) -> None:
        extensions = self._websocket.scope.get("extensions", {}) if self._websocket else {}
        if ABORT in extensions:
            extensions[ABORT]()
            self._report({"entry": {"side": "transport", "event": "aborted"}})
        else:
            self._report({"error": "there is no connection to drop; connect first"})

    # Sending

    async def _send(self, make: Callable[[], Message]) -> None:
        websocket = self._websocket
        if websocket is None:
            self._report({"error": "there is no connection to send on; connect first"})
            return
        before = _states(websocket)
        message: Message = {}
        event = "malformed message"
        error: Exception | None = None
        try:
            message = make()
            event = str(event_of(message))
            await websocket.send(message)
        except IllegalTransition as refusal:
            error = refusal
        except WebSocketDisconnect as loss:
            error, event = loss, str(LOST)
        except Exception as other:  # noqa: BLE001 - the page shows any exception of the server
            error = other
        self._report_entry(websocket, "application", event, before, message, error)

    # Receiving

    def _start_reading(self, websocket: WebSocket) -> None:
        self._reader = asyncio.create_task(self._receive_all(websocket))

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _receive_all(self, websocket: WebSocket) -> None:
        while await self._take(websocket):
            pass
        self._reader = None

    async def _receive_once(self, websocket: WebSocket) -> None:
        await self._take(websocket)
        self._reader = None

    async def _take(self, websocket: WebSocket) -> bool:
        """Receive one message; return whether more can follow."""
        client = websocket.client_state
        try:
            message = await websocket.receive()
        except RuntimeError as error:
            states = _states(websocket)
            self._report_entry(websocket, "client", "websocket.receive", states, {}, error)
            self._over.set()
            return False
        # the application may have sent messages while this waited
        before = (client.name, websocket.application_state.name)
        self._report_entry(websocket, "client", str(event_of(message)), before, message)
        if message["type"] == Disconnect.type:
            self._over.set()
            return False
        if self._echo and websocket.application_state is WebSocketState.CONNECTED:
            data = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
            if data:
                await self._send(lambda: {"type": "websocket.send", **data})
        return True

    # Reporting

    def _report_state(self, websocket: WebSocket) -> None:
        """Report the states of the machines and the allowed messages, if it is the current connection."""
        if websocket is not self._websocket:
            return
        client, application = _states(websocket)
        state = {
            "connection": self._number,
            "client": client,
            "application": application,
            "allowed": websocket.allowed,
        }
        self._report({"state": state})

    def _report_entry(  # noqa: PLR0913, PLR0917 - one argument for each column of the log
        self,
        websocket: WebSocket,
        machine: str,
        event: str,
        before: tuple[str, str],
        message: Message,
        error: Exception | None = None,
    ) -> None:
        """Report an event to the page, with the states before and after it."""
        taken = error is None or event == str(LOST)
        state = before[0] if machine == "client" else before[1]
        entry = {
            "side": machine,
            "event": event,
            "detail": _detail(message),
            "before": before,
            "after": _states(websocket),
            "edge": anchor(machine, state, event) if taken else None,
            "error": error and {"type": type(error).__name__, "text": str(error)},
        }
        self._report({"entry": entry})
        self._report_state(websocket)


def _states(websocket: WebSocket) -> tuple[str, str]:
    return websocket.client_state.name, websocket.application_state.name


def _detail(message: Message) -> str:
    """Describe a message by its keys, without empty ones."""
    kept = {
        k: v for k, v in message.items() if k not in ("type", "headers") and v not in (None, "")
    }
    return ", ".join(f"{key}={reprlib.repr(value)}" for key, value in kept.items())
