"""Frames: the events of what arrives, the failures of what must not, and what is written."""

import random
from typing import Any

import pytest
from helpers.frame_streams import agreed, cuts, outcome, read
from helpers.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_payload, frame
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

from wsfsm.integrations.frames import (
    Close,
    Failure,
    FrameEvent,
    FrameReader,
    Ping,
    Pong,
    control_frame,
    data_frame,
    long_frame_head,
)
from wsfsm.server.commands import SendClose, SendPing, SendPong

READ: dict[str, tuple[list[bytes], list[FrameEvent]]] = {
    "a text": ([frame(TEXT, "hé".encode())], ["hé"]),
    "an empty text": ([frame(TEXT)], [""]),
    "bytes": ([frame(BINARY, b"\x00\xff")], [b"\x00\xff"]),
    "no bytes": ([frame(BINARY)], [b""]),
    "125 bytes": ([frame(BINARY, b"x" * 125)], [b"x" * 125]),
    "126 bytes": ([frame(BINARY, b"x" * 126)], [b"x" * 126]),
    "127 bytes": ([frame(BINARY, b"x" * 127)], [b"x" * 127]),
    "65535 bytes": ([frame(BINARY, b"x" * 65535)], [b"x" * 65535]),
    "65536 bytes": ([frame(BINARY, b"x" * 65536)], [b"x" * 65536]),
    "a text of 70000 bytes": ([frame(TEXT, b"x" * 70_000)], ["x" * 70_000]),
    "a text in three frames, cut inside of a character": (
        [frame(TEXT, b"h\xc3", fin=False), frame(CONT, b"\xa9", fin=False), frame(CONT, b"!")],
        ["hé!"],
    ),
    "a text whose frames but the last are empty": (
        [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT, b"x")],
        ["x"],
    ),
    "a text whose frames are all empty": ([frame(TEXT, fin=False), frame(CONT)], [""]),
    "bytes whose frames are all empty": ([frame(BINARY, fin=False), frame(CONT)], [b""]),
    "control frames between the frames of a message": (
        [frame(BINARY, b"a", fin=False), frame(PING, b"p"), frame(PONG, b"q"), frame(CONT, b"b")],
        [Ping(b"p"), Pong(b"q"), b"ab"],
    ),
    "control frames of 125 bytes": (
        [frame(PING, b"p" * 125), frame(PONG, b"q" * 125)],
        [Ping(b"p" * 125), Pong(b"q" * 125)],
    ),
    "messages of all kinds": (
        [frame(TEXT, b"1"), frame(PING), frame(BINARY, b"2"), frame(TEXT, b"3")],
        ["1", Ping(b""), b"2", "3"],
    ),
    "a close without a code": ([frame(CLOSE)], [Close(1005, "")]),
    "a close with a code": ([frame(CLOSE, close_payload(4000))], [Close(4000, "")]),
    "a close with a reason": ([frame(CLOSE, close_payload(1001, "bÿe"))], [Close(1001, "bÿe")]),
    "a close with the longest reason": (
        [frame(CLOSE, close_payload(1014, "x" * 123))],
        [Close(1014, "x" * 123)],
    ),
    "a close inside of a message": (
        [frame(TEXT, b"a", fin=False), frame(CLOSE, close_payload(1000))],
        [Close(1000, "")],
    ),
    "nothing after a close": (
        [frame(CLOSE, close_payload(1000)), frame(TEXT, b"late"), frame(CLOSE), frame(3)],
        [Close(1000, "")],
    ),
}

REFUSED: dict[str, tuple[list[bytes], int]] = {
    "a text that is not masked": ([frame(TEXT, b"x", masked=False)], 1002),
    "a ping that is not masked": ([frame(PING, masked=False)], 1002),
    **{
        f"opcode {opcode}": ([frame(opcode)], 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    **{
        f"opcode {opcode} with reserved bits {rsv}": ([frame(opcode, rsv=rsv)], 1002)
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        for rsv in range(1, 8)
    },
    "a reserved bit on a continuation": (
        [frame(TEXT, b"x", fin=False), frame(CONT, b"y", rsv=4)],
        1002,
    ),
    "a continuation of nothing": ([frame(CONT, b"x")], 1002),
    "a message inside of another": ([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], 1002),
    "bytes inside of a text": ([frame(TEXT, b"x", fin=False), frame(BINARY, b"y")], 1002),
    "a ping of 126 bytes": ([frame(PING, b"x" * 126)], 1002),
    "a pong of 126 bytes": ([frame(PONG, b"x" * 126)], 1002),
    "a close of 126 bytes": ([frame(CLOSE, close_payload(1000, "x" * 124))], 1002),
    "a ping in parts": ([frame(PING, b"x", fin=False)], 1002),
    "a close in parts": ([frame(CLOSE, close_payload(1000), fin=False)], 1002),
    "a length of 125 in two bytes": ([frame(TEXT, b"x" * 125, length_bytes=2)], 1002),
    "a length of 1 in two bytes": ([frame(BINARY, b"x", length_bytes=2)], 1002),
    "a length of 1 in eight bytes": ([frame(BINARY, b"x", length_bytes=8)], 1002),
    "a length of 65535 in eight bytes": ([frame(BINARY, b"x" * 65535, length_bytes=8)], 1002),
    "a length beyond 63 bits": ([b"\x82\xff" + b"\xff" * 8], 1002),
    "a close of one byte": ([frame(CLOSE, b"\x03")], 1002),
    **{
        f"a close with the code {code}": ([frame(CLOSE, close_payload(code))], 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a close whose reason is not UTF-8": ([frame(CLOSE, b"\x03\xe8\xff")], 1007),
    "a close whose reason ends inside of a character": ([frame(CLOSE, b"\x03\xe8\xc3")], 1007),
    "a text that is not UTF-8": ([frame(TEXT, b"\xff")], 1007),
    "a text that ends inside of a character": ([frame(TEXT, b"\xc3")], 1007),
    "a text that is not UTF-8 in its first frame": ([frame(TEXT, b"\xff", fin=False)], 1007),
    "a text that ends inside of a character, in frames": (
        [frame(TEXT, b"a\xc3", fin=False), frame(CONT)],
        1007,
    ),
}


@pytest.mark.parametrize("name", READ)
class TestReading:
    def test_frame_is_read(self, name: str) -> None:
        frames, events = READ[name]

        assert read(b"".join(frames)) == events

    def test_message_is_read_frame_by_frame(self, name: str) -> None:
        frames, events = READ[name]

        assert read(*frames) == events

    def test_message_is_read_byte_by_byte(self, name: str) -> None:
        frames, events = READ[name]

        assert read(*(bytes([byte]) for byte in b"".join(frames))) == events

    @pytest.mark.parametrize("seed", range(5))
    def test_message_is_read_in_any_pieces_after_other_messages(self, name: str, seed: int) -> None:
        frames, events = READ[name]
        data = frame(TEXT, b"before") + frame(BINARY, b"x" * 300) + b"".join(frames)
        pieces = cuts(data, random.Random(seed), (1, 2, 3, 7, 64, 500, 70_000))  # noqa: S311

        assert read(*pieces) == ["before", b"x" * 300, *events]

    def test_plain_message_is_read_where_compression_was_negotiated(self, name: str) -> None:
        frames, events = READ[name]

        assert read(b"".join(frames), **agreed()) == events


@pytest.mark.parametrize("name", REFUSED)
class TestRefusing:
    def test_invalid_frame_is_refused_after_the_frames_before_it(self, name: str) -> None:
        frames, code = REFUSED[name]
        data = b"".join([frame(TEXT, b"before"), frame(PING), *frames])

        assert outcome(read(data)) == ["before", Ping(b""), Failure(code, "")]

    def test_invalid_frame_is_refused_byte_by_byte(self, name: str) -> None:
        frames, code = REFUSED[name]

        assert outcome(read(*(bytes([byte]) for byte in b"".join(frames)))) == [Failure(code, "")]

    def test_frames_after_an_invalid_frame_are_not_read(self, name: str) -> None:
        frames, code = REFUSED[name]
        after = frame(TEXT, b"after") + frame(CLOSE)

        assert outcome(read(b"".join(frames) + after, after)) == [Failure(code, "")]

    def test_reason_for_an_invalid_frame_fits_a_close_frame(self, name: str) -> None:
        frames, _ = REFUSED[name]
        [failure] = read(*frames)

        assert isinstance(failure, Failure)
        assert 0 < len(failure.reason.encode()) <= 123


def test_continuation_after_the_end_of_a_message_is_refused() -> None:
    frames = [frame(TEXT, fin=False), frame(CONT, b"x"), frame(CONT, b"x")]

    assert outcome(read(*frames)) == ["x", Failure(1002, "")]
    assert outcome(read(b"".join(frames))) == ["x", Failure(1002, "")]


class TestStopping:
    @pytest.mark.parametrize("last", [frame(CLOSE), frame(3), frame(TEXT, b"\xff")])
    @pytest.mark.parametrize("before", [b"", frame(TEXT, b"x"), frame(TEXT, b"x", fin=False)])
    def test_stopped_reader_keeps_and_reads_nothing(self, before: bytes, last: bytes) -> None:
        reader = FrameReader()
        assert not reader.stopped

        reader.read(before + last + frame(PING) * 1000)

        assert (reader.stopped, reader.has_more) == (True, False)
        assert reader.read(frame(TEXT, b"late")) == []
        assert reader.read() == []

    def test_reader_without_data_returns_nothing(self) -> None:
        reader = FrameReader()

        assert (reader.read(), reader.read(b""), reader.has_more) == ([], [], False)


BAD_UTF8 = [
    b"\x80",  # a continuation byte
    b"\xc0",  # an overlong form, known at its first byte
    b"\xc1",
    b"\xc3\xc3",
    b"\xe0\x80",  # an overlong form, known at its second byte
    b"\xe0\x9f",
    b"\xed\xa0",  # a surrogate
    b"\xed\xbf",
    b"\xf0\x8f",
    b"\xf4\x90",  # beyond U+10FFFF
    b"\xf5",
    b"\xff",
    b"\xf0\x9f\x98x",
]


@pytest.mark.parametrize("bad", BAD_UTF8)
class TestInvalidUtf8:
    """It is reported at the first byte from which it is known."""

    @pytest.mark.parametrize("good", [*range(9), 125, 70_000])
    def test_invalid_utf8_is_reported_before_the_rest_of_the_frame_arrives(
        self, bad: bytes, good: int
    ) -> None:
        data = frame(TEXT, b"x" * good + bad + b"x" * 70_000)
        known = len(data) - 70_000

        assert read(data[: known - 1]) == []
        assert outcome(read(data[: known - 1], data[known - 1 : known])) == [Failure(1007, "")]
        assert outcome(read(data[:known])) == [Failure(1007, "")]

    def test_invalid_utf8_is_reported_in_a_later_frame_of_the_message(self, bad: bytes) -> None:
        head = frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"\xa9" + bad[:-1], fin=False)
        last = frame(CONT, bad[-1:] + b"x" * 200)

        assert read(head, last[:8]) == []
        assert outcome(read(head, last[:9])) == [Failure(1007, "")]

    @pytest.mark.parametrize("opcode", [BINARY, CONT])
    def test_binary_message_can_have_invalid_utf8(self, bad: bytes, opcode: int) -> None:
        first = frame(BINARY, bad, fin=False) if opcode == CONT else b""
        data = frame(opcode, bad * 100)

        assert read(first, data[:50], data[50:]) == [bad * (100 + bool(first))]


@pytest.mark.parametrize("text", ["\ud7ff", "\ue000", "\U0010ffff", "\U00010000", "\u0800", "\x80"])
def test_text_at_the_boundaries_of_utf8_is_read(text: str) -> None:
    payload = text.encode()

    assert read(*(frame(TEXT, payload * 3)[at : at + 1] for at in range(50))) == [text * 3]
    assert read(frame(TEXT, payload[:-1], fin=False), frame(CONT, payload[-1:])) == [text]


class TestSizes:
    SIZES = pytest.mark.parametrize("size", [0, 1, 125, 126, 1000, 65535, 65536, 100_000])

    @SIZES
    def test_message_of_the_maximal_size_is_read(self, size: int) -> None:
        assert read(frame(BINARY, b"x" * size), max_size=size) == [b"x" * size]

    @SIZES
    def test_message_one_byte_too_long_is_refused(self, size: int) -> None:
        too_much = frame(BINARY, b"x" * (size + 1))

        assert outcome(read(too_much, max_size=size)) == [Failure(1009, "")]
        # the length is enough: nothing is kept for the rest
        assert outcome(read(too_much[:10], max_size=size)) == [Failure(1009, "")]

    def test_largest_length_is_accepted_only_without_a_limit(self) -> None:
        head = b"\x82\xff\x7f" + b"\xff" * 7 + b"mask"

        assert read(head, b"x" * 1000) == []
        assert outcome(read(head, max_size=2**40)) == [Failure(1009, "")]

    def test_sizes_of_all_frames_of_a_message_are_added(self) -> None:
        parts = [frame(TEXT, b"x" * 4, fin=False), frame(PING, b"p" * 9), frame(CONT, b"x" * 6)]

        assert read(*parts, max_size=10) == [Ping(b"p" * 9), "x" * 10]
        assert outcome(read(*parts, max_size=9)) == [Ping(b"p" * 9), Failure(1009, "")]

    def test_sizes_of_separate_messages_are_not_added(self) -> None:
        message = frame(TEXT, b"x" * 4, fin=False) + frame(CONT, b"x" * 4)

        assert read(message, message, max_size=8) == ["x" * 8] * 2

    def test_control_frames_do_not_count_towards_the_size(self) -> None:
        frames = [frame(BINARY, b"", fin=False), frame(PING, b"p" * 125), frame(CONT)]

        assert read(*frames, max_size=0) == [Ping(b"p" * 125), b""]

    def test_size_is_counted_in_bytes_and_not_in_characters(self) -> None:
        assert outcome(read(frame(TEXT, "é".encode() * 5), max_size=9)) == [Failure(1009, "")]
        assert read(frame(TEXT, "é".encode() * 5), max_size=10) == ["é" * 5]


class TestUnknownExtensions:
    def test_unknown_extension_is_refused_by_the_constructor(self) -> None:
        with pytest.raises(TypeError, match="must be permessage-deflate"):
            FrameReader([Extension()])


class TestWriting:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70_000])
    @pytest.mark.parametrize("text", [True, False])
    def test_data_frame_is_written_as_websockets_writes_it(self, size: int, text: bool) -> None:
        opcode = Opcode.TEXT if text else Opcode.BINARY
        whole = Frame(opcode, b"x" * size).serialize(mask=False)

        assert data_frame(b"x" * size, text) == whole
        if size >= 2**16:
            assert long_frame_head(size, text) + b"x" * size == whole

    @pytest.mark.parametrize(
        ("command", "written"),
        [
            (SendPing(b"p"), b"\x89\x01p"),
            (SendPing(b"p" * 125), b"\x89\x7d" + b"p" * 125),
            (SendPong(b""), b"\x8a\x00"),
            (SendClose(1005), b"\x88\x00"),
            (SendClose(1000), b"\x88\x02\x03\xe8"),
            (SendClose(4000, "é"), b"\x88\x04\x0f\xa0\xc3\xa9"),
        ],
    )
    def test_control_frame_is_written(
        self, command: SendPing | SendPong | SendClose, written: bytes
    ) -> None:
        assert control_frame(command) == written


@pytest.mark.parametrize("command", [SendPing(b"p" * 126), SendClose(1000, "é" * 62)])
def test_control_frame_that_is_too_long_is_refused(
    command: SendPing | SendClose,
) -> None:
    with pytest.raises(ValueError, match="must have at most 125 bytes"):
        control_frame(command)


def test_events_are_records() -> None:
    events: list[Any] = [Ping(b"x"), Pong(b"x"), Close(1000, "x"), Failure(1002, "x")]

    assert [repr(event) for event in events] == [
        "Ping(payload=b'x')",
        "Pong(payload=b'x')",
        "Close(code=1000, reason='x')",
        "Failure(code=1002, reason='x')",
    ]
