"""Stand-ins for send, receive and _raise_on_disconnect are seen by every method, as in Starlette.

Every test runs on Starlette's class too: the rule is that of Starlette.
"""

import asyncio
import copy
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from types import new_class
from typing import Any, Protocol, TypeAlias
from unittest import mock

import pytest
import starlette.websockets
from helpers.asgi import Server, run, scope
from helpers.connections import BINARY, BYE, CONNECT, TEXT

import wsfsm
from wsfsm.types import Message

Hook: TypeAlias = Any
Way: TypeAlias = Callable[[Any, str, Hook, ExitStack], Any]
"""Makes an accepted connection of a class, and puts a function in the place of its method."""

NUMBER: Message = {"type": "websocket.receive", "text": "1"}
INCOMING: list[Message | Exception] = [
    CONNECT,
    TEXT,
    BINARY,
    NUMBER,
    {**BINARY, "bytes": b"1"},
    TEXT,
    BINARY,
    NUMBER,
    BYE,
]


@pytest.fixture(params=[starlette.websockets, wsfsm], ids=["starlette", "wsfsm"])
def base(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The class of either library, without which no test may leave a hook on it."""
    base = request.param.WebSocket
    before = dict(vars(base))
    yield base
    assert dict(vars(base)) == before


def accepted(cls: Any) -> Any:
    server = Server(INCOMING)
    websocket = cls(scope(), server.receive, server.send)
    run(websocket.accept())
    return websocket


def by_subclass(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    return accepted(type(base)("Mine", (base,), {name: hook}))


def by_grandchild(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    parent = type(base)("Mine", (base,), {name: hook})
    return accepted(type(base)("Grandchild", (parent,), {}))


def by_mixin(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    mixin = type("Mixin", (), {name: hook})
    return accepted(type(base)("Mixed", (mixin, base), {}))


def by_protocol(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    protocol = new_class("Hooked", (Protocol,), exec_body=lambda body: body.update({name: hook}))
    return accepted(new_class("Mixed", (protocol, base)))


def on_the_class(base: Any, name: str, hook: Hook, stack: ExitStack) -> Any:
    websocket = accepted(base)
    stack.enter_context(mock.patch.object(base, name, hook))
    return websocket


def on_a_subclass(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    mine = type(base)("Mine", (base,), {})
    websocket = accepted(mine)
    setattr(mine, name, hook)
    return websocket


def on_a_class_above(base: Any, name: str, hook: Hook, stack: ExitStack) -> Any:
    websocket = accepted(type(base)("Mine", (base,), {}))
    stack.enter_context(mock.patch.object(base, name, hook))
    return websocket


def on_a_mixin(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    mixin = type("Mixin", (), {})
    websocket = accepted(type(base)("Mixed", (mixin, base), {}))
    setattr(mixin, name, hook)
    return websocket


def by_bases(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    plain, hooked = type("Plain", (), {}), type("Hooked", (), {name: hook})
    mixed = type(base)("Mixed", (plain, base), {})
    websocket = accepted(mixed)
    mixed.__bases__ = (hooked, base)
    return websocket


def by_class(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    websocket = accepted(base)
    websocket.__class__ = type(base)("Mine", (base,), {name: hook})
    return websocket


def on_the_instance(base: Any, name: str, hook: Hook, stack: ExitStack) -> Any:
    websocket = accepted(base)
    stack.enter_context(mock.patch.object(websocket, name, partial(hook, websocket)))
    return websocket


def on_the_instance_before_the_accept(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    server = Server(INCOMING)
    websocket = base(scope(), server.receive, server.send)
    setattr(websocket, name, partial(hook, websocket))
    run(websocket.accept())
    return websocket


def in_an_init_of_its_own(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    def init(self: Any, *args: Any) -> None:
        setattr(self, name, partial(hook, self))
        base.__init__(self, *args)

    return accepted(type(base)("Mine", (base,), {"__init__": init}))


def on_the_instance_as_a_method(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    websocket = accepted(base)
    setattr(websocket, name, hook.__get__(websocket))
    return websocket


def on_an_instance_whose_states_were_set(base: Any, name: str, hook: Hook, _: ExitStack) -> Any:
    server = Server(INCOMING[1:])
    websocket = base(scope(), server.receive, server.send)
    setattr(websocket, name, partial(hook, websocket))
    state = type(websocket.client_state)
    websocket.client_state = websocket.application_state = state.CONNECTED
    return websocket


WAYS: list[Way] = [
    by_subclass,
    by_grandchild,
    by_mixin,
    by_protocol,
    on_the_class,
    on_a_subclass,
    on_a_class_above,
    on_a_mixin,
    by_bases,
    by_class,
    on_the_instance,
    on_the_instance_before_the_accept,
    in_an_init_of_its_own,
    on_the_instance_as_a_method,
    on_an_instance_whose_states_were_set,
]
LATER_ON_A_CLASS: list[Way] = [
    on_the_class,
    on_a_subclass,
    on_a_class_above,
    on_a_mixin,
    by_bases,
]


@pytest.mark.parametrize("way", WAYS)
def test_every_method_sends_through_a_replaced_send(base: Any, way: Way) -> None:
    seen: list[str] = []
    send = base.send

    async def hook(self: Any, message: Message) -> None:
        seen.append(message["type"])
        await send(self, message)

    async def use(websocket: Any) -> None:
        await websocket.send_text("x")
        await websocket.send_bytes(b"x")
        await websocket.send_json(1)
        await websocket.send_json(1, "binary")
        await websocket.close()

    with ExitStack() as stack:
        websocket = way(base, "send", hook, stack)
        seen.clear()
        run(use(websocket))

    assert seen == [*["websocket.send"] * 4, "websocket.close"]


async def receive_all(websocket: Any) -> list[Any]:
    got = [
        await websocket.receive_text(),
        await websocket.receive_bytes(),
        await websocket.receive_json(),
        await websocket.receive_json("binary"),
        await anext(websocket.iter_text()),
        await anext(websocket.iter_bytes()),
        await anext(websocket.iter_json()),
    ]
    try:
        await websocket.receive_text()
    except (wsfsm.WebSocketDisconnect, starlette.websockets.WebSocketDisconnect) as error:
        got.append(error.code)
    return got


RECEIVED = ["hello", b"\x00\xff", 1, 1, "hello", b"\x00\xff", 1, 4001]
SEEN = [*["websocket.receive"] * 7, "websocket.disconnect"]


@pytest.mark.parametrize("way", WAYS)
def test_every_method_receives_through_a_replaced_receive(base: Any, way: Way) -> None:
    seen: list[str] = []
    receive = base.receive

    async def hook(self: Any) -> Message:
        message: Message = await receive(self)
        seen.append(message["type"])
        return message

    with ExitStack() as stack:
        websocket = way(base, "receive", hook, stack)
        seen.clear()
        assert run(receive_all(websocket)) == RECEIVED

    assert seen == SEEN


def watched_disconnects(base: Any, way: Way) -> list[str]:
    """What a stand-in for _raise_on_disconnect sees of what is received."""
    seen: list[str] = []
    raise_on_disconnect = base._raise_on_disconnect

    def hook(self: Any, message: Message) -> None:
        seen.append(message["type"])
        raise_on_disconnect(self, message)

    with ExitStack() as stack:
        websocket = way(base, "_raise_on_disconnect", hook, stack)
        assert run(receive_all(websocket)) == RECEIVED
    return seen


@pytest.mark.parametrize("way", [way for way in WAYS if way not in LATER_ON_A_CLASS])
def test_every_message_is_checked_by_a_replaced_raise_on_disconnect(base: Any, way: Way) -> None:
    assert watched_disconnects(base, way) == SEEN


@pytest.mark.parametrize("way", LATER_ON_A_CLASS)
def test_disconnect_is_checked_by_a_raise_on_disconnect_replaced_at_any_time(
    base: Any, way: Way
) -> None:
    assert watched_disconnects(base, way)[-1] == "websocket.disconnect"


class TestHooks:
    def test_hook_does_not_affect_other_connections(self) -> None:
        class Other(wsfsm.WebSocket[Any]):
            pass

        websocket = accepted(wsfsm.WebSocket)
        joint = websocket._joint
        with mock.patch.object(Other, "send"), mock.patch.object(Other, "receive"):
            accepted(wsfsm.WebSocket).send = mock.AsyncMock()
            assert websocket._joint is joint
            assert accepted(wsfsm.WebSocket)._joint is joint

    def test_mock_of_an_open_connection_catches_sends_until_it_is_removed(self) -> None:
        server = Server([CONNECT])
        websocket = wsfsm.WebSocket[Any](scope(), server.receive, server.send)
        run(websocket.accept())

        with mock.patch.object(websocket, "send", mock.AsyncMock()) as send:
            run(websocket.send_text("x"))
        run(websocket.send_text("again"))

        assert send.await_args_list == [mock.call({"type": "websocket.send", "text": "x"})]
        assert [message.get("text") for message in server.sent] == [None, "again"]

    def test_hook_set_during_a_receive_is_called_with_its_message(self) -> None:
        seen: list[Message] = []

        async def scenario() -> str:
            queue: asyncio.Queue[Message] = asyncio.Queue()
            queue.put_nowait(CONNECT)
            websocket = wsfsm.WebSocket[Any](scope(), queue.get, Server().send)
            await websocket.accept()
            waiting = asyncio.create_task(websocket.receive_text())
            await asyncio.sleep(0)
            websocket._raise_on_disconnect = seen.append  # type: ignore[method-assign, assignment]
            queue.put_nowait(TEXT)
            return await waiting

        assert asyncio.run(scenario()) == "hello"
        assert seen == [TEXT]

    @pytest.mark.parametrize("accepted_before", [False, True])
    def test_send_of_another_connection_sends_there(self, base: Any, accepted_before: bool) -> None:
        mine, theirs = Server([CONNECT]), Server([CONNECT])
        websocket, other = (base(scope(), s.receive, s.send) for s in (mine, theirs))
        run(other.accept())
        if accepted_before:
            run(websocket.accept())
            websocket.send = other.send
        else:
            websocket.send = other.send
            websocket.client_state = websocket.application_state = other.client_state
        del mine.sent[:], theirs.sent[:]

        run(websocket.send_text("x"))

        assert (mine.sent, theirs.sent) == ([], [{"type": "websocket.send", "text": "x"}])

    def test_copy_has_the_hooks_of_the_original(self) -> None:
        server = Server([CONNECT])
        websocket = wsfsm.WebSocket[Any](scope(), server.receive, server.send)
        run(websocket.accept())
        websocket.send = send = mock.AsyncMock()  # type: ignore[method-assign]

        run(copy.copy(websocket).send_text("x"))

        assert send.await_count == 1

    def test_raise_on_disconnect_can_be_called_by_applications(self, base: Any) -> None:
        websocket = accepted(base)
        websocket._raise_on_disconnect(TEXT)

        with pytest.raises(Exception) as caught:  # noqa: PT011 - of either library
            websocket._raise_on_disconnect(BYE)
        assert (caught.value.code, caught.value.reason) == (4001, "bye")  # type: ignore[attr-defined]


class TestBases:
    """The class has the metaclass of Starlette's, so that it can be combined with as much."""

    def test_metaclass_is_that_of_starlettes_class(self) -> None:
        assert type(starlette.websockets.WebSocket) is ABCMeta
        assert type(wsfsm.WebSocket) is ABCMeta

    def test_protocol_can_be_a_base(self, base: Any) -> None:
        class Channel(Protocol):
            async def send_text(self, data: str) -> None: ...

        for bases in ((base, Channel), (Channel, base)):
            cls = new_class("Mine", bases)
            websocket = cls(scope(), None, None)
            assert isinstance(websocket, base)

    def test_base_can_have_a_metaclass_derived_from_abcmeta(self, base: Any) -> None:
        class Registry(ABCMeta):
            pass

        class Plugin(metaclass=Registry):
            pass

        assert type(new_class("Mine", (base, Plugin))) is Registry

    def test_abstract_method_must_be_defined(self, base: Any) -> None:
        class Handler(ABC):
            @abstractmethod
            async def handle(self) -> None: ...

        with pytest.raises(TypeError, match="abstract"):
            new_class("Mine", (base, Handler))(scope(), None, None)
