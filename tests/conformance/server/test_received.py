"""FrameParser of a server as the conformance suite sees them, compressed ones too."""

import zlib
from random import Random
from typing import Any

import pytest

from wsfsm.conformance.server._received import FrameParser, parse_extensions

HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 7.2.3.1
AGAIN = bytes.fromhex("f200110000")  # RFC 7692 7.2.3.2, what refers to it
FINAL = bytes.fromhex("f348cdc9c9070000")  # RFC 7692 7.2.3.4


def unmasked(bits: int, opcode: int, payload: bytes) -> bytes:
    return bytes([bits | opcode, len(payload)]) + payload


def seen_of(parameters: dict[str, str] | None, *frames: bytes) -> list[Any]:
    """What is seen of frames, where compression was agreed to with these parameters, or not."""
    reader, buffer = FrameParser(), bytearray(b"".join(frames))
    reader.use_extensions({} if parameters is None else {"permessage-deflate": parameters})
    return list(iter(lambda: reader.next_frame(buffer), None))


class TestExtensions:
    @pytest.mark.parametrize(
        ("values", "agreed"),
        [
            ([], {}),
            ([""], {}),
            (["a"], {"a": {}}),
            (["a, b; c"], {"a": {}, "b": {"c": ""}}),
            (['a;b=1 ; c = "x"', "d"], {"a": {"b": "1", "c": "x"}, "d": {}}),
        ],
    )  # fmt: skip
    def test_extensions_are_parsed_by_name_with_their_parameters(
        self, values: list[str], agreed: Any
    ) -> None:
        assert parse_extensions(values) == agreed


class TestCompression:
    def test_compressed_frame_is_inflated(self) -> None:
        assert seen_of({}, unmasked(0xC0, 1, HELLO), unmasked(0xC0, 2, AGAIN)) == [
            {"opcode": "text", "fin": True, "compressed": True, "text": "Hello"},
            {"opcode": "binary", "fin": True, "compressed": True, "payload": b"Hello"},
        ]

    def test_plain_frame_among_compressed_ones_is_unchanged(self) -> None:
        frames = [unmasked(0xC0, 1, HELLO), unmasked(0x80, 1, b"plain"), unmasked(0xC0, 1, AGAIN)]

        assert [seen["text"] for seen in seen_of({}, *frames)] == ["Hello", "plain", "Hello"]

    def test_compressed_fragments_are_inflated_one_by_one(self) -> None:
        parts = [unmasked(0x40, 1, HELLO[:3]), unmasked(0x00, 0, HELLO[3:5]), unmasked(0x80, 0, HELLO[5:])]  # fmt: skip
        first, second, third = seen_of({}, *parts, unmasked(0x80, 9, b"p"))[:3]

        assert first["text"].encode() + second["payload"] + third["payload"] == b"Hello"
        assert [part["compressed"] for part in (first, second, third)] == [True] * 3

    def test_deflate_stream_that_ended_is_followed_by_another(self) -> None:
        stream = zlib.compressobj(wbits=-15)
        ended = stream.compress(b"Hello") + stream.flush()

        assert [seen["text"] for seen in seen_of({}, *[unmasked(0xC0, 1, ended)] * 2)] == ["Hello"] * 2  # fmt: skip

    @pytest.mark.parametrize(
        ("parameters", "frames"),
        [
            ({"server_no_context_takeover": ""}, [unmasked(0xC0, 1, HELLO), unmasked(0xC0, 1, AGAIN)]),
            ({}, [unmasked(0xC0, 1, b"\xff\xff\xff")]),
        ],
        ids=["it refers to what is forgotten", "it is nonsense"],
    )  # fmt: skip
    def test_payload_that_cannot_be_inflated_is_broken(
        self, parameters: Any, frames: list[bytes]
    ) -> None:
        assert "broken" in seen_of(parameters, *frames)[-1]

    @pytest.mark.parametrize(("bits", "broken"), [("9", True), ("10", False), ("99", False)])
    def test_window_has_the_negotiated_size(self, bits: str, broken: bool) -> None:
        stream, data = zlib.compressobj(wbits=-15), Random(1).randbytes(600)  # noqa: S311 - the same
        first, second = (
            stream.compress(part) + stream.flush(zlib.Z_SYNC_FLUSH) for part in (data, data)
        )
        frames = [
            b"\xc2\x7e" + len(part).to_bytes(2, "big") + part for part in (first[:-4], second[:-4])
        ]

        assert ("broken" in seen_of({"server_max_window_bits": bits}, *frames)[1]) is broken

    @pytest.mark.parametrize(
        ("parameters", "frame", "bits"),
        [
            (None, unmasked(0xC0, 1, b""), 4),
            ({}, unmasked(0xE0, 1, b"\0"), 2),
            ({}, unmasked(0xC0, 9, b""), 4),
            ({}, unmasked(0xC0, 0, b""), 4),
        ],
        ids=["without compression", "another bit", "of a Ping", "of a continuation"],
    )
    def test_reserved_bit_without_a_meaning_is_observed(
        self, parameters: Any, frame: bytes, bits: int
    ) -> None:
        (seen,) = seen_of(parameters, frame)

        assert seen["rsv"] == bits
