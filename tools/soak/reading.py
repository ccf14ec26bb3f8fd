"""Reads the frames of a server, by a library that the server does not use, and notes them."""

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
    """All that a client has seen and done.

    Attributes:
        status: Status of the response; 0: there was none.
        headers: Its headers.
        body: Its body, but for 101.
        complete: Whether that is complete.
        messages: The messages that were received, in short.
        pings: Payloads of the Pings that were sent.
        pongs: Payloads of the Pongs that were received.
        close: Code and reason of the Close that was received.
        ends: How the transport has ended; "" if the client has ended it.
        settled: Whether it has settled in the end, if it was to.
        problems: Sentences on all that must never happen.
        events: Seconds, and sentences on all that has happened.
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
        """Note that something has happened."""
        self.events.append((time.monotonic(), text))

    def blame(self, problem: str) -> None:
        """Note that something has happened that must never happen."""
        self.problems.append(problem)
        self.note(problem)


class Inbox:
    """Takes bytes, and notes the messages and control frames that they hold.

    Args:
        seen: Where they are noted.
        extensions: Extensions that were agreed on.
        deaf: Whether a Close is not answered.

    Attributes:
        broken: Whether the protocol was violated, after which nothing can be read.
    """

    def __init__(self, seen: Seen, extensions: list[Extension], *, deaf: bool) -> None:
        self._seen = seen
        self._deaf = deaf
        self._frames = FrameProtocol(client=True, extensions=extensions)
        self._text: list[str] = []  # parts of the present message, if it is a text
        self._data = bytearray()  # the same, if it is not
        self._answers: list[bytes] = []
        self._rest = bytearray()  # of a frame that is not complete
        self.broken = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes.

        Returns:
            The frames that answer what they hold (RFC 6455 5.5.1, 5.5.2).
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
            self._seen.blame("the server sends more than control frames after its Close")

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
    """Bytes of the frame that others begin with; 0 if it cannot be known yet (RFC 6455 5.2)."""
    if len(data) < 2:
        return 0
    length, mask = data[1] & 0x7F, 4 if data[1] & 0x80 else 0
    longer = {126: 2, 127: 8}.get(length, 0)
    if len(data) < 2 + longer:
        return 0
    return 2 + longer + mask + (int.from_bytes(data[2 : 2 + longer]) if longer else length)
