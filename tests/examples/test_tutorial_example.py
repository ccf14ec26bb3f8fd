"""The chat of the tutorial, in several processes that a Redis connects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
import websockets
from helpers.asgi import ROOT
from helpers.unix_processes import UVICORN, Process, Processes, processes

pytestmark = [
    pytest.mark.long,
    pytest.mark.unmeasured,
    pytest.mark.one_python,
    pytest.mark.usefixtures("redis"),
]

FOLDER: Final = ROOT / "examples" / "tutorial"
CLASS: Final = "wsfsm.integrations.uvicorn:WebSocketProtocol"
SIZE: Final = 100_000  # more than the buffers of a connection hold, if many are sent


async def chat(here: Processes, name: str) -> Process:
    """Start a process of the chat."""
    return await here.start(
        *(name, *UVICORN, "chat:app", "--ws", CLASS, "--uds"), cwd=FOLDER, REDIS_URL=here.redis_url
    )


async def join(process: Process, token: str, **options: int) -> websockets.ClientConnection:
    return await process.connect(f"/rooms/tea?token={token}", **options)


async def hear(client: websockets.ClientConnection, *texts: str) -> None:
    assert [await client.recv() for _ in texts] == [*texts]


async def end(client: websockets.ClientConnection) -> tuple[int, str]:
    """The code and the reason with which a connection ends."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async for _ in client:
            pass
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


async def denied(process: Process, path: str) -> tuple[int, bytes]:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await process.connect(path)
    return caught.value.response.status_code, bytes(caught.value.response.body or b"")


async def shares_rooms(here: Processes) -> None:
    await here.redis()
    first, second = await chat(here, "first"), await chat(here, "second")
    async with await join(first, "a") as ann:
        await hear(ann, "Ann joins")
        async with (
            await join(second, "b") as bob,
            await second.connect("/rooms/staff?token=a") as staff,
        ):
            await hear(ann, "Bob joins")
            await ann.send("hello")
            await bob.send("hi")
            texts = [str(await ann.recv()) for _ in range(2)]
            assert sorted(texts) == ["Ann: hello", "Bob: hi"]
            await hear(bob, "Bob joins", *texts)
            await hear(staff, "Ann joins")
            await staff.send("a secret")
        await hear(ann, "Bob leaves")
    assert await denied(first, "/rooms/tea?token=x") == (401, b'{"detail":"Who are you?"}')
    assert await denied(second, "/rooms/staff?token=b") == (
        403,
        b'{"detail":"This room is for the staff."}',
    )


@contextlib.asynccontextmanager
async def ann_and_bob(
    here: Processes,
) -> AsyncIterator[
    tuple[Process, websockets.ClientConnection, Process, websockets.ClientConnection]
]:
    """Start two processes, each with a member of the same room."""
    await here.redis()
    first, second = await chat(here, "first"), await chat(here, "second")
    async with await join(first, "a") as ann:
        await hear(ann, "Ann joins")
        bob = await join(second, "b")
        await hear(ann, "Bob joins")
        yield first, ann, second, bob


async def goes_on_without_a_killed_process(here: Processes) -> None:
    async with ann_and_bob(here) as (first, ann, second, bob):
        second.popen.kill()
        assert await end(bob) == (1006, "")
        async with await join(first, "c") as cem:
            await cem.send("still here")
            await hear(ann, "Cem joins", "Cem: still here")
        await hear(ann, "Cem leaves")


async def closes_its_rooms_while_redis_restarts(here: Processes) -> None:
    redis = await here.redis()
    first = await chat(here, "first")
    ann, bob = await join(first, "a"), await join(first, "b")
    await redis.stop()
    assert await end(ann) == await end(bob) == (1012, "the rooms close")
    assert await denied(first, "/rooms/tea?token=a") == (503, b"The rooms are closed.")
    await here.redis()
    async with await join(first, "a") as ann:
        await hear(ann, "Ann joins")
        await ann.send("hello")
        await hear(ann, "Ann: hello")
    assert "The rooms are closed: " in here.log("first")
    assert "'Ann leaves' is lost: " in here.log("first")


async def closes_its_rooms_if_only_the_subscription_is_lost(here: Processes) -> None:
    redis = await here.redis()
    first, second = await chat(here, "first"), await chat(here, "second")
    members = [await join(process, "a") for process in (first, second)]
    await hear(members[0], "Ann joins", "Ann joins")
    assert await command(redis, "CLIENT KILL TYPE pubsub") == ":2"
    for member in members:
        assert await end(member) == (1012, "the rooms close")
    async with await join(first, "b") as bob:
        await hear(bob, "Bob joins")


async def command(redis: Process, text: str) -> str:
    """Send a command to Redis; its answer."""
    reader, writer = await asyncio.open_unix_connection(redis.path)
    writer.write(f"{text}\r\n".encode())
    answer = await reader.readline()
    writer.close()
    return answer.decode().strip()


async def closes_its_rooms_if_it_cannot_publish(here: Processes) -> None:
    redis = await here.redis()
    first = await chat(here, "first")
    ann = await join(first, "a")
    await hear(ann, "Ann joins")
    assert await command(redis, "ACL SETUSER default -publish") == "+OK"
    await ann.send("hello")
    assert await end(ann) == (1012, "the rooms close")
    assert await end(await join(first, "b")) == (1012, "the rooms close")
    while "'Bob leaves' is lost: " not in here.log("first"):  # noqa: ASYNC110 - a file has no event
        await asyncio.sleep(0.01)
    assert await command(redis, "ACL SETUSER default +publish") == "+OK"
    async with await join(first, "a") as ann:
        await hear(ann, "Ann joins")


async def lets_slow_members_go(here: Processes) -> None:
    await here.redis()
    first, second = await chat(here, "first"), await chat(here, "second")
    async with await join(first, "a") as ann:
        await hear(ann, "Ann joins")
        cem = await join(second, "c", max_queue=1)  # reads when it is too late
        await hear(ann, "Cem joins")
        for number in range(100):
            await ann.send(f"{number} {'x' * SIZE}")
            assert str(await ann.recv()).startswith(f"Ann: {number} ")
        await hear(ann, "Cem leaves")
        assert await end(cem) == (1013, "too slow")


async def closes_with_1012_when_it_stops(here: Processes) -> None:
    async with ann_and_bob(here) as (_, ann, second, bob):
        await second.stop()
        assert (await end(bob))[0] == 1012
        await hear(ann, "Bob leaves")


@pytest.mark.parametrize(
    "scene",
    [
        shares_rooms,
        goes_on_without_a_killed_process,
        closes_its_rooms_while_redis_restarts,
        closes_its_rooms_if_only_the_subscription_is_lost,
        closes_its_rooms_if_it_cannot_publish,
        closes_with_1012_when_it_stops,
        lets_slow_members_go,
    ],
)
def test_the_chat(scene: Callable[[Processes], Awaitable[None]]) -> None:
    async def main(here: Processes) -> None:
        async with asyncio.timeout(60):
            await scene(here)

    with processes() as here:
        asyncio.run(main(here))
        assert "Traceback" not in here.logs
