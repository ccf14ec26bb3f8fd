"""Conversations of the soak on a real server: right ones pass, and every corruption is noticed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers import soak_broken_apps as broken
from helpers.soak_conversations import MESSAGES, conversation, faults, listening, played
from helpers.uvicorn_server import in_time, until

from tools.soak import client as playing
from tools.soak.application import app
from tools.soak.judging import judge
from tools.soak.messages import NOTHING, Batch, digest
from tools.soak.neighbour import Neighbour
from tools.soak.peer import Address, Peer
from tools.soak.plan import Application, Client, Conversation, Ping, Pong, Rest, Say, Settle
from tools.soak.server import ServerError, ask
from wsfsm.conformance.server._client import frame

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

ECHO = conversation()
TALK: Client = ECHO.client
SAYS = TALK.steps
OWN = attrs.evolve(
    ECHO,
    client=attrs.evolve(TALK, end="wait", settled=False, code=1005, reason=""),
    application=Application(echo=True, end="close", after=3, code=4002, reason="enough"),
)


@pytest.fixture(autouse=True)
def no_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the accounts of other tests, because all conversations here have the same name."""
    monkeypatch.setattr("tools.soak.application._accounts", {})


def with_client(**changes: Any) -> Conversation:
    return attrs.evolve(ECHO, client=attrs.evolve(TALK, **changes))


def with_application(plan: Conversation, **changes: Any) -> Conversation:
    return attrs.evolve(plan, application=attrs.evolve(plan.application, **changes))


RIGHT = {
    "an echo": ECHO,
    "an echo that is not waited for": with_client(settled=False),
    "every way to write": with_client(writes="bytes", pause=0.001, offer="permessage-deflate"),
    "whole": with_client(batch=Batch(1, 60, "usual"), steps=(Say(),) * 60, writes="whole"),
    "in drops": with_client(writes="drip", pause=0.001),
    "in pieces": with_client(writes="pieces", offer="permessage-deflate"),
    "pings and rests": with_client(
        steps=(
            Say(between=(Ping(b"1"), Pong(b"2"))),
            Pong(b"4"),
            Rest(0.01),
            Ping(b"3"),
            Settle(),
            *SAYS[1:],
        )
    ),
    "a slow reader": with_client(reads=0.001),
    "no code": with_client(code=1005, reason=""),
    "a subprotocol": with_application(with_client(subprotocols=("a", "b")), subprotocol="b"),
    "close and leave": with_client(end="close and leave", settled=False),
    "leave": with_client(end="leave"),
    "reset": with_client(end="reset", settled=False),
    "half-close": with_client(end="half-close", cut=True),
    "a close of the application's": OWN,
    "a return": with_application(OWN, end="return"),
    "an exception": with_application(OWN, end="raise"),
    "both": attrs.evolve(OWN, client=attrs.evolve(TALK, settled=False)),
    "no linger": with_application(OWN, lingers=False),
    "a stubborn application": with_application(ECHO, stubborn=True),
    "an impatient application": with_application(ECHO, impatient=True, pause=0.005),
    "voices": with_application(ECHO, echo=False, batch=Batch(2, 20, "large"), voices=4, gap=0.001),
    "no receiving": with_application(OWN, reads=False, echo=False, hold=0.01),
    "a send that raises": with_application(
        with_client(end="leave", settled=False), propagates=True
    ),
    "a probe": with_application(
        with_client(end="leave"), reads=False, echo=False, end="probe", hold=0.3
    ),
    "a denial": with_application(OWN, answer="deny", body=(3, 0, 5000), sized=True),
    "a refusal": with_application(OWN, answer="close"),
    "an exception before the answer": with_application(OWN, answer="raise"),
    "a return before the answer": with_application(OWN, answer="return"),
    "a batch that is not waited for": attrs.evolve(
        OWN, client=attrs.evolve(OWN.client, batch=Batch(3, 40, "large"), steps=(Say(),) * 40)
    ),
    "settling with a server that closes": attrs.evolve(
        OWN, client=attrs.evolve(OWN.client, steps=(*SAYS, Settle(), *SAYS))
    ),
    "a last block": with_client(offer="permessage-deflate", steps=(Say(compressed=True),) * 6),
    "silence": with_application(with_client(end="silence"), echo=False, end="return", after=6),
    "half a request": with_client(request="partial", end="leave"),
    "nobody waits": with_application(with_client(request="gone", end="leave"), answer="wait"),
    "a request and a reset": with_client(request="gone", end="reset"),
    **{
        end: with_client(end=end, offer="permessage-deflate")
        for end in ("bad opcode", "bad text", "bad size", "bomb", "no mask", "bad close")
    },
    **{
        request: with_client(request=request, steps=())
        for request in ("version 12", "no key", "POST")
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_correct_conversation_has_no_faults(name: str) -> None:
    assert faults(RIGHT[name]) == []


def test_client_is_slow_only_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_SLOW", 0.05)

    assert faults(with_client(writes="bytes", pause=0.01)) == []


WRONG: dict[str, tuple[object, Conversation, str]] = {
    "lost": (broken.Wrong(broken.lost), ECHO, " as message 2 instead of "),
    "reordered": (broken.Wrong(broken.reordered), ECHO, " as message 2 instead of "),
    "duplicated": (broken.Wrong(broken.duplicated), ECHO, " as message 3 instead of "),
    "a changed byte": (broken.Wrong(broken.changed), ECHO, " as message 0 instead of "),
    "another kind": (broken.Wrong(broken.retyped), ECHO, "instead of text of"),
    "a wrong code": (broken.Wrong(broken.recoded), OWN, "Close: (3999, 'enough') instead of"),
    "a wrong reason": (broken.Wrong(broken.another_reason), OWN, "Close: (4002, '?') instead"),
    "not received": (
        broken.Wrong(incoming=broken.deafened),
        with_application(with_client(settled=False), echo=False),
        " as message ",
    ),
    "a wrong code of the disconnect": (
        broken.Wrong(incoming=broken.miscoded),
        ECHO,
        "disconnect of the application: (3999, 'bye') instead of (4001, 'bye')",
    ),
    "one voice out of turn": (
        broken.Wrong(broken.overtaken),
        with_application(ECHO, echo=False, batch=Batch(2, 8, "usual"), voices=2, gap=0.001),
        "out of order",
    ),
    "a voice that is cut off": (
        broken.Wrong(lambda sent: sent[-1:] if len(sent) < 7 else []),
        with_application(OWN, echo=False, reads=False, batch=Batch(2, 8, "usual"), voices=2),
        "the client got 6 of 8 messages",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_broken_application_is_noticed(name: str) -> None:
    app, plan, told = WRONG[name]

    found = faults(plan, app, patience=1.0)

    assert any(told in fault for fault in found), found


@pytest.mark.parametrize("name", ["lost", "a wrong code", "not received"])
def test_conversation_with_a_correct_application_has_no_faults(name: str) -> None:
    assert faults(WRONG[name][1], patience=1.0) == []


def test_client_that_waits_forever_is_a_fault() -> None:
    wrong = broken.Wrong(broken.lost)

    assert "the client's side did not end within 1 s" in faults(ECHO, wrong, patience=1.0)


def test_server_that_does_not_listen_is_a_fault() -> None:
    async def main() -> None:
        async with listening() as address:
            pass
        seen = await playing.play(ECHO, address, asyncio.Event().wait)

        assert "the client's side failed" in seen.problems[0]
        with pytest.raises(ServerError, match="/state is not answered"):
            await ask(address, "/state")

    in_time(main)


@contextlib.asynccontextmanager
async def scripted(answer: bytes) -> AsyncIterator[Address]:
    """A server that answers a request with these bytes, and then reads."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.write_eof()
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        done.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Address("", server.sockets[0].getsockname()[1], None)
        await done.wait()


HEAD = b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "status: 0 instead of 101"),
        (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nab", "status: 200 instead of 101"),
        (
            b"HTTP/1.1 403 \r\nContent-Length: 2\r\n\r\na",
            "the body of the response is not complete",
        ),
        (HEAD + b"\r\n" + frame(1, b"?", masked=False, rsv=4), "violates the protocol"),
        (HEAD + b"\r\n" + frame(10, b"?", masked=False), "do not answer the Pings"),
        (HEAD + b"\r\n", "Close: None instead of (4001, 'bye')"),
        (HEAD + b"sec-websocket-protocol: x\r\n\r\n", "subprotocol: ['x'] instead of []"),
        (
            HEAD + b"sec-websocket-extensions: permessage-deflate\r\n\r\n",
            "compression: True instead of False",
        ),
        (
            HEAD + b"sec-websocket-extensions: p; client_max_window_bits=a\r\n\r\n",
            "is not valid",
        ),
    ],
)
def test_wrong_answer_is_noticed(answer: bytes, told: str) -> None:
    async def main() -> None:
        async with scripted(answer) as address:
            seen = await playing.play(ECHO, address, asyncio.Event().wait, 3.0)
        report = {"done": True, "events": [[0.0, "websocket.connect", {}]]}

        found = judge(ECHO, seen, report)

        assert any(told in fault for fault in found), found

    in_time(main)


def test_silent_client_leaves_once_the_application_has_ended() -> None:
    silent = with_client(end="silence", settled=False)

    async def main() -> None:
        ended = asyncio.Event()
        async with listening() as address:
            task = asyncio.create_task(playing.play(silent, address, ended.wait))
            await asyncio.sleep(0.3)
            assert not task.done()
            ended.set()
            seen = await task
        assert (seen.close, seen.problems) == (None, [])

    in_time(main)


def test_unrequested_account_is_discarded() -> None:
    async def main() -> None:
        async with listening() as address:
            await playing.play(ECHO, address, asyncio.Event().wait)
            await ask(address, "/state")
            assert await ask(address, "/report", name=ECHO.name) == {}

    in_time(main)


def test_quiet_application_gives_no_account() -> None:
    async def main() -> None:
        async with listening() as address:
            seen, report = await played(with_application(ECHO, quiet=True), address)
            assert (len(seen.messages), report) == (6, {})

    in_time(main)


def test_endless_application_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.application._WAIT", 0.1)
    endless = with_application(OWN, answer="wait")

    async def main() -> None:
        async with listening() as address:
            task = asyncio.create_task(playing.play(endless, address, asyncio.Event().wait, 3.0))
            report: dict[str, Any] = {}
            while not report:
                report = await ask(address, "/report", name=endless.name)
            assert "the application has not ended" in judge(endless, await task, report)

    in_time(main)


def test_application_stops_waiting_after_its_patience() -> None:
    slow = attrs.evolve(
        ECHO,
        client=attrs.evolve(TALK, end="silence", settled=False, batch=NOTHING, steps=()),
        application=Application(
            batch=Batch(1, 30, "huge"), patience=0.1, end="return", lingers=False
        ),
    )

    async def main() -> None:
        async with listening(ws_ping_interval=None) as address:
            _, report = await played(slow, address)
        happened = [what for _, what, _ in report["events"]]
        assert happened[-2:] == ["lost patience", "returned"]

    in_time(main)


def test_peer_connects_to_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, path):
            peer = await Peer.reach(Address(path, 0, None))
            peer.write(b"x")
            assert [await peer.data(), await peer.data(), peer.ends] == [b"x", b"", "FIN"]
            peer.close()
            peer.reset()  # of nothing that is still there
            await peer.closed()
            peer.abort()

    in_time(main)


def test_neighbour_notices_a_wrong_echo() -> None:
    async def main() -> None:
        async with listening(broken.Wrong(broken.changed)) as address:
            async with Neighbour(address) as neighbour:
                await until(lambda: bool(neighbour.faults))
        assert neighbour.faults[0].startswith("the neighbour got {")
        assert neighbour.gaps == []

    in_time(main)


def test_digests_of_the_batch_are_those_of_an_echo() -> None:
    async def main() -> None:
        async with listening(app) as address:
            seen, report = await played(ECHO, address)
        sent = [digest(payload) for payload in MESSAGES]
        assert seen.messages == sent
        assert [detail for _, what, detail in report["events"] if what == "received"] == sent

    in_time(main)
