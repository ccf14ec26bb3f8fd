"""The core, call by call: commands, messages for the application, and what is refused."""

from typing import Any

import pytest
from helpers.wire import HEADERS, KEY, opened

from wsfsm.exceptions import IllegalTransition, MalformedMessage
from wsfsm.server import ClientDisconnected, Policies, ServerConnection, ServerState
from wsfsm.server.commands import (
    AbortTransport,
    CloseTransport,
    LogError,
    LogException,
    ReadFrames,
    SendBody,
    SendBytes,
    SendClose,
    SendHandshake,
    SendPing,
    SendPong,
    SendResponse,
    SendText,
    StartApplication,
    StartResponse,
    StartTimer,
    StopTimer,
    Timer,
)

ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": "x"}
CLOSE = {"type": "websocket.close"}
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"
QUIET = [StopTimer(Timer.PING), StopTimer(Timer.PONG)]
ANSWERED = StopTimer(Timer.HANDSHAKE)
LINGER = [CloseTransport(), StartTimer(Timer.CLOSE, 10.0)]


def asked(**choices: Any) -> ServerConnection:
    """A connection whose request has come."""
    connection = ServerConnection(Policies(**choices))
    connection.receive_request("GET", HEADERS)
    return connection


def left(connection: ServerConnection) -> Any:
    """What the application is told last."""
    while (message := connection.next_message()) is not None:
        if message["type"] == "websocket.disconnect":
            return message
    return None


def start(status: int = 404, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": START, "status": status, "headers": headers}


def body(part: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": BODY, "body": part, "more_body": more}


class TestRequest:
    def test_valid_request_starts_the_application(self) -> None:
        connection = ServerConnection()

        assert connection.handshake is None
        assert connection.receive_request("GET", HEADERS) == [StartApplication()]
        assert connection.state is ServerState.CONNECTING
        assert connection.handshake
        assert connection.handshake.key == KEY
        assert connection.next_message() == {"type": "websocket.connect"}
        assert connection.next_message() is None

    def test_invalid_request_is_refused_with_an_explanation(self) -> None:
        connection = ServerConnection()
        refusal, *rest = connection.receive_request(b"POST", HEADERS)

        assert isinstance(refusal, SendResponse)
        assert refusal.status == 405
        assert (b"allow", b"GET") in refusal.headers
        assert refusal.body == b"WebSocket handshakes must use GET"
        assert rest == LINGER
        assert not connection.has_message

    def test_second_request_is_illegal(self) -> None:
        with pytest.raises(IllegalTransition, match="refuses 'handshake request' in state CONN"):
            asked().receive_request("GET", HEADERS)

    def test_handshake_timeout_limits_the_time_of_the_application(self) -> None:
        connection = ServerConnection(Policies(handshake_timeout=3))

        assert StartTimer(Timer.HANDSHAKE, 3) in connection.receive_request("GET", HEADERS)
        answer, *rest = connection.timeout(Timer.HANDSHAKE)
        assert isinstance(answer, SendResponse)
        assert (answer.status, answer.body) == (503, b"Service Unavailable")
        assert rest == LINGER
        assert left(connection) == {"type": "websocket.disconnect", "code": 1006}


class TestEarlyData:
    def test_early_data_is_returned_with_read_frames(self) -> None:
        connection = asked()

        assert connection.receive_early_data(b"ab") == []
        assert connection.receive_early_data(b"c") == []
        assert ReadFrames(b"abc") in connection.send(ACCEPT)

    def test_too_much_early_data_refuses_the_handshake(self) -> None:
        connection = asked(max_early_data=3)
        connection.receive_early_data(b"abc")
        commands = connection.receive_early_data(b"d")

        assert [type(command) for command in commands] == [
            StopTimer, SendResponse, CloseTransport, StartTimer,
        ]  # fmt: skip
        assert commands[1].status == 400  # type: ignore[union-attr]
        assert left(connection) == {"type": "websocket.disconnect", "code": 1006}


class TestAccept:
    def test_accept_completes_the_handshake_and_starts_pings(self) -> None:
        connection = asked(ping_interval=7)
        headers = ((b"x-a", b"1"),)

        assert connection.send(ACCEPT | {"headers": [(b"X-A", b"1")]}) == [
            ANSWERED,
            SendHandshake(None, headers),
            StartTimer(Timer.PING, 7),
            ReadFrames(b""),
        ]

    def test_accepted_subprotocol_must_be_offered(self) -> None:
        connection = ServerConnection()
        connection.receive_request("GET", [*HEADERS, (b"sec-websocket-protocol", b"a, b")])

        with pytest.raises(MalformedMessage, match=r"offers \(a, b\), got str 'c'"):
            connection.send(ACCEPT | {"subprotocol": "c"})
        assert SendHandshake("b", ()) in connection.send(ACCEPT | {"subprotocol": "b"})


class TestDenial:
    def test_close_before_the_accept_is_a_403(self) -> None:
        connection = asked()

        assert connection.send(CLOSE) == [ANSWERED, SendResponse(403, (), b""), *LINGER]
        assert left(connection) == {"type": "websocket.disconnect", "code": 1006}

    def test_held_head_is_sent_with_a_complete_body(self) -> None:
        connection = asked()

        assert connection.send(start(404, (b"x-a", b"1"))) == [ANSWERED]
        assert connection.state is ServerState.DENIAL_HELD
        assert connection.send(body(b"no")) == [
            SendResponse(404, ((b"x-a", b"1"),), b"no"),
            *LINGER,
        ]

    def test_held_head_is_sent_with_the_first_part_of_the_body(self) -> None:
        connection = asked()
        connection.send(start())

        assert connection.send(body(b"a", more=True)) == [
            StartResponse(404, ()),
            SendBody(b"a", more_body=True),
        ]
        assert connection.state is ServerState.DENIAL_STREAMING
        assert connection.send(body(b"b")) == [SendBody(b"b", more_body=False), *LINGER]

    def test_flushed_head_is_sent_at_once(self) -> None:
        connection = asked(denial="flush")

        assert connection.send(start()) == [ANSWERED, StartResponse(404, ())]
        assert connection.send(body(b"no")) == [SendBody(b"no", more_body=False), *LINGER]

    @pytest.mark.parametrize("denial", ["hold", "flush"])
    def test_body_must_have_the_content_length_of_its_head(self, denial: str) -> None:
        connection = asked(denial=denial)
        connection.send(start(404, (b"content-length", b"3")))

        with pytest.raises(
            MalformedMessage, match="at most 3, the rest of the content-length, got 4"
        ):
            connection.send(body(b"abcd", more=True))
        connection.send(body(b"ab", more=True))
        for wrong in (body(b"bc"), body(b"")):
            with pytest.raises(MalformedMessage, match="exactly 1, the rest of") as caught:
                connection.send(wrong)
            assert caught.value.key == "body"
            assert caught.value.message is wrong
        connection.send(body(b"c", more=True))
        assert connection.send(body(b"")) == [SendBody(b"", more_body=False), *LINGER]

    @pytest.mark.parametrize("status", [204, 205, 304])
    def test_body_of_a_204_205_or_304_is_dropped(self, status: int) -> None:
        connection = asked()
        connection.send(start(status, (b"content-length", b"3"), (b"x-a", b"1")))

        response = connection.send(body(b"abc"))[0]
        assert response == SendResponse(status, ((b"x-a", b"1"),), b"")

    def test_incomplete_denial_response_aborts_the_transport(self) -> None:
        connection = asked()
        connection.send(start())
        connection.send(body(b"a", more=True))

        log, abort = connection.application_returned()
        assert isinstance(log, LogError)
        assert abort == AbortTransport()


class TestData:
    def test_sent_data_is_written(self) -> None:
        connection = opened()

        assert connection.send({"type": "websocket.send", "text": "é"}) == [SendText(b"\xc3\xa9")]
        assert connection.send({"type": "websocket.send", "bytes": b"b", "text": None}) == [
            SendBytes(b"b")
        ]

    def test_message_can_be_any_mapping_and_text_any_str(self) -> None:
        class Text(str):
            __slots__ = ()

        class Mapping(dict[str, Any]):
            pass

        connection = opened()

        assert connection.send({"type": "websocket.send", "text": Text("a")}) == [SendText(b"a")]
        assert connection.send(Mapping(TEXT)) == [SendText(b"x")]
        assert connection.send(Mapping({"type": "websocket.send", "bytes": b"b"})) == [
            SendBytes(b"b")
        ]

    def test_received_data_is_delivered_in_order(self) -> None:
        connection = opened()

        assert connection.receive_message("a") == connection.receive_message(b"b") == []
        assert connection.next_message() == {"type": "websocket.receive", "text": "a"}
        assert connection.next_message() == {"type": "websocket.receive", "bytes": b"b"}
        assert connection.next_message() is None

    def test_refused_send_changes_nothing(self) -> None:
        connection = opened()

        with pytest.raises(MalformedMessage, match="UTF-8"):
            connection.send({"type": "websocket.send", "text": "\ud800"})
        with pytest.raises(MalformedMessage):
            connection.send({"type": "websocket.send"})
        with pytest.raises(IllegalTransition, match=r"refuses 'websocket\.accept' in state OPEN"):
            connection.send(ACCEPT)
        assert connection.send(TEXT) == [SendText(b"x")]


class TestBackPressure:
    def test_reading_stops_above_the_high_water_mark_and_resumes(self) -> None:
        connection = opened(Policies(high_water=1000, low_water=400))

        connection.receive_message(b"x" * 800)
        assert connection.should_read  # 900, with what it costs to keep a message
        connection.receive_message(b"x")
        assert not connection.should_read
        connection.next_message()
        assert connection.should_read

    def test_reading_resumes_only_below_the_low_water_mark(self) -> None:
        connection = opened(Policies(high_water=300, low_water=100))

        for _ in range(3):
            connection.receive_message(b"x")
        assert not connection.should_read
        connection.next_message()
        assert not connection.should_read
        connection.next_message()
        connection.next_message()
        assert connection.should_read

    @pytest.mark.parametrize("end", ["send", "shutdown", "application_returned"])
    def test_answer_to_a_close_is_read_above_the_high_water_mark(self, end: str) -> None:
        connection = opened(Policies(high_water=0, low_water=0))
        connection.receive_message("x")
        assert not connection.should_read

        getattr(connection, end)(*([CLOSE] if end == "send" else []))
        assert connection.should_read


class TestKeepAlive:
    def test_pong_restarts_the_ping_timer(self) -> None:
        connection = opened(Policies(ping_interval=7, ping_timeout=5))
        ping, timer = connection.timeout(Timer.PING)

        assert isinstance(ping, SendPing)
        assert timer == StartTimer(Timer.PONG, 5)
        assert connection.receive_pong(b"another") == []
        assert connection.receive_pong(ping.payload) == [
            StopTimer(Timer.PONG),
            StartTimer(Timer.PING, 7),
        ]
        assert connection.receive_pong(ping.payload) == []  # once more: nobody waits for it
        assert connection.timeout(Timer.PING)[0] != ping

    def test_missing_pong_closes_the_connection(self) -> None:
        connection = opened()
        connection.timeout(Timer.PING)
        reason = "keepalive ping timeout"

        assert connection.timeout(Timer.PONG) == [*QUIET, SendClose(1011, reason), *LINGER]
        assert left(connection)["code"] == 1011

    @pytest.mark.parametrize("progress", ["sending", "receiving"])
    def test_missing_pong_of_a_peer_that_makes_progress_sends_another_ping(
        self, progress: str
    ) -> None:
        connection = opened(Policies(ping_timeout=5))
        first, _ = connection.timeout(Timer.PING)
        ping, timer = connection.timeout(Timer.PONG, **{progress: True})

        assert isinstance(ping, SendPing)
        assert timer == StartTimer(Timer.PONG, 5)
        assert ping != first
        assert connection.timeout(Timer.PONG)[2] == SendClose(1011, "keepalive ping timeout")

    def test_pong_must_answer_the_last_ping(self) -> None:
        connection = opened()
        first, _ = connection.timeout(Timer.PING)
        last, _ = connection.timeout(Timer.PONG, sending=True)
        assert isinstance(first, SendPing)
        assert isinstance(last, SendPing)

        assert connection.receive_pong(first.payload) == []
        assert connection.receive_pong(last.payload)

    def test_pong_is_not_awaited_without_a_timeout(self) -> None:
        connection = opened(Policies(ping_interval=7, ping_timeout=None))
        ping, timer = connection.timeout(Timer.PING)

        assert isinstance(ping, SendPing)
        assert timer == StartTimer(Timer.PING, 7)
        assert connection.receive_pong(ping.payload) == []

    def test_pings_of_the_peer_are_answered(self) -> None:
        assert opened().receive_ping(b"p") == [SendPong(b"p")]


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
        # nothing of what it could still say matters
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


def test_illegal_event_of_the_server_raises() -> None:
    connection = ServerConnection()

    with pytest.raises(IllegalTransition, match="refuses 'data message' in state IDLE"):
        connection.receive_message("x")
    with pytest.raises(IllegalTransition, match=r"refuses 'close timeout \[idle\]' in state IDLE"):
        connection.timeout(Timer.CLOSE)
    assert connection.state is ServerState.IDLE
