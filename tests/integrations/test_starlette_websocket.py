"""The class that is wsfsm's and Starlette's, and connections that it takes over."""

import asyncio
import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
import starlette.datastructures
import starlette.websockets as starlette_
from helpers.asgi import Server, run, scope
from helpers.frameworks import CONNECT, LEFT, text

import wsfsm
import wsfsm.tables.states
from wsfsm.integrations.starlette import (
    ConnectionClosed,
    WebSocket,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
)
from wsfsm.websockets._joint import OPEN

STATES = list(wsfsm.WebSocketState)


def accepted(*incoming: Any, kind: Any = WebSocket) -> tuple[Any, Server]:
    server = Server([CONNECT, *incoming])
    websocket = kind(scope(), server.receive, server.send)
    run(websocket.accept())
    return websocket, server


def error_of(coroutine: Any) -> Exception:
    try:
        run(coroutine)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
    raise AssertionError("nothing was raised")


class TestTheClass:
    def test_an_object_is_one_of_both_classes(self) -> None:
        websocket, _ = accepted()

        assert isinstance(websocket, starlette_.WebSocket)
        assert isinstance(websocket, wsfsm.WebSocket)

    def test_data_takes_the_short_way(self) -> None:
        websocket, server = accepted(text("a"))

        run(websocket.send_text(run(websocket.receive_text())))

        assert server.sent[-1] == {"type": "websocket.send", "text": "a"}
        assert websocket._joint is OPEN

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("headers", starlette.datastructures.Headers),
            ("query_params", starlette.datastructures.QueryParams),
            ("url", starlette.datastructures.URL),
            ("base_url", starlette.datastructures.URL),
            ("state", starlette.datastructures.State),
        ],
    )
    def test_what_is_read_from_the_scope_is_of_starlettes_classes(
        self, name: str, kind: type
    ) -> None:
        websocket, _ = accepted()

        assert isinstance(getattr(websocket, name), kind)
        assert getattr(websocket, name) is not None

    def test_wsfsm_does_not_import_starlette(self) -> None:
        code = "import sys, wsfsm.websockets; print('starlette' in sys.modules)"
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
        )

        assert done.stdout == "False\n"

    def test_a_reason_that_is_not_a_text_is_sent_as_json(self) -> None:
        websocket, server = accepted()
        errors = [{"loc": ["path", "n"], "msg": "x" * 200}]

        run(websocket.close(1008, errors))

        assert server.sent[-1]["code"] == 1008
        assert server.sent[-1]["reason"] == json.dumps(errors)[:123]

    def test_a_reason_that_is_a_text_is_checked_as_ever(self) -> None:
        websocket, _ = accepted()

        with pytest.raises(ValueError, match="at most 123 bytes"):
            run(websocket.close(1008, "x" * 124))


class TestStates:
    @pytest.mark.parametrize("state", STATES)
    def test_members_of_both_libraries_are_equal_both_ways(self, state: Any) -> None:
        theirs = starlette_.WebSocketState[state.name]

        assert state == theirs
        assert theirs == state
        assert state == wsfsm.WebSocketState[state.name]
        assert hash(state) == hash(theirs)
        assert state in {theirs, 5}
        assert theirs in {state: 1}
        assert [other for other in STATES if other == theirs] == [state]
        assert [other for other in starlette_.WebSocketState if state == other] == [theirs]

    @pytest.mark.parametrize("other", [1, "CONNECTED", wsfsm.tables.states.ServerState.OPEN, None])
    def test_nothing_else_is_equal(self, other: object) -> None:
        assert other != wsfsm.WebSocketState.CONNECTED

    def test_an_object_shows_starlettes_members(self) -> None:
        websocket, _ = accepted()

        assert websocket.client_state is WebSocketState.CONNECTED
        assert websocket.application_state is starlette_.WebSocketState.CONNECTED
        match websocket.client_state:
            case wsfsm.WebSocketState.CONNECTED:
                matched = True
            case _:
                matched = False
        assert matched

    @pytest.mark.parametrize("name", ["client_state", "application_state"])
    @pytest.mark.parametrize("library", [wsfsm, starlette_])
    def test_a_test_can_set_them_and_take_them_back(self, name: str, library: Any) -> None:
        websocket, _ = accepted()

        setattr(websocket, name, library.WebSocketState.DISCONNECTED)
        assert getattr(websocket, name) is WebSocketState.DISCONNECTED
        delattr(websocket, name)
        assert getattr(websocket, name) is WebSocketState.CONNECTED


class TestErrors:
    def receive_after_the_end(self) -> Exception:
        websocket, _ = accepted(LEFT)
        error_of(websocket.receive_text())
        return error_of(websocket.receive())

    def receive_before_the_accept(self) -> Exception:
        server = Server()
        return error_of(WebSocket(scope(), server.receive, server.send).receive_text())

    def disconnect(self) -> Exception:
        websocket, _ = accepted(LEFT)
        return error_of(websocket.receive_text())

    def lost(self) -> Exception:
        websocket, server = accepted()
        server.failing = OSError("gone")
        return error_of(websocket.send_text("x"))

    def send_after_the_end(self) -> Exception:
        websocket, _ = accepted()
        run(websocket.close())
        return error_of(websocket.send_text("x"))

    async def two_readers(self) -> list[Any]:
        arriving: asyncio.Queue[Any] = asyncio.Queue()
        arriving.put_nowait(CONNECT)
        websocket = WebSocket(scope(), arriving.get, Server().send)
        await websocket.accept()
        readers = [asyncio.create_task(websocket.receive_text()) for _ in range(2)]
        await asyncio.sleep(0)
        arriving.put_nowait(LEFT)
        arriving.put_nowait(LEFT)
        return await asyncio.gather(*readers, return_exceptions=True)

    def test_the_end_is_caught_as_both_families(self) -> None:
        for error in (self.disconnect(), self.lost()):
            assert isinstance(error, (wsfsm.WebSocketDisconnect, starlette_.WebSocketDisconnect))
            assert isinstance(error, wsfsm.WebSocketDisconnect)
            assert isinstance(error, starlette_.WebSocketDisconnect)
            assert not isinstance(error, RuntimeError)
        disconnect: Any = self.disconnect()
        assert (disconnect.code, disconnect.reason) == (1001, "away")
        assert isinstance(self.lost().__cause__, OSError)

    def test_a_use_of_an_unconnected_one_is_caught_as_both_families(self) -> None:
        for error in (self.receive_after_the_end(), self.receive_before_the_accept()):
            assert isinstance(error, wsfsm.WebSocketDisconnected)
            assert isinstance(error, WebSocketDisconnected)
            assert not isinstance(error, starlette_.WebSocketDisconnect)

    def test_a_send_after_the_end_is_caught_as_all_of_them(self) -> None:
        error = self.send_after_the_end()

        assert type(error) is ConnectionClosed
        for kind in (
            wsfsm.ConnectionClosed,
            wsfsm.WebSocketDisconnect,
            starlette_.WebSocketDisconnect,
            WebSocketDisconnected,
            RuntimeError,
        ):
            assert isinstance(error, kind)
        assert "application with code 1000" in str(error)

    def test_a_second_reader_gets_it_too(self) -> None:
        first, second = asyncio.run(self.two_readers())

        assert isinstance(first, starlette_.WebSocketDisconnect)
        assert type(second) is ConnectionClosed
        assert "once a disconnect message has been received" in str(second)

    def test_they_can_be_copied_and_pickled(self) -> None:
        for error in (self.disconnect(), self.receive_after_the_end(), self.send_after_the_end()):
            for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                assert type(same) is type(error)
                assert str(same) == str(error)
                assert vars(same) == vars(error)

    def test_the_names_for_except_clauses_are_starlettes(self) -> None:
        # Starlette's TestClient raises them too
        assert WebSocketDisconnect is starlette_.WebSocketDisconnect
        assert WebSocketState is starlette_.WebSocketState
        # a version without this class raises RuntimeError
        assert getattr(starlette_, "WebSocketDisconnected", RuntimeError) is WebSocketDisconnected


class TestTakingOver:
    def test_it_speaks_to_the_servers_callables_in_the_states_as_they_are(self) -> None:
        theirs, server = accepted(text("a"), kind=starlette_.WebSocket)

        ours = WebSocket.over(theirs)
        run(ours.send_text(run(ours.receive_text())))

        assert type(ours) is WebSocket
        assert server.sent[-1] == {"type": "websocket.send", "text": "a"}
        with pytest.raises(
            wsfsm.IllegalTransition, match=r'"websocket\.send" or "websocket\.close"'
        ):
            run(ours.accept())

    @pytest.mark.parametrize(
        ("calls", "states"),
        [
            ([], ("CONNECTING", "CONNECTING")),
            ([("receive",)], ("CONNECTED", "CONNECTING")),
            ([("accept",)], ("CONNECTED", "CONNECTED")),
            ([("accept",), ("close",)], ("CONNECTED", "DISCONNECTED")),
            ([("accept",), ("receive",)], ("DISCONNECTED", "CONNECTED")),
            ([("accept",), ("receive",), ("close",)], ("DISCONNECTED", "DISCONNECTED")),
            (
                [("send", {"type": "websocket.http.response.start", "status": 401})],
                ("CONNECTING", "RESPONSE"),
            ),
        ],
    )
    def test_every_state_is_taken_over(self, calls: Any, states: tuple[str, str]) -> None:
        server = Server([CONNECT, LEFT])
        theirs = starlette_.WebSocket(scope(), server.receive, server.send)
        for name, *args in calls:
            run(getattr(theirs, name)(*args))

        ours = WebSocket.over(theirs)

        assert (ours.client_state.name, ours.application_state.name) == states
        assert (theirs.client_state.name, theirs.application_state.name) == states

    def test_both_agree_at_every_step(self) -> None:
        server = Server([CONNECT, text("a"), LEFT])
        theirs = starlette_.WebSocket(scope(), server.receive, server.send)
        ours = WebSocket.over(theirs)

        def states() -> tuple[Any, ...]:
            seen = [(each.client_state, each.application_state) for each in (ours, theirs)]
            assert seen[0] == seen[1]
            return tuple(state.name for state in seen[0])

        run(theirs.accept())
        assert states() == ("CONNECTED", "CONNECTED")
        assert run(ours.receive_text()) == "a"
        run(theirs.send_text("b"))
        with pytest.raises(wsfsm.WebSocketDisconnect):
            run(theirs.receive_text())
        assert states() == ("DISCONNECTED", "CONNECTED")
        run(theirs.close())
        assert states() == ("DISCONNECTED", "DISCONNECTED")
        with pytest.raises(ConnectionClosed):
            run(theirs.send_text("c"))
        assert [message["type"] for message in server.sent] == [
            "websocket.accept",
            "websocket.send",
        ]

    def test_states_that_a_test_sets_are_those_of_both(self) -> None:
        theirs, _ = accepted(kind=starlette_.WebSocket)
        ours = WebSocket.over(theirs)

        theirs.application_state = WebSocketState.DISCONNECTED
        assert ours.application_state.name == "DISCONNECTED"
        del theirs.application_state
        assert ours.application_state.name == "CONNECTED"

    def test_a_receive_in_progress_ends_in_the_states_of_both(self) -> None:
        async def read() -> None:
            arriving: asyncio.Queue[Any] = asyncio.Queue()
            arriving.put_nowait(CONNECT)
            theirs = starlette_.WebSocket(scope(), arriving.get, Server().send)
            await theirs.accept()
            reading = asyncio.create_task(theirs.receive())
            await asyncio.sleep(0)
            ours = WebSocket.over(theirs)
            arriving.put_nowait(LEFT)
            assert await reading == LEFT
            assert ours.client_state is WebSocketState.DISCONNECTED

        asyncio.run(read())

    def test_it_can_be_asked_for_again(self) -> None:
        theirs, _ = accepted(kind=starlette_.WebSocket)
        ours = WebSocket.over(theirs)

        assert WebSocket.over(theirs) is ours
        assert WebSocket.over(ours) is ours

    def test_other_attributes_stay_with_each(self) -> None:
        theirs, _ = accepted(kind=starlette_.WebSocket)
        WebSocket.over(theirs)

        theirs.note = "x"
        assert theirs.note == "x"
        del theirs.note
        assert not hasattr(theirs, "note")
        assert theirs.headers["host"] == "example.org"
        assert type(theirs).__name__ == type(theirs).__qualname__ == "WebSocket"
        assert type(theirs).__module__ == "starlette.websockets"
        assert isinstance(theirs, starlette_.WebSocket)

    def test_no_other_object_of_the_class_is_touched(self) -> None:
        taken, _ = accepted(kind=starlette_.WebSocket)
        other, _ = accepted(kind=starlette_.WebSocket)
        WebSocket.over(taken)

        assert type(other) is starlette_.WebSocket
        assert vars(starlette_.WebSocket)["receive"].__module__ == "starlette.websockets"

    def test_hooks_of_the_instance_are_taken_along(self) -> None:
        theirs, server = accepted(kind=starlette_.WebSocket)
        original, seen = theirs.send, []

        async def send(message: Any) -> None:
            seen.append(message["type"])
            await original(message)

        theirs.send = send
        ours = WebSocket.over(theirs)
        run(ours.send_text("x"))
        run(theirs.close())

        assert seen == ["websocket.send", "websocket.close"]
        assert [message["type"] for message in server.sent[1:]] == seen
        assert ours.application_state is WebSocketState.DISCONNECTED

    def test_an_object_of_wsfsm_becomes_one_of_the_class(self) -> None:
        websocket, _ = accepted(LEFT, kind=wsfsm.WebSocket)

        assert WebSocket.over(websocket) is websocket
        assert isinstance(websocket, starlette_.WebSocket)
        with pytest.raises(starlette_.WebSocketDisconnect):
            run(websocket.receive_text())

    def test_a_class_of_your_own_works_too(self) -> None:
        class Mine(WebSocket):
            async def send(self, message: Any) -> None:
                seen.append(message["type"])
                await super().send(message)

        seen: list[str] = []
        for kind in (starlette_.WebSocket, WebSocket):
            websocket, _ = accepted(kind=kind)
            mine = Mine.over(websocket)
            run(mine.send_text("x"))

            assert type(mine) is Mine
        assert seen == ["websocket.send"] * 2

    @pytest.mark.parametrize("other", [None, 5, WebSocket])
    def test_anything_else_is_refused(self, other: Any) -> None:
        with pytest.raises(
            TypeError, match="takes a WebSocket of Starlette, FastAPI or wsfsm, got"
        ):
            WebSocket.over(other)
