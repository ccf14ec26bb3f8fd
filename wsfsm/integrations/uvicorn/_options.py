"""uvicorn's options, as policies and headers of a connection."""

import logging
import math
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import attrs
from uvicorn.config import Config

from wsfsm.integrations.uvicorn._access import log
from wsfsm.server import Policies
from wsfsm.server._validation import clean_header

__all__ = ["from_environment", "own_headers", "settled"]

Pair = tuple[bytes, bytes]

_OPTIONS: Final = {
    "WSFSM_SERVER_PING_INTERVAL": "--ws-ping-interval",
    "WSFSM_SERVER_PING_TIMEOUT": "--ws-ping-timeout",
    "WSFSM_SERVER_MAX_MESSAGE_SIZE": "--ws-max-size",
}
"""Variables that would set what is an option of uvicorn."""


def from_environment(policies: Policies) -> Policies:
    """The policies with those that the environment sets.

    Raises:
        ValueError: A variable names no policy or one that is an option of uvicorn, or has a value
            that its policy cannot have.
    """
    for name, option in _OPTIONS.items():
        if name in os.environ:
            raise ValueError(f"{name} has no effect in uvicorn, use its option {option}")
    return policies.with_environment(os.environ)


def settled(policies: Policies, config: Config) -> Policies:
    """The policies with uvicorn's options on pings and the size of messages.

    An interval or a timeout that makes no sense for a timer, which is None, 0, a negative number,
    infinity or not a number, turns Pings off, or the wait for their answers.
    """
    return _settled(
        policies,
        _seconds(config.ws_ping_interval),
        _seconds(config.ws_ping_timeout),
        config.ws_max_size,
    )


def own_headers(headers: Iterable[Pair]) -> tuple[Pair, ...]:
    """The headers that uvicorn gives to each response, as they can be written.

    A value loses blanks around it. A header that HTTP has no form for is left out, and logged.
    """
    return _own_headers(tuple(headers))


def _seconds(value: float | None) -> float | None:
    return value if value is not None and 0 < value < math.inf else None


@lru_cache(maxsize=16)
def _settled(
    policies: Policies, interval: float | None, timeout: float | None, size: float | None
) -> Policies:
    return attrs.evolve(
        policies,
        ping_interval=interval,
        ping_timeout=timeout,
        max_message_size=None if size is None else _whole(size),
    )


def _whole(size: float) -> int | None:
    if size < 0:
        log(logging.WARNING, "ws_max_size=%s: no message is small enough for it", size)
        return 0
    return int(size) if math.isfinite(size) else None


@lru_cache(maxsize=4)
def _own_headers(headers: tuple[Pair, ...]) -> tuple[Pair, ...]:
    cleaned = (_own_header(name, value) for name, value in headers)
    return tuple(header for header in cleaned if header is not None)


@lru_cache(maxsize=64)  # the date among them changes each second, and the others are logged once
def _own_header(name: bytes, value: bytes) -> Pair | None:
    header = clean_header(name, value)
    if header is None:
        log(logging.WARNING, "a header of the server cannot be sent: %r: %r", name, value)
    return header
