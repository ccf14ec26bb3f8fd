"""Policies and headers from uvicorn's options."""

import logging
import math
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import attrs
from uvicorn.config import Config

from wsfsm.exceptions import explained
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
"""Environment variables of policies that uvicorn sets by an option."""


def from_environment(policies: Policies) -> Policies:
    """Return the policies with the values that environment variables set.

    Raises:
        ValueError: A variable does not name a policy, names one that uvicorn sets by an option, or has
            a value that is not allowed.
    """
    for name, option in _OPTIONS.items():
        if name in os.environ:
            raise explained(
                ValueError(f"{name} has no effect in uvicorn; use its option {option}"), "policy"
            )
    return policies.with_environment(os.environ)


def settled(policies: Policies, config: Config) -> Policies:
    """Return the policies with uvicorn's options for Pings and the size of messages.

    An interval or timeout of None, 0, infinity, NaN or a negative number disables Pings or the wait for
    their answers.
    """
    return _settled(
        policies,
        _seconds(config.ws_ping_interval),
        _seconds(config.ws_ping_timeout),
        config.ws_max_size,
    )


def own_headers(headers: Iterable[Pair]) -> tuple[Pair, ...]:
    """Normalize the headers that uvicorn adds to each response.

    Blanks around values are removed. A header that is not valid in HTTP is left out, and logged.
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
        log(logging.WARNING, "ws_max_size=%s refuses every message but an empty one", size)
        return 0
    return int(size) if math.isfinite(size) else None


@lru_cache(maxsize=4)
def _own_headers(headers: tuple[Pair, ...]) -> tuple[Pair, ...]:
    cleaned = (_own_header(name, value) for name, value in headers)
    return tuple(header for header in cleaned if header is not None)


@lru_cache(maxsize=64)  # the date changes each second; an invalid header is logged only once
def _own_header(name: bytes, value: bytes) -> Pair | None:
    header = clean_header(name, value)
    if header is None:
        log(logging.WARNING, "invalid default header left out of responses: %r, %r", name, value)
    return header
