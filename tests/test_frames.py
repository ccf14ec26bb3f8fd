"""Frames: what is read, however it is cut, what is refused, and what is written."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_payload, frame, opened

from wsfsm.commands import Command, SendClose, SendPing, SendPong
from wsfsm.integrations.frames import FrameReader, control_frame, data_frame, negotiate
from wsfsm.server import BadHandshake, ServerConnection

Told = list[tuple[Any, ...]]


class Listener(ServerConnection):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Told = []

    def receive_data(self, data: str | bytes) -> list[Command]:
        self.told.append(("data", data))
        return []

    def receive_ping(self, payload: bytes) -> list[Command]:
        self.told.append(("ping", payload))
        return []

    def receive_pong(self, payload: bytes) -> list[Command]:
        self.told.append(("pong", payload))
        return []

    def receive_close(self, code: int = 1005, reason: str = "") -> list[Command]:
        self.told.append(("close", code, reason))
        return []


def read(*chunks: bytes, **options: Any) -> Told:
    listener = Listener()
    reader = FrameReader(listener, **options)
    for chunk in chunks:
        reader.feed(chunk)
    return listener.told + ([("error", *reader.error)] if reader.error else [])


def errors(*chunks: bytes, **options: Any) -> Told:
    """What is told, with an error's reason left out."""
    return [told[:2] if told[0] == "error" else told for told in read(*chunks, **options)]


def cuts(data: bytes, seed: int) -> list[bytes]:
    """The same bytes in pieces."""
    chance, pieces = random.Random(seed), []  # noqa: S311 - nothing secret
    while data:
        size = chance.choice((1, 2, 3, 7, 64, 500, 70_000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


READ: dict[str, tuple[list[bytes], Told]] = {
    "a text": ([frame(TEXT, "hé".encode())], [("data", "hé")]),
    "an empty text": ([frame(TEXT)], [("data", "")]),
    "bytes": ([frame(BINARY, b"\x00\xff")], [("data", b"\x00\xff")]),
    "no bytes": ([frame(BINARY)], [("data", b"")]),
    "125 bytes": ([frame(BINARY, b"x" * 125)], [("data", b"x" * 125)]),
    "126 bytes": ([frame(BINARY, b"x" * 126)], [("data", b"x" * 126)]),
    "65535 bytes": ([frame(BINARY, b"x" * 65535)], [("data", b"x" * 65535)]),
    "65536 bytes": ([frame(BINARY, b"x" * 65536)], [("data", b"x" * 65536)]),
    "a text in three frames, cut inside of a character": (
        [frame(TEXT, b"h\xc3", fin=False), frame(CONT, b"\xa9", fin=False), frame(CONT, b"!")],
        [("data", "hé!")],
    ),
    "a text whose frames but the last are empty": (
        [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT, b"x")],
        [("data", "x")],
    ),
    "control frames between the frames of a message": (
        [frame(BINARY, b"a", fin=False), frame(PING, b"p"), frame(PONG, b"q"), frame(CONT, b"b")],
        [("ping", b"p"), ("pong", b"q"), ("data", b"ab")],
    ),
    "messages of all kinds": (
        [frame(TEXT, b"1"), frame(PING), frame(BINARY, b"2"), frame(TEXT, b"3")],
        [("data", "1"), ("ping", b""), ("data", b"2"), ("data", "3")],
    ),
    "a close without a code": ([frame(CLOSE)], [("close", 1005, "")]),
    "a close with a code": ([frame(CLOSE, close_payload(4000))], [("close", 4000, "")]),
    "a close with a reason": (
        [frame(CLOSE, close_payload(1001, "bÿe"))],
        [("close", 1001, "bÿe")],
    ),
    "a close inside of a message": (
        [frame(TEXT, b"a", fin=False), frame(CLOSE, close_payload(1000))],
        [("close", 1000, "")],
    ),
    "nothing after a close": (
        [frame(CLOSE, close_payload(1000)), frame(TEXT, b"late"), frame(CLOSE), frame(3)],
        [("close", 1000, "")],
    ),
}

REFUSED: dict[str, tuple[list[bytes], int]] = {
    "a frame that is not masked": ([frame(TEXT, b"x", masked=False)], 1002),
    "an opcode that is none": ([frame(3)], 1002),
    "a control opcode that is none": ([frame(11)], 1002),
    "a reserved bit": ([frame(TEXT, b"x", rsv=1)], 1002),
    "the bit of an extension that was not agreed on": ([frame(TEXT, b"x", rsv=4)], 1002),
    "a continuation of nothing": ([frame(CONT, b"x")], 1002),
    "a message inside of another": ([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], 1002),
    "bytes inside of a text": ([frame(TEXT, b"x", fin=False), frame(BINARY, b"y")], 1002),
    "a ping of 126 bytes": ([frame(PING, b"x" * 126)], 1002),
    "a ping in parts": ([frame(PING, b"x", fin=False)], 1002),
    "a length of 125 in two bytes": ([frame(TEXT, b"x" * 125, length_bytes=2)], 1002),
    "a length of 1 in two bytes": ([frame(BINARY, b"x", length_bytes=2)], 1002),
    "a length of 65535 in eight bytes": ([frame(BINARY, b"x" * 65535, length_bytes=8)], 1002),
    "a length beyond 63 bits": ([b"\x82\xff" + b"\xff" * 8], 1002),
    "a close of one byte": ([frame(CLOSE, b"\x03")], 1002),
    "a close with a code that is never on the wire": ([frame(CLOSE, close_payload(1005))], 1002),
    "a close with a code that is none": ([frame(CLOSE, close_payload(999))], 1002),
    "a close whose reason is no text": ([frame(CLOSE, b"\x03\xe8\xff")], 1007),
    "a text that is none": ([frame(TEXT, b"\xff")], 1007),
    "a text that ends inside of a character": ([frame(TEXT, b"\xc3")], 1007),
    "a text that is none in its first part": ([frame(TEXT, b"\xff", fin=False)], 1007),
    "a text that ends inside of a character, in parts": (
        [frame(TEXT, b"a\xc3", fin=False), frame(CONT)],
        1007,
    ),
}


@pytest.mark.parametrize("name", READ)
class TestReading:
    def test_it_is_read(self, name: str) -> None:
        frames, told = READ[name]

        assert read(b"".join(frames)) == told

    def test_it_is_read_frame_by_frame(self, name: str) -> None:
        frames, told = READ[name]

        assert read(*frames) == told

    def test_it_is_read_byte_by_byte(self, name: str) -> None:
        frames, told = READ[name]

        assert read(*(bytes([byte]) for byte in b"".join(frames))) == told

    @pytest.mark.parametrize("seed", range(5))
    def test_it_is_read_in_any_pieces_after_and_before_others(self, name: str, seed: int) -> None:
        frames, told = READ[name]
        before = frame(TEXT, b"before") + frame(BINARY, b"x" * 300)

        assert read(*cuts(before + b"".join(frames), seed)) == [
            ("data", "before"),
            ("data", b"x" * 300),
            *told,
        ]


@pytest.mark.parametrize("name", REFUSED)
class TestRefusing:
    def test_it_is_refused_after_what_came_before(self, name: str) -> None:
        frames, code = REFUSED[name]
        data = b"".join([frame(TEXT, b"before"), *frames])

        assert errors(data) == [("data", "before"), ("error", code)]

    def test_it_is_refused_byte_by_byte(self, name: str) -> None:
        frames, code = REFUSED[name]

        assert errors(*(bytes([byte]) for byte in b"".join(frames))) == [("error", code)]

    def test_nothing_is_read_after_it(self, name: str) -> None:
        frames, code = REFUSED[name]
        after = frame(TEXT, b"after") + frame(CLOSE)

        assert errors(b"".join(frames) + after, after) == [("error", code)]

    def test_its_reason_fits_a_close_frame(self, name: str) -> None:
        frames, _ = REFUSED[name]
        reason = read(*frames)[0][2]

        assert reason
        assert len(reason.encode()) <= 123


class TestTextThatIsNone:
    """It is told as soon as it can be known."""

    @pytest.mark.parametrize("bad", range(9))
    def test_before_the_rest_of_the_frame_has_come(self, bad: int) -> None:
        text = b"x" * bad + b"\xff" + b"x" * 300
        data = frame(TEXT, text)

        assert errors(data[: 8 + bad]) == []
        assert errors(data[: 8 + bad], data[8 + bad : 9 + bad]) == [("error", 1007)]

    def test_in_a_later_frame_of_the_message(self) -> None:
        first = frame(TEXT, b"\xc3", fin=False)
        good, bad = frame(CONT, b"\xa9" + b"x" * 200), frame(CONT, b"x" * 200)

        assert errors(first, good[:9]) == []
        assert errors(first, bad[:9]) == [("error", 1007)]

    @pytest.mark.parametrize("opcode", [BINARY, CONT])
    def test_bytes_may_be_anything(self, opcode: int) -> None:
        first = frame(BINARY, b"\xff", fin=False) if opcode == CONT else b""
        data = frame(opcode, b"\xff" * 300)

        assert read(first, data[:50], data[50:]) == [("data", b"\xff" * (300 + bool(first)))]


class TestSizes:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 1000, 65535, 65536, 100_000])
    def test_a_message_has_at_most_that_size(self, size: int) -> None:
        assert read(frame(BINARY, b"x" * size), max_size=size) == [("data", b"x" * size)]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 1000, 65535, 65536, 100_000])
    def test_one_byte_more_is_too_much(self, size: int) -> None:
        too_much = frame(BINARY, b"x" * (size + 1))

        assert errors(too_much, max_size=size) == [("error", 1009)]
        # the head tells it: the rest is not waited for
        assert errors(too_much[:14], max_size=size) == [("error", 1009)]

    def test_all_frames_of_a_message_count_together(self) -> None:
        parts = [frame(TEXT, b"x" * 4, fin=False), frame(PING, b"p" * 9), frame(CONT, b"x" * 6)]

        assert read(*parts, max_size=10)[-1] == ("data", "x" * 10)
        assert errors(*parts, max_size=9)[-1] == ("error", 1009)

    def test_messages_count_each_for_itself(self) -> None:
        message = frame(TEXT, b"x" * 4, fin=False) + frame(CONT, b"x" * 4)

        assert read(message, message, max_size=8) == [("data", "x" * 8)] * 2

    def test_bytes_count_not_characters(self) -> None:
        assert errors(frame(TEXT, "é".encode() * 5), max_size=9) == [("error", 1009)]

    def test_what_a_message_is_after_decompression_counts(self) -> None:
        deflate = PerMessageDeflate(False, False, 12, 12)
        small = Frame(Opcode.BINARY, b"\x00" * 5000).serialize(mask=True, extensions=[deflate])

        assert len(small) < 100
        options = {"extensions": [PerMessageDeflate(False, False, 12, 12)]}
        assert errors(small, max_size=4999, **options) == [("error", 1009)]


class TestExtensions:
    def agreed(self) -> list[PerMessageDeflate]:
        _, extensions = negotiate([b"permessage-deflate"])
        return list(extensions)  # type: ignore[arg-type]

    def test_permessage_deflate_is_agreed_on(self) -> None:
        header, extensions = negotiate([b"foo, permessage-deflate; client_max_window_bits"])

        assert header is not None
        assert header.startswith("permessage-deflate")
        assert len(extensions) == 1

    @pytest.mark.parametrize("offers", [[], [b"foo"], [b"permessage-deflate; bar"]])
    def test_nothing_else_is(self, offers: list[bytes]) -> None:
        header, extensions = negotiate(offers)

        assert (header, list(extensions)) == (None, [])

    def test_an_offer_without_a_meaning_is_refused(self) -> None:
        with pytest.raises(BadHandshake) as caught:
            negotiate([b"permessage-deflate; ="])

        assert caught.value.status == 400

    @pytest.mark.parametrize("offers", [[], [b""], [b" ,\t,"], [b"", b"foo"]])
    def test_what_offers_nothing_is_agreed_on_nothing(self, offers: list[bytes]) -> None:
        assert negotiate(offers) == (None, [])

    def test_compressed_and_other_messages_are_read(self) -> None:
        client = PerMessageDeflate(False, False, 12, 12)
        first = Frame(Opcode.TEXT, b"hello" * 50).serialize(mask=True, extensions=[client])
        second = Frame(Opcode.TEXT, b"hello" * 60).serialize(mask=True, extensions=[client])

        assert read(first, frame(TEXT, b"plain"), second, extensions=self.agreed()) == [
            ("data", "hello" * 50),
            ("data", "plain"),
            ("data", "hello" * 60),
        ]

    def test_what_cannot_be_decompressed_is_refused(self) -> None:
        nonsense = frame(BINARY, b"\xff" * 20, rsv=4)

        assert errors(nonsense, extensions=self.agreed()) == [("error", 1002)]

    def test_what_is_written_can_be_read(self) -> None:
        client = PerMessageDeflate(False, False, 12, 12)
        written = data_frame(b"hello" * 50, text=True, extensions=self.agreed())

        assert len(written) < 50
        decoded = client.decode(Frame(Opcode.TEXT, written[2:], rsv1=True))
        assert decoded.data == b"hello" * 50


class TestWriting:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70_000])
    @pytest.mark.parametrize("text", [True, False])
    def test_a_data_frame_is_as_the_library_writes_it(self, size: int, text: bool) -> None:
        opcode = Opcode.TEXT if text else Opcode.BINARY
        whole = Frame(opcode, b"x" * size).serialize(mask=False)

        assert data_frame(b"x" * size, text) == whole

    @pytest.mark.parametrize(
        ("command", "written"),
        [
            (SendPing(b"p"), b"\x89\x01p"),
            (SendPong(b""), b"\x8a\x00"),
            (SendClose(1005), b"\x88\x00"),
            (SendClose(1000), b"\x88\x02\x03\xe8"),
            (SendClose(4000, "é"), b"\x88\x04\x0f\xa0\xc3\xa9"),
        ],
    )
    def test_control_frames(self, command: SendPing | SendPong | SendClose, written: bytes) -> None:
        assert control_frame(command) == written


MESSAGES = st.lists(
    st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=80), st.integers(1, 4)), max_size=6
)


@settings(max_examples=150)
@given(messages=MESSAGES, seed=st.integers(0, 2**16))
def test_any_messages_in_any_frames_and_pieces_are_read(
    messages: list[tuple[int, str, int]], seed: int
) -> None:
    chance, data = random.Random(seed), b""  # noqa: S311 - nothing secret
    for opcode, text, parts in messages:
        payload = text.encode()
        ends = [*sorted(chance.randint(0, len(payload)) for _ in range(parts - 1)), len(payload)]
        begin = 0
        for number, end in enumerate(ends):
            part = payload[begin:end]
            data += frame(CONT if number else opcode, part, fin=number == parts - 1)
            begin = end

    expected = [("data", text if opcode == TEXT else text.encode()) for opcode, text, _ in messages]
    assert read(*cuts(data, seed)) == expected


def test_the_commands_of_all_that_was_read_are_returned_in_order() -> None:
    reader = FrameReader(opened())
    commands = reader.feed(frame(PING, b"1") + frame(TEXT, b"x") + frame(PING, b"2") + frame(CLOSE))

    assert commands[:2] == [SendPong(b"1"), SendPong(b"2")]
    assert SendClose(1005) in commands
