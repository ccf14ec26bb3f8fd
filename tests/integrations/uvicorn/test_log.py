"""The lines of the log: those of uvicorn's own classes at the same levels, and why a handshake fails."""

import asyncio
import logging
from typing import Any

import pytest
from helpers.virtual_uvicorn import Application, Link, in_virtual_time, message, turns
from helpers.wire import CLOSE, TEXT, close_payload, frame, request

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.server import Policies

ACCEPT = message("accept")
START = message("http.response.start", status=404)
BODY = message("http.response.body")
TRACE = 5


def lines(
    caplog: pytest.LogCaptureFixture,
    *steps: Any,
    level: int = logging.INFO,
    ws: type[WebSocketProtocol] = WebSocketProtocol,
    **scope: Any,
) -> list[tuple[int, str]]:
    """The lines of a connection: bytes arrive, an application sends, or something else happens."""

    async def main() -> None:
        application = Application()

        async def app(given: Any, receive: Any, send: Any) -> None:
            given |= {"path": "/a b", "query_string": b"c=d", "client": ("1.2.3.4", 5)} | scope
            await application(given, receive, send)

        link = Link(app, ws, log_level="trace")
        for step in steps:
            if isinstance(step, bytes):
                link.receive(step)
            elif isinstance(step, dict):
                application.steps.put_nowait(step)
            else:
                step(link)
            await turns()
        application.steps.put_nowait("return")
        await turns()
        link.end()
        await asyncio.sleep(100)
        assert link.is_clean()

    with caplog.at_level(level, "uvicorn.error"):
        in_virtual_time(main)
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == "uvicorn.error" and "Internal" not in record.getMessage()
    ]


def answered(answer: str) -> tuple[int, str]:
    return (logging.INFO, f'1.2.3.4:5 - "WebSocket /a%20b?c=d" {answer}')


OPEN = (logging.INFO, "connection open")


@pytest.mark.parametrize("ws", [WebSocketProtocol, CompatWebSocketProtocol])
class TestLogOfAnswers:
    @pytest.mark.parametrize(
        ("messages", "answer"),
        [
            ([message("close")], "403"),
            ([message("close", code=4000, reason="no")], "403"),
            ([START, BODY], "404"),
            ([message("http.response.start", status=599), BODY], "599"),
        ],
    )
    def test_answer_of_the_application_is_logged(
        self,
        messages: list[Any],
        answer: str,
        ws: type[WebSocketProtocol],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        assert lines(caplog, request(), *messages, ws=ws) == [answered(answer)]

    @pytest.mark.parametrize(
        ("data", "line"),
        [
            (
                request((b"sec-websocket-key", b"short")),
                "400 Bad Request): WebSocket handshakes must have",
            ),
            (
                request((b"sec-websocket-version", b"8")),
                "426 Upgrade Required): Unsupported Sec-WebSocket",
            ),
            (request(method=b"POST"), "405 Method Not Allowed): WebSocket handshakes must use GET"),
            (request(target=b"*"), "400 Bad Request): The target of the request must be a path"),
            (b"x" * 70_000, "431 Request Header Fields Too Large): The head of the request is too"),
            (b"\0\r\n\r\n", "400 Bad Request): illegal request line"),
        ],
    )
    def test_refusal_by_the_server_is_logged_with_its_reason(
        self,
        data: bytes,
        line: str,
        ws: type[WebSocketProtocol],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        ((level, text),) = lines(caplog, data, ws=ws)
        assert level == logging.INFO
        assert text.startswith(f"connection rejected ({line}")


class TestLogOfConnections:
    @pytest.mark.parametrize(
        ("steps", "end"),
        [
            ([frame(CLOSE, close_payload(1001, "bye"))], "1001 bye"),
            # a peer cannot forge a line, or send a terminal its escape sequences
            (
                [frame(CLOSE, close_payload(1001, "bye\nINFO: no\x1b[31m"))],
                r"1001 bye\nINFO: no\x1b[31m",
            ),
            ([frame(CLOSE, close_payload(1001, "adiós\u2028"))], r"1001 adiós\u2028"),
            ([frame(CLOSE)], "1005"),
            ([message("close", code=4000, reason="done")], "4000 done"),
            ([message("close")], "1000"),
            ([frame(3)], "1002 invalid opcode"),
            ([lambda link: link.end()], "1006"),
            ([lambda link: link.transport.lose()], "1006"),
            ([lambda link: link.protocol.shutdown()], "1012"),
            ([], "1000"),
        ],
    )
    def test_connection_that_opens_and_closes_is_logged_with_its_close_code(
        self, steps: list[Any], end: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        asked = [request(), ACCEPT, message("send", text="x")]
        assert lines(caplog, *asked, *steps) == [
            answered("[accepted]"),
            OPEN,
            (logging.INFO, f"connection closed ({end})"),
        ]

    @pytest.mark.parametrize("takes", [0, 1, 4])
    def test_logged_code_is_that_of_a_close_read_after_the_loss(
        self, takes: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Narrow(WebSocketProtocol):
            policies = Policies(high_water=0, low_water=0)

        async def main() -> None:
            app = Application()
            link = Link(app, Narrow)
            link.ask()
            app.steps.put_nowait(ACCEPT)
            await turns()
            link.receive(frame(TEXT), frame(CLOSE, close_payload(4001)))
            link.transport.lose()
            assert "connection closed" not in caplog.text  # it is not known yet
            for _ in range(takes):
                app.steps.put_nowait("receive")
            await turns()
            app.steps.put_nowait("return")
            await asyncio.sleep(10)
            assert link.is_clean()

        with caplog.at_level(logging.INFO, "uvicorn.error"):
            in_virtual_time(main)
        code = 1006 if takes == 0 else 4001
        assert caplog.text.count("connection closed") == 1
        assert f"connection closed ({code})" in caplog.text

    def test_trace_log_names_an_unanswered_keepalive(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            application = Application()
            link = Link(application, WebSocketProtocol, log_level="trace")
            link.ask()
            application.steps.put_nowait(ACCEPT)
            await asyncio.sleep(100)
            application.steps.put_nowait("return")
            await turns()
            link.end()
            await asyncio.sleep(100)

        with caplog.at_level(TRACE, "uvicorn.error"):
            in_virtual_time(main)
        texts = [record.getMessage() for record in caplog.records if record.levelno == TRACE]
        assert [text for text in texts if text.endswith("WebSocket keepalive ping timeout")]

    def test_trace_log_has_the_start_and_the_loss_of_the_transport(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen = lines(caplog, request(), ACCEPT, level=TRACE)

        assert (TRACE, "WebSocket connection made") in seen
        assert (
            seen[-1] == (TRACE, "WebSocket connection lost")
            or (
                TRACE,
                "WebSocket connection lost",
            )
            in seen
        )

    @pytest.mark.parametrize(
        "scope", [{"client": ("1.2.3.4", None)}, {"client": 5}, {"path": None}, {"path": 7}]
    )
    def test_scope_changed_by_the_application_does_not_break_the_log(
        self, scope: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        seen = lines(caplog, request(), ACCEPT, **scope)

        assert seen[1:] == [OPEN, (logging.INFO, "connection closed (1000)")]
        assert "[accepted]" in seen[0][1]

    def test_exception_of_the_application_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise ValueError("on purpose")

        async def main() -> None:
            link = Link(app)
            link.ask()
            await turns()
            link.end()
            await asyncio.sleep(10)

        in_virtual_time(main)
        (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert record.getMessage() == "Exception in ASGI application\n"
        assert record.exc_info


class StarletteGone(Exception):
    """Stands in for the exception of a framework, which is known by its name."""


StarletteGone.__name__ = "WebSocketDisconnect"


class TestErrorsCausedByTheDisconnect:
    def errors(self, caplog: pytest.LogCaptureFixture, app: Any) -> int:
        async def main() -> None:
            link = Link(app)
            link.ask()
            await turns()
            link.receive(frame(CLOSE, close_payload(1001)))
            await asyncio.sleep(10)
            link.end()
            await asyncio.sleep(10)
            assert link.is_clean()

        in_virtual_time(main)
        return sum(record.levelno >= logging.ERROR for record in caplog.records)

    @pytest.mark.parametrize("how", ["", "in its place", "from it", "in a group", "from another"])
    def test_error_caused_by_the_disconnect_is_not_logged(
        self, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            try:
                await send(message("send", text="x"))
            except OSError as error:
                if how == "in its place":
                    raise StarletteGone  # noqa: B904 - as Starlette does
                if how == "from it":
                    raise StarletteGone from error
                if how == "in a group":
                    raise ExceptionGroup("", [error, ExceptionGroup("", [error])]) from None
                if how == "from another":
                    raise StarletteGone from ValueError()
                raise

        assert self.errors(caplog, app) == (how == "from another")

    def test_unrelated_error_beside_the_disconnect_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(1)
            try:
                await send(message("send", text="x"))
            except OSError as error:
                raise ExceptionGroup("", [error, ValueError()]) from None

        assert self.errors(caplog, app) == 1
