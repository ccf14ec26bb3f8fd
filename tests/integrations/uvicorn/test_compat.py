"""The class that takes the place of uvicorn's own: nothing that works on those is different."""

import asyncio
from typing import Any

import attrs
import pytest
from helpers.virtual_uvicorn import Application, Link, Transport, in_virtual_time, message, turns
from helpers.wire import CLOSE, PING, TEXT, close_payload, frame, request

from wsfsm.exceptions import IllegalTransition
from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.server.commands import Timer

ACCEPT = message("accept")
START = message("http.response.start", status=404)
BODY = message("http.response.body")
INTERNAL = b"HTTP/1.1 500 Internal Server Error\r\n"


def play(
    ws: type[WebSocketProtocol], *messages: Any, offers: bytes | None = None
) -> tuple[bytes, list[Any]]:
    """Return the written bytes, and the results of an application that sends messages."""

    async def main() -> tuple[bytes, list[Any]]:
        app = Application()
        link = Link(app, ws)
        link.ask(*([(b"sec-websocket-protocol", offers)] if offers else []))
        for sent in messages:
            app.steps.put_nowait(sent)
        await turns(20)
        saw = list(app.saw)
        app.steps.put_nowait("return")
        await turns()
        link.end()
        await asyncio.sleep(100)
        assert link.is_clean()
        return link.transport.data, saw

    return in_virtual_time(main)


both = pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])


class TestSubprotocolThatWasNotOffered:
    @pytest.mark.parametrize("offers", [None, b"a, b"])
    def test_compat_class_sends_a_subprotocol_that_was_not_offered(
        self, offers: bytes | None
    ) -> None:
        data, saw = play(CompatWebSocketProtocol, message("accept", subprotocol="c"), offers=offers)
        assert saw == ["ok"]
        assert b"sec-websocket-protocol: c\r\n" in data

    def test_compat_class_sends_a_subprotocol_from_the_headers(self) -> None:
        headers = [(b"Sec-WebSocket-Protocol", b"c"), (b"content-length", b"0"), (b"x-a", b"1")]
        data, saw = play(CompatWebSocketProtocol, message("accept", headers=headers), offers=b"c")
        assert saw == ["ok"]
        assert data.count(b"sec-websocket-protocol: c\r\n") == 1
        assert b"x-a: 1\r\n" in data
        assert b"content-length" not in data

    @pytest.mark.parametrize("none", ["", None])
    def test_compat_class_sends_no_header_for_an_empty_subprotocol(self, none: str | None) -> None:
        data, saw = play(CompatWebSocketProtocol, message("accept", subprotocol=none))
        assert saw == ["ok"]
        assert b" 101 " in data
        assert b"sec-websocket-protocol" not in data

    @pytest.mark.parametrize("wrong", ["a b", "a\r\nx: y", "é"])
    def test_compat_class_refuses_a_subprotocol_that_is_not_a_token(self, wrong: str) -> None:
        data, (error,) = play(CompatWebSocketProtocol, message("accept", subprotocol=wrong))
        assert "must be a token" in str(error)
        assert data.startswith(INTERNAL)

    def test_strict_class_refuses_a_subprotocol_that_was_not_offered(self) -> None:
        data, (error,) = play(WebSocketProtocol, message("accept", subprotocol="c"))
        assert "must be one that the client offers (none)" in str(error)
        assert data.startswith(INTERNAL)


@both
class TestCloseBeforeAccept:
    """Neither its code nor its reason goes on the wire, and so neither needs to be one that could."""

    @pytest.mark.parametrize(
        "close",
        [
            {"code": 1008, "reason": [{"type": "missing", "loc": ("query", "q")}]},
            {"code": 401},
            {"code": 1006, "reason": ""},
            {"code": 0},
            {"code": "1000"},
            {"reason": "r" * 200},
            {"reason": "\ud800"},
            {"code": None, "reason": None},
            {"code": 1.5, "more": 1},
        ],
    )
    def test_close_before_the_accept_is_a_403_with_any_code_and_reason(
        self, close: dict[str, Any], ws: type[WebSocketProtocol]
    ) -> None:
        data, saw = play(ws, message("close", **close), "receive", "receive")
        assert data.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert saw[0] == "ok"
        assert saw[2]["code"] == 1006

    @pytest.mark.parametrize("close", [{"code": 401}, {"reason": ["no"]}, {"code": 1006}])
    def test_close_after_the_accept_must_have_a_valid_code_and_reason(
        self, close: dict[str, Any], ws: type[WebSocketProtocol]
    ) -> None:
        data, (accepted, error, sent) = play(
            ws, ACCEPT, message("close", **close), message("send", text="x")
        )
        assert (accepted, sent) == ("ok", "ok")
        assert isinstance(error, RuntimeError)
        assert frame(1, b"x", masked=False) in data


@both
class TestLateClose:
    @pytest.mark.parametrize("received", [True, False])
    def test_close_after_the_disconnect_does_nothing(
        self, ws: type[WebSocketProtocol], *, received: bool
    ) -> None:
        async def main() -> list[Any]:
            app = Application()
            link = Link(app, ws)
            link.ask()
            app.steps.put_nowait(ACCEPT)
            await turns()
            link.receive(frame(1, b"x"), frame(CLOSE, close_payload(1001, "bye")))
            for step in ["receive"] * (3 if received else 2):
                app.steps.put_nowait(step)
            app.steps.put_nowait(message("close"))
            app.steps.put_nowait(message("close", code=9999, reason=5))
            app.steps.put_nowait("receive")
            app.steps.put_nowait("return")
            await asyncio.sleep(10)
            link.end()
            await asyncio.sleep(10)
            assert link.is_clean()
            return app.saw

        *_, first, second, last = in_virtual_time(main)
        assert (first, second) == ("ok", "ok")
        assert last == {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}

    def test_close_after_the_disconnect_is_not_logged(
        self, ws: type[WebSocketProtocol], caplog: pytest.LogCaptureFixture
    ) -> None:
        play(ws, ACCEPT, message("close"), message("close"))
        assert not [record for record in caplog.records if record.levelname == "ERROR"]


class TestErrorTexts:
    """The first line of an error is that of uvicorn's own classes."""

    @pytest.mark.parametrize(
        ("messages", "sentence"),
        [
            (
                [message("send", text="x")],
                (
                    "Expected ASGI message 'websocket.accept', 'websocket.close' or "
                    "'websocket.http.response.start' but got 'websocket.send'."
                ),
            ),
            (
                [ACCEPT, ACCEPT],
                (
                    "Expected ASGI message 'websocket.send' or 'websocket.close' but got "
                    "'websocket.accept'."
                ),
            ),
            (
                [START, ACCEPT],
                "Expected ASGI message 'websocket.http.response.body' but got 'websocket.accept'.",
            ),
        ],
    )
    def test_compat_class_has_uvicorns_text_for_an_illegal_message(
        self, messages: list[Any], sentence: str
    ) -> None:
        _, saw = play(CompatWebSocketProtocol, *messages)
        error = saw[-1]
        assert type(error) is IllegalTransition
        assert str(error) == sentence
        assert error.allowed
        assert error.event

    def test_compat_class_has_our_text_for_a_malformed_message(self) -> None:
        ours = play(WebSocketProtocol, ACCEPT, message("send", text=1))[1][1]
        compat = play(CompatWebSocketProtocol, ACCEPT, message("send", text=1))[1][1]
        assert str(ours) == str(compat)
        assert type(ours) is type(compat)

    def test_strict_class_has_our_text_for_an_illegal_message(self) -> None:
        error = play(WebSocketProtocol, message("send", text="x"))[1][0]
        assert "refuses 'websocket.send' in state CONNECTING" in str(error)


class TestAttributes:
    """Those that uvicorn's own tests look at."""

    async def opened(self, **options: Any) -> tuple[Any, Link, Application]:
        app = Application()
        link = Link(app, CompatWebSocketProtocol, ws_ping_interval=5, ws_ping_timeout=5, **options)
        protocol: Any = link.protocol
        link.ask()
        app.steps.put_nowait(ACCEPT)
        await turns()
        return protocol, link, app

    def test_compat_class_has_uvicorns_attributes_of_pings(self) -> None:
        async def main() -> None:
            protocol, link, app = await self.opened()
            assert protocol.transport is link.transport
            assert protocol.ping_timer.when() == 5.0
            assert protocol.ping_sent_at == 0.0
            await asyncio.sleep(6)
            assert protocol.ping_sent_at == 5.0
            assert protocol.ping_timer is None  # the Pong is awaited
            assert protocol._deadlines.get(Timer.PONG)
            link.transport.lose()
            app.steps.put_nowait("return")
            await turns()

        in_virtual_time(main)

    @pytest.mark.parametrize("seconds", [0, 0.5, 3])
    def test_compat_class_has_uvicorns_attributes_of_the_close(self, seconds: float) -> None:
        async def main() -> None:
            protocol, link, app = await self.opened()
            assert protocol.close_timeout == 10.0
            assert protocol.close_timer is None
            protocol.close_timeout = seconds
            app.steps.put_nowait(message("close"))
            await turns(5)
            if seconds:
                timer: Any = protocol.close_timer
                assert timer.when() > asyncio.get_running_loop().time()
            await asyncio.sleep(seconds * 0.9)
            assert not link.transport.aborted
            await asyncio.sleep(seconds * 0.2 + 0.001)
            assert link.transport.aborted
            assert protocol.close_timer is None
            app.steps.put_nowait("return")
            await turns()
            assert link.is_clean()

        in_virtual_time(main)

    def test_close_timer_is_none_once_the_peer_has_answered(self) -> None:
        async def main() -> None:
            protocol, link, app = await self.opened()
            app.steps.put_nowait(message("close"))
            await turns()
            link.receive(frame(CLOSE, close_payload(1000)))
            assert protocol.close_timer is None
            link.end()
            app.steps.put_nowait("return")
            await turns()
            assert link.is_clean()

        in_virtual_time(main)


EAGER: Any = getattr(asyncio, "eager_task_factory", None)


@pytest.mark.skipif(EAGER is None, reason="eager tasks are of Python 3.12 and newer")
class TestEagerTasks:
    """They run the application within the start of its task."""

    @both
    @pytest.mark.parametrize("reset", [True, False])
    def test_eager_tasks_run_commands_in_order(
        self, ws: type[WebSocketProtocol], *, reset: bool
    ) -> None:
        class Timed(ws):  # type: ignore[misc, valid-type]
            policies = attrs.evolve(ws.policies, handshake_timeout=1)

        got: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            got.append(await receive())
            await send(ACCEPT)
            await send(message("send", text="x"))
            while got[-1]["type"] != "websocket.disconnect":
                got.append(await receive())

        async def main() -> Transport:
            asyncio.get_running_loop().set_task_factory(EAGER)
            link = Link(app, Timed, ws_ping_interval=10, reset_contextvars=reset)
            link.ask()
            assert frame(1, b"x", masked=False) in link.transport.data
            await asyncio.sleep(5)
            assert list(link.timers) == [Timer.PING]
            link.receive(frame(PING), frame(CLOSE, close_payload(1000)))
            await turns()
            link.end()
            await asyncio.sleep(100)
            assert link.is_clean()
            return link.transport

        assert in_virtual_time(main).data.count(b"HTTP/1.1") == 1
        assert [m["type"] for m in got] == ["websocket.connect", "websocket.disconnect"]

    @both
    def test_eager_task_receives_a_frame_that_arrives_with_the_request(
        self, ws: type[WebSocketProtocol]
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await send(message("send", text=(await receive())["text"]))
            await receive()

        async def main() -> Transport:
            asyncio.get_running_loop().set_task_factory(EAGER)
            link = Link(app, ws)
            link.receive(request(), frame(TEXT, b"early"))
            await turns()
            link.receive(frame(CLOSE, close_payload(1000)))
            await turns()
            link.end()
            await asyncio.sleep(100)
            assert link.is_clean()
            return link.transport

        _, _, frames = in_virtual_time(main).data.partition(b"\r\n\r\n")
        expected = [(TEXT, b"early"), (CLOSE, close_payload(1000))]
        assert frames == b"".join(frame(*each, masked=False) for each in expected)

    @pytest.mark.parametrize("end", ["return", "raise", "close"])
    def test_eager_task_can_end_at_once(self, end: str) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if end == "raise":
                raise ValueError(end)
            if end == "close":
                await send(message("close"))

        async def main() -> bytes:
            asyncio.get_running_loop().set_task_factory(EAGER)
            link = Link(app)
            link.ask()
            await turns()
            link.end()
            await asyncio.sleep(100)
            assert link.is_clean()
            return link.transport.data

        status = b" 403 " if end == "close" else b" 500 "
        assert status in in_virtual_time(main).partition(b"\r\n")[0] + b" "
