"""Options of uvicorn and variables of the environment: each has a meaning, or is refused at the start."""

import asyncio
import logging
import os
import subprocess
import sys
from typing import Any

import attrs
import pytest
import uvicorn
from helpers.virtual_uvicorn import Link, in_virtual_time, message, turns
from helpers.wire import BINARY, CLOSE, PING, close_payload, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol, _options
from wsfsm.server import Policies
from wsfsm.types import Receive, Scope, Send

ACCEPT = message("accept")
INF, NAN = float("inf"), float("nan")
OFF = [None, 0, -1, -0.5, INF, -INF, NAN]


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing is remembered of other tests."""
    _options._settled.cache_clear()
    _options._own_header.cache_clear()
    _options._own_headers.cache_clear()


async def sink(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (await receive())["type"] == "websocket.receive":
        pass


def after(seconds: float, *data: bytes, **options: Any) -> bytes:
    """The frames that a client gets that sends data and then waits."""

    async def main() -> bytes:
        link = Link(sink, **options)
        link.ask()
        await turns()
        link.receive(*data)
        await asyncio.sleep(seconds)
        seen = link.transport.data.partition(b"\r\n\r\n")[2]
        link.transport.lose()
        await turns()
        return seen

    return in_virtual_time(main)


class TestPings:
    @pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])
    @pytest.mark.parametrize("interval", OFF)
    def test_pings_are_not_sent_without_an_interval(
        self, interval: Any, ws: type[WebSocketProtocol]
    ) -> None:
        assert after(5000, ws=ws, ws_ping_interval=interval, ws_ping_timeout=1) == b""

    @pytest.mark.parametrize("timeout", OFF)
    def test_pongs_are_not_awaited_without_a_timeout(self, timeout: Any) -> None:
        seen = after(100, ws_ping_interval=30, ws_ping_timeout=timeout)
        assert len(seen) == 3 * 6
        assert {seen[0], seen[6], seen[12]} == {0x80 | PING}

    @pytest.mark.parametrize("interval", [0.001, 1, 20.5, 3600])
    def test_ping_interval_above_0_is_in_seconds(self, interval: float) -> None:
        assert after(interval * 0.9, ws_ping_interval=interval) == b""
        assert after(interval * 1.1, ws_ping_interval=interval)[0] == 0x80 | PING


class TestMessageSize:
    TOO_BIG = bytes((0x80 | CLOSE,))

    @pytest.mark.parametrize(
        ("limit", "size", "fits"),
        [
            (10, 10, True),
            (10, 11, False),
            (10.5, 10, True),
            (0, 0, True),
            (0, 1, False),
            (-1, 1, False),
            (-INF, 1, False),
            (None, 10**6, True),
            (INF, 10**6, True),
            (NAN, 10**6, True),
        ],
    )
    def test_ws_max_size_limits_messages(self, limit: Any, size: int, *, fits: bool) -> None:
        seen = after(1, frame(BINARY, bytes(size)), ws_max_size=limit)
        assert (seen == b"") is fits
        assert fits or seen[2:4] == close_payload(1009)

    def test_negative_ws_max_size_is_warned_about_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            after(1, ws_max_size=-1)

        lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert lines == ["ws_max_size=-1 refuses every message but an empty one"]


class TestHeaders:
    def head(self, *headers: tuple[str, str]) -> list[bytes]:
        async def main() -> list[bytes]:
            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await send(ACCEPT)

            link = Link(app)
            link.state.default_headers = [(n.encode(), v.encode("latin-1")) for n, v in headers]
            link.protocol = type(link.protocol)(link.protocol._config, link.state, {})
            link.transport.protocol = link.protocol
            link.protocol.connection_made(link.transport)
            link.ask()
            await turns()
            link.transport.lose()
            await turns()
            return link.transport.data.partition(b"\r\n\r\n")[0].split(b"\r\n")

        return in_virtual_time(main)

    def test_blanks_around_header_values_are_removed(self) -> None:
        assert b"x-frame-options: DENY" in self.head(("X-Frame-Options", " DENY\t "))

    def test_invalid_default_header_is_dropped_with_one_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number in range(3):
            head = self.head(("x y", "1"), ("a", "1\r\nb: 2"), ("date", str(number)), ("c", "\xe9"))
            assert head[0] == b"HTTP/1.1 101 Switching Protocols"
            assert b"date: %d" % number in head
            assert b"c: \xe9" in head
            assert not any(line.startswith((b"x y", b"a:", b"b:")) for line in head)

        lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert lines == [
            "invalid default header left out of responses: b'x y', b'1'",
            "invalid default header left out of responses: b'a', b'1\\r\\nb: 2'",
        ]

    def test_headers_option_of_uvicorn_is_used(self) -> None:
        config = uvicorn.Config(sink, headers=[("X-Y", " z ")])
        config.load()

        assert (b"x-y", b"z") in _options.own_headers(config.encoded_headers)


@pytest.mark.parametrize("name", ["WebSocketProtocol", "CompatWebSocketProtocol"])
class TestEnvironment:
    def policies(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        code = (
            "import attrs; from wsfsm.integrations.uvicorn import *; "
            f"print(attrs.asdict({name}.policies))"
        )
        environ = {**os.environ, **variables}
        command = [sys.executable, "-c", code]
        return subprocess.run(  # noqa: S603 - our own code
            command, env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    def test_environment_sets_policies_and_leaves_the_others(self, name: str) -> None:
        done = self.policies(
            name, WSFSM_SERVER_CLOSE_TIMEOUT="2.5", WSFSM_SERVER_HANDSHAKE_TIMEOUT="7"
        )
        right = attrs.evolve(
            {"WebSocketProtocol": WebSocketProtocol, "CompatWebSocketProtocol":
                CompatWebSocketProtocol}[name].policies,
            close_timeout=2.5,
            handshake_timeout=7,
        )  # fmt: skip

        assert done.stdout.strip() == str(attrs.asdict(right)).replace(": 7,", ": 7.0,")

    @pytest.mark.parametrize(
        ("variable", "text", "error"),
        [
            ("CLOSE_TIMEOUT", "-1", "close_timeout must be a finite number of seconds above 0"),
            ("CLOSE_TIMOUT", "1", "variable WSFSM_SERVER_CLOSE_TIMOUT, must be one of"),
            ("PING_INTERVAL", "5", "has no effect in uvicorn; use its option --ws-ping-interval"),
            ("PING_TIMEOUT", "5", "has no effect in uvicorn; use its option --ws-ping-timeout"),
            ("MAX_MESSAGE_SIZE", "5", "has no effect in uvicorn; use its option --ws-max-size"),
        ],
    )
    def test_wrong_environment_variable_is_refused_at_import(
        self, name: str, variable: str, text: str, error: str
    ) -> None:
        done = self.policies(name, **{f"WSFSM_SERVER_{variable}": text})

        assert done.returncode
        assert f"ValueError: {error}" in done.stderr or error in done.stderr.splitlines()[-2]
        assert done.stderr.splitlines()[-1] == "Run `wsfsm error policy` for an explanation."


def test_subclass_sets_policies() -> None:
    class Own(WebSocketProtocol):
        policies = Policies(close_timeout=1, max_message_size=7)

    async def main() -> Policies:
        policies: Policies = Link(sink, Own, ws_max_size=9).core.policies
        return policies

    policies = in_virtual_time(main)
    assert policies.close_timeout == 1
    assert policies.max_message_size == 9  # that is uvicorn's
