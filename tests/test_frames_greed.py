"""Frames of clients that want more than is theirs: room, or an answer that nobody can give."""

import tracemalloc
import zlib

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from wire import BINARY, CONT, PING, TEXT, frame, opened

from wsfsm.integrations.frames import FrameReader, negotiate
from wsfsm.server import Policies, ServerConnection


def deflated(*messages: bytes) -> bytes:
    """Compressed messages, one after the other."""
    deflate = PerMessageDeflate(False, False, 12, 12)
    return b"".join(
        Frame(Opcode.BINARY, message).serialize(mask=True, extensions=[deflate])
        for message in messages
    )


def inbox(connection: ServerConnection) -> list[int]:
    """The sizes of the messages that wait for the application; they are taken."""
    sizes = []
    while (message := connection.next_message()) is not None:
        sizes.append(len(message["bytes"]))
    return sizes


class TestBackPressure:
    def reader(self) -> tuple[ServerConnection, FrameReader]:
        connection = opened(Policies(high_water=1000, low_water=0))
        _, extensions = negotiate([b"permessage-deflate"])
        return connection, FrameReader(connection, extensions)

    def test_what_is_compressed_stays_so_until_it_is_wanted(self) -> None:
        connection, reader = self.reader()

        reader.feed(deflated(*[b"\0" * 100_000] * 4))
        for _ in range(4):
            assert not connection.wants_data
            assert inbox(connection) == [100_000]
            reader.resume()
        assert connection.wants_data
        assert inbox(connection) == []

    def test_what_comes_meanwhile_comes_after_it(self) -> None:
        connection, reader = self.reader()

        reader.feed(deflated(b"\0" * 2000, b"\0" * 3000) + frame(BINARY, b"4") + frame(PING)[:1])
        reader.feed(frame(PING)[1:])
        assert inbox(connection) == [2000]
        reader.resume()
        assert inbox(connection) == [3000]
        assert [type(command).__name__ for command in reader.resume()] == ["SendPong"]
        assert inbox(connection) == [1]
        assert reader.resume() == []

    def test_there_is_nothing_to_resume_after_an_error_or_where_nothing_is_left(self) -> None:
        for data in (b"", frame(TEXT, b"x"), frame(3), frame(TEXT, b"x")[:3]):
            _, reader = self.reader()
            reader.feed(data)
            assert reader.resume() == []


def test_fragments_take_no_more_room_than_what_they_hold() -> None:
    reader = FrameReader(opened())
    reader.feed(frame(BINARY, b"x", fin=False))
    tracemalloc.start()
    try:
        for part in (b"", b"xy"):
            reader.feed(frame(CONT, part, fin=False) * 20_000)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 200_000


class TestFinalBlocks:
    """RFC 7692 7.2.3.4 allows them; zlib's decompressor ends with one, and tells nothing."""

    def final(self, message: bytes) -> bytes:
        compressor = zlib.compressobj(wbits=-12)
        data = compressor.compress(message) + compressor.flush(zlib.Z_FINISH)
        return frame(BINARY, data + b"\0", rsv=4)

    def test_nothing_is_lost_without_a_word(self) -> None:
        _, extensions = negotiate([b"permessage-deflate"])
        connection = opened()
        reader = FrameReader(connection, extensions)
        reader.feed(self.final(b"hello") + deflated(b"lost"))

        assert reader.error == (1002, "a final block within a compressed stream")
        assert inbox(connection) == []

    @pytest.mark.parametrize("offer", [b"permessage-deflate; client_no_context_takeover"])
    def test_where_each_message_is_a_stream_of_its_own_they_are_read(self, offer: bytes) -> None:
        _, extensions = negotiate([offer])
        connection = opened()
        FrameReader(connection, extensions).feed(self.final(b"hello") * 2)

        assert inbox(connection) == [5, 5]
