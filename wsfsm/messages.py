"""The ASGI WebSocket messages: one record each, and typed dictionaries for raw ones.

Of the HTTP & WebSocket ASGI Message Format 2.5 and its extension "Websocket Denial Response":

========================  =================================  ===================================
who passes it             `type`                             record
========================  =================================  ===================================
server, to application    ``websocket.connect``              `Connect`
server, to application    ``websocket.receive``              `Receive`
server, to application    ``websocket.disconnect``           `Disconnect`
application, to server    ``websocket.accept``               `Accept`
application, to server    ``websocket.send``                 `Send`
application, to server    ``websocket.close``                `Close`
application, to server    ``websocket.http.response.start``  `ResponseStart`
application, to server    ``websocket.http.response.body``   `ResponseBody`
========================  =================================  ===================================

A record that exists is well-typed: whether it is built directly or by `from_message`, the same
validators run, and raise `MalformedMessage`. Only types are checked here. Whether a close code, header
or reason is valid on the wire is checked by the server.

What the specification leaves open, or servers and applications take differently:

- None is the same as missing for every key of a message, and gives the default. Of the keys
  that the specification requires, ``status`` has no default; ``code`` of Disconnect has 1005,
  as there are servers that leave it out or None.
- Keys that the specification does not name are ignored.
- A byte string is `bytes`. `bytearray` and `memoryview` are refused: a server may or may not
  take them, and they can change after they were checked.
- A bool is not an int.
- ``headers`` may be any iterable of two-item iterables. An iterator is used up by being read:
  who passes such a message on should pass the record's `to_message()` instead. What an
  iterator raises is passed on, except for a TypeError, which makes the headers malformed.
- `to_message()` gives a server no key of a later version that says nothing (``headers`` of
  Accept, of 2.1; ``reason`` of Close, of 2.3), and every key of the denial response, as there
  are servers that look all of them up. An application always gets ``code`` and ``reason``.
  Headers are given as a new list, for middleware that appends to it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, get_args

import attrs

from wsfsm._text import describe
from wsfsm.exceptions import MalformedMessage
from wsfsm.types import (
    ByteString,
    WebSocketAcceptEvent,
    WebSocketCloseEvent,
    WebSocketConnectEvent,
    WebSocketDisconnectEvent,
    WebSocketReceivable,
    WebSocketReceiveEvent,
    WebSocketResponseBodyEvent,
    WebSocketResponseStartEvent,
    WebSocketSendable,
    WebSocketSendEvent,
)

__all__ = [
    "MESSAGES",
    "Accept",
    "AnyRecord",
    "Close",
    "Connect",
    "Disconnect",
    "Receive",
    "ResponseBody",
    "ResponseStart",
    "Send",
    "WebSocketAcceptEvent",
    "WebSocketCloseEvent",
    "WebSocketConnectEvent",
    "WebSocketDisconnectEvent",
    "WebSocketReceivable",
    "WebSocketReceiveEvent",
    "WebSocketResponseBodyEvent",
    "WebSocketResponseStartEvent",
    "WebSocketSendEvent",
    "WebSocketSendable",
    "from_message",
    "type_of",
]

# ---------------------------------------------------------------- rules


def _malformed(where: str, key: str, text: str, message: object = None) -> MalformedMessage:
    return MalformedMessage(f"{where}: {text}", key=key, message=message)


def _got(value: object) -> str:
    return f"got {describe(value)}"


@attrs.frozen
class _Is:
    """The rule that a value is of one of some types, as the validator of a key.

    Attributes:
        expected: The types in words.
        kinds: The types.
    """

    expected: str
    kinds: tuple[type, ...]

    def __call__(self, record: "_Record", key: "attrs.Attribute[Any]", value: object) -> None:
        # a bool is an int for Python, and not for ASGI
        if not isinstance(value, self.kinds) or (type(value) is bool and bool not in self.kinds):
            text = f'"{key.name}" must be {self.expected}, {_got(value)}'
            raise _malformed(record.type, key.name, text)


_INT = _Is("an int", (int,))
_BOOL = _Is("a bool", (bool,))
_STR = _Is("a str", (str,))
_BYTES = _Is("bytes", (bytes,))
_STR_OR_NONE = _Is("a str or None", (str, NoneType))
_BYTES_OR_NONE = _Is("bytes or None", (bytes, NoneType))


def _tuples(headers: Iterable[Iterable[bytes]]) -> Any:
    try:
        return tuple(map(tuple, headers))
    except TypeError:
        return headers  # for the validator to refuse


def _is_pair(pair: object) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(p, bytes) for p in pair)


def _are_pairs(record: "_Record", key: "attrs.Attribute[Any]", headers: object) -> None:
    pairs = headers if isinstance(headers, tuple) else (headers,)
    for pair in pairs:
        if not _is_pair(pair):
            text = f'"{key.name}" must be pairs of bytes, {_got(pair)}'
            raise _malformed(record.type, key.name, text)


def type_of(message: Mapping[str, Any], types: Iterable[str]) -> str:
    """The type of a message.

    Raises:
        MalformedMessage: `message` is not a mapping, or its type is none of `types`.
    """
    where = "ASGI message"
    if not isinstance(message, Mapping):
        raise _malformed(where, "type", f"must be a mapping, {_got(message)}", message)
    if "type" not in message:
        raise _malformed(where, "type", '"type" is missing', message)
    kind = message["type"]
    if not isinstance(kind, str) or kind not in types:
        text = f'"type" must be {" or ".join(types)}, {_got(kind)}'
        raise _malformed(where, "type", text, message)
    return kind


# ---------------------------------------------------------------- records


@attrs.frozen
class _Record:
    type: ClassVar[str]

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read a message of this type; what it leaves out, or gives as None, gets its default.

        Raises:
            MalformedMessage: `message` is not a mapping, is of another type, lacks a required
                key, or has a key of the wrong type.
        """
        type_of(message, (cls.type,))
        values = {}
        for key in attrs.fields(cls):
            value = message.get(key.name)
            if value is not None:
                values[key.name] = value
            elif key.default is attrs.NOTHING:
                raise _malformed(cls.type, key.name, f'"{key.name}" is missing or None', message)
        try:
            return cls(**values)
        except MalformedMessage as error:
            error.message = message
            raise


@attrs.frozen
class _Data(_Record):
    text: str | None = attrs.field(default=None, validator=_STR_OR_NONE)
    bytes: ByteString | None = attrs.field(default=None, validator=_BYTES_OR_NONE)

    def __attrs_post_init__(self) -> None:
        if (self.text is None) == (self.bytes is None):
            came = "neither" if self.text is None else "both"
            text = f'exactly one of "bytes" and "text" must be given, got {came}'
            raise _malformed(self.type, "bytes", text)


@attrs.frozen
class Connect(_Record):
    """A client asks for the connection (ASGI WebSocket 2.5, Connect)."""

    type: ClassVar[Literal["websocket.connect"]] = "websocket.connect"

    def to_message(self) -> WebSocketConnectEvent:
        """The message as a new dictionary."""
        return {"type": self.type}


@attrs.frozen
class Receive(_Data):
    """The client has sent a message (ASGI WebSocket 2.5, Receive).

    Attributes:
        text: Payload of a text message, else None.
        bytes: Payload of a binary message, else None.
    """

    type: ClassVar[Literal["websocket.receive"]] = "websocket.receive"

    def to_message(self) -> WebSocketReceiveEvent:
        """The message as a new dictionary, which has only the key that is not None."""
        if self.text is None:
            return {"type": self.type, "bytes": self.bytes}
        return {"type": self.type, "text": self.text}


@attrs.frozen
class Disconnect(_Record):
    """The connection is over (ASGI WebSocket 2.5, Disconnect).

    Attributes:
        code: Close code (RFC 6455 7.4.1).
        reason: Close reason.
    """

    type: ClassVar[Literal["websocket.disconnect"]] = "websocket.disconnect"
    code: int = attrs.field(default=1005, validator=_INT)
    reason: str = attrs.field(default="", validator=_STR)

    def to_message(self) -> WebSocketDisconnectEvent:
        """The message as a new dictionary, which has all keys."""
        return {"type": self.type, "code": self.code, "reason": self.reason}


@attrs.frozen
class Accept(_Record):
    """The application accepts the connection (ASGI WebSocket 2.5, Accept).

    Attributes:
        subprotocol: The subprotocol that was chosen, else None.
        headers: Names and values of the headers of the handshake response.
    """

    type: ClassVar[Literal["websocket.accept"]] = "websocket.accept"
    subprotocol: str | None = attrs.field(default=None, validator=_STR_OR_NONE)
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(
        default=(), converter=_tuples, validator=_are_pairs
    )

    def to_message(self) -> WebSocketAcceptEvent:
        """The message as a new dictionary, which has the keys that say something."""
        message: WebSocketAcceptEvent = {"type": self.type}
        if self.subprotocol is not None:
            message["subprotocol"] = self.subprotocol
        if self.headers:
            message["headers"] = list(self.headers)
        return message


@attrs.frozen
class Send(_Data):
    """The application sends a message (ASGI WebSocket 2.5, Send).

    Attributes:
        text: Payload of a text message, else None.
        bytes: Payload of a binary message, else None.
    """

    type: ClassVar[Literal["websocket.send"]] = "websocket.send"

    def to_message(self) -> WebSocketSendEvent:
        """The message as a new dictionary, which has only the key that is not None."""
        if self.text is None:
            return {"type": self.type, "bytes": self.bytes}
        return {"type": self.type, "text": self.text}


@attrs.frozen
class Close(_Record):
    """The application closes or rejects the connection (ASGI WebSocket 2.5, Close).

    Attributes:
        code: Close code (RFC 6455 7.4.1).
        reason: Close reason.
    """

    type: ClassVar[Literal["websocket.close"]] = "websocket.close"
    code: int = attrs.field(default=1000, validator=_INT)
    reason: str = attrs.field(default="", validator=_STR)

    def to_message(self) -> WebSocketCloseEvent:
        """The message as a new dictionary, which has `reason` only if that is not empty."""
        message: WebSocketCloseEvent = {"type": self.type, "code": self.code}
        if self.reason:
            message["reason"] = self.reason
        return message


@attrs.frozen
class ResponseStart(_Record):
    """The application begins to reject by an HTTP response ("Websocket Denial Response").

    Attributes:
        status: HTTP status code.
        headers: Names and values of the headers of the response.
    """

    type: ClassVar[Literal["websocket.http.response.start"]] = "websocket.http.response.start"
    status: int = attrs.field(validator=_INT)
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(
        default=(), converter=_tuples, validator=_are_pairs
    )

    def to_message(self) -> WebSocketResponseStartEvent:
        """The message as a new dictionary, which has all keys."""
        return {"type": self.type, "status": self.status, "headers": list(self.headers)}


@attrs.frozen
class ResponseBody(_Record):
    """The application goes on with its HTTP response ("Websocket Denial Response").

    Attributes:
        body: A part of the body, or all of it.
        more_body: Whether another part follows.
    """

    type: ClassVar[Literal["websocket.http.response.body"]] = "websocket.http.response.body"
    body: bytes = attrs.field(default=b"", validator=_BYTES)
    more_body: bool = attrs.field(default=False, validator=_BOOL)

    def to_message(self) -> WebSocketResponseBodyEvent:
        """The message as a new dictionary, which has all keys."""
        return {"type": self.type, "body": self.body, "more_body": self.more_body}


AnyRecord: TypeAlias = (
    Connect | Receive | Disconnect | Accept | Send | Close | ResponseStart | ResponseBody
)
"""A record of any type; `isinstance` takes it too."""

MESSAGES: Final[Mapping[str, type[AnyRecord]]] = MappingProxyType(
    {record.type: record for record in get_args(AnyRecord)}
)
"""The record class of every message type."""


def from_message(message: Mapping[str, Any]) -> AnyRecord:
    """Read a message of any type.

    Raises:
        MalformedMessage: `message` is not a mapping, is of a type that `MESSAGES` does not list, lacks
            a required key, or has a key of the wrong type.
    """
    return MESSAGES[type_of(message, MESSAGES)].from_message(message)
