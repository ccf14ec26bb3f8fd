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
    def test_received_message_is_observed(self) -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "receive"}, 1)
            assert seen == {"message": {"type": "websocket.connect"}}

        play(main, receive=receive)

    def test_receive_that_times_out_is_awaited_again(self) -> None:
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

    def test_exception_is_observed_with_its_base_classes(self) -> None:
        async def send(_message: Any) -> None:
            raise ConnectionResetError("gone")

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "send", "message": {"type": "a"}, "times": 1}, 1)
            assert seen["raises"][:3] == ["ConnectionResetError", "ConnectionError", "OSError"]
            assert seen["text"] == "gone"

        play(main, send=send)

    def test_cancelled_operation_is_observed(self) -> None:
        async def receive() -> Any:
            raise asyncio.CancelledError

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "receive"}, 1) == {"cancelled": True}

        play(main, receive=receive)

    def test_send_waits_for_the_previous_send(self) -> None:
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

    def test_finish_without_a_pending_operation_returns(self) -> None:
        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "finish"}, 1) == {"returns": True}

        play(main)

    def test_receive_all_counts_messages_up_to_the_disconnect(self) -> None:
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

    def test_pending_send_can_be_cancelled(self) -> None:
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

    def test_application_blocks_the_loop_after_a_send(self) -> None:
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


class TestEndOfApplication:
    @pytest.mark.parametrize(
        ("how", "error"),
        [("return", None), ("raise", ScriptedError), ("raise again", ScriptedError)],
    )
    def test_application_returns_or_raises_as_instructed(
        self, how: str, error: type[BaseException] | None
    ) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            assert await remote.post({"do": how}) == {"delivered": True}
            await asyncio.wait([task])
            assert type(task.exception()) is (error or type(None))
            assert await remote.wait_ended(1) == {"gone": True}

        play(main)

    def test_application_raises_the_exception_of_send_again(self) -> None:
        async def send(_message: Any) -> None:
            raise KeyError("a")

        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            await remote.do({"do": "send", "message": {}, "times": 1}, 1)
            await remote.post({"do": "raise again"})
            await asyncio.wait([task])
            assert isinstance(task.exception(), KeyError)

        play(main, send=send)

    def test_cancellation_is_observed_and_propagates(self) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            await remote.is_running(1)
            await asyncio.sleep(0.02)  # for it to wait for what it is told
            task.cancel()
            assert await remote.wait_ended(1) == {"cancelled": True}
            await asyncio.wait([task])
            assert task.cancelled()

        play(main)

    def test_wait_for_an_application_that_does_not_end_times_out(self) -> None:
        async def main(remote: RemoteApp, _task: Any) -> None:
            await remote.is_running(1)
            assert await remote.wait_ended(0.05) == {"waits": True}

        play(main)

    def test_pending_receive_is_cancelled_at_the_end_of_the_application(self) -> None:
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

    def test_broken_channel_is_the_end_of_the_application(self) -> None:
        async def main(remote: RemoteApp, task: "asyncio.Task[None]") -> None:
            assert await remote.is_running(1)
            assert remote._reader is not None
            remote._reader.set_exception(ConnectionResetError())
            assert await remote.wait_ended(1) == {"gone": True}
            task.cancel()

        play(main)


class TestChannel:
    def test_connection_without_a_run_header_is_left_alone(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                await scripted_app(control.address)(dict(SCOPE), never, nowhere)

        in_time(main)

    @pytest.mark.parametrize("headers", [[], [(b"x", b"1")]])
    def test_connection_with_a_malformed_run_header_is_left_alone(self, headers: Any) -> None:
        async def main() -> None:
            async with Control.running() as control:
                scope = {"type": "websocket", "headers": headers}
                await scripted_app(control.address)(scope, never, nowhere)

        in_time(main)

    def test_run_can_have_a_second_connection(self) -> None:
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

    def test_application_that_never_connects_is_gone(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("2") as remote:
                    assert await remote.do({"do": "receive"}, 0.01) == {"gone": True}
                    assert await remote.wait_ended(0.01) == {"gone": True}

        in_time(main)

    def test_silent_connection_to_the_channel_is_closed(self) -> None:
        async def main() -> None:
            async with Control.running() as control:
                host, _, port = control.address.rpartition(":")
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()

        in_time(main)

    def test_end_posted_to_a_missing_application_is_gone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsfsm.conformance.server._control._GRACE", 0.01)

        async def main() -> None:
            assert await RemoteApp().post({"do": "return"}) == {"gone": True}

        in_time(main)


class TestOtherScopes:
    def test_lifespan_is_completed(self) -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])
        sent = []

        async def receive() -> Any:
            return {"type": next(messages)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        in_time(lambda: scripted_app("127.0.0.1:1")({"type": "lifespan"}, receive, send))
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    def test_http_request_is_answered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONTROL, "127.0.0.1:1")
        sent = []

        async def send(message: Any) -> None:
            sent.append(message)

        in_time(lambda: app({"type": "http"}, never, send))
        assert [m.get("status", m.get("body")) for m in sent] == [200, b"HTTP"]


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class TestUnusualServers:
    @pytest.mark.parametrize(
        "headers",
        [
            [("X-Wsfsm-Run", "1")],
            [None, (b"a",), (1, 2, 3), ("\u20ac", b""), (b"x-wsfsm-run", b"1")],
        ],
        ids=["texts", "some that are none"],
    )
    def test_run_is_found_in_unusual_headers(self, headers: Any) -> None:
        async def main() -> None:
            async with Control.running() as control:
                with control.expecting("1") as remote:
                    scope = {"type": "websocket", "headers": headers}
                    player = scripted_app(control.address)
                    task = asyncio.ensure_future(player(scope, never, nowhere))
                    assert await remote.is_running(3)
                await asyncio.wait([task])

        in_time(main)

    def test_message_that_cannot_be_encoded_is_observed_as_garbled(self) -> None:
        async def receive() -> Any:
            return {"type": "websocket.receive", "text": 10**5000}

        async def main(remote: RemoteApp, _task: Any) -> None:
            assert await remote.do({"do": "receive"}, 1) == {"garbled": True}

        play(main, receive=receive)

    def test_exception_with_a_failing_str_is_observed_without_text(self) -> None:
        async def receive() -> Any:
            raise UnprintableError

        async def main(remote: RemoteApp, _task: Any) -> None:
            seen = await remote.do({"do": "receive"}, 1)
            assert (seen["raises"][0], seen["text"]) == ("UnprintableError", "")

        play(main, receive=receive)


HELLO = b'{"dict": [["hello", "1"], ["scope", {"dict": [["type", "websocket"]]}]]}\n'


class TestUnexpectedPeers:
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
    def test_client_that_does_not_speak_the_protocol_is_disconnected(
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
    def test_invalid_answer_is_observed_as_gone(
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
