"""When frames are written: at once, or together."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from wsfsm.integrations.outbox import Outbox


class Transport:
    """Keeps what is written by one call each."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def in_loop(main: Callable[[Outbox, list[bytes]], Awaitable[None]]) -> None:
    async def wrapped() -> None:
        transport = Transport()
        outbox = Outbox(cast("Any", transport), asyncio.get_running_loop())
        await main(outbox, transport.written)

    asyncio.run(wrapped())


def test_one_answer_goes_out_at_once() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        for number in range(3):
            outbox.answer()
            outbox.add(b"%d" % number, more=False)

            assert written == [b"%d" % number for number in range(number + 1)]

    in_loop(main)


def test_the_answers_to_many_messages_go_out_together() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        for number in range(3):
            outbox.answer()
            outbox.add(b"%d" % number, more=number < 2)
        assert written == []

        outbox.flush()
        assert written == [b"012"]

        await asyncio.sleep(0)
        assert written == [b"012"]

    in_loop(main)


def test_many_frames_of_one_turn_go_out_with_the_first_and_at_its_end() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        for before in ([], [b"0", b"12"]):
            for number in range(3):
                outbox.add(b"%d" % number, more=False)
            assert written == [*before, b"0"]

            await asyncio.sleep(0)
            assert written == [*before, b"0", b"12"]

    in_loop(main)


def test_what_is_written_at_once_is_written_in_order() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        outbox.add(b"1", more=True)
        outbox.write(b"2")
        outbox.add(b"3", more=False)

        assert b"".join(written) == b"123"

    in_loop(main)


def test_no_more_than_a_bounded_number_of_bytes_is_kept() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        for _ in range(70):
            outbox.add(b"x" * 1000, more=True)

        assert [len(data) for data in written] == [66_000]

        await asyncio.sleep(0)
        assert sum(map(len, written)) == 70_000

    in_loop(main)


def test_what_is_forgotten_is_not_written() -> None:
    async def main(outbox: Outbox, written: list[bytes]) -> None:
        outbox.add(b"1", more=True)
        outbox.clear()

        await asyncio.sleep(0)
        assert written == []

    in_loop(main)
