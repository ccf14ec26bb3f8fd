"""The counters of a transport, where the system shows them and where it does not."""

import contextlib
import importlib.util
import socket
import ssl
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.uvicorn_server import comes_true
from helpers.virtual_uvicorn import Transport

from wsfsm.integrations.uvicorn import _traffic as traffic
from wsfsm.integrations.uvicorn._traffic import (
    Traffic,
    abort,
    can_half_close,
    closing,
    is_gone,
    look,
    unread,
)

SMALL = 10_000


class Over(Transport):
    """A transport over a socket, or over none."""

    def __init__(self, sock: Any = None, tls: Any = None, kept: int = 0) -> None:
        super().__init__()
        self.sock, self.tls, self.kept = sock, tls, kept

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.sock, "ssl_object": self.tls}.get(name, default)


def tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    return ours, theirs


@pytest.fixture(params=["TCP", "Unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    ours, theirs = tcp() if request.param == "TCP" else socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def eventually(met: Callable[[], bool]) -> None:
    """Wait until the system has moved bytes."""
    assert comes_true(met, 5)


class TestCounters:
    def test_counter_of_taken_bytes_follows_the_peer(
        self, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        ours, theirs = pair
        transport = Over(ours)
        before = look(transport, 0, 0)
        ours.sendall(bytes(SMALL))
        eventually(lambda: ours.family == socket.AF_UNIX or look(transport, SMALL, 0).waiting == 0)
        theirs.recv(SMALL)
        eventually(lambda: look(transport, SMALL, 0).taken - before.taken >= SMALL)

    def test_counter_of_waiting_bytes_has_all_buffers(
        self, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        ours, theirs = pair
        ours.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += ours.send(bytes(2**16))
        transport = Over(ours, kept=777)
        seen = look(transport, sent + 777, 0)
        assert seen.waiting > 777
        taken = seen.taken
        theirs.settimeout(5)
        received = 0
        while received < sent:
            received += len(theirs.recv(2**16))
        eventually(lambda: look(transport, sent + 777, 0).waiting == 777)
        assert look(transport, sent + 777, 0).taken > taken

    def test_counters_of_received_and_unread_bytes_follow_the_peer(
        self, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        ours, theirs = pair
        transport = Over(ours)
        before = look(transport, 0, 0)
        theirs.sendall(bytes(SMALL))
        eventually(lambda: look(transport, 0, 0).unread >= SMALL)
        seen = look(transport, 0, 0)
        assert seen.received - before.received == SMALL
        assert seen.room > SMALL
        ours.recv(SMALL)
        seen = look(transport, 0, SMALL)
        assert (seen.unread, seen.received - before.received) == (0, SMALL)

    @pytest.mark.parametrize("how", ["closes", "half closes", "resets"])
    def test_lost_peer_is_detected(
        self, pair: tuple[socket.socket, socket.socket], how: str
    ) -> None:
        ours, theirs = pair
        theirs.sendall(bytes(SMALL))
        assert not is_gone(Over(ours))
        if how == "half closes":
            theirs.shutdown(socket.SHUT_WR)
        else:
            if how == "resets":
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            theirs.close()
        eventually(lambda: is_gone(Over(ours)))
        assert len(ours.recv(2 * SMALL)) == SMALL  # what it sent is still there


class TestOtherPlatforms:
    def test_transport_without_a_socket_has_only_our_counters(self) -> None:
        seen = look(Over(kept=30), 100, 50)
        assert seen == Traffic(taken=70, waiting=30, received=50, unread=0, room=0)
        assert not is_gone(Over())

    def test_ended_tls_transport_has_only_our_counters(self) -> None:
        class Ended(Transport):
            def get_extra_info(self, name: str, default: object = None) -> object:
                raise AttributeError("'NoneType' object has no attribute '_get_extra_info'")

        assert look(Ended(), 7, 9) == Traffic(7, 0, 9, 0, 0)
        assert not is_gone(Ended())

    def test_closed_socket_has_only_our_counters(self) -> None:
        ours, theirs = tcp()
        theirs.close()
        ours.close()
        assert look(Over(ours, kept=30), 100, 50).taken == 70
        assert not is_gone(Over(ours))

    @pytest.mark.parametrize("name", ["_TCP_INFO", "_COUNTERS_AT"])
    @pytest.mark.parametrize("platform", ["linux", "win32"])
    def test_our_counters_replace_missing_counters_of_the_system(
        self, name: str, platform: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, theirs = tcp()
        with ours, theirs:
            # there are none, or an older kernel gives less
            monkeypatch.setattr(traffic, name, None if name == "_TCP_INFO" else 900)
            monkeypatch.setattr(sys, "platform", platform)
            seen = look(Over(ours, kept=30), 100, 50)
        assert (seen.taken, seen.received) == (70, 50)

    @pytest.mark.parametrize("missing", ["TIOCOUTQ", "FIONREAD"])
    def test_queue_that_the_system_does_not_show_counts_as_empty(
        self, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            monkeypatch.delattr(termios, missing, raising=False)
            theirs.sendall(b"x")
            assert look(Over(ours), 0, 0).unread == (missing != "FIONREAD")

    def test_transport_can_lack_rarely_used_methods(self) -> None:
        class Plain:
            closed = False

            def get_extra_info(self, name: str) -> None:
                return None

            def close(self) -> None:
                self.closed = True

        plain: Any = Plain()
        assert look(plain, 100, 50).taken == 100
        assert not can_half_close(plain)
        abort(plain)
        assert plain.closed

    def test_file_that_is_not_a_socket_has_no_queues(self) -> None:
        with open("/dev/null", "rb") as null:  # noqa: PTH123 - as a transport over a pipe
            assert look(Over(null, kept=30), 100, 50) == Traffic(70, 30, 50, 0, 0)

    def test_hang_up_is_not_detected_where_poll_does_not_show_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, theirs = tcp()
        with ours:
            theirs.close()
            monkeypatch.setattr(traffic, "_HANGUP", 0)
            assert not is_gone(Over(ours))

    def test_peer_has_room_while_less_than_a_quarter_is_unread(self) -> None:
        assert Traffic(0, 0, 0, 99, 400).has_room
        assert not Traffic(0, 0, 0, 100, 400).has_room


def test_traffic_module_works_without_termios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("elsewhere", traffic.__file__)
    assert spec is not None
    assert spec.loader is not None
    elsewhere = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)

    assert not hasattr(elsewhere, "termios")
    assert elsewhere.look(Over(kept=30), 100, 50).taken == 70


class TestIsClosing:
    def test_closing_transport_is_detected(self) -> None:
        transport = Over()
        is_closing = closing(transport)
        assert not is_closing()
        transport.closing = True
        assert is_closing()

    def test_reset_of_a_tls_transport_is_detected_at_the_socket(self) -> None:
        ours, theirs = tcp()
        with ours:
            transport = Over(ours, tls=object())
            is_closing = closing(transport)
            assert not is_closing()
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            theirs.close()
            eventually(is_closing)
            assert not transport.is_closing()

    def test_closing_tls_transport_is_detected(self) -> None:
        ours, theirs = tcp()
        with ours, theirs:
            transport = Over(ours, tls=object())
            is_closing = closing(transport)
            transport.closing = True
            assert is_closing()


class TestUnreadTls:
    @pytest.mark.parametrize(
        "end", [ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLEOFError, None]
    )
    def test_unread_data_is_the_rest_in_the_tls_object(
        self, end: type[ssl.SSLError] | None
    ) -> None:
        class Tls:
            def __init__(self) -> None:
                self.pieces = [b"ab", b"c"]

            def read(self, size: int) -> bytes:
                if not self.pieces and end is not None:
                    raise end
                return self.pieces.pop(0) if self.pieces else b""

        tls = Tls()
        assert unread(Over(tls=tls)) == b"abc"
        assert unread(Over(tls=tls)) == b""

    def test_unread_data_is_empty_without_tls(self) -> None:
        assert unread(Over()) == b""
