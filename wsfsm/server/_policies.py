"""The choices that the specifications leave to a server."""

import math
from collections.abc import Mapping
from contextlib import suppress
from types import NoneType
from typing import Any, Final, Literal, Self, get_args

import attrs
from attrs.validators import in_, optional

__all__ = ["Policies"]

_NONE: Final = frozenset({"none", "off"})


def _seconds(_: object, key: "attrs.Attribute[Any]", value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"{key.name} must be a number of seconds above 0, got {value!r}")


def _size(_: object, key: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{key.name} must be a number of bytes, got {value!r}")


def _status(_: object, key: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, int) or not 400 <= value <= 599:
        raise ValueError(f"{key.name} must be an HTTP status 400-599, got {value!r}")


def _code(_: object, key: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, int) or value not in (1001, 1012, 1013):
        raise ValueError(
            f"{key.name} must be 1001 (going away), 1012 (service restart) or 1013 (try again "
            f"later), got {value!r}"
        )


_SECONDS: Final[Any] = optional(_seconds)
_SIZE: Final[Any] = optional(_size)


@attrs.frozen(kw_only=True)
class Policies:
    """The choices of a server.

    Attributes:
        on_return: What happens when the application returns from an open connection:
            ``"close"`` it with code 1000, or ``"drop"`` it without a Close frame.
        on_exception: The same for an exception; the code is 1011.
        denial: Whether the head of a denial response is put on ``"hold"`` until the first part of
            its body, so that an application that fails in between is still answered with 500,
            or ``"flush"``ed at once.
        shutdown_code: Close code for open connections when the server stops.
        shutdown_status: HTTP status for handshakes that are not answered when the server stops.
        handshake_timeout: Seconds that an application has to answer a handshake; then it is
            503. None: any time.
        close_timeout: Seconds that a peer may make no progress between our Close and the end of
            the transport; then it is aborted. A peer that takes the data in front of our Close
            makes progress, and so does one that is in the middle of a frame.
        shutdown_timeout: Seconds that a peer has for the same when the server stops, whatever
            progress it makes; then the transport is aborted.
        ping_interval: Seconds from the 101 to the first Ping, and from each Pong, or each Ping
            where none is awaited, to the next. None turns Pings off.
        ping_timeout: Seconds that a peer may make no progress after a Ping; then the connection
            is closed with 1011. A peer whose bytes arrive, or that takes the data in front of the
            Ping, makes progress, and is sent another Ping. None: any time.
        max_message_size: Bytes that a message from the peer may have, all frames together and
            decompressed; one that has more is answered with Close 1009. None: any number.
        max_head_size: Bytes that the head of the request may have; more is answered with 431.
        max_early_data: Bytes that are kept of what a client sends before the handshake is
            answered; more is answered with 400.
        wrong_accept: ``"refuse"`` an accept with a subprotocol that the client does not offer, with
            which clients fail the connection (RFC 6455 4.1), or with headers that are the server's,
            or ``"mend"`` it: that subprotocol is sent, one that is listed in the headers is taken if
            the accept names no other, and other headers that are the server's are left out.
        high_water: Bytes of messages that wait for the application at which reading stops.
        low_water: Bytes at which it goes on.

    Raises:
        ValueError: A value is not one of these.
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
            raise ValueError(
                f"low_water must not be above high_water, got {self.low_water} and {self.high_water}"
            )

    def with_environment(self, environ: Mapping[str, str], prefix: str = "WSFSM_SERVER_") -> Self:
        """The same policies, with those that the environment sets.

        ``WSFSM_SERVER_CLOSE_TIMEOUT=5`` sets `close_timeout`; ``none`` and ``off`` mean None.

        Args:
            environ: The environment, such as `os.environ`.
            prefix: What the names of its variables begin with.

        Raises:
            ValueError: A variable names no policy, or has a value that its policy cannot have.
        """
        names = {prefix + name.upper(): name for name in attrs.fields_dict(type(self))}
        given = {key: text for key, text in environ.items() if key.startswith(prefix)}
        unknown = sorted(given.keys() - names.keys())
        if unknown:
            raise ValueError(f"{unknown[0]} must be one of {', '.join(names)}")
        try:
            return attrs.evolve(self, **{names[k]: _read(names[k], t) for k, t in given.items()})
        except ValueError as error:
            settings = " ".join(f"{key}={text}" for key, text in given.items())
            raise ValueError(f"{error.args[0]} (set by {settings})") from None


def _read(name: str, text: str) -> Any:
    """The value of a policy from its text; one that cannot be read stays a text, to be refused."""
    kind = attrs.fields_dict(Policies)[name].type
    kinds = get_args(kind) or (kind,)
    if NoneType in kinds and text.strip().lower() in _NONE:
        return None
    for number in (int, float):
        if number in kinds:
            with suppress(ValueError):
                return number(text)
    return text
