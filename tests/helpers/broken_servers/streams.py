"""Servers that are broken about streams: where they are cut, compressed, long or at their end."""

import re
from collections.abc import Callable
from typing import Any

from attrs import evolve
from uvicorn.protocols.http.h11_impl import H11Protocol

from helpers.broken_servers.building import Mutant, rewriting, sending
from helpers.broken_servers.wires import CONTINUATION, FIN, PING, Frame, each, head, parse
from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

RSV1 = 0x40
BROKEN = b"\xff\xff\xff"
OFFER = b"permessage-deflate"
LARGE = 262144
DECLINED = {f"deflate.declines-{case}" for case in ("client-window-16", "parameter-twice", "parameter-with-value", "server-window-010", "server-window-16", "server-window-7", "server-window-missing", "unknown-parameter")}  # fmt: skip


def forgetful(app: ASGIApp) -> ASGIApp:
    """Of more than a hundred messages, the rest is lost."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        count = 0

        async def forgets() -> Message:
            nonlocal count
            while (message := await receive())["type"] == "websocket.receive" and count >= 100:
                pass
            count += 1
            return message

        await app(scope, forgets, send)

    return broken


def without_code(app: ASGIApp) -> ASGIApp:
    """After more than a hundred messages, the code of the end is lost."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        count = 0

        async def loses() -> Message:
            nonlocal count
            message = await receive()
            count += 1
            return message if count < 100 or "code" not in message else {**message, "code": 1006}

        await app(scope, loses, send)

    return broken


def holds_parts(app: ASGIApp) -> ASGIApp:
    """The body of a denial is sent at its end."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        held = b""

        async def late(message: Message) -> None:
            nonlocal held
            body = message.get("body", b"")
            if message.get("more_body") and isinstance(body, bytes) and not body.startswith(b"x"):
                held += body
            elif held and message.get("type") == "websocket.http.response.body":
                await send({**message, "body": held + body})
            else:
                await send(message)

        await app(scope, receive, late)

    return broken


def drops(size: int) -> Mutant:
    """Messages of a size are not sent."""
    return sending(lambda m: None if len(m.get("bytes") or b"") == size else m)


class Whole(WebSocketProtocol):
    """Each read is taken for whole frames; one that is none is lost."""

    def connection_made(self, transport: Any) -> None:
        self.begun = False
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.begun or parse(data):
            super().data_received(data)
        self.begun = True


class WholeHead(H11Protocol):
    """The first read is taken for a whole head; one that is none is the end."""

    def connection_made(self, transport: Any) -> None:
        self.begun = False
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.begun and b"\r\n\r\n" not in data:
            self.transport.close()
        self.begun = True
        super().data_received(data)


def breaks(is_broken: Callable[[bytes], bool]) -> type[WebSocketProtocol]:
    """Some compressed frames cannot be inflated."""

    def mend(frame: Frame) -> Frame:
        broken = frame.bits & RSV1 and is_broken(frame.payload)
        return evolve(frame, payload=BROKEN) if broken else frame

    return each(mend)


def begins(*starts: str) -> Callable[[bytes], bool]:
    """Whether a payload begins so, in hexadecimal digits."""
    return lambda payload: payload.startswith(tuple(map(bytes.fromhex, starts)))


def answers(change: Callable[[bytes], bytes]) -> type[WebSocketProtocol]:
    """Heads that complete a handshake are changed."""
    return rewriting(lambda data: change(data) if data.startswith(b"HTTP/1.1 101 ") else data)


def adding(line: bytes) -> Callable[[bytes], bytes]:
    """Adds a line to heads that name no extension."""
    return lambda data: (
        data
        if b"sec-websocket-extensions" in data
        else data.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
    )


def parameters(text: bytes) -> Callable[[bytes], bytes]:
    """Gives compression other parameters in heads that agree to it."""
    return lambda data: re.sub(OFFER + rb"[^\r]*", OFFER + text, data)


def more_parameters(text: bytes) -> Callable[[bytes], bytes]:
    """Gives compression one more parameter."""
    return lambda data: data.replace(OFFER, OFFER + text)


def broken_compression(data: bytes) -> bytes:
    """Compressed frames of few bytes are nonsense."""
    if data[:1] not in {b"\xc1", b"\xc2"} or data[1] > 125:
        return data
    return data[:2] + b"\xff" * data[1]


# Tables are aligned by hand.
# fmt: off
APPLICATIONS = {
    "what is many is lost": (forgetful, {"receive.many-before-close", "receive.many-before-close-and-fin", "receive.many-before-fin"}),
    "the code is lost behind much": (without_code, {"receive.many-before-close", "receive.many-before-close-and-fin"}),
    "what is long is lost": (drops(LARGE), {"flow.sent-before-close"}),
    "a body in one piece": (holds_parts, {"denial.part-at-once"}),
}

READ = {
    "frames in one read": (Whole, {"cuts.close", "cuts.eleven-bytes", "cuts.every-byte", "cuts.long-length", "cuts.ping", "cuts.three-bytes", "deflate.every-byte", "receive.many-before-close", "receive.many-before-close-and-fin", "receive.many-before-fin", "receive.split"}),
    "the last Ping is not answered": (each(lambda f: None if f.opcode == PING and f.payload == b"3" else f), {"frames.pings-together"}),
    "compressed messages are lost": (breaks(begins("f248cd")), {"deflate.empty-between", "deflate.final-block-again", "deflate.fragments", "deflate.message", "deflate.ping-between-fragments", "deflate.takeover", "deflate.uncompressed-between"}),
    "no fragments of compressed messages": (each(lambda f: evolve(f, payload=BROKEN) if f.bits & RSV1 and not f.bits & FIN else f), {"deflate.fragments", "deflate.fragments-empty", "deflate.fragments-inside-a-character", "deflate.ping-between-fragments"}),
    "no stored blocks": (breaks(begins("000500")), {"deflate.stored-block"}),
    "no final blocks": (breaks(begins("f348")), {"deflate.final-block", "deflate.final-block-again"}),
    "one block": (breaks(begins("f24805")), {"deflate.two-blocks"}),
    "no context takeover": (breaks(begins("f200")), {"deflate.empty-between", "deflate.final-block-again", "deflate.takeover", "deflate.uncompressed-between"}),
    "no empty compressed messages": (each(lambda f: None if f.payload == b"\0" else f), {"deflate.empty", "deflate.empty-between"}),
    "any continuation": (each(lambda f: evolve(f, bits=f.bits & FIN) if f.opcode == CONTINUATION else f), {"deflate.bit-of-a-continuation"}),
    "any Ping": (each(lambda f: evolve(f, bits=f.bits & FIN) if f.opcode == PING else f), {"deflate.bit-of-a-ping"}),
    "compressed texts that are no UTF-8": (each(lambda f: evolve(f, payload=bytes.fromhex("00")) if f.payload == bytes.fromhex("fa0f00") else f), {"deflate.invalid-utf-8"}),
}

WRITTEN = {
    "all offers are agreed to": (answers(adding(b"sec-websocket-extensions: permessage-deflate")), {*DECLINED, "deflate.server-window-8", "handshake.no-extension", "handshake.unknown-extension"}),
    "no parameters": (answers(parameters(b"")), {"deflate.server-no-takeover", "deflate.server-window"}),
    "the window of the client": (answers(more_parameters(b"; client_max_window_bits=10")), {"deflate.client-window-unasked"}),
    "nonsense that is compressed": (rewriting(broken_compression), {"deflate.send", "deflate.send-again", "deflate.send-empty", "deflate.send-no-takeover"}),
}

HEADS = {
    "heads in one read": (WholeHead, {"cuts.head", "cuts.head-with-offers"}),
    "no absolute form": (head(lambda data: data.replace(b"GET http://", b"GET ://")), {"handshake.absolute-form"}),
    "long heads are not answered": (head(lambda data: b"" if b"xxxxxxxx" in data else data), {"handshake.head-too-long"}),
}

LYING = {
    "context takeover all the same": (answers(more_parameters(b"; server_no_context_takeover")), head(lambda data: data.replace(b"; server_no_context_takeover", b"")), {"deflate.send-again", "deflate.send-no-takeover"}),
    "a larger window": (answers(parameters(b"; server_max_window_bits=9")), head(lambda data: data.replace(b"; server_max_window_bits=9", b"")), {"deflate.send-again", "deflate.send-window", "deflate.server-no-takeover"}),
}
# fmt: on
