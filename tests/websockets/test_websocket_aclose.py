"""aclose(), and the log of codes that no client sees."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from helpers.asgi import run
from helpers.connections import (
    ACCEPT,
    BODY,
    BYE,
    CLOSE,
    CONNECT,
    LAST,
    MORE,
    START,
    accepted,
    connection,
    having_sent,
    left,
    states,
)
from helpers.loops import Run, on_both

from wsfsm import (
    IllegalTransition,
    ReadyState,
    WebSocket,
    WebSocketDisconnect,
)
from wsfsm.types import Message
from wsfsm.websockets._sending import warn_unseen_code
from wsfsm.websockets._turns import give_turn


class TestAclose:
    def test_it_closes_an_open_connection(self) -> None:
        websocket, server = accepted()

        run(websocket.aclose(4000, "done"))

        assert server.sent == [{"type": "websocket.close", "code": 4000, "reason": "done"}]
        assert (websocket.closed_by, websocket.close_code) == ("application", 4000)

    def test_the_default_is_a_normal_close(self) -> None:
        websocket, server = accepted()
        run(websocket.aclose())
        assert server.sent == [CLOSE]

    def test_before_the_accept_it_rejects_the_handshake(self) -> None:
        websocket, server = having_sent()
        run(websocket.aclose())
        assert server.sent == [CLOSE]
        assert websocket.ready_state is ReadyState.CLOSING

    @pytest.mark.parametrize("sent", [(START,), (START, MORE)], ids=["start", "start and body"])
    def test_a_denial_response_is_completed(self, sent: tuple[Message, ...]) -> None:
        websocket, server = having_sent(*sent)
        run(websocket.aclose(4000))
        assert server.sent == [LAST]
        assert websocket.ready_state is ReadyState.CLOSING

    @pytest.mark.parametrize("sent", [(CLOSE,), (START, BODY)], ids=["close", "denial"])
    def test_after_the_applications_own_end_it_does_nothing(
        self, sent: tuple[Message, ...]
    ) -> None:
        websocket, server = having_sent(*sent)
        before = states(websocket)

        run(websocket.aclose())

        assert server.sent == []
        assert states(websocket) == before

    def test_after_the_client_has_left_nothing_is_sent(self) -> None:
        websocket, server = left()

        for _ in range(3):
            run(websocket.aclose(4000))

        assert server.sent == []
        end = websocket.closed_by, websocket.close_code, websocket.close_reason
        assert end == ("client", 4001, "bye")

    def test_after_the_loss_of_the_transport_nothing_is_sent(self) -> None:
        websocket, server = accepted()
        server.failing = OSError()
        with pytest.raises(WebSocketDisconnect):
            run(websocket.send_text("x"))
        server.failing = None

        run(websocket.aclose())

        assert server.sent == []
        assert websocket.closed_by == "transport"

    def test_a_transport_that_is_lost_meanwhile_is_not_an_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = accepted()
        server.failing = OSError("broken pipe")

        run(websocket.aclose())

        assert websocket.ready_state is ReadyState.LOST
        assert caplog.messages == []

    @pytest.mark.parametrize("sent", [(), (ACCEPT,), (START,)], ids=["new", "open", "denying"])
    def test_an_error_of_the_server_is_logged(
        self, sent: tuple[Message, ...], caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = having_sent(*sent)
        server.failing = RuntimeError("Unexpected ASGI message")

        run(websocket.aclose())

        (record,) = caplog.records
        assert (record.name, record.levelno) == ("wsfsm.websockets", logging.WARNING)
        assert record.getMessage() == "The server failed to close a WebSocket."
        assert record.exc_info is not None
        assert record.exc_info[1] is server.failing
        run(websocket.aclose())
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("takes", [{1000}, set()], ids=["only a normal close", "nothing"])
    def test_a_server_that_refuses_the_code_gets_a_normal_close(
        self, takes: set[int], caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = accepted()
        offered: list[int] = []

        async def send(message: Message) -> None:
            offered.append(message["code"])
            if message["code"] not in takes:
                raise Exception("invalid close code 1011 (must be 1000 or from [3000, 4999])")  # noqa: TRY002 - as daphne
            await server.send(message)

        websocket._send = send
        run(websocket.aclose(1011, "failed"))

        assert offered == [1011, 1000]
        assert [message["type"] for message in server.sent] == ["websocket.close"] * len(takes)
        assert caplog.messages == ["The server failed to close a WebSocket."]

    def test_a_reason_that_is_too_long_is_cut_between_two_characters(self) -> None:
        websocket, server = accepted()
        run(websocket.aclose(4000, "ä" * 100))
        assert server.sent == [{"type": "websocket.close", "code": 4000, "reason": "ä" * 61}]

    @pytest.mark.parametrize(
        ("code", "reason", "kind"),
        [
            (5000, None, ValueError),
            ("1000", None, TypeError),
            (True, None, TypeError),
            (1000, b"bytes", TypeError),
            (1000, "\ud800", ValueError),
        ],
        ids=["5000 is nobody's", "str", "bool", "bytes", "lone surrogate"],
    )
    @pytest.mark.parametrize("sent", [(), (ACCEPT,)], ids=["new", "open"])
    def test_a_wrong_argument_is_an_error_if_a_close_would_be_sent(
        self, code: Any, reason: Any, kind: type[Exception], sent: tuple[Message, ...]
    ) -> None:
        websocket, server = having_sent(*sent)
        before = states(websocket)

        with pytest.raises(kind, match=r"^aclose\(\): "):
            run(websocket.aclose(code, reason))

        assert (server.sent, states(websocket)) == ([], before)

    def test_arguments_do_not_matter_once_the_connection_is_over(self) -> None:
        websocket, server = having_sent(CLOSE)
        run(websocket.aclose(5000, "\ud800"))
        assert server.sent == []

    @pytest.mark.parametrize("code", [1005, 1006, 1015], ids=str)
    def test_a_code_that_is_only_received_is_sent_as_a_normal_close(self, code: int) -> None:
        websocket, server = accepted()
        run(websocket.aclose(code, "bye"))
        assert server.sent == [{"type": "websocket.close", "code": 1000, "reason": "bye"}]
        assert websocket.close_code == 1000

    def test_a_hook_of_a_subclass_sees_the_close(self) -> None:
        seen: list[Message] = []

        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                seen.append(message)
                await super().send(message)

        websocket, server = accepted()
        websocket.__class__ = Hooked
        run(websocket.aclose())

        assert seen == server.sent == [CLOSE]

    @on_both
    def test_two_tasks_that_close_at_once_send_one_close(self, run: Run) -> None:
        async def main() -> None:
            websocket, server = accepted_in_loop()

            await both(websocket.aclose, websocket.aclose)

            assert server == [CLOSE]

        run(main)


def accepted_in_loop() -> tuple[WebSocket, list[Message]]:
    """A connection whose server gives other tasks a turn when it is sent something."""
    websocket, _ = accepted()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        await give_turn()

    websocket._send = send
    return websocket, sent


async def both(*calls: Callable[[], Awaitable[object]]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(call)
    else:
        await asyncio.gather(*(call() for call in calls))


class TestLogOfCodesBeforeTheAccept:
    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        warn_unseen_code.cache_clear()

    TEXT = (
        "close({}) before the accept: the client sees HTTP 403, and not the code. "
        "Accept the connection first, or reject it with deny()."
    )

    def test_it_is_written_once_for_each_code(self, caplog: pytest.LogCaptureFixture) -> None:
        for code in (4001, 4999, 4001, 4000, 4000):
            run(having_sent()[0].close(code, "no"))

        assert caplog.messages == [self.TEXT.format(code) for code in (4001, 4999, 4000)]
        assert {(r.name, r.levelno) for r in caplog.records} == {
            ("wsfsm.websockets", logging.WARNING)
        }

    def test_aclose_writes_it_too(self, caplog: pytest.LogCaptureFixture) -> None:
        run(having_sent()[0].aclose(4003))
        assert caplog.messages == [self.TEXT.format(4003)]

    @pytest.mark.parametrize(
        "code", [1000, 1008, 3000, 3999, 5000], ids="{} before the accept".format
    )
    def test_it_is_not_written_for_other_codes(
        self, code: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = having_sent()

        run(websocket.close(code))

        assert (caplog.messages, len(server.sent)) == ([], 1)

    def test_it_is_not_written_after_the_accept_or_after_the_client_has_left(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        run(accepted()[0].close(4001))
        websocket, server = connection(CONNECT, BYE)
        run(websocket.receive())
        run(websocket.receive())

        run(websocket.close(4001))

        assert (caplog.messages, server.sent) == ([], [])

    def test_a_close_that_is_refused_writes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        websocket, _ = having_sent(START)

        with pytest.raises(IllegalTransition):
            run(websocket.close(4001))

        assert caplog.messages == []
