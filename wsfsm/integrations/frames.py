"""Frames (RFC 6455 5) and their compression (RFC 7692): bytes in, events out, and back.

`FrameReader` turns bytes into events, `data_frame` and `control_frame` turn commands of the core into
bytes, and `negotiate` negotiates permessage-deflate.
"""

from collections.abc import Sequence
from typing import Final

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

from wsfsm.integrations._deflate import negotiate
from wsfsm.integrations._events import Close, Failure, FrameEvent, Ping, Pong
from wsfsm.integrations._frame_reader import FrameReader
from wsfsm.server.commands import SendClose, SendPing, SendPong

__all__ = [
    "Close",
    "Failure",
    "FrameEvent",
    "FrameReader",
    "Ping",
    "Pong",
    "control_frame",
    "data_frame",
    "long_frame_head",
    "negotiate",
]

_FIN: Final = 0x80
_RSV1: Final = 0x40
_TEXT: Final = _FIN | Opcode.TEXT
_BINARY: Final = _FIN | Opcode.BINARY
_PING: Final = _FIN | Opcode.PING
_PONG: Final = _FIN | Opcode.PONG
_CLOSE: Final = _FIN | Opcode.CLOSE
_CONTROL_SIZE: Final = 125
_TWO_BYTES: Final = 126  # the length is in the next two bytes
_EIGHT_BYTES: Final = 127  # the length is in the next eight bytes


def data_frame(payload: bytes, text: bool, extensions: Sequence[Extension] = ()) -> bytes:  # noqa: FBT001 - twice as fast as a keyword
    """Encode a data message as one frame, ready to write.

    Args:
        payload: The payload; a text in UTF-8.
        text: Whether the message is a text.
        extensions: The negotiated extensions.
    """
    first = _TEXT if text else _BINARY
    if extensions:
        [extension] = extensions
        frame = extension.encode(Frame(Opcode.TEXT if text else Opcode.BINARY, payload))
        payload = frame.data  # type: ignore[assignment]  # a memoryview can be added to bytes, too
        first |= _RSV1
    length = len(payload)
    if length < _TWO_BYTES:
        return bytes((first, length)) + payload
    if length < 2**16:
        return bytes((first, _TWO_BYTES, length >> 8, length & 0xFF)) + payload
    return _long_head(first, length) + payload


def long_frame_head(length: int, text: bool) -> bytes:  # noqa: FBT001 - as above
    """Encode the head of a frame with a payload of 64 KiB or more, which can be written after it uncopied.

    Args:
        length: Bytes of the payload.
        text: Whether the message is a text.
    """
    return _long_head(_TEXT if text else _BINARY, length)


def _long_head(first: int, length: int) -> bytes:
    return bytes((first, _EIGHT_BYTES)) + length.to_bytes(8, "big")


def control_frame(command: SendPing | SendPong | SendClose) -> bytes:
    """Encode a control frame, ready to write.

    Raises:
        ValueError: The payload has more than 125 bytes (RFC 6455 5.5).
    """
    if isinstance(command, SendClose):
        first = _CLOSE
        payload = b""
        if command.code != 1005:  # which means a frame without a code
            payload = command.code.to_bytes(2, "big") + command.reason.encode()
    else:
        first, payload = _PING if isinstance(command, SendPing) else _PONG, command.payload
    if len(payload) > _CONTROL_SIZE:
        raise ValueError(f"the payload of {command} must have at most {_CONTROL_SIZE} bytes")
    return bytes((first, len(payload))) + payload
