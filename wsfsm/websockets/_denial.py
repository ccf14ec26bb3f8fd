"""Rejecting a connection before it is accepted: denial responses, and the check of the origin."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wsfsm.exceptions import explained
from wsfsm.messages import ResponseBody, ResponseStart
from wsfsm.origins import DENIAL, NOT_ALLOWED, AllowedOrigins, OriginPattern, log_refusal
from wsfsm.types import Message
from wsfsm.websockets import _errors
from wsfsm.websockets._turns import refuse

if TYPE_CHECKING:
    from wsfsm.websockets._sending import Sending

__all__ = ["HeadersLike", "Origins", "check_origin", "deny"]


_STATUSES: Final = range(200, 600)
_WITHOUT_BODY: Final = (204, 304)  # RFC 9110 15.3.5, 15.4.5

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[^\0\r\n]*")

HeadersLike = Mapping[str, str] | Iterable[tuple[bytes, bytes]]
Origins = AllowedOrigins | Iterable[str | OriginPattern]


async def deny(
    websocket: "Sending[Any]", status: int, headers: HeadersLike, body: str | bytes
) -> None:
    """Reject a connection, as `WebSocket.deny`."""
    try:
        start, payload = _response(status, headers, body)
    except (TypeError, ValueError) as error:
        await refuse(error)
    joint = websocket._joint  # noqa: SLF001 - this function is a part of it
    if start["type"] not in joint.on_send:  # a close would be legal once the connection is open
        await refuse(websocket._family.not_sent(joint, websocket._ended(), start["type"]))  # noqa: SLF001
    if DENIAL not in (websocket.scope.get("extensions") or ()):
        await websocket.close()
        return
    vars(websocket)["_unsent_body"] = payload  # for aclose(), if this call is given up in between
    await websocket.send(start)
    await websocket.send({"type": ResponseBody.type, "body": payload, "more_body": False})


def _response(status: object, headers: HeadersLike, body: object) -> tuple[Message, bytes]:
    """Check the arguments of `deny`, and make its first message and the payload."""
    if not isinstance(status, int) or type(status) is bool:
        raise _errors.wrong_type("deny", "status", status, "int")
    if status not in _STATUSES:
        raise explained(
            ValueError(f"deny(): 'status' must be from 200 to 599, got {status}; nothing was sent"),
            "wrong-argument",
        )
    if not isinstance(body, (str, bytes)):
        raise _errors.wrong_type("deny", "body", body, "str or bytes")
    if body and status in _WITHOUT_BODY:
        raise explained(
            ValueError(f"deny(): a response with status {status} has no body; nothing was sent"),
            "wrong-argument",
        )
    payload = body.encode("utf-8") if isinstance(body, str) else body
    pairs = _pairs(headers)
    for name, value in pairs:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise explained(
                ValueError(
                    f"deny(): no header can be {name!r}: {value!r} (RFC 9110 5.1, 5.5); nothing was sent"
                ),
                "wrong-argument",
            )
    names = {name.lower() for name, _ in pairs}
    if isinstance(body, str) and body and b"content-type" not in names:
        pairs.append((b"content-type", b"text/plain; charset=utf-8"))
    if b"content-length" not in names and status not in _WITHOUT_BODY:
        pairs.append((b"content-length", b"%d" % len(payload)))
    return {"type": ResponseStart.type, "status": int(status), "headers": pairs}, payload


def _pairs(headers: HeadersLike) -> list[tuple[bytes, bytes]]:
    if not isinstance(headers, Mapping):
        return _errors.header_pairs("deny", headers)
    try:
        return [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()  # several of one name, if it is a `Headers`
        ]
    except (AttributeError, UnicodeEncodeError):
        raise _errors.wrong_type(
            "deny", "headers", headers, "a mapping of str in latin-1, or pairs of bytes"
        ) from None


async def check_origin(websocket: "Sending[Any]", allowed: Origins) -> None:
    """Deny a connection whose origin is not allowed.

    Raises:
        WebSocketDisconnect: It was denied.
        ValueError, TypeError: as `AllowedOrigins`.
    """
    if not isinstance(allowed, AllowedOrigins):
        allowed = AllowedOrigins(allowed)
    refusal = allowed.refusal(websocket.scope)
    if refusal is None:
        return
    log_refusal(websocket.scope, refusal)
    await deny(websocket, 403, (), NOT_ALLOWED)
    error = websocket._family.disconnect(1006)  # noqa: SLF001 - it is a part of it
    error.topic = "origin"
    error.add_note(f"{refusal} The connection was denied with HTTP 403.")
    try:
        raise error
    finally:
        del error  # it has this frame in its traceback
