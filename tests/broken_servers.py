"""Servers that are broken on purpose, each in one way: wsfsm in uvicorn, with something between.

A mutant is a function that takes an application and gives one: what stands between it and the
server makes the server a broken one. Where the bytes on the wire have to be wrong, it takes the
transport out of the server: `raw` writes to it, `rewriting` changes what the server writes.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from serving import serving

from wsfsm.conformance.server.targets import FactoryTarget
from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

Mutant = Callable[[ASGIApp], ASGIApp]
Rewrite = Callable[[bytes], bytes]

DISCONNECT: Final = "websocket.disconnect"


class Leaky:
    """A transport that rewrites what is written."""

    def __init__(self, transport: Any, rewrite: Rewrite, *, closes: bool) -> None:
        self._transport = transport
        self._rewrite = rewrite
        self._closes = closes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if changed := self._rewrite(bytes(data)):
            self._transport.write(changed)

    def close(self) -> None:
        if self._closes:
            self._transport.close()

    def write_eof(self) -> None:
        if self._closes:
            self._transport.write_eof()


def rewriting(rewrite: Rewrite, *, closes: bool = True) -> type[WebSocketProtocol]:
    """The protocol class, with a transport that rewrites what is written."""

    class Rewriting(WebSocketProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(Leaky(transport, rewrite, closes=closes))  # type: ignore[arg-type]

    return Rewriting


def unchanged(app: ASGIApp) -> ASGIApp:
    return app


def broken_server(
    name: str,
    mutant: Mutant = unchanged,
    protocol: type[WebSocketProtocol] = WebSocketProtocol,
    http: str | type[asyncio.Protocol] = "h11",
) -> FactoryTarget:
    """The target for a mutant."""

    @contextlib.asynccontextmanager
    async def factory(app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
        # what hangs is cancelled when the server stops
        options: dict[str, Any] = {
            "interface": "asgi3",
            "http": http,
            "timeout_graceful_shutdown": 0,
        }
        async with serving(mutant(app), ws=protocol, **options) as address:
            host, _, port = address.rpartition(":")
            yield host, int(port)

    return FactoryTarget(name=name, factory=factory)


def raw(receive: Receive, data: bytes) -> None:
    """Write bytes to the transport, past the server."""
    receive.__self__._transport.write(data)  # type: ignore[attr-defined]


def is_closing(receive: Receive) -> bool:
    """Whether the transport is closed or closing."""
    closing: bool = receive.__self__._transport.is_closing()  # type: ignore[attr-defined]
    return closing


def receiving(change: Callable[[Message], Message | None]) -> Mutant:
    """Messages to the application are changed; those that become None are swallowed."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed() -> Message:
                while True:
                    message = change(await receive())
                    if message is not None:
                        return message
                    await asyncio.sleep(0.01)

            await app(scope, changed, send)

        return broken

    return mutant


def sending(change: Callable[[Message], Message | None]) -> Mutant:
    """Messages of the application are changed; those that become None are swallowed."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                sent = change(message)
                if sent is not None:
                    await send(sent)

            await app(scope, receive, changed)

        return broken

    return mutant


def scoped(change: Callable[[Scope], Mapping[str, Any]]) -> Mutant:
    """Keys of the scope are changed."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, **change(scope)}, receive, send)

        return broken

    return mutant


def catching(caught: type[Exception], raised: type[Exception] | None) -> Mutant:
    """What send() raises of one class becomes another, or nothing."""

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                try:
                    await send(message)
                except caught:
                    if raised is not None:
                        raise raised("on purpose") from None

            await app(scope, receive, changed)

        return broken

    return mutant


def of_type(kind: str, **keys: Any) -> Callable[[Message], Message]:
    """Changes keys of messages of a type."""
    return lambda message: {**message, **keys} if message.get("type") == kind else message


def without(kind: str, *names: str) -> Callable[[Message], Message]:
    """Takes keys out of messages of a type."""
    return lambda message: (
        {key: item for key, item in message.items() if key not in names}
        if message.get("type") == kind
        else message
    )


def unless(refused: Callable[[Message], bool]) -> Callable[[Message], Message | None]:
    """Swallows some messages."""
    return lambda message: None if refused(message) else message


def never_ends(app: ASGIApp) -> ASGIApp:
    """An exception of the application does not end its connection."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:  # noqa: BLE001 - that is what is broken
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


def writing_by(rule: Callable[[Receive], Callable[[Message], bytes | None]]) -> Mutant:
    """Some messages of the application are written as bytes, past the server.

    Args:
        rule: Gives for each connection what bytes are written for a message, or None for others.
    """

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            bytes_of = rule(receive)

            async def changed(message: Message) -> None:
                data = bytes_of(message)
                if data is None:
                    await send(message)
                else:
                    raw(receive, data)

            await app(scope, receive, changed)

        return broken

    return mutant


def writing(bytes_of: Callable[[Message], bytes | None]) -> Mutant:
    """Some messages of the application are written as they come, whatever came before."""
    return writing_by(lambda _: bytes_of)


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
    """What is sent before the accept is written before the response."""

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


def refusing(refused: Callable[[Message], bool]) -> Mutant:
    """Messages of the application are refused that are good."""

    def change(message: Message) -> Message:
        if refused(message):
            raise ValueError("on purpose")
        return message

    return sending(change)


def hangs_after_the_end(app: ASGIApp) -> ASGIApp:
    """Before ASGI 2.4, what is sent after the end never returns."""

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
    """What the application has ended itself is never told to be over."""

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
