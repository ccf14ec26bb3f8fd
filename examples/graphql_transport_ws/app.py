"""A GraphQL server with a query and a subscription, on graphql-core."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    subscribe,
    validate,
)

from graphql_transport_ws.server import SUBPROTOCOL, Errors, Payload, Session
from wsfsm import WebSocket, asgi

SCHEMA: Final = build_schema("""
    type Query { hello: String! }
    type Subscription { countdown(from: Int!): Int! }
""")


async def countdown(info: Any, **arguments: int) -> AsyncIterator[dict[str, int]]:
    for number in range(arguments["from"], -1, -1):
        yield {"countdown": number}
        await asyncio.sleep(0.05)


ROOT: Final = {"hello": "world", "countdown": countdown}


def prepare(payload: Payload) -> tuple[DocumentNode, OperationType]:
    """Parse and validate an operation."""
    try:
        document = parse(payload["query"])
    except GraphQLError as error:
        raise Errors([error.formatted]) from None
    if errors := validate(SCHEMA, document):
        raise Errors([error.formatted for error in errors])
    node = get_operation_ast(document, payload.get("operationName"))
    if node is None:
        raise Errors([GraphQLError("Which operation should be executed?").formatted])
    return document, node.operation


async def source(payload: Payload) -> AsyncGenerator[Payload, None]:
    """Execute a query or a subscription."""
    document, kind = prepare(payload)
    perform: Any = subscribe if kind is OperationType.SUBSCRIPTION else execute
    results = perform(
        SCHEMA,
        document,
        ROOT,
        variable_values=payload.get("variables"),
        operation_name=payload.get("operationName"),
    )
    if inspect.isawaitable(results):
        results = await results
    if isinstance(results, ExecutionResult):
        yield results.formatted
    else:
        async with aclosing(results):
            async for result in results:
                yield result.formatted


async def permit(payload: Payload) -> bool:
    return payload.get("token") == "secret"


@asgi
async def app(websocket: WebSocket) -> None:
    subprotocol = websocket.negotiate([SUBPROTOCOL])
    if subprotocol is None:
        await websocket.deny(400, body=f"Offer the subprotocol {SUBPROTOCOL}.\n")
        return
    await websocket.accept(subprotocol)
    await Session(websocket, source, permit).run()
