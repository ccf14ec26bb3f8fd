"""The ASGI WebSocket messages: a record for each, and typed dictionaries for raw messages.

They are those of the HTTP & WebSocket ASGI Message Format 2.5 and of its extension "Websocket Denial
Response":

========================  =================================  ===================================
direction                 `type`                             record
========================  =================================  ===================================
server to application     ``websocket.connect``              `Connect`
server to application     ``websocket.receive``              `Receive`
server to application     ``websocket.disconnect``           `Disconnect`
application to server     ``websocket.accept``               `Accept`
application to server     ``websocket.send``                 `Send`
application to server     ``websocket.close``                `Close`
application to server     ``websocket.http.response.start``  `ResponseStart`
application to server     ``websocket.http.response.body``   `ResponseBody`
========================  =================================  ===================================

A record is always well-typed, because the same validators run whether you build it directly or by
`from_message`; they raise `MalformedMessage`. Only types are checked here. Whether a close code, header
or reason is valid on the wire is checked by the server.

The specification leaves some points open, and servers and applications differ in them. Here they are
decided as follows:

- For every key of a message, None means the same as a missing key, and gives the default. ``status``
  has no default, because the specification requires it. ``code`` of Disconnect is required too, and
  still has the default 1005, because some servers omit it or pass None.
- Keys that the specification does not name are ignored.
- A byte string is `bytes`. `bytearray` and `memoryview` are refused, because not every server accepts
  them, and because they can change after the check.
- A bool is not an int.
- ``headers`` may be any iterable of two-item iterables. If it is an iterator, reading it exhausts it:
  pass on the record's `to_message()` and not the original message. An exception of the iterator
  propagates, except for TypeError, which means that the headers are malformed.
- `to_message()` of a message for a server omits keys of later versions that have their default
  (``headers`` of Accept, added in 2.1; ``reason`` of Close, added in 2.3). It has every key of the
  denial response, because some servers look all of them up. A message for an application always has
  ``code`` and ``reason``. Headers are a new list, so that middleware can append to it.
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
    """A validator: the value of a key has one of several types.

    Attributes:
        expected: The types, as the error names them.
        kinds: The types.
    """

    expected: str
    kinds: tuple[type, ...]

    def __call__(self, record: "_Record", key: "attrs.Attribute[Any]", value: object) -> None:
        # in Python a bool is an int, but in ASGI it is not
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
        return headers  # the validator refuses it


def _is_pair(pair: object) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(p, bytes) for p in pair)


def _are_pairs(record: "_Record", key: "attrs.Attribute[Any]", headers: object) -> None:
    pairs = headers if isinstance(headers, tuple) else (headers,)
    for pair in pairs:
        if not _is_pair(pair):
            text = f'"{key.name}" must be pairs of bytes, {_got(pair)}'
            raise _malformed(record.type, key.name, text)


def type_of(message: Mapping[str, Any], types: Iterable[str]) -> str:
    """Return the type of a message.

    Raises:
        MalformedMessage: `message` is not a mapping, or its type is not one of `types`.
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
        """Read a message of this type. A key that is missing or None gets its default.

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
            given = "neither" if self.text is None else "both"
            text = f'exactly one of "bytes" and "text" must be given, got {given}'
            raise _malformed(self.type, "bytes", text)


@attrs.frozen
class Connect(_Record):
    """The client opens a connection (ASGI WebSocket 2.5, Connect)."""

    type: ClassVar[Literal["websocket.connect"]] = "websocket.connect"

    def to_message(self) -> WebSocketConnectEvent:
        """Return the message as a new dictionary."""
        return {"type": self.type}


@attrs.frozen
class Receive(_Data):
    """The client has sent a message (ASGI WebSocket 2.5, Receive).

    Attributes:
        text: Payload of a text message; otherwise None.
        bytes: Payload of a binary message; otherwise None.
    """

    type: ClassVar[Literal["websocket.receive"]] = "websocket.receive"

    def to_message(self) -> WebSocketReceiveEvent:
        """Return the message as a new dictionary, with only the key that is not None."""
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
        """Return the message as a new dictionary, with all keys."""
        return {"type": self.type, "code": self.code, "reason": self.reason}


@attrs.frozen
class Accept(_Record):
    """The application accepts the connection (ASGI WebSocket 2.5, Accept).

    Attributes:
        subprotocol: The chosen subprotocol, or None.
        headers: Names and values of the headers of the handshake response.
    """

    type: ClassVar[Literal["websocket.accept"]] = "websocket.accept"
    subprotocol: str | None = attrs.field(default=None, validator=_STR_OR_NONE)
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(
        default=(), converter=_tuples, validator=_are_pairs
    )

    def to_message(self) -> WebSocketAcceptEvent:
        """Return the message as a new dictionary, without keys that have their default."""
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
        text: Payload of a text message; otherwise None.
        bytes: Payload of a binary message; otherwise None.
    """

    type: ClassVar[Literal["websocket.send"]] = "websocket.send"

    def to_message(self) -> WebSocketSendEvent:
        """Return the message as a new dictionary, with only the key that is not None."""
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
        """Return the message as a new dictionary, with `reason` only if it is not empty."""
        message: WebSocketCloseEvent = {"type": self.type, "code": self.code}
        if self.reason:
            message["reason"] = self.reason
        return message


@attrs.frozen
class ResponseStart(_Record):
    """The application starts an HTTP response that rejects the handshake.

    The response is that of the ASGI extension "Websocket Denial Response".

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
        """Return the message as a new dictionary, with all keys."""
        return {"type": self.type, "status": self.status, "headers": list(self.headers)}


@attrs.frozen
class ResponseBody(_Record):
    """The application sends a part of the body of its denial response.

    Attributes:
        body: A part of the body, or all of it.
        more_body: Whether another part follows.
    """

    type: ClassVar[Literal["websocket.http.response.body"]] = "websocket.http.response.body"
    body: bytes = attrs.field(default=b"", validator=_BYTES)
    more_body: bool = attrs.field(default=False, validator=_BOOL)

    def to_message(self) -> WebSocketResponseBodyEvent:
        """Return the message as a new dictionary, with all keys."""
        return {"type": self.type, "body": self.body, "more_body": self.more_body}


AnyRecord: TypeAlias = (
    Connect | Receive | Disconnect | Accept | Send | Close | ResponseStart | ResponseBody
)
"""A record of any type; you can use it with `isinstance`."""

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
