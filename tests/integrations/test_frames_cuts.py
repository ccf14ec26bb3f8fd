"""The events do not depend on how the bytes are cut, and nothing makes the reader raise."""

import random
from typing import Any

import attrs
import pytest
from helpers.frame_streams import Deflater, agreed, cuts, in_frames, outcome, read, slices
from helpers.wire import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.integrations.frames import Close, Failure, FrameEvent, FrameReader, Ping, Pong

pytestmark = pytest.mark.unmeasured

# the largest window: zlib refuses a reference beyond a smaller one or not, depending on the cut
OFFERS: dict[str, bytes | None] = {
    "without compression": None,
    "with context takeover": b"permessage-deflate",
    "without context takeover": b"permessage-deflate; client_no_context_takeover",
}


def options(offer: str, max_size: int | None = None) -> dict[str, Any]:
    """Options of a new reader: contexts are not shared."""
    value = OFFERS[offer]
    return {"max_size": max_size} | (agreed(value) if value else {})


@attrs.frozen
class Part:
    """A message, with control frames between its frames."""

    payload: str | bytes
    compressed: bool
    final: bool
    ends: tuple[float, ...]
    control: bytes

    def frames(self, deflater: Deflater | None) -> tuple[list[bytes], list[FrameEvent]]:
        opcode = TEXT if isinstance(self.payload, str) else BINARY
        data = self.payload.encode() if isinstance(self.payload, str) else self.payload
        rsv = 0
        if self.compressed and deflater is not None:
            data, rsv = deflater.message(data, final=self.final), 4
        ends = sorted(round(end * len(data)) for end in self.ends)
        frames = in_frames(opcode, data, ends, rsv=rsv)
        events: list[FrameEvent] = []
        for place in range(len(frames) - 1, 0, -1):
            frames.insert(place, frame(PING, self.control))
            events.append(Ping(self.control))
        return frames, [*events, self.payload]


@attrs.frozen
class Conversation:
    """The parts of a conversation, and its end."""

    parts: tuple[Part | Ping | Pong, ...]
    close: Close | None
    offer: str

    def stream(self) -> tuple[bytes, list[FrameEvent]]:
        """The bytes, and the events that they are."""
        takeover = self.offer != "without context takeover"
        deflater = None if OFFERS[self.offer] is None else Deflater(takeover=takeover)
        data: list[bytes] = []
        events: list[FrameEvent] = []
        for part in self.parts:
            if isinstance(part, Part):
                frames, more = part.frames(deflater)
                data += frames
                events += more
            else:
                data.append(frame(PING if isinstance(part, Ping) else PONG, part.payload))
                events.append(part)
        if self.close is not None:
            payload = close_payload(self.close.code, self.close.reason)
            data.append(frame(CLOSE, b"" if self.close.code == 1005 else payload))
            events.append(self.close)
        return b"".join(data), events


PAYLOADS = st.binary(max_size=125)
PARTS = st.builds(
    Part,
    st.text(max_size=60) | st.binary(max_size=60) | st.sampled_from(["hello" * 60, b"\0" * 400]),
    st.booleans(),
    st.booleans(),
    st.lists(st.floats(0, 1), max_size=3).map(tuple),
    st.binary(max_size=5),
)
CLOSES = st.builds(
    Close, st.sampled_from([1000, 1001, 3000, 4999]), st.text(max_size=30)
) | st.just(Close(1005, ""))
CONVERSATIONS = st.builds(
    Conversation,
    st.lists(PARTS | st.builds(Ping, PAYLOADS) | st.builds(Pong, PAYLOADS), max_size=6).map(tuple),
    st.none() | CLOSES,
    st.sampled_from(sorted(OFFERS)),
)

HELLO = Part("héllo", compressed=True, final=False, ends=(0.3, 0.3, 0.7), control=b"p")
SHORT: dict[str, tuple[Part | Ping | Pong, ...]] = {
    "messages": (
        Part("a€", compressed=False, final=False, ends=(), control=b""),
        Part(b"", compressed=False, final=False, ends=(), control=b""),
    ),
    "fragments": (attrs.evolve(HELLO, compressed=False), Pong(b""), attrs.evolve(HELLO, ends=())),
    "compressed messages": (HELLO, Ping(b""), attrs.evolve(HELLO, ends=())),
    "compressed messages with BFINAL=1": (
        attrs.evolve(HELLO, final=True),
        HELLO,
        attrs.evolve(HELLO, payload=b"", final=True),
    ),
    "128 bytes": (
        Part("x" * 128, compressed=False, final=False, ends=(), control=b""),
        Part(b"y" * 128, compressed=False, final=False, ends=(0.01,), control=b""),
    ),
}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("name", SHORT)
class TestShortConversations:
    def conversation(self, name: str, offer: str) -> tuple[bytes, list[FrameEvent]]:
        return Conversation(SHORT[name], Close(4000, "é"), offer).stream()

    def test_conversation_cut_at_every_byte_is_read(self, name: str, offer: str) -> None:
        data, events = self.conversation(name, offer)

        assert read(data, **options(offer)) == events
        assert read(*(bytes([byte]) for byte in data), **options(offer)) == events
        for at in range(len(data)):
            assert read(data[:at], data[at:], **options(offer)) == events, at

    def test_conversation_cut_at_every_two_nearby_bytes_is_read(
        self, name: str, offer: str
    ) -> None:
        data, events = self.conversation(name, offer)
        for at in range(len(data)):
            for size in (1, 2, 5, 6, 9):
                pieces = data[:at], data[at : at + size], data[at + size :]
                assert read(*pieces, **options(offer)) == events, (at, size)

    def test_conversation_truncated_at_every_byte_is_read_up_to_there(
        self, name: str, offer: str
    ) -> None:
        data, events = self.conversation(name, offer)
        for at in range(len(data)):
            found = read(data[:at], **options(offer))
            assert found == events[: len(found)], at
            assert len(found) < len(events)

    def test_conversation_with_a_changed_byte_is_read_the_same_in_any_pieces(
        self, name: str, offer: str
    ) -> None:
        data, _ = self.conversation(name, offer)
        for at in range(len(data)):
            for bit in (1, 8, 64, 128):
                changed = bytearray(data)
                changed[at] ^= bit
                whole = outcome(read(bytes(changed), **options(offer, 200)))
                parts = outcome(read(*(bytes([byte]) for byte in changed), **options(offer, 200)))
                assert whole == parts, (at, bit)


@given(conversation=CONVERSATIONS, chance=st.randoms(use_true_random=False))
def test_any_conversation_is_read_the_same_in_any_pieces(
    conversation: Conversation, chance: random.Random
) -> None:
    data, events = conversation.stream()

    assert read(data, **options(conversation.offer)) == events
    assert read(*cuts(data, chance), **options(conversation.offer)) == events


@given(conversation=CONVERSATIONS, chance=st.randoms(use_true_random=False))
def test_bytes_can_arrive_before_the_reader_is_done(
    conversation: Conversation, chance: random.Random
) -> None:
    data, events = conversation.stream()
    reader = FrameReader(**options(conversation.offer))
    found: list[FrameEvent] = []
    for piece in cuts(data, chance):
        found += reader.read(piece)
    for more in slices(reader):
        found += more

    assert found == events


@given(
    conversation=CONVERSATIONS,
    size=st.integers(0, 130) | st.none(),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from("idr"), st.binary(min_size=1, max_size=3)),
        max_size=3,
    ),
    chance=st.randoms(use_true_random=False),
)
def test_any_changed_conversation_is_read_the_same_in_any_pieces(
    conversation: Conversation,
    size: int | None,
    changes: list[tuple[float, str, bytes]],
    chance: random.Random,
) -> None:
    data, _ = conversation.stream()
    for place, change, inserted in changes:
        at = round(place * len(data))
        removed = {"i": 0, "d": 1, "r": len(inserted)}[change]
        data = data[:at] + (b"" if change == "d" else inserted) + data[at + removed :]
    data += frame(TEXT, b"after")

    whole = read(data, **options(conversation.offer, size))
    assert all(isinstance(event, str | bytes | Ping | Pong) for event in whole[:-1])
    for event in whole:
        if isinstance(event, Failure):
            assert event.code in {1002, 1007, 1009}
            assert len(event.reason.encode()) <= 123
        if size is not None and isinstance(event, str | bytes):
            assert len(event.encode() if isinstance(event, str) else event) <= size
    for pieces in (cuts(data, chance), [bytes([byte]) for byte in data]):
        assert outcome(read(*pieces, **options(conversation.offer, size))) == outcome(whole)


@given(
    payload=st.binary(max_size=60),
    offer=st.sampled_from(sorted(OFFERS)),
    opcode=st.sampled_from([TEXT, BINARY]),
    size=st.integers(0, 50) | st.none(),
    chance=st.randoms(use_true_random=False),
)
def test_any_compressed_payload_is_read_the_same_in_any_pieces(
    payload: bytes, offer: str, opcode: int, size: int | None, chance: random.Random
) -> None:
    data = frame(opcode, payload, rsv=4) * 2
    whole = outcome(read(data, **options(offer, size)))

    assert outcome(read(*cuts(data, chance), **options(offer, size))) == whole
    assert outcome(read(*(bytes([byte]) for byte in data), **options(offer, size))) == whole


@given(data=st.binary(max_size=300), offer=st.sampled_from(sorted(OFFERS)))
def test_any_bytes_are_read_the_same_in_any_pieces(data: bytes, offer: str) -> None:
    whole = outcome(read(data, **options(offer, 100)))

    assert outcome(read(*(bytes([byte]) for byte in data), **options(offer, 100))) == whole
