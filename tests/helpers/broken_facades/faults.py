# mypy: disable-error-code="override"
"""Facades with a fault in one of their methods, or in a message that they pass on."""

import asyncio
from collections.abc import Mapping
from typing import Any

from wsfsm import WebSocket
from wsfsm.conformance.verdicts import Verdict
from wsfsm.exceptions import IllegalTransition, WebSocketDisconnect

F, N, T, C = Verdict.FAIL, Verdict.NON_STRICT, Verdict.TIMEOUT, Verdict.CRASH
BODY = "websocket.http.response.body"

Message = dict[str, Any]


class Mutant(WebSocket[Any]):
    """Our class, with a say over what the server's callables give and take."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        async def receiving() -> Any:
            return await self.comes(await receive())

        async def sending(message: Any) -> None:
            await self.goes(dict(message), send)

        self.server_send = send
        super().__init__(scope, receiving, sending)

    async def comes(self, message: Any) -> Any:
        return message

    async def goes(self, message: Message, send: Any) -> None:
        await send(message)


class SwallowsDisconnects(Mutant):
    async def receive_text(self) -> str:
        try:
            return await super().receive_text()
        except WebSocketDisconnect:
            return ""


class SwallowsDisconnectsOfBytes(Mutant):
    async def receive_bytes(self) -> bytes:
        try:
            return await super().receive_bytes()
        except WebSocketDisconnect:
            return b""


class AcceptsTwice(Mutant):
    async def accept(self, *args: Any, **kwargs: Any) -> None:
        if self.application_state.name == "CONNECTED" == self.client_state.name:
            await self.server_send({"type": "websocket.accept"})
        else:
            await super().accept(*args, **kwargs)


class SendsBeforeAccept(Mutant):
    async def send_text(self, data: str) -> None:
        if self.application_state.name == "CONNECTING":
            await self.server_send({"type": "websocket.send", "text": data})
        else:
            await super().send_text(data)


class SwallowsLosses(Mutant):
    async def send_text(self, data: str) -> None:
        try:
            await super().send_text(data)
        except WebSocketDisconnect as error:
            if not isinstance(error.__cause__, OSError):
                raise


class SendsBothKeys(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] == "websocket.send" and "text" in message:
            message["bytes"] = message["text"].encode()
        await send(message)


class SendsEmptyTextAsNone(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] == "websocket.send" and "text" in message:
            message["text"] = message["text"] or None
        await send(message)


class DeniesWithoutExtension(Mutant):
    async def send_denial_response(self, response: Any) -> None:
        self.scope["extensions"] = {"websocket.http.response": {}}
        await super().send_denial_response(response)


class SendsHeadersAsText(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] == "websocket.accept":
            message["headers"] = [(n.decode(), v.decode()) for n, v in message["headers"]]
        await send(message)


class SortsHeaders(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] == "websocket.accept":
            message["headers"] = sorted(message["headers"])
        await send(message)


class ForgetsTheSubprotocol(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        message.pop("subprotocol", None)
        await send(message)


class LosesWhatComesBeforeSending(Mutant):
    async def send_text(self, data: str) -> None:
        if self.application_state.name == "CONNECTED":
            reading = asyncio.ensure_future(self._receive())
            await asyncio.sleep(0.001)
            reading.cancel()
        await super().send_text(data)


class LosesReasons(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        message.pop("reason", None)
        await send(message)


class ClosesWithAnotherCode(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] == "websocket.close" and message["code"] >= 4000:
            message["code"] -= 1000
        await send(message)


class TellsAnotherCode(Mutant):
    async def comes(self, message: Any) -> Any:
        if message.get("type") == "websocket.disconnect" and message.get("code") == 1005:
            message["code"] = 1000
        return message


class RaisesAnotherCode(Mutant):
    async def receive_text(self) -> str:
        try:
            return await super().receive_text()
        except WebSocketDisconnect as error:
            code = 1000 if error.code >= 4000 else error.code
            raise WebSocketDisconnect(code, error.reason) from None


class TellsNoReason(Mutant):
    async def comes(self, message: Any) -> Any:
        if message.get("type") == "websocket.disconnect":
            message.pop("reason", None)
        return message


class NeedsAReason(Mutant):
    async def comes(self, message: Any) -> Any:
        if message.get("type") == "websocket.disconnect":
            message["reason"].strip()
        return message


class HangsAtBytes(Mutant):
    async def send_bytes(self, data: Any) -> None:
        await asyncio.Event().wait()


class Spins(Mutant):
    async def send_json(self, data: Any, mode: str = "text") -> None:
        while True:  # noqa: ASYNC110 - that is the fault
            await asyncio.sleep(0)


class RefusesOtherKeys(Mutant):
    async def comes(self, message: Any) -> Any:
        if message.keys() - {"type", "text", "bytes", "code", "reason"}:
            raise TypeError("unknown keys")
        return message


class NeedsOneKeyOnly(Mutant):
    async def comes(self, message: Any) -> Any:
        if message.get("type") == "websocket.receive" and "text" in message and "bytes" in message:
            raise RuntimeError("two keys")
        return message


class LosesEmptyMessages(Mutant):
    async def comes(self, message: Any) -> Any:
        while message.get("text") == "":
            message = await self.next()
        return message

    async def next(self) -> Any:
        return await self._receive()


class TakesUnknownTypesForText(Mutant):
    async def comes(self, message: Any) -> Any:
        known = {"websocket.connect", "websocket.receive", "websocket.disconnect"}
        return (
            message if message.get("type") in known else {"type": "websocket.receive", "text": ""}
        )


class GivesNoConnect(Mutant):
    async def receive(self) -> Any:
        message = await super().receive()
        return message if message["type"] != "websocket.connect" else await super().receive()

    async def accept(self, *args: Any, **kwargs: Any) -> None:
        if self.client_state.name == "CONNECTING":
            await super().receive()
        await super().accept(*args, **kwargs)


class NeedsAQueryString(Mutant):
    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["query_string"].decode()
        super().__init__(scope, receive, send)


class ClosesTwice(Mutant):
    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        try:
            await super().close(code, reason)
        except IllegalTransition:
            await self.server_send({"type": "websocket.close", "code": code})


class DropsEmptyBodies(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        if message["type"] != BODY or message["body"]:
            await send(message)


class EndsDenialsTwice(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        await send(message)
        if message["type"] == BODY and not message.get("more_body"):
            await send({"type": BODY, "body": b""})


class Exits(Mutant):
    async def send_json(self, data: Any, mode: str = "text") -> None:
        raise SystemExit


FAULTS: Mapping[type[Mutant], Mapping[str, Verdict]] = {
    SwallowsDisconnects: {
        "disconnect.ends-receiving-text": F,
        "disconnect.ends-waiting": F,
    },
    SwallowsDisconnectsOfBytes: {
        "disconnect.ends-receiving-bytes": F,
    },
    AcceptsTwice: {
        "accept.twice": N,
    },
    SendsBeforeAccept: {
        "send.before-accept": N,
    },
    SwallowsLosses: {
        "lost.send-text": F,
        "lost.send-under-way": F,
    },
    SendsBothKeys: {
        "send.text": F,
        "send.json": F,
        "send.message": F,
    },
    SendsEmptyTextAsNone: {
        "send.empty-text": F,
    },
    DeniesWithoutExtension: {
        "denial.without-extension": F,
        "denial.without-extensions": F,
    },
    SendsHeadersAsText: {
        "accept.headers": F,
    },
    SortsHeaders: {
        "accept.headers-in-order": F,
    },
    ForgetsTheSubprotocol: {
        "accept.subprotocol": F,
    },
    LosesWhatComesBeforeSending: {
        "receive.after-sending": T,
    },
    LosesReasons: {
        "close.reason": F,
    },
    ClosesWithAnotherCode: {
        "close.code": F,
    },
    TellsAnotherCode: {
        "disconnect.code-1005": F,
    },
    RaisesAnotherCode: {
        "disconnect.code": F,
    },
    TellsNoReason: {
        "disconnect.reason": F,
        "disconnect.message": F,
    },
    NeedsAReason: {
        "disconnect.without-reason": F,
        "disconnect.reason-none": F,
    },
    HangsAtBytes: {
        "close.then-send-bytes": T,
        "disconnect.then-send-bytes": T,
        "lost.send-bytes": T,
        "send.bytes": T,
        "send.empty-bytes": T,
        "send.any-bytes": F,
    },
    Spins: {
        "lost.send-json": T,
        "send.json": T,
        "send.json-in-bytes": T,
    },
    RefusesOtherKeys: {
        "accept.connect-with-another-key": F,
        "disconnect.another-key": F,
        "receive.another-key": F,
    },
    NeedsOneKeyOnly: {
        "receive.text-and-none": F,
        "receive.bytes-and-none": F,
        "receive.empty-text-and-none": F,
        "receive.empty-bytes-and-none": F,
    },
    LosesEmptyMessages: {
        "receive.empty-text": T,
        "receive.empty-text-and-none": T,
    },
    TakesUnknownTypesForText: {
        "events.unknown-type": F,
        "events.without-type": F,
    },
    GivesNoConnect: {
        "receive.connect-message": T,
    },
    NeedsAQueryString: {
        "scope.without-query-string": F,
        "scope.query-string-none": F,
    },
    ClosesTwice: {
        "close.then-close": N,
        "close.rejected-then-close": N,
        "denial.then-close": N,
        "denial.begun-then-close": N,
    },
    DropsEmptyBodies: {
        "denial.empty-body": F,
    },
    EndsDenialsTwice: {
        "denial.messages": F,
        "denial.body-in-parts": F,
    },
    Exits: {
        "lost.send-json": C,
        "send.json": C,
        "send.json-in-bytes": C,
        "send.what-is-not-json": C,
    },
}
