"""The work of one call is bounded, whatever arrives, and no cost grows faster than the bytes."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from helpers.frame_streams import agreed, bits, compressed, deflate, in_frames, slices
from helpers.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.integrations.frames import Failure, FrameReader, Ping

pytestmark = pytest.mark.unmeasured

KIB, MIB = 2**10, 2**20
FRAMES = 64
NO_TAKEOVER = b"permessage-deflate; client_no_context_takeover"


def sizes(*calls: list[Any]) -> list[int]:
    """Bytes of messages that each call has returned."""
    return [sum(len(event) for event in call if isinstance(event, str | bytes)) for call in calls]


class TestManyFrames:
    FLOODS: dict[str, tuple[bytes, bytes]] = {  # noqa: RUF012 - it is never changed
        "pings": (b"", frame(PING)),
        "long pongs": (b"", frame(PONG, b"x" * 125)),
        "empty texts": (b"", frame(TEXT)),
        "short texts": (b"", frame(TEXT, b"x" * 10)),
        "empty fragments": (frame(TEXT, fin=False), frame(CONT, fin=False)),
        "short fragments": (frame(BINARY, fin=False), frame(CONT, b"x", fin=False)),
        "empty compressed messages": (b"", frame(TEXT, b"\x00", rsv=4)),
        "pings and texts": (b"", frame(PING) + frame(TEXT)),
    }

    @pytest.mark.parametrize("name", FLOODS)
    @pytest.mark.parametrize("offer", [b"permessage-deflate", NO_TAKEOVER])
    def test_call_reads_about_64_short_frames(self, name: str, offer: bytes) -> None:
        before, flood = self.FLOODS[name]
        reader = FrameReader(**agreed(offer))
        calls = list(slices(reader, before + flood * 5000 + frame(CLOSE)))

        frames = 10_000 if name == "pings and texts" else 5000
        assert len(calls) > frames / (FRAMES + 1)
        assert max(map(len, calls)) <= FRAMES + 1
        assert reader.stopped

    def test_call_reads_many_frames_of_100_bytes(self) -> None:
        reader = FrameReader()
        calls = list(slices(reader, frame(TEXT, b"x" * 100) * FRAMES))

        assert [len(call) for call in calls] == [FRAMES]


class TestMuchData:
    @pytest.mark.parametrize("size", [1000, 5000, 60_000, 70_000])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_call_returns_messages_of_about_16384_bytes(self, size: int, opcode: int) -> None:
        message = frame(opcode, b"x" * size)
        calls = list(slices(FrameReader(), message * 50))

        assert sum(map(len, calls)) == 50
        assert max(sizes(*calls)) <= 16 * KIB + size

    @pytest.mark.parametrize("parts", [1, 7, 1000])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_call_reads_about_a_quarter_of_a_mebibyte(self, parts: int, opcode: int) -> None:
        size = 8 * MIB // parts
        frames = in_frames(opcode, b"x" * size * parts, range(size, size * parts, size))
        calls = list(slices(FrameReader(), b"".join(frames)))

        assert 8 * MIB / (320 * KIB) <= len(calls) <= 8 * MIB / (192 * KIB) + parts / 32
        assert sizes(*calls[:-1]) == [0] * (len(calls) - 1)
        assert sizes(calls[-1]) == [size * parts]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_call_inflates_about_a_quarter_of_a_mebibyte(self, opcode: int) -> None:
        data = compressed(bytes(16 * MIB), opcode=opcode)
        calls = list(slices(FrameReader(**agreed()), data))

        assert len(data) < 20_000
        assert len(calls) > 16 * MIB / (320 * KIB)
        assert sizes(calls[-1]) == [16 * MIB]

    @pytest.mark.parametrize(
        ("payload", "size"),
        [
            (b"\x00\x00\x00\xff\xff", None),  # empty blocks
            (b"\x00\x00\x00\xff\xff", 0),  # the same, looked at byte by byte
            (b"\x03\x00", None),  # empty streams
            (b"\x03\x00", 0),
            # a block that is a table, and its end
            (
                bits(
                    *[(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)],
                    *[(1 if place in {2, 17} else 0, 3) for place in range(18)],
                    *[(1, 1), (127, 7), (1, 1), (107, 7), (0, 1), (0, 1), (0, 1)],
                    *[(0, 1), (0, 2), (0, 3)],
                )
                + b"\x00\x00\xff\xff",
                None,
            ),
        ],
        ids=["blocks", "blocks without room", "streams", "streams without room", "tables"],
    )
    def test_input_of_zlib_without_output_counts(self, payload: bytes, size: int | None) -> None:
        count = 200_000 // len(payload)
        data = frame(BINARY, payload * count + b"\x00", rsv=4)
        calls = list(slices(FrameReader(max_size=size, **agreed()), data))

        assert calls[-1] == [b""]
        assert len(calls) > 200_000 / (10 * KIB)

    def test_neighbours_wait_no_longer_than_some_milliseconds(self) -> None:
        data = [
            frame(PING) * 50_000,
            frame(TEXT, fin=False) + frame(CONT, fin=False) * 50_000 + frame(CONT),
            frame(TEXT, "é".encode() * MIB),
            compressed(bytes(8 * MIB)),
            frame(BINARY, b"\x03\x00" * 20_000, rsv=4),
        ]
        reader = FrameReader(**agreed())
        used = []
        begin = time.process_time()
        for _ in slices(reader, b"".join(data)):
            end = time.process_time()
            used.append(end - begin)
            begin = end
        used.sort()

        assert used[len(used) // 2] < 0.005
        assert used[-1] < 0.1


class TestHasMore:
    @given(data=st.binary(max_size=30), count=st.integers(60, 70))
    def test_has_more_is_true_only_if_a_call_makes_progress(self, data: bytes, count: int) -> None:
        reader = FrameReader(max_size=100)
        events = reader.read(frame(TEXT, b"x") * count + data)
        while reader.has_more:
            place = len(reader._rest) - reader._at
            more = reader.read()
            assert more or len(reader._rest) - reader._at < place
            events += more

        assert reader.read() == []
        assert events[:count] == ["x"] * count

    @pytest.mark.parametrize("size", range(1, 7))
    def test_has_more_is_false_for_an_incomplete_frame(self, size: int) -> None:
        reader = FrameReader()
        events = reader.read(frame(TEXT) * FRAMES + frame(TEXT, b"x" * 200)[:size])

        assert (len(events), reader.has_more) == (FRAMES, False)

    def test_has_more_is_true_for_an_error(self) -> None:
        reader = FrameReader()
        calls = list(slices(reader, frame(TEXT) * FRAMES + frame(3)[:2]))

        assert isinstance(calls[-1][-1], Failure)
        assert (reader.stopped, reader.has_more) == (True, False)

    def test_has_more_is_true_for_pending_output_of_zlib(self) -> None:
        reader = FrameReader(**agreed())
        data = compressed(bytes(MIB))
        assert reader.read(data[:-1]) == []
        while reader.has_more:
            assert reader.read() == []

        assert reader.read(data[-1:]) == [bytes(MIB)]


class TestArrivalsDuringSlices:
    def test_data_that_arrives_between_slices_is_read_in_order(self) -> None:
        reader = FrameReader()
        events = []
        for number in range(2000):
            events += reader.read(frame(TEXT, b"%d" % number) + frame(PING) * 100)
        for more in slices(reader):
            events += more

        assert [event for event in events if event != Ping(b"")] == list(map(str, range(2000)))
        assert len(events) == 202_000

    def test_empty_data_between_slices_changes_nothing(self) -> None:
        reader = FrameReader()
        events = reader.read(frame(PING) * 500)
        events += reader.read(b"")
        events += reader.read(frame(PONG))
        for more in slices(reader):
            events += more

        assert len(events) == 501


def seconds(*chunks: bytes) -> float:
    """Seconds of the processor that a reader needs, the best of three times."""

    def once() -> float:
        reader = FrameReader()
        begin = time.process_time()
        for chunk in chunks:
            reader.read(chunk)
        for _ in slices(reader):
            pass
        return time.process_time() - begin

    return min(once() for _ in range(3))


class TestCostsAreLinear:
    def test_cost_of_many_frames_in_one_chunk_is_linear(self) -> None:
        small, large = (seconds(frame(TEXT) * (size // 6)) for size in (MIB // 4, 4 * MIB))

        assert large < 16 * small * 3 + 0.05

    def test_cost_of_many_chunks_before_the_reader_is_done_is_linear(self) -> None:
        chunk = frame(PING) * 100
        small, large = (seconds(*[chunk] * count) for count in (100, 1600))

        assert large < 16 * small * 3 + 0.05

    def test_cost_of_a_long_message_in_small_pieces_is_linear(self) -> None:
        def pieces(size: int) -> Iterator[bytes]:
            data = frame(TEXT, b"x" * size)
            return (data[at : at + 100] for at in range(0, len(data), 100))

        small, large = (seconds(*pieces(size)) for size in (MIB // 16, MIB))

        assert large < 16 * small * 3 + 0.05


@contextmanager
def measured(limit: int) -> Iterator[None]:
    """Check that no more bytes are held in the end than there were, and so many."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < limit


class TestMemory:
    def test_memory_of_fragments_is_bounded_by_their_payload(self) -> None:
        reader = FrameReader()
        reader.read(frame(BINARY, b"x", fin=False))
        with measured(200_000):
            for part in (b"", b"xy"):
                for _ in slices(reader, frame(CONT, part, fin=False) * 20_000):
                    pass

    def test_bytes_that_were_read_are_released_before_the_rest(self) -> None:
        reader = FrameReader()
        with measured(10_000):
            data = frame(PING) * 100 + frame(BINARY, bytes(MIB)) + frame(PING) * 100
            for _ in slices(reader, data + frame(TEXT, b"x")[:3]):
                pass
            del data

        assert reader.read(frame(TEXT, b"x")[3:]) == ["x"]

    def test_compressed_messages_are_inflated_one_at_a_time(self) -> None:
        data = compressed(*[bytes(MIB)] * 16)
        reader = FrameReader(**agreed())
        with measured(3 * MIB):
            assert reader.read(data) == []
        assert [len(event) for call in slices(reader) for event in call] == [MIB] * 16  # type: ignore[arg-type]

    def test_message_that_is_too_big_is_released(self) -> None:
        reader = FrameReader(max_size=2 * MIB, **agreed())
        with measured(10_000):
            for _ in slices(reader, compressed(bytes(3 * MIB))):
                pass
        assert reader.stopped

    def test_announced_length_allocates_no_memory(self) -> None:
        reader = FrameReader()
        with measured(10_000):
            assert reader.read(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask" + b"x") == []

    def test_zip_bomb_is_not_inflated(self) -> None:
        payload = deflate(bytes(64 * MIB))
        reader = FrameReader(max_size=1000, **agreed())
        tracemalloc.start()
        try:
            [[failure]] = slices(reader, frame(BINARY, payload, rsv=4))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert isinstance(failure, Failure)
        assert failure.code == 1009
        assert peak < 500_000
