"""The subprotocol graphql-transport-ws: its tables, every cell of them on connections, and real clients."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from graphql_transport_ws import app as graphql_app
from graphql_transport_ws.messages import parse
from graphql_transport_ws.server import SUBPROTOCOL, Errors, Payload, Session
from graphql_transport_ws.tables import CONNECTION, OPERATION
from helpers.uvicorn_server import in_time

from wsfsm import Event, Machine, asgi
from wsfsm.testing import Client, Closed, connect

CELLS: Final = {
    "opened": {
        "connection_init": "initialising / stop the timer, authenticate",
        "subscribe [id is free]": "closed / close 4401",
        "subscribe [id is active]": "closed / close 4401",
        "complete": "opened / pass on",
        "ping": "opened / send pong",
        "pong": "opened",
        "anything else": "closed / close 4400",
        "init is late": "closed / close 4408",
        "server fails": "closed / close 4500",
    },
    "initialising": {
        "connection_init": "closed / close 4429",
        "subscribe [id is free]": "closed / close 4401",
        "subscribe [id is active]": "closed / close 4401",
        "complete": "initialising / pass on",
        "ping": "initialising / send pong",
        "pong": "initialising",
        "anything else": "closed / close 4400",
        "client is permitted": "acknowledged / send connection_ack",
        "client is forbidden": "closed / close 4403",
        "server fails": "closed / close 4500",
    },
    "acknowledged": {
        "connection_init": "closed / close 4429",
        "subscribe [id is free]": "acknowledged / pass on",
        "subscribe [id is active]": "closed / close 4409",
        "complete": "acknowledged / pass on",
        "ping": "acknowledged / send pong",
        "pong": "acknowledged",
        "anything else": "closed / close 4400",
        "server fails": "closed / close 4500",
    },
    "closed": {
        "connection_init": "closed",
        "subscribe [id is free]": "closed",
        "subscribe [id is active]": "closed",
        "complete": "closed",
        "ping": "closed",
        "pong": "closed",
        "anything else": "closed",
        "client is permitted": "closed",
        "client is forbidden": "closed",
        "server fails": "closed",
    },
    "free": {
        "subscribe [id is free]": "active / start the source",
        "complete": "free",
    },
    "active": {
        "complete": "free / stop the source",
        "source yields": "active / send next",
        "source ends": "free / send complete",
        "source has errors": "free / send error",
    },
}
"""Written from PROTOCOL.md: each state with each event; a cell that is not here is refused."""


@pytest.mark.parametrize(
    ("machine", "state", "event"),
    [
        pytest.param(machine, state, event, id=f"{state}-{event}")
        for machine in (CONNECTION, OPERATION)
        for state in machine.table.states
        for event in machine.table.events
    ],
)
def test_cell_is_as_specified(machine: Machine[str], state: str, event: str | Event) -> None:
    node, expected = machine.nodes[state], CELLS[state].get(str(event))
    if expected is None:
        assert event not in node.moves
        return
    after = node.step(event)
    assert " / ".join(filter(None, [after.state, ", ".join(map(str, node.outputs[event]))])) == (
        expected
    )


def test_no_cell_is_left() -> None:
    tables = [CONNECTION.table, OPERATION.table]
    assert {*CELLS} == {state for table in tables for state in table.states}
    assert sum(map(len, CELLS.values())) == sum(len(table.rows) for table in tables)


@pytest.mark.parametrize("state", CONNECTION.table.states)
def test_each_message_of_a_client_is_allowed_in_each_state(state: str) -> None:
    messages = {str(event) for event in CONNECTION.table.events if not_in_server(event)}

    assert len(messages) == 7
    assert messages <= {str(event) for event in CONNECTION.nodes[state].moves}


def not_in_server(event: str | Event) -> bool:
    return isinstance(event, str) or event.is_message


class Desk:
    """A source and a permission that a test controls."""

    def __init__(self) -> None:
        self.permission: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.closed: list[str] = []

    async def permit(self, payload: Payload) -> bool:
        return await self.permission

    async def source(self, payload: Payload) -> AsyncGenerator[Payload, None]:
        """Execute "wait", or yield the words of another query; "bad" has errors, "bug" is one."""
        try:
            for word in payload["query"].split():
                if word == "wait":
                    await asyncio.Event().wait()
                if word == "bad":
                    raise Errors([{"message": "bad"}])
                if word == "bug":
                    raise ZeroDivisionError
                yield {"data": word}
        finally:
            self.closed.append(payload["query"])


@asynccontextmanager
async def connected(desk: Desk, patience: float = 60) -> AsyncIterator[Client]:
    @asgi
    async def app(websocket: Any) -> None:
        await websocket.accept(SUBPROTOCOL)
        await Session(websocket, desk.source, desk.permit, patience).run()

    async with connect(app, subprotocols=[SUBPROTOCOL]) as client:
        yield client


def subscribe(id_: str, query: str) -> dict[str, Any]:
    return {"type": "subscribe", "id": id_, "payload": {"query": query}}


async def acknowledged(desk: Desk, client: Client) -> None:
    desk.permission.set_result(True)
    await client.send_json({"type": "connection_init"})
    assert await client.receive_json() == {"type": "connection_ack"}


async def bring(desk: Desk, client: Client, state: str) -> None:
    """Bring a connection into a state, with an operation of the id "a" if it can have one."""
    if state == "initialising":
        await client.send_json({"type": "connection_init"})
    if state == "acknowledged":
        await acknowledged(desk, client)
        await client.send_json(subscribe("a", "started wait"))
        assert (await client.receive_json())["payload"] == {"data": "started"}


MESSAGES: Final[dict[str, Any]] = {
    "connection_init": {"type": "connection_init"},
    "subscribe [id is free]": subscribe("b", "hello"),
    "subscribe [id is active]": subscribe("a", "hello"),
    "complete": {"type": "complete", "id": "a"},
    "ping": {"type": "ping", "payload": {"sent": 1}},
    "pong": {"type": "pong"},
    "anything else": {"type": "hello"},
}
ANSWERS: Final[dict[tuple[str, str], Any]] = {
    ("stop the timer, authenticate", "connection_init"): [{"type": "connection_ack"}],
    ("send pong", "ping"): [{"type": "pong", "payload": {"sent": 1}}],
    ("pass on", "subscribe [id is free]"): [
        {"type": "next", "id": "b", "payload": {"data": "hello"}},
        {"type": "complete", "id": "b"},
    ],
}
"""The messages of the server, for outputs that do not close."""


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("state", ["opened", "initialising", "acknowledged"])
def test_connection_does_what_the_cell_says(state: str, message: str) -> None:
    outputs = CELLS[state][message].partition(" / ")[2]

    async def main() -> None:
        desk = Desk()
        async with connected(desk) as client:
            await bring(desk, client, state)
            await client.send_json(MESSAGES[message])
            if outputs.startswith("close "):
                assert (await client.receive_close()).code == int(outputs[-4:])
                return
            if outputs.endswith("authenticate"):
                desk.permission.set_result(True)
            for answer in ANSWERS.get((outputs, message), []):
                assert await client.receive_json() == answer
            await client.send_json({"type": "ping"})
            assert await client.receive_json() == {"type": "pong", "payload": None}
            completed = (state, message) == ("acknowledged", "complete")
            assert ("started wait" in desk.closed) is completed

    in_time(main)


async def closes_if_init_is_late(desk: Desk) -> None:
    async with connected(desk, patience=0.05) as client:
        assert await client.receive_close() == Closed(4408, "Connection initialisation timeout")


async def waits_no_more_after_init(desk: Desk) -> None:
    async with connected(desk, patience=0.05) as client:
        await client.send_json({"type": "connection_init"})
        await client.receive_nothing(0.15)


async def refuses_a_client(desk: Desk) -> None:
    async with connected(desk) as client:
        desk.permission.set_result(False)
        await client.send_json({"type": "connection_init", "payload": {}})
        assert await client.receive_close() == Closed(4403, "Forbidden")


async def closes_if_the_server_fails_to_permit(desk: Desk) -> None:
    async with connected(desk) as client:
        desk.permission.set_exception(ZeroDivisionError())
        await client.send_json({"type": "connection_init"})
        assert await client.receive_close() == Closed(4500, "Internal server error")


async def closes_if_the_source_fails(desk: Desk) -> None:
    async with connected(desk) as client:
        await acknowledged(desk, client)
        await client.send_json(subscribe("other", "wait"))
        await client.send_json(subscribe("a", "one bug"))
        assert (await client.receive_json())["type"] == "next"
        assert await client.receive_close() == Closed(4500, "Internal server error")
    assert desk.closed == ["one bug", "wait"]


async def sends_an_error_and_no_complete(desk: Desk) -> None:
    async with connected(desk) as client:
        await acknowledged(desk, client)
        for _ in range(2):  # the id is free again
            await client.send_json(subscribe("a", "one bad"))
            assert await client.receive_json() == {
                "type": "next",
                "id": "a",
                "payload": {"data": "one"},
            }
            assert await client.receive_json() == {
                "type": "error",
                "id": "a",
                "payload": [{"message": "bad"}],
            }
        await client.receive_nothing(0.05)


async def completes_an_operation_that_has_not_started(desk: Desk) -> None:
    async with connected(desk) as client:
        await acknowledged(desk, client)
        for _ in range(3):
            await client.send_json(subscribe("a", "wait"))
            await client.send_json({"type": "complete", "id": "a"})
        await client.send_json(subscribe("a", "last"))
        assert (await client.receive_json())["payload"] == {"data": "last"}
        assert await client.receive_json() == {"type": "complete", "id": "a"}


async def runs_operations_side_by_side(desk: Desk) -> None:
    async with connected(desk) as client:
        await acknowledged(desk, client)
        for id_, query in [("a", "1 2 wait"), ("b", "3 wait"), ("c", "4")]:
            await client.send_json(subscribe(id_, query))
        messages = [await client.receive_json() for _ in range(5)]
        words = {
            id_: [m["payload"]["data"] for m in messages if m["id"] == id_ and m["type"] == "next"]
            for id_ in "abc"
        }
        assert words == {"a": ["1", "2"], "b": ["3"], "c": ["4"]}
        assert {"type": "complete", "id": "c"} in messages
    assert sorted(desk.closed) == ["1 2 wait", "3 wait", "4"]


async def stops_its_sources_if_the_client_is_lost(desk: Desk) -> None:
    async with connected(desk) as client:
        await acknowledged(desk, client)
        await client.send_json(subscribe("a", "1 wait"))
        await client.receive_json()
        client.drop()
        await client.result()
    assert desk.closed == ["1 wait"]


@pytest.mark.parametrize(
    "scene",
    [
        closes_if_init_is_late,
        waits_no_more_after_init,
        refuses_a_client,
        closes_if_the_server_fails_to_permit,
        closes_if_the_source_fails,
        sends_an_error_and_no_complete,
        completes_an_operation_that_has_not_started,
        runs_operations_side_by_side,
        stops_its_sources_if_the_client_is_lost,
    ],
)
def test_the_server(scene: Any) -> None:
    async def main() -> None:
        await scene(Desk())

    in_time(main)


BAD: Final[list[Any]] = [
    *("[]", "1", "null", "{", '"ping"', "{}", b'{"type": "ping"}'),
    *({"type": kind} for kind in ("connection_ack", "next", "error", "start", None, 1, "complete")),
    *({"type": kind, "payload": []} for kind in ("connection_init", "ping", "pong")),
    *({"type": "complete", "id": id_} for id_ in ("", 1, None)),
    *({**subscribe("a", "q"), "id": id_} for id_ in ("", 1, None)),
    {"type": "subscribe", "id": "a"},
    *({"type": "subscribe", "id": "a", "payload": bad} for bad in ("q", 1, None, {"query": 1})),
    {"type": "subscribe", "id": "a", "payload": {}},
    *(
        {"type": "subscribe", "id": "a", "payload": {"query": "q", key: value}}
        for key, value in (("operationName", 1), ("variables", []), ("extensions", "x"))
    ),
]


@pytest.mark.parametrize("message", BAD)
def test_bad_message_is_not_a_message(message: Any) -> None:
    assert parse(message if isinstance(message, str | bytes) else json.dumps(message)) == {}


@pytest.mark.parametrize(
    "message",
    [
        *({"type": kind, "payload": p} for kind in ("ping", "pong") for p in ({"a": 1}, {}, None)),
        {"type": "complete", "id": "a"},
        subscribe("a", "q"),
        {
            "type": "subscribe",
            "id": "a",
            "payload": {"query": "q", "operationName": None, "variables": {}, "extensions": None},
        },
    ],
)
def test_good_message_is_a_message(message: Any) -> None:
    assert parse(json.dumps(message)) == message


def test_handshake_without_the_subprotocol_is_denied() -> None:
    async def main() -> None:
        async with connect(graphql_app.app, subprotocols=["graphql-ws"]) as client:
            denied = await client.denied()
        assert (denied.status, denied.body) == (
            400,
            b"Offer the subprotocol graphql-transport-ws.\n",
        )

    in_time(main)
