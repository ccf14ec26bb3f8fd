"""Frames and requests of a client, made by hand so that they can be wrong."""

import os
import struct

from wsfsm.server import Policies, ServerConnection

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT_KEY = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3
HEADERS = (
    (b"host", b"127.0.0.1"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
)

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def request(
    *more: tuple[bytes, bytes],
    method: bytes = b"GET",
    target: bytes = b"/",
    version: bytes = b"1.1",
) -> bytes:
    """The bytes of a request for a WebSocket; headers of the same name take the place of ours."""
    named = {name.lower() for name, _ in more}
    headers = [*(pair for pair in HEADERS if pair[0] not in named), *more]
    lines = [b"%s %s HTTP/%s" % (method, target, version)]
    lines += [b"%s: %s" % pair for pair in headers]
    return b"\r\n".join([*lines, b"", b""])


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length_bytes: int | None = None,
) -> bytes:
    """The bytes of a frame (RFC 6455 5.2).

    Args:
        opcode: Opcode, or what is none.
        payload: Payload.
        fin: Whether it is the last of its message.
        rsv: The three reserved bits.
        masked: Whether it is masked, as a client's must be.
        length_bytes: How many bytes the extended length takes: 0, 2 or 8; None: the fewest.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 2**16 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head = struct.pack("!BB", fin << 7 | rsv << 4 | opcode, masked << 7 | short)
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame (RFC 6455 5.5.1)."""
    return struct.pack("!H", code) + reason.encode()


def opened(policies: Policies | None = None) -> ServerConnection:
    """A connection whose handshake is complete, and whose connect was received."""
    connection = ServerConnection(policies or Policies())
    connection.receive_request("GET", HEADERS)
    connection.next_message()
    connection.send({"type": "websocket.accept"})
    return connection
