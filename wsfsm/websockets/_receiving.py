"""Receiving messages and data, with the API of Starlette's class.

A message makes one trip: server's callable -> one look-up in a compiled row -> application. What is
legal is decided in `wsfsm.tables` alone; this module only asks.

Where data flows, it goes past `receive`, unless there is a hook; `wsfsm.websockets._states` says why
and how.
"""

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from inspect import getattr_static, signature
from typing import Any, Final, ParamSpec, TypeVar

from wsfsm._loops import current_loop
from wsfsm.exceptions import explained
from wsfsm.requests import HTTPConnection, StateT
from wsfsm.tables import AFTER_DISCONNECT, event_of
from wsfsm.tables.states import WebSocketState
from wsfsm.types import Message, Receive, ReceiveLike, ScopeLike, Send, SendLike
from wsfsm.websockets import _errors
from wsfsm.websockets._exclusive import CHECKED, ExclusiveReceive
from wsfsm.websockets._futures import COMPILED, KeptFutures
from wsfsm.websockets._iteration import Iteration
from wsfsm.websockets._joint import OPEN
from wsfsm.websockets._states import StateAttributes, set_joint
from wsfsm.websockets._turns import refuse

__all__ = ["RECEIVE", "Receiving", "decoded", "set_receive"]

P = ParamSpec("P")
T = TypeVar("T")
Data = TypeVar("Data", str, bytes, str | bytes)

# json.dumps() would make an encoder for each message
_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Receiving(StateAttributes[StateT]):
    """A connection from which messages are received."""

    __slots__ = ("_receive", "_send")
    _receive: Receive
    _send: Send
    json_dumps: Callable[[Any], str | bytes] = staticmethod(_encode)
    """Encodes the data of `send_json`; by default without spaces and without escaping.

    Set another function in the body of a subclass, define a method there, or set it on one connection.
    """
    json_loads: Callable[[str], Any] = staticmethod(json.loads)
    """Decodes the text of `receive_json`; as `json_dumps`, you can set it."""

    def __init__(self, scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
        try:
            kind = scope["type"]
        except KeyError:
            kind = None
        if kind != "websocket":
            raise explained(
                ValueError(f"WebSocket needs a scope of type 'websocket', got {kind!r}"), "scope"
            )
        # assignments would go through __setattr__, and cost several times as much
        _set_scope(self, scope)
        if type(receive) is COMPILED:
            receive = KeptFutures(receive)
        set_receive(self, receive if not CHECKED else ExclusiveReceive(receive))
        _set_send(self, send)
        set_joint(self, self._first)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("json_dumps", "json_loads"):
            function = getattr_static(cls, name)
            if _takes_the_object_too(function):
                setattr(cls, name, staticmethod(function))

    async def _within(
        self, seconds: float, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function of this class, and cancel it when the time is over.

        It is not looked up on the object, because an override may call it with a timeout.

        Raises:
            TypeError: `seconds` is not a number.
            TimeoutError: It took longer.
        """
        if not isinstance(seconds, (int, float)):
            expected = "a number of seconds or None"
            await refuse(_errors.wrong_type(call.__name__, "timeout", seconds, expected))
        results: list[T] = []

        async def run() -> None:
            results.append(await call(*args, **kwargs))

        if not await current_loop().finishes(run, seconds):
            raise explained(
                TimeoutError(
                    f"{call.__name__}() took longer than its timeout of {seconds:g} seconds\n"
                    f"{_errors.states(self._joint)}."
                ),
                "timeout",
            )
        return results[0]

    async def receive(self) -> Message:
        """Receive the next ASGI message, whatever it is.

        Raises:
            WebSocketDisconnected: The disconnect message has been received before.
            IllegalTransition: The server delivers a message that is not allowed now.
            MalformedMessage: The server delivers something that is not a message.
        """
        if not self._joint.on_receive:
            await refuse(self._family.no_more(self._joint, self._ended()))
        message = await self._receive()
        self._take(message)
        return message

    def _take(self, message: Message) -> None:
        joint = self._joint
        try:
            after = joint.on_receive[message["type"]]
        except (KeyError, TypeError):
            raise self._family.not_received(joint, self._ended(), event_of(message)) from None
        if after is not joint:
            if after.over and message["type"] == AFTER_DISCONNECT.event:
                self._end_by_client(message)
            self._enter(after)

    async def _receive_through_hooks(self) -> Message:
        """Receive data as Starlette does, through `receive` and `_raise_on_disconnect`."""
        if self._joint.application.state is not WebSocketState.CONNECTED:
            await refuse(self._family.not_open(self._joint, self._ended()))
        message = await self.receive()
        self._raise_on_disconnect(message)
        return message

    async def receive_text(self, timeout: float | None = None) -> str:
        """Receive a text message.

        Args:
            timeout: Seconds that it may take; None waits for ever. Nothing is lost by a timeout, and you
                can receive again.

        Raises:
            TimeoutError: No message arrived in time.
            WebSocketDisconnect: The connection ends now, with its code and reason.
            WebSocketDisconnected: The connection was not accepted yet, or is over; its
                attributes have the code and the reason.
            UnexpectedFrame: The message is not text; it is kept in the error, and the
                connection stays usable.
        """
        if timeout is not None:
            return await self._within(timeout, Receiving.receive_text, self)
        # receive_bytes begins alike: a function for both would cost 4 % of an echo, a coroutine 10 %
        if self._joint is OPEN and self.__class__.receive is RECEIVE:
            receive = self._receive
            message = await receive()
            try:
                after = self._joint.on_receive[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not OPEN:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_through_hooks()
        try:
            text: str | None = message["text"]
        except KeyError:
            text = None
        if not isinstance(text, str) or ("bytes" in message and message["bytes"] is not None):
            raise _errors.unexpected("text", message)
        return text

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        """Receive a binary message.

        Args:
            timeout: As in `receive_text`.

        Raises:
            TimeoutError: No message arrived in time.
            WebSocketDisconnect: The connection ends now, with its code and reason.
            WebSocketDisconnected: The connection was not accepted yet, or is over; its
                attributes have the code and the reason.
            UnexpectedFrame: The message is not binary; it is kept in the error, and the
                connection stays usable.
        """
        if timeout is not None:
            return await self._within(timeout, Receiving.receive_bytes, self)
        if self._joint is OPEN and self.__class__.receive is RECEIVE:
            receive = self._receive
            message = await receive()
            try:
                after = self._joint.on_receive[message["type"]]
            except (KeyError, TypeError):
                after = None
            if after is not OPEN:
                self._take(message)
                self._raise_on_disconnect(message)
        else:
            message = await self._receive_through_hooks()
        try:
            data: bytes | None = message["bytes"]
        except KeyError:
            data = None
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                raise _errors.unexpected("bytes", message)
            data = bytes(data)
        if "text" in message and message["text"] is not None:
            raise _errors.unexpected("bytes", message)
        return data

    async def receive_json(self, mode: str = "text", timeout: float | None = None) -> Any:
        """Receive a message and decode it as JSON, with `json_loads`.

        Args:
            mode: ``"text"`` or ``"binary"`` (UTF-8), the kind of message to expect.
            timeout: As in `receive_text`.

        Raises:
            RuntimeError: `mode` is neither.
            ValueError: The message is not JSON, and the connection stays usable. The error is that of
                `json_loads`, by default a `json.JSONDecodeError`; its attribute ``doc`` is the text. For a
                binary message that is not UTF-8 it is a `UnicodeDecodeError` with the bytes.
            TimeoutError, WebSocketDisconnect, WebSocketDisconnected, UnexpectedFrame: as `receive_text`.
        """
        if timeout is not None:
            return await self._within(timeout, Receiving.receive_json, self, mode)
        if mode == "text":
            text = await Receiving.receive_text(self)
        elif mode == "binary":
            text = decoded(_as_text, await Receiving.receive_bytes(self))
        else:
            await refuse(_errors.wrong_mode(mode))
        return decoded(self.json_loads, text)

    def iter_text(self) -> AsyncGenerator[str, None]:
        """Iterate over text messages until the connection ends.

        Nothing is left to be closed if you leave the loop early, and after another error than those below
        you can go on with the same iterator.

        Raises:
            WebSocketDisconnected: The connection was not accepted yet, or was over before.
            UnexpectedFrame: as `receive_text`.
        """
        return Iteration(self.receive_text, self._family.ends)

    def iter_bytes(self) -> AsyncGenerator[bytes, None]:
        """Iterate over binary messages until the connection ends; else as `iter_text`."""
        return Iteration(self.receive_bytes, self._family.ends)

    def iter_json(self) -> AsyncGenerator[Any, None]:
        """Iterate over JSON text messages until the connection ends; else as `iter_text`."""
        return Iteration(self.receive_json, self._family.ends)


def decoded(decode: Callable[[Data], T], data: Data) -> T:
    """Decode data; an error keeps them as its attribute ``doc``, as `json.JSONDecodeError` does."""
    try:
        return decode(data)
    except Exception as error:
        with contextlib.suppress(Exception):  # of an exception that is frozen
            if not hasattr(error, "doc"):
                error.doc = data  # type: ignore[attr-defined]  # it is there from now on
        raise


def _as_text(data: bytes) -> str:
    return data.decode("utf-8")


def _takes_the_object_too(function: Any) -> bool:
    """Whether a function of a class would get the object, too, though it is not written as a method."""
    if isinstance(function, staticmethod) or not callable(function):
        return False
    if not hasattr(type(function), "__get__"):
        return False
    try:
        names = [*signature(function).parameters]
    except ValueError:  # a compiled function may not have one
        return True
    return names[:1] != ["self"]


RECEIVE: Final = Receiving.receive
_set_scope: Final = vars(HTTPConnection)["scope"].__set__
set_receive: Final = vars(Receiving)["_receive"].__set__
_set_send: Final = vars(Receiving)["_send"].__set__
