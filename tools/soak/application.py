"""The application's side of conversations: an ASGI application that is controlled by the query.

Over HTTP, `/report` returns the record of a conversation, and `/state` the resources of the process
(`holdings`).
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs

from tools.soak.holdings import Turns, holdings
from tools.soak.messages import Payload, digest
from tools.soak.plan import Application

__all__ = ["FAREWELL", "Deliberate", "app"]

FAREWELL: Final = "The soak's lifespan has ended"
"""Logged at the shutdown of the lifespan, as the last action of the application."""

_IMPATIENCE: Final = 0.002  # seconds
_AGAIN: Final = 2  # calls of each kind after the disconnect
_WAIT: Final = 20.0  # seconds that a report may take

_logger: Final = logging.getLogger("uvicorn.error")

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Deliberate(Exception):
    """Raised if the plan says that the application raises."""


class Account:
    """The record of an application.

    Attributes:
        events: Time in seconds, kind and details of each event.
        done: Set once the application has ended.
    """

    def __init__(self) -> None:
        self.events: list[tuple[float, str, Any]] = []
        self.done = asyncio.Event()

    def note(self, what: str, detail: Any = None) -> None:
        """Record an event."""
        self.events.append((time.monotonic(), what, detail))


_accounts: Final[dict[str, Account]] = {}
_turns: Final = Turns()


async def app(scope: Any, receive: Receive, send: Send) -> None:
    """Serve lifespan, HTTP and conversations."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        await _answer(scope, send)
    else:
        name, application = Application.from_query(scope["query_string"].decode())
        account = Account()
        if not application.quiet:
            _accounts[name] = account
        try:
            await _Actor(application, account, name, receive, send).act()
        except BaseException as error:
            account.note("raised", type(error).__name__)
            raise
        else:
            account.note("returned")
        finally:
            account.done.set()


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    _turns.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    _turns.stop()
    _logger.info(FAREWELL)
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(scope: Any, send: Send) -> None:
    if scope["path"] == "/report":
        content: Any = await _report(parse_qs(scope["query_string"].decode())["name"][0])
    else:
        for name in [name for name, account in _accounts.items() if account.done.is_set()]:
            del _accounts[name]  # the client was gone before the application started
        content = holdings(_turns)
    body = json.dumps(content).encode()
    length = str(len(body)).encode()
    headers = [(b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _report(name: str) -> dict[str, Any]:
    """Return the record of a conversation and delete it; return {} if there is none."""
    account = _accounts.get(name)
    if account is None:
        return {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WAIT):
            await account.done.wait()
        _accounts.pop(name, None)
    return {"done": account.done.is_set(), "events": account.events}


def _ignore(_: str, __: Any = None) -> None:
    """Record nothing."""


class _Gone(Exception):
    """The connection is over, because send() has raised."""


class _Actor:
    """Plays an application.

    Args:
        application: The application's side of the plan.
        account: The record of the application.
        name: Name of the conversation.
        receive: ASGI's callable.
        send: ASGI's callable.
    """

    def __init__(
        self, application: Application, account: Account, name: str, receive: Receive, send: Send
    ) -> None:
        self._plan = application
        self._note = _ignore if application.quiet else account.note
        self._name = name
        self._receive = receive
        self._send = send
        self._over = False

    async def act(self) -> None:
        """Play the application's side of the conversation."""
        await self._take()
        await asyncio.sleep(self._plan.delay)
        try:
            returns = await self._answer()
        except _Gone:
            returns = False
        if self._plan.lingers and not returns:
            await self._linger()

    async def _answer(self) -> bool:
        """Answer the handshake and play the rest; return whether the application returns at once."""
        match self._plan.answer:
            case "accept":
                await self._put("websocket.accept", subprotocol=self._plan.subprotocol)
                await self._converse()
                return await self._end()
            case "close":
                await self._close()
            case "deny":
                await self._deny()
            case "raise":
                raise Deliberate(self._name)
        return self._plan.answer == "return"

    # Receiving and sending

    async def _take(self) -> Any:
        """Receive and record a message."""
        if self._plan.impatient and not self._over:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IMPATIENCE):
                        message = await self._receive()
                        break
        else:
            message = await self._receive()
        if message["type"] == "websocket.receive":
            self._note("received", digest(_payload(message)))
        else:
            kept = {key: item for key, item in message.items() if key != "type"}
            self._note(message["type"], kept)
        self._over = message["type"] == "websocket.disconnect"
        return message

    async def _put(self, kind: str, **keys: Any) -> None:
        """Send and record a message."""
        try:
            await self._send({"type": kind, **keys})
        except OSError as error:
            self._note("refused", f"{kind}: {type(error).__name__}: {error}")
            if self._plan.propagates:
                raise
            raise _Gone from None
        payload = keys.get("text", keys.get("bytes"))
        self._note("sent", kind if payload is None else digest(payload))

    async def _say(self, payload: Payload) -> None:
        key = "text" if isinstance(payload, str) else "bytes"
        await self._put("websocket.send", **{key: payload})

    async def _close(self) -> None:
        await self._put("websocket.close", code=self._plan.code, reason=self._plan.reason)

    # Acting

    async def _deny(self) -> None:
        plan = self._plan
        sized = [(b"content-length", str(sum(plan.body)).encode())] if plan.sized else []
        headers = [(b"x-soak", self._name.encode()), *sized]
        await self._put("websocket.http.response.start", status=plan.status, headers=headers)
        for number, size in enumerate(plan.body, 1):
            more = number < len(plan.body)
            await self._put("websocket.http.response.body", body=b"d" * size, more_body=more)
            await asyncio.sleep(plan.gap)

    async def _converse(self) -> None:
        """Receive and send until the disconnect, or until the application should end."""
        voices = self._plan.voices
        messages = list(self._plan.batch)
        work = [self._speak(messages[voice::voices]) for voice in range(voices)]
        if self._plan.reads:
            work.append(self._listen())
        gone = False
        try:
            async with asyncio.TaskGroup() as group:
                for part in work:
                    group.create_task(part)
        except* _Gone:
            gone = True
        if gone:
            raise _Gone

    async def _listen(self) -> None:
        count = 0
        ends = self._plan.end != "disconnect"
        while not (ends and count == self._plan.after):
            message = await self._take()
            if self._over:
                return
            count += 1
            if self._plan.echo:
                await self._say(_payload(message))
            await asyncio.sleep(self._plan.pause)

    async def _speak(self, messages: list[Payload]) -> None:
        for message in messages:
            try:
                async with asyncio.timeout(self._plan.patience or None):
                    await self._say(message)
            except TimeoutError:
                self._note("lost patience")
                return
            await asyncio.sleep(self._plan.gap)

    async def _end(self) -> bool:
        """End as planned; return whether the application returns at once."""
        await asyncio.sleep(self._plan.hold)
        match self._plan.end:
            case "close":
                await self._close()
            case "raise":
                raise Deliberate(self._name)
            case "probe":
                await self._say("are you still there?")
        return self._plan.end == "return"

    async def _linger(self) -> None:
        """Receive until the disconnect. A stubborn application goes on after it."""
        while not self._over:
            await self._take()
        if self._plan.stubborn:
            for _ in range(_AGAIN):
                await self._take()
                with contextlib.suppress(_Gone):
                    await self._say("after the end")


def _payload(message: Any) -> Payload:
    text: str | None = message.get("text")
    data: bytes = message.get("bytes")
    return data if text is None else text
