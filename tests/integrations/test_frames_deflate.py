"""Compressed messages (RFC 7692 6, 7.2): what is inflated, and what is not DEFLATE."""

import itertools
import random
import zlib
from typing import Any

import pytest
from helpers.frame_streams import (
    Deflater,
    agreed,
    bits,
    compressed,
    cuts,
    deflate,
    in_frames,
    outcome,
    read,
)
from helpers.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_payload, frame
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from wsfsm.integrations.frames import Close, Failure, FrameEvent, Ping, Pong, data_frame

TAKEOVER = b"permessage-deflate"
NO_TAKEOVER = b"permessage-deflate; client_no_context_takeover"
BOTH = pytest.mark.parametrize("offer", [TAKEOVER, NO_TAKEOVER])

EXAMPLES = {
    "7.2.3.1, one block": "f2 48 cd c9 c9 07 00",
    "7.2.3.3, no compression": "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "7.2.3.4, BFINAL=1": "f3 48 cd c9 c9 07 00 00",
    "7.2.3.4, without its last byte": "f3 48 cd c9 c9 07 00",
    "7.2.3.5, two blocks": "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    "two blocks with BFINAL=1": "01 02 00 fd ff 48 65 01 03 00 fc ff 6c 6c 6f 00",
    "a block with BFINAL=1 and one without": "01 02 00 fd ff 48 65 00 03 00 fc ff 6c 6c 6f 00",
    "an empty block with BFINAL=1 before and after": "03 00 00 05 00 fa ff 48 65 6c 6c 6f 03 00 00",
}
"""Messages "Hello"; numbers are sections of RFC 7692."""


def example(name: str) -> bytes:
    return bytes.fromhex(EXAMPLES[name])


def one_by_one(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


@BOTH
@pytest.mark.parametrize("name", EXAMPLES)
class TestExamplesOfTheRfc:
    def test_example_of_rfc_7692_is_read_repeatedly(self, name: str, offer: bytes) -> None:
        data = frame(TEXT, example(name), rsv=4) * 3

        assert read(data, **agreed(offer)) == ["Hello"] * 3
        assert read(*one_by_one(data), **agreed(offer)) == ["Hello"] * 3

    def test_example_of_rfc_7692_is_read_in_fragments(self, name: str, offer: bytes) -> None:
        payload = example(name)
        for ends in itertools.combinations_with_replacement(range(len(payload) + 1), 2):
            data = b"".join(in_frames(TEXT, payload, ends, rsv=4)) * 2

            assert read(data, **agreed(offer)) == ["Hello"] * 2
            assert read(*one_by_one(data), **agreed(offer)) == ["Hello"] * 2

    def test_examples_of_rfc_7692_are_read_in_any_order(self, name: str, offer: bytes) -> None:
        frames = [frame(TEXT, example(other), rsv=4) for other in EXAMPLES]
        data = b"".join(itertools.chain(*((frame(TEXT, example(name), rsv=4), f) for f in frames)))

        assert read(data, **agreed(offer)) == ["Hello"] * (2 * len(EXAMPLES))


class TestContext:
    def test_message_can_refer_to_the_previous_one_with_context_takeover(self) -> None:
        # RFC 7692 7.2.3.2
        data = frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)
        data += frame(TEXT, bytes.fromhex("f200110000"), rsv=4)

        assert read(data, **agreed()) == ["Hello", "Hello"]
        assert outcome(read(data, **agreed(NO_TAKEOVER))) == ["Hello", Failure(1007, "")]

    def test_client_can_reset_its_context_without_having_negotiated_it(self) -> None:
        assert read(compressed(b"hello", b"hello", takeover=False), **agreed()) == [b"hello"] * 2

    def test_plain_messages_and_control_frames_do_not_change_the_context(self) -> None:
        deflater = Deflater()
        messages = [b"hello" * count for count in range(1, 6)]
        frames = [frame(BINARY, deflater.message(message), rsv=4) for message in messages]
        plain = frame(BINARY, b"plain") + frame(PING)

        events = read(plain.join(frames), **agreed())
        assert [event for event in events if event not in (b"plain", Ping(b""))] == messages

    @pytest.mark.parametrize("bits", range(8, 16))
    def test_compressed_messages_are_read_with_a_window_of_any_size(self, bits: int) -> None:
        # zlib's deflate takes 9 bits for 8, and refers to the last 250 bytes then
        size = 2 ** max(9, bits) - 300
        block = random.Random(bits).randbytes(size)  # noqa: S311 - nothing secret
        messages = [block, block, block[::-1], block]
        data = compressed(*messages, bits=max(9, bits))
        offer = b"permessage-deflate"
        if bits <= 12:
            offer += b"; client_max_window_bits=%d" % bits

        assert len(data) < 3.3 * size + 100
        assert read(data, **agreed(offer)) == messages

    @BOTH
    def test_deflate_stream_can_end_and_restart_at_any_message(self, offer: bytes) -> None:
        chance = random.Random(1)  # noqa: S311 - nothing secret
        deflater = Deflater(takeover=offer == TAKEOVER)
        data, messages = b"", []
        for number in range(50):
            message = b"message %d " % number * chance.randrange(20)
            data += frame(BINARY, deflater.message(message, final=chance.random() < 0.3), rsv=4)
            messages.append(message)

        assert read(data, **agreed(offer)) == messages


class TestEmptyMessages:
    @BOTH
    @pytest.mark.parametrize(
        "payload", ["00", "02 00", "03 00 00", "03 00", "01 00 00 ff ff 00", ""]
    )
    def test_empty_message_is_read_and_does_not_change_the_stream(
        self, payload: str, offer: bytes
    ) -> None:
        # RFC 7692 7.2.3.6; nothing at all is zlib's flush of nothing, without a tail
        empty = frame(TEXT, bytes.fromhex(payload), rsv=4)
        hello = frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)

        assert read(empty + hello + empty + empty, **agreed(offer)) == ["", "Hello", "", ""]
        assert read(*one_by_one(empty + hello), **agreed(offer)) == ["", "Hello"]

    def test_empty_compressed_fragments_are_read(self) -> None:
        payload = bytes.fromhex("f248cdc9c90700")
        for ends in ([0], [0, 0], [3, 3], [7], [0, 3, 3, 7, 7]):
            data = b"".join(in_frames(TEXT, payload, ends, rsv=4))
            assert read(data + data, **agreed()) == ["Hello"] * 2

        data = b"".join(in_frames(BINARY, b"", [0, 0], rsv=4))
        assert read(data, **agreed()) == [b""]

    def test_control_frames_between_compressed_fragments_are_read(self) -> None:
        first, second = in_frames(TEXT, bytes.fromhex("f248cdc9c90700"), [3], rsv=4)
        data = first + frame(PING, b"p") + frame(PONG, b"q") + second

        assert read(data, **agreed()) == [Ping(b"p"), Pong(b"q"), "Hello"]
        assert read(first + frame(CLOSE, close_payload(1000)), **agreed()) == [Close(1000, "")]


def stored(promised: int, there: bytes) -> bytes:
    """A stored block that promises more than there is."""
    size = promised.to_bytes(2, "little")
    return b"\x00" + size + bytes(byte ^ 0xFF for byte in size) + there


NOT_DEFLATE: dict[str, bytes] = {
    "nonsense": b"\xff" * 20,
    "a type of block that is reserved": bits((0, 1), (3, 2)),
    "a stored block whose length is wrong": b"\x00\x05\x00\x00\x00hello",
    "a distance beyond the beginning": bytes.fromhex("f200110000"),
    "too many codes": bits((0, 1), (2, 2), (31, 5), (31, 5), (15, 4)),
    "a stored block that is cut off": stored(60_000, b"x" * 3000),
    "a stored block that lacks one byte": stored(5, b"Hell"),
    "a stored block that lacks all": stored(5, b""),
    "a stored block whose tail would be its data": stored(4, b""),
    "the first byte of a length": b"\x00\x05",
    "the tail itself, kept": b"\x00\x00\x00\xff\xff",
    "a final block that is cut off": bytes.fromhex("f348cdc9"),
    "a final block whose end the tail would make": bytes.fromhex("f348cdc9c9"),
    "a message without its last byte": bytes.fromhex("f248cdc9c907"),
    "codes that are cut off": bits((0, 1), (2, 2), (0, 5), (0, 5), (15, 4), *[(1, 3)] * 5),
}


@BOTH
@pytest.mark.parametrize("name", NOT_DEFLATE)
class TestInvalidPayloads:
    def test_payload_that_is_not_deflate_is_refused(self, name: str, offer: bytes) -> None:
        data = frame(TEXT, b"before") + frame(BINARY, NOT_DEFLATE[name], rsv=4)

        assert outcome(read(data, **agreed(offer))) == ["before", Failure(1007, "")]
        assert outcome(read(*one_by_one(data), **agreed(offer))) == ["before", Failure(1007, "")]

    def test_reason_for_an_invalid_payload_fits_a_close_frame(
        self, name: str, offer: bytes
    ) -> None:
        [failure] = read(frame(BINARY, NOT_DEFLATE[name], rsv=4), **agreed(offer))

        assert isinstance(failure, Failure)
        assert 0 < len(failure.reason.encode()) <= 123


class TestTruncatedMessages:
    """The tail that a sender has removed completes a message, and nothing else."""

    @pytest.mark.parametrize("seed", range(20))
    def test_truncated_message_is_refused_or_does_not_affect_the_next_one(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - nothing secret
        words = [chance.randbytes(chance.randrange(1, 5)) for _ in range(chance.randrange(1, 40))]
        message = b"".join(chance.choices(words, k=chance.randrange(1, 100)))
        options: dict[str, Any] = {
            "level": chance.randrange(10),
            "memLevel": chance.randrange(1, 10),
            "strategy": chance.randrange(5),
        }
        payload = Deflater(**options).message(message)
        hello = frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)
        refused = 0
        for size in range(1, len(payload)):
            events = outcome(read(frame(BINARY, payload[:size], rsv=4) + hello, **agreed()))
            if events == [Failure(1007, "")]:
                refused += 1
            else:
                # cut between two blocks: the next message is not taken for the rest of this one
                assert len(events) == 2
                assert isinstance(events[0], bytes)
                assert message.startswith(events[0])
                assert events[1] == "Hello"
        assert refused >= len(payload) * 0.9 - 3


class TestFailingFast:
    def test_invalid_utf8_is_reported_before_the_end_of_the_message(self) -> None:
        payload = deflate(b"x" * 1000 + b"\xff") + deflate(b"x" * 5000)
        data = frame(TEXT, payload, rsv=4)
        places = [at for at in range(len(data)) if read(data[:at], **agreed())]

        assert places
        assert places[0] < len(data) - len(deflate(b"x" * 5000))

    def test_text_in_fragments_cut_anywhere_is_read(self) -> None:
        # RSV1 is not on continuations, which are compressed all the same (RFC 7692 6.1)
        text = "".join(random.Random(2).choices("abcdefgh ijklmnöß€😀", k=4000))  # noqa: S311
        payload = deflate(text.encode())
        frames = in_frames(TEXT, payload, [100, 2000], rsv=4)
        for at in range(1, len(frames[1]), 97):
            pieces = [frames[0], frames[1][:at], frames[1][at:], frames[2]]
            assert read(*pieces, **agreed()) == [text]


class TestSizes:
    @BOTH
    @pytest.mark.parametrize("size", [0, 1, 100, 65535, 65536, 65537, 200_000])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_size_is_counted_after_inflation(self, size: int, opcode: int, offer: bytes) -> None:
        message = b"x" * size
        event: FrameEvent = message.decode() if opcode == TEXT else message
        data = frame(opcode, deflate(message), rsv=4)

        assert read(data, max_size=size, **agreed(offer)) == [event]
        assert read(*one_by_one(data), max_size=size, **agreed(offer)) == [event]
        data = frame(opcode, deflate(message + b"x"), rsv=4)
        assert outcome(read(data, max_size=size, **agreed(offer))) == [Failure(1009, "")]

    def test_sizes_of_all_compressed_frames_are_added(self) -> None:
        frames = in_frames(BINARY, deflate(bytes(range(200))), [50, 50, 100], rsv=4)

        assert read(*frames, max_size=200, **agreed()) == [bytes(range(200))]
        assert outcome(read(*frames, max_size=199, **agreed())) == [Failure(1009, "")]

    @BOTH
    @pytest.mark.parametrize("size", [1, 121, 122, 4092, 4093, 65530, 70_000])
    def test_frame_of_any_length_is_read(self, size: int, offer: bytes) -> None:
        # stored, so that the payload has five bytes more, and one at the end
        payload = random.Random(size).randbytes(size)  # noqa: S311 - nothing secret
        blocks = [payload[at : at + 65535] for at in range(0, size, 65535)]
        stored = b"".join(
            b"\x00"
            + len(block).to_bytes(2, "little")
            + (len(block) ^ 65535).to_bytes(2, "little")
            + block
            for block in blocks
        )
        data = frame(BINARY, stored + b"\x00", rsv=4)

        assert read(data * 2, **agreed(offer)) == [payload] * 2
        assert read(data[:-1], data[-1:], **agreed(offer)) == [payload]

    @pytest.mark.parametrize("length", [b"\xfe\x00\x07", b"\xff" + bytes(7) + b"\x07"])
    def test_length_that_is_not_minimal_is_refused(self, length: bytes) -> None:
        data = b"\xc1" + length + bytes(4) + example("7.2.3.1, one block")

        assert read(data, **agreed()) == [Failure(1002, "length not minimally encoded")]

    def test_unmasked_compressed_frame_is_refused(self) -> None:
        payload = example("7.2.3.1, one block")
        data = bytes((0xC1, len(payload))) + payload

        assert read(data, **agreed()) == [Failure(1002, "incorrect masking")]

    def test_frame_can_be_longer_than_its_inflated_message(self) -> None:
        payload = b"\x00\x00\x00\xff\xff" * 1000 + deflate(b"x")

        assert read(frame(BINARY, payload, rsv=4), max_size=1, **agreed()) == [b"x"]

    def test_excessive_size_is_reported_before_the_rest_arrives(self) -> None:
        data = frame(BINARY, deflate(bytes(10_000_000)), rsv=4)

        assert outcome(read(data[: len(data) // 2], max_size=1000, **agreed())) == [
            Failure(1009, "")
        ]

    def test_size_of_plain_messages_is_limited(self) -> None:
        assert outcome(read(frame(TEXT, b"xx"), max_size=1, **agreed())) == [Failure(1009, "")]


class TestFirstError:
    """The first one does, in the order of the bytes, however they are cut."""

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            (b"x" * 9 + b"\xff", 1007),
            (b"x" * 10 + b"\xff", 1009),
            (b"x" * 9 + b"\xffx", 1007),
            (b"x" * 9 + b"\xc3\xa9", 1009),
            (b"x" * 9 + b"\xc3", 1007),
        ],
    )
    def test_first_of_invalid_utf8_and_excessive_size_is_reported(
        self, payload: bytes, code: int
    ) -> None:
        data = frame(TEXT, deflate(payload), rsv=4)

        assert outcome(read(data, max_size=10, **agreed())) == [Failure(code, "")]
        assert outcome(read(*one_by_one(data), max_size=10, **agreed())) == [Failure(code, "")]

    @pytest.mark.parametrize("size", range(1, 30))
    def test_first_of_excessive_size_and_invalid_deflate_is_reported(self, size: int) -> None:
        # literals of 8 bits, then a symbol that is none of them
        fields = [(0, 1), (1, 2), *[(0x1E, 8)] * size, (0b11, 8), (0xFF, 8)]
        data = frame(BINARY, bits(*fields), rsv=4)
        for limit in range(size + 2):
            codes = {
                event.code
                for pieces in ([data], one_by_one(data), [data[:-1], data[-1:]])
                for event in read(*pieces, max_size=limit, **agreed())
                if isinstance(event, Failure)
            }
            assert codes == {1009 if limit < size else 1007}, limit


class TestWritten:
    def test_written_compressed_message_can_be_read(self) -> None:
        options = agreed()
        client = PerMessageDeflate(False, False, 12, 12)
        written = data_frame(b"hello" * 50, True, options["extensions"])

        assert len(written) < 50
        decoded = client.decode(Frame(Opcode.TEXT, written[2:], rsv1=True))
        assert decoded.data == b"hello" * 50

    def test_written_empty_messages_can_be_read_repeatedly(self) -> None:
        extensions = agreed()["extensions"]
        inflater = zlib.decompressobj(-12)
        for _ in range(3):
            written = data_frame(b"", False, extensions)
            assert written[0] == 0xC2
            assert inflater.decompress(written[2:] + b"\x00\x00\xff\xff") == b""


def test_messages_of_the_client_of_websockets_are_read() -> None:
    chance = random.Random(3)  # noqa: S311 - nothing secret
    client = PerMessageDeflate(False, False, 15, 12)
    messages = [chance.randbytes(chance.choice((0, 1, 50, 3000))) * 2 for _ in range(30)]
    data = b""
    for message in messages:
        half = len(message) // 2
        for opcode, part, fin in (
            (Opcode.BINARY, message[:half], False),
            (Opcode.CONT, message[half:], True),
        ):
            data += Frame(opcode, part, fin).serialize(mask=True, extensions=[client])

    assert read(data, **agreed(b"permessage-deflate; client_max_window_bits=12")) == messages
    assert read(*cuts(data, chance), **agreed()) == messages


def test_continuation_of_a_plain_message_is_not_inflated() -> None:
    data = frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + compressed(b"c", opcode=TEXT)

    assert read(data, **agreed()) == ["ab", "c"]
