from contextlib import AbstractAsyncContextManager

import pytest
import rooms
from chat import app

from wsfsm.testing import Client, Closed, connect


def join(here: rooms.Rooms, token: str) -> AbstractAsyncContextManager[Client]:
    return connect(app, f"/rooms/tea?token={token}", scope={"state": {"rooms": here}})


@pytest.mark.anyio
async def test_members_hear_who_comes_speaks_and_leaves() -> None:
    here = rooms.Rooms()
    async with join(here, "a") as ann:
        assert await ann.receive_text() == "Ann joins"
        async with join(here, "b") as bob:
            await bob.send_text("hello")
            assert await bob.receive_text() == "Bob joins"
            assert await bob.receive_text() == "Bob: hello"
            bob.drop()
        heard = [await ann.receive_text() for _ in range(3)]
    assert heard == ["Bob joins", "Bob: hello", "Bob leaves"]
    assert here.outboxes == {}


@pytest.mark.anyio
async def test_slow_members_have_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LATE", 0.5)
    here = rooms.Rooms()
    async with join(here, "a") as ann, join(here, "b") as bob:
        await bob.accepted()
        bob.pause_reading()
        await ann.send_text("Are you there?")
        while await ann.receive_text() != "Bob leaves":
            pass
        bob.resume_reading()
        assert await bob.receive_close() == Closed(1013, "too slow")
