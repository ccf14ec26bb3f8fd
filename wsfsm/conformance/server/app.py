"""The scripted application, which the server under test serves: it follows the steps of a case.

It decides nothing. For every connection it connects to the runner's control channel, carries out
one command after the other, and answers with its observations. It runs in any event loop of
asyncio, in the environment of the server, which needs the extra `conformance`.

The control channel carries lines of JSON. The application begins with `hello` and the scope of the
connection; then it answers each command `{"do": ..., "within": seconds}` with an observation.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from wsfsm.conformance.values import from_json, to_json
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTROL", "RUN", "ScriptedApp", "ScriptedError", "app", "scripted_app"]

CONTROL: Final = "WSFSM_CONFORMANCE_CONTROL"
"""Environment variable with host and port of the control channel."""

RUN: Final = b"x-wsfsm-run"
"""Header of a request with the name of the run that it belongs to."""

_LIMIT: Final = 2**26  # bytes of a line, because a message of a case can be long


class ScriptedError(Exception):
    """The exception that the application raises in the step ``raise``."""


def scripted_app(address: str) -> ASGIApp:
    """Make the application for a control channel.

    Args:
        address: Host and port of the control channel, for example ``127.0.0.1:4711``.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await _live(receive, send)
            case "http":  # the server has not recognized the request for a WebSocket
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"HTTP"})
            case _:
                await ScriptedApp(scope, receive, send).play(address)

    return application


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application for the control channel in the environment.

    Raises:
        KeyError: The environment does not have its address.
    """
    await scripted_app(os.environ[CONTROL])(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class ScriptedApp:
    """The application for one connection.

    Args:
        scope: Scope of the connection.
        receive: The ASGI callable.
        send: The ASGI callable.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # an operation that is not over when its step ends goes on, so that it loses nothing
        self._pending: dict[str, asyncio.Task[Any]] = {}
        self._raised: BaseException | None = None

    async def play(self, address: str) -> None:
        """Carry out the commands of the control channel, until one ends the application.

        Args:
            address: Host and port of the control channel.

        Raises:
            ScriptedError: A command said so.
            Exception: A command said to raise the last exception again.
        """
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=_LIMIT)
        try:
            self._write(writer, {"hello": _run_of(self._scope), "scope": self._scope})
            await self._carry_out(reader, writer)
        except asyncio.CancelledError:
            self._write(writer, {"cancelled": True})
            raise
        finally:
            for task in self._pending.values():
                task.cancel()
            writer.close()

    @staticmethod
    def _write(writer: asyncio.StreamWriter, observation: dict[str, Any]) -> None:
        try:
            line = json.dumps(to_json(observation))
        except (ValueError, RecursionError):  # an int of too many digits, or a container in itself
            line = json.dumps(to_json({"garbled": True}))
        writer.write(line.encode() + b"\n")

    async def _carry_out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            command = from_json(json.loads(line))
            match command["do"]:
                case "return":
                    return
                case "raise":
                    raise ScriptedError("on purpose")
                case "raise again":
                    raise self._raised or ScriptedError("nothing was raised before")
                case "work":  # not answered, because the answer would wait for the work
                    await self._work(command["message"], command["times"], command["seconds"])
                case _:
                    self._write(writer, await self._operate(command))

    async def _operate(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out an operation, and return the observation."""
        sending = self._pending.get("send")
        name = "send"
        call: Callable[[], Awaitable[Any]] = partial(self._send_all, [])
        match command["do"]:
            case "receive":
                name, call = "receive", self._receive
            case "receive all":
                name, call = "receive all", partial(self._receive_all, command["pause"])
            case "send":
                messages = [command["message"]] * command["times"]
                call = partial(self._send_all, messages, self._pending.pop("send", None))
            case "cancel" if sending is not None:
                sending.cancel()
            case _:  # "finish"
                pass
        return await self._try(name, call, command["within"])

    async def _send_all(
        self, messages: list[Message], before: "asyncio.Task[Any] | None" = None
    ) -> None:
        """Send messages, after an earlier send that has not returned."""
        if before is not None:
            await asyncio.wait([before])
        for message in messages:
            await self._send(message)

    async def _receive_all(self, pause: float) -> dict[str, Any]:
        """Receive until a message is not a `websocket.receive`, and sleep after each that is one."""
        count = size = 0
        while (message := await self._receive())["type"] == "websocket.receive":
            count += 1
            size += len(message.get("bytes") or message.get("text") or "")
            await asyncio.sleep(pause)
        return {"message": message, "count": count, "size": size}

    async def _work(self, message: Message, times: int, seconds: float) -> None:
        """Send messages, and block the event loop after each, as an application that computes."""
        for _ in range(times):
            with contextlib.suppress(Exception):  # the client observes that nothing arrives
                await self._send(message)
            time.sleep(seconds)  # noqa: ASYNC251 - blocking is the purpose

    async def _try(
        self, name: str, call: Callable[[], Awaitable[Any]], within: float
    ) -> dict[str, Any]:
        """Start an operation, or go on with the one that has not returned, and observe it."""
        task = self._pending.get(name)
        if task is None:
            task = self._pending[name] = asyncio.ensure_future(_call(call))
        await asyncio.wait([task], timeout=within)
        if not task.done():
            return {"waits": True}
        del self._pending[name]
        if task.cancelled():
            return {"cancelled": True}
        error = task.exception()
        if error is not None:
            self._raised = error
            kinds = [kind.__name__ for kind in type(error).__mro__]
            return {"raises": kinds, "text": _text_of(error)}
        match name:
            case "receive":
                return {"message": task.result()}
            case "receive all":
                received: dict[str, Any] = task.result()
                return received
        return {"returns": True}


async def _call(call: Callable[[], Awaitable[Any]]) -> Any:
    # granian's receive() returns a future, which create_task() does not accept
    return await call()


def _run_of(scope: Scope) -> str:
    for pair in scope.get("headers", ()):
        with contextlib.suppress(TypeError, ValueError):  # a server may pass wrong headers
            name, item = map(_bytes, pair)
            if name.lower() == RUN:
                return item.decode("latin-1")
    return ""


def _bytes(given: Any) -> bytes:
    return given.encode("latin-1") if isinstance(given, str) else bytes(given)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the exception may be of any class
        return ""
