"""A server for graphql-transport-ws, which executes the outputs of the tables."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import attrs

from graphql_transport_ws.messages import Message, event_of, parse
from graphql_transport_ws.tables import (
    CONNECTION,
    ENDED,
    ERRORS,
    FAILED,
    FORBIDDEN,
    LATE,
    OPERATION,
    PERMITTED,
    RESULT,
    Close,
)
from wsfsm import Event, Node, WebSocket, WebSocketDisconnect

SUBPROTOCOL: Final = "graphql-transport-ws"

Payload: TypeAlias = Mapping[str, Any]
Source: TypeAlias = Callable[[Payload], AsyncGenerator[Payload, None]]
Permit: TypeAlias = Callable[[Payload], Awaitable[bool]]
Work: TypeAlias = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)


class Errors(Exception):
    """The operation has errors; the argument is their list."""


class Over(Exception):
    """The connection has to be closed; the arguments are the code and the reason."""


@attrs.define
class Operation:
    """The operation of an id, and the task that runs it while it is active."""

    node: Node[str] = OPERATION.initial
    running: asyncio.Task[None] | None = None


@attrs.define
class Session:
    """The subprotocol on one connection.

    Attributes:
        websocket: The connection, which is accepted.
        source: Yields the results of an operation, or raises `Errors`.
        permit: Decides whether a client may send operations.
        patience: Seconds that the client may take for `connection_init`.
        node: The state of the connection.
        operations: The active operations by their ids.
        tasks: Everything that runs beside the loop over messages.
        timer: The task that waits for `connection_init`.
    """

    websocket: WebSocket
    source: Source
    permit: Permit
    patience: float = 3.0
    node: Node[str] = CONNECTION.initial
    operations: dict[str, Operation] = attrs.field(init=False, factory=dict)
    tasks: asyncio.TaskGroup = attrs.field(init=False, factory=asyncio.TaskGroup)
    timer: asyncio.Task[None] = attrs.field(init=False)

    async def run(self) -> None:
        """Serve the client until it leaves, or until a table closes the connection."""
        try:
            async with self.tasks:
                self.timer = self.start(self.wait, {})
                await self.receive()
        except* Over as group:
            code, reason = group.exceptions[0].args
            await self.websocket.aclose(code, reason, timeout=5)

    async def receive(self) -> None:
        async for data in self.websocket:
            message = parse(data)
            await self.take(event_of(message, self.operations), message)
        raise Over(1000, "")  # the client has left, and aclose() sends nothing

    async def take(self, event: str | Event, message: Message) -> None:
        """Take an event of the connection."""
        before, self.node = self.node, self.node.step(event)
        for output in before.outputs[event]:
            if output == "pass on":
                await self.operate(event, message)
            else:
                await self.execute(output, message)

    async def operate(self, event: str | Event, message: Message) -> None:
        """Take an event of the operation that the message is about."""
        operation = self.operations.pop(message["id"], None) or Operation()
        before, operation.node = operation.node, operation.node.step(event)
        if operation.node is not OPERATION.initial:
            self.operations[message["id"]] = operation
        for output in before.outputs[event]:
            match output, operation.running:
                case "start the source", _:
                    operation.running = self.start(self.produce, message)
                case "stop the source", asyncio.Task() as running:
                    running.cancel()
                case _:
                    await self.execute(output, message)

    async def execute(self, output: Hashable, message: Message) -> None:
        """Execute an output of either table."""
        match output:
            case Close(code, reason):
                raise Over(code, reason)
            case "stop the timer":
                self.timer.cancel()
            case "authenticate":
                self.start(self.authenticate, message)
            case str():  # for example "send next"
                await self.websocket.send_json({**message, "type": output.removeprefix("send ")})

    def start(self, work: Work, message: Message) -> asyncio.Task[None]:
        """Run a method beside the loop over messages."""

        async def guarded() -> None:
            try:
                await work(message)
            except (Over, WebSocketDisconnect):
                raise
            except Exception:
                logger.exception("The server fails.")
                await self.take(FAILED, {})

        return self.tasks.create_task(guarded())

    async def wait(self, message: Message) -> None:
        await asyncio.sleep(self.patience)
        await self.take(LATE, message)

    async def authenticate(self, message: Message) -> None:
        permitted = await self.permit(message["payload"] or {})
        await self.take(PERMITTED if permitted else FORBIDDEN, {})

    async def produce(self, message: Message) -> None:
        about = {"id": message["id"]}
        try:
            async with aclosing(self.source(message["payload"])) as results:
                async for result in results:
                    await self.operate(RESULT, {**about, "payload": result})
        except Errors as errors:
            await self.operate(ERRORS, {**about, "payload": errors.args[0]})
        else:
            await self.operate(ENDED, about)
