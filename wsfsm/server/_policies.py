"""The choices that the specifications leave to a server."""

import math
from collections.abc import Mapping
from contextlib import suppress
from types import NoneType
from typing import Any, Final, Literal, Self, get_args

import attrs
from attrs.validators import in_, optional

from wsfsm.exceptions import explained

__all__ = ["Policies"]

_NONE: Final = frozenset({"none", "off"})


def _wrong(text: str) -> ValueError:
    return explained(ValueError(text), "policy")


def _seconds(_: object, key: "attrs.Attribute[Any]", value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise _wrong(f"{key.name} must be a finite number of seconds above 0, got {value!r}")


def _size(_: object, key: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(f"{key.name} must be a whole number of bytes, 0 or more, got {value!r}")


def _status(_: object, key: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, int) or not 400 <= value <= 599:
        raise _wrong(f"{key.name} must be an HTTP status from 400 to 599, got {value!r}")


def _code(_: object, key: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, int) or value not in (1001, 1012, 1013):
        raise _wrong(
            f"{key.name} must be 1001 (going away), 1012 (service restart) or 1013 (try again "
            f"later), got {value!r}"
        )


_SECONDS: Final[Any] = optional(_seconds)
_SIZE: Final[Any] = optional(_size)


@attrs.frozen(kw_only=True, cache_hash=True)  # the class in uvicorn caches by it
class Policies:
    """The choices of a server.

    Attributes:
        on_return: Whether the server closes an open connection with code 1000 when the application
            returns (``"close"``), or drops it without a Close frame (``"drop"``).
        on_exception: The same when the application raises; the code is 1011.
        denial: Whether the head of a denial response is held until the first part of its body
            (``"hold"``), so that an application that fails in between is still answered with 500, or
            sent at once (``"flush"``).
        shutdown_code: Close code for open connections when the server stops.
        shutdown_status: HTTP status for unanswered handshakes when the server stops.
        handshake_timeout: Seconds that an application may take to answer a handshake, before the
            server answers it with 503. None disables the timeout.
        close_timeout: Seconds without progress between our Close and the end of the transport, before
            the server aborts it. A peer makes progress if it takes the data in front of our Close,
            or if it is in the middle of a frame.
        shutdown_timeout: The same when the server stops, but progress of the peer does not count.
        ping_interval: Seconds from the 101 to the first Ping, and from each Pong to the next Ping, or
            from each Ping if `ping_timeout` is None. None disables Pings.
        ping_timeout: Seconds without progress after a Ping, before the server closes the connection
            with 1011. A peer makes progress if its bytes arrive, or if it takes the data in front of
            the Ping; then the server sends another Ping. None disables the timeout.
        max_message_size: Bytes that a message of the peer may have, all frames together and
            decompressed. A bigger message is answered with Close 1009. None disables the limit.
        max_head_size: Bytes that the head of the request may have. A bigger head is answered with 431.
        max_early_data: Bytes that are held if a client sends data before its handshake is answered.
            More data is answered with 400.
        wrong_accept: Whether an accept is refused (``"refuse"``) or corrected (``"mend"``) if its
            subprotocol is not offered by the client, or if it has headers that only the server may
            write. Clients fail the connection on a subprotocol that they did not offer (RFC 6455
            4.1). Mending sends such a subprotocol anyway, takes one from the headers if the accept
            does not name another, and omits other headers of the server.
        high_water: Bytes of messages waiting for the application at which reading stops.
        low_water: Bytes at which reading goes on.

    Raises:
        ValueError: A value is not allowed.
    """

    on_return: Literal["close", "drop"] = attrs.field(
        default="close", validator=in_(("close", "drop"))
    )
    on_exception: Literal["close", "drop"] = attrs.field(
        default="close", validator=in_(("close", "drop"))
    )
    denial: Literal["hold", "flush"] = attrs.field(default="hold", validator=in_(("hold", "flush")))
    shutdown_code: int = attrs.field(default=1012, validator=_code)
    shutdown_status: int = attrs.field(default=503, validator=_status)
    handshake_timeout: float | None = attrs.field(default=None, validator=_SECONDS)
    close_timeout: float = attrs.field(default=10.0, validator=_seconds)
    shutdown_timeout: float = attrs.field(default=5.0, validator=_seconds)
    ping_interval: float | None = attrs.field(default=20.0, validator=_SECONDS)
    ping_timeout: float | None = attrs.field(default=20.0, validator=_SECONDS)
    max_message_size: int | None = attrs.field(default=2**24, validator=_SIZE)
    max_head_size: int = attrs.field(default=2**16, validator=_size)
    max_early_data: int = attrs.field(default=2**16, validator=_size)
    wrong_accept: Literal["refuse", "mend"] = attrs.field(
        default="refuse", validator=in_(("refuse", "mend"))
    )
    high_water: int = attrs.field(default=2**16, validator=_size)
    low_water: int = attrs.field(default=2**14, validator=_size)

    def __attrs_post_init__(self) -> None:
        if self.low_water > self.high_water:
            raise _wrong(
                f"low_water must not be above high_water, got {self.low_water} and {self.high_water}"
            )

    def with_environment(self, environ: Mapping[str, str], prefix: str = "WSFSM_SERVER_") -> Self:
        """Return the policies with the values that environment variables set.

        ``WSFSM_SERVER_CLOSE_TIMEOUT=5`` sets `close_timeout`; ``none`` and ``off`` mean None.

        Args:
            environ: The environment, for example `os.environ`.
            prefix: Prefix of the names of the variables.

        Raises:
            ValueError: A variable does not name a policy, or its value is not allowed.
        """
        names = {prefix + name.upper(): name for name in attrs.fields_dict(type(self))}
        given = {key: text for key, text in environ.items() if key.startswith(prefix)}
        unknown = sorted(given.keys() - names.keys())
        if unknown:
            raise _wrong(
                f"unknown environment variable {unknown[0]}, must be one of {', '.join(names)}"
            )
        try:
            return attrs.evolve(self, **{names[k]: _read(names[k], t) for k, t in given.items()})
        except ValueError as error:
            settings = " ".join(f"{key}={text}" for key, text in given.items())
            raise _wrong(f"{error.args[0]} (set by {settings})") from None


def _read(name: str, text: str) -> Any:
    """Read the value of a policy from a text, or return the text, which is then refused."""
    kind = attrs.fields_dict(Policies)[name].type
    kinds = get_args(kind) or (kind,)
    if NoneType in kinds and text.strip().lower() in _NONE:
        return None
    for number in (int, float):
        if number in kinds:
            with suppress(ValueError):
                return number(text)
    return text
