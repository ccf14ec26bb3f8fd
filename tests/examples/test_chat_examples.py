"""Both chat rooms behave alike, and Starlette's needs its extra lines."""

import logging
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any, Final

import pytest
from helpers.asgi import ROOT
from helpers.examples import load
from helpers.uvicorn_server import in_time

from wsfsm import UnexpectedFrame
from wsfsm.testing import SERVERS, Client, Closed, connect

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

FOLDER: Final = ROOT / "examples" / "chat"
SLOW: Final = 1.0  # seconds that the rooms wait here


def join(room: ModuleType, token: str, **options: Any) -> AbstractAsyncContextManager[Client]:
    timeout = vars(room).get("PATIENCE", 5.0)
    return connect(room.app, f"/chat?token={token}", timeout=timeout, **options)


async def texts(client: Client, count: int) -> list[str]:
    return [await client.receive_text() for _ in range(count)]


@pytest.fixture(params=["with_starlette", "with_wsfsm"])
def room(request: pytest.FixtureRequest) -> ModuleType:
    module = load(f"chat/{request.param}")
    vars(module)["SLOW"] = SLOW
    return module


async def says_what_happens(room: ModuleType, server: str) -> None:
    async with join(room, "a", server=server) as ann:
        assert await texts(ann, 1) == ["Ann joins"]
        async with join(room, "b", server=server) as bob:
            assert await texts(ann, 1) == ["Bob joins"]
            await bob.send_text("hello")
            assert await texts(ann, 1) == ["Bob: hello"]
            assert await texts(bob, 2) == ["Bob joins", "Bob: hello"]
        assert await texts(ann, 1) == ["Bob leaves"]
    assert room.members == set()


async def denies(room: ModuleType, server: str) -> None:
    async with connect(room.app, "/chat", server=server) as client:
        denied = await client.denied()
        await client.result()
    can_deny = SERVERS[server].denial
    assert denied.status == (401 if can_deny else 403)
    assert denied.body == (b"Who are you?\n" if can_deny else b"")


async def goes_on_when_a_client_is_lost(room: ModuleType, server: str) -> None:
    async with (
        join(room, "a", server=server) as ann,
        join(room, "b", server=server) as bob,
        join(room, "c", server=server) as cem,
    ):
        await texts(ann, 3)
        cem.pause_reading()
        await bob.send_text("I wait for Cem, and do not notice that I have left")
        await texts(ann, 1)
        bob.drop()
        await ann.send_text("one")
        await ann.send_text("two")
        await ann.send_text("three")
        heard = await texts(ann, 5)
        assert [text for text in heard if text.startswith("Ann")] == [
            *("Ann: one", "Ann: two", "Ann: three")
        ]
        assert [text for text in heard if not text.startswith("Ann")].count("Bob leaves") == 1


async def goes_on_when_a_client_is_slow(room: ModuleType, server: str) -> None:
    async with (
        join(room, "a", server=server) as ann,
        join(room, "c", server=server) as cem,
        join(room, "b", server=server) as bob,
    ):
        assert [*await texts(ann, 3), *await texts(bob, 1)][2:] == ["Bob joins", "Bob joins"]
        bob.pause_reading()
        await cem.send_text("both of us wait for Bob")
        for number in range(5):
            await ann.send_text(str(number))
        heard = await texts(ann, 7)
        assert [text for text in heard if text.startswith("Ann")] == [
            f"Ann: {number}" for number in range(5)
        ]
        assert {"Bob leaves", "Cem: both of us wait for Bob"} < {*heard}
        assert len(room.members) == 2
        bob.resume_reading()
        assert await bob.receive_close() == Closed(1013, "too slow")


def break_(room: ModuleType) -> None:
    """Let a certain text raise an exception in the handler."""
    broadcast = room.broadcast

    async def breaks(text: str) -> None:
        if text.endswith("boom"):
            raise ZeroDivisionError
        await broadcast(text)

    vars(room)["broadcast"] = breaks


async def closes_with_1011_after_an_exception(room: ModuleType, server: str) -> None:
    break_(room)
    async with join(room, "a", server=server) as ann, join(room, "b", server=server) as bob:
        assert [*await texts(ann, 2), *await texts(bob, 1)][1:] == ["Bob joins", "Bob joins"]
        await bob.send_text("boom")
        assert await texts(ann, 1) == ["Bob leaves"]
        assert await bob.receive_close() == Closed(1011)
        with pytest.raises(ZeroDivisionError):
            await bob.result()


async def keeps_the_exception_of_a_client_that_is_lost(room: ModuleType, server: str) -> None:
    break_(room)
    async with join(room, "a", server=server) as ann, join(room, "b", server=server) as bob:
        await texts(bob, 1)
        await bob.send_text("boom")
        bob.drop()
        with pytest.raises(ZeroDivisionError):
            await bob.result()
        assert "Bob leaves" in await texts(ann, 3)


SCENES: Final = [
    says_what_happens,
    denies,
    goes_on_when_a_client_is_lost,
    goes_on_when_a_client_is_slow,
    closes_with_1011_after_an_exception,
    keeps_the_exception_of_a_client_that_is_lost,
]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_room(
    room: ModuleType, scene: Any, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    in_time(lambda: scene(room, server))

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


LINES: Final = [
    (
        "if the second message to a lost client is an error",
        "    except (WebSocketDisconnect, RuntimeError):  # the",
        "    except WebSocketDisconnect:  # the",
        goes_on_when_a_client_is_lost,
        "uvicorn-sansio",
    ),
    (
        "if a receive after a failed send is an error",
        "    except WebSocketDisconnected:\n        pass  # a send has noticed before that the client has left\n",
        "",
        goes_on_when_a_client_is_lost,
        "uvicorn-sansio",
    ),
    (
        "if a send waits forever",
        "        async with asyncio.timeout(SLOW):\n            await member.send_text(text)",
        "        await member.send_text(text)",
        goes_on_when_a_client_is_slow,
        "uvicorn-sansio",
    ),
    (
        "if the server is not asked for denial responses",
        'if "websocket.http.response" in (websocket.scope.get("extensions") or {}):',
        "if True:",
        denies,
        "daphne",
    ),
    (
        "if an exception does not close",
        "        await close(websocket, 1011)\n        raise",
        "        raise",
        closes_with_1011_after_an_exception,
        "uvicorn-sansio",
    ),
    (
        "if a close raises what it finds",
        "    except (TimeoutError, WebSocketDisconnect, RuntimeError):",
        "    except TimeoutError:",
        goes_on_when_a_client_is_slow,
        "uvicorn-sansio",
    ),
]


@pytest.mark.parametrize(
    ("line", "changed", "scene", "server"),
    [case[1:] for case in LINES],
    ids=[case[0] for case in LINES],
)
def test_the_room_of_starlette_fails(line: str, changed: str, scene: Any, server: str) -> None:
    code = (FOLDER / "with_starlette.py").read_text(encoding="utf-8")
    assert code.count(line) == 1
    room = ModuleType("changed")
    exec(compile(code.replace(line, changed), "changed", "exec"), vars(room))  # noqa: S102 - ours
    vars(room).update(SLOW=SLOW, PATIENCE=1.0)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever the scene notices first
        in_time(lambda: scene(room, server))
    assert isinstance(caught.value, Exception)


@pytest.mark.parametrize("room", ["with_starlette"], indirect=True)
def test_the_room_of_starlette_takes_binary_messages_for_none_on_hypercorn(
    room: ModuleType,
) -> None:
    async def main() -> None:
        async with join(room, "a", server="hypercorn") as ann:
            await ann.send_bytes(b"not a text")
            assert await texts(ann, 2) == ["Ann joins", "Ann: None"]

    in_time(main)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("room", ["with_wsfsm"], indirect=True)
def test_the_room_of_wsfsm_refuses_binary_messages(room: ModuleType, server: str) -> None:
    async def main() -> None:
        async with join(room, "a", server=server) as ann:
            await texts(ann, 1)
            await ann.send_bytes(b"not a text")
            assert await ann.receive_close() == Closed(1011)
            with pytest.raises(UnexpectedFrame):
                await ann.result()

    in_time(main)


def test_the_room_of_wsfsm_has_fewer_lines() -> None:
    ours, theirs = (
        len((FOLDER / f"with_{name}.py").read_text(encoding="utf-8").splitlines())
        for name in ("wsfsm", "starlette")
    )

    assert ours < theirs
