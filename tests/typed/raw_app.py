"""A raw ASGI application with typed messages, as `mypy --strict` takes it."""

from collections.abc import Awaitable, Callable

from wsfsm.messages import (
    Close,
    Receive,
    WebSocketCloseEvent,
    WebSocketConnectEvent,
    WebSocketReceivable,
    WebSocketResponseStartEvent,
    WebSocketSendable,
    WebSocketSendEvent,
    from_message,
)
from wsfsm.types import Scope, Send

RawReceive = Callable[[], Awaitable[WebSocketReceivable]]
RawSend = Callable[[WebSocketSendable], Awaitable[None]]


async def echo(scope: Scope, receive: RawReceive, send: RawSend) -> None:
    message = await receive()
    assert message["type"] == "websocket.connect"
    if "chat" not in scope["subprotocols"]:
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "websocket.http.response.start", "status": 400, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"speak chat"})
        return
    await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-a", b"1")]})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            code: int = message["code"]
            print(code, message.get("reason") or "")  # noqa: T201 - the use of both is shown
            return
        if message["type"] == "websocket.receive":
            if message.get("text") == "bye":
                break
            answer: WebSocketSendEvent = {"type": "websocket.send", "bytes": message.get("bytes")}
            if text := message.get("text"):
                answer["text"] = text.upper()
            await send(answer)
    await send({"type": "websocket.send", "text": "bye", "bytes": None})
    await send({"type": "websocket.close"})


async def records(receive: RawReceive, send: RawSend, untyped_send: Send) -> None:
    record = from_message(await receive())
    if isinstance(record, Receive):
        payload: str | bytes | None = record.text if record.bytes is None else record.bytes
        assert payload is not None
    await send(Close(1001, "going away").to_message())
    await untyped_send(dict(Close(1001).to_message()))  # a TypedDict is no MutableMapping


# What follows is refused: an ignore that ignored nothing would be an error itself
async def mistakes(receive: RawReceive, send: RawSend) -> None:
    await send(WebSocketConnectEvent(type="websocket.connect"))  # type: ignore[arg-type]
    WebSocketCloseEvent(type="websocket.close", code="1000")  # type: ignore[typeddict-item]
    WebSocketCloseEvent(type="websocket.close", status=1000)  # type: ignore[typeddict-unknown-key]
    WebSocketResponseStartEvent(type="websocket.http.response.start")  # type: ignore[typeddict-item]
    (await receive())["code"]  # type: ignore[typeddict-item]
    Close(code="1000")  # type: ignore[arg-type]
