"""The application that plays its side of a case, and the channel by which it is told what to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from helpers.uvicorn_server import in_time

from wsfsm.conformance.server._control import Control, RemoteApp
from wsfsm.conformance.server.app import CONTROL, ScriptedError, app, scripted_app

SCOPE = {"type": "websocket", "headers": [(b"x-wsfsm-run", b"1")]}
Play = Callable[[RemoteApp, "asyncio.Task[None]"], Awaitable[None]]


async def never() -> Any:
    await asyncio.Event().wait()


async def nowhere(_message: Any) -> None:
    """What it sends reaches nobody."""


@contextlib.asynccontextmanager
async def playing(
    receive: Any = never, send: Any = nowhere
) -> AsyncIterator[tuple[RemoteApp, "asyncio.Task[None]"]]:
    """A player whose server is a pair of callables."""
    async with Control.running() as control:
        with control.expecting("1") as remote:
            application = scripted_app(control.address)
            task = asyncio.ensure_future(application(dict(SCOPE), receive, send))
            yield remote, task
        await asyncio.wait([task])


def play(main: Play, **callables: Any) -> None:
    async def run() -> None:
        async with playing(**callables) as (remote, task):
            assert await remote.is_running(10)
            await main(remote, task)

    in_time(run)


class TestObservations:
    def test_a_message_that_comes_is_told(self) -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "receive"}, 1)
            assert seen == {"message": {"type": "websocket.connect"}}

        play(main, receive=receive)

    def test_what_does_not_come_in_time_is_waited_for_again(self) -> None:
        given = asyncio.Event()
        calls = []

        async def receive() -> Any:
            calls.append(1)
            await given.wait()
            return {"type": "websocket.connect"}

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "receive"}, 0.01) == {"waits": True}
            given.set()
            assert "message" in await remote.do({"do": "receive"}, 1)
            assert len(calls) == 1

        play(main, receive=receive)

    def test_an_exception_is_told_with_all_that_it_inherits_from(self) -> None:
        async def send(_message: Any) -> None:
            raise ConnectionResetError("gone")

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "send", "message": {"type": "a"}, "times": 1}, 1)
            assert seen["raises"][:3] == ["ConnectionResetError", "ConnectionError", "OSError"]
            assert seen["text"] == "gone"

        play(main, send=send)

    def test_a_cancelled_operation_is_told(self) -> None:
        async def receive() -> Any:
            raise asyncio.CancelledError

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "receive"}, 1) == {"cancelled": True}

        play(main, receive=receive)

    def test_a_send_waits_for_the_one_before(self) -> None:
        free, sent = asyncio.Event(), []

        async def send(message: Any) -> None:
            await free.wait()
            sent.append(message["type"])

        async def main(remote: RemoteApp, _task: Any) -> None:
            first = {"do": "send", "message": {"type": "a"}, "times": 2}
            assert await remote.do(first, 0.01) == {"waits": True}
            second = {"do": "send", "message": {"type": "b"}, "times": 1}
            assert await remote.do(second, 0.01) == {"waits": True}
            free.set()
            assert await remote.do({"do": "finish"}, 1) == {"returns": True}
            assert sent == ["a", "a", "b"]

        play(main, send=send)

    def test_nothing_is_left_to_finish(self) -> None:
        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "finish"}, 1) == {"returns": True}

        play(main)

    def test_all_that_comes_is_counted_until_it_is_no_data(self) -> None:
        coming = [
            {"type": "websocket.receive", "text": "abc"},
            {"type": "websocket.receive", "bytes": b"de"},
            {"type": "websocket.receive", "text": ""},
            {"type": "websocket.disconnect", "code": 1000},
        ]

        async def receive() -> Any:
            return coming.pop(0)

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "receive all", "pause": 0}, 1)
            assert seen == {
                "message": {"type": "websocket.disconnect", "code": 1000},
                "count": 3,
                "size": 5,
            }

        play(main, receive=receive)

    def test_a_send_that_waits_can_be_cancelled(self) -> None:
        sent = []

        async def send(message: Any) -> None:
            sent.append(message["type"])
            if message["type"] == "a":
                await never()

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "cancel"}, 1) == {"returns": True}  # there is none
            first = {"do": "send", "message": {"type": "a"}, "times": 2}
            assert await remote.do(first, 0.01) == {"waits": True}
            assert await remote.do({"do": "cancel"}, 1) == {"cancelled": True}
            second = {"do": "send", "message": {"type": "b"}, "times": 1}
            assert await remote.do(second, 1) == {"returns": True}
            assert sent == ["a", "b"]

        play(main, send=send)

    def test_it_holds_the_loop_up_after_what_it_sends(self) -> None:
        turns: list[int] = []
        sent = []

        async def send(message: Any) -> None:
            sent.append((message["type"], len(turns)))
            asyncio.get_running_loop().call_soon(turns.append, 1)
            if len(sent) == 2:
                raise ConnectionResetError  # which nobody sees

        async def main(remote: RemoteApp, _task: Any) -> None:
            work = {"do": "work", "message": {"type": "a"}, "times": 3, "seconds": 0.01}
            assert await remote.post(work) == {"delivered": True}
            assert await remote.do({"do": "finish"}, 1) == {"returns": True}
            assert sent == [("a", 0)] * 3

        play(main, send=send)


class TestEnds:
    @pytest.mark.parametrize(
        ("how", "error"),
        [("return", None), ("raise", ScriptedError), ("raise again", ScriptedError)],
    )
    def test_it_ends_as_it_is_told(self, how: str, error: type[BaseException] | None) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            assert await remote.post({"do": how}) == {"delivered": True}
            await asyncio.wait([task])
            assert type(task.exception()) is (error or type(None))
            assert await remote.wait_ended(1) == {"gone": True}

        play(main)

    def test_what_was_raised_into_it_is_let_through(self) -> None:
        async def send(_message: Any) -> None:
            raise KeyError("a")

        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            await remote.do({"do": "send", "message": {}, "times": 1}, 1)
            await remote.post({"do": "raise again"})
            await asyncio.wait([task])
            assert isinstance(task.exception(), KeyError)

        play(main, send=send)

    def test_a_cancellation_is_told_and_goes_on(self) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            await remote.is_running(1)
            await asyncio.sleep(0.02)  # for it to wait for what it is told
            task.cancel()
            assert await remote.wait_ended(1) == {"cancelled": True}
            await asyncio.wait([task])
            assert task.cancelled()

        play(main)

    def test_one_that_does_not_end_is_waited_for_in_vain(self) -> None:
        async def main(remote: RemoteApp, _task: Any) -> None:
            await remote.is_running(1)
            assert await remote.wait_ended(0.05) == {"waits": True}

        play(main)

    def test_what_it_waits_for_is_cancelled_when_it_ends(self) -> None:
        cancelled = asyncio.Event()

        async def receive() -> Any:
            try:
                await never()
            finally:
                cancelled.set()

        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            assert await remote.do({"do": "receive"}, 0.01) == {"waits": True}
            await remote.post({"do": "return"})
            await asyncio.wait([task])
            await cancelled.wait()

        play(main, receive=receive)

    def test_a_channel_that_breaks_is_an_end(self) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            assert await remote.is_running(1)
            assert remote._reader is not None
            remote._reader.set_exception(ConnectionResetError())
            assert await remote.wait_ended(1) == {"gone": True}
            task.cancel()

        play(main)


class TestChannel:
    def test_who_belongs_to_no_run_is_let_go(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                await scripted_app(control.address)(dict(SCOPE), never, nowhere)

        in_time(main)

    @pytest.mark.parametrize("headers", [[], [(b"x", b"1")]])
    def test_a_connection_that_names_no_run_is_let_go(self, headers: Any) -> None:
        async def main() -> None:
            async with Control.running() as control:
                scope = {"type": "websocket", "headers": headers}
                await scripted_app(control.address)(scope, never, nowhere)

        in_time(main)

    def test_a_run_may_have_another_connection(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("1") as remote:
                    application = scripted_app(control.address)
                    first = asyncio.ensure_future(application(dict(SCOPE), never, nowhere))
                    assert await remote.is_running(1)

                    remote.renew()
                    assert not await remote.is_running(0.01)
                    assert not remote.scope
                    await first

                    second = asyncio.ensure_future(application(dict(SCOPE), never, nowhere))
                    assert await remote.do({"do": "receive"}, 1) == {"waits": True}
                await second

        in_time(main)

    def test_who_never_comes_is_gone(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("2") as remote:
                    assert await remote.do({"do": "receive"}, 0.01) == {"gone": True}
                    assert await remote.wait_ended(0.01) == {"gone": True}

        in_time(main)

    def test_who_says_nothing_belongs_to_nobody(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                host, _, port = control.address.rpartition(":")
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()

        in_time(main)

    def test_nobody_is_told_to_end_who_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.conformance.server._control._GRACE", 0.01)

        async def main() -> None:
            assert await RemoteApp().post({"do": "return"}) == {"gone": True}

        in_time(main)


class TestOtherScopes:
    def test_a_lifespan_is_completed(self) -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])
        sent = []

        async def receive() -> Any:
            return {"type": next(messages)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        in_time(lambda: scripted_app("127.0.0.1:1")({"type": "lifespan"}, receive, send))
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    def test_a_request_of_http_is_answered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONTROL, "127.0.0.1:1")
        sent = []

        async def send(message: Any) -> None:
            sent.append(message)

        in_time(lambda: app({"type": "http"}, never, send))
        assert [m.get("status", m.get("body")) for m in sent] == [200, b"HTTP"]


class UntoldError(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class TestOddServers:
    @pytest.mark.parametrize(
        "headers",
        [
            [("X-Wsfsm-Run", "1")],
            [None, (b"a",), (1, 2, 3), ("\u20ac", b""), (b"x-wsfsm-run", b"1")],
        ],
        ids=["texts", "some that are none"],
    )
    def test_a_run_is_found_among_odd_headers(self, headers: Any) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("1") as remote:
                    scope = {"type": "websocket", "headers": headers}
                    player = scripted_app(control.address)
                    task = asyncio.ensure_future(player(scope, never, nowhere))
                    assert await remote.is_running(3)
                await asyncio.wait([task])

        in_time(main)

    def test_a_message_that_cannot_travel_is_told_as_such(self) -> None:
        async def receive() -> Any:
            return {"type": "websocket.receive", "text": 10**5000}

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "receive"}, 1) == {"garbled": True}

        play(main, receive=receive)

    def test_an_exception_without_a_text_is_told(self) -> None:
        async def receive() -> Any:
            raise UntoldError

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "receive"}, 1)
            assert (seen["raises"][0], seen["text"]) == ("UntoldError", "")

        play(main, receive=receive)


HELLO = b'{"dict": [["hello", "1"], ["scope", {"dict": [["type", "websocket"]]}]]}\n'


class TestStrangers:
    @pytest.mark.parametrize(
        "line",
        [
            b"\n",
            b"GET / HTTP/1.1\n",
            b"[" * 100_000 + b"\n",
            b'{"dict": 5}\n',
            b"5\n",
            b'{"dict": [["hello", "1"]]}\n',
            b'{"dict": [["hello", {"list": []}], ["scope", {"dict": []}]]}\n',
            b"x" * 2**17,
        ],
        ids=range(8),
    )
    def test_who_is_no_player_is_sent_away(
        self, line: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("1") as remote:
                    host, _, port = control.address.rpartition(":")
                    reader, writer = await asyncio.open_connection(host, int(port))
                    writer.write(line)
                    with contextlib.suppress(ConnectionError):  # what it wrote was not read
                        assert await reader.read() == b""
                    assert not remote.arrived.is_set()
                    writer.close()

        monkeypatch.setattr("wsfsm.conformance.server._control._LIMIT", 2**16)
        in_time(main)

    @pytest.mark.parametrize(
        ("answer", "seen"),
        [
            (b'{"dict": [["mess', "gone"),
            (b"garbage\n", "garbled"),
            (b"x" * 2**18, "garbled"),
        ],
        ids=["half a line", "garbage", "a line without end"],
    )
    def test_an_answer_that_is_none_is_told(
        self, answer: bytes, seen: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("1") as remote:
                    host, _, port = control.address.rpartition(":")
                    _reader, writer = await asyncio.open_connection(host, int(port))
                    writer.write(HELLO + answer)
                    writer.write_eof()
                    assert await remote.do({"do": "receive"}, 1) == {seen: True}
                    writer.close()

        monkeypatch.setattr("wsfsm.conformance.server._control._LIMIT", 2**16)
        in_time(main)
