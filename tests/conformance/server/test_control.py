"""The channel by which the scripted application is controlled, and unexpected peers of it."""

import asyncio
import contextlib
from typing import Any

import pytest
from helpers.scripted_runs import SCOPE, never, nowhere
from helpers.uvicorn_server import in_time

from wsfsm.conformance.server._control import Control, RemoteApp
from wsfsm.conformance.server.app import scripted_app


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
                    with contextlib.suppress(ConnectionError):  # the line was not read
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
