"""Reads and records the frames of a server, with a library that the server does not use."""

import time

import attrs
from wsproto.extensions import Extension
from wsproto.frame_protocol import Frame, FrameProtocol, Opcode, ParseFailed

from tools.soak import wire
from tools.soak.messages import digest
from tools.soak.plan import Pong

__all__ = ["Inbox", "Seen"]


@attrs.define
class Seen:
    """The record of a client.

    Attributes:
        status: Status of the response; 0 without a response.
        headers: Headers of the response.
        body: Body of the response, if it is not a 101.
        complete: Whether the body is complete.
        messages: Digests of the received messages.
        pings: Payloads of the sent Pings.
        pongs: Payloads of the received Pongs.
        close: Code and reason of the received Close.
        ends: The end of the transport; "" if the client has ended it.
        settled: Whether all echoes and the last Pong arrived before the end, if the client waited.
        problems: A sentence for each fault that was noticed at once.
        events: Time in seconds, and a sentence, for each event.
    """

    status: int = 0
    headers: dict[str, list[str]] = attrs.field(factory=dict)
    body: str = ""
    complete: bool = False
    messages: list[str] = attrs.field(factory=list)
    pings: list[bytes] = attrs.field(factory=list)
    pongs: list[bytes] = attrs.field(factory=list)
    close: tuple[int, str] | None = None
    ends: str = ""
    settled: bool = False
    problems: list[str] = attrs.field(factory=list)
    events: list[tuple[float, str]] = attrs.field(factory=list)

    def note(self, text: str) -> None:
        """Record an event."""
        self.events.append((time.monotonic(), text))

    def blame(self, problem: str) -> None:
        """Record a fault."""
        self.problems.append(problem)
        self.note(problem)


class Inbox:
    """Takes bytes, and records the messages and control frames in them.

    Args:
        seen: The record.
        extensions: The negotiated extensions.
        deaf: Whether to leave a Close unanswered.

    Attributes:
        broken: Whether the server has violated the protocol, so that nothing more can be read.
    """

    def __init__(self, seen: Seen, extensions: list[Extension], *, deaf: bool) -> None:
        self._seen = seen
        self._deaf = deaf
        self._frames = FrameProtocol(client=True, extensions=extensions)
        self._text: list[str] = []  # parts of the current message, if it is a text
        self._data = bytearray()  # the current message, if it is binary
        self._answers: list[bytes] = []
        self._rest = bytearray()  # an incomplete frame
        self.broken = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes.

        Returns:
            The control frames that answer those in the bytes (RFC 6455 5.5.1, 5.5.2).
        """
        self._rest += data
        try:
            while (size := _size(self._rest)) and size <= len(self._rest):
                raw = bytes(self._rest[:size])
                del self._rest[:size]
                self._read(raw)
        except ParseFailed as error:
            self._seen.blame(f"the server violates the protocol: {error}")
            self.broken = True
        answers, self._answers = self._answers, []
        return answers

    def _read(self, raw: bytes) -> None:
        if self._seen.close is None:
            self._frames.receive_bytes(raw)
            for frame in self._frames.received_frames():
                self._take(frame)
        elif raw[0] & 0xF not in {Opcode.PING, Opcode.PONG}:  # RFC 6455 5.5.1: no data
            self._seen.blame("the server sends other frames than Pings and Pongs after its Close")

    def _take(self, frame: Frame) -> None:
        match frame.payload:
            case (code, reason):
                self._close(int(code), str(reason or ""))
            case str(text):
                self._text.append(text)
                if frame.message_finished:
                    self._message("".join(self._text))
            case payload:
                self._bytes(frame, bytes(payload))

    def _bytes(self, frame: Frame, payload: bytes) -> None:
        if frame.opcode is Opcode.PING:
            self._seen.note(f"gets a Ping of {payload!r}")
            self._answers.append(wire.control(Pong(payload)))
        elif frame.opcode is Opcode.PONG:
            self._seen.note(f"gets a Pong of {payload!r}")
            self._seen.pongs.append(payload)
        else:
            self._data += payload
            if frame.message_finished:
                self._message(bytes(self._data))

    def _message(self, whole: str | bytes) -> None:
        self._text.clear()
        self._data.clear()
        self._seen.messages.append(digest(whole))
        self._seen.note(f"gets {digest(whole)}")

    def _close(self, code: int, reason: str) -> None:
        self._seen.close = code, reason
        self._seen.note(f"gets a Close: {code} {reason!r}")
        if not self._deaf:
            self._answers.append(wire.close(code))


def _size(data: bytearray) -> int:
    """Return the size of the first frame; 0 if its head is not complete yet (RFC 6455 5.2)."""
    if len(data) < 2:
        return 0
    length, mask = data[1] & 0x7F, 4 if data[1] & 0x80 else 0
    longer = {126: 2, 127: 8}.get(length, 0)
    if len(data) < 2 + longer:
        return 0
    return 2 + longer + mask + (int.from_bytes(data[2 : 2 + longer]) if longer else length)
