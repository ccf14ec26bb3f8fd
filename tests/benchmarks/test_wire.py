"""The messages of the benchmark's client, and what counts their echoes."""

import json
import runpy
import zlib
from typing import Any

import pytest
from helpers.asgi import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

TAIL = b"\x00\x00\xff\xff"


@pytest.fixture
def wire() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "wire_load.py"))


def reply(wire: dict[str, Any], text: bytes, rsv: int = 0x40) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
    frame: bytes = wire["frame"](1, data.removesuffix(TAIL), rsv=rsv)
    return frame


@pytest.mark.parametrize("size", [64, 200, 70000])
def test_plain_echoes_are_counted_by_their_bytes(wire: dict[str, Any], size: int) -> None:
    load = wire["Plain"](2, size, 3)
    counter = load.counter()

    assert load.is_echo(load.reply)
    assert not load.is_echo(load.reply[:-1] + b"?")
    assert len(load.part(5, 2)) == 2 * (len(load.reply) + 4)  # a mask each
    assert counter.add(memoryview(load.reply[:-1])) == 0
    assert not counter.exact(1)
    assert counter.add(memoryview(load.reply[-1:] + load.reply)) == 2
    assert counter.exact(2)
    assert str(counter) == f"{2 * len(load.reply)} bytes"


@pytest.mark.parametrize("size", [64, 200])
def test_compressed_echoes_are_counted_by_their_frames(wire: dict[str, Any], size: int) -> None:
    counter = wire["Compressed"](1024).counter()
    frame = wire["frame"](1, b"x" * size)

    for byte in frame[:-1]:
        assert counter.add(memoryview(bytes([byte]))) == 0
    assert counter.add(memoryview(frame[-1:] + frame + frame[:3])) == 2
    assert not counter.exact(2)
    assert counter.add(memoryview(frame[3:])) == 3
    assert counter.exact(3)
    assert str(counter) == "3 frames and 0 bytes"


def test_compressed_message_is_a_text_of_its_size_that_any_server_inflates(
    wire: dict[str, Any],
) -> None:
    load = wire["Compressed"](1024)
    data = bytes(load.part(0, 1))
    assert data[0] == 0xC1
    size, start = data[1] & 0x7F, 2
    if size == 126:
        start = 4
    mask, masked = data[start : start + 4], data[start + 4 :]
    payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))

    text = zlib.decompressobj(-12).decompress(payload + TAIL)

    assert len(text) == 1024
    assert json.loads(text[: text.rindex(b"}") + 1] + b"]")
    assert load.is_echo(reply(wire, text))
    assert not load.is_echo(reply(wire, text + b"?"))
    assert not load.is_echo(reply(wire, text, rsv=0))
    assert not load.is_echo(reply(wire, text)[:-1])
    assert load.complete(bytearray(reply(wire, text)))
    assert not load.complete(bytearray(reply(wire, text)[:-1]))


def test_compressed_messages_differ_and_go_round(wire: dict[str, Any]) -> None:
    load = wire["Compressed"](64, 3)
    every = [bytes(load.part(index, 1)) for index in range(load.TEXTS)]

    assert len(set(every)) == load.TEXTS
    assert bytes(load.part(load.TEXTS, 1)) == every[0]
    assert bytes(load.part(load.TEXTS - 1, 3)) == every[-1] + every[0] + every[1]
