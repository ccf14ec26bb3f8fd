"""The end of a connection in the core: closes, timeouts, shutdowns and the end of the application."""

from typing import Any

import pytest
from helpers.server_calls import (
    ACCEPT,
    CLOSE,
    LINGER,
    QUIET,
    TEXT,
    asked,
    body,
    left,
    start,
)
from helpers.wire import opened

from wsfsm.server import ClientDisconnected, Policies, ServerConnection
from wsfsm.server.commands import (
    AbortTransport,
    CloseTransport,
    LogException,
    SendClose,
    SendResponse,
    StartTimer,
    StopTimer,
    Timer,
)


class TestEnds:
    @pytest.mark.parametrize(
        ("call", "args", "told"),
        [
            ("receive_close", (), {"code": 1005, "reason": ""}),
            ("receive_close", (4000, "bye"), {"code": 4000, "reason": "bye"}),
            ("receive_error", (1002, "bad"), {"code": 1002, "reason": "bad"}),
            ("receive_eof", (), {"code": 1006}),
            ("connection_lost", (), {"code": 1006}),
            ("shutdown", (), {"code": 1012}),
            ("send", (CLOSE,), {"code": 1000, "reason": ""}),
            ("send", (CLOSE | {"code": 3000, "reason": "r"},), {"code": 3000, "reason": "r"}),
        ],
    )
    def test_disconnect_is_repeated_for_every_later_receive(
        self, call: str, args: tuple[Any, ...], told: dict[str, Any]
    ) -> None:
        connection = opened()
        getattr(connection, call)(*args)
        message = {"type": "websocket.disconnect"} | told

        first = connection.next_message()
        assert first == message
        assert first is not None
        first.clear()  # it is the application's to keep
        assert connection.next_message() == message
        if call != "connection_lost":
            connection.connection_lost()
        assert connection.next_message() == message

    def test_first_close_frame_decides_the_code(self) -> None:
        connection = opened()
        connection.send(CLOSE | {"code": 4000})

        assert connection.receive_close(4001) == [StopTimer(Timer.CLOSE), *LINGER]
        assert left(connection)["code"] == 4000

    def test_send_after_the_end_raises_client_disconnected_with_code_and_reason(self) -> None:
        connection = opened()
        connection.receive_close(4000, "bye")

        for message in (TEXT, ACCEPT, start(), body(b""), {"type": "no"}, {}, None):
            with pytest.raises(ClientDisconnected, match=r"close code 4000 \(bye\)") as caught:
                connection.send(message)  # type: ignore[arg-type]
            assert (caught.value.code, caught.value.reason) == (4000, "bye")

    @pytest.mark.parametrize("close", [CLOSE, CLOSE | {"code": 0}, CLOSE | {"reason": ["no", 1]}])
    def test_close_after_the_end_does_nothing(self, close: dict[str, Any]) -> None:
        connection = opened()
        connection.receive_close(4000, "bye")

        assert connection.send(close) == []
        assert left(connection) == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}

    def test_peer_that_does_not_answer_a_close_is_aborted_at_the_timeout(self) -> None:
        connection = opened(Policies(close_timeout=3))

        assert connection.send(CLOSE)[-1] == StartTimer(Timer.CLOSE, 3)
        assert connection.timeout(Timer.CLOSE) == [AbortTransport()]
        assert connection.connection_lost() == [StopTimer(Timer.CLOSE), StopTimer(Timer.SHUTDOWN)]

    @pytest.mark.parametrize("progress", ["sending", "receiving"])
    def test_progress_of_the_peer_restarts_the_close_timer(self, progress: str) -> None:
        connection = opened(Policies(close_timeout=3))
        connection.send(CLOSE)

        for _ in range(3):
            assert connection.timeout(Timer.CLOSE, **{progress: True}) == [
                StartTimer(Timer.CLOSE, 3)
            ]
        assert connection.timeout(Timer.CLOSE) == [AbortTransport()]

    def test_draining_to_the_peer_restarts_the_close_timer(self) -> None:
        connection = opened(Policies(close_timeout=3))
        connection.receive_close(1000)

        assert connection.timeout(Timer.CLOSE, sending=True) == [StartTimer(Timer.CLOSE, 3)]
        # data of the peer does not matter any more
        assert connection.timeout(Timer.CLOSE, receiving=True) == [AbortTransport()]

    def test_shutdown_can_be_repeated(self) -> None:
        connection = opened(Policies(shutdown_code=1001, shutdown_timeout=2))
        soon = [StopTimer(Timer.SHUTDOWN), StartTimer(Timer.SHUTDOWN, 2)]

        commands = connection.shutdown()
        assert SendClose(1001) in commands
        assert commands[-1] == StartTimer(Timer.SHUTDOWN, 2)
        assert connection.shutdown() == [StopTimer(Timer.CLOSE), CloseTransport(), *soon]
        assert connection.shutdown() == soon
        connection.connection_lost()
        assert connection.shutdown() == []

    def test_shutdown_timeout_aborts_the_transport(self) -> None:
        connection = opened(Policies(shutdown_timeout=2))
        connection.shutdown()

        # no progress counts: it is about the time that the server has
        assert connection.timeout(Timer.SHUTDOWN, sending=True, receiving=True) == [
            StopTimer(Timer.CLOSE),
            AbortTransport(),
        ]

    def test_shutdown_timeout_aborts_an_unfinished_denial_response(self) -> None:
        held = asked(shutdown_timeout=2)
        held.send(start())
        half = asked(shutdown_timeout=2)
        half.send(start())
        half.send(body(b"a", more=True))

        for connection in (held, half):
            assert connection.shutdown()[-1] == StartTimer(Timer.SHUTDOWN, 2)
        answer, *rest = held.timeout(Timer.SHUTDOWN)
        assert isinstance(answer, SendResponse)
        assert answer.status == 503
        assert rest == [CloseTransport(), StartTimer(Timer.SHUTDOWN, 2)]
        assert half.timeout(Timer.SHUTDOWN) == [AbortTransport()]
        for connection in (held, half):
            assert left(connection) == {"type": "websocket.disconnect", "code": 1006}

    def test_shutdown_answers_a_pending_handshake_with_the_policys_status(self) -> None:
        for status in range(400, 600):
            connection = asked(shutdown_status=status)
            answer = connection.shutdown()[1]

            assert isinstance(answer, SendResponse)
            assert answer.status == status
            assert answer.body
            assert left(connection)


class TestEndOfApplication:
    def test_application_that_returns_closes_with_1000_or_drops(self) -> None:
        assert opened().application_returned() == [
            *QUIET, SendClose(1000), StartTimer(Timer.CLOSE, 10.0),
        ]  # fmt: skip
        assert opened(Policies(on_return="drop")).application_returned() == [*QUIET, *LINGER]

    def test_application_that_raises_is_logged_and_closes_with_1011_or_drops(self) -> None:
        error = ValueError()
        log = LogException("Exception in ASGI application", error)

        assert opened().application_raised(error) == [
            *QUIET, log, SendClose(1011), StartTimer(Timer.CLOSE, 10.0),
        ]  # fmt: skip
        dropping = opened(Policies(on_exception="drop"))
        assert dropping.application_raised(error) == [*QUIET, log, *LINGER]

    def gone(self) -> tuple[ServerConnection, ClientDisconnected]:
        connection = opened()
        connection.connection_lost()
        with pytest.raises(ClientDisconnected) as caught:
            connection.send(TEXT)
        return connection, caught.value

    def test_propagated_client_disconnected_is_not_logged(self) -> None:
        connection, gone = self.gone()

        assert connection.application_raised(gone) == []

    def test_client_disconnected_in_an_exception_group_is_not_logged(self) -> None:
        connection, gone = self.gone()
        group = BaseExceptionGroup("", [gone, ExceptionGroup("", [gone])])

        assert connection.application_raised(group) == []

    def test_exception_group_with_another_error_is_logged(self) -> None:
        connection, gone = self.gone()
        group = ExceptionGroup("", [gone, ValueError()])

        assert connection.application_raised(group) == [
            LogException("Exception in ASGI application", group)
        ]

    def test_exception_group_without_derive_is_examined(self) -> None:
        class Whole(ExceptionGroup[Exception]):
            def derive(self, _: Any) -> Any:
                raise AssertionError("it is divided")

        connection, gone = self.gone()
        group = Whole("", [gone, ValueError()])

        assert connection.application_raised(Whole("", [gone])) == []
        assert connection.application_raised(group) == [
            LogException("Exception in ASGI application", group)
        ]

    def test_client_disconnected_of_another_connection_is_logged(self) -> None:
        connection, _ = self.gone()
        _, other = self.gone()

        assert connection.application_raised(other) == [
            LogException("Exception in ASGI application", other)
        ]

    def test_oserror_of_the_application_after_the_end_is_logged(self) -> None:
        connection, _ = self.gone()

        (log,) = connection.application_raised(OSError("disk full"))
        assert isinstance(log, LogException)
