"""A turn of the event loop, in asyncio and trio, so that an endless mistake does not block others."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from helpers.asgi import Server, run, scope
from helpers.connections import ACCEPT, BYE, CONNECT, START

from wsfsm.types import Message
from wsfsm.websockets import WebSocket
from wsfsm.websockets._turns import give_turn

TURNS = 20
FACTORIES = [None, getattr(asyncio, "eager_task_factory", None)]  # the latter since Python 3.12
CLOSE: Message = {"type": "websocket.close"}


async def asked_again(call: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(TURNS):
        with contextlib.suppress(Exception):
            await call()


async def neighbour(turns: list[None]) -> None:
    while True:
        turns.append(None)
        await asyncio.sleep(0)


async def turns_beside(call: Callable[[], Awaitable[Any]]) -> int:
    """How many turns another task has while a call is made again and again."""
    turns: list[None] = []
    task = asyncio.create_task(neighbour(turns))
    await asked_again(call)
    task.cancel()
    return len(turns)


class TestTurn:
    @pytest.mark.parametrize("factory", FACTORIES)
    def test_turn_is_given_in_asyncio(self, factory: Any) -> None:
        async def main() -> int:
            asyncio.get_running_loop().set_task_factory(factory)
            return await asyncio.create_task(turns_beside(give_turn))

        assert asyncio.run(main()) >= TURNS // 2

    def test_turn_is_given_in_trio(self) -> None:
        turns: list[None] = []

        async def neighbour() -> None:
            while True:
                turns.append(None)
                await trio.lowlevel.checkpoint()

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(neighbour)
                await asked_again(give_turn)
                nursery.cancel_scope.cancel()

        trio.run(main)

        assert len(turns) >= TURNS // 2

    def test_turn_is_given_in_trio_as_a_guest_of_asyncio(self) -> None:
        async def main() -> str:
            done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def guest() -> str:
                await give_turn()
                return "done"

            trio.lowlevel.start_guest_run(
                guest,
                run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
                done_callback=lambda outcome: done.set_result(outcome.unwrap()),
            )
            return await done

        assert asyncio.run(main()) == "done"

    def test_turn_without_a_loop_returns_at_once(self) -> None:
        run(give_turn())  # which fails if it waits

    def test_turn_imports_neither_asyncio_nor_trio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for library in ("asyncio", "trio"):
            monkeypatch.delitem(sys.modules, library)

        run(give_turn())

        assert not {"asyncio", "trio"} & set(sys.modules)


def brought_to(*steps: Message) -> Callable[[], WebSocket[Any]]:
    """A connection after messages that were sent or received."""

    def make() -> WebSocket[Any]:
        server = Server([step for step in steps if step in (CONNECT, BYE)])
        websocket = WebSocket[Any](scope(extensions={}), server.receive, server.send)
        for step in steps:
            run(websocket.receive() if step in (CONNECT, BYE) else websocket.send(step))
        return websocket

    return make


NEW = brought_to()
OPEN = brought_to(CONNECT, ACCEPT)
GONE = brought_to(CONNECT, ACCEPT, BYE)
CLOSED = brought_to(CONNECT, ACCEPT, CLOSE)
OVER = brought_to(CONNECT, ACCEPT, BYE, CLOSE)
DENYING = brought_to(CONNECT, START)
RECEIVES = ("receive_text", "receive_bytes", "receive_json", "receive_data")
MISTAKES = [
    *((NEW, name, ()) for name in RECEIVES),
    *((GONE, name, ()) for name in ("receive", *RECEIVES)),
    *((CLOSED, name, ()) for name in RECEIVES),
    *(
        (place, name, args)
        for place in (NEW, GONE, CLOSED, OVER, DENYING)
        for name, args in (("send_text", ("x",)), ("send_bytes", (b"x",)), ("send_json", (1,)))
    ),
    *((place, "accept", ()) for place in (OPEN, GONE, CLOSED, OVER, DENYING)),
    *((place, "close", ()) for place in (CLOSED, OVER, DENYING)),
    (OPEN, "close", (0,)),
    (OPEN, "close", (1000, "x" * 124)),
    (OPEN, "close", ("1000",)),
    (NEW, "accept", (5,)),
    (NEW, "accept", (None, 5)),
    (OPEN, "send_text", (b"x",)),
    (OPEN, "send_bytes", ("x",)),
    (OPEN, "send_json", (object(),)),
    (OPEN, "send_json", (1, "xml")),
    (OPEN, "send_json", ("\ud800", "binary")),
    (OPEN, "send_as", (1, str.split)),
    (OPEN, "send_as", (1, id)),
    (OPEN, "receive_json", ("xml",)),
    (OPEN, "send", ({},)),
    (OPEN, "send", ({"type": "websocket.ping"},)),
    (NEW, "send_denial_response", (None,)),
]


@pytest.mark.parametrize(("place", "method", "args"), MISTAKES)
def test_endless_illegal_call_leaves_turns_to_others(
    place: Callable[[], WebSocket[Any]], method: str, args: tuple[Any, ...]
) -> None:
    websocket = place()
    with pytest.raises(Exception):  # noqa: B017, PT011 - other tests check each of them
        run(getattr(websocket, method)(*args))

    async def call() -> None:
        await getattr(websocket, method)(*args)

    assert asyncio.run(turns_beside(call)) >= TURNS // 2


@pytest.mark.parametrize("method", ["iter_text", "iter_bytes", "iter_json", "__aiter__"])
@pytest.mark.parametrize("place", [NEW, GONE, CLOSED])
def test_endless_start_of_an_iteration_leaves_turns_to_others(
    place: Callable[[], WebSocket[Any]], method: str
) -> None:
    websocket = place()

    async def call() -> None:
        await anext(getattr(websocket, method)())

    assert asyncio.run(turns_beside(call)) >= TURNS // 2
