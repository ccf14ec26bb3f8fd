"""A facade in a few lines, like the class that a framework gives to its users."""

from collections.abc import Iterable

from wsfsm.types import Message, Receive, Scope, Send


class Disconnected(Exception):
    pass


class Socket:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send

    async def accept(
        self, subprotocol: str | None = None, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        await self._next("websocket.connect")
        message = {"type": "websocket.accept", "subprotocol": subprotocol}
        await self._send({**message, "headers": [*headers]})

    async def receive_text(self) -> str:
        text = (await self._next("websocket.receive")).get("text")
        if not isinstance(text, str):
            raise TypeError("the message is not a text")
        return text

    async def send_text(self, data: str) -> None:
        await self._send({"type": "websocket.send", "text": data})

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def _next(self, expected: str) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Disconnected
        if message["type"] != expected:
            raise RuntimeError(f"{message['type']} instead of {expected}")
        return message
