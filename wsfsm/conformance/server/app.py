"""The application that plays the application's side of a case, inside the server.

It decides nothing. For every connection it connects to the runner's control channel, does what it
is told there one command after the other, and tells what it saw. It runs in any event loop of
asyncio, and in the environment of the server, which needs the extra `conformance`.

The control channel carries lines of JSON. The player begins with `hello` and the scope of the
connection; then each command `{"do": ..., "within": seconds}` is answered with an observation.
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

__all__ = ["CONTROL", "RUN", "OnPurpose", "Player", "app", "player_for"]

CONTROL: Final = "WSFSM_CONFORMANCE_CONTROL"
"""Environment variable that has host and port of the control channel."""

RUN: Final = b"x-wsfsm-run"
"""Header of a request that says which run of a case it belongs to."""

_LIMIT: Final = 2**26  # bytes of a line: a message of a case can be long


class OnPurpose(Exception):
    """What an application raises because the case says so."""


def player_for(address: str) -> ASGIApp:
    """The application, for a control channel.

    Args:
        address: Its host and port, as in `127.0.0.1:4711`.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await _live(receive, send)
            case "http":  # the server has seen no request for a WebSocket
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"HTTP"})
            case _:
                await Player(scope, receive, send).play(address)

    return application


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The application, for the control channel that the environment names.

    Raises:
        KeyError: The environment names none.
    """
    await player_for(os.environ[CONTROL])(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class Player:
    """The application's side of one connection.

    Args:
        scope: Scope of the connection.
        receive: Of ASGI.
        send: Of ASGI.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # an operation that has not come to its end goes on: nothing is lost by not waiting for it
        self._pending: dict[str, asyncio.Task[Any]] = {}
        self._raised: BaseException | None = None

    async def play(self, address: str) -> None:
        """Do what the control channel says, until it says that the application ends.

        Args:
            address: Host and port of the control channel.

        Raises:
            OnPurpose: It was told to raise.
            Exception: It was told to let through what was raised into it.
        """
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=_LIMIT)
        try:
            self._tell(writer, {"hello": _run_of(self._scope), "scope": self._scope})
            await self._obey(reader, writer)
        except asyncio.CancelledError:
            self._tell(writer, {"cancelled": True})
            raise
        finally:
            for task in self._pending.values():
                task.cancel()
            writer.close()

    @staticmethod
    def _tell(writer: asyncio.StreamWriter, observation: dict[str, Any]) -> None:
        try:
            line = json.dumps(to_json(observation))
        except (ValueError, RecursionError):  # an int of too many digits, or what holds itself
            line = json.dumps(to_json({"garbled": True}))
        writer.write(line.encode() + b"\n")

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            command = from_json(json.loads(line))
            match command["do"]:
                case "return":
                    return
                case "raise":
                    raise OnPurpose("on purpose")
                case "raise again":
                    raise self._raised or OnPurpose("nothing was raised before")
                case "work":  # an answer would come after the work
                    await self._work(command["message"], command["times"], command["seconds"])
                case _:
                    self._tell(writer, await self._operate(command))

    async def _operate(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do an operation; what is seen of it."""
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
        """Send messages, after the send that has not come to its end."""
        if before is not None:
            await asyncio.wait([before])
        for message in messages:
            await self._send(message)

    async def _receive_all(self, pause: float) -> dict[str, Any]:
        """Receive until what comes is no data, and wait in between."""
        count = size = 0
        while (message := await self._receive())["type"] == "websocket.receive":
            count += 1
            size += len(message.get("bytes") or message.get("text") or "")
            await asyncio.sleep(pause)
        return {"message": message, "count": count, "size": size}

    async def _work(self, message: Message, times: int, seconds: float) -> None:
        """Send messages, and hold the event loop after each, as an application that computes."""
        for _ in range(times):
            with contextlib.suppress(Exception):  # it is not seen by the client then
                await self._send(message)
            time.sleep(seconds)  # noqa: ASYNC251 - that is what it is about

    async def _try(
        self, name: str, call: Callable[[], Awaitable[Any]], within: float
    ) -> dict[str, Any]:
        """Do an operation, or go on with the one that has not ended; what is seen of it."""
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
                told: dict[str, Any] = task.result()
                return told
        return {"returns": True}


async def _call(call: Callable[[], Awaitable[Any]]) -> Any:
    # granian's receive() gives a future, and no coroutine, which no task takes
    return await call()


def _run_of(scope: Scope) -> str:
    for pair in scope.get("headers", ()):
        with contextlib.suppress(TypeError, ValueError):  # servers may give what they must not
            name, item = map(_bytes, pair)
            if name.lower() == RUN:
                return item.decode("latin-1")
    return ""


def _bytes(given: Any) -> bytes:
    return given.encode("latin-1") if isinstance(given, str) else bytes(given)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it may be of any class
        return ""
