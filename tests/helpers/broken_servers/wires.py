"""Servers that read or write wrong bytes, through a changed transport or protocol."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import attrs
from uvicorn.protocols.http.h11_impl import H11Protocol

from helpers.broken_servers.building import Leaky
from wsfsm.integrations.uvicorn import WebSocketProtocol

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
FIN: Final = 0x80
WHOLE: Final = re.compile(rb"\w+ \S+ HTTP/1.*\r\n\r\n", re.DOTALL)  # head of a request


@attrs.frozen
class Frame:
    """A frame of the client; `bits` are FIN and the reserved ones, as in the first byte."""

    bits: int
    opcode: int
    masked: bool
    payload: bytes

    @property
    def fin(self) -> bool:
        return bool(self.bits & FIN)

    @property
    def control(self) -> bool:
        return self.opcode >= CLOSE


Mend = Callable[[Frame], Frame | None]


def parse(data: bytes) -> list[Frame] | None:
    """The frames, or None where they are not whole."""
    frames: list[Frame] = []
    while data:
        masked, length, at = bool(data[1:2] >= b"\x80"), data[1] & 127 if data[1:] else 0, 2
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        key = data[at : at + 4] if masked else b"\0\0\0\0"
        at += 4 * masked
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[at : at + length]))
        if len(data) < at + length:
            return None
        frames.append(Frame(data[0] & 0xF0, data[0] & 0x0F, masked, payload))
        data = data[at + length :]
    return frames


def build(frame: Frame) -> bytes:
    """The frame again, masked with zeros."""
    size, mask = len(frame.payload), FIN * frame.masked
    length = bytes([mask | size]) if size < 126 else bytes([mask | 126]) + size.to_bytes(2, "big")
    key = b"\0\0\0\0" if frame.masked else b""
    return bytes([frame.bits | frame.opcode]) + length + key + frame.payload


def mending(make: Callable[[], Mend]) -> type[WebSocketProtocol]:
    """The protocol class, with frames that are changed before it reads them, or swallowed.

    From a read on that does not end with a frame, nothing is changed.
    """

    class Mending(WebSocketProtocol):
        def connection_made(self, transport: Any) -> None:
            self.mend: Mend | None = None
            self.whole = True
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            if self.mend is None:  # the head
                self.mend = make()
            elif self.whole and (frames := parse(data)):
                mended = [self.mend(frame) for frame in frames]
                data = b"".join(build(frame) for frame in mended if frame is not None)
            else:
                self.whole = False
            super().data_received(data)

    return Mending


def each(mend: Mend) -> type[WebSocketProtocol]:
    """The same, for frames that are looked at one by one."""
    return mending(lambda: mend)


def continues() -> Mend:
    """A message within another continues it; a continuation without a message begins one."""
    inside = False

    def mend(frame: Frame) -> Frame:
        nonlocal inside
        if frame.control:
            return frame
        if inside or frame.opcode == CONTINUATION:
            frame = attrs.evolve(frame, opcode=CONTINUATION if inside else TEXT)
        inside = not frame.fin
        return frame

    return mend


def head(rewrite: Callable[[bytes], bytes]) -> type[H11Protocol]:
    """uvicorn's HTTP, with a request that is changed before anybody reads it."""

    class Head(H11Protocol):
        def data_received(self, data: bytes) -> None:
            if changed := rewrite(bytes(data)):  # nothing would be the end
                super().data_received(changed)

    return Head


def given(name: bytes, line: bytes) -> Callable[[bytes], bytes]:
    """Adds a header to requests that do not have it, if they come in one read."""
    return lambda data: (
        data
        if b"\r\n" + name in data.lower() or not WHOLE.match(data)
        else data.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)
    )


class Refusing(H11Protocol):
    """uvicorn's HTTP class, which accepts no more connections on request."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if getattr(self.server_state, "refuses", False):
            transport.close()


class StaysOpen(WebSocketProtocol):
    """The transport is closed neither by the server, nor for the client's FIN."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Leaky(transport, bytes, closes=False))  # type: ignore[arg-type]

    def eof_received(self) -> bool:
        super().eof_received()
        return True


def masked(data: bytes) -> bytes:
    """Small texts with a mask."""
    if data[:1] != b"\x81" or data[1] > 125:
        return data
    return bytes([data[0], data[1] | FIN]) + b"\0\0\0\0" + data[2:]


async def forever() -> None:
    await asyncio.Event().wait()
