"""Servers that are broken on purpose, each in one way: wsfsm in uvicorn, with something between.

A mutant is a function that takes an application and gives one: what stands between it and the
server makes the server a broken one. Where the bytes on the wire have to be wrong, it takes the
transport out of the server: `raw` writes to it, `rewriting` changes what the server writes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from helpers.uvicorn_server import serving
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
        # hanging applications are cancelled when the server stops
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
    """Replace an exception of send() by another, or by none."""

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


def refusing(refused: Callable[[Message], bool]) -> Mutant:
    """Messages of the application are refused that are good."""

    def change(message: Message) -> Message:
        if refused(message):
            raise ValueError("on purpose")
        return message

    return sending(change)
