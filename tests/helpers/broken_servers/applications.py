"""Applications between a server and its own: each makes the server break one rule."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from helpers.broken_servers.building import DISCONNECT, Mutant, is_closing, raw, writing_by
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

ACCEPT: Final = "websocket.accept"
CLOSE: Final = "websocket.close"
START: Final = "websocket.http.response.start"
SWITCH: Final = b"HTTP/1.1 101 Switching Protocols\r\n"


def never_ends(app: ASGIApp) -> ASGIApp:
    """An exception of the application does not end its connection."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:  # noqa: BLE001 - that is the fault
            await asyncio.sleep(12)

    return broken


def hangs(app: ASGIApp) -> ASGIApp:
    """A close before the accept never comes to its end."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False

        async def slow(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message.get("type") == "websocket.accept"
            if message.get("type") == "websocket.close" and not accepted:
                await asyncio.Event().wait()
            await send(message)

        await app(scope, receive, slow)

    return broken


@writing_by
def double_head(receive: Receive) -> Callable[[Message], bytes | None]:
    """A second accept is answered by a second head."""
    accepts = itertools.count()

    def second(message: Message) -> bytes | None:
        again = message.get("type") == "websocket.accept" and next(accepts)
        return (
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
            if again and not is_closing(receive)
            else None
        )

    return second


@writing_by
def second_response(_: Receive) -> Callable[[Message], bytes | None]:
    """A second start of a denial is answered by a response of its own."""
    starts = itertools.count()

    def second(message: Message) -> bytes | None:
        again = message.get("type") == "websocket.http.response.start" and next(starts)
        return b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n" if again else None

    return second


@writing_by
def denies_after_the_accept(_: Receive) -> Callable[[Message], bytes | None]:
    """The start of a denial is written once there was an accept, whatever came of that."""
    accepted = False

    def denial(message: Message) -> bytes | None:
        nonlocal accepted
        accepted = accepted or message.get("type") == "websocket.accept"
        starts = message.get("type") == "websocket.http.response.start"
        return b"HTTP/1.1 404 Not Found\r\n\r\n" if accepted and starts else None

    return denial


def early_data(app: ASGIApp) -> ASGIApp:
    """Data sent before the accept is written before the response."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False

        async def early(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message.get("type") == "websocket.accept"
            text = message.get("text")
            if message.get("type") == "websocket.send" and not accepted and text == "early":
                raw(receive, b"\x81\x05early")
                return
            await send(message)

        await app(scope, receive, early)

    return broken


def late_data(app: ASGIApp) -> ASGIApp:
    """Something is passed on after the disconnect."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        over = False

        async def late() -> Message:
            nonlocal over
            if over:
                return {"type": "websocket.receive", "text": "late"}
            message = await receive()
            over = message["type"] == DISCONNECT
            return message

        await app(scope, late, send)

    return broken


def connects_twice(app: ASGIApp) -> ASGIApp:
    """websocket.connect is passed on twice where the application has not answered."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        connect: list[Message] = []

        async def twice() -> Message:
            if connect:
                return connect.pop()
            message = await receive()
            if message["type"] == "websocket.connect":
                connect.append(message)
            return message

        async def answers(message: Message) -> None:
            connect.clear()
            await send(message)

        await app(scope, twice, answers)

    return broken


def swaps(app: ASGIApp) -> ASGIApp:
    """Two messages that come together change their places."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def swapped() -> Message:
            if held:
                return held.pop()
            message = await receive()
            if message.get("text") == "1":
                held.append(message)
                return await receive()
            return message

        await app(scope, swapped, send)

    return broken


def hangs_after_the_end(app: ASGIApp) -> ASGIApp:
    """A send after the end never returns, as before ASGI 2.4."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        over = False

        async def telling() -> Message:
            nonlocal over
            message = await receive()
            over = over or message["type"] == DISCONNECT
            return message

        async def hanging(message: Message) -> None:
            nonlocal over
            closes = message.get("type") == "websocket.close"
            try:
                if over and closes:  # it would be a no-op
                    raise OSError  # noqa: TRY301 - to hang as others do
                over = over or closes
                await send(message)
            except OSError:
                await asyncio.Event().wait()

        asgi = {"version": "3.0", "spec_version": "2.3"}
        await app({**scope, "asgi": asgi}, telling, hanging)

    return broken


def first(message: Message | None) -> Mutant:
    """Something else comes in place of the connect, or the next message."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            calls = itertools.count()

            async def other() -> Message:
                received = await receive() if next(calls) or message is None else message
                return await receive() if received["type"] == "websocket.connect" else received

            await app(scope, other, send)

        return broken

    return mutant


def not_told_after(kind: str) -> Mutant:
    """An application that closes never receives the disconnect."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            over = False

            async def sent(message: Message) -> None:
                nonlocal over
                await send(message)
                over = over or message.get("type") == kind

            async def silent() -> Message:
                if over:
                    await asyncio.Event().wait()
                return await receive()

            await app(scope, silent, sent)

        return broken

    return mutant


def completes_what_was_refused(app: ASGIApp) -> ASGIApp:
    """A close before the accept is forgotten if an accept follows."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []
        accepted = False

        async def late(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message.get("type") == "websocket.accept"
            if message.get("type") == "websocket.close" and not accepted:
                held.append(message)
            else:
                await send(message)

        await app(scope, receive, late)
        if held and not accepted:
            await send(held[0])

    return broken


def tires(app: ASGIApp) -> ASGIApp:
    """Something is received where nothing comes."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        async def impatient() -> Message:
            try:
                async with asyncio.timeout(0.3):
                    return await receive()
            except TimeoutError:
                return {"type": "websocket.receive", "text": ""}

        await app(scope, impatient, send)

    return broken


def speaks_first(app: ASGIApp) -> ASGIApp:
    """The handshake is answered before the application has answered."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raw(receive, b"HTTP/1.1 102 Processing\r\n\r\n")
        await app(scope, receive, send)

    return broken


def heads_as_they_come(message: Message) -> bytes | None:
    if message.get("type") != ACCEPT:
        return None
    if "\r\n" in str(message.get("subprotocol") or "").replace("\\r\\n", "\r\n"):
        protocol: bytes = message["subprotocol"].encode()
        return SWITCH + b"sec-websocket-protocol: " + protocol + b"\r\n\r\n"
    if any(b"\0" in value for _, value in message.get("headers") or () if isinstance(value, bytes)):
        return SWITCH + b"x-a: 1\x002\r\n\r\n"
    return None


def long_reasons(message: Message) -> bytes | None:
    reason = str(message.get("reason") or "").encode()
    if message.get("type") != CLOSE or len(reason) != 124:
        return None
    return b"\x88\x7e\x00\x7e\x03\xe8" + reason


def cut_reasons(message: Message) -> bytes | None:
    reason = str(message.get("reason") or "").encode()
    if message.get("type") != CLOSE or len(reason) < 125:
        return None
    return b"\x88\x7d\x03\xe8" + reason[:123]


def is_denial(message: Message) -> bool:
    """Whether the start of a denial has a status, and headers of bytes."""
    names = [name for name, _ in message.get("headers", ())]
    return isinstance(message.get("status"), int) and all(isinstance(n, bytes) for n in names)
