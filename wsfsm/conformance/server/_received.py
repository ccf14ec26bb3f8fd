"""Parsing the frames of a server, and the extensions in its response, to observations."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["CLOSE", "OPCODES", "FrameParser", "parse_extensions"]

OPCODES: Final = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
CLOSE: Final = OPCODES["close"]
_NAMES: Final = {code: name for name, code in OPCODES.items()}
_COMPRESSED: Final = 4  # RSV1 (RFC 7692 6)
_TAIL: Final = b"\x00\x00\xff\xff"  # the bytes that a sender leaves out (RFC 7692 7.2.1)
_DEFLATE: Final = "permessage-deflate"
_WINDOWS: Final = frozenset(map(str, range(8, 16)))  # RFC 7692 7.1.2.1


def parse_extensions(values: Iterable[str]) -> dict[str, dict[str, str]]:
    """Parse the extensions of a response: the parameters of each by name ("" without a value).

    Args:
        values: Values of Sec-WebSocket-Extensions (RFC 6455 9.1).
    """
    found: dict[str, dict[str, str]] = {}
    for element in ",".join(values).split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if name:
            pairs = (parameter.partition("=") for parameter in parameters)
            found[name] = {key.strip(): text.strip(' \t"') for key, _, text in pairs}
    return found


class FrameParser:
    """Parses the frames of one connection, and inflates compressed messages."""

    def __init__(self) -> None:
        self._deflate: Mapping[str, str] | None = None
        self._stream: Any = None
        self._inside = False  # a compressed message

    def use_extensions(self, extensions: Mapping[str, Mapping[str, str]]) -> None:
        """Parse the next frames with these extensions."""
        self._deflate = extensions.get(_DEFLATE)

    def next_frame(self, buffer: bytearray) -> dict[str, Any] | None:
        """Remove the first frame from a buffer and return it; None if it is not complete."""
        if len(buffer) < 2:
            return None
        first, second = buffer[:2]
        extended = {126: 2, 127: 8}.get(second & 0x7F, 0)
        start = 2 + extended + (4 if second & 0x80 else 0)
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[2 : 2 + extended], "big") if extended else second & 0x7F
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        del buffer[: start + length]
        opcode, bits, fin = first & 0x0F, first >> 4 & 7, first >= 0x80
        seen: dict[str, Any] = {"opcode": _NAMES.get(opcode, opcode), "fin": fin}
        if second & 0x80:
            seen["masked"] = True
        if self._is_compressed(opcode, bits):
            bits &= ~_COMPRESSED
            seen["compressed"] = True
            payload = self._inflated(payload, seen, fin=fin)
        if bits:
            seen["rsv"] = bits
        return seen | _content(opcode, payload)

    def _is_compressed(self, opcode: int, bits: int) -> bool:
        """Whether a frame is part of a compressed message."""
        if self._deflate is None or opcode >= CLOSE:
            return False
        if opcode != OPCODES["continuation"]:
            self._inside = bool(bits & _COMPRESSED)
            return self._inside
        return self._inside and not bits & _COMPRESSED

    def _inflated(self, payload: bytes, seen: dict[str, Any], *, fin: bool) -> bytes:
        """Inflate the payload of a frame; an error is observed as `broken`."""
        agreed = self._deflate or {}
        if self._stream is None:
            bits = agreed.get("server_max_window_bits", "")
            self._stream = zlib.decompressobj(-int(bits) if bits in _WINDOWS else -15)
        try:
            data: bytes = self._stream.decompress(payload + _TAIL * fin)
            if self._stream.eof:  # after a block with BFINAL=1 (RFC 7692 7.2.3.4)
                self._stream = None
        except zlib.error as error:
            seen["broken"] = str(error)
            return payload
        if fin and "server_no_context_takeover" in agreed:
            self._stream = None
        return data


def _content(opcode: int, payload: bytes) -> dict[str, Any]:
    if opcode == CLOSE:
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
        reason = payload[2:].decode("utf-8", "replace")
        valid = reason.encode() == payload[2:]
        return {"code": code, "reason": reason, "length": len(payload), "valid": valid}
    if opcode == OPCODES["text"]:
        return {"text": payload.decode("utf-8", "replace")}
    return {"payload": payload}
