"""A guard for methods that asyncio, uvicorn or a timer call: no error leaves them."""

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

__all__ = ["guarded"]

_Called = TypeVar("_Called", bound=Callable[..., Any])


class Host(Protocol):
    """The protocol that has the methods."""

    def fail(self, error: Exception) -> None:
        """Take an error of a method."""


def guarded(called: _Called) -> _Called:
    """Pass each error of a method on to `fail` of its object."""

    @functools.wraps(called)
    def guard(self: Host, *args: Any, **keys: Any) -> Any:
        try:
            return called(self, *args, **keys)
        except Exception as error:  # noqa: BLE001 - whatever the method calls
            self.fail(error)
            return None

    return cast("_Called", guard)
