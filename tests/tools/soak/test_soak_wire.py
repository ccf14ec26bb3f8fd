"""The client of the soak follows its plan, and notes everything that must never arrive."""

import zlib
from random import Random

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate as Deflate
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from wsproto.extensions import PerMessageDeflate

from tools.soak import wire
from tools.soak.messages import Batch
from tools.soak.plan import Ping, Pong, Say
from tools.soak.planning import plan
from tools.soak.reading import Inbox, Seen
from wsfsm.conformance.server._client import frame

OFFERS = ["", "client_no_context_takeover", "client_max_window_bits=9"]


def agreed(parameters: str) -> PerMessageDeflate:
    deflate = PerMessageDeflate()
    deflate.finalize(f"permessage-deflate; {parameters}")
    return deflate


def received(data: bytes, parameters: str | None = None) -> list[Frame]:
    """The frames that a server reads, by a library that checks them."""
    server = ServerProtocol(state=State.OPEN, max_size=None)
    if parameters is not None:
        bits = 9 if "client_max_window_bits" in parameters else 15
        anew = "client_no_context_takeover" in parameters
        server.extensions = [Deflate(anew, False, bits, 15)]
    server.receive_data(data)
    assert server.parser_exc is None
    return [event for event in server.events_received() if isinstance(event, Frame)]


def messages(frames: list[Frame]) -> list[str | bytes]:
    whole: list[str | bytes] = []
    data, text = b"", False
    for each in frames:
        if each.opcode in {Opcode.TEXT, Opcode.BINARY}:
            data, text = b"", each.opcode is Opcode.TEXT
        if each.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            data += each.data
            if each.fin:
                whole.append(data.decode() if text else data)
    return whole


@pytest.mark.parametrize("parameters", [None, *OFFERS])
def test_messages_arrive_unchanged(parameters: str | None) -> None:
    batch = Batch(5, 40, "usual")
    deflater = None if parameters is None else wire.Deflater(agreed(parameters))
    say = Say(cuts=(0.2, 0.2, 0.7), compressed=True, between=(Ping(b"1"), Pong(b"2")))

    data = b"".join(b"".join(wire.message(say, payload, deflater)) for payload in batch)

    frames = received(data, parameters)
    assert messages(frames) == list(batch)
    assert [f.opcode for f in frames].count(Opcode.PING) == 40
    assert len(frames) == 40 * 6
    # control frames come between the fragments
    assert frames[1].opcode is Opcode.PING


def test_surplus_control_frames_follow_the_message() -> None:
    frames = received(b"".join(wire.message(Say(between=(Ping(b""),) * 3), "a", None)))

    assert [each.opcode for each in frames] == [Opcode.TEXT, *[Opcode.PING] * 3]


def test_last_block_is_the_example_of_the_specification() -> None:
    """RFC 7692 7.2.3.4."""
    deflater = wire.Deflater(agreed(""))

    data = deflater.deflate(b"Hello", final=True)

    assert data == bytes.fromhex("f348cdc9c9070000")
    # the next one refers to nothing before it
    after = deflater.deflate(b"Hello" * 9, final=False)
    assert zlib.decompress(after + b"\x00\x00\xff\xff\x03\x00", wbits=-15) == b"Hello" * 9


def test_context_is_taken_over_if_negotiated() -> None:
    def sizes(parameters: str) -> list[int]:
        deflater = wire.Deflater(agreed(parameters))
        data = bytes(range(256)) + bytes(range(255, -1, -1))
        return [len(deflater.deflate(data, final=False)) for _ in range(2)]

    with_context, without = sizes(""), sizes("client_no_context_takeover")
    assert with_context[1] < with_context[0] / 4
    assert without[1] == without[0]


@pytest.mark.parametrize("writes", ["whole", "frames", "pieces", "bytes", "drip"])
@pytest.mark.parametrize("size", [0, 1, 2, 299, 301, 5000])
def test_pieces_have_all_of_the_bytes(writes: str, size: int) -> None:
    data = (bytes(range(251)) * 20)[:size]

    pieces = list(wire.pieces(data, writes, Random(2)))  # noqa: S311 - repeatable, not secret

    assert b"".join(pieces) == data
    if size > 1:
        assert (len(pieces) == 1) is (writes in {"whole", "frames"})
    if writes == "bytes" and 0 < size < 300:
        assert {len(piece) for piece in pieces} == {1}


def test_close_without_a_code_is_empty() -> None:
    assert received(wire.close(1005)) == [Frame(Opcode.CLOSE, b"")]
    payload = Close(4001, "bye").serialize()
    assert received(wire.close(4001, "bye")) == [Frame(Opcode.CLOSE, payload)]


@pytest.mark.parametrize("deflater", [None, wire.Deflater(agreed(""))])
def test_bomb_exceeds_the_maximal_message_size(deflater: wire.Deflater | None) -> None:
    data = wire.wrong("bomb", deflater)

    assert len(data) < 5000
    if deflater is None:
        assert int.from_bytes(data[2:10]) == wire.MOST + 1
    else:
        (each,) = received(data, "")
        assert len(each.data) == wire.MOST + 1


def fed(*data: bytes, deaf: bool = False) -> tuple[Seen, list[bytes], bool]:
    seen = Seen()
    inbox = Inbox(seen, [], deaf=deaf)
    answers = [answer for part in data for answer in inbox.feed(part)]
    return seen, answers, inbox.broken


def unmasked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return frame(opcode, payload, masked=False, fin=fin)


def test_fragmented_messages_are_recorded_whole() -> None:
    seen, answers, broken = fed(
        unmasked(1, "é".encode()[:1], fin=False),
        unmasked(0, "é".encode()[1:]),
        unmasked(2, b"ab", fin=False) + unmasked(0, b"c"),
    )

    assert [note.split(" [")[0] for note in seen.messages] == ["text of 2 B", "bytes of 3 B"]
    assert (answers, broken, seen.problems) == ([], False, [])


def test_pings_and_closes_are_answered() -> None:
    seen, answers, _ = fed(unmasked(9, b"x"), unmasked(10, b"y"), unmasked(8, b"\x03\xe8bye"))

    assert answers == [wire.control(Pong(b"x")), wire.close(1000)]
    assert (seen.close, seen.pongs) == ((1000, "bye"), [b"y"])


def test_deaf_client_does_not_answer_a_close() -> None:
    assert fed(unmasked(8, b"\x03\xe8"), deaf=True)[1] == []


@pytest.mark.parametrize(
    "data",
    [
        [unmasked(8) + unmasked(1, b"more")],
        [unmasked(8), unmasked(2, b"more")],
        [unmasked(8, b"\x03\xe8bye")[:3], unmasked(8, b"\x03\xe8bye")[3:] + unmasked(8)],
    ],
)
def test_data_after_the_close_is_a_problem(data: list[bytes]) -> None:
    (problem,) = fed(*data)[0].problems

    assert problem == "the server sends other frames than Pings and Pongs after its Close"


def test_pongs_after_the_close_are_ignored() -> None:
    """RFC 6455 5.5.1 forbids data, 5.5.2 wants a Pong until the peer's Close."""
    seen, answers, _ = fed(unmasked(8) + unmasked(10, b"x"), unmasked(9, b"y"))

    assert (seen.problems, answers) == ([], [wire.close(1005)])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_of_every_size_may_be_cut_anywhere(size: int) -> None:
    data = unmasked(2, bytes(size)) + unmasked(1, b"behind")
    cuts = sorted({*range(12), *range(size, size + 20)} & set(range(len(data))))

    for cut in cuts:
        seen, _, _ = fed(data[:cut], data[cut:])
        assert [message.split(" [")[0] for message in seen.messages] == [
            f"bytes of {size} B",
            "text of 6 B",
        ]


@pytest.mark.parametrize("cut", range(6))
def test_close_can_arrive_in_pieces(cut: int) -> None:
    data = unmasked(1, b"hello") + unmasked(8, b"\x03\xe8bye")
    at = len(data) - cut

    seen, _, _ = fed(*filter(None, (data[:at], data[at:])))

    assert (seen.close, seen.problems) == ((1000, "bye"), [])


@pytest.mark.parametrize(
    "data",
    [
        unmasked(3),
        unmasked(1, b"\xff"),
        unmasked(0, b"a"),
        frame(1, b"a"),
        frame(1, b"a", masked=False, rsv=4),
        unmasked(8, b"\x03"),
    ],
)
def test_violation_of_the_protocol_is_a_problem(data: bytes) -> None:
    seen, _, broken = fed(data)

    assert broken
    assert seen.problems[0].startswith("the server violates the protocol: ")


def test_every_message_of_every_plan_can_be_read() -> None:
    for number in range(150):
        client = plan(5, "asyncio-tcp", number, "talk").client
        says = [step for step in client.steps if isinstance(step, Say) and not step.final]
        deflater = wire.Deflater(agreed("")) if client.offer else None
        data = b""
        for say, payload in zip(says, client.batch, strict=False):
            data += b"".join(wire.message(say, payload, deflater))

        got = messages(received(data, "" if client.offer else None))
        assert got == list(client.batch)[: len(says)]
