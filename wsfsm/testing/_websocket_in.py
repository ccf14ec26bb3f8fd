"""A `WebSocket` in given states, reached by messages instead of set attributes."""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, overload

from wsfsm.messages import Accept, Close, Connect, Disconnect, ResponseBody, ResponseStart
from wsfsm.tables.events import BODY_LAST
from wsfsm.tables.states import WebSocketState
from wsfsm.testing._request import make_scope
from wsfsm.types import Message
from wsfsm.websockets import WebSocket
from wsfsm.websockets._joint import OPEN, PRODUCT, JointState

__all__ = ["websocket_in"]

W = TypeVar("W")
Step = tuple[bool, Message]
"""Whether the application receives a message, and the message."""

_OPENED: Final[tuple[Step, ...]] = (
    (True, {"type": Connect.type}),
    (False, {"type": Accept.type}),
)


@overload
def websocket_in(
    client: WebSocketState,
    application: WebSocketState,
    *,
    incoming: Iterable[Message] = (),
    sent: list[Message] | None = None,
    scope: Mapping[str, Any] | None = None,
    code: int = 1000,
    reason: str = "",
) -> WebSocket: ...


@overload
def websocket_in(
    client: WebSocketState,
    application: WebSocketState,
    *,
    websocket_class: Callable[..., W],
    incoming: Iterable[Message] = (),
    sent: list[Message] | None = None,
    scope: Mapping[str, Any] | None = None,
    code: int = 1000,
    reason: str = "",
) -> W: ...


def websocket_in(  # noqa: PLR0913 - the connection, and its server
    client: WebSocketState,
    application: WebSocketState,
    *,
    websocket_class: Callable[..., Any] = WebSocket,
    incoming: Iterable[Message] = (),
    sent: list[Message] | None = None,
    scope: Mapping[str, Any] | None = None,
    code: int = 1000,
    reason: str = "",
) -> Any:
    """Make a connection in given states, without an event loop.

    The states are reached by messages, so that the connection also knows how it ended. If it can have
    been accepted before, it was.

    Args:
        client: State of the client machine.
        application: State of the application machine.
        websocket_class: The class, whose API is that of Starlette's.
        incoming: Messages to deliver from then on. A receive after the last one is a failure, so end with a
            disconnect if you use `until_disconnect`.
        sent: A list that takes the messages which are sent from then on.
        scope: Keys to add to the scope, or to replace in it.
        code: Close code of the end, if the connection has ended.
        reason: The same for the reason.

    Raises:
        ValueError: No messages lead to these states.
    """
    steps = _steps(client, application, {"code": code, "reason": reason})
    script = deque(message for is_received, message in steps if is_received)
    taken: list[Message] = []

    async def receive() -> Message:
        if not script:
            raise AssertionError("receive() was called, but 'incoming' has no more messages")
        return script.popleft()

    async def send(message: Message) -> None:
        taken.append(message)

    websocket: Any = websocket_class({**make_scope(), **(scope or {})}, receive, send)
    for is_received, message in steps:
        _run(websocket.receive() if is_received else websocket.send(message))
    script.extend(incoming)
    taken = [] if sent is None else sent
    return websocket


def _steps(
    client: WebSocketState, application: WebSocketState, end: Mapping[str, Any]
) -> list[Step]:
    for start, first in ((OPEN, _OPENED), (PRODUCT.initial, ())):
        paths: deque[tuple[JointState, tuple[Step, ...]]] = deque([(start, first)])
        seen = {start}
        while paths:
            joint, path = paths.popleft()
            if (joint.client.state, joint.application.state) == (client, application):
                return list(path)
            for after, step in _moves(joint, end):
                if after not in seen:
                    seen.add(after)
                    paths.append((after, (*path, step)))
    raise ValueError(f"no messages lead to {client} and {application}")


def _moves(joint: JointState, end: Mapping[str, Any]) -> Iterator[tuple[JointState, Step]]:
    """Yield the joint states that one message leads to; those of data lead to none."""
    keys: dict[str, Mapping[str, Any]] = {
        Disconnect.type: end,
        Close.type: end,
        ResponseStart.type: {"status": 403, "headers": []},
    }
    for event, after in joint.on_receive.items():
        yield after, (True, {"type": str(event), **keys.get(str(event), {})})
    for kind, after in joint.on_send.items():
        yield after, (False, {"type": kind, **keys.get(kind, {})})
    if BODY_LAST in joint.on_event:
        yield joint.on_event[BODY_LAST], (False, {"type": ResponseBody.type, "body": b""})


def _run(call: Coroutine[Any, Any, object]) -> None:
    """Run a call that waits for nothing."""
    try:
        call.send(None)
    except StopIteration:
        return
    call.close()
    raise RuntimeError("the class waits for something else than its receive and send")
