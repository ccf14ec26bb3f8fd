"""The rules for the bytes of a frame: what breaks them ends the connection."""

from typing import Final

from wsfsm._closing import code_fault
from wsfsm.integrations._events import Close

__all__ = [
    "BINARY",
    "CLOSE",
    "FIN",
    "MASKED",
    "PING",
    "PONG",
    "RSV1",
    "TEXT",
    "TWO_BYTES",
    "Broken",
    "check_head",
    "long_length",
    "read_close",
]

CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
FIN: Final = 0x80
RSV1: Final = 0x40
MASKED: Final = 0x80
TWO_BYTES: Final = 126  # the length is in the next two bytes; 127: in the next eight
_OPCODES: Final = frozenset({CONT, TEXT, BINARY, CLOSE, PING, PONG})
_RESERVED: Final = 0x70
_CONTROL_SIZE: Final = 125  # bytes that a control frame may have (RFC 6455 5.5)


class Broken(Exception):
    """The bytes break the protocol or a limit. The arguments are the code and the reason of a `Failure`."""


def check_head(first: int, second: int, *, compresses: bool, continues: bool) -> None:
    """Check the first two bytes of a frame (RFC 6455 5.2, 5.4, 5.5).

    Args:
        first: The first byte.
        second: The second byte.
        compresses: Whether permessage-deflate is negotiated.
        continues: Whether a message has begun that is not complete.

    Raises:
        Broken: The frame breaks the protocol.
    """
    opcode = first & 0xF
    if opcode not in _OPCODES:
        raise Broken(1002, "invalid opcode")
    if second < MASKED:
        raise Broken(1002, "incorrect masking")
    # RFC 7692 6: only the first frame of a message has the mark of compression
    legal = RSV1 if compresses and CONT < opcode < CLOSE else 0
    if first & _RESERVED & ~legal:
        raise Broken(1002, "reserved bits must be 0")
    if opcode >= CLOSE:
        if first < FIN:
            raise Broken(1002, "fragmented control frame")
        if second - MASKED > _CONTROL_SIZE:
            raise Broken(1002, "control frame too long")
    elif (opcode == CONT) != continues:
        raise Broken(
            1002,
            "continuation frame without a message to continue"
            if opcode == CONT
            else "new message before the end of a fragmented one",
        )


def long_length(data: bytes) -> int:
    """Read a length of two or eight bytes (RFC 6455 5.2)."""
    length = int.from_bytes(data, "big")
    if not (TWO_BYTES if len(data) == 2 else 2**16) <= length < 2**63:
        raise Broken(1002, "length not minimally encoded")
    return length


def read_close(payload: bytes) -> Close:
    """Read the payload of a Close frame (RFC 6455 5.5.1, 7.4)."""
    if not payload:
        return Close(1005, "")
    if len(payload) == 1:
        raise Broken(1002, "close frame too short")
    code = int.from_bytes(payload[:2], "big")
    if code_fault(code):
        raise Broken(1002, "invalid status code")
    return Close(code, payload[2:].decode())
