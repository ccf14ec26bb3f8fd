"""An application that comes to the state that the path names, and stays there for a while."""

import asyncio

from wsfsm.types import Message, Receive, Scope, Send

MESSAGES: dict[str, list[Message]] = {
    "CONNECTING": [],
    "DENIAL_HELD": [{"type": "websocket.http.response.start", "status": 404}],
    "DENIAL_STREAMING": [
        {"type": "websocket.http.response.start", "status": 404},
        {"type": "websocket.http.response.body", "body": b"a", "more_body": True},
    ],
    "OPEN": [{"type": "websocket.accept"}],
    "CLOSING": [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 4000}],
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """See above."""
    state = scope["path"].strip("/")
    await receive()
    for message in MESSAGES[state]:
        await send(message)
    print(state, flush=True)  # noqa: T201 - the test waits for this line
    if state.startswith("DENIAL"):
        await asyncio.sleep(1)
        await send({"type": "websocket.http.response.body", "body": b"b"})
    await receive()
