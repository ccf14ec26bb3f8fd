"""Timers are about a peer that makes no progress; what counts as progress."""

import asyncio
from typing import Any

import attrs
import pytest
from helpers.virtual_uvicorn import Application, Link, Transport, in_virtual_time, message, turns
from helpers.wire import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame

from wsfsm.integrations.uvicorn import CompatWebSocketProtocol, WebSocketProtocol
from wsfsm.integrations.uvicorn._deadlines import Deadlines
from wsfsm.integrations.uvicorn._traffic import IN_FLIGHT, Traffic
from wsfsm.server import Policies
from wsfsm.server.commands import Timer
from wsfsm.tables.states import ServerState

ACCEPT = message("accept")
START = message("http.response.start", status=404)
MORE = message("http.response.body", body=b"a", more_body=True)
QUIET = Traffic(taken=1000, waiting=IN_FLIGHT + 1, received=1000, unread=0, room=2**17)


class Host:
    """Has the counters of a transport, and takes timers that fire.

    Args:
        looks: The counters, one look after the other.
    """

    def __init__(self, *looks: tuple[Traffic, int]) -> None:
        self.looks = iter(looks)
        self.fired: list[tuple[Timer, bool, bool]] = []
        self.deadlines: Deadlines

    def look(self) -> tuple[Traffic, int]:
        return next(self.looks)

    def fire(self, timer: Timer) -> None:
        self.fired.append((timer, *self.deadlines.progress(timer)))


def fired(timer: Timer, *looks: tuple[Traffic, int]) -> list[tuple[Timer, bool, bool]]:
    """A timer that is started and fires."""
    host = Host(*looks)

    async def main() -> None:
        host.deadlines = Deadlines(asyncio.get_running_loop(), host)
        host.deadlines.start(timer, 5)
        await asyncio.sleep(4.9)
        assert not host.fired
        assert host.deadlines.get(timer)
        await asyncio.sleep(0.2)
        assert not host.deadlines.get(timer)

    in_virtual_time(main)
    return host.fired


class TestProgress:
    @pytest.mark.parametrize("timer", [Timer.PING, Timer.HANDSHAKE, Timer.SHUTDOWN])
    def test_timer_without_an_interest_in_progress_fires_without_it(self, timer: Timer) -> None:
        assert fired(timer) == [(timer, False, False)]

    @pytest.mark.parametrize(
        ("timer", "changes", "frames", "sending", "receiving"),
        [
            (Timer.PONG, {}, 0, False, False),
            (Timer.PONG, {"taken": 1001}, 0, True, False),
            (Timer.PONG, {"received": 1001}, 0, False, True),
            (Timer.PONG, {"received": 1001}, 5, False, True),
            (Timer.PONG, {"taken": 1001, "received": 1001}, 0, True, True),
            (Timer.PONG, {"taken": 999}, 0, False, False),
            (Timer.CLOSE, {}, 0, False, False),
            (Timer.CLOSE, {"taken": 1001}, 0, True, False),
            (Timer.CLOSE, {"received": 1001}, 0, False, True),  # in the middle of a frame
            (Timer.CLOSE, {"received": 1001}, 1, False, False),  # it could have sent a Close
            # what has arrived and is not read is a sign of life, too
            (Timer.PONG, {"received": 1001, "unread": 2**17}, 0, False, True),
        ],
    )
    def test_timer_reports_bytes_that_were_taken_or_have_arrived(
        self,
        timer: Timer,
        changes: dict[str, int],
        frames: int,
        sending: bool,
        receiving: bool,
    ) -> None:
        looks = ((QUIET, 0), (attrs.evolve(QUIET, **changes), frames))
        assert fired(timer, *looks) == [(timer, sending, receiving)]

    @pytest.mark.parametrize("timer", [Timer.PONG, Timer.CLOSE])
    def test_frame_without_data_in_front_of_it_is_not_progress(self, timer: Timer) -> None:
        before = attrs.evolve(QUIET, waiting=IN_FLIGHT)
        assert fired(timer, (before, 0), (attrs.evolve(before, taken=2000), 0)) == [
            (timer, False, False)
        ]

    @pytest.mark.parametrize(
        ("timer", "unread", "taken", "sending"),
        [
            (Timer.PONG, 2**15, 129, True),
            (Timer.PONG, 2**15, 128, False),  # the Ping itself may be all of it
            (Timer.PONG, 2**15 - 1, 129, False),
            (Timer.CLOSE, 2**15, 129, False),
        ],
    )
    def test_sending_is_progress_where_the_peer_has_no_room_to_answer(
        self, timer: Timer, unread: int, taken: int, *, sending: bool
    ) -> None:
        before = attrs.evolve(QUIET, waiting=0, unread=unread)
        after = attrs.evolve(before, taken=before.taken + taken)
        assert fired(timer, (before, 0), (after, 0)) == [(timer, sending, False)]


class TestTimers:
    def test_restarted_timer_fires_once(self) -> None:
        async def main() -> None:
            host = Host()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            deadlines.start(Timer.PING, 5)
            await asyncio.sleep(3)
            deadlines.start(Timer.PING, 5)
            await asyncio.sleep(3)
            assert not host.fired
            await asyncio.sleep(30)
            assert len(host.fired) == 1

        in_virtual_time(main)

    def test_stopped_timers_do_not_fire(self) -> None:
        async def main() -> None:
            host = Host()
            host.deadlines = deadlines = Deadlines(asyncio.get_running_loop(), host)
            for timer in (Timer.PING, Timer.SHUTDOWN, Timer.HANDSHAKE):
                deadlines.start(timer, 5)
            deadlines.stop(Timer.PING)
            deadlines.stop(Timer.PING)
            assert deadlines.get(Timer.PING) is None
            assert deadlines.get(Timer.SHUTDOWN)
            deadlines.stop_all()
            await asyncio.sleep(30)
            assert not host.fired

        in_virtual_time(main)


class Timely(WebSocketProtocol):
    """All its timers differ."""

    policies = Policies(close_timeout=7, shutdown_timeout=3, handshake_timeout=11)


class TimelyCompat(CompatWebSocketProtocol):
    """The same."""

    policies = attrs.evolve(
        CompatWebSocketProtocol.policies, close_timeout=7, shutdown_timeout=3, handshake_timeout=11
    )


def lasts(
    steps: list[Any],
    then: Any = None,
    *,
    ws: type[WebSocketProtocol] = Timely,
    transport: Transport | None = None,
    **options: Any,
) -> float:
    """Seconds from the last of some steps to the loss of a connection whose peer is silent."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        app = Application()
        link = Link(app, ws, transport, **options)
        for step in steps:
            if isinstance(step, bytes):
                link.receive(step)
            elif step == "ask":
                link.ask()
            else:
                app.steps.put_nowait(step)
            await turns()
        begin = loop.time()
        if then:
            then(link)
        while not link.transport.lost:
            await asyncio.sleep(0.01)
            assert loop.time() < begin + 1000, "it lasts for ever"
        app.steps.put_nowait("return")
        await asyncio.sleep(100)
        assert link.is_clean()
        return round(loop.time() - begin - 100)

    return in_virtual_time(main)


def stop(link: Link) -> None:
    link.protocol.shutdown()


SHUTDOWNS: dict[str, list[Any]] = {
    "IDLE": [],
    "CONNECTING": ["ask"],
    "DENIAL_HELD": ["ask", START],
    "DENIAL_STREAMING": ["ask", START, MORE],
    "OPEN": ["ask", ACCEPT],
    "CLOSING": ["ask", ACCEPT, message("close")],
    "DRAINING": ["ask", ACCEPT, frame(CLOSE), "receive", "receive"],
    "DRAINING of a rejection": ["ask", message("close")],
}


class TestShutdownTimeout:
    @pytest.mark.parametrize("half_closes", [True, False])
    @pytest.mark.parametrize("ws", [Timely, TimelyCompat])
    @pytest.mark.parametrize("state", SHUTDOWNS)
    def test_silent_peer_delays_the_shutdown_by_the_shutdown_timeout(
        self, state: str, ws: type[WebSocketProtocol], *, half_closes: bool
    ) -> None:
        class Stuck(Transport):
            """A transport whose close does not end by itself, as one of TLS."""

            def end(self) -> None:
                self.closing = True

        # the head of a denial that is held waits for its body, then for the peer
        held = state == "DENIAL_HELD" and ws is Timely
        transport = Stuck(half_closes=half_closes)
        assert lasts(SHUTDOWNS[state], stop, ws=ws, transport=transport) == (6 if held else 3)

    @pytest.mark.parametrize("state", ["OPEN", "CLOSING"])
    def test_peer_that_makes_progress_delays_the_shutdown_no_longer(self, state: str) -> None:
        def trickle(link: Link) -> None:
            link.protocol.shutdown()
            link.receive(frame(BINARY, bytes(1000))[:20])

            def more() -> None:
                if not link.transport.lost:
                    link.receive(b"x")
                    asyncio.get_running_loop().call_later(0.5, more)

            more()

        assert lasts(SHUTDOWNS[state], trickle) == 3

    def test_peer_that_answers_does_not_delay_the_shutdown(self) -> None:
        def answer(link: Link) -> None:
            link.protocol.shutdown()
            link.receive(frame(CLOSE, close_payload(1012)))
            link.end()

        assert lasts(SHUTDOWNS["OPEN"], answer) == 0


class TestCloseTimeout:
    @pytest.mark.parametrize("state", ["CLOSING", "DRAINING", "DRAINING of a rejection"])
    def test_silent_peer_is_closed_after_the_close_timeout(self, state: str) -> None:
        assert lasts(SHUTDOWNS[state]) == 7

    def test_unanswered_handshake_is_closed_after_both_timeouts(self) -> None:
        assert lasts(SHUTDOWNS["CONNECTING"]) == 11 + 7

    @pytest.mark.parametrize("state", ["CLOSING", "DRAINING", "OPEN"])
    def test_peer_that_takes_data_is_awaited(self, state: str) -> None:
        transport = Transport()
        transport.kept = 1_000_000

        def take(link: Link) -> None:
            if state == "OPEN":
                return
            transport.kept -= 100_000
            if transport.kept > 0:
                asyncio.get_running_loop().call_later(5, take, link)

        steps = SHUTDOWNS[state]
        if state == "OPEN":
            # nothing is taken: pings find that out, however much waits
            assert lasts(steps, take, transport=transport) == 20 + 20 + 7
        else:
            seconds = lasts([*steps], take, transport=transport)
            assert 45 <= seconds <= 45 + 14

    def test_peer_that_sends_frames_but_no_close_is_not_awaited(self) -> None:
        def flood(link: Link) -> None:
            def more() -> None:
                if not link.transport.lost:
                    link.receive(frame(TEXT), frame(PING))
                    asyncio.get_running_loop().call_later(1, more)

            more()

        assert lasts(SHUTDOWNS["CLOSING"], flood) == 7

    def test_peer_in_the_middle_of_a_frame_is_awaited(self) -> None:
        def trickle(link: Link) -> None:
            data = frame(BINARY, bytes(92))
            assert len(data) == 98

            def more(at: int) -> None:
                link.receive(data[at : at + 1])
                if at < 97:
                    asyncio.get_running_loop().call_later(5, more, at + 1)

            more(0)

        assert 5 * 97 <= lasts(SHUTDOWNS["CLOSING"], trickle) <= 5 * 97 + 14


class TestKeepAliveTimeout:
    def test_keepalive_closes_a_silent_peer(self) -> None:
        assert lasts(["ask", ACCEPT], ws_ping_interval=2, ws_ping_timeout=3) == 2 + 3 + 7

    @pytest.mark.parametrize("unread", [0, 100_000])
    def test_keepalive_closes_a_peer_that_neither_reads_nor_writes(self, unread: int) -> None:
        transport = Transport()
        transport.kept = 500_000
        steps = ["ask", ACCEPT, frame(BINARY, bytes(unread)), frame(BINARY, bytes(unread))]
        seconds = lasts(steps, transport=transport, ws_ping_interval=2, ws_ping_timeout=3)
        assert seconds == 2 + 3 + 7

    @pytest.mark.parametrize("progress", ["it sends", "it takes"])
    def test_keepalive_keeps_a_peer_that_makes_progress(self, progress: str) -> None:
        transport = Transport()
        transport.kept = 10_000_000

        def go_on(link: Link) -> None:
            loop = asyncio.get_running_loop()

            def more() -> None:
                if loop.time() > 100:
                    return
                if progress == "it sends":
                    link.receive(b"x" * 10)
                else:
                    transport.kept -= 10
                loop.call_later(2, more)

            link.receive(frame(BINARY, bytes(100_000))[:20])
            more()

        seconds = lasts(
            ["ask", ACCEPT], go_on, transport=transport, ws_ping_interval=2, ws_ping_timeout=3
        )
        assert 100 <= seconds <= 100 + 3 + 3 + 7 + 2

    def test_keepalive_ignores_an_old_pong(self) -> None:
        async def main() -> None:
            app = Application()
            transport = Transport()
            transport.kept = 1_000_000
            link = Link(app, Timely, transport, ws_ping_interval=2, ws_ping_timeout=3)
            link.ask()
            app.steps.put_nowait(ACCEPT)
            await asyncio.sleep(2.5)
            first = transport.data[-4:]
            transport.kept -= 10
            await asyncio.sleep(3)  # another Ping, because it takes data
            last = transport.data[-4:]
            assert first != last
            link.receive(frame(PONG, first))
            assert Timer.PONG in link.timers
            link.receive(frame(PONG, last))
            assert Timer.PONG not in link.timers
            assert Timer.PING in link.timers
            transport.lose()
            app.steps.put_nowait("return")
            await turns()
            assert link.core.state is ServerState.CLOSED
            assert link.is_clean()

        in_virtual_time(main)


@pytest.mark.parametrize("waiting", [0, IN_FLIGHT, IN_FLIGHT + 1])
def test_transport_that_cannot_half_close_is_closed_when_nearly_all_data_is_taken(
    waiting: int,
) -> None:
    async def main() -> None:
        app = Application()
        transport = Transport(half_closes=False)
        transport.kept = waiting
        link = Link(app, Timely, transport)
        link.ask()
        app.steps.put_nowait(ACCEPT)
        await turns()
        link.receive(frame(CLOSE, close_payload(1000)))
        await turns()
        assert transport.closing is (waiting <= IN_FLIGHT)
        transport.kept = 0
        await asyncio.sleep(1)
        assert transport.closing
        assert not transport.aborted
        app.steps.put_nowait("return")
        await turns()
        assert link.is_clean()

    in_virtual_time(main)


def test_transport_that_is_lost_while_it_drains_is_not_closed_again() -> None:
    async def main() -> None:
        app = Application()
        transport = Transport(half_closes=False)
        transport.kept = 10**6
        link = Link(app, Timely, transport)
        link.ask()
        app.steps.put_nowait(ACCEPT)
        await turns()
        link.receive(frame(CLOSE, close_payload(1000)))
        transport.lose()
        transport.broken.add("close")
        app.steps.put_nowait("return")
        await asyncio.sleep(10)
        assert not transport.broke
        assert link.is_clean()

    in_virtual_time(main)
